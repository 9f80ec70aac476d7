//! `harmonium train class-rbm`, and what its runs are used for.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{assert_picture, json, names, npy, say, temporary, text, write_npy};

/// A run that the tests share. Nobody writes there.
pub fn shared() -> &'static PathBuf {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let made = RUN.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let line = "train class-rbm --hidden 12 --objective hybrid:0.1 --epochs 40 --binarize 0.5 --device cpu --out run";
        say(folder.path(), line).done();
        let path = folder.path().join("run");
        (folder, path)
    });
    &made.1
}

#[test]
fn a_machine_of_digits_and_their_classes() {
    let run = shared();
    let found = names(run);
    for file in [
        "confusion.csv",
        "confusion.png",
        "curves.svg",
        "filters.png",
        "last.safetensors",
        "mistakes.png",
        "model.safetensors",
        "reconstructions.png",
        "report.html",
        "samples.png",
    ] {
        assert!(found.iter().any(|name| name == file), "{file} in {found:?}");
    }
    let summary = json(&text(run.join("summary.json")));
    let figure = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key}: {summary}"));
    // Guessing is wrong nine times in ten.
    assert!(figure("test_error") < 0.3, "{summary}");
    assert_eq!((summary["model"].as_str(), figure("classes")), (Some("class-rbm"), 10.0));
    let page = text(run.join("report.html"));
    for part in
        ["Classification machine of 12 hidden units", "hybrid:0.1, CD-1", "Samples of each class"]
    {
        assert!(page.contains(part), "{part}");
    }
}

/// Cases of weight 0 are as if they were not there; centred machines learn too, and go on with the same bits.
#[test]
fn cases_are_weighed_and_states_centred() {
    let folder = temporary();
    let at = folder.path();
    let line =
        "train class-rbm --hidden 30 --limit 400 --validation 0 --device cpu --learning-rate 0.3";
    // Of 1,500 training cases those of the first 400 whose number is even.
    let weights: Vec<f32> = (0..1500).map(|n| f32::from(u8::from(n % 2 == 0))).collect();
    write_npy(at.join("w.npy"), &weights, 1);
    let said = say(at, &format!("{line} --epochs 60 --weights w.npy --out half")).done();
    assert!(said.err.contains("of 64 values, weighted"), "{}", said.err);
    let error = |run: &str| {
        let summary = json(&text(at.join(run).join("summary.json")));
        ["train_error", "test_error"].map(|key| summary[key].as_f64().unwrap())
    };
    let [train, test] = error("half");
    assert!(train < 0.1 && test < 0.35, "{train} {test}");
    write_npy(at.join("none.npy"), &vec![0.0; 1500], 1);
    say(at, &format!("{line} --epochs 1 --weights none.npy --out a")).refused(1, &["weights"]);
    write_npy(at.join("few.npy"), &weights[..9], 1);
    say(at, &format!("{line} --epochs 1 --weights few.npy --out a"))
        .refused(1, &["9 weights for 1500 cases"]);
    say(at, &format!("{line} --epochs 1 --weights w.npy --labelled 100 --out a"))
        .refused(2, &["weights", "--labelled"]);
    say(at, &format!("{line} --centered --epochs 60 --out centred")).done();
    assert!(text(at.join("centred/report.html")).contains("hybrid:0.01, CD-1, centred"));
    let [train, test] = error("centred");
    assert!(train < 0.1 && test < 0.35, "{train} {test}");
    say(at, &format!("{line} --centered --epochs 5 --out part")).done();
    say(at, "train class-rbm --resume --out part --epochs 60").done();
    let model = |run: &str| std::fs::read(at.join(run).join("model.safetensors")).unwrap();
    assert!(model("part") == model("centred"), "a run that went on has other bits");
}

#[test]
fn classes_are_predicted_and_scored_alike() {
    let (folder, run) = (temporary(), shared().to_str().unwrap());
    let at = folder.path();
    let line = format!("eval {run}/model.safetensors --exact --device cpu --out e --json");
    let found = json(&say(at, &line).done().out);
    let figure = |key: &str| found[key].as_f64().unwrap_or_else(|| panic!("{key}: {found}"));
    let summary = json(&text(shared().join("summary.json")));
    assert!((figure("error") - summary["test_error"].as_f64().unwrap()).abs() < 1e-9);
    assert!((figure("loss") - summary["test_loss"].as_f64().unwrap()).abs() < 1e-5);
    // ln p(x) = −F(x) − ln Z, ln p(x, y) = ln p(x) + ln p(y|x).
    let alone = -figure("mean_free_energy") - figure("log_partition");
    assert!((figure("mean_log_likelihood") - alone).abs() < 1e-9);
    let joint = figure("mean_joint_log_likelihood");
    assert!((alone - figure("loss") - joint).abs() < 1e-9 && alone < 0.0);
    // Better than fair coins.
    assert!(alone > -64.0 * std::f64::consts::LN_2, "{alone}");
    assert_picture(at.join("e/confusion.png"));
    say(at, &format!("predict {run} --data digits --split test --device cpu --out p.csv")).done();
    let table = text(at.join("p.csv"));
    let wrong = table.lines().skip(1).filter(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let p: f32 = cells[3..].iter().map(|p| p.parse::<f32>().unwrap()).sum();
        assert!((p - 1.0).abs() < 1e-4, "{line}");
        cells[1] != cells[2]
    });
    let share = wrong.count() as f64 / (table.lines().count() - 1) as f64;
    assert!((share - figure("error")).abs() < 1e-9, "{share}");
    let said = say(at, &format!("eval {run} --limit 50 --device cpu")).done();
    assert!(said.out.contains("of 50 cases") && said.out.contains("exact"), "{}", said.out);
    say(at, &format!("eval {run} --ladder 5")).refused(2, &["ladder", "without classes"]);
    say(at, &format!("predict {run} --data digits --invert")).refused(2, &["invert"]);
    let said = say(at, &format!("compare {run} {run}")).done();
    assert!(said.out.contains("wrong in test"), "{}", said.out);
}

/// What is drawn of a class is mostly taken for that class by the machine itself.
#[test]
fn samples_of_a_class_are_of_that_class() {
    let (folder, run) = (temporary(), shared().to_str().unwrap());
    let at = folder.path();
    let mut right = 0;
    for class in [0, 3, 6] {
        let line =
            format!("sample {run} --class {class} --count 40 --steps 200 --device cpu --out s.npy");
        let said = say(at, &line).done();
        assert!(said.out.contains(&format!("of class {class}")), "{}", said.out);
        let (dims, values) = npy(at.join("s.npy"));
        assert_eq!(dims, [40, 64]);
        assert!(values.iter().all(|x| *x == 0.0 || *x == 1.0));
        say(at, &format!("predict {run} --data s.npy --device cpu --out p.csv")).done();
        let table = text(at.join("p.csv"));
        let own = class.to_string();
        right += table.lines().skip(1).filter(|l| l.split(',').nth(1) == Some(&own)).count();
    }
    // By chance 12 of 120.
    assert!(right > 60, "{right} of 120");
    say(at, &format!("sample {run} --count 9 --steps 20 --device cpu --out s.png")).done();
    assert_picture(at.join("s.png"));
    say(at, &format!("sample {run} --class ten --out s.npy"))
        .refused(2, &["ten is none of the classes: 0, 1"]);
    say(at, &format!("sample {run} --pt 4 --out s.npy")).refused(2, &["pt", "without classes"]);
}

#[test]
fn hidden_means_and_one_case_on_a_sheet() {
    let (folder, run) = (temporary(), shared().to_str().unwrap());
    let at = folder.path();
    say(at, &format!("transform {run} --data digits --limit 7 --device cpu --out h.npy")).done();
    let (dims, values) = npy(at.join("h.npy"));
    assert!(dims == [7, 12] && values.iter().all(|p| (0.0..=1.0).contains(p)), "{values:?}");
    say(at, &format!("reconstruct {run} --data digits --limit 9 --device cpu --out r.png")).done();
    assert_picture(at.join("r.png"));
    say(at, &format!("features {run} --case 3 --device cpu --out f.png")).done();
    assert_picture(at.join("f.png"));
}

#[test]
fn few_labels_and_settings_that_contradict_each_other() {
    let folder = temporary();
    let at = folder.path();
    let line = "train class-rbm --hidden 10 --epochs 2 --device cpu --out";
    let said = say(at, &format!("{line} few --labelled 60 --objective hybrid:0.1")).done();
    assert!(
        said.err.contains("training cases and 6 held out of 64 values, 54 of them with labels"),
        "{}",
        said.err
    );
    let summary = json(&text(at.join("few/summary.json")));
    assert_eq!(summary["labelled_cases"].as_u64(), Some(54));
    let said = say(at, &format!("{line} alone --labelled 60 --objective discriminative")).done();
    assert!(said.err.contains("no use for the 1440 cases"), "{}", said.err);
    for (options, words) in [
        ("--objective hybrid", "none of generative, discriminative and hybrid:ALPHA"),
        ("--objective discriminative --cd 1", "discriminative learning has none"),
        ("--batch 1 --labelled 60", "use 2 at least"),
        ("--validation 0 --patience 3", "holds out none"),
    ] {
        say(at, &format!("{line} wrong {options}")).refused(2, &[words]);
    }
    std::fs::write(at.join("plain.csv"), "a,b\n0,1\n1,0\n0,0\n").unwrap();
    say(at, &format!("{line} wrong --data plain.csv")).refused(1, &["has no labels", "--labels"]);
    std::fs::write(at.join("large.csv"), "a,label\n0.5,x\n3,y\n1,x\n").unwrap();
    say(at, &format!("{line} wrong --data large.csv --labels label")).refused(1, &["[0, 1]"]);
}

/// Where classes are called by numbers, no number is a place among them.
#[test]
fn classes_of_numbers_are_named_by_these() {
    let folder = temporary();
    let at = folder.path();
    let line = |i: usize| {
        format!("{},{},{}\n", i % 2, (i / 2) % 2, if i.is_multiple_of(2) { -1 } else { 1 })
    };
    let rows: String = (0..40).map(line).collect();
    fs::write(at.join("signs.csv"), format!("a,b,label\n{rows}")).unwrap();
    say(at, "train class-rbm --data signs.csv --hidden 4 --epochs 2 --device cpu --out run").done();
    say(at, "sample run --class -1 --count 3 --device cpu --out s.npy").done();
    say(at, "sample run --class 0 --out s.npy").refused(2, &["0 is none of the classes: -1, 1"]);
}

/// Hours of annealing are not lost because a file cannot be written.
#[test]
fn figures_are_told_where_they_cannot_be_kept() {
    let folder = temporary();
    let at = folder.path();
    for (kind, told) in [("rbm", "log-likelihood"), ("class-rbm", "error")] {
        say(
            at,
            &format!("train {kind} --limit 60 --hidden 4 --epochs 1 --device cpu --out {kind}"),
        )
        .done();
        fs::create_dir_all(at.join(kind).join("eval.json/in the way")).unwrap();
        let said = say(at, &format!("eval {kind} --device cpu")).done();
        assert!(said.out.contains(told), "{}", said.out);
        assert!(said.err.contains("cannot write") && said.err.contains("not kept"), "{}", said.err);
    }
}
