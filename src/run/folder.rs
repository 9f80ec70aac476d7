//! The folder that a training run leaves behind.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::checkpoint::Checkpoints;
use super::files::{CONFIG, FILES, METRICS, MODEL, SUMMARY};
use crate::error::{Error, Result};
use crate::run::atomic;

/// Locked by the process that writes the folder. It stays there, empty: removing it would be a race. It goes with a folder alone
/// that was made for a run that could not begin.
pub(super) const LOCK: &str = ".lock";

/// A run's folder: `config.toml`, `metrics.jsonl`, `summary.json`, `model.safetensors`, pictures.
#[derive(Debug)]
pub struct RunFolder {
    pub(super) path: PathBuf,
    pub(super) metrics: Option<File>,
    pub(super) new: Option<New>,
    /// Held as long as the folder is written; the operating system frees it, however the process ends.
    _lock: Option<File>,
}

/// A run that has not begun.
#[derive(Debug, Clone, Copy)]
pub(super) struct New {
    /// Whether the folder was made for it.
    pub made: bool,
    /// Whether an older run's files lie there still.
    pub replaces: bool,
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
                Ok(()) => return Self::locked(path, Some(New { made: true, replaces: false })),
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(Error::io("create", path, e)),
            }
        }
    }

    /// Makes `path`, with its parents, or takes it over if it is empty. A folder that holds anything
    /// is refused; with `force` an older run's files are replaced, and nothing else ever is: they stay until the new run has
    /// begun ([`RunFolder::begun`]).
    ///
    /// # Errors
    /// [`Error::Run`] for a folder that is not empty (with `force`: that holds no run), or that another
    /// process is writing;
    /// [`Error::Io`] where it cannot be made, read or cleared.
    pub fn create_at(path: &Path, force: bool) -> Result<Self> {
        if path.exists() && !path.is_dir() {
            return Err(Error::run(
                "run folder",
                format!("{} is a file; choose a folder", path.display()),
            ));
        }
        let made = !path.exists();
        fs::create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
        let names = names_of_run(path)?;
        let is_run = names.iter().any(|name| FILES.contains(&name.as_str()));
        let first = names.first().map(String::as_str).unwrap_or(CONFIG);
        let refused =
            |what: String| Err(Error::run("run folder", format!("{} {what}", path.display())));
        match (is_run, names.is_empty(), force) {
            (false, true, _) => {
                Self::locked(path.to_path_buf(), Some(New { made, replaces: false }))
            }
            (false, false, _) => refused(format!(
                "holds {first} and no run, so there is nothing to replace or to go on with; choose another folder"
            )),
            (true, _, false) => refused(format!(
                "is not empty (it holds {first}); choose another folder, --resume to go on with an older run, or --force to \
                 replace its files"
            )),
            (true, _, true) => {
                Self::locked(path.to_path_buf(), Some(New { made: false, replaces: true }))
            }
        }
    }

    /// Opens the folder of an older run, to go on with it.
    ///
    /// # Errors
    /// [`Error::Run`] where there is no run, or another process is at it; [`Error::Io`].
    pub fn open(path: &Path) -> Result<Self> {
        if !path.join(CONFIG).is_file() {
            return Err(Error::run(
                "run folder",
                format!("there is nothing to resume: {} has no {CONFIG}", path.display()),
            ));
        }
        Self::locked(path.to_path_buf(), None)
    }

    /// No folder: of a rank that writes nothing.
    pub(super) fn nowhere() -> Self {
        RunFolder { path: PathBuf::new(), metrics: None, new: None, _lock: None }
    }

    /// Locks the folder and removes the halves of files that a killed process left.
    fn locked(path: PathBuf, new: Option<New>) -> Result<Self> {
        let file = path.join(LOCK);
        // Windows locks nothing that is open for appending alone.
        let lock = OpenOptions::new().create(true).read(true).append(true).open(&file);
        let lock = lock.map_err(|e| Error::io("create", &file, e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::run(
                    "run folder",
                    format!(
                        "another process is writing {}; wait for it, or choose another folder",
                        path.display()
                    ),
                ));
            }
            // Some network file systems have no locks.
            Err(TryLockError::Error(e)) if e.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", file, e)),
        }
        let folder = RunFolder { path, metrics: None, new, _lock: Some(lock) };
        for name in names_in(&folder.path)?.iter().filter(|name| is_half_written(name)) {
            folder.remove(name)?;
        }
        Ok(folder)
    }

    pub(super) fn remove(&self, name: &str) -> Result<()> {
        let file = self.path.join(name);
        fs::remove_file(&file).map_err(|e| Error::io("remove", file, e))
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
        self.write_config_text(&self.config_text(config)?)
    }

    /// What `config.toml` is to hold.
    pub(super) fn config_text(&self, config: &impl Serialize) -> Result<String> {
        let wrong =
            |e: toml::ser::Error| Error::file(self.path.join(CONFIG), "config", e.to_string());
        toml::to_string_pretty(config).map_err(wrong)
    }

    pub(super) fn write_config_text(&self, text: &str) -> Result<()> {
        atomic::write(&self.path.join(CONFIG), |out| out.write_all(text.as_bytes()))
    }

    /// Makes an empty `metrics.jsonl`, so that a run that fails in its first epoch has one too.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be made.
    pub fn start_metrics(&mut self) -> Result<()> {
        if self.metrics.is_none() {
            let path = self.path.join(METRICS);
            let file = OpenOptions::new().create(true).append(true).open(&path);
            self.metrics = Some(file.map_err(|e| Error::io("create", &path, e))?);
        }
        Ok(())
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
        self.start_metrics()?;
        match &mut self.metrics {
            Some(file) => file.write_all(&line).map_err(|e| Error::io("write", &path, e)),
            None => Ok(()),
        }
    }

    /// Cuts `metrics.jsonl` back to the lines up to `epoch`, and gives these. A last line that was never
    /// finished goes too.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] for a line within that is no JSON object with an `epoch`, or where
    /// epochs are missing.
    pub fn cut_metrics(
        &mut self,
        epoch: u64,
    ) -> Result<Vec<serde_json::Map<String, serde_json::Value>>> {
        let path = self.path.join(METRICS);
        self.metrics = None;
        let way_out = "put the file back as it was, or begin the run again with --force in the place of --resume";
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound && epoch == 0 => Vec::new(),
            Err(e) if e.kind() == io::ErrorKind::NotFound => {
                let detail = format!(
                    "{} is missing, which has a line for each of the {epoch} epochs before the checkpoint; {way_out}",
                    path.display()
                );
                return Err(Error::run("metrics", detail));
            }
            Err(e) => return Err(Error::io("read", path, e)),
        };
        let mut kept = Vec::new();
        let mut length = 0;
        for line in text.split_inclusive(|&byte| byte == b'\n') {
            if kept.len() as u64 == epoch || line.last() != Some(&b'\n') {
                break;
            }
            let number = kept.len() + 1;
            let value: serde_json::Map<String, serde_json::Value> =
                serde_json::from_slice(line).map_err(|e| Error::json(&path, number, &e))?;
            if value.get("epoch").and_then(serde_json::Value::as_u64) != Some(number as u64) {
                let detail = format!("expected epoch {number}; the file was changed: {way_out}");
                return Err(Error::file(&path, format!("line {number}"), detail));
            }
            length += line.len();
            kept.push(value);
        }
        if (kept.len() as u64) < epoch {
            let number = kept.len() + 1;
            let detail = format!(
                "the file ends before it, and the checkpoint is of epoch {epoch}, a line each; {way_out}"
            );
            return Err(Error::file(&path, format!("line {number}"), detail));
        }
        if length < text.len() {
            atomic::write(&path, |out| out.write_all(&text[..length]))?;
        }
        Ok(kept)
    }

    /// Makes the metrics written so far durable, as a checkpoint that follows them asks.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn sync_metrics(&self) -> Result<()> {
        match &self.metrics {
            Some(file) => {
                file.sync_data().map_err(|e| Error::io("write", self.path.join(METRICS), e))
            }
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

    /// Where the picture `name` goes ([`FILTERS`](crate::run::FILTERS), [`SAMPLES`](crate::run::SAMPLES), …).
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
        // A device or a pipe is there, and is neither.
        let what = if path.exists() { "is neither a file nor a folder" } else { "does not exist" };
        let detail = format!("{shown} {what}; give a run folder or a .safetensors file");
        return Err(Error::run("model", detail));
    }
    fs::read_dir(path).map_err(|e| Error::io("read", path, e))?;
    let model = path.join(MODEL);
    if model.is_file() {
        return Ok(model);
    }
    let why = if path.join(CONFIG).is_file() || path.join(METRICS).is_file() {
        unfinished(path)
    } else {
        "it is not a run folder; give a run folder or a .safetensors file".into()
    };
    Err(Error::run("model", format!("{shown} has no {MODEL}: {why}")))
}

/// The command that goes on with the run of a `model` in this folder.
pub fn resuming(model: &str, path: &Path) -> String {
    format!("harmonium train {model} --resume --out {}", path.display())
}

/// That training in this folder did not finish, and what goes on with it.
pub(super) fn unfinished(path: &Path) -> String {
    let finished = path.join(SUMMARY).is_file() && Checkpoints::are_in(path);
    let model = fs::read_to_string(path.join(CONFIG))
        .ok()
        .and_then(|text| text.parse::<toml::Table>().ok())
        .and_then(|config| Some(config.get("model")?.as_str()?.to_string()));
    match model {
        Some(model) if finished => format!(
            "training finished, and the file is gone since; `{} --finish` makes it again from the last checkpoint",
            resuming(&model, path)
        ),
        Some(model) => format!(
            "training did not finish; `{}` goes on with it from its last checkpoint, with --finish it makes a model of what \
             is learnt so far, and --force in the place of --resume begins anew",
            resuming(&model, path)
        ),
        None => "training did not finish; train again, or give another run".into(),
    }
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

/// The names in a run's folder, without the lock and what a killed process left half-written.
fn names_of_run(folder: &Path) -> Result<Vec<String>> {
    let mut names = names_in(folder)?;
    names.retain(|name| name != LOCK && !is_half_written(name));
    Ok(names)
}

/// Whether this is a temporary file of [`atomic::write`] for one of the run's files.
fn is_half_written(name: &str) -> bool {
    let Some(rest) = name.strip_prefix('.').and_then(|rest| rest.strip_suffix(".tmp")) else {
        return false;
    };
    FILES.iter().any(|file| rest.strip_prefix(file).is_some_and(|rest| rest.starts_with('.')))
}

fn highest_number(root: &Path, kind: &str) -> Result<u64> {
    let number = |name: &String| name.strip_prefix(kind)?.strip_prefix('-')?.parse::<u64>().ok();
    Ok(names_in(root)?.iter().filter_map(number).max().unwrap_or(0))
}
