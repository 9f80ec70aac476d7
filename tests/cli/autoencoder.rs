//! `harmonium train autoencoder`, and what its runs are used for.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{assert_picture, config, json, names, npy, say, temporary, text};

/// A small run that the tests share. Nobody writes there.
pub fn shared() -> &'static PathBuf {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let made = RUN.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let line = "train autoencoder --layers 32,2 --epochs 80 --learning-rate 0.01..0.0005 --pretrain-epochs 10 --device cpu --out run";
        say(folder.path(), line).done();
        let path = folder.path().join("run");
        (folder, path)
    });
    &made.1
}

fn run() -> &'static str {
    shared().to_str().expect("UTF-8")
}

#[test]
fn a_run_has_its_files_and_beats_principal_components() {
    let found = names(shared());
    for file in [
        "config.toml",
        "curves.svg",
        "filters.png",
        "last.safetensors",
        "levels.png",
        "metrics.jsonl",
        "model.safetensors",
        "plane.png",
        "reconstructions.png",
        "report.html",
        "summary.json",
    ] {
        assert!(found.iter().any(|name| name == file), "{file} in {found:?}");
    }
    let summary = json(&text(shared().join("summary.json")));
    let figure = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key}"));
    // A broken gradient or a level that learns nothing stays above what the mean alone gives, 4.6.
    assert!(figure("test_squared_error") < 3.1, "{summary}");
    assert!(figure("test_squared_error") < figure("pca_squared_error"), "{summary}");
    assert!(figure("test_cross_entropy") > 0.0 && figure("stacking_peak_bytes") > 0.0);
    assert_eq!((summary["code_units"].as_u64(), summary["epochs"].as_u64()), (Some(2), Some(100)));
    let lines: Vec<serde_json::Value> =
        text(shared().join("metrics.jsonl")).lines().map(json).collect();
    let stages: Vec<&str> = lines.iter().map(|line| line["stage"].as_str().unwrap()).collect();
    assert_eq!(stages[..10], ["level 1"; 10]);
    assert_eq!((stages[10], stages[20], stages[99]), ("level 2", "whole", "whole"));
    let of_stage: Vec<u64> = lines.iter().map(|l| l["stage_epoch"].as_u64().unwrap()).collect();
    assert_eq!((of_stage[9], of_stage[10], of_stage[19], of_stage[20]), (10, 1, 10, 1));
    // Each level's error falls.
    for level in [&lines[..10], &lines[10..20]] {
        let error = |line: &serde_json::Value| line["level_error"].as_f64().unwrap();
        assert!(error(&level[9]) < error(&level[0]), "{level:?}");
    }
    for picture in ["filters.png", "levels.png", "plane.png", "reconstructions.png"] {
        assert_picture(shared().join(picture));
    }
    assert_eq!(config(shared())["layers"].as_str(), Some("32,2"));
}

#[test]
fn its_report_has_every_part() {
    let page = text(shared().join("report.html"));
    for part in [
        "Autoencoder 64-32-2, rbm, then Adam",
        "Learning curves",
        // Of different things, so each on its own scale.
        "s error: level 1</h3>",
        "s error: level 2</h3>",
        "Reconstructions",
        "Filters of the first layer",
        "The plane of codes",
        "of PCA",
        "encoder 1",
        "decoder 2",
        "fully connected, sigmoid",
        "linear",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let folder = temporary();
    let said = say(folder.path(), &format!("compare {} {}", run(), super::shared_run())).done();
    assert!(said.out.contains("64-32-2"), "{}", said.out);
    let page = text(folder.path().join("compare.html"));
    assert!(page.contains("s error, training</h3>"), "a line for each run");
}

/// Codes out, and back in: what `reconstruct` gives at once.
#[test]
fn codes_go_out_and_come_back() {
    let folder = temporary();
    let at = folder.path();
    let of = "--data digits --split test --limit 20 --device cpu";
    say(at, &format!("transform {} {of} --out codes.npy", run())).done();
    let (shape, codes) = npy(at.join("codes.npy"));
    assert_eq!(shape, [20, 2]);
    say(at, &format!("decode {} codes.npy --out x.npy --device cpu", run())).done();
    let said = say(at, &format!("reconstruct {} {of} --out y.npy", run())).done();
    assert!(said.out.contains("reconstruction error"), "{}", said.out);
    let ((shape, x), (_, y)) = (npy(at.join("x.npy")), npy(at.join("y.npy")));
    assert_eq!(shape, [20, 64]);
    assert!(x.iter().zip(&y).all(|(a, b)| (a - b).abs() < 1e-5));
    assert!(codes.iter().all(|c| c.is_finite()) && x.iter().all(|x| (0.0..=1.0).contains(x)));
    say(at, &format!("transform {} {of} --level 1 --out h.npy", run())).done();
    assert_eq!(npy(at.join("h.npy")).0, [20, 32]);
    say(at, &format!("decode {} codes.npy --out x.png", run())).done();
    say(at, &format!("reconstruct {} {of} --out y.png", run())).done();
    assert_picture(at.join("x.png"));
    assert_picture(at.join("y.png"));
    say(at, &format!("transform {} {of} --level 3 --out h.npy", run()))
        .refused(2, &["level: 3 is outside 1 to 2"]);
    say(at, &format!("decode {} h.npy --out x.npy", run()))
        .refused(1, &["codes: 32 values a row, and the code has 2 units"]);
    let said = say(at, &format!("eval {}/model.safetensors --data digits --json", run())).done();
    let found = json(&said.out);
    let summary = json(&text(shared().join("summary.json")));
    let close = |a: &serde_json::Value, b: &serde_json::Value| {
        (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-3
    };
    assert!(close(&found["squared_error"], &summary["test_squared_error"]));
    assert!(close(&found["cross_entropy"], &summary["test_cross_entropy"]));
    say(at, &format!("eval {} --ais 10", run()))
        .refused(2, &["ais: is about log Z", "an autoencoder has errors"]);
}

/// Real values: Gaussian units at the bottom, squared error, and a linear code right on them as an autoencoder.
#[test]
fn values_of_any_size_are_learnt_by_squared_error() {
    let folder = temporary();
    let at = folder.path();
    let rows: Vec<String> = (0..60)
        .map(|i| {
            let (x, y) = ((f64::from(i) * 0.7).sin(), (f64::from(i) * 1.3).cos());
            format!("{},{},{},{}", 2.0 * x, x + y, x - y, -y)
        })
        .collect();
    fs::write(at.join("x.csv"), rows.join("\n")).unwrap();
    say(at, "train autoencoder --data x.csv")
        .refused(1, &["x.csv", "--loss squared-error, which takes any values"]);
    let line = "train autoencoder --data x.csv --loss squared-error --epochs 300 --batch 10 --learning-rate 0.01";
    let said = say(at, &format!("{line} --layers 2 --out linear")).done();
    assert!(
        said.err.contains("autoencoder, since its units are those of no machine"),
        "{}",
        said.err
    );
    // The four columns lie in a plane: two linear units lose nothing.
    let summary = json(&text(at.join("linear/summary.json")));
    assert!(summary["validation_squared_error"].as_f64().unwrap() < 0.02, "{summary}");
    let said = say(at, &format!("{line} --layers 6,2 --out deep")).done();
    assert!(
        said.err.contains("gaussian–bernoulli machine")
            && said.err.contains("bernoulli–gaussian machine")
    );
}

#[test]
fn mistakes_get_one_clear_line() {
    let folder = temporary();
    let at = folder.path();
    for (line, parts) in [
        ("--layers 0", &["layers", "'0' is no list", "256,64,2"][..]),
        ("--layers a,b", &["layers", "'a,b'"]),
        ("--sparse-cost 1", &["--sparse"]),
        ("--noise blur:1", &["noise", "mask:P, salt:P, gaussian:DEVIATION"]),
        ("--noise mask:1", &["noise: 1 is outside [0, 1)"]),
        ("--hidden relu --contractive 0.1", &["contractive: is of a first layer of sigmoid units"]),
        ("--momentum 0.5", &["momentum: belongs to --optimizer sgd"]),
        ("--pretrain-epochs 0", &["pretrain-epochs: 0 is too few"]),
        ("--pretrain-cd 1 --pretrain-pcd", &["--pretrain-cd", "--pretrain-pcd"]),
        ("--pretrain none --pretrain-epochs 3", &["pretrain-epochs: is of pre-training"]),
        ("--pretrain none --level-data samples", &["level-data: is of pre-training"]),
        ("--pretrain autoencoder --pretrain-cd 3", &["pretrain-cd: is of machines"]),
    ] {
        say(at, &format!("train autoencoder {line}")).refused(2, parts);
    }
    assert!(names(at).is_empty());
    // One line: our own error, not that of principal components.
    let quiet =
        "train autoencoder --layers 2 --epochs 1 --limit 20 --pretrain none --quiet --out q";
    let said = say(at, quiet).done();
    assert!(said.out.contains("test squared error"), "{}", said.out);
    let wide = "train autoencoder --layers 70 --epochs 1 --limit 20 --pretrain none --out wide";
    let said = say(at, wide).done();
    assert!(
        said.err.contains("a code of 70 units is no smaller than the 64 values"),
        "{}",
        said.err
    );
}

/// Linear outputs do not begin with the logits of Bernoulli units.
#[test]
fn pre_training_suits_linear_outputs() {
    let folder = temporary();
    let at = folder.path();
    let line = "train autoencoder --layers 64,16 --loss squared-error --epochs 10 --device cpu";
    let said = say(at, &format!("{line} --pretrain-epochs 10 --out levels")).done();
    let words = "level 1: 64 units, autoencoder, since linear outputs are no bernoulli units";
    assert!(said.err.contains(words) && said.err.contains("level 2: 16 units, "), "{}", said.err);
    say(at, &format!("{line} --pretrain none --out none")).done();
    let errors = |run: &str| {
        let metrics = text(at.join(run).join("metrics.jsonl"));
        let whole =
            |line: &serde_json::Value| line.get("stage").is_none_or(|stage| stage == "whole");
        let error = |line: &str| {
            Some(json(line)).filter(whole).and_then(|l| l["train_squared_error"].as_f64())
        };
        metrics.lines().filter_map(error).collect::<Vec<f64>>()
    };
    let (levels, none) = (errors("levels"), errors("none"));
    assert_eq!((levels.len(), none.len()), (10, 10));
    assert!(levels[0] < none[0] && levels[9] < 1.1 * none[9], "{levels:?} {none:?}");
}

/// With a classifier on the code, of which all layers learn, or the last one alone; codes of two units by class.
#[test]
fn a_classifier_stands_on_the_code() {
    let folder = temporary();
    let at = folder.path();
    let line = "train autoencoder --layers 40,2 --epochs 40 --pretrain-epochs 10 --device cpu";
    say(at, &format!("{line} --classifier --out all")).done();
    say(at, &format!("{line} --classifier code --out code")).done();
    let summary = |run: &str| json(&text(at.join(run).join("summary.json")));
    let error = |run: &str| summary(run)["test_error"].as_f64().unwrap();
    // Chance is 0.9; two numbers leave much to be desired, and all layers do better than the last one.
    assert!(error("code") < 0.75, "{}", error("code"));
    assert!(error("all") < 0.5 && error("all") < error("code"), "{}", error("all"));
    // The autoencoder is the same, whatever stands on its code.
    let model = |run: &str| fs::read(at.join(run).join("model.safetensors")).unwrap();
    assert!(model("all") == model("code"));
    for file in ["codes.png", "confusion.png", "mistakes.png"] {
        assert_picture(at.join("all").join(file));
    }
    let page = text(at.join("all/report.html"));
    assert!(page.contains("Codes by class") && page.contains("By the classifier on the code"));
    let data = "--data digits --split test --limit 30 --device cpu";
    let said = say(at, &format!("predict all {data} --out p.csv")).done();
    assert!(said.out.contains("of 30 are wrong"), "{}", said.out);
    say(at, &format!("reconstruct all {data} --out r.npy")).done();
    // With the code kept as it is, the classifier's layer 2 gives the autoencoder's codes.
    say(at, &format!("transform code {data} --out codes.npy")).done();
    say(at, &format!("transform code/classifier.safetensors {data} --level 2 --out same.npy"))
        .done();
    let ((shape, codes), (_, same)) = (npy(at.join("codes.npy")), npy(at.join("same.npy")));
    assert_eq!(shape, [30, 2]);
    assert!(codes.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-4));
    fs::write(at.join("x.csv"), "0.1,0.2\n0.3,0.4\n0.5,0.6\n").unwrap();
    say(at, "train autoencoder --data x.csv --labels none --layers 2 --classifier")
        .refused(1, &["has no labels, and a classifier needs them"]);
}

/// A level as a file of its own: a machine that gives what the level gives.
#[test]
fn a_level_is_exported_as_a_machine() {
    let folder = temporary();
    let at = folder.path();
    let data = "--data digits --split test --limit 10 --device cpu";
    let said = say(at, &format!("export {} --out one.safetensors", run())).done();
    assert!(said.out.contains("64 visible and 32 hidden units"), "{}", said.out);
    say(at, &format!("transform one.safetensors {data} --out h.npy")).done();
    say(at, &format!("transform {} {data} --level 1 --out same.npy", run())).done();
    let ((shape, h), (_, same)) = (npy(at.join("h.npy")), npy(at.join("same.npy")));
    assert_eq!(shape, [10, 32]);
    assert!(h.iter().zip(&same).all(|(a, b)| (a - b).abs() < 1e-5));
    let net = super::dbn::shared().to_str().unwrap();
    say(at, &format!("export {net} --level 3 --out top.safetensors")).done();
    say(at, "sample top.safetensors --count 2 --steps 5 --out s.npy").done();
    // Sixty units and ten classes.
    assert_eq!(npy(at.join("s.npy")).0, [2, 70]);
    say(at, &format!("export {net} --level 4 --out no.safetensors"))
        .refused(2, &["level: 4 is outside 1 to 3"]);
    say(at, &format!("export {net} --out no.npy"))
        .refused(2, &["out:", "does not end in .safetensors"]);
}

/// Without a step, what begins with all of another one is that other one; a tied one has its encoder alone.
#[test]
fn an_autoencoder_goes_on_from_another_decoder_and_all() {
    let folder = temporary();
    let at = folder.path();
    let line = format!(
        "train autoencoder --from {} --layers 32,2 --epochs 1 --learning-rate 0 --device cpu",
        run()
    );
    let error = |name: &str| {
        let summary = json(&text(at.join(name).join("summary.json")));
        summary["test_squared_error"].as_f64().unwrap_or_else(|| panic!("{summary}"))
    };
    say(at, &format!("{line} --out again")).done();
    let theirs = json(&text(shared().join("summary.json")))["test_squared_error"].as_f64();
    assert_eq!(Some(error("again")), theirs);
    say(at, &format!("{line} --tied --out tied")).done();
    assert!(error("tied") > 1.1 * error("again"), "{}", error("tied"));
}
