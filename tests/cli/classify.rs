//! `predict`, `eval` and `features` of networks, and machines' commands that meet a network.

use std::fs;
use std::path::Path;

use harmonium::data;
use harmonium::run::ModelFile;
use harmonium::run::png_file::{Picture, write_grey_png};

use super::network::{SMALL, confusion, copy, counted, shared, summary, train_cnn, write_folder};
use super::{assert_picture, json, names, say, shared_run, temporary, text, write_npy};

/// A table as `predict` writes it: the heading and the lines.
fn table(path: &Path) -> (Vec<String>, Vec<Vec<String>>) {
    let text = text(path);
    let cells = |line: &str| line.split(',').map(String::from).collect();
    let mut lines = text.lines().map(cells);
    (lines.next().unwrap(), lines.collect())
}

#[test]
fn predictions_are_a_table_whose_lines_sum_to_one() {
    let folder = temporary();
    for run in ["lenet5", "modern", "cnn"] {
        let model = shared(run);
        let said = say(folder.path(), &format!("predict {model} --data digits --out p.csv")).done();
        let (head, lines) = table(&folder.path().join("p.csv"));
        assert_eq!(head[..3], ["case", "predicted", "true"]);
        let classes: Vec<String> = (0..10).map(|c| format!("p({c})")).collect();
        assert_eq!(head[3..], classes);
        assert_eq!(lines.len(), 297);
        let labels = data::load("digits").unwrap().test.unwrap().labels.unwrap();
        let mut wrong = 0;
        for (case, line) in lines.iter().enumerate() {
            assert_eq!(line[0], case.to_string());
            assert_eq!(line[2], labels[case].to_string());
            let p: Vec<f64> = line[3..].iter().map(|x| x.parse().unwrap()).collect();
            // Ten values, each rounded to 6 decimals.
            assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-5, "{line:?}");
            let own = p[line[1].parse::<usize>().unwrap()];
            assert!(p.iter().all(|x| *x <= own), "{line:?}");
            wrong += usize::from(line[1] != line[2]);
        }
        let percent = 100.0 * wrong as f64 / 297.0;
        let expected =
            format!("297 predictions: p.csv\n{wrong} of 297 are wrong ({percent:.2} %)\n");
        assert_eq!(said.out, expected);
        let error = summary(&super::network::runs().join(run))["test_error"].as_f64().unwrap();
        assert!((error - wrong as f64 / 297.0).abs() < 1e-12, "{run}");
    }
    let model = shared("cnn");
    let said = say(
        folder.path(),
        &format!("predict {model} --data digits --split train --limit 5 --out t.csv"),
    );
    said.done();
    let (_, lines) = table(&folder.path().join("t.csv"));
    let labels = data::load("digits").unwrap().train.labels.unwrap();
    let found: Vec<String> = lines.iter().map(|line| line[2].clone()).collect();
    assert_eq!(found, labels[..5].iter().map(u32::to_string).collect::<Vec<_>>());
    // On the screen the same table.
    let said =
        say(folder.path(), &format!("predict {model} --data digits --split train --limit 5"));
    assert_eq!(said.done().out, text(folder.path().join("t.csv")));
}

/// A digit as a PNG, light on dark, and its negative.
#[test]
fn one_picture_is_answered_in_words() {
    let folder = temporary();
    let at = folder.path();
    let test = data::load("digits").unwrap().test.unwrap();
    let values = test.cases.row(3);
    let bytes = |invert: bool| -> Vec<u8> {
        let byte = |x: f32| (x * 255.0).round() as u8;
        values.iter().map(|&x| byte(if invert { 1.0 - x } else { x })).collect()
    };
    write_grey_png(at.join("light.png"), 8, 8, &bytes(false)).unwrap();
    write_grey_png(at.join("dark.png"), 8, 8, &bytes(true)).unwrap();
    for run in ["modern", "cnn"] {
        let model = shared(run);
        say(at, &format!("predict {model} --data digits --out all.csv")).done();
        let (_, lines) = table(&at.join("all.csv"));
        let (class, own) = (&lines[3][1], &lines[3][3 + lines[3][1].parse::<usize>().unwrap()]);
        let light = say(at, &format!("predict {model} --data light.png")).done();
        assert!(!light.err.contains("--invert"), "{}", light.err);
        let answer: Vec<&str> = light.out.lines().collect();
        assert_eq!(answer[0], format!("light.png: {class}"));
        assert_eq!(answer.len(), 11, "{}", light.out);
        let first: Vec<&str> = answer[1].split_whitespace().collect();
        assert_eq!(first[0], class);
        // A byte is within 1/510 of x/16: the probabilities are close, not the same.
        let close =
            |a: &str, b: &str| (a.parse::<f64>().unwrap() - b.parse::<f64>().unwrap()).abs();
        assert!(close(first[1], own) < 0.02, "{} {own}", answer[1]);
        let p: Vec<f64> = answer[1..]
            .iter()
            .map(|l| l.split_whitespace().nth(1).unwrap().parse().unwrap())
            .collect();
        assert!(p.is_sorted_by(|a, b| a >= b), "{p:?}");
        // The negative, turned, is the picture.
        let dark = say(at, &format!("predict {model} --data dark.png --invert")).done();
        assert_eq!(dark.out.replace("dark", "light"), light.out);
        let asked = say(at, &format!("predict {model} --data dark.png")).done();
        assert!(
            asked.err.contains("edges are bright") && asked.err.contains("--invert"),
            "{}",
            asked.err
        );
        say(at, &format!("predict {model} --data light.png --out one.csv")).done();
        let (head, lines) = table(&at.join("one.csv"));
        assert_eq!((head[2].as_str(), lines.len()), ("p(0)", 1), "no true class is known");
    }
    // Colours and transparency are told of, and other sizes are brought to the network's.
    let mut large = Picture::new(40, 30, [0; 3]);
    large.fill(18, 4, 5, 22, [255, 255, 255]);
    large.save(at.join("large.png")).unwrap();
    say(at, &format!("predict {} --data large.png", shared("cnn"))).done();
}

#[test]
fn predictions_that_cannot_be_made_are_refused() {
    let folder = temporary();
    let (at, model) = (folder.path(), shared("cnn"));
    write_npy(at.join("odd.npy"), &[0.5; 21], 7);
    write_npy(at.join("far.npy"), &[7.5; 128], 64);
    write_folder(&at.join("twelve"), 24, |i| (i % 12) as u8);
    for (line, code, parts) in [
        (format!("predict {model} --data digits --out p.txt"), 2, &["p.txt", ".csv"][..]),
        (
            format!("predict {model} --data digits --out no/p.csv"),
            1,
            &["no/p.csv", "does not exist"],
        ),
        (format!("predict {model} --data digits --limit 0"), 2, &["limit: 0 is too few"]),
        (
            format!("predict {model} --data odd.npy"),
            1,
            &["odd.npy", "7 values", "no square picture"],
        ),
        (format!("predict {model} --data far.npy"), 1, &["far.npy", "7.5", "[0, 1]"]),
        (
            format!("predict {model} --data odd.npy --split test"),
            2,
            &["split: odd.npy has no test part"],
        ),
        (
            format!("predict {model} --data twelve"),
            1,
            &["case 10 has the label 10", "10 classes: 0, 1, 2"],
        ),
        (
            format!("eval {model} --data twelve"),
            1,
            &["case 10 has the label 10", "knows 10 classes"],
        ),
        (format!("eval {model} --data far.npy"), 1, &["far.npy"]),
        ("predict none --data digits".into(), 1, &["none does not exist"]),
        (format!("predict {model}"), 2, &["--data"]),
        (format!("features {model} --out f.jpg"), 2, &["f.jpg", ".png"]),
        (format!("features {model} --out f.png --case 297"), 2, &["case: 297", "0 to 296"]),
        (format!("features {model} --out f.png --case -1"), 2, &["whole number"]),
        (format!("features {model} --out f.png --data twelve --case 24"), 1, &["knows 10 classes"]),
    ] {
        say(at, &line).refused(code, parts);
    }
    write_npy(at.join("plain.npy"), &[0.25; 128], 64);
    say(at, &format!("eval {model} --data plain.npy")).refused(1, &["plain.npy", "has no labels"]);
    assert_eq!(names(at), ["far.npy", "odd.npy", "plain.npy", "twelve"]);
}

#[test]
fn evaluation_agrees_with_the_predictions() {
    let folder = temporary();
    let at = folder.path();
    let run = copy("cnn", at);
    let before = text(run.join("confusion.csv"));
    for (options, cases) in [("", 297), ("--split train --limit 120", 120), ("--limit 31", 31)] {
        say(at, &format!("predict cnn --data digits {options} --out p.csv")).done();
        let wrong = table(&at.join("p.csv")).1.iter().filter(|line| line[1] != line[2]).count();
        let said = say(at, &format!("eval cnn --json {options}")).done();
        let found = json(&said.out);
        assert_eq!((&found["cases"], &found["wrong"]), (&cases.into(), &wrong.into()));
        assert!((found["error"].as_f64().unwrap() - wrong as f64 / f64::from(cases)).abs() < 1e-12);
        assert_eq!(found, json(&text(run.join("eval.json"))));
        assert_eq!(found["data"], "digits");
        assert_eq!(found["split"], if options.contains("train") { "train" } else { "test" });
        assert_eq!(counted(&confusion(&run)), (cases as u64, wrong as u64));
        if wrong > 0 {
            assert_picture(run.join("mistakes.png"));
        }
        assert_picture(run.join("confusion.png"));
        let said = say(at, &format!("eval cnn {options}")).done();
        let percent = 100.0 * wrong as f64 / f64::from(cases);
        let first = format!("error: {percent:.2} % ({wrong} of {cases} cases)");
        assert_eq!(said.out.lines().next(), Some(&first[..]));
        // The page then tells of these cases, and its pictures are theirs.
        say(at, "report cnn").done();
        let page = text(run.join("report.html"));
        assert!(page.contains(&format!("<td>{percent:.2} %</td>")), "{percent}");
        assert!(page.contains(&format!(
            "Of {cases} cases of digits, {} part",
            found["split"].as_str().unwrap()
        )));
    }
    let whole = json(&say(at, "eval cnn --json").done().out);
    assert_eq!(text(run.join("confusion.csv")), before, "the same cases as at the end of training");
    let summary = summary(&run);
    for key in ["error", "loss"] {
        assert_eq!(whole[key], summary[format!("test_{key}")], "{key}");
    }
    // Elsewhere, and of a file alone.
    let kept = text(run.join("eval.json"));
    say(at, "eval cnn/model.safetensors --limit 9 --out other").done();
    assert_eq!(
        names(&at.join("other")),
        ["confusion.csv", "confusion.png", "eval.json", "mistakes.png"]
    );
    assert_eq!(counted(&confusion(&at.join("other"))).0, 9);
    let said = say(at, "eval cnn/model.safetensors --limit 9").done();
    assert!(said.out.contains("with --out DIR"), "{}", said.out);
    assert_eq!(text(run.join("eval.json")), kept);
}

/// Scores that overflow: every command goes by the same rule, and none fails.
#[test]
fn scores_that_overflow_are_counted_alike() {
    let folder = temporary();
    let at = folder.path();
    // A score of +∞; and maps of +∞, whose weighted sums are ∞ − ∞, no numbers.
    for name in ["infinite", "nan"] {
        let run = copy("cnn", at);
        let path = run.join("model.safetensors");
        let mut file = ModelFile::load(&path).unwrap();
        let kernel = &mut file.tensors.get_mut("conv1.kernel").unwrap().values;
        let largest = kernel.iter().fold(0.0f32, |m, x| m.max(x.abs()));
        let scale = if name == "nan" { 3.3e38 / largest } else { 1e10 };
        kernel.iter_mut().for_each(|x| *x *= scale);
        let linear = file.tensors.get_mut("linear4.weight").unwrap();
        let classes = linear.shape[1];
        if name == "infinite" {
            linear.values.chunks_mut(classes).for_each(|weights| weights[3] = 3e38);
        }
        file.save(&path).unwrap();
        say(at, "predict cnn --data digits --out p.csv").done();
        let (_, lines) = table(&at.join("p.csv"));
        let wrong = lines.iter().filter(|line| line[1] != line[2]).count();
        let none = lines.iter().filter(|line| line[1].is_empty()).count();
        let third = lines.iter().filter(|line| line[1] == "3").count();
        match name {
            "nan" => assert!(none > 100 && wrong >= none, "{none} {wrong}"),
            _ => assert!(none == 0 && third > 290, "{none} {third}"),
        }
        let said = say(at, "eval cnn --json").done();
        let found = json(&said.out);
        assert_eq!(found["wrong"], wrong, "{name}");
        assert!((found["error"].as_f64().unwrap() - wrong as f64 / 297.0).abs() < 1e-12, "{name}");
        assert_eq!(counted(&confusion(&run)), (297, wrong as u64), "{name}");
        let head = text(run.join("confusion.csv")).lines().next().unwrap().to_string();
        assert_eq!(head.ends_with(",none"), none > 0, "{head}");
        assert_picture(run.join("confusion.png"));
        assert_picture(run.join("mistakes.png"));
        say(at, "features cnn --out f.png").done();
        say(at, "report cnn").done();
        fs::remove_dir_all(run).unwrap();
    }
}

#[test]
fn options_of_the_other_kind_are_refused() {
    let folder = temporary();
    let at = folder.path();
    let (network, machine) = (shared("cnn"), shared_run());
    for (option, name) in [
        ("--exact", "exact"),
        ("--ais 100", "ais"),
        ("--ais-grid salakhutdinov", "ais-grid"),
        ("--exact-pseudo", "exact-pseudo"),
    ] {
        say(at, &format!("eval {network} {option}"))
            .refused(2, &[&format!("{name}: "), "a network has error and loss"]);
    }
    say(at, &format!("eval {network} --visible gaussian"))
        .refused(2, &["visible: says what the units of a single machine's file are"]);
    say(at, &format!("eval {machine} --out x"))
        .refused(2, &["out: ", "of a network's evaluation or of --diagnostics"]);
    for line in [
        format!("sample {network} --out s.npy"),
        format!("decode {network} codes.npy --out t.npy"),
        format!("reconstruct {network} --data digits --out r.npy"),
    ] {
        say(at, &line).refused(1, &["model.safetensors", "'network'", "`predict`"]);
    }
    for line in
        [format!("predict {machine} --data digits"), format!("features {machine} --out f.png")]
    {
        say(at, &line).refused(
            1,
            &[
                "model.safetensors",
                "restricted Boltzmann machine",
                "a network or a deep belief net",
            ],
        );
    }
    assert!(names(at).is_empty());
}

#[test]
fn features_show_every_layer() {
    let folder = temporary();
    let at = folder.path();
    for (run, low) in [("lenet5", 2000), ("modern", 1800), ("cnn", 600)] {
        let model = shared(run);
        let said = say(at, &format!("features {model} --out {run}.png --case 5")).done();
        assert_eq!(said.out, format!("digits, test case 5: {run}.png\n"));
        let (width, height) = assert_picture(at.join(format!("{run}.png")));
        // Kernels in colour, answers too.
        assert!(width > 900 && height > low, "{run}: {width} × {height}");
        let picture = Picture::load(at.join(format!("{run}.png"))).unwrap();
        assert!(
            picture.pixels.iter().any(|[r, _, b]| r > b)
                && picture.pixels.iter().any(|[r, _, b]| r < b)
        );
    }
    let again =
        format!("features {} --out again.png --case 5 --data digits --split test", shared("cnn"));
    say(at, &again).done();
    assert_eq!(fs::read(at.join("again.png")).unwrap(), fs::read(at.join("cnn.png")).unwrap());
    say(at, &format!("features {} --out other.png --case 6", shared("cnn"))).done();
    assert_ne!(fs::read(at.join("other.png")).unwrap(), fs::read(at.join("cnn.png")).unwrap());
    write_grey_png(at.join("one.png"), 8, 8, &[90; 64]).unwrap();
    say(at, &format!("features {} --data one.png --out one-f.png", shared("cnn"))).done();
    say(at, &format!("features {} --data one.png --out x.png --case 1", shared("cnn")))
        .refused(2, &["case: 1 is past the last"]);
}

/// A damaged model says what is wrong in it, in every command that reads it.
#[test]
fn damaged_models_are_refused() {
    let folder = temporary();
    let at = folder.path();
    train_cnn(at, SMALL, "--epochs 1 --limit 60 --out run").done();
    let path = at.join("run/model.safetensors");
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 5]).unwrap();
    for line in ["predict run --data digits", "eval run", "features run --out f.png", "report run"]
    {
        say(at, line).refused(1, &["model.safetensors", "truncated"]);
    }
    let at_name = whole.windows(14).position(|w| w == b"linear4.weight").unwrap();
    let mut renamed = whole.clone();
    renamed[at_name + 6] = b'5';
    fs::write(&path, renamed).unwrap();
    for line in ["predict run --data digits", "eval run", "features run --out f.png", "report run"]
    {
        say(at, line).refused(1, &["model.safetensors", "linear4.weight is missing"]);
    }
}
