//! The command as a user meets it: the built binary, run in folders of its own.

mod apply;
mod augment;
mod autoencoder;
mod bench;
mod class_rbm;
mod classify;
mod columns;
mod command;
mod crf;
mod crf_stages;
mod data;
mod dbm;
mod dbn;
mod filter;
mod foreign;
mod galleries;
mod kinds;
mod meaning;
mod mixing;
mod network;
mod network_refusals;
mod older;
mod onnx;
mod passed_over;
mod per_case;
mod ranks;
mod ranks_at_work;
mod settings;
mod streams;
mod targets;
mod train;
mod tune;
mod units;
mod variants;
mod weights;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use harmonium::run::ModelFile;
use tempfile::TempDir;

/// What one run of the command said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    /// Asserts success.
    fn done(self) -> Self {
        assert_eq!(self.code, 0, "{}\n{}", self.out, self.err);
        self
    }

    /// Asserts a failure with this exit code: nothing on standard output, and one paragraph that holds
    /// `parts`.
    fn refused(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.out, self.err);
        assert_eq!(self.out, "", "results of a failure");
        let error = self.error();
        for part in parts {
            assert!(error.contains(part), "expected {part:?} in {error:?}");
        }
        self
    }

    /// What follows `error: `; there must be one error, and it must end the output.
    fn error(&self) -> &str {
        assert_eq!(self.err.matches("error: ").count(), 1, "{}", self.err);
        let text = self.err.split("error: ").nth(1).unwrap();
        // The parser of arguments adds its usage in paragraphs of its own.
        assert!(self.code == 2 || !text.trim_end().contains("\n\n"), "{text}");
        text
    }
}

/// The command in `folder`, with no device set from outside.
fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_harmonium"));
    command.current_dir(folder).args(arguments).stdin(Stdio::null());
    command
        .env_remove("HARMONIUM_DEVICE")
        .env_remove("HARMONIUM_POLICY")
        .env("RUST_BACKTRACE", "1");
    // Mesa's GL writes `error: XDG_RUNTIME_DIR is invalid` where there is none.
    command.env("XDG_RUNTIME_DIR", folder);
    command
}

fn finish(command: &mut Command) -> Said {
    let output = command.output().expect("the command starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
    let (out, err) = (text(output.stdout), text(output.stderr));
    for trace in ["panicked", "stack backtrace", "RUST_BACKTRACE"] {
        assert!(!err.contains(trace) && !out.contains(trace), "{err}\n{out}");
    }
    Said { code: output.status.code().expect("it ends by itself"), out, err }
}

/// Runs the command on the CPU.
fn run(folder: &Path, arguments: &[&str]) -> Said {
    finish(command(folder, arguments).env("HARMONIUM_DEVICE", "cpu"))
}

/// Runs the command on the CPU with the words of a line, which must have no spaces within.
fn say(folder: &Path, line: &str) -> Said {
    run(folder, &line.split_whitespace().collect::<Vec<_>>())
}

/// `train rbm` with a few epochs of a small machine.
fn train(folder: &Path, options: &str) -> Said {
    say(folder, &format!("train rbm --epochs 2 --hidden 12 {options}"))
}

fn temporary() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// One run on the bundled digits that the tests share: 12 hidden units, 20 epochs. Nobody writes there.
fn shared() -> &'static (PathBuf, String, String) {
    static RUN: OnceLock<(TempDir, (PathBuf, String, String))> = OnceLock::new();
    &RUN.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let said = say(folder.path(), "train rbm --epochs 20 --hidden 12 --out run").done();
        let path = folder.path().join("run");
        (folder, (path, said.out, said.err))
    })
    .1
}

/// The shared run, as an argument.
fn shared_run() -> &'static str {
    shared().0.to_str().expect("UTF-8")
}

fn text(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn config(run: &Path) -> toml::Table {
    text(run.join("config.toml")).parse().expect("TOML")
}

fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

/// A machine's file as plain arrays.
struct Machine {
    visible_count: usize,
    hidden_count: usize,
    w: Vec<f32>,
    b: Vec<f32>,
    a: Vec<f32>,
    data_mean: Option<Vec<f32>>,
    data_std: Option<Vec<f32>>,
    metadata: BTreeMap<String, String>,
}

fn machine(path: &Path) -> Machine {
    let ModelFile { mut tensors, metadata, .. } = ModelFile::load(path).expect("a model");
    let mut take = |name: &str| tensors.remove(name).map(|array| array.values);
    let [w, b, a] = ["W", "b", "a"].map(|name| take(name).expect(name));
    let (visible_count, hidden_count) = (b.len(), a.len());
    let (data_mean, data_std) = (take("data_mean"), take("data_std"));
    Machine { visible_count, hidden_count, w, b, a, data_mean, data_std, metadata }
}

fn model(run: &Path) -> Machine {
    machine(&run.join("model.safetensors"))
}

fn model_bytes(run: &Path) -> Vec<u8> {
    fs::read(run.join("model.safetensors")).expect("a model")
}

/// The shape and the values of an f32 array in C's order, by another reader than the command's own.
fn npy(path: impl AsRef<Path>) -> (Vec<u64>, Vec<f32>) {
    let bytes = fs::read(path).expect("an array");
    let file = npyz::NpyFile::new(&bytes[..]).expect("npy");
    assert_eq!(file.dtype().descr(), "'<f4'");
    assert_eq!(file.order(), npyz::Order::C);
    (file.shape().to_vec(), file.into_vec().expect("f32"))
}

fn write_npy(path: impl AsRef<Path>, values: &[f32], width: usize) {
    harmonium::run::npy::write(path, values, values.len() / width, width).expect("written");
}

/// p(h|v) = σ(a + vW) in f64, a row for each row of `v`.
fn hidden_means(model: &Machine, v: &[f32]) -> Vec<f64> {
    let (i, j) = (model.visible_count, model.hidden_count);
    let unit = |row: &[f32], k: usize| {
        let input = (0..i).map(|n| f64::from(row[n]) * f64::from(model.w[n * j + k])).sum::<f64>();
        1.0 / (1.0 + (-input - f64::from(model.a[k])).exp())
    };
    v.chunks(i).flat_map(|row| (0..j).map(move |k| unit(row, k))).collect()
}

/// b + Wh in f64, a row for each row of `h`.
fn visible_inputs(model: &Machine, h: &[f64]) -> Vec<f64> {
    let (i, j) = (model.visible_count, model.hidden_count);
    let unit = |row: &[f64], n: usize| {
        f64::from(model.b[n]) + (0..j).map(|k| row[k] * f64::from(model.w[n * j + k])).sum::<f64>()
    };
    h.chunks(j).flat_map(|row| (0..i).map(move |n| unit(row, n))).collect()
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

/// Values that agree to 1e-4 of their size (sums of at most 784 products in f32).
fn assert_close(found: &[f32], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (at, (&f, &e)) in found.iter().zip(expected).enumerate() {
        assert!(
            (f64::from(f) - e).abs() <= 1e-4 * (1.0 + e.abs()),
            "value {at}: {f}, expected {e}"
        );
    }
}

/// A picture that decodes, has a size that a person can look at, and shows something.
fn assert_picture(path: impl AsRef<Path>) -> (usize, usize) {
    let path = path.as_ref();
    let picture = harmonium::run::png_file::Picture::load(path).expect("a PNG");
    let (width, height) = (picture.width, picture.height);
    assert!((100..4000).contains(&width) && (50..4000).contains(&height), "{width} × {height}");
    let mut colours = picture.pixels.clone();
    colours.sort_unstable();
    colours.dedup();
    // A gap, black, white and a shade between.
    assert!(colours.len() >= 4, "{} has {} colours", path.display(), colours.len());
    (width, height)
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).expect("a folder");
    let mut names: Vec<String> =
        entries.map(|e| e.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_host_computation_sees_another_model() {
    let mut model = model(&shared().0);
    let v = vec![0.0; 64];
    let means: Vec<f32> = hidden_means(&model, &v).iter().map(|x| *x as f32).collect();
    assert_close(&means, &hidden_means(&model, &v));
    model.a[3] += 0.01;
    let wrong = hidden_means(&model, &v);
    assert!(std::panic::catch_unwind(|| assert_close(&means, &wrong)).is_err());
}
