//! What trains a whole: steps along gradients, or line searches.

use super::training::FineTuning;
use crate::error::Result;
use crate::layers::Sequential;
use crate::training::{Backpropagation, Learner, Minimizer, Trainable};

/// The learner of a whole.
pub enum Tuner<M: Trainable> {
    /// Steepest descent or Adam.
    Steps(Box<Backpropagation<M>>),
    /// Conjugate gradients or L-BFGS.
    Searches(Box<Minimizer<M>>),
}

impl<M: Trainable> Tuner<M> {
    /// That of these settings.
    ///
    /// # Errors
    /// As [`Backpropagation::new`] and [`Minimizer::new`].
    pub fn new(model: M, how: &FineTuning<'_>) -> Result<Self> {
        Ok(match how.optimizer.searches() {
            true => Tuner::Searches(Box::new(Minimizer::new(model, how.searching())?)),
            false => Tuner::Steps(Box::new(Backpropagation::new(model, how.stepping())?)),
        })
    }

    /// The model.
    pub fn into_model(self) -> M {
        match self {
            Tuner::Steps(trainer) => trainer.into_network(),
            Tuner::Searches(trainer) => trainer.into_network(),
        }
    }

    /// The model as it stands.
    pub fn model(&self) -> &M {
        match self {
            Tuner::Steps(trainer) => trainer.network(),
            Tuner::Searches(trainer) => trainer.network(),
        }
    }
}

impl<M: Trainable + 'static> Tuner<M> {
    /// As a learner.
    pub fn learner(&mut self) -> &mut dyn Learner {
        match self {
            Tuner::Steps(trainer) => &mut **trainer,
            Tuner::Searches(trainer) => &mut **trainer,
        }
    }
}

/// Leaves the first `count` layers that have parameters as they are when the others are trained.
pub fn freeze(layers: &mut Sequential, count: usize) {
    let with_parameters = layers.stages().filter(|stage| !stage.parameters.is_empty());
    let frozen = with_parameters.take(count).map(|stage| stage.parameters.len()).sum();
    layers.parameters_mut().take(frozen).for_each(|parameter| parameter.frozen = true);
}
