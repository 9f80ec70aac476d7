//! What a finished run's folder says, read again.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use crate::error::{Error, Result};
use crate::run::folder::{CONFIG, EVAL, METRICS, SUMMARY, resolve_model};

/// The files of a run that hold text. Unknown keys are kept, so that older and newer runs can be read.
#[derive(Debug, Clone)]
pub struct Record {
    /// The folder.
    pub path: PathBuf,
    /// Its name.
    pub name: String,
    /// `config.toml`.
    pub config: toml::Table,
    /// `metrics.jsonl`, a line each.
    pub metrics: Vec<Map<String, Value>>,
    /// `summary.json`.
    pub summary: Map<String, Value>,
    /// `eval.json`, if the run was evaluated.
    pub eval: Option<Map<String, Value>>,
}

impl Record {
    /// Reads a finished run.
    ///
    /// # Errors
    /// [`Error::Run`] for what is no run folder, or a run that did not finish; [`Error::Io`] and
    /// [`Error::File`] for files that cannot be read.
    pub fn load(path: &Path) -> Result<Self> {
        let shown = path.display();
        if !path.is_dir() {
            let what = if path.exists() { "is a file" } else { "does not exist" };
            return Err(Error::run("run", format!("{shown} {what}; give a run folder")));
        }
        if !path.join(CONFIG).is_file() {
            let detail = format!("{shown} has no {CONFIG}: it is not a run folder; give one");
            return Err(Error::run("run", detail));
        }
        resolve_model(path)?;
        if !path.join(SUMMARY).is_file() {
            let detail = format!("{shown} has no {SUMMARY}: training did not finish; train again");
            return Err(Error::run("run", detail));
        }
        let config = path.join(CONFIG);
        let table = read(&config)?
            .parse::<toml::Table>()
            .map_err(|e| Error::file(&config, "config", e.message().replace('\n', "; ")))?;
        let eval = path.join(EVAL);
        let whole = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        Ok(Record {
            path: path.to_path_buf(),
            name: whole.file_name().map_or("run".into(), |n| n.to_string_lossy().into_owned()),
            config: table,
            metrics: read_metrics(&path.join(METRICS))?,
            summary: read_object(&path.join(SUMMARY))?,
            eval: if eval.is_file() { Some(read_object(&eval)?) } else { None },
        })
    }

    /// A number of `summary.json`.
    pub fn figure(&self, key: &str) -> Option<f64> {
        self.summary.get(key)?.as_f64()
    }

    /// A number of `eval.json`.
    pub fn evaluated(&self, key: &str) -> Option<f64> {
        self.eval.as_ref()?.get(key)?.as_f64()
    }

    /// A line of `metrics.jsonl`: (epoch, value).
    pub fn points(&self, key: &str) -> Vec<(f64, f64)> {
        points(&self.metrics, key)
    }

    /// A setting as text.
    pub fn setting(&self, key: &str) -> Option<String> {
        self.config.get(key).map(|value| match value {
            toml::Value::String(text) => text.clone(),
            value => value.to_string(),
        })
    }

    /// The device's name, with its backend.
    pub fn device(&self) -> String {
        let device = |key: &str| {
            let value = self.summary.get("device").and_then(|d| d.get(key));
            value.and_then(Value::as_str).unwrap_or("").to_string()
        };
        match (device("name"), device("backend")) {
            (name, backend) if backend.is_empty() => name,
            (name, backend) => format!("{name} ({backend})"),
        }
    }

    /// How `log_partition` was found: `exact` or `AIS`.
    pub fn method(&self) -> &'static str {
        let method = self.eval.as_ref().and_then(|e| e.get("log_partition_method"));
        if method.and_then(Value::as_str) == Some("exact") { "exact" } else { "AIS" }
    }
}

/// What lines of `metrics.jsonl` have under a key: (epoch, value).
pub fn points(lines: &[Map<String, Value>], key: &str) -> Vec<(f64, f64)> {
    let point =
        |line: &Map<String, Value>| Some((line.get("epoch")?.as_f64()?, line.get(key)?.as_f64()?));
    lines.iter().filter_map(point).collect()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::io("read", path, e))
}

fn read_object(path: &Path) -> Result<Map<String, Value>> {
    serde_json::from_str(&read(path)?)
        .map_err(|e| Error::file(path, format!("line {}", e.line()), e.to_string()))
}

/// A run without a line is a run without curves.
fn read_metrics(path: &Path) -> Result<Vec<Map<String, Value>>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = read(path)?;
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|e| Error::file(path, format!("line {}", number + 1), e.to_string()))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(parse).collect()
}
