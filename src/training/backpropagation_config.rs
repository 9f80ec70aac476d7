//! Settings of backpropagation.

use serde::{Deserialize, Serialize};

use super::{Distortion, Schedule, ranges};
use crate::error::{Error, Result};
use crate::interval::Interval;

/// How gradients change parameters.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
#[non_exhaustive]
pub enum Optimizer {
    /// Steepest descent with momentum, [`sgd`](crate::kernels::sgd::sgd).
    Sgd {
        /// In [0, 1).
        momentum: Schedule,
        /// Whether the gradient counts as taken ahead.
        nesterov: bool,
    },
    /// [`adam`](crate::kernels::adam::adam), with its authors' defaults.
    Adam {
        /// β₁.
        beta1: f32,
        /// β₂.
        beta2: f32,
        /// ε.
        epsilon: f32,
    },
}

impl Optimizer {
    /// Adam with β₁ = 0.9, β₂ = 0.999, ε = 1e-8.
    pub fn adam() -> Self {
        Optimizer::Adam { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
    }

    /// Steepest descent with this momentum.
    pub fn sgd(momentum: f32) -> Self {
        Optimizer::Sgd { momentum: Schedule::constant(momentum), nesterov: false }
    }

    /// Tensors that it keeps for each parameter.
    pub(super) fn memories(&self) -> &'static [&'static str] {
        match self {
            Optimizer::Sgd { .. } => &["velocity"],
            Optimizer::Adam { .. } => &["m", "v"],
        }
    }
}

/// Distortions of training pictures, drawn anew in each epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Augmentation {
    /// How far they go.
    pub distortion: Distortion,
    /// The value outside a picture.
    pub background: f32,
    /// Channels, height and width of a case, where batches are matrices of values; else they say so themselves.
    pub picture: Option<[usize; 3]>,
}

/// Settings of [`Backpropagation`](super::Backpropagation).
///
/// ```
/// use harmonium::training::{BackpropagationConfig, Optimizer, Schedule};
/// let config = BackpropagationConfig::default()
///     .epochs(30)
///     .learning_rate(Schedule::Linear(0.05, 5e-4))
///     .optimizer(Optimizer::sgd(0.9));
/// assert_eq!((config.epochs, config.batch), (30, 128));
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BackpropagationConfig {
    /// Passes over the data, which schedules go by.
    pub epochs: u64,
    /// Cases per update, at least 1; an epoch's last batch has what is left.
    pub batch: usize,
    /// η, of the batch's mean gradient.
    pub learning_rate: Schedule,
    /// How gradients change parameters.
    pub optimizer: Optimizer,
    /// λ ≥ 0, for weights alone: added to the gradient as λw with [`Optimizer::Sgd`], apart from it with
    /// [`Optimizer::Adam`].
    pub weight_decay: f32,
    /// Distortions of the training pictures.
    pub augment: Option<Augmentation>,
    /// Of the order of cases, of distortions and of dropped units.
    pub seed: u64,
    /// Which level of a stack is trained: equally seeded levels share no numbers.
    pub level: u8,
}

impl Default for BackpropagationConfig {
    /// Adam, learning rate 0.001, batches of 128, 20 epochs, seed 1.
    fn default() -> Self {
        BackpropagationConfig {
            epochs: 20,
            batch: 128,
            learning_rate: Schedule::constant(1e-3),
            optimizer: Optimizer::adam(),
            weight_decay: 0.0,
            augment: None,
            seed: 1,
            level: 0,
        }
    }
}

impl BackpropagationConfig {
    /// Passes over the data.
    #[must_use]
    pub fn epochs(self, epochs: u64) -> Self {
        BackpropagationConfig { epochs, ..self }
    }

    /// Cases per update.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        BackpropagationConfig { batch, ..self }
    }

    /// η.
    #[must_use]
    pub fn learning_rate(self, learning_rate: impl Into<Schedule>) -> Self {
        BackpropagationConfig { learning_rate: learning_rate.into(), ..self }
    }

    /// How gradients change parameters.
    #[must_use]
    pub fn optimizer(self, optimizer: Optimizer) -> Self {
        BackpropagationConfig { optimizer, ..self }
    }

    /// λ, for weights alone.
    #[must_use]
    pub fn weight_decay(self, weight_decay: f32) -> Self {
        BackpropagationConfig { weight_decay, ..self }
    }

    /// Distortions of the training pictures; none where `augment` is `None`.
    #[must_use]
    pub fn augment(self, augment: impl Into<Option<Augmentation>>) -> Self {
        BackpropagationConfig { augment: augment.into(), ..self }
    }

    /// Of the order of cases, of distortions and of dropped units.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        BackpropagationConfig { seed, ..self }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) naming the setting, the value and the range.
    pub fn check(&self) -> Result<()> {
        ranges::BATCH.check_count("batch", self.batch as u64)?;
        self.learning_rate.check("learning-rate", ranges::LEARNING_RATE)?;
        ranges::WEIGHT_DECAY.check("weight-decay", self.weight_decay)?;
        match &self.optimizer {
            Optimizer::Sgd { momentum, .. } => momentum.check("momentum", ranges::MEMORY)?,
            Optimizer::Adam { beta1, beta2, epsilon } => {
                ranges::MEMORY.check("beta1", *beta1)?;
                ranges::MEMORY.check("beta2", *beta2)?;
                Interval::above(0.0).check("epsilon", *epsilon)?;
            }
        }
        if let Some(Augmentation { distortion, background, .. }) = &self.augment {
            distortion.check()?;
            if !background.is_finite() {
                let detail = format!("{background} is no value of a picture's ground");
                return Err(Error::setting("background", detail));
            }
        }
        Ok(())
    }
}
