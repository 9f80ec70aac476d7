//! A run and its folder: begun anew or taken up, with checkpoints and metrics as it goes on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use web_time::Instant;

use serde::Serialize;
use serde_json::Value;
use toml::Table;

use super::checkpoint::{Checkpoint, Checkpoints, STAGE};
use super::files::{CONFIG, DIAGNOSTICS, EVAL, MODEL, SUMMARY};
use super::folder::RunFolder;
use super::job::{About, Event, Job, Observer};
use super::record::{Line, RunRecord};
use super::report::count;
use super::settings::{self, LastStage, Settings};
use crate::error::{Error, Result};
use crate::models::{Arrays, state};
use crate::ranks::Ranks;
use crate::training::{Best, Learner, Schedule, TrainerState, visit};

/// A checkpoint is written once the last one is this old, within an epoch too.
const OLDEST: Duration = Duration::from_secs(60);
/// At the end of an epoch one is written as soon as training took this many times as long as writing the
/// last one did: an epoch may take a millisecond, and a checkpoint waits for the disk.
const SHARE: u32 = 20;
/// Seconds that the epoch under way took so far.
const EPOCH_SECONDS: &str = "epoch_seconds";
/// The epochs of the stages before the one under way; absent in the first.
const EARLIER: &str = "earlier_epochs";

/// Settings with what the run records beside them.
#[derive(Serialize)]
struct Config<'a, S> {
    #[serde(flatten)]
    settings: &'a S,
    run: &'a RunRecord,
}

/// A run under way: its folder, and where it stands.
pub struct Run {
    /// Its folder.
    pub folder: RunFolder,
    /// Its metrics so far.
    pub lines: Vec<Line>,
    checkpoints: Checkpoints,
    /// The settings as checkpoints record them.
    settings: String,
    /// What `config.toml` holds, of a new run.
    config: String,
    written: Instant,
    /// How long writing the last checkpoint took.
    cost: Duration,
    /// The arrays of the models of finished stages.
    finished: BTreeMap<usize, Arrays>,
    /// How many epochs these had.
    earlier: u64,
    /// Where it is to go on from.
    pub(super) position: Option<Position>,
    /// Whether it ends there.
    pub(super) finishing: bool,
    /// How long the epoch took that it ends within.
    pub(super) partial_seconds: f64,
    ranks: Ranks,
    pub(super) undone: Option<String>,
}

crate::error::opaque!(Run);

/// Where an older run stopped.
pub(super) struct Position {
    pub stage: usize,
    pub state: TrainerState,
    pub epoch_seconds: f64,
}

/// An older run that goes on, before its data are at hand.
#[derive(Debug)]
pub struct Older {
    folder: RunFolder,
    checkpoints: Checkpoints,
    checkpoint: Checkpoint,
    record: Option<RunRecord>,
    grown: bool,
}

/// What there is to go on with.
#[derive(Debug)]
pub enum Found<S> {
    /// Nothing is left to do; why, in words.
    Finished(String),
    /// The run goes on with these settings.
    Unfinished(S, Box<Older>),
}

impl Run {
    /// Begins a run of a job in the folder `out`, or in the next free `runs/<kind>-<number>`; with `force` an older
    /// run's files in `out` go once the new one has made its first update.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that could not be read back: out of their range, or not going together; those of
    /// [`RunFolder::create`].
    pub fn create<J: Job>(job: &J, out: Option<&Path>, force: bool) -> Result<Self> {
        let About { kind, settings, record, .. } = job.about();
        settings::check_recorded(settings, kind)?;
        let recorded = settings::recorded(settings)?;
        let folder = RunFolder::create(out, kind, force)?;
        let config = folder.config_text(&Config { settings, run: record })?;
        let checkpoints = Checkpoints::new(folder.path());
        let mut run = Self::at(folder, checkpoints, recorded);
        run.config = config;
        if !run.folder.replaces()
            && let Err(error) = run.write_beginning()
        {
            run.folder.undo();
            return Err(error);
        }
        Ok(run)
    }

    /// Writes what a run's folder has before it learns.
    fn write_beginning(&mut self) -> Result<()> {
        self.folder.write_config_text(&self.config)?;
        self.folder.start_metrics()
    }

    /// The run has learnt something: an older one gives way to it. Whether there was one, so that nothing of this run is
    /// written yet but how it begins.
    pub(super) fn begun(&mut self) -> Result<bool> {
        let replaces = self.folder.begun()?;
        if replaces {
            self.write_beginning()?;
        }
        Ok(replaces)
    }

    fn at(folder: RunFolder, checkpoints: Checkpoints, settings: String) -> Self {
        Run {
            folder,
            lines: Vec::new(),
            checkpoints,
            settings,
            written: Instant::now(),
            cost: Duration::ZERO,
            config: String::new(),
            finished: BTreeMap::new(),
            earlier: 0,
            position: None,
            finishing: false,
            partial_seconds: 0.0,
            ranks: Ranks::alone(),
            undone: None,
        }
    }

    /// A run of a rank that follows rank 0: it has no folder, and nothing is written.
    ///
    /// # Errors
    /// [`Error::Setting`] for settings that cannot be recorded.
    pub fn follow<J: Job>(job: &J, ranks: &Ranks) -> Result<Self> {
        let folder = RunFolder::nowhere();
        let checkpoints = Checkpoints::new(folder.path());
        let settings = settings::recorded(job.about().settings)?;
        Ok(Self::at(folder, checkpoints, settings).with_ranks(ranks))
    }

    /// The same run, trained together with other ranks.
    #[must_use]
    pub fn with_ranks(self, ranks: &Ranks) -> Self {
        Run { ranks: ranks.clone(), ..self }
    }

    /// The same run, which was taken up to be trained no further: it ends at its last checkpoint, with all that a finished
    /// run has. It can go on all the same.
    #[must_use]
    pub fn finishing(self, finishing: bool) -> Self {
        Run { finishing, ..self }
    }

    /// Of a run that failed before it could learn: what was done with its folder, in words.
    pub fn undone(&self) -> Option<&str> {
        self.undone.as_deref()
    }

    /// Who trains it.
    pub fn ranks(&self) -> &Ranks {
        &self.ranks
    }

    /// Looks for an older run of `kind` in the folder `path`, of which what is asked for may want more epochs.
    ///
    /// # Errors
    /// [`Error::Run`] where there is nothing to go on with, or another process is at it; [`Error::Setting`] where
    /// what is asked for contradicts the run; [`Error::File`] for a damaged checkpoint, and for one that was made
    /// with other settings.
    pub fn find<S: Settings>(
        path: &Path,
        kind: &str,
        asked: Vec<Table>,
        observer: &mut dyn Observer,
    ) -> Result<Found<S>> {
        let folder = RunFolder::open(path)?;
        let file = settings::read_file::<S>(&path.join(CONFIG), kind)?;
        let record = file.run.clone().and_then(|run| run.try_into::<RunRecord>().ok());
        let as_recorded: S = settings::resolve(vec![file.recorded.clone()])?;
        let old: S = settings::resolve(vec![file.settings.clone()])?;
        let new: S = settings::resolve([vec![file.settings], asked.clone()].concat())?;
        settings::check_same(path, &old, &new, &asked)?;
        let (checkpoints, found) = Checkpoints::open(path)?;
        let Some((newest, checkpoint)) = found.newest else {
            let detail = format!(
                "there is nothing to resume: {} has no checkpoint; --force instead of --resume starts the run again",
                path.display()
            );
            return Err(Error::run("run folder", detail));
        };
        for error in &found.refused {
            let shown = newest.display();
            observer.see(Event::Warning(&format!("{error}; {shown} is used instead")));
        }
        let stored = &checkpoint.settings;
        let changed = settings::first_changed(stored, &as_recorded, &file.recorded)?;
        // A run of 0.1 that was gone on with has what its record comes to in its checkpoints.
        if let Some(name) = changed
            && settings::first_changed(stored, &old, &file.recorded)?.is_some()
        {
            let detail = format!(
                "the checkpoint was made with other settings than those in {CONFIG} ({name}); put it back as it was"
            );
            return Err(Error::file(newest, "metadata settings", detail));
        }
        let done = checkpoint.state.clock.epochs;
        if let Some(why) = finished(path, done, &new.last_stage()) {
            return Ok(Found::Finished(why));
        }
        let grown = settings::table(&old)? != settings::table(&new)?;
        let older = Older { folder, checkpoints, checkpoint, record, grown };
        Ok(Found::Unfinished(new, Box::new(older)))
    }

    /// Whether a checkpoint should be written after an update.
    pub(super) fn is_due(&self) -> bool {
        self.ranks.is_first() && self.written.elapsed() >= OLDEST
    }

    /// Whether a checkpoint should be written after an epoch.
    pub(super) fn is_due_after_epoch(&self) -> bool {
        self.written.elapsed() >= OLDEST.min(self.cost.saturating_mul(SHARE))
    }

    /// Writes a checkpoint. `epoch_seconds` is what the epoch under way took so far.
    pub(super) fn checkpoint(
        &mut self,
        learner: &mut dyn Learner,
        best: &mut Best,
        epoch_seconds: f64,
    ) -> Result<()> {
        if !self.ranks.is_first() || self.folder.replaces() {
            return Ok(());
        }
        let start = Instant::now();
        let arrays = state::read(|v| {
            visit(learner, v)?;
            best.visit(learner.model(), v)
        })?;
        let mut state = TrainerState { clock: learner.clock(), arrays }.checked()?;
        for (stage, arrays) in &self.finished {
            let named =
                arrays.iter().map(|(name, a)| (format!("{STAGE}{stage}.{name}"), a.clone()));
            state.arrays.extend(named);
        }
        self.folder.sync_metrics()?;
        let mut notes = BTreeMap::from([(EPOCH_SECONDS.to_string(), epoch_seconds.to_string())]);
        if !self.finished.is_empty() {
            notes.insert(STAGE.into(), self.finished.len().to_string());
            notes.insert(EARLIER.into(), self.earlier.to_string());
        }
        self.checkpoints.write(&Checkpoint { state, settings: self.settings.clone(), notes })?;
        self.written = Instant::now();
        self.cost = start.elapsed();
        Ok(())
    }

    /// Keeps what a finished stage has learnt, for checkpoints of later ones.
    pub(super) fn keep_stage(&mut self, stage: usize, learner: &mut dyn Learner) -> Result<()> {
        self.finished.insert(stage, state::read(|v| learner.model().visit(v))?);
        self.earlier += learner.clock().epochs;
        Ok(())
    }

    /// Brings a stage that was finished before to what it had learnt.
    pub(super) fn restore_stage(&self, stage: usize, learner: &mut dyn Learner) -> Result<()> {
        let none = Arrays::new();
        let arrays = self.finished.get(&stage).unwrap_or(&none);
        state::write(arrays, |v| learner.model().visit(v))
    }

    /// Appends a line to the metrics.
    pub(super) fn append(&mut self, line: &impl Serialize) -> Result<()> {
        if self.ranks.is_first() {
            self.folder.append_metrics(line)?;
        }
        if let Ok(Value::Object(line)) = serde_json::to_value(line) {
            self.lines.push(line);
        }
        Ok(())
    }
}

impl Older {
    /// Takes the run up: checks that the data are what they were, and cuts the metrics back to the checkpoint.
    ///
    /// # Errors
    /// [`Error::Data`] where the data changed; [`Error::File`] where metrics are missing; [`Error::Io`].
    pub fn take_up<J: Job>(self, job: &J, observer: &mut dyn Observer) -> Result<Run> {
        let About { settings, data, record: now, device, .. } = job.about();
        if let Some(record) = &self.record {
            record.check_data(data, now)?;
            if record.device() != now.device() {
                observer.see(Event::Warning(&format!(
                    "the run began on {} ({}, {}) and goes on on {} ({}, {}); its later bits may differ from those \
                     of a run on one device",
                    record.device_name,
                    record.backend,
                    record.driver,
                    now.device_name,
                    now.backend,
                    now.driver
                )));
            } else if let Some(policy) = record.policy.filter(|_| record.policy != now.policy) {
                // Other loops have other bits.
                device.set_policy(policy);
                observer.see(Event::Warning(
                    "the run goes on with the policy that it began with: config.toml has it, as run.policy",
                ));
            }
        }
        let stage = self.checkpoint.stage();
        let Checkpoint { mut state, notes, .. } = self.checkpoint;
        let text = settings::recorded(settings)?;
        let mut run = Run::at(self.folder, self.checkpoints, text);
        for finished in 0..stage {
            let prefix = format!("{STAGE}{finished}.");
            let (own, rest) =
                state.arrays.into_iter().partition(|(name, _)| name.starts_with(&prefix));
            let own: Arrays = own;
            state.arrays = rest;
            let named = own.into_iter().map(|(name, a)| (name[prefix.len()..].to_string(), a));
            run.finished.insert(finished, named.collect());
        }
        run.earlier = notes.get(EARLIER).and_then(|s| s.parse().ok()).unwrap_or(0);
        run.lines = run.folder.cut_metrics(run.earlier + state.clock.epochs)?;
        // It is of the model that will be replaced.
        run.folder.forget(EVAL)?;
        run.folder.forget(DIAGNOSTICS)?;
        if self.grown {
            let record = self.record.as_ref().unwrap_or(now);
            run.folder.write_config(&Config { settings, run: record })?;
        }
        let epoch_seconds = notes.get(EPOCH_SECONDS).and_then(|s| s.parse().ok()).unwrap_or(0.0);
        run.position = Some(Position { stage, state, epoch_seconds });
        Ok(run)
    }
}

/// Where a run came to its end, of which the summary is the last thing that is written, and nothing more is to be done
/// than the epochs that are `done` of its last stage, or it stopped early: what is said.
fn finished(path: &Path, done: u64, last: &LastStage) -> Option<String> {
    let summary = std::fs::read(path.join(SUMMARY)).ok()?;
    let summary: Value = serde_json::from_slice(&summary).ok()?;
    let told = count(summary["epochs"].as_u64()?, "epoch");
    let stopped_early = summary["stopped_early"].as_bool() == Some(true);
    if !path.join(MODEL).is_file() || !(done >= last.epochs || stopped_early) {
        return None;
    }
    Some(match (stopped_early, last.grows) {
        (true, _) => format!("the run is finished: it stopped early, after {told}"),
        // A line to the last epoch cannot be drawn again.
        (false, Some(setting)) if !matches!(last.learning_rate, Some(Schedule::Linear(..))) => {
            let option = setting.replace('_', "-");
            format!("the run is finished: {told}; a larger --{option} goes on")
        }
        (false, _) => format!("the run is finished: {told}"),
    })
}
