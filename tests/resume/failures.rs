//! Damaged checkpoints, full disks, divergence.

use std::fs;
use std::path::Path;
use std::process::Command;

use harmonium::run::Checkpoint;

use super::{
    Disk, assert_same, checkpoints, complete, fails, fails_model, interrupted, text, train,
};

const OPTIONS: &str = "--hidden 20 --limit 400 --batch 20 --device cpu --epochs 800";

/// An unbroken run and an interrupted one; the latter's checkpoints, the newer first.
fn broken_run(root: &Path) -> (std::path::PathBuf, std::path::PathBuf, [std::path::PathBuf; 2]) {
    let [unbroken, broken] = ["unbroken", "broken"].map(|name| root.join(name));
    complete(&unbroken, OPTIONS);
    let output = interrupted(&broken, OPTIONS, "INT");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    let mut paths = checkpoints(&broken);
    let step = |path| Checkpoint::load(path).unwrap().state.clock.updates;
    if step(&paths[0]) < step(&paths[1]) {
        paths.reverse();
    }
    (unbroken, broken, paths)
}

#[test]
fn a_truncated_checkpoint_is_refused_and_the_previous_one_used() {
    let root = tempfile::tempdir().unwrap();
    let (unbroken, broken, [newer, _]) = broken_run(root.path());
    let bytes = fs::read(&newer).unwrap();
    fs::write(&newer, &bytes[..bytes.len() * 2 / 3]).unwrap();
    let output = complete(&broken, "--resume");
    let said = text(&output.stderr);
    let name = newer.file_name().unwrap().to_str().unwrap();
    assert!(said.contains("truncated") && said.contains(name), "{said}");
    assert!(said.contains("is used instead"), "{said}");
    assert_same(&unbroken, &broken);
}

#[test]
fn an_altered_checkpoint_is_refused_and_the_previous_one_used() {
    let root = tempfile::tempdir().unwrap();
    let (unbroken, broken, [newer, older]) = broken_run(root.path());
    let bytes = fs::read(&newer).unwrap();
    // Every part of the file: header, counters, each array's bytes.
    for at in (0..bytes.len()).step_by(97).chain([bytes.len() - 1]) {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        fs::write(&newer, &altered).unwrap();
        assert!(Checkpoint::load(&newer).is_err(), "byte {at}");
    }
    let output = complete(&broken, "--resume");
    let said = text(&output.stderr);
    assert!(said.contains("altered") && said.contains("is used instead"), "{said}");
    assert_same(&unbroken, &broken);
    // Neither is whole: an error that says so.
    for path in [newer, older] {
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    }
    let said = fails(&broken, "--resume --epochs 900", 1);
    assert!(said.contains("none can be used") && said.matches("truncated").count() == 2, "{said}");
}

#[test]
fn divergence_leaves_the_last_good_checkpoint_and_the_metrics() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let options = "--visible gaussian --hidden 20 --limit 400 --device cpu --epochs 500 \
                   --learning-rate 0.001,20:1e6";
    let said = fails(&run, options, 1);
    assert!(said.contains("diverged") && said.contains("stay in"), "{said}");
    let states = || -> Vec<_> {
        checkpoints(&run).iter().filter_map(|path| Checkpoint::load(path).ok()).collect()
    };
    assert!(!states().is_empty());
    assert!(fs::read_to_string(run.join("metrics.jsonl")).unwrap().lines().count() >= 20);
    // Going on from there ends in the same way.
    let said = fails(&run, "--resume", 1);
    assert!(said.contains("diverged") && said.contains("would diverge again"), "{said}");
    assert!(!said.contains("to go on from there: "), "{said}");
    // What is advised works, where an epoch was learnt.
    let learnt = states().iter().any(|state| state.state.clock.epochs > 0);
    let advice = format!("--resume --out {} --finish", run.display());
    assert_eq!(said.contains(&advice), learnt, "{said}");
    complete(&run, "--resume --finish");
    assert!(run.join("model.safetensors").is_file());
}

/// No checkpoint is promised where there is none, and the option is named that asks for too much.
#[test]
fn what_never_began_is_not_said_to_go_on() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let said =
        fails_model("dbn", &run, "--layers 20,1000000000 --limit 50 --epochs 1 --device cpu", 1);
    let option = "--layers 20,1000000000 asks for it";
    assert!(said.contains("more than 2147483647 elements") && said.contains(option), "{said}");
    assert_eq!(said.contains("stay in"), checkpoints(&run).iter().any(|path| path.is_file()));
    for (model, options) in
        [("rbm", "--visible softmax:1000000000000"), ("crf", "--window 1000000000000")]
    {
        let said = fails_model(model, &run, &format!("{options} --limit 50 --epochs 1"), 1);
        let asked = options.rsplit("--").next().unwrap();
        let (setting, value) = asked.split_once(' ').unwrap();
        assert!(said.contains("do not fit in memory"), "{said}");
        assert!(said.contains(setting) || said.contains(value), "{said}");
    }
    let Some(disk) = Disk::mount(root.path().join("disk"), "16k") else { return };
    let run = disk.0.join("run");
    let said = fails(&run, "--hidden 200 --limit 50 --epochs 1 --device cpu", 1);
    assert!(said.contains("cannot write") && said.contains("nothing was learnt"), "{said}");
    assert!(!said.contains("stay in") && !said.contains("--resume"), "{said}");
}

#[test]
fn metrics_that_are_gone_or_cut_name_their_file_and_a_way_out() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let options = "--hidden 5 --limit 50 --device cpu --epochs 4";
    complete(&run, options);
    let metrics = run.join("metrics.jsonl");
    let whole = fs::read_to_string(&metrics).unwrap();
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    let refused = |parts: &[&str]| {
        let said = fails(&run, "--resume --epochs 5", 1);
        for part in parts.iter().chain(&["metrics.jsonl", "put the file back", "--force"]) {
            assert!(said.contains(part), "{part}: {said}");
        }
    };
    fs::write(&metrics, lines[..2].concat()).unwrap();
    refused(&["line 3", "the file ends before it", "of epoch 4"]);
    fs::write(&metrics, [lines[0], lines[2]].concat()).unwrap();
    refused(&["line 2: expected epoch 2"]);
    fs::remove_file(&metrics).unwrap();
    refused(&["is missing", "4 epochs"]);
    fs::write(&metrics, &whole).unwrap();
    complete(&run, "--resume --epochs 5");
}

#[test]
fn a_model_that_was_removed_is_made_again() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    complete(&run, "--hidden 5 --limit 50 --device cpu --epochs 4");
    let model = run.join("model.safetensors");
    let before = fs::read(&model).unwrap();
    fs::remove_file(&model).unwrap();
    let mut eval = Command::new(env!("CARGO_BIN_EXE_harmonium"));
    let output = eval.args(["eval", "--device", "cpu"]).arg(&run).output().unwrap();
    let said = text(&output.stderr);
    assert!(said.contains("has no model.safetensors: training finished"), "{said}");
    assert!(said.contains(&format!("--resume --out {} --finish`", run.display())), "{said}");
    complete(&run, "--resume --finish");
    assert_eq!(fs::read(&model).unwrap(), before);
}

/// Files may not grow past a limit that metrics.jsonl reaches first: a real failed write.
#[test]
fn a_failed_write_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let [unbroken, run] = ["unbroken", "run"].map(|name| root.path().join(name));
    complete(&unbroken, OPTIONS);
    // Blocks are of 512 or 1024 bytes, as the shell likes.
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_harmonium");
    command.args(["-c", "trap '' XFSZ; ulimit -f 40; exec \"$0\" \"$@\"", program, "train", "rbm"]);
    command.args(OPTIONS.split_whitespace()).arg("--out").arg(&run);
    let output = command.output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write") && said.contains("metrics.jsonl"), "{said}");
    complete(&run, "--resume");
    assert_same(&unbroken, &run);
}

/// A disk of its own that fills up; needs the right to mount one.
#[test]
fn a_full_disk_loses_nothing() {
    let root = tempfile::tempdir().unwrap();
    let [unbroken, disk] = ["unbroken", "disk"].map(|name| root.path().join(name));
    let Some(disk) = Disk::mount(disk, "96k") else { return };
    complete(&unbroken, OPTIONS);
    let run = disk.0.join("run");
    let said = fails(&run, OPTIONS, 1);
    assert!(said.contains("cannot write") && said.contains("No space left"), "{said}");
    assert!(checkpoints(&run).iter().any(|path| Checkpoint::load(path).is_ok()));
    // Still full: still refused, still nothing lost.
    fails(&run, "--resume", 1);
    disk.enlarge("8m");
    complete(&run, "--resume");
    assert_same(&unbroken, &run);
}

/// Halves of files that a killed process left are no reason to refuse the folder, and are removed.
#[test]
fn the_run_folder_survives_leftovers_of_a_kill() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    fs::create_dir(&run).unwrap();
    fs::write(run.join(".config.toml.1-0.tmp"), "half").unwrap();
    fs::write(run.join(".lock"), "").unwrap();
    let output = train(&run, "--hidden 5 --limit 50 --epochs 1 --device cpu").output().unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(!run.join(".config.toml.1-0.tmp").exists());
}
