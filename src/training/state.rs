//! The state of a learner on the host: all that the rest of its training depends on.

use crate::error::{Error, Result};
use crate::models::{Arrays, state};

/// Where training stands. Everything random is a function of the seed and of these counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Clock {
    /// Epochs done.
    pub epochs: u64,
    /// Updates done since the first epoch began.
    pub updates: u64,
    /// Updates done in the epoch under way.
    pub epoch_updates: u64,
    /// Cases used in the epoch under way.
    pub epoch_cases: u64,
}

impl Clock {
    /// The epoch under way, counted from 1.
    pub fn epoch(&self) -> u64 {
        self.epochs + 1
    }
}

/// Where training stands. With the data, the settings and the same device it decides every later bit:
/// random numbers and the order of an epoch's cases are functions of the seed and of the clock.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainerState {
    /// Epochs, updates, and how far the epoch under way has come.
    pub clock: Clock,
    /// Of a machine: `W`, `b`, `a` and their last changes `dW`, `db`, `da`; where they are in use, the
    /// centring's offsets `mu` and `lambda`, the sparsity target's `activity`, and the persistent `chains`. Of a
    /// deep belief net those of each level, as `level1.W`, and where they are untied `level1.generative.W`. Of a
    /// network: each parameter, as `conv1.kernel`, and what the optimiser keeps, as `conv1.kernel.velocity`;
    /// within an epoch the cases' `epoch.loss` and `epoch.wrong`, and a minimiser's `epoch.evaluations`. Of a minimiser
    /// that keeps what it knows from batch to batch `cg.direction`, `cg.gradient` and `cg.last`, or the pairs
    /// `lbfgs.s0`, `lbfgs.y0`, …. Of a run that keeps its best model also that, as
    /// `best.conv1.kernel`, with `best` `[epoch, scores…]`.
    pub arrays: Arrays,
}

impl TrainerState {
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
}
