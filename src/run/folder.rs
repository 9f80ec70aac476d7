//! The folder that a training run leaves behind.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Error, Result};
use crate::run::atomic;

/// All resolved settings of the run.
pub const CONFIG: &str = "config.toml";
/// One JSON object per line and report.
pub const METRICS: &str = "metrics.jsonl";
/// The final figures.
pub const SUMMARY: &str = "summary.json";
/// The trained model.
pub const MODEL: &str = "model.safetensors";
/// The hidden units' weights as images.
pub const FILTERS: &str = "filters.png";
/// What the model dreams.
pub const SAMPLES: &str = "samples.png";
/// Cases above their reconstructions.
pub const RECONSTRUCTIONS: &str = "reconstructions.png";
/// Metrics over epochs.
pub const CURVES: &str = "curves.svg";
/// All of it on one page.
pub const REPORT: &str = "report.html";
/// Likelihoods, where they were asked for.
pub const EVAL: &str = "eval.json";

/// What a run writes; all that `force` ever removes.
const FILES: [&str; 10] =
    [CONFIG, METRICS, SUMMARY, MODEL, FILTERS, SAMPLES, RECONSTRUCTIONS, CURVES, REPORT, EVAL];

/// A run's folder: `config.toml`, `metrics.jsonl`, `summary.json`, `model.safetensors`, pictures.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    metrics: Option<File>,
}

impl RunFolder {
    /// Makes the folder of a new run: `path` as [`RunFolder::create_at`], or else the next
    /// `runs/<kind>-<number>` under the current folder as [`RunFolder::create_numbered`].
    ///
    /// # Errors
    /// Those of the two.
    pub fn create(path: Option<&Path>, kind: &str, force: bool) -> Result<Self> {
        match path {
            Some(path) => Self::create_at(path, force),
            None => Self::create_numbered(Path::new("runs"), kind),
        }
    }

    /// Makes `<root>/<kind>-<number>`, one above the highest number there. Two processes that ask at
    /// once get two folders.
    ///
    /// # Errors
    /// [`Error::Io`] where the folder cannot be made.
    pub fn create_numbered(root: &Path, kind: &str) -> Result<Self> {
        fs::create_dir_all(root).map_err(|e| Error::io("create", root, e))?;
        let mut number = highest_number(root, kind)?;
        loop {
            number = number.checked_add(1).ok_or_else(|| {
                let full = format!("no number is left after {kind}-{number}");
                Error::io("create a run in", root, io::Error::other(full))
            })?;
            let path = root.join(format!("{kind}-{number}"));
            match fs::create_dir(&path) {
                Ok(()) => return Ok(RunFolder { path, metrics: None }),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("create", path, e)),
            }
        }
    }

    /// Makes `path`, with its parents, or takes it over if it is empty. A folder that holds anything
    /// is refused; with `force` an older run's files are removed first, and nothing else ever is.
    ///
    /// # Errors
    /// [`Error::Run`] for a folder that is not empty (with `force`: that holds no run);
    /// [`Error::Io`] where it cannot be made, read or cleared.
    pub fn create_at(path: &Path, force: bool) -> Result<Self> {
        if path.exists() && !path.is_dir() {
            return Err(Error::run(
                "run folder",
                format!("{} is a file; choose a folder", path.display()),
            ));
        }
        fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
        let names = names_in(path)?;
        let old: Vec<&str> =
            FILES.into_iter().filter(|file| names.iter().any(|n| n == file)).collect();
        if let Some(first) = names.first() {
            if !force {
                return Err(Error::run(
                    "run folder",
                    format!(
                        "{} is not empty (it holds {first}); choose another folder, or --force to \
                         replace an older run's files",
                        path.display()
                    ),
                ));
            }
            if old.is_empty() {
                return Err(Error::run(
                    "run folder",
                    format!(
                        "{} holds {first} and no run, so there is nothing to replace; choose another \
                         folder",
                        path.display()
                    ),
                ));
            }
        }
        for file in old {
            let file = path.join(file);
            fs::remove_file(&file).map_err(|e| Error::io("remove", file, e))?;
        }
        Ok(RunFolder { path: path.to_path_buf(), metrics: None })
    }

    /// Where the run is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `config.toml`. TOML has no null: absent options are left out.
    ///
    /// # Errors
    /// [`Error::File`] for what TOML cannot hold (anything but a struct or a map);
    /// [`Error::Io`] if the file cannot be written.
    pub fn write_config(&self, config: &impl Serialize) -> Result<()> {
        let path = self.path.join(CONFIG);
        let text = toml::to_string_pretty(config)
            .map_err(|e| Error::file(&path, "config", e.to_string()))?;
        atomic::write(&path, |out| out.write_all(text.as_bytes()))
    }

    /// Appends one line to `metrics.jsonl`, in one write, so that a reader that follows the file sees
    /// whole lines. JSON has no NaN or infinity: they become `null`.
    ///
    /// # Errors
    /// [`Error::File`] for a value that JSON cannot hold; [`Error::Io`] if the line cannot be written.
    pub fn append_metrics(&mut self, metrics: &impl Serialize) -> Result<()> {
        let path = self.path.join(METRICS);
        let mut line = serde_json::to_vec(metrics)
            .map_err(|e| Error::file(&path, "new line", e.to_string()))?;
        line.push(b'\n');
        if self.metrics.is_none() {
            let file = OpenOptions::new().create(true).append(true).open(&path);
            self.metrics = Some(file.map_err(|e| Error::io("create", &path, e))?);
        }
        match &mut self.metrics {
            Some(file) => file.write_all(&line).map_err(|e| Error::io("write", &path, e)),
            None => Ok(()),
        }
    }

    /// Writes `summary.json`, indented.
    ///
    /// # Errors
    /// [`Error::File`] for a value that JSON cannot hold; [`Error::Io`] if the file cannot be written.
    pub fn write_summary(&self, summary: &impl Serialize) -> Result<()> {
        let path = self.path.join(SUMMARY);
        let mut text = serde_json::to_vec_pretty(summary)
            .map_err(|e| Error::file(&path, "summary", e.to_string()))?;
        text.push(b'\n');
        atomic::write(&path, |out| out.write_all(&text))
    }

    /// Where the model goes.
    pub fn model_path(&self) -> PathBuf {
        self.path.join(MODEL)
    }

    /// Where the picture `name` goes ([`FILTERS`], [`SAMPLES`], …).
    pub fn picture_path(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

/// The model file that `path` means: a run folder's `model.safetensors`, or the file itself.
///
/// # Errors
/// [`Error::Run`] where there is none, saying what was looked for.
pub fn resolve_model(path: &Path) -> Result<PathBuf> {
    let shown = path.display();
    if path.is_file() {
        return Ok(path.to_path_buf());
    }
    if !path.is_dir() {
        return Err(Error::run(
            "model",
            format!("{shown} does not exist; give a run folder or a .safetensors file"),
        ));
    }
    let model = path.join(MODEL);
    if model.is_file() {
        return Ok(model);
    }
    let why = if path.join(CONFIG).is_file() || path.join(METRICS).is_file() {
        "training did not finish; train again, or give another run"
    } else {
        "it is not a run folder; give a run folder or a .safetensors file"
    };
    Err(Error::run("model", format!("{shown} has no {MODEL}: {why}")))
}

/// The names in a folder, sorted, those that are not UTF-8 with replacement characters.
fn names_in(folder: &Path) -> Result<Vec<String>> {
    let read = |e| Error::io("read", folder, e);
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(read)? {
        names.push(entry.map_err(read)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn highest_number(root: &Path, kind: &str) -> Result<u64> {
    let number = |name: &String| name.strip_prefix(kind)?.strip_prefix('-')?.parse::<u64>().ok();
    Ok(names_in(root)?.iter().filter_map(number).max().unwrap_or(0))
}
