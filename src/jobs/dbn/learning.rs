//! What a stage trains: a level, the classifier, or the generative net as a whole.

use super::settings::{DbnSettings, Purpose};
use crate::error::{Error, Result};
use crate::jobs::stack::Tuner;
use crate::models::{DeepBeliefNet, Network};
use crate::run::record::BESIDE;
use crate::training::{CdTrainer, Learner, UpDown};

/// A stage of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The classifier from random weights, for comparison.
    Random,
    /// A level, counted from 0.
    Level(usize),
    /// The generative net.
    UpDown,
    /// The classifier, pre-trained.
    Classifier,
}

impl Step {
    /// All of a training, in order.
    pub fn all(settings: &DbnSettings) -> Vec<Step> {
        let random = settings.compare_random.then_some(Step::Random);
        let levels = (0..settings.layers.0.len()).map(Step::Level);
        let whole = match settings.purpose() {
            Purpose::Classifier => Some(Step::Classifier),
            Purpose::Generative { up_down, .. } => up_down.then_some(Step::UpDown),
        };
        random.into_iter().chain(levels).chain(whole).collect()
    }

    /// As metrics call it.
    pub fn name(self) -> String {
        match self {
            Step::Random => BESIDE.into(),
            Step::Level(number) => format!("level {}", number + 1),
            Step::UpDown => "up-down".into(),
            Step::Classifier => "whole".into(),
        }
    }
}

/// A stage's learner.
pub enum Learning {
    Level(Box<CdTrainer>),
    UpDown(Box<UpDown>),
    Network(Tuner<Network>),
}

impl Learning {
    pub fn learner(&mut self) -> &mut dyn Learner {
        match self {
            Learning::Level(trainer) => &mut **trainer,
            Learning::UpDown(trainer) => &mut **trainer,
            Learning::Network(tuner) => tuner.learner(),
        }
    }

    /// The network.
    ///
    /// # Errors
    /// [`Error::Run`] where it is not trained yet.
    pub fn network(&self) -> Result<&Network> {
        match self {
            Learning::Network(tuner) => Ok(tuner.model()),
            _ => Err(too_early()),
        }
    }
}

/// The generative net of a stage, or the stack as it was trained.
pub fn net<'a>(
    learning: Option<&'a Learning>,
    stack: Option<&'a DeepBeliefNet>,
) -> Result<&'a DeepBeliefNet> {
    match learning {
        Some(Learning::UpDown(trainer)) => Ok(trainer.net()),
        _ => stack.ok_or_else(too_early),
    }
}

pub fn too_early() -> Error {
    Error::run("deep belief net", "its levels are not trained yet")
}
