//! What a finished run's folder says, read again.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::data::{Cases, Stream};
use crate::device::{Device, Policy, name_of_bits};
use crate::error::{Error, Result};
use crate::run::curves::Elapsed;
use crate::run::files::{CONFIG, EVAL, METRICS, SUMMARY};
use crate::run::folder::{resolve_model, unfinished};

/// A line of `metrics.jsonl`.
pub type Line = Map<String, Value>;

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
            let detail = format!("{shown} has no {SUMMARY}: {}", unfinished(path));
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

    /// The words for log Z of `eval.json` where annealing forwards and backwards disagree.
    pub fn distrust(&self) -> Option<&'static str> {
        let trusted = self.eval.as_ref()?.get("trusted")?.as_bool()?;
        let words =
            "AIS and reverse AIS disagree by more than their errors: neither is to be trusted.";
        (!trusted).then_some(words)
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

    /// Which cases the evaluation was of: `297 cases of digits, test`. Those of two runs need not be the same.
    pub fn judged_on(&self) -> Option<String> {
        let eval = self.eval.as_ref()?;
        let (cases, split) = (eval.get("cases")?.as_u64()?, eval.get("split")?.as_str()?);
        let data = Path::new(eval.get("data")?.as_str()?).file_name()?.to_string_lossy();
        Some(format!("{cases} cases of {data}, {split}{}", self.weighed()))
    }

    /// How the evaluation's means were weighted, if they were, behind other words.
    pub fn weighed(&self) -> &'static str {
        let weights = self.eval.as_ref().and_then(|eval| eval.get("weights"));
        if weights.is_some_and(|weights| !weights.is_null()) { ", weighted" } else { "" }
    }
}

/// Where and with what a run was made, as its `config.toml` has it under `run`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RunRecord {
    /// harmonium's version.
    pub harmonium: String,
    /// The device's full name.
    pub device_name: String,
    /// Its backend.
    pub backend: String,
    /// Its driver.
    pub driver: String,
    /// Cases trained on.
    pub training_cases: usize,
    /// Cases held out.
    pub validation_cases: usize,
    /// Values of a case.
    pub visible_units: usize,
    /// Of values and labels; older runs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_checksum: Option<String>,
    /// What decides between a GPU's matrix loops; older runs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
}

impl RunRecord {
    /// The record of a run on training cases and cases held out, each with their labels if there are some.
    pub fn new(device: &Device, parts: [Option<(&Cases, &[u32])>; 2]) -> Self {
        let info = device.info();
        let [train, held_out] =
            parts.map(|part| part.map_or([0, 0], |(c, _)| [c.len(), c.width()]));
        let sums =
            parts.map(|part| part.map(|(cases, labels)| (cases.values().checksum(), labels)));
        let mut known = format!("{sums:?}");
        let weights = parts.map(|part| part.and_then(|(cases, _)| cases.weights()));
        if weights.iter().any(Option::is_some) {
            known += &format!("{:08x}", crc32fast::hash(format!("{weights:?}").as_bytes()));
        }
        RunRecord {
            harmonium: env!("CARGO_PKG_VERSION").into(),
            device_name: info.name.clone(),
            backend: info.backend.clone(),
            driver: info.driver.clone(),
            training_cases: train[0],
            validation_cases: held_out[0],
            visible_units: train[1],
            data_checksum: Some(super::checkpoint::fingerprint(&known)),
            policy: device.policy(),
        }
    }

    /// The same of training cases that are read in pieces, of which the record's were a sample.
    #[must_use]
    pub fn streamed(mut self, stream: Option<&Stream>) -> Self {
        if let Some(stream) = stream {
            let sums = format!("{:?} {:08x}", self.data_checksum, stream.checksum());
            self.training_cases = stream.len();
            self.data_checksum = Some(super::checkpoint::fingerprint(&sums));
        }
        self
    }

    /// Checks that the data are those that this run began with.
    pub(super) fn check_data(&self, data: &str, now: &RunRecord) -> Result<()> {
        let counts = |r: &RunRecord| {
            format!(
                "{} training cases and {} held out, of {} values",
                r.training_cases, r.validation_cases, r.visible_units
            )
        };
        let (was, is) = (counts(self), counts(now));
        if was != is {
            let detail =
                format!("they changed: {is} now, {was} when the run began; it cannot go on");
            return Err(Error::data(data, detail));
        }
        if self.data_checksum.is_some() && self.data_checksum != now.data_checksum {
            let detail = "as many as when the run began, but their values, labels or weights changed; it cannot go on";
            return Err(Error::data(data, detail));
        }
        Ok(())
    }

    /// What the bits of a run depend on.
    pub(super) fn device(&self) -> [&str; 3] {
        [name_of_bits(&self.device_name, &self.backend), &self.backend, &self.driver]
    }
}

/// The stage, by its name in `metrics.jsonl`, of a model that is trained beside the run's own for comparison.
pub const BESIDE: &str = "from random weights";

/// That of a field that is trained without its chain, for comparison too.
pub const UNCHAINED: &str = "without a chain";

/// What lines of `metrics.jsonl` have under a key: (how far the training is, value). Those of a model [beside](BESIDE) are
/// left out.
pub fn points(lines: &[Line], key: &str, elapsed: Elapsed) -> Vec<(f64, f64)> {
    staged(lines, key, elapsed).map(|(_, point)| point).collect()
}

/// The same for each stage by its name, in their order: those of all folds as one. Of a training without stages the name is
/// empty.
pub fn points_by_stage<'a>(
    lines: &'a [Line],
    key: &'a str,
    elapsed: Elapsed,
) -> Vec<(&'a str, Vec<(f64, f64)>)> {
    let mut stages: Vec<(&str, Vec<(f64, f64)>)> = Vec::new();
    for (stage, point) in staged(lines, key, elapsed) {
        let name = stage.rsplit(", ").next().unwrap_or_default();
        match stages.iter_mut().find(|(known, _)| *known == name) {
            Some((_, points)) => points.push(point),
            None => stages.push((name, vec![point])),
        }
    }
    stages
}

/// Each value with its stage.
fn staged<'a>(
    lines: &'a [Line],
    key: &'a str,
    elapsed: Elapsed,
) -> impl Iterator<Item = (&'a str, (f64, f64))> {
    let beside = |stage: &str| [BESIDE, UNCHAINED].iter().any(|beside| stage.ends_with(beside));
    let told = lines.iter().map(|line| (stage(line).unwrap_or_default(), line));
    let mut at = 0.0;
    told.filter(move |(stage, _)| !beside(stage)).filter_map(move |(stage, line)| {
        let number = |key: &str| line.get(key).and_then(Value::as_f64);
        at = match elapsed {
            Elapsed::Epochs => number("epoch").unwrap_or(at),
            // Each line has those of its own epoch.
            Elapsed::Updates => at + number("updates").unwrap_or(0.0),
            Elapsed::Seconds => at + number("seconds").unwrap_or(0.0),
        };
        Some((stage, (at, number(key)?)))
    })
}

fn stage(line: &Line) -> Option<&str> {
    line.get("stage").and_then(Value::as_str)
}

/// What the lines of one stage have under a key, by the stage's own epochs counted from 1.
pub fn points_of_stage(lines: &[Line], stage: &str, key: &str) -> Vec<(f64, f64)> {
    let own = lines.iter().filter(|line| self::stage(line) == Some(stage));
    let value = |line: &Line| line.get(key).and_then(Value::as_f64);
    own.zip(1u32..).filter_map(|(line, at)| Some((f64::from(at), value(line)?))).collect()
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|e| Error::io("read", path, e))
}

fn read_object(path: &Path) -> Result<Map<String, Value>> {
    serde_json::from_str(&read(path)?).map_err(|e| Error::json(path, 1, &e))
}

/// A run without a line is a run without curves.
fn read_metrics(path: &Path) -> Result<Vec<Map<String, Value>>> {
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let text = read(path)?;
    let parse = |(number, line): (usize, &str)| {
        serde_json::from_str(line).map_err(|e| Error::json(path, number + 1, &e))
    };
    text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).map(parse).collect()
}
