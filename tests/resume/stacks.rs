//! Runs of several stages go on: the last stage's epochs may grow, and it alone can be ended.

use std::fs;
use std::path::Path;

use super::{complete_model, fails_model, metrics, signal, text, train_model, wait_for};

const LEVELS: &str = "--layers 12,8 --limit 200 --batch 20 --device cpu";

/// What a run of some stages says and has when its last one gets more epochs than it had.
fn grows(model: &str, options: &str, [few, many]: [&str; 2]) {
    let root = tempfile::tempdir().unwrap();
    let [long, grown] = ["long", "grown"].map(|name| root.path().join(name));
    complete_model(model, &long, &format!("{LEVELS} {options} {many}"));
    complete_model(model, &grown, &format!("{LEVELS} {options} {few}"));
    let output = complete_model(model, &grown, "--resume");
    let larger = few.split(' ').next().unwrap();
    assert!(text(&output.stdout).contains(&format!("; a larger {larger} goes on")));
    complete_model(model, &grown, &format!("--resume {many}"));
    assert_eq!(metrics(&grown).len(), metrics(&long).len());
    // Summaries tell what the levels cost, which a run that went on has not measured.
    let bytes = |run: &Path| fs::read(run.join("model.safetensors")).unwrap();
    assert!(bytes(&long) == bytes(&grown));
    assert!(text(&complete_model(model, &grown, "--resume").stdout).contains("is finished"));
}

/// Levels have epochs too, and there are more of these than the whole is to have.
#[test]
fn the_last_stage_of_a_stack_may_grow() {
    grows("dbn", "--pretrain-epochs 6 --learning-rate 0.002", ["--epochs 3", "--epochs 5"]);
    grows("autoencoder", "--pretrain-epochs 6 --optimizer cg", ["--epochs 2", "--epochs 3"]);
    let dbm = "--epochs 4 --classifier --classifier-learning-rate 0.002";
    grows("dbm", dbm, ["--classifier-epochs 2", "--classifier-epochs 4"]);
}

fn refused(model: &str, options: &str, [option, why]: [&str; 2]) {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    // Where the levels are all there is, a batch of the whole is refused.
    let batch = if options.contains("--no-classifier") { "--batch 20 " } else { "" };
    let line = format!("{} {options}", LEVELS.replace(batch, ""));
    complete_model(model, &run, &line);
    let output = complete_model(model, &run, "--resume");
    assert!(!text(&output.stdout).contains("goes on"));
    let said = fails_model(model, &run, &format!("--resume {option}"), 2);
    assert!(said.contains(why), "{said}");
}

#[test]
fn stages_that_are_over_do_not_grow() {
    let over = "stages that are over had as many";
    let few = "--pretrain-epochs 1 --epochs 2 --learning-rate 0.002";
    refused("dbn", &format!("{few} --compare-random"), ["--epochs 3", over]);
    refused("dbn", "--pretrain-epochs 1 --no-classifier", ["--epochs 30", over]);
    refused("autoencoder", &format!("{few} --classifier"), ["--epochs 3", over]);
}

/// Where nobody says what the learning rate is, it is such a line.
#[test]
fn a_line_that_is_the_default_is_not_drawn_again() {
    let line = "--learning-rate 0.001..0.00001, a line drawn to its last epoch";
    refused("dbn", "--pretrain-epochs 1 --epochs 2", ["--epochs 3", line]);
    let classifier = "--epochs 1 --classifier --classifier-epochs 2";
    let line = "--classifier-learning-rate 0.001..0.00001, a line drawn to its last epoch";
    refused("dbm", classifier, ["--classifier-epochs 3", line]);
    refused("dbm", "--epochs 2", ["--epochs 3", "--learning-rate 0.2..0.005, a line"]);
}

/// Interrupts a net's run within its first level, or once the whole has had an epoch.
fn interrupt(run: &Path, options: &str, lines: usize) {
    let mut child = train_model("dbn", run, &format!("{LEVELS} {options}")).spawn().unwrap();
    let far_enough =
        || fs::read_to_string(run.join("metrics.jsonl")).is_ok_and(|m| m.lines().count() >= lines);
    assert!(wait_for(&mut child, far_enough), "it ended too early");
    signal(&child, "INT");
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(130));
}

#[test]
fn a_stack_ends_in_its_last_stage_alone() {
    let root = tempfile::tempdir().unwrap();
    let [level, whole] = ["level", "whole"].map(|name| root.path().join(name));
    interrupt(&level, "--pretrain-epochs 1000000", 1);
    let said = fails_model("dbn", &level, "--resume --finish", 1);
    assert!(
        said.contains("it stands in stage 1 of 3") && said.contains("without --finish"),
        "{said}"
    );
    assert!(!level.join("summary.json").exists());
    interrupt(&whole, "--pretrain-epochs 1 --epochs 1000000 --learning-rate 0.002", 3);
    complete_model("dbn", &whole, "--resume --finish");
    assert!(fs::read_to_string(whole.join("report.html")).unwrap().contains("</html>"));
    assert!(whole.join("model.safetensors").exists());
}
