//! The settings of up–down fine-tuning.

use crate::error::Result;

use super::cd_config::setters;
use super::{Schedule, ranges};

/// Settings of [`UpDown`](super::UpDown). The paper gives no learning rate; these are a careful start after greedy
/// training of Bernoulli units.
///
/// ```
/// use harmonium::training::{Schedule, UpDownConfig};
/// let config = UpDownConfig::default().epochs(30).learning_rate(Schedule::Linear(0.01, 0.001));
/// assert_eq!((config.epochs, config.steps), (30, 3));
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct UpDownConfig {
    /// η per update, of gradients that are means over the batch: 0.01.
    pub learning_rate: Schedule,
    /// In [0, 1): 0.
    pub momentum: Schedule,
    /// L2, of the weights only: 0.
    pub weight_decay: f32,
    /// Cases per update: 100.
    pub batch: usize,
    /// Passes over the data: 10.
    pub epochs: u64,
    /// Gibbs steps of the top from the pass up to the pass down: 3 (the paper goes on with 6, then 10).
    pub steps: u64,
    /// Of the order and of all states: 1.
    pub seed: u64,
}

impl Default for UpDownConfig {
    fn default() -> Self {
        UpDownConfig {
            learning_rate: Schedule::constant(0.01),
            momentum: Schedule::constant(0.0),
            weight_decay: 0.0,
            batch: 100,
            epochs: 10,
            steps: 3,
            seed: 1,
        }
    }
}

impl UpDownConfig {
    setters! {
        learning_rate: impl Into<Schedule>;
        momentum: impl Into<Schedule>;
        weight_decay: f32;
        batch: usize;
        epochs: u64;
        steps: u64;
        seed: u64;
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) naming the setting, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.learning_rate.check("learning-rate", ranges::LEARNING_RATE)?;
        self.momentum.check("momentum", ranges::MEMORY)?;
        ranges::WEIGHT_DECAY.check("weight-decay", self.weight_decay)?;
        ranges::BATCH.check_count("batch", self.batch as u64)?;
        ranges::STEPS.check_count("steps", self.steps)
    }
}
