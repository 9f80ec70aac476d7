//! Numbering, refusing, replacing, and finding the model again.

use std::fs;
use std::path::Path;

use harmonium::run::{self, RunFolder, resolve_model};
use serde::Serialize;

#[derive(Serialize)]
struct Config {
    hidden: usize,
    rate: f64,
    note: Option<String>,
    device: &'static str,
}

#[test]
fn numbers_follow_the_highest_one() {
    let root = tempfile::tempdir().unwrap();
    let runs = root.path().join("deep/runs");
    let next = |kind| RunFolder::create_numbered(&runs, kind).unwrap().path().to_path_buf();
    assert_eq!(next("rbm"), runs.join("rbm-1"));
    assert_eq!(next("rbm"), runs.join("rbm-2"));
    assert_eq!(next("dbn"), runs.join("dbn-1"));
    fs::create_dir(runs.join("rbm-10")).unwrap();
    fs::create_dir(runs.join("rbm-old")).unwrap();
    assert_eq!(next("rbm"), runs.join("rbm-11"));
    fs::create_dir(runs.join(format!("rbm-{}", u64::MAX))).unwrap();
    let text = RunFolder::create_numbered(&runs, "rbm").unwrap_err().to_string();
    assert!(text.contains("no number is left"), "{text}");
}

#[test]
fn runs_that_start_together_get_a_folder_each() {
    let root = tempfile::tempdir().unwrap();
    let mut paths: Vec<_> = std::thread::scope(|scope| {
        let start = || RunFolder::create_numbered(root.path(), "rbm").unwrap().path().to_path_buf();
        let threads: Vec<_> = (0..16).map(|_| scope.spawn(start)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    paths.sort();
    paths.dedup();
    assert_eq!(paths.len(), 16);
}

#[test]
fn a_folder_that_holds_something_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("a/b");
    RunFolder::create(Some(&path), "rbm", false).unwrap();
    // Empty: taken.
    let mut run = RunFolder::create(Some(&path), "rbm", false).unwrap();
    run.append_metrics(&1).unwrap();
    fs::write(path.join("notes.txt"), "mine").unwrap();
    let text = RunFolder::create(Some(&path), "rbm", false).unwrap_err().to_string();
    assert!(text.contains("is not empty") && text.contains("metrics.jsonl"), "{text}");
    // Not while it is being written.
    let text = RunFolder::create(Some(&path), "rbm", true).unwrap_err().to_string();
    assert!(text.contains("another process"), "{text}");
    drop(run);
    // An older run stays until the new one has begun.
    let mut run = RunFolder::create(Some(&path), "rbm", true).unwrap();
    assert!(run.replaces() && path.join("metrics.jsonl").exists());
    assert!(run.undo().is_some_and(|words| words.contains("as it was")));
    drop(run);
    // Then it is replaced, and what is not the run's stays.
    let mut run = RunFolder::create(Some(&path), "rbm", true).unwrap();
    assert!(run.begun().unwrap() && !run.replaces());
    assert!(!path.join("metrics.jsonl").exists());
    assert_eq!(fs::read(path.join("notes.txt")).unwrap(), b"mine");
    assert_eq!(run.undo(), None);
    drop(run);
    // Now it holds no run: even force refuses.
    let text = RunFolder::create(Some(&path), "rbm", true).unwrap_err().to_string();
    assert!(text.contains("notes.txt") && text.contains("no run"), "{text}");
    let file = path.join("notes.txt");
    let text = RunFolder::create(Some(&file), "rbm", true).unwrap_err().to_string();
    assert!(text.contains("is a file"), "{text}");
}

#[test]
fn what_is_written_can_be_read_by_others() {
    let root = tempfile::tempdir().unwrap();
    let mut run = RunFolder::create_at(&root.path().join("r"), false).unwrap();
    let config = Config { hidden: 64, rate: 0.1, note: None, device: "cpu" };
    run.write_config(&config).unwrap();
    let text = fs::read_to_string(run.path().join(run::CONFIG)).unwrap();
    let table: toml::Table = text.parse().unwrap();
    assert_eq!(table["hidden"].as_integer(), Some(64));
    assert_eq!(table["rate"].as_float(), Some(0.1));
    assert!(!table.contains_key("note"));

    for epoch in 1..=3u32 {
        run.append_metrics(&serde_json::json!({ "epoch": epoch, "error": f64::NAN })).unwrap();
        let text = fs::read_to_string(run.path().join(run::METRICS)).unwrap();
        assert!(text.ends_with('\n'));
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), epoch as usize);
        assert_eq!(lines[epoch as usize - 1]["epoch"], epoch);
        assert!(lines[0]["error"].is_null());
    }
    run.write_summary(&config).unwrap();
    let text = fs::read_to_string(run.path().join(run::SUMMARY)).unwrap();
    assert!(text.lines().count() > 3, "{text}");
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(value["device"], "cpu");
    assert_eq!(run.picture_path(run::FILTERS), run.path().join("filters.png"));
}

#[test]
fn any_seed_survives_the_config_and_what_toml_cannot_hold_is_named() {
    let root = tempfile::tempdir().unwrap();
    let run = RunFolder::create_at(root.path(), false).unwrap();
    let config = std::collections::BTreeMap::from([("seed".to_string(), u64::MAX)]);
    run.write_config(&config).unwrap();
    let path = run.path().join(run::CONFIG);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(toml::from_str::<std::collections::BTreeMap<String, u64>>(&text).unwrap(), config);
    // No table: refused, and the older file stays.
    let error = run.write_config(&5).unwrap_err().to_string();
    assert!(error.contains("config.toml"), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn models_are_found_by_folder_or_file() {
    let root = tempfile::tempdir().unwrap();
    let fail = |path: &Path| resolve_model(path).unwrap_err().to_string();
    let mut run = RunFolder::create_at(&root.path().join("r"), false).unwrap();
    let text = fail(run.path());
    assert!(text.contains("has no model.safetensors") && text.contains("not a run"), "{text}");
    run.append_metrics(&1).unwrap();
    let text = fail(run.path());
    assert!(text.contains("training did not finish"), "{text}");
    fs::write(run.model_path(), b"").unwrap();
    assert_eq!(resolve_model(run.path()).unwrap(), run.model_path());
    assert_eq!(resolve_model(&run.model_path()).unwrap(), run.model_path());
    let text = fail(&root.path().join("nowhere"));
    assert!(text.contains("nowhere does not exist"), "{text}");
}
