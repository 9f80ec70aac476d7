//! Networks' runs that are killed, interrupted and taken up with other settings.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use harmonium::run::Checkpoint;

use super::kills::kill_and_resume;
use super::{
    assert_same_files, checkpoints, complete_model, fails_model, interrupted_model, metrics, text,
};

/// What a network's run leaves beside metrics and summary.
const FILES: [&str; 7] = [
    "model.safetensors",
    "last.safetensors",
    "curves.svg",
    "confusion.csv",
    "confusion.png",
    "mistakes.png",
    "filters.png",
];
/// Small enough for hundreds of epochs a second.
const SMALL: &str = "[[network.layers]]\ntype = 'conv'\nmaps = 4\nkernel = 3\nactivation = 'relu'\n\
                     [[network.layers]]\ntype = 'dropout'\nrate = 0.3\n\
                     [[network.layers]]\ntype = 'linear'\nunits = 10\n";

fn small(root: &Path) -> PathBuf {
    let path = root.join("small.toml");
    fs::write(&path, SMALL).unwrap();
    path
}

fn killed_equals_unbroken(model: &str, options: &str, seed: u64, files: &[&str]) {
    let root = tempfile::tempdir().unwrap();
    let [unbroken, broken] = ["unbroken", "broken"].map(|name| root.path().join(name));
    let mut options = format!("--device cpu {options}");
    if model == "cnn" {
        options += &format!(" --config {}", small(root.path()).display());
    }
    complete_model(model, &unbroken, &options);
    kill_and_resume(model, &broken, &options, seed, 4);
    assert_same_files(&unbroken, &broken, files);
}

#[test]
fn killed_cnn_with_dropout_and_momentum() {
    let options = "--limit 300 --batch 20 --epochs 700 --optimizer sgd --momentum 0.5,30:0.9 \
                   --nesterov --augment shift=1,rotate=8 --patience 690 --weight-decay 0.001";
    killed_equals_unbroken("cnn", options, 11, &FILES);
}

#[test]
fn killed_cnn_with_adam_and_no_validation() {
    let files: Vec<&str> = FILES.into_iter().filter(|name| *name != "last.safetensors").collect();
    let options = "--limit 300 --batch 20 --epochs 700 --validation 0 --augment scale,shear";
    killed_equals_unbroken("cnn", options, 12, &files);
}

#[test]
fn killed_lenet5() {
    let options =
        "--limit 110 --batch 16 --epochs 60 --validation 30 --augment shift --patience 55";
    killed_equals_unbroken("lenet5", options, 13, &FILES);
}

/// Stages of every kind, of each fold: layers as machines, a net without a chain, two fields.
#[test]
fn killed_fields_of_folds() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("letter.data");
    fs::write(&data, crate::support::letters(40)).unwrap();
    let options = format!(
        "--data {} --folds 2 --stages 2 --pretrain --pretrain-epochs 700 --compare-unary --layers 8,6 --epochs 700 --batch 4 \
         --dropout 0.2",
        data.display()
    );
    let files = ["model.safetensors", "fold-0.safetensors", "fold-1.safetensors", "confusion.csv"];
    killed_equals_unbroken("crf", &options, 14, &files);
}

fn newest(run: &Path) -> harmonium::training::TrainerState {
    let state = |path: PathBuf| Checkpoint::load(&path).unwrap().state;
    checkpoints(run).map(state).into_iter().max_by_key(|s| s.clock.updates).unwrap()
}

/// The losses of an epoch's first cases come out of the checkpoint, those of its last out of the going on.
#[test]
fn an_interrupt_saves_within_the_epoch() {
    let root = tempfile::tempdir().unwrap();
    let options = "--device cpu --limit 600 --batch 4 --epochs 6 --optimizer sgd --nesterov \
                   --learning-rate 0.02..0.001 --momentum 0.9 --augment shift,rotate,scale,shear";
    let unbroken = root.path().join("unbroken");
    complete_model("lenet5-modern", &unbroken, options);
    for name in ["INT", "TERM"] {
        let broken = root.path().join(name);
        let output = interrupted_model("lenet5-modern", &broken, options, name);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("harmonium train lenet5-modern --resume --out"), "{said}");
        let state = newest(&broken);
        assert!(state.clock.updates > 0 && state.clock.epoch_updates > 0, "{:?}", state.clock);
        assert_eq!(state.arrays["epoch.loss"].shape, [540]);
        complete_model("lenet5-modern", &broken, "--resume");
        assert_same_files(&unbroken, &broken, &FILES);
    }
}

/// A small run of few epochs, without any line to the last one.
fn short(root: &Path, name: &str, more: &str) -> (PathBuf, Output) {
    let run = root.join(name);
    let options = format!(
        "--device cpu --config {} --limit 100 --optimizer sgd --learning-rate 0.05 {more}",
        small(root).display()
    );
    let output = complete_model("cnn", &run, &options);
    (run, output)
}

#[test]
fn contradicting_options_name_both_values() {
    let root = tempfile::tempdir().unwrap();
    let (run, _) = short(root.path(), "run", "--epochs 3 --augment shift=1");
    for (option, asked, had) in [
        ("--batch 21", "21", "64"),
        ("--learning-rate 0.06", "0.06", "0.05"),
        ("--momentum 0.8", "0.8", "0.9"),
        ("--nesterov", "true", "false"),
        ("--augment rotate=5", "rotate=5", "shift=1"),
        ("--augment none", "none", "shift=1"),
        ("--validation 0", "0", "0.1"),
        ("--patience 3", "3", "0"),
        ("--limit 90", "90", "100"),
        ("--epochs 2", "2", "3"),
        ("--seed 2", "2", "1"),
    ] {
        let said = fails_model("cnn", &run, &format!("--resume {option}"), 2);
        let (before, after) = said.split_once("is asked for").unwrap_or_else(|| panic!("{said}"));
        assert!(before.contains(asked) && after.contains(had), "{said}");
    }
    let said = fails_model("lenet5", &run, "--resume", 2);
    assert!(
        said.contains("of cnn, not of lenet5; they go with the command that trains cnn"),
        "{said}"
    );
    let other = root.path().join("other.toml");
    fs::write(&other, SMALL.replace("maps = 4", "maps = 5")).unwrap();
    let said = fails_model("cnn", &run, &format!("--resume --config {}", other.display()), 2);
    assert!(said.contains(": network in ") && said.contains("leave it out"), "{said}");
    let output = complete_model("cnn", &run, "--resume --optimizer sgd --epochs 3 --seed 1");
    assert!(text(&output.stdout).contains("is finished: 3 epochs; a larger --epochs goes on"));
    // Settings changed by hand.
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    fs::write(run.join("config.toml"), config.replace("maps = 4", "maps = 5")).unwrap();
    assert!(fails_model("cnn", &run, "--resume", 1).contains("other settings"));
}

#[test]
fn epochs_may_grow() {
    let root = tempfile::tempdir().unwrap();
    let (long, _) = short(root.path(), "long", "--epochs 40 --momentum 0.5,4:0.9");
    let (grown, _) = short(root.path(), "grown", "--epochs 20 --momentum 0.5,4:0.9");
    // What was evaluated is the model of 20 epochs, and the page shows it.
    fs::write(grown.join("eval.json"), "{\"error\": 0.987}").unwrap();
    let read = |name: &str| fs::read(grown.join(name)).unwrap();
    let files = ["model.safetensors", "summary.json", "config.toml", "metrics.jsonl", "eval.json"];
    let before = files.map(read);
    complete_model("cnn", &grown, "--resume");
    assert!(before == files.map(read), "a finished run is left as it is");
    complete_model("cnn", &grown, "--resume --epochs 40");
    assert_same_files(&long, &grown, &FILES);
    assert!(!grown.join("eval.json").exists(), "it is of the older model");
    assert!(!fs::read_to_string(grown.join("report.html")).unwrap().contains("98.70 %"));
    assert!(fs::read_to_string(grown.join("config.toml")).unwrap().contains("epochs = 40"));
    // A line to the last epoch cannot be drawn again.
    for (name, line, part) in [
        ("rate", "--learning-rate 0.05..0.01", "--learning-rate 0.05..0.01, a line"),
        ("momentum", "--learning-rate 0.05 --momentum 0.5..0.9", "--momentum 0.5..0.9, a line"),
    ] {
        let run = root.path().join(name);
        let options = format!(
            "--device cpu --config {} --limit 50 --epochs 2 --optimizer sgd {line}",
            small(root.path()).display()
        );
        complete_model("cnn", &run, &options);
        let said = fails_model("cnn", &run, "--resume --epochs 3", 2);
        assert!(said.contains(part), "{said}");
    }
}

/// With a learning rate of 0 the first epoch stays the best one.
#[test]
fn a_run_that_stopped_early_is_finished() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let options = format!(
        "--device cpu --config {} --limit 100 --learning-rate 0 --patience 3 --epochs 30",
        small(root.path()).display()
    );
    complete_model("cnn", &run, &options);
    assert_eq!(metrics(&run).len(), 4);
    let output = complete_model("cnn", &run, "--resume --epochs 50");
    assert!(text(&output.stdout).contains("it stopped early, after 4 epochs"));
    assert_eq!(metrics(&run).len(), 4);
}

/// Folders in MNIST's naming with so many cases of so many classes.
fn write_folder(folder: &Path, cases: u32, side: u32) {
    fs::create_dir_all(folder).unwrap();
    let header = |magic: u32, sizes: &[u32]| -> Vec<u8> {
        std::iter::once(magic).chain(sizes.iter().copied()).flat_map(u32::to_be_bytes).collect()
    };
    let mut images = header(0x803, &[cases, side, side]);
    images.extend((0..cases * side * side).map(|i| (i * 37 % 256) as u8));
    fs::write(folder.join("train-images-idx3-ubyte"), images).unwrap();
    let mut labels = header(0x801, &[cases]);
    labels.extend((0..cases).map(|i| (9 - i % 10) as u8));
    fs::write(folder.join("train-labels-idx1-ubyte"), labels).unwrap();
}

#[test]
fn changed_data_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    write_folder(&data, 60, 6);
    let (run, _) = short(root.path(), "run", &format!("--epochs 2 --data {}", data.display()));
    for (cases, side, now) in [
        (50, 6, "45 training cases and 5 held out, of 36 values"),
        (60, 7, "54 training cases and 6 held out, of 49 values"),
    ] {
        write_folder(&data, cases, side);
        let said = fails_model("cnn", &run, "--resume --epochs 4", 1);
        let then = "54 training cases and 6 held out, of 36 values when the run began";
        for part in [now, then, "cannot go on"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    // As many, but one label or one pixel is another.
    write_folder(&data, 60, 6);
    for file in ["train-labels-idx1-ubyte", "train-images-idx3-ubyte"] {
        let path = data.join(file);
        let bytes = fs::read(&path).unwrap();
        let mut altered = bytes.clone();
        altered[30] ^= 1;
        fs::write(&path, altered).unwrap();
        let said = fails_model("cnn", &run, "--resume --epochs 4", 1);
        assert!(said.contains("values, labels or weights changed; it cannot go on"), "{said}");
        fs::write(&path, bytes).unwrap();
    }
    complete_model("cnn", &run, "--resume --epochs 4");
    assert_eq!(metrics(&run).len(), 4);
}

/// Too few cases to be split by themselves: they are not split when the run goes on either.
#[test]
fn a_set_too_small_to_be_split_goes_on_unsplit() {
    let root = tempfile::tempdir().unwrap();
    let data = root.path().join("data");
    write_folder(&data, 8, 6);
    // Eight cases of eight classes.
    let (run, config) = (root.path().join("run"), root.path().join("eight.toml"));
    fs::write(&config, SMALL.replace("units = 10", "units = 8")).unwrap();
    let (config, data) = (config.display(), data.display());
    complete_model(
        "cnn",
        &run,
        &format!("--device cpu --config {config} --learning-rate 0.002 --epochs 2 --data {data}"),
    );
    complete_model("cnn", &run, "--resume --epochs 3");
    assert!(metrics(&run).iter().all(|line| line["validation_error"].is_null()));
}
