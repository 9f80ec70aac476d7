//! The state of a learner on the host: all that the rest of its training depends on.

use crate::error::{Error, Result};
use crate::models::{Arrays, state};

use super::learner::{Clock, Learner, visit};

/// Where training stands. With the data, the settings and the same device it decides every later bit:
/// random numbers and the order of an epoch's cases are functions of the seed and of the clock.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainerState {
    /// Epochs, updates, and how far the epoch under way has come.
    pub clock: Clock,
    /// Of a machine: `W`, `b`, `a` and their last changes `dW`, `db`, `da`; where they are in use, the
    /// centring's offsets `mu` and `lambda`, the sparsity target's `activity`, and the persistent `chains`. Of a
    /// network: each parameter, as `conv1.kernel`, and what the optimiser keeps, as `conv1.kernel.velocity`;
    /// within an epoch the cases' `epoch.loss` and `epoch.wrong`. Of a run that keeps its best model also that, as
    /// `best.conv1.kernel`, with `best` `[epoch, scores…]`.
    pub arrays: Arrays,
}

impl TrainerState {
    /// The state of a learner.
    pub(super) fn of(learner: &mut dyn Learner) -> Result<Self> {
        let arrays = state::read(|v| visit(learner, v))?;
        TrainerState { clock: learner.clock(), arrays }.checked()
    }

    /// The same, if all of it is finite.
    ///
    /// # Errors
    /// [`Error::Diverged`], naming the array.
    pub fn checked(self) -> Result<Self> {
        match state::first_not_finite(&self.arrays) {
            None => Ok(self),
            Some(name) => Err(Error::Diverged {
                epoch: self.clock.epoch(),
                step: self.clock.epoch_updates,
                what: format!("a value of {name}"),
                advice: String::new(),
            }),
        }
    }

    /// Brings a learner to this state.
    pub(super) fn restore(&self, learner: &mut dyn Learner) -> Result<()> {
        state::write(&self.arrays, |v| visit(learner, v))?;
        *learner.clock_mut() = self.clock;
        Ok(())
    }
}
