//! Going on with an older run, and keeping a run so that one can.

use std::path::Path;
use std::time::{Duration, Instant};

use super::args::TrainRbmOptions;
use super::config::{RunRecord, Settings, TrainFile};
use super::log::warn;
use super::print::{count, tell};
use crate::error::{Error, Result};
use crate::run::folder::{CONFIG, EVAL, SUMMARY};
use crate::run::{Checkpoint, Checkpoints, MODEL, RunFolder};
use crate::training::{Schedule, TrainerState};

/// A checkpoint is written once the last one is this old, within an epoch too.
const OLDEST: Duration = Duration::from_secs(60);
/// At the end of an epoch one is written as soon as training took this many times as long as writing the
/// last one did: an epoch may take a millisecond, and a checkpoint waits for the disk.
const SHARE: u32 = 20;
/// Seconds that the epoch under way took so far.
const EPOCH_SECONDS: &str = "epoch_seconds";

/// The command that goes on with the run of a model in `path`.
pub fn command(model: &str, path: &Path) -> String {
    format!("harmonium train {model} --resume --out {}", path.display())
}

/// Writes a run's checkpoints.
pub struct Journal {
    pub folder: RunFolder,
    checkpoints: Checkpoints,
    settings: String,
    written: Instant,
    /// How long writing the last one took.
    cost: Duration,
}

impl Journal {
    /// The journal of a new run with settings of this fingerprint.
    pub fn new(folder: RunFolder, settings: String) -> Self {
        let checkpoints = Checkpoints::new(folder.path());
        Journal { folder, checkpoints, settings, written: Instant::now(), cost: Duration::ZERO }
    }

    /// Whether a checkpoint should be written after an update.
    pub fn is_due(&self) -> bool {
        self.written.elapsed() >= OLDEST
    }

    /// Whether a checkpoint should be written after an epoch.
    pub fn is_due_after_epoch(&self) -> bool {
        self.written.elapsed() >= OLDEST.min(self.cost.saturating_mul(SHARE))
    }

    /// Writes a checkpoint. `epoch_seconds` is what the epoch under way took so far.
    pub fn write(
        &mut self,
        state: impl FnOnce() -> Result<TrainerState>,
        epoch_seconds: f64,
    ) -> Result<()> {
        let start = Instant::now();
        let state = state()?;
        self.folder.sync_metrics()?;
        let notes = [(EPOCH_SECONDS.to_string(), epoch_seconds.to_string())].into();
        self.checkpoints.write(&Checkpoint { state, settings: self.settings.clone(), notes })?;
        self.written = Instant::now();
        self.cost = start.elapsed();
        Ok(())
    }
}

/// An older run that goes on.
pub struct Old {
    journal: Journal,
    checkpoint: Checkpoint,
    record: Option<RunRecord>,
    /// Whether it is to have more epochs than it had, and how many.
    grown: bool,
    epochs: u64,
}

/// What `--resume` finds.
pub enum Found {
    /// Nothing is left to do; why, in words.
    Finished(String),
    /// The run goes on.
    Unfinished(Box<Old>),
}

/// The folder of the run that `--resume` means.
pub fn folder(out: Option<&Path>) -> Result<(&Path, RunFolder)> {
    let Some(path) = out else {
        return Err(Error::setting("--resume", "which run? name its folder with --out DIR"));
    };
    Ok((path, RunFolder::open(path)?))
}

/// Opens the restricted Boltzmann machine's run in `--out`.
pub fn open(options: &TrainRbmOptions) -> Result<(Settings, Found)> {
    let (path, folder) = folder(options.how.out.as_deref())?;
    let recorded = TrainFile::load(&path.join(CONFIG))?;
    let record = recorded.run.clone();
    let (mut settings, grown) = Settings::resume(options, recorded, path)?;
    // A set too small to be split is not split now either.
    settings.validation.1 = record.as_ref().is_none_or(|r| r.validation_cases > 0);
    let fingerprint = settings.fingerprint(path)?;
    let epochs = (settings.training.epochs, grown);
    let found = find(folder, fingerprint, record, epochs)?;
    Ok((settings, found))
}

/// Finds the newest checkpoint of a run with these settings.
pub fn find(
    folder: RunFolder,
    fingerprint: String,
    record: Option<RunRecord>,
    (epochs, grown): (u64, bool),
) -> Result<Found> {
    let path = folder.path().to_path_buf();
    let (checkpoints, found) = Checkpoints::open(&path)?;
    let Some((file, checkpoint)) = found.newest else {
        return Err(Error::run(
            "run folder",
            format!(
                "there is nothing to resume: {} has no checkpoint; --force instead of --resume starts \
                 the run again",
                path.display()
            ),
        ));
    };
    for error in &found.refused {
        warn(format!("{error}; {} is used instead", file.display()));
    }
    if fingerprint != checkpoint.settings {
        return Err(Error::file(
            file,
            "metadata settings",
            format!("the checkpoint was made with other settings than those in {CONFIG}"),
        ));
    }
    if let Some(stopped_early) = finished(&path, epochs) {
        let done = count(checkpoint.state.epochs_done, "epoch");
        return Ok(Found::Finished(match stopped_early {
            true => format!("the run is finished: it stopped early, after {done}"),
            false => format!("the run is finished: {done}; a larger --epochs goes on"),
        }));
    }
    let journal = Journal {
        folder,
        checkpoints,
        settings: fingerprint,
        written: Instant::now(),
        cost: Duration::ZERO,
    };
    Ok(Found::Unfinished(Box::new(Old { journal, checkpoint, record, grown, epochs })))
}

/// Where the summary, which is what a run writes last, tells of that many epochs or of an early stop: whether
/// it was one.
fn finished(path: &Path, epochs: u64) -> Option<bool> {
    let summary = std::fs::read(path.join(SUMMARY)).ok()?;
    let summary: serde_json::Value = serde_json::from_slice(&summary).ok()?;
    if !path.join(MODEL).is_file() {
        return None;
    }
    let told = summary["epochs"].as_u64().is_some_and(|told| told >= epochs);
    let stopped_early = summary["stopped_early"].as_bool() == Some(true);
    (told || stopped_early).then_some(stopped_early)
}

/// Checks that settings that are asked for differ from those of the run in `path` in their epochs at most, and
/// that these grow.
pub fn check_same(
    path: &Path,
    (before, now): (&toml::Table, &toml::Table),
    (was, is): (u64, u64),
) -> Result<()> {
    let keys: std::collections::BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    for key in keys {
        if before.get(key) == now.get(key) || (key == "epochs" && is > was) {
            continue;
        }
        let text = |t: &toml::Table| t.get(key).map_or("none".into(), toml::Value::to_string);
        let allowed = if key == "epochs" { "epochs may only grow" } else { "leave it out" };
        return Err(Error::setting(
            format!("--{}", key.replace('_', "-")),
            format!(
                "{} is asked for, and the run in {} has {}; {allowed}, or start another run",
                text(now),
                path.display(),
                text(before)
            ),
        ));
    }
    Ok(())
}

/// Checks that epochs that grow change no earlier one: a line to the last epoch cannot be drawn again.
pub fn check_schedules(
    path: &Path,
    (was, is): (u64, u64),
    schedules: &[(&str, &Schedule)],
) -> Result<()> {
    let line = |s: &&(&str, &Schedule)| was != is && matches!(s.1, Schedule::Linear(..));
    match schedules.iter().find(line) {
        None => Ok(()),
        Some((name, schedule)) => Err(Error::setting(
            "--epochs",
            format!(
                "{is} is asked for, and the run in {} has {was} with --{name} {schedule}, a line drawn to its \
                 last epoch: with more epochs all earlier ones would have been others; start another run",
                path.display()
            ),
        )),
    }
}

/// Checks that the data are those that the run began with.
fn check_data(data: &str, then: &RunRecord, now: &RunRecord) -> Result<()> {
    let counts = |r: &RunRecord| {
        format!(
            "{} training cases and {} held out, of {} values",
            r.training_cases, r.validation_cases, r.visible_units
        )
    };
    let (was, is) = (counts(then), counts(now));
    if was != is {
        let detail = format!("they changed: {is} now, {was} when the run began; it cannot go on");
        return Err(Error::data(data, detail));
    }
    if then.data_checksum.is_some() && then.data_checksum != now.data_checksum {
        let detail =
            "as many as when the run began, but their values or labels changed; it cannot go on";
        return Err(Error::data(data, detail));
    }
    Ok(())
}

impl Old {
    /// Checks that the data are what they were (`now` is what a run would record that began now), brings the
    /// trainer to the checkpoint (`restore`) and cuts the metrics back to it; where the epochs grow, `rewrite`
    /// records it. Gives the metrics' lines, and the seconds of the epoch under way.
    pub fn take_up(
        self,
        (data, now): (&str, &RunRecord),
        restore: impl FnOnce(&TrainerState) -> Result<()>,
        rewrite: impl FnOnce(&RunFolder, Option<RunRecord>) -> Result<()>,
    ) -> Result<(Journal, Vec<serde_json::Value>, f64)> {
        let Old { mut journal, checkpoint, record, grown, epochs } = self;
        if let Some(record) = &record {
            check_data(data, record, now)?;
            let device =
                |r: &RunRecord| [r.device_name.clone(), r.backend.clone(), r.driver.clone()];
            if device(record) != device(now) {
                warn(format!(
                    "the run began on {} ({}, {}) and goes on on {} ({}, {}); its later bits may differ from \
                     those of a run on one device",
                    record.device_name,
                    record.backend,
                    record.driver,
                    now.device_name,
                    now.backend,
                    now.driver
                ));
            }
        }
        restore(&checkpoint.state)?;
        let lines = journal.folder.cut_metrics(checkpoint.state.epochs_done)?;
        // It is of the model that will be replaced.
        journal.folder.forget(EVAL)?;
        if grown {
            rewrite(&journal.folder, record)?;
        }
        tell(format!(
            "resumed: {} of {epochs} epochs were done, {} updates in all",
            checkpoint.state.epochs_done, checkpoint.state.updates_done
        ));
        let seconds = checkpoint.notes.get(EPOCH_SECONDS).and_then(|s| s.parse().ok());
        Ok((journal, lines, seconds.unwrap_or(0.0)))
    }
}
