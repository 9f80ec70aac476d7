//! `harmonium train dbm`, and what its runs are used for.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{assert_picture, json, names, npy, say, temporary, text, write_npy};

/// A small run that the tests share: of bits, small enough to enumerate, with levels trained first and a classifier.
/// Nobody writes there.
pub fn shared() -> &'static PathBuf {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let made = RUN.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let line = "train dbm --layers 14,20 --binarize 0.5 --pretrain --pretrain-epochs 10 --epochs 30 --mean-field 15 \
                    --classifier --classifier-epochs 40 --device cpu --out run";
        say(folder.path(), line).done();
        let path = folder.path().join("run");
        (folder, path)
    });
    &made.1
}

#[test]
fn a_machine_and_its_classifier() {
    let run = shared();
    let found = names(run);
    for file in [
        "confusion.png",
        "curves.svg",
        "filters.png",
        "levels.png",
        "mistakes.png",
        "model.safetensors",
        "reconstructions.png",
        "report.html",
        "samples.png",
    ] {
        assert!(found.iter().any(|name| name == file), "{file} in {found:?}");
    }
    let of = json(&text(run.join("summary.json")));
    // Who knows nothing gets nine of ten wrong.
    assert!(of["test_error"].as_f64().unwrap() < 0.45, "{of}");
    let lines: Vec<serde_json::Value> = text(run.join("metrics.jsonl")).lines().map(json).collect();
    let stages: Vec<&str> = lines.iter().map(|line| line["stage"].as_str().unwrap()).collect();
    assert_eq!(
        (stages[0], stages[10], stages[20], stages[50]),
        ("level 1", "level 2", "whole", "classifier")
    );
    let rounds = lines[49]["mean_field_rounds"].as_f64().unwrap();
    assert!(rounds > 1.0 && rounds <= 15.0, "{rounds}");
    let page = text(run.join("report.html"));
    for part in [
        "Deep Boltzmann machine 64-14-20, pre-trained, PCD-5, then Adam",
        "What is taken for what",
        "bias and weights from below",
        "rounds of the mean field",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let (folder, run) = (temporary(), run.to_str().unwrap());
    let at = folder.path();
    let data = "--data digits --split test --limit 20 --device cpu";
    say(at, &format!("sample {run} --count 5 --steps 10 --out s.npy")).done();
    let (shape, samples) = npy(at.join("s.npy"));
    assert_eq!(shape, [5, 64]);
    assert!(samples.iter().all(|&x| x == 0.0 || x == 1.0));
    say(at, &format!("sample {run} --count 5 --steps 10 --average --out s.png")).done();
    assert_picture(at.join("s.png"));
    say(at, &format!("reconstruct {run} {data} --out r.png")).done();
    assert_picture(at.join("r.png"));
    for (level, units) in [("--level 1", 14), ("", 20)] {
        say(at, &format!("transform {run} {data} {level} --out h.npy")).done();
        let (shape, h) = npy(at.join("h.npy"));
        assert_eq!(shape, [20, units]);
        assert!(h.iter().all(|h| (0.0..=1.0).contains(h)));
    }
    say(at, &format!("transform {run} {data} --level 3 --out h.npy"))
        .refused(2, &["level: 3 is outside 1 to 2"]);
    let said = say(at, &format!("predict {run} {data} --out p.csv")).done();
    assert!(said.out.contains("of 20 are wrong"), "{}", said.out);
    say(at, &format!("features {run} --out f.png")).done();
    assert_picture(at.join("f.png"));
    let said = say(at, &format!("compare {run} {run}")).done();
    assert!(said.out.contains("64-14-20"), "{}", said.out);
}

/// Small machines are enumerated; annealing agrees, and the bound lies below.
#[test]
fn its_likelihood_is_known() {
    let (folder, model) = (temporary(), shared().join("model.safetensors"));
    let at = folder.path();
    let eval = format!("eval {} --data digits --device cpu", model.display());
    let exact = json(&say(at, &format!("{eval} --json")).done().out);
    assert_eq!(exact["log_partition_method"], "exact");
    let of = |found: &serde_json::Value, key: &str| {
        found[key].as_f64().unwrap_or_else(|| panic!("{key} in {found}"))
    };
    let (likelihood, bound) =
        (of(&exact, "mean_log_likelihood"), of(&exact, "mean_log_likelihood_bound"));
    // Independent bits have some −28 nats.
    assert!(likelihood > -26.0 && bound < likelihood && bound > likelihood - 3.0, "{exact}");
    let annealed = json(&say(at, &format!("{eval} --json --ais 2000 --burn-in 200")).done().out);
    assert_eq!(annealed["log_partition_method"], "ais");
    assert!(annealed["mean_log_likelihood"].is_null());
    let (z, error) = (of(&annealed, "log_partition"), of(&annealed, "log_partition_std_error"));
    assert!((z - of(&exact, "log_partition")).abs() < 4.0 * error && error < 0.1, "{annealed}");
    assert!((of(&annealed, "log_partition_reverse") - z).abs() < 0.5, "{annealed}");
    let said = say(at, &eval).done();
    for part in ["(exact)", "at least", "by its classifier", "rounds per case"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
}

/// Real values: they are standardised, and Gaussian units stand for them.
#[test]
fn values_of_any_size_are_standardised() {
    let folder = temporary();
    let at = folder.path();
    let row = |i: u32| {
        let (x, class) = (f64::from(i * 37 % 100) * 0.1, i % 2);
        format!("{},{},{}", 100.0 + x, 50.0 * f64::from(class) - x, -x)
    };
    let rows: Vec<String> = (0..120).map(row).collect();
    fs::write(at.join("x.csv"), rows.join("\n")).unwrap();
    let said = say(
        at,
        "train dbm --data x.csv --labels none --layers 6,4 --epochs 20 --batch 10 --out run",
    )
    .done();
    assert!(said.err.contains("standardised"), "{}", said.err);
    let found = json(&say(at, "eval run --data x.csv --labels none --json").done().out);
    // Three standard normal values have −4.26 nats.
    let likelihood = found["mean_log_likelihood"].as_f64().unwrap();
    assert!(likelihood > -4.3 && found["standardized"] == true, "{found}");
    say(at, "sample run --count 7 --out s.npy").done();
    assert_eq!(npy(at.join("s.npy")).0, [7, 3]);
    say(at, "predict run --data x.csv --labels none")
        .refused(2, &["knows no classes", "--classifier"]);
}

#[test]
fn mistakes_get_one_clear_line() {
    let folder = temporary();
    let at = folder.path();
    for (line, parts) in [
        (
            "--layers 100",
            &["layers: 100: a deep Boltzmann machine has two or three", "train rbm"][..],
        ),
        ("--layers 9,8,7,6", &["layers", "two or three"]),
        ("--pretrain-epochs 3", &["pretrain-epochs", "add --pretrain"]),
        ("--level-data means", &["level-data", "add --pretrain"]),
        ("--dropout 0.5", &["dropout", "add --classifier"]),
        ("--classifier --optimizer cg --dropout 0.5", &["dropout", "line search"]),
        ("--mean-field 0", &["mean-field"]),
        ("--pcd 0", &["pcd"]),
        ("--visible softmax:3", &["visible"]),
    ] {
        say(at, &format!("train dbm {line}")).refused(2, parts);
    }
    let run = shared().display();
    for (line, part) in [
        (format!("eval {run} --ladder"), "ladder: is of single machines"),
        (format!("eval {run} --exact-pseudo"), "exact-pseudo"),
        (format!("sample {run} --pt 5 --out x.npy"), "pt: is of single machines"),
        (format!("sample {run} --init v.npy --out x.npy"), "init: is of single machines"),
        (format!("sample {run} --class 3 --out x.npy"), "class"),
        (format!("train dbn --from {run}"), "it is a deep Boltzmann machine"),
    ] {
        say(at, &line).refused(2, &[part]);
    }
}

/// Units of the data that are held, by a mask and by a picture.
#[test]
fn clamped_chains() {
    let folder = temporary();
    let at = folder.path();
    let run = shared().display();
    let mask: Vec<f32> = (0..64).map(|k| f32::from(u8::from(k < 32))).collect();
    let values: Vec<f32> = (0..64).map(|k| f32::from(u8::from(k < 8))).collect();
    write_npy(at.join("mask.npy"), &mask, 64);
    write_npy(at.join("v.npy"), &values, 64);
    let options = "--clamp mask.npy --init v.npy --steps 30 --count 20";
    let said = say(at, &format!("sample {run} {options} --out s.npy")).done();
    assert_eq!(said.out, "20 chains after 30 sweeps, 32 of 64 units held: s.npy\n");
    let (shape, states) = npy(at.join("s.npy"));
    assert_eq!(shape, [20, 64]);
    assert!(states.chunks(64).all(|row| row[..32] == values[..32]));
    let lower: Vec<&[f32]> = states.chunks(64).map(|row| &row[32..]).collect();
    assert!(lower.iter().any(|row| *row != lower[0]), "the free units do not move");
    say(at, &format!("sample {run} {options} --average --out a.npy")).done();
    let (_, means) = npy(at.join("a.npy"));
    assert!(means.chunks(64).all(|row| row[..32] == values[..32]));
    assert!(means.iter().any(|x| *x > 0.0 && *x < 1.0));
    say(at, &format!("sample {run} --clamp mask.npy --out x.npy")).refused(2, &["--init V.npy"]);
}

/// Numbers of a machine's tensor.
fn tensor(run: &std::path::Path, name: &str) -> Vec<f32> {
    let file = harmonium::run::ModelFile::load(run.join("model.safetensors")).unwrap();
    file.tensors[name].values.clone()
}

#[test]
fn a_machine_begins_with_another_one() {
    let (folder, given) = (temporary(), shared());
    let at = folder.path();
    let line = "train dbm --binarize 0.5 --epochs 1 --learning-rate 1e-7 --limit 200 --device cpu";
    let from = format!("{line} --layers 14,20 --from {}", given.display());
    let said = say(at, &format!("{from} --out again")).done();
    assert!(said.err.contains("the machine begins as it is in"), "{}", said.err);
    say(at, &format!("{line} --layers 14,20 --out anew")).done();
    for name in ["W1", "W2", "b", "a1", "a2"] {
        let own = tensor(given, name);
        let off = |run: &str| {
            let found = tensor(&at.join(run), name);
            found.iter().zip(&own).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
        };
        // Four updates by gradients of at most 1.
        assert!(
            off("again") < 1e-6 && off("anew") > 1e-3,
            "{name}: {} {}",
            off("again"),
            off("anew")
        );
    }
    say(at, &format!("{line} --layers 14,21 --from {} --out a", given.display()))
        .refused(2, &["from: ", "64-14-20 of bernoulli data", "64-14-21"]);
    say(at, &format!("{from} --pretrain --out a")).refused(2, &["from: ", "--pretrain"]);
    say(
        at,
        &format!("{line} --layers 14,20 --visible gaussian --from {} --out a", given.display()),
    )
    .refused(2, &["visible"]);
    say(at, &format!("{line} --layers 14,20 --from {} --out a", super::shared_run())).refused(
        2,
        &["from: ", "it is a restricted Boltzmann machine", "fed from one side", "--pretrain"],
    );
}
