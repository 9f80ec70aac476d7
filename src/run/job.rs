//! What a run does: a [`Job`] gives stages, scores and sections; an [`Observer`] sees how far it is.

use std::path::Path;

use serde_json::{Map, Value};

use super::curves;
use super::files::CURVES;
use super::record::{Line, Record, RunRecord};
use super::report::{Section, panels_of};
use super::settings::Settings;
use crate::device::Device;
use crate::error::Result;
use crate::training::{BatchSource, Figure, Figures, Learner};

/// A part of a training with its own learner: a machine, a level of a stack, the fine-tuning of a net.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// What it is called where there are several.
    pub name: String,
    /// Passes over its data.
    pub epochs: u64,
    /// Which model it leaves.
    pub keep: Keep,
}

/// Which model a stage leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Keep {
    /// That of the last epoch.
    Last,
    /// That of the epoch whose scores are best.
    Best {
        /// The scores that decide, the first one first; lower is better. Where an epoch lacks one, the last epoch's
        /// model is left.
        by: &'static [&'static Figure],
        /// The stage ends after so many epochs without a better model; 0 for never.
        patience: u64,
    },
}

/// What one kind of training does. [`train`](super::train) drives it.
///
/// A job has one learner at a time, the present stage's; a later stage may use what an earlier one left in the job.
pub trait Job {
    /// Its settings.
    type Settings: Settings;

    /// What it is, whatever its stage.
    fn about(&self) -> About<'_, Self::Settings>;

    /// How many stages there are: one, unless a job says otherwise.
    fn stages(&self) -> usize {
        1
    }

    /// Prepares a stage, counted from 0, after the one before.
    ///
    /// # Errors
    /// What its model, learner and data give.
    fn begin(&mut self, stage: usize) -> Result<Stage>;

    /// The present stage's learner, and what it learns from.
    ///
    /// # Errors
    /// [`Error::Run`](crate::Error::Run) before the first stage.
    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)>;

    /// Scores of the present stage's model after an epoch; `last` in a stage's last one.
    ///
    /// # Errors
    /// Device errors; [`Error::Diverged`](crate::Error::Diverged).
    fn score(&mut self, epoch: u64, last: bool) -> Result<Figures>;

    /// The model in words and in numbers, for the summary.
    fn facts(&self) -> Facts;

    /// Writes the model as it stands.
    ///
    /// # Errors
    /// Device errors, [`Error::Io`](crate::Error::Io).
    fn save(&mut self, path: &Path) -> Result<()>;

    /// After the last stage, with the model that is left: writes pictures, and gives the scores that are left to
    /// take.
    ///
    /// # Errors
    /// Device errors, [`Error::Io`](crate::Error::Io).
    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures>;

    /// The sections of the report.
    ///
    /// # Errors
    /// Device errors; where a diagram cannot be drawn.
    fn report(&mut self, record: &Record, observer: &mut dyn Observer) -> Result<Vec<Section>>;
}

/// What a job is, whatever its stage.
#[derive(Debug)]
pub struct About<'a, S> {
    /// The model, as `train` names it.
    pub kind: &'static str,
    /// All settings, as the run records them.
    pub settings: &'a S,
    /// What it is trained on, as the user named it.
    pub data: &'a str,
    /// Where and with what it is trained.
    pub record: &'a RunRecord,
    /// The device.
    pub device: &'a Device,
    /// Every figure that it gives, in the order in which they are told.
    pub figures: &'static [&'static Figure],
}

/// A model in words and in numbers.
#[derive(Debug)]
pub struct Facts {
    /// `rbm with 64 visible and 100 hidden units`.
    pub title: String,
    /// Sizes and the like, for `summary.json`.
    pub numbers: Vec<(&'static str, Value)>,
}

/// What a job's end has at hand.
pub struct Finish<'a> {
    /// The run's folder.
    pub folder: &'a Path,
    /// Its metrics.
    pub lines: &'a [Line],
    /// Where notes go.
    pub observer: &'a mut dyn Observer,
}

crate::error::opaque!(Finish<'_>);

impl Finish<'_> {
    /// Writes `curves.svg`, the diagrams of the job's figures; whether the training cases were `distorted`, which they say.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); where a diagram cannot be drawn.
    pub fn write_curves(&self, figures: &[&'static Figure], distorted: bool) -> Result<()> {
        let panels = panels_of(figures, self.lines, distorted).into_iter().map(|(panel, _)| panel);
        curves::write_svg(self.folder.join(CURVES), &panels.collect::<Vec<_>>())
    }
}

/// What happens in a run.
#[derive(Debug)]
pub enum Event<'a> {
    /// Something to know.
    Note(&'a str),
    /// Something to look at.
    Warning(&'a str),
    /// A stage begins, after so many of its epochs.
    Stage {
        /// Its name and length.
        stage: &'a Stage,
        /// Epochs done in an earlier process.
        done: u64,
        /// Cases of an epoch.
        cases: usize,
    },
    /// An epoch of the stage begins, counted from 1.
    Epoch(u64),
    /// An update was recorded, with so many cases.
    Update(usize),
    /// An epoch was measured.
    Scored(&'a Figures),
    /// Training is over, well or not; what remains is scores and pictures.
    Over,
}

/// What an observer wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    /// On with it.
    GoOn,
    /// A checkpoint, then an end ([`End::Stopped`]): after the update that the observer was told of, after the next one
    /// where it said so of another event, and without summary and report where training was over.
    Stop,
}

/// Who watches a run, and may stop it. A closure will do.
pub trait Observer {
    /// Something happens.
    fn see(&mut self, event: Event<'_>) -> Flow;
}

impl<F: FnMut(Event<'_>) -> Flow> Observer for F {
    fn see(&mut self, event: Event<'_>) -> Flow {
        self(event)
    }
}

/// How a run ended.
#[derive(Debug)]
pub enum End {
    /// Whole: model, pictures, summary and report are written.
    Done(Summary),
    /// The observer stopped it; a checkpoint is written.
    Stopped,
}

/// What a finished run came to.
#[derive(Debug)]
pub struct Summary {
    /// The model in words.
    pub title: String,
    /// Epochs done, of all stages.
    pub epochs: u64,
    /// The last stage's name and its epochs, where there are several.
    pub stage: Option<(String, u64)>,
    /// The epoch of the last stage whose model was kept, where the best is.
    pub best_epoch: Option<u64>,
    /// Whether patience ended it.
    pub stopped_early: bool,
    /// Updates done.
    pub updates: u64,
    /// Seconds of training.
    pub seconds: f64,
    /// Training cases a second.
    pub cases_per_second: f64,
    /// The scores of the model that was kept.
    pub figures: Figures,
}

/// A job's figures that a JSON object has.
pub fn figures_in(figures: &[&'static Figure], object: &Map<String, Value>) -> Figures {
    figures.iter().filter(|f| object.contains_key(f.key)).fold(Figures::new(), |all, figure| {
        all.with(figure, object.get(figure.key).and_then(Value::as_f64))
    })
}
