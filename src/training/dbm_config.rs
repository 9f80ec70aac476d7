//! The settings of a deep Boltzmann machine's learner.

use crate::error::Result;
use crate::models::MeanField;

use super::cd_config::setters;
use super::{Schedule, ranges};

/// Settings of [`DbmTrainer`](super::DbmTrainer).
///
/// ```
/// use harmonium::training::{DbmConfig, Schedule};
/// let config = DbmConfig::default().epochs(30).learning_rate(Schedule::Linear(0.005, 0.0001));
/// assert_eq!((config.epochs, config.steps, config.mean_field), (30, 5, 30));
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DbmConfig {
    /// η per update, of gradients that are means over the batch: 0.005.
    pub learning_rate: Schedule,
    /// In [0, 1): 0.
    pub momentum: Schedule,
    /// L2, of the weights only: 2e-4.
    pub weight_decay: f32,
    /// Cases per update, and persistent chains: 100.
    pub batch: usize,
    /// Passes over the data: 10.
    pub epochs: u64,
    /// Sweeps of the chains per update: 5.
    pub steps: u64,
    /// Rounds of the mean field at most: 30.
    pub mean_field: u64,
    /// Centring, of every layer: false. Offsets start at the data's mean and ½ and follow the data at rate 0.01.
    pub centered: bool,
    /// Of the order, the states and the chains: 1.
    pub seed: u64,
}

impl Default for DbmConfig {
    fn default() -> Self {
        DbmConfig {
            learning_rate: Schedule::constant(0.005),
            momentum: Schedule::constant(0.0),
            weight_decay: 2e-4,
            batch: 100,
            epochs: 10,
            steps: 5,
            mean_field: 30,
            centered: false,
            seed: 1,
        }
    }
}

impl DbmConfig {
    setters! {
        learning_rate: impl Into<Schedule>;
        momentum: impl Into<Schedule>;
        weight_decay: f32;
        batch: usize;
        epochs: u64;
        steps: u64;
        mean_field: u64;
        centered: bool;
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
        ranges::STEPS.check_count("pcd steps", self.steps)?;
        ranges::MEAN_FIELD.check_count("mean-field", self.mean_field)
    }

    /// How far the mean field goes.
    pub fn means(&self) -> MeanField {
        MeanField::default().rounds(self.mean_field)
    }
}
