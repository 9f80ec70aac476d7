//! What may change from a run to its going on, and what may not.

use std::fs;

use super::{assert_same, complete, fails, interrupted, metrics, text, train, wait_for};

const OPTIONS: &str = "--hidden 10 --limit 200 --batch 20 --device cpu --learning-rate 0.05";

#[test]
fn nothing_to_resume_is_said() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    assert!(fails(&run, "--resume", 1).contains("nothing to resume"));
    // Killed after config.toml and before the first checkpoint.
    complete(&run, &format!("{OPTIONS} --epochs 2"));
    for path in super::checkpoints(&run) {
        fs::remove_file(path).unwrap();
    }
    assert!(fails(&run, "--resume", 1).contains("nothing to resume"));
    complete(&run, &format!("{OPTIONS} --epochs 2 --force"));
}

#[test]
fn contradicting_options_name_both_values() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    complete(&run, &format!("{OPTIONS} --epochs 4"));
    for (option, asked, had) in [
        ("--batch 21", "21", "20"),
        ("--device vulkan", "vulkan", "cpu"),
        ("--learning-rate 0.06", "0.06", "0.05"),
        ("--centered", "true", "false"),
        ("--pcd", "1", "none"),
        ("--limit 100", "100", "200"),
        ("--epochs 3", "3", "4"),
        ("--seed 2", "2", "1"),
    ] {
        let said = fails(&run, &format!("--resume {option}"), 2);
        let (before, after) = said.split_once("is asked for").unwrap_or_else(|| panic!("{said}"));
        assert!(before.contains(asked) && after.contains(had), "{said}");
    }
    // What a variable of the environment asks for is said of it.
    let mut resumed = train(&run, "--resume");
    let output = resumed.env("HARMONIUM_DEVICE", "auto").output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--device, which HARMONIUM_DEVICE in the environment speaks for: "),
        "{said}"
    );
    // The same values, however they are written, contradict nothing.
    let output = complete(&run, &format!("--resume {OPTIONS} --cd 1 --epochs 4"));
    assert!(text(&output.stdout).contains("is finished"));
    // Settings changed by hand.
    let path = run.join("config.toml");
    let config = fs::read_to_string(&path).unwrap();
    fs::write(&path, config.replace("hidden = 10", "hidden = 11")).unwrap();
    assert!(fails(&run, "--resume", 1).contains("other settings"));
}

#[test]
fn epochs_may_grow() {
    let root = tempfile::tempdir().unwrap();
    let [long, grown, line] = ["long", "grown", "line"].map(|name| root.path().join(name));
    complete(&long, &format!("{OPTIONS} --epochs 40"));
    complete(&grown, &format!("{OPTIONS} --epochs 20"));
    // A finished run is left as it is.
    let read = |name: &str| fs::read(grown.join(name)).unwrap();
    let before = ["model.safetensors", "summary.json", "config.toml", "metrics.jsonl"].map(read);
    complete(&grown, "--resume");
    let after = ["model.safetensors", "summary.json", "config.toml", "metrics.jsonl"].map(read);
    assert!(before == after);
    // But for a report that an interrupt took from it.
    let report = grown.join("report.html");
    fs::remove_file(&report).unwrap();
    let output = complete(&grown, "--resume");
    assert!(text(&output.stdout).contains(&format!("report: {}", report.display())));
    assert!(fs::read_to_string(&report).unwrap().contains("</html>"));
    assert!(
        before == ["model.safetensors", "summary.json", "config.toml", "metrics.jsonl"].map(read)
    );
    complete(&grown, "--resume --epochs 40");
    assert_eq!(metrics(&grown).len(), 40);
    let model = |run: &std::path::Path| fs::read(run.join("model.safetensors")).unwrap();
    assert!(model(&long) == model(&grown));
    assert!(fs::read_to_string(grown.join("config.toml")).unwrap().contains("epochs = 40"));
    // A line to the last epoch cannot be drawn again.
    complete(&line, "--hidden 5 --limit 50 --device cpu --epochs 2 --learning-rate 0.1..0.01");
    assert!(fails(&line, "--resume --epochs 3", 2).contains("0.1..0.01"));
}

#[test]
fn a_second_process_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let mut child = train(&run, &format!("{OPTIONS} --epochs 1000000")).spawn().unwrap();
    assert!(wait_for(&mut child, || super::checkpoints(&run)[0].exists()));
    for how in ["--resume", "--force"] {
        let said = fails(&run, how, 1);
        assert!(said.contains("another process") && said.contains("run"), "{said}");
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // The lock went with the process.
    complete(&run, &format!("{OPTIONS} --epochs 2 --force"));
}

#[test]
fn quiet_and_log_level() {
    let root = tempfile::tempdir().unwrap();
    let said = |name: &str, options: &str| {
        let output = complete(&root.path().join(name), &format!("{OPTIONS} --epochs 2 {options}"));
        (text(&output.stdout).lines().count(), text(&output.stderr))
    };
    assert_eq!(said("quiet", "--quiet"), (1, String::new()));
    let (lines, errors) = said("warn", "--log-level warn");
    assert!(lines > 3 && errors.is_empty(), "{errors}");
    let (lines, errors) = said("both", "--quiet --log-level info");
    assert!(lines == 1 && errors.contains("device:"), "{errors}");
    // Errors are told always.
    assert!(fails(&root.path().join("none"), "--resume --quiet", 1).contains("nothing to resume"));
}

#[test]
fn seconds_add_up() {
    let root = tempfile::tempdir().unwrap();
    let run = root.path().join("run");
    let output = interrupted(&run, &format!("{OPTIONS} --epochs 2000"), "INT");
    assert_eq!(output.status.code(), Some(130), "{}", text(&output.stderr));
    complete(&run, "--resume");
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let sum: f64 = lines.lines().map(|line| json(line)["seconds"].as_f64().unwrap()).sum();
    let summary = json(&fs::read_to_string(run.join("summary.json")).unwrap());
    assert_eq!(summary["seconds"].as_f64(), Some(sum));
    assert_same(&run, &run);
}

/// The run's record says what the data were: fewer cases, or wider ones, are others.
#[test]
fn changed_data_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let (run, data) = (root.path().join("run"), root.path().join("data.npy"));
    let filled = |rows: usize, width: usize, value: fn(usize) -> usize| {
        let values: Vec<f32> = (0..rows * width).map(|i| value(i) as f32 / 7.0).collect();
        harmonium::run::npy::write(&data, &values, rows, width).unwrap();
    };
    let write = |rows, width| filled(rows, width, |i| i % 7);
    write(60, 9);
    complete(&run, &format!("--data {} --hidden 4 --epochs 2 --device cpu", data.display()));
    for (rows, width, now) in [
        (50, 9, "45 training cases and 5 held out, of 9 values"),
        (60, 8, "54 training cases and 6 held out, of 8 values"),
    ] {
        write(rows, width);
        let said = fails(&run, "--resume --epochs 4", 1);
        let then = "54 training cases and 6 held out, of 9 values when the run began";
        for part in ["data.npy", now, then, "cannot go on"] {
            assert!(said.contains(part), "{part}: {said}");
        }
    }
    // As many, but one value is another.
    filled(60, 9, |i| if i == 100 { 6 } else { i % 7 });
    let said = fails(&run, "--resume --epochs 4", 1);
    assert!(
        said.contains("data.npy") && said.contains("values, labels or weights changed"),
        "{said}"
    );
    write(60, 9);
    complete(&run, "--resume --epochs 4");
    assert_eq!(metrics(&run).len(), 4);
}
