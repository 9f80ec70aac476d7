//! What a stage trains: a level, the whole machine, or what classifies; and what the classifier sees.

use super::settings::DbmSettings;
use crate::data::{Cases, Values};
use crate::error::{Error, Result};
use crate::jobs::network::Labelled;
use crate::jobs::rows::map_rows;
use crate::jobs::stack::Tuner;
use crate::models::{DeepBoltzmannMachine, MeanField, Network};
use crate::training::{CdTrainer, DbmTrainer, Learner};

/// A stage of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A level, counted from 0.
    Level(usize),
    /// The whole machine.
    Whole,
    /// The classifier.
    Classifier,
}

impl Step {
    /// All of a training, in order.
    pub fn all(settings: &DbmSettings) -> Vec<Step> {
        let levels = if settings.pretrain { settings.layers.0.len() } else { 0 };
        let classifier = settings.classifier.then_some(Step::Classifier);
        (0..levels).map(Step::Level).chain([Step::Whole]).chain(classifier).collect()
    }

    /// As metrics call it.
    pub fn name(self) -> String {
        match self {
            Step::Level(number) => format!("level {}", number + 1),
            Step::Whole => "whole".into(),
            Step::Classifier => "classifier".into(),
        }
    }
}

/// A stage's learner.
pub enum Learning {
    Level(Box<CdTrainer>),
    Whole(Box<DbmTrainer>),
    Classifier(Tuner<Network>),
}

impl Learning {
    pub fn learner(&mut self) -> &mut dyn Learner {
        match self {
            Learning::Level(trainer) => &mut **trainer,
            Learning::Whole(trainer) => &mut **trainer,
            Learning::Classifier(tuner) => tuner.learner(),
        }
    }
}

pub fn too_early() -> Error {
    Error::run("deep Boltzmann machine", "it is not trained yet")
}

/// How far the mean field goes where a machine is used.
pub fn mean_field(rounds: u64) -> MeanField {
    MeanField::default().rounds(rounds)
}

/// Cases as the classifier sees them: [v, μ²(v)].
pub fn with_posterior(
    dbm: &DeepBoltzmannMachine,
    part: Labelled,
    how: MeanField,
) -> Result<Labelled> {
    let cases = posterior_cases(dbm, &part.cases, how)?;
    Ok(Labelled { cases, labels: part.labels })
}

/// The same without labels.
pub fn posterior_cases(dbm: &DeepBoltzmannMachine, cases: &Cases, how: MeanField) -> Result<Cases> {
    let values = map_rows(dbm.device(), cases, |v| dbm.with_posterior(v, how))?;
    let width = dbm.visible_count() + dbm.units(2).count();
    Cases::instead_of(cases, Values::F32(values), width)
}
