//! Training of classifiers: what it prints, what it leaves, and how settings that do not fit are refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use harmonium::run::ModelFile;
use serde_json::Value;
use tempfile::TempDir;

use super::{Said, assert_picture, config, json, model_bytes, names, say, temporary, text};

/// A network of 810 parameters for the bundled digits.
pub const SMALL: &str = "\
[[network.layers]]
type = 'conv'
maps = 8
kernel = 3
activation = 'relu'

[[network.layers]]
type = 'pool'
kind = 'max'
size = 2

[[network.layers]]
type = 'dropout'
rate = 0.1

[[network.layers]]
type = 'linear'
units = 10
";

/// `train cnn` with this file of settings.
pub fn train_cnn(folder: &Path, settings: &str, options: &str) -> Said {
    fs::write(folder.join("cnn.toml"), settings).unwrap();
    say(folder, &format!("train cnn --config cnn.toml --log-level warn {options}"))
}

/// Three runs on the bundled digits that the tests share: `lenet5`, `modern`, `cnn`. Nobody writes there.
pub fn runs() -> &'static Path {
    static RUNS: OnceLock<(TempDir, [Said; 3])> = OnceLock::new();
    RUNS.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let at = folder.path();
        let said = [
            say(at, "train lenet5 --epochs 12 --limit 700 --out lenet5").done(),
            say(at, "train lenet5-modern --epochs 6 --limit 800 --augment shift=1 --out modern")
                .done(),
            train_cnn(at, SMALL, "--epochs 30 --learning-rate 0.01 --out cnn").done(),
        ];
        fs::write(at.join("lenet5.txt"), &said[0].out).unwrap();
        fs::write(at.join("lenet5-err.txt"), &said[0].err).unwrap();
        (folder, said)
    })
    .0
    .path()
}

/// One of the shared runs, as an argument.
pub fn shared(name: &str) -> String {
    runs().join(name).to_str().expect("UTF-8").to_string()
}

/// A copy of a shared run that a test may change.
pub fn copy(name: &str, folder: &Path) -> PathBuf {
    let run = folder.join(name);
    fs::create_dir(&run).unwrap();
    for entry in fs::read_dir(runs().join(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), run.join(entry.file_name())).unwrap();
    }
    run
}

pub fn summary(run: &Path) -> Value {
    json(&text(run.join("summary.json")))
}

/// The counts of a confusion matrix: [true][predicted].
pub fn confusion(run: &Path) -> Vec<Vec<u64>> {
    let text = text(run.join("confusion.csv"));
    let row = |line: &str| line.split(',').skip(1).map(|n| n.parse().unwrap()).collect();
    text.lines().skip(1).map(row).collect()
}

/// How many are counted, and how many off the diagonal.
pub fn counted(confusion: &[Vec<u64>]) -> (u64, u64) {
    let all = confusion.iter().flatten().sum();
    let right: u64 = confusion.iter().enumerate().map(|(class, row)| row[class]).sum();
    (all, all - right)
}

#[test]
fn standard_output_carries_results_alone() {
    let out = text(runs().join("lenet5.txt"));
    let first: Vec<&str> = out.lines().map(|line| line.split([' ', ':']).next().unwrap()).collect();
    let expected =
        ["lenet5", "error", "model", "last", "picture", "picture", "picture", "picture", "report"];
    assert_eq!(first, expected, "{out}");
    assert!(out.contains("lenet5 with 60000 parameters, 12 epochs, 120 updates in"), "{out}");
    let error = summary(&runs().join("lenet5"))["test_error"].as_f64().unwrap();
    assert!(out.contains(&format!("test {:.2} %", 100.0 * error)), "{out}");
    let err = text(runs().join("lenet5-err.txt"));
    let begins: Vec<&str> = err.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(begins, ["device", "data", "network", "run"], "{err}");
    assert!(
        err.contains("630 training cases, 70 held out, 297 for testing of 10 classes"),
        "{err}"
    );
    assert!(err.contains("8×8 pixels enlarged to 28×28"), "{err}");
}

/// F6 of both, whose outputs are a layer or none.
#[test]
fn transform_gives_the_last_hidden_layer() {
    let folder = temporary();
    let at = folder.path();
    for (name, level) in [("lenet5", "6"), ("modern", "6"), ("lenet5", "5")] {
        let (run, units) = (shared(name), if level == "6" { 84 } else { 120 });
        let line = format!("transform {run} --data digits --limit 3 --out");
        let said = say(at, &format!("{line} given.npy --level {level}")).done();
        let layer = if level == "6" { "what linear" } else { "what conv" };
        assert!(said.out.starts_with(layer), "{}", said.out);
        assert!(
            said.out.contains(&format!("gives of 3 cases (train part), [3, {units}]")),
            "{}",
            said.out
        );
        if level == "6" {
            say(at, &format!("{line} last.npy")).done();
            let read = |file: &str| fs::read(at.join(file)).unwrap();
            assert_eq!(read("last.npy"), read("given.npy"), "{name}");
        }
    }
}

#[test]
fn run_folders_are_complete() {
    for (name, parameters, [epochs, cases, held_out], chance) in [
        ("lenet5", 60_000, [12, 630, 70], 0.6),
        ("modern", 61_706, [6, 720, 80], 0.5),
        ("cnn", 810, [30, 1350, 150], 0.25),
    ] {
        let run = runs().join(name);
        let expected = [
            ".lock",
            "checkpoint-a.safetensors",
            "checkpoint-b.safetensors",
            "config.toml",
            "confusion.csv",
            "confusion.png",
            "curves.svg",
            "filters.png",
            "last.safetensors",
            "metrics.jsonl",
            "mistakes.png",
            "model.safetensors",
            "report.html",
            "summary.json",
        ];
        assert_eq!(names(&run), expected, "{name}");
        for picture in ["filters.png", "confusion.png", "mistakes.png"] {
            assert_picture(run.join(picture));
        }
        let svg = text(run.join("curves.svg"));
        assert_eq!(svg.contains("training (distorted)"), name == "modern");
        assert!(svg.contains("validation") && svg.contains("wrong cases, %"));

        let config = config(&run);
        for key in
            ["model", "data", "epochs", "batch", "optimizer", "learning_rate", "weight_decay"]
        {
            assert!(config.contains_key(key), "{name}: {key}");
        }
        assert_eq!(config.contains_key("augment"), name == "modern");
        assert_eq!(config.contains_key("network"), name == "cnn");
        assert_eq!(config["run"]["training_cases"].as_integer(), Some(cases));

        let lines: Vec<Value> = text(run.join("metrics.jsonl")).lines().map(json).collect();
        assert_eq!(lines.len() as i64, epochs);
        for (at, line) in lines.iter().enumerate() {
            assert_eq!(line["epoch"], at as u64 + 1);
            assert_eq!(line["updates"], (cases as u64).div_ceil(64));
            for key in ["seconds", "cases_per_second", "train_loss", "validation_loss"] {
                assert!(line[key].as_f64() > Some(0.0), "{name}: {key}");
            }
        }

        let summary = summary(&run);
        let number =
            |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key}: {summary}"));
        assert_eq!(number("parameters"), f64::from(parameters));
        assert_eq!((number("epochs"), number("training_cases")), (epochs as f64, cases as f64));
        let sum: f64 = lines.iter().map(|line| line["seconds"].as_f64().unwrap()).sum();
        assert_eq!(number("seconds"), sum);
        let speed = (epochs * cases) as f64 / sum;
        assert!((number("cases_per_second") / speed - 1.0).abs() < 1e-9);
        // The best epoch is that of the lowest error, of the lower loss among these.
        let best = number("best_epoch") as usize - 1;
        let score = |line: &Value| {
            let part = |key: &str| line[key].as_f64().unwrap() as f32;
            (part("validation_error"), part("validation_loss"))
        };
        assert!(lines.iter().all(|line| score(&lines[best]) <= score(line)), "{name}");
        for key in ["train_loss", "train_error", "validation_loss", "validation_error"] {
            assert_eq!(lines[best][key], summary[key], "{name}: {key}");
        }
        let error = number("validation_error") * held_out as f64;
        assert!((error - error.round()).abs() < 1e-9, "{error} cases are wrong");

        let (all, wrong) = counted(&confusion(&run));
        assert_eq!(all, 297);
        assert_eq!(number("test_cases"), 297.0);
        assert!((number("test_error") - wrong as f64 / 297.0).abs() < 1e-12, "{name}");
        assert!(number("test_loss").is_finite());
        assert!(number("test_error") < chance, "{name} has learnt nothing: {summary}");

        let file = ModelFile::load(run.join("model.safetensors")).unwrap();
        assert_eq!(file.metadata["harmonium.data"], "digits");
        assert_eq!(file.metadata["harmonium.seed"], "1");
        let classes: Vec<String> =
            serde_json::from_str(&file.metadata["harmonium.classes"]).unwrap();
        assert_eq!(classes.len(), 10);
    }
}

#[test]
fn a_run_is_made_again_from_its_own_config_and_other_seeds_give_others() {
    let folder = temporary();
    let at = folder.path();
    let options = "--limit 150 --epochs 2 --augment shift=1,rotate=5 --optimizer sgd --momentum 0.8 \
                   --nesterov --learning-rate 0.05..0.01 --weight-decay 0.001 --validation 20";
    say(at, &format!("train lenet5 --output softmax {options} --out a")).done();
    say(at, "train lenet5 --config a/config.toml --out b").done();
    say(at, "train lenet5 --config a/config.toml --seed 2 --out c").done();
    train_cnn(at, SMALL, &format!("{options} --out d")).done();
    say(at, "train cnn --config d/config.toml --out e").done();
    for (one, other) in [("a", "b"), ("d", "e")] {
        assert_eq!(model_bytes(&at.join(one)), model_bytes(&at.join(other)));
        assert_eq!(config(&at.join(one)), config(&at.join(other)));
    }
    let tensors =
        |run: &str| ModelFile::load(at.join(run).join("model.safetensors")).unwrap().tensors;
    assert_ne!(tensors("a"), tensors("c"));
    assert_eq!(summary(&at.join("a"))["parameters"], 60_850);
}

/// Each setting changes what is learnt: none is dropped on its way.
#[test]
fn every_setting_arrives() {
    let folder = temporary();
    let at = folder.path();
    let mut seen: Vec<(String, Vec<u8>)> = Vec::new();
    for (run, options) in [
        "",
        "--augment shift=1",
        "--augment rotate=10",
        "--weight-decay 0.1",
        "--batch 50",
        "--learning-rate 0.01",
        "--optimizer sgd",
        "--optimizer sgd --nesterov",
        "--optimizer sgd --momentum 0",
        "--optimizer sgd --momentum 0.5,1:0.9",
        "--validation 0",
        "--limit 210",
        "--seed 3",
    ]
    .into_iter()
    .enumerate()
    {
        let limit = if options.contains("limit") { "" } else { "--limit 200" };
        train_cnn(at, SMALL, &format!("--epochs 2 {limit} {options} --out {run}")).done();
        let file = ModelFile::load(at.join(run.to_string()).join("last.safetensors"))
            .or_else(|_| ModelFile::load(at.join(run.to_string()).join("model.safetensors")))
            .unwrap();
        let bytes =
            file.tensors.values().flat_map(|t| bytemuck::cast_slice::<f32, u8>(&t.values).to_vec());
        let bytes: Vec<u8> = bytes.collect();
        let same = seen.iter().find(|(_, other)| *other == bytes);
        assert!(same.is_none(), "'{options}' and '{}'", same.unwrap().0);
        seen.push((options.into(), bytes));
    }
}

#[test]
fn schedules_are_followed() {
    let folder = temporary();
    let at = folder.path();
    for (run, schedule, expected) in [
        ("steps", "0.05,2:0.01", vec![0.05, 0.05, 0.01, 0.01]),
        ("line", "0.04..0.01", vec![0.04, 0.03, 0.02, 0.01]),
        ("one", "0.02", vec![0.02; 4]),
    ] {
        train_cnn(
            at,
            SMALL,
            &format!("--epochs 4 --limit 60 --learning-rate {schedule} --out {run}"),
        )
        .done();
        let lines = text(at.join(run).join("metrics.jsonl"));
        let rates: Vec<f64> =
            lines.lines().map(|line| json(line)["learning_rate"].as_f64().unwrap()).collect();
        let close = |(a, b): (&f64, &f64)| (a - b).abs() < 1e-8;
        assert!(rates.len() == 4 && rates.iter().zip(&expected).all(close), "{rates:?}");
    }
}

/// With a learning rate of 0 no epoch is better than the first.
#[test]
fn patience_stops_early() {
    let folder = temporary();
    let at = folder.path();
    let options = "--learning-rate 0 --patience 2 --epochs 20 --limit 100 --out run";
    let said = train_cnn(at, SMALL, options).done();
    assert!(said.out.contains("3 epochs (stopped early), 6 updates"), "{}", said.out);
    assert!(said.out.contains("(epoch 1)"), "{}", said.out);
    let summary = summary(&at.join("run"));
    assert_eq!((&summary["stopped_early"], &summary["best_epoch"]), (&true.into(), &1.into()));
    let model = |name: &str| fs::read(at.join("run").join(name)).unwrap();
    assert_eq!(model("model.safetensors"), model("last.safetensors"), "nothing was learnt");
    let page = text(at.join("run/report.html"));
    assert!(page.contains("(stopped early)") && page.contains("network of epoch 1, the best"));
}

#[test]
fn without_validation_the_last_network_is_kept() {
    let folder = temporary();
    let at = folder.path();
    let said = train_cnn(at, SMALL, "--validation 0 --epochs 3 --limit 100 --out run").done();
    assert!(!said.out.contains("validation") && !said.out.contains("last"), "{}", said.out);
    assert!(!at.join("run/last.safetensors").exists());
    let summary = summary(&at.join("run"));
    assert_eq!((&summary["best_epoch"], &summary["training_cases"]), (&3.into(), &100.into()));
    assert_eq!(summary["validation_error"], Value::Null);
    let line = json(text(at.join("run/metrics.jsonl")).lines().last().unwrap());
    assert_eq!(
        (&line["validation_loss"], &line["train_loss"]),
        (&Value::Null, &summary["train_loss"])
    );
    assert!(!text(at.join("run/curves.svg")).contains("validation"));
}

/// A network without a convolution has no kernels to be drawn, and none are missed.
#[test]
fn fully_connected_networks_too() {
    let folder = temporary();
    let settings = "[network]\ninitialization = 'he'\noutput = { type = 'rbf', j = 2.0 }\n\
                    layers = [{ type = 'flatten' }, { type = 'linear', units = 84, activation = 'scaled-tanh' }]\n\
                    [input]\nsize = [8, 8]\nmargin = [0, 1]\nbackground = 0.0\nforeground = 1.0\n";
    train_cnn(folder.path(), settings, "--epochs 2 --limit 200 --quiet --out run").done();
    let run = folder.path().join("run");
    assert!(!run.join("filters.png").exists());
    let page = text(run.join("report.html"));
    for part in [
        "<td>1×8×10</td>",
        "0 more above and below, 1 left and right",
        "<td>fully connected, scaled tanh</td>",
        "j = 2",
        "6,804",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(!page.contains("id=\"filters\"") && !page.contains("Left out"));
    say(folder.path(), "features run --out f.png").done();
    assert_picture(folder.path().join("f.png"));
}

#[test]
fn quiet_prints_one_line() {
    let folder = temporary();
    fs::write(folder.path().join("cnn.toml"), SMALL).unwrap();
    let line = "train cnn --config cnn.toml --epochs 2 --limit 60 --quiet --out run";
    let said = say(folder.path(), line).done();
    assert_eq!((said.out.lines().count(), &said.err[..]), (1, ""));
    assert!(
        said.out.starts_with("run: 2 epochs in ") && said.out.contains("test error"),
        "{}",
        said.out
    );
}

/// A folder in MNIST's naming: pictures of 6×6 pixels, of these classes.
pub fn write_folder(folder: &Path, cases: u32, class: impl Fn(u32) -> u8) {
    fs::create_dir_all(folder).unwrap();
    let header = |magic: u32, sizes: &[u32]| -> Vec<u8> {
        std::iter::once(magic).chain(sizes.iter().copied()).flat_map(u32::to_be_bytes).collect()
    };
    let mut images = header(0x803, &[cases, 6, 6]);
    images.extend((0..cases * 36).map(|i| (i * 37 % 256) as u8));
    fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
    let mut labels = header(0x801, &[cases]);
    labels.extend((0..cases).map(class));
    fs::write(folder.join("train-labels-idx1-ubyte"), labels).unwrap();
}
