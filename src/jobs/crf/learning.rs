//! What a stage of a field's training trains.

use super::settings::CrfSettings;
use crate::error::{Error, Result};
use crate::jobs::stack::Tuner;
use crate::models::Crf;
use crate::run::record::UNCHAINED;
use crate::training::{CdTrainer, Learner};

/// A stage of the training.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The fold that is tested on, where there are several.
    pub fold: Option<usize>,
    pub what: What,
}

/// What it trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// A hidden layer as a machine, counted from 0.
    Level(usize),
    /// The field without its chain, for comparison.
    Unary,
    /// A field, counted from 0; each reads what the one before it says.
    Field(usize),
}

impl Step {
    /// All of a training, in order. Of `given` levels there is nothing to train.
    pub fn all(settings: &CrfSettings, given: usize) -> Vec<Step> {
        let levels = if settings.pretrain { settings.layers.0.len() } else { given };
        let of_a_fold = |fold: Option<usize>| {
            let unary = settings.compare_unary.then_some(What::Unary);
            let fields = (0..settings.stages).map(What::Field);
            let all = (0..levels).map(What::Level).chain(unary).chain(fields);
            all.map(move |what| Step { fold, what }).collect::<Vec<_>>()
        };
        match settings.folds {
            None => of_a_fold(None),
            Some(folds) => (0..folds).flat_map(|fold| of_a_fold(Some(fold))).collect(),
        }
    }

    /// As metrics call it; the last field of `stages` is the run's.
    pub fn name(self, stages: usize) -> String {
        let fold = self.fold.map(|fold| format!("fold {fold}"));
        let what = match self.what {
            What::Level(number) => Some(format!("level {}", number + 1)),
            What::Unary => Some(UNCHAINED.into()),
            What::Field(number) if number + 1 < stages => Some(format!("field {}", number + 1)),
            What::Field(_) => fold.is_none().then(|| "crf".to_string()),
        };
        fold.into_iter().chain(what).collect::<Vec<_>>().join(", ")
    }
}

/// A stage's learner.
pub enum Learning {
    Level(Box<CdTrainer>),
    Field(Tuner<Crf>),
}

impl Learning {
    pub fn learner(&mut self) -> &mut dyn Learner {
        match self {
            Learning::Level(trainer) => &mut **trainer,
            Learning::Field(tuner) => tuner.learner(),
        }
    }

    /// The field.
    ///
    /// # Errors
    /// [`Error::Run`] where it is not trained yet.
    pub fn field(&self) -> Result<&Crf> {
        match self {
            Learning::Field(tuner) => Ok(tuner.model()),
            Learning::Level(_) => Err(too_early()),
        }
    }
}

pub fn too_early() -> Error {
    Error::run("training", "a step of a stage that has not begun")
}
