//! `harmonium train dbn`, and what its runs are used for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{assert_picture, config, json, names, npy, say, temporary, text};

fn run_once(cell: &'static OnceLock<(TempDir, PathBuf)>, line: &str) -> &'static PathBuf {
    let made = cell.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        say(folder.path(), &format!("{line} --device cpu --out run")).done();
        let path = folder.path().join("run");
        (folder, path)
    });
    &made.1
}

/// A small run with labels that the tests share. Nobody writes there.
pub fn shared() -> &'static PathBuf {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    run_once(
        &RUN,
        "train dbn --layers 60,60,100 --join-labels --up-down --pretrain-epochs 60 --epochs 10 --binarize 0.5",
    )
}

/// One that became a classifier.
fn classifier() -> &'static PathBuf {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    run_once(&RUN, "train dbn --layers 60,60 --pretrain-epochs 20 --epochs 30 --compare-random")
}

fn summary(run: &Path) -> serde_json::Value {
    json(&text(run.join("summary.json")))
}

#[test]
fn a_classifier_and_its_stack() {
    let run = classifier();
    let found = names(run);
    for file in [
        "confusion.csv",
        "confusion.png",
        "curves.svg",
        "dbn.safetensors",
        "filters.png",
        "last.safetensors",
        "levels.png",
        "mistakes.png",
        "model.safetensors",
        "pretraining.svg",
        "report.html",
        "samples.png",
    ] {
        assert!(found.iter().any(|name| name == file), "{file} in {found:?}");
    }
    let of = summary(run);
    let figure = |key: &str| of[key].as_f64().unwrap_or_else(|| panic!("{key}"));
    // A net that learns nothing gets nine of ten wrong; levels that are broken leave some 40 %.
    assert!(figure("test_error") < 0.16, "{of}");
    assert!(figure("random_test_error") > 0.0 && figure("stacking_peak_bytes") > 0.0);
    let lines: Vec<serde_json::Value> = text(run.join("metrics.jsonl")).lines().map(json).collect();
    let stages: Vec<&str> = lines.iter().map(|line| line["stage"].as_str().unwrap()).collect();
    assert_eq!(stages[..30], ["from random weights"; 30]);
    assert_eq!((stages[30], stages[50], stages[70]), ("level 1", "level 2", "whole"));
    for level in [&lines[30..50], &lines[50..70]] {
        let error = |line: &serde_json::Value| line["level_error"].as_f64().unwrap();
        assert!(error(&level[19]) < error(&level[0]), "{level:?}");
    }
    let page = text(run.join("report.html"));
    for part in [
        "Deep belief net 64-60-60, machines, then Adam",
        "What pre-training brings",
        "What is taken for what",
        "Dreams",
        "fully connected, sigmoid",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let (folder, run) = (temporary(), run.to_str().unwrap());
    let at = folder.path();
    let data = "--data digits --split test --limit 20 --device cpu";
    // The stack dreams and reconstructs, the network classifies, and gives what its layers do.
    say(at, &format!("sample {run} --count 5 --steps 10 --out s.npy")).done();
    let (shape, dreams) = npy(at.join("s.npy"));
    assert_eq!(shape, [5, 64]);
    assert!(dreams.iter().all(|&x| x == 0.0 || x == 1.0));
    say(at, &format!("reconstruct {run} {data} --out r.png")).done();
    assert_picture(at.join("r.png"));
    say(at, &format!("predict {run} {data} --out p.csv")).done();
    for (level, units) in [("--level 1", 60), ("", 60), ("--level 3", 10)] {
        say(at, &format!("transform {run} {data} {level} --out h.npy")).done();
        let (shape, h) = npy(at.join("h.npy"));
        assert_eq!(shape, [20, units]);
        assert!(units == 10 || h.iter().all(|h| (0.0..=1.0).contains(h)));
    }
    say(at, &format!("transform {run} {data} --level 4 --out h.npy"))
        .refused(2, &["level: 4 is outside 1 to 3"]);
    say(at, &format!("features {run} --out f.png")).done();
    assert_picture(at.join("f.png"));
    say(at, &format!("transform {run}/dbn.safetensors {data} --level 2 --out g.npy")).done();
    assert_eq!(npy(at.join("g.npy")).0, [20, 60]);
    let said = say(at, &format!("compare {run} {}", shared().display())).done();
    assert!(said.out.contains("64-60-60-100"), "{}", said.out);
}

#[test]
fn a_net_with_labels_classifies_and_dreams_of_a_class() {
    let run = shared();
    let of = summary(run);
    // Without labels nine of ten are wrong.
    assert!(of["test_error"].as_f64().unwrap() < 0.4, "{of}");
    assert!(of["test_reconstruction_error"].as_f64().unwrap() < 12.0, "{of}");
    let page = text(run.join("report.html"));
    for part in ["machines, labels joined, then up-down", "A row for each class", "and 10 classes"]
    {
        assert!(page.contains(part), "{part}");
    }
    let (folder, run) = (temporary(), run.to_str().unwrap());
    let at = folder.path();
    say(at, &format!("sample {run} --class 0 --count 40 --steps 200 --out zeros.npy")).done();
    say(at, &format!("sample {run} --class 1 --count 40 --steps 200 --out ones.npy")).done();
    let mean = |name: &str| {
        let (shape, values) = npy(at.join(name));
        assert_eq!(shape, [40, 64]);
        // Of the four pixels in the middle of the picture, which a zero leaves empty and a one fills.
        let middle = [27, 28, 35, 36];
        values.chunks(64).flat_map(|v| middle.map(|i| v[i])).sum::<f32>() / 160.0
    };
    assert!(
        mean("ones.npy") > mean("zeros.npy") + 0.3,
        "{} {}",
        mean("ones.npy"),
        mean("zeros.npy")
    );
    say(at, &format!("sample {run} --class 11 --out x.npy"))
        .refused(2, &["class: 11 is none of the classes: 0, 1, 2"]);
    say(at, &format!("sample {run} --init zeros.npy --out x.npy")).refused(2, &["init:"]);
    let said = say(
        at,
        &format!("eval {run}/model.safetensors --data digits --json --ais 500 --burn-in 50"),
    );
    let found = json(&said.done().out);
    assert!((found["error"].as_f64().unwrap() - of["test_error"].as_f64().unwrap()).abs() < 1e-9);
    // The bits of independent pixels have some −28 nats; 64 fair coins −44.4.
    let bound = found["mean_log_likelihood_bound"].as_f64().unwrap();
    assert!(bound > -44.4 && bound < 0.0, "{found}");
    let said =
        say(at, &format!("predict {run} --data digits --split test --limit 30 --out p.csv")).done();
    assert!(said.out.contains("of 30 are wrong"), "{}", said.out);
    say(at, &format!("features {run} --case 3 --out f.png")).done();
    assert_picture(at.join("f.png"));
    say(at, &format!("transform {run} --data digits --limit 5 --out h.npy")).done();
    assert_eq!(npy(at.join("h.npy")).0, [5, 100]);
}

/// Against the enumerated log Z, with classes beside the top's units and without: within four of its own errors.
#[test]
fn a_ladder_climbs_to_the_log_z_of_the_top() {
    let folder = temporary();
    let at = folder.path();
    for labels in ["--join-labels", "--no-classifier"] {
        let line = "train dbn --data digits --binarize 0.5 --layers 16,10 --pretrain-epochs 4 --quiet --force --out run";
        say(at, &format!("{line} {labels}")).done();
        let line = "eval run --chains 40 --rounds 300 --ladder";
        let found = json(&say(at, &format!("{line} 8 --json")).done().out);
        let number = |key: &str| found[key].as_f64().unwrap_or_else(|| panic!("{key}: {found}"));
        assert_eq!(found["log_partition_method"], "exact");
        let off = number("log_partition_ladder") - number("log_partition");
        let error = number("log_partition_ladder_std_error");
        assert!(off.abs() < 4.0 * error && error < 0.3, "{labels}: {off} ± {error}");
        let change =
            number("mean_log_likelihood_bound") - number("mean_log_likelihood_bound_ladder");
        assert!((change - off).abs() < 1e-9);
        let said = say(at, &format!("{line} 4")).done();
        assert!(said.out.contains("ladder: 4 rungs, neighbours exchange at least"), "{}", said.out);
        assert!(said.out.contains("nats per case with the ladder"), "{}", said.out);
        say(at, "report run").done();
        let page = text(at.join("run/report.html"));
        assert!(page.contains("bound with the ladder") && page.contains("Exchanges of neighbours"));
        say(at, line).refused(2, &["ladder: a deep belief net keeps no machines", "--ladder 100"]);
    }
}

/// A top that has hardly moved from the transposed weights leaves the bound at the likelihood of the machine below; from small
/// weights it is a nat below.
#[test]
fn a_transposed_level_begins_at_the_likelihood_of_the_machine_below() {
    let folder = temporary();
    let at = folder.path();
    let machine = "train rbm --data digits --hidden 12 --epochs 60 --quiet --out machine";
    say(at, machine).done();
    let line = "train dbn --data digits --binarize 0.5 --from machine --no-classifier --pretrain-epochs 1 \
                --pretrain-learning-rate 1e-9 --pretrain-weight-decay 0 --quiet --force --out net";
    let of = |line: &str, key: &str| {
        let found = json(&say(at, line).done().out);
        found[key].as_f64().unwrap_or_else(|| panic!("{key}: {found}"))
    };
    let likelihood = of("eval machine --json", "mean_log_likelihood");
    let bound = |more: &str| {
        say(at, &format!("{line} {more}")).done();
        of("eval net --json", "mean_log_likelihood_bound")
    };
    let transposed = bound("--layers 12,64 --pretrain-transposed");
    // The bound draws the hidden states of 297 cases, once each.
    assert!((transposed - likelihood).abs() < 0.05, "{transposed} of {likelihood}");
    let wider = bound("--layers 12,90 --pretrain-transposed");
    assert!((wider - likelihood).abs() < 0.2, "{wider} of {likelihood}");
    let small = bound("--layers 12,64");
    assert!(small < likelihood - 0.5, "{small} of {likelihood}");
    for (more, words) in [
        ("--layers 12,63", "needs as many units in level 2 as level 1 reads, 64, and it has 63"),
        ("--layers 12,64,11", "needs as many units in level 3 as level 2 reads, 12, and it has 11"),
    ] {
        say(at, &format!("{line} {more} --pretrain-transposed")).refused(2, &[words]);
    }
    let line = "train dbn --data digits --no-classifier --pretrain-transposed --out other";
    say(at, &format!("{line} --layers 12")).refused(2, &["there is one level only"]);
    let gaussian = format!("{line} --layers 12,64 --visible gaussian");
    say(at, &gaussian).refused(2, &["stand for the data, which are gaussian units"]);
}

/// Real values: they are standardised, Gaussian units stand for them, and the classifier's file says how.
#[test]
fn values_of_any_size_are_standardised() {
    let folder = temporary();
    let at = folder.path();
    let row = |i: u32| {
        let (x, class) = (f64::from(i * 37 % 100) * 0.1, i % 2);
        format!("{},{},{},{class}", 100.0 + x, 50.0 * f64::from(class) - x, -x)
    };
    let rows: Vec<String> = (0..120).map(row).collect();
    fs::write(at.join("x.csv"), rows.join("\n")).unwrap();
    let line = "train dbn --data x.csv --labels 4 --layers 8,6 --epochs 60 --batch 10 --learning-rate 0.01";
    let said = say(at, &format!("{line} --out run")).done();
    assert!(said.err.contains("standardised") && said.err.contains("gaussian–bernoulli machine"));
    assert!(summary(&at.join("run"))["validation_error"].as_f64().unwrap() < 0.01);
    let said = say(at, "eval run --data x.csv --labels 4").done();
    assert!(said.out.contains("error: 0.00 %"), "{}", said.out);
    say(at, "sample run --count 7 --out s.npy").done();
    assert_eq!(npy(at.join("s.npy")).0, [7, 3]);
    let said = say(at, &format!("{line} --visible bernoulli --out no"));
    said.refused(1, &["x.csv"]);
}

/// The columns of a table are no pixels: what learnt from them reads as many, and says so of others, square or not.
#[test]
fn a_table_is_learnt_and_read_again() {
    let folder = temporary();
    let at = folder.path();
    let rows = |columns: u32, named: bool| {
        let row = |i: u32| {
            let class = i % 2;
            let value = |j: u32| ((i * 7 + j * 13) % 10) as f32 * 0.05 + 0.5 * class as f32;
            let values: Vec<String> = (0..columns).map(|j| value(j).to_string()).collect();
            format!("{},{class}", values.join(","))
        };
        let names: Vec<String> = (0..columns).map(|j| format!("x{j}")).collect();
        let head = if named { format!("{},class\n", names.join(",")) } else { String::new() };
        head + &(0..60).map(row).collect::<Vec<_>>().join("\n")
    };
    for columns in [13, 16] {
        fs::write(at.join("t.csv"), rows(columns, true)).unwrap();
        let train = "train dbn --data t.csv --labels class --layers 8 --epochs 80 --batch 5 --force --out run";
        say(at, &format!("{train} --learning-rate 0.02")).done();
        let said = say(at, "eval run --data t.csv --labels class").done();
        assert!(said.out.contains("error: 0.00 %"), "{}", said.out);
        for line in ["predict run --data t.csv", "transform run --data t.csv --out h.npy"] {
            say(at, line).done();
        }
        fs::write(at.join("four.csv"), rows(4, false)).unwrap();
        let wanted = format!("5 values a case, and the network takes {columns}");
        say(at, "predict run --data four.csv --labels none").refused(1, &[&wanted]);
    }
    // A classifier on a code, and layers of one's own, take such rows too.
    fs::write(at.join("t.csv"), rows(13, true)).unwrap();
    let line = "train autoencoder --data t.csv --labels class --layers 6,2 --classifier --epochs 2 --out auto";
    say(at, line).done();
    say(at, "predict auto/classifier.safetensors --data t.csv").done();
    let layers = "[[network.layers]]\ntype = 'linear'\nunits = 2\n";
    fs::write(at.join("linear.toml"), layers).unwrap();
    let line = "train cnn --config linear.toml --data t.csv --labels class --epochs 2 --out linear";
    say(at, line).done();
    say(at, "predict linear --data t.csv").done();
}

/// Levels that learnt from bits go on with grey values, which is told.
#[test]
fn other_bits_than_those_of_the_first_level_are_told() {
    let folder = temporary();
    let at = folder.path();
    say(at, "train rbm --hidden 12 --epochs 1 --limit 100 --quiet --out machine").done();
    let line =
        "train dbn --from machine --layers 12,6 --no-classifier --pretrain-epochs 1 --limit 100";
    let words = "machine learnt from values binarised (0.5), and here they are taken as they are";
    assert!(say(at, &format!("{line} --out grey")).done().err.contains(words));
    let said = say(at, &format!("{line} --binarize 0.5 --out bits")).done();
    assert!(!said.err.contains("learnt from values"), "{}", said.err);
}

/// Without a step, what begins with all of another generative net is that other one: recognition, generation and the top
/// with its labels. A top that reads none is none for it.
#[test]
fn a_generative_net_goes_on_from_another() {
    let folder = temporary();
    let at = folder.path();
    let from = format!("train dbn --from {} --layers 60,60,100 --binarize 0.5", shared().display());
    let still = "--epochs 1 --learning-rate 0 --device cpu";
    say(at, &format!("{from} --join-labels --up-down {still} --out again")).done();
    let [theirs, again] = [summary(shared()), summary(&at.join("again"))];
    for key in ["test_error", "test_reconstruction_error", "validation_error"] {
        assert!(again[key].is_f64() && again[key] == theirs[key], "{key}: {again}, {theirs}");
    }
    say(at, &format!("{from} --join-labels --out no")).refused(2, &["has all levels"]);
    // Fewer layers, of which the last one is a top that was none.
    let fewer = "--layers 60,60 --up-down --pretrain-epochs 1 --limit 60 --epochs 1 --out fewer";
    say(at, &format!("train dbn --from {} --binarize 0.5 {fewer}", shared().display())).done();
    let plain = "--up-down --pretrain-epochs 1 --limit 60 --epochs 1 --out plain";
    let said = say(at, &format!("{from} {plain}")).done();
    assert!(said.err.contains("level 3: 100 units, bernoulli–bernoulli machine"), "{}", said.err);
}

/// What a file says of one optimizer gives way to another that is asked for; what is asked for and does nothing is refused.
#[test]
fn a_files_settings_give_way_to_what_is_asked_for() {
    let folder = temporary();
    let at = folder.path();
    let file = "optimizer = \"cg\"\nline_searches = 2\nlayers = \"6\"\nepochs = 1\nlimit = 60\npretrain_epochs = 1\n";
    fs::write(at.join("cg.toml"), file).unwrap();
    say(at, "train dbn --config cg.toml --optimizer adam --out adam").done();
    assert!(config(&at.join("adam")).get("line_searches").is_none());
    say(at, "train dbn --config cg.toml --no-classifier --out no")
        .refused(2, &["is about the classifier"]);
    // Who asks for what is so anyway asks for nothing.
    say(at, "train dbn --no-classifier --dropout 0 --layers 6 --limit 60 --pretrain-epochs 1 --out zero")
        .done();
    fs::write(at.join("both.toml"), format!("{file}learning_rate = 0.1\n")).unwrap();
    say(at, "train dbn --config both.toml --out no")
        .refused(2, &["learning_rate in both.toml: belongs to"]);
}

#[test]
fn mistakes_get_one_clear_line() {
    let folder = temporary();
    let at = folder.path();
    for (line, parts) in [
        ("--layers 0", &["layers", "'0' is no list"][..]),
        ("--no-classifier --dropout 0.5", &["dropout: is about the classifier", "--no-classifier"]),
        ("--join-labels --no-classifier", &["join-labels", "choose one"]),
        ("--join-labels --learning-rate 0.1", &["learning-rate", "--pretrain-learning-rate"]),
        ("--join-labels --epochs 7", &["epochs: is of the whole", "--pretrain-epochs are theirs"]),
        ("--no-classifier --batch 3", &["batch: is of the whole", "--pretrain-batch is theirs"]),
        ("--no-classifier --momentum 0.3", &["momentum: is of the whole"]),
        ("--no-classifier --weight-decay 0.5", &["weight-decay: is of the whole"]),
        ("--up-down --line-searches 9", &["line-searches: is about the classifier"]),
        ("--no-classifier --labelled 5", &["labelled: chooses labels"]),
        ("--optimizer cg --dropout 0.5", &["dropout", "line search"]),
        (
            "--optimizer cg --learning-rate 0.1",
            &["learning-rate: belongs to --optimizer sgd and adam"],
        ),
        ("--optimizer adam --line-searches 2", &["line-searches: belongs to --optimizer cg"]),
        ("--dropout 1", &["dropout: 1 is outside [0, 1)"]),
        ("--freeze 4", &["freeze: 4, and there are 3 hidden layers"]),
        ("--steps 3", &["steps: belongs to --up-down"]),
        ("--patience 3 --validation 0", &["patience"]),
    ] {
        say(at, &format!("train dbn {line}")).refused(2, parts);
    }
    let many = "train dbn --labelled 5000";
    say(at, many).refused(1, &["1500 cases have labels, and 5000 are asked for"]);
    fs::write(at.join("x.csv"), "0.1,0.2\n0.3,0.4\n0.5,0.6\n").unwrap();
    say(at, "train dbn --data x.csv --labels none")
        .refused(1, &["has no labels, and a deep belief net needs them", "--no-classifier"]);
    say(at, "train dbn --from nowhere")
        .refused(2, &["from: nowhere does not exist; give a run folder"]);
    assert!(!names(at).iter().any(|name| name == "runs"));
}
