//! Runs that are killed, interrupted, cut off and altered, and go on. They need signals.
#![cfg(unix)]

mod failures;
mod kills;
mod networks;
mod older;
mod settings;
mod stacks;
mod streams;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// `harmonium train rbm` with these options, on the CPU, in a folder.
pub fn train(out: &Path, options: &str) -> Command {
    train_model("rbm", out, options)
}

/// The same with another model.
pub fn train_model(model: &str, out: &Path, options: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harmonium"));
    command.args(["train", model]).args(options.split_whitespace()).arg("--out").arg(out);
    command.env_remove("HARMONIUM_DEVICE").env("RAYON_NUM_THREADS", "1");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs to the end, which must be a good one.
pub fn complete(out: &Path, options: &str) -> Output {
    complete_model("rbm", out, options)
}

/// The same with another model.
pub fn complete_model(model: &str, out: &Path, options: &str) -> Output {
    let output = train_model(model, out, options).output().unwrap();
    assert!(output.status.success(), "{options}: {}", text(&output.stderr));
    output
}

/// Runs to the end, which must have this exit code; gives standard error.
pub fn fails(out: &Path, options: &str, code: i32) -> String {
    fails_model("rbm", out, options, code)
}

/// The same with another model.
pub fn fails_model(model: &str, out: &Path, options: &str, code: i32) -> String {
    let output = train_model(model, out, options).output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{options}: {said}");
    said
}

/// A disk of its own, at a folder; needs the right to mount one.
pub struct Disk(pub PathBuf);

impl Disk {
    /// Of so many bytes, as `mount` has them; nothing, with a word why, where that is not allowed.
    pub fn mount(folder: PathBuf, size: &str) -> Option<Self> {
        fs::create_dir(&folder).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&folder);
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!(
                "no right to mount a disk: skipped; a_failed_write_loses_nothing is the other test"
            );
        }
        mounted.then_some(Disk(folder))
    }

    pub fn enlarge(&self, size: &str) {
        let option = format!("remount,size={size}");
        let status = Command::new("mount").args(["-o", &option]).arg(&self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn checkpoints(run: &Path) -> [PathBuf; 2] {
    ["checkpoint-a.safetensors", "checkpoint-b.safetensors"].map(|name| run.join(name))
}

/// Waits until `ready` or the process's end; whether it is still running.
pub fn wait_for(child: &mut Child, ready: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !ready() {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        assert!(start.elapsed() < Duration::from_secs(60), "nothing happened for a minute");
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

pub fn signal(child: &Child, name: &str) {
    let status = Command::new("kill").arg(format!("-{name}")).arg(child.id().to_string()).status();
    assert!(status.unwrap().success());
}

/// Starts a run and interrupts it once it trains: past its first checkpoint and, as it takes its
/// signals, within an epoch.
pub fn interrupted(out: &Path, options: &str, name: &str) -> Output {
    interrupted_model("rbm", out, options, name)
}

/// The same with another model.
pub fn interrupted_model(model: &str, out: &Path, options: &str, name: &str) -> Output {
    let mut child = train_model(model, out, options).spawn().unwrap();
    assert!(wait_for(&mut child, || checkpoints(out)[0].exists()), "it ended too early");
    std::thread::sleep(Duration::from_millis(100));
    signal(&child, name);
    child.wait_with_output().unwrap()
}

/// The metrics without what a clock says.
pub fn metrics(run: &Path) -> Vec<Value> {
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let mut lines: Vec<Value> =
        lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines.iter_mut().for_each(strip);
    lines
}

fn strip(value: &mut Value) {
    if let Value::Object(map) = value {
        map.remove("seconds").unwrap();
        map.remove("cases_per_second").unwrap();
        map.remove("peak_device_bytes");
    }
}

/// Whether two runs came to the same model, metrics, summary and curves.
pub fn assert_same(left: &Path, right: &Path) {
    assert_same_files(left, right, &["model.safetensors", "curves.svg", "samples.png"]);
}

/// Whether two runs came to the same metrics and summary, and to these files byte for byte.
pub fn assert_same_files(left: &Path, right: &Path, files: &[&str]) {
    assert_eq!(metrics(left), metrics(right), "metrics");
    let summary = |run: &Path| {
        let mut value =
            serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap();
        strip(&mut value);
        value
    };
    assert_eq!(summary(left), summary(right), "summary");
    for name in files {
        let read = |run: &Path| fs::read(run.join(name)).unwrap();
        assert!(read(left) == read(right), "{name} differs");
    }
}
