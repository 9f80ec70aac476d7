//! The settings of classification machines' learning.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::interval::Interval;

use super::cd_config::setters;
use super::{Schedule, ranges};

/// What a classification machine's learning increases (Larochelle and Bengio 2008).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum ClassObjective {
    /// The mean of ln p(x, y), by contrastive divergence.
    Generative,
    /// The mean of ln p(y | x), whose gradient is exact.
    Discriminative,
    /// ln p(y | x) + α ln p(x, y), with this α above 0.
    Hybrid(f32),
}

/// What α may be.
const ALPHA: Interval = Interval::above(0.0);

impl ClassObjective {
    /// The factors of ln p(y | x) and of ln p(x, y).
    pub fn factors(self) -> [f32; 2] {
        match self {
            ClassObjective::Generative => [0.0, 1.0],
            ClassObjective::Discriminative => [1.0, 0.0],
            ClassObjective::Hybrid(alpha) => [1.0, alpha],
        }
    }
}

impl fmt::Display for ClassObjective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClassObjective::Generative => f.write_str("generative"),
            ClassObjective::Discriminative => f.write_str("discriminative"),
            ClassObjective::Hybrid(alpha) => write!(f, "hybrid:{alpha}"),
        }
    }
}

impl FromStr for ClassObjective {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let alpha = text.strip_prefix("hybrid:").and_then(|alpha| alpha.parse::<f32>().ok());
        match (text, alpha) {
            ("generative", _) => Ok(ClassObjective::Generative),
            ("discriminative", _) => Ok(ClassObjective::Discriminative),
            (_, Some(alpha)) if ALPHA.check("", alpha).is_ok() => Ok(ClassObjective::Hybrid(alpha)),
            _ => Err(Error::setting(
                "objective",
                format!(
                    "'{text}' is none of generative, discriminative and hybrid:ALPHA, ALPHA above 0: hybrid:0.01"
                ),
            )),
        }
    }
}

impl TryFrom<String> for ClassObjective {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ClassObjective> for String {
    fn from(objective: ClassObjective) -> String {
        objective.to_string()
    }
}

/// Settings of [`ClassTrainer`](super::ClassTrainer).
///
/// ```
/// use harmonium::training::{ClassConfig, ClassObjective};
/// let config = ClassConfig::default().objective(ClassObjective::Hybrid(0.1)).epochs(5);
/// assert_eq!((config.epochs, config.batch), (5, 100));
/// assert_eq!("hybrid:0.1".parse::<ClassObjective>()?, config.objective);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct ClassConfig {
    /// What is increased: hybrid with α = 0.01.
    pub objective: ClassObjective,
    /// η per update, of gradients that are means over the batch: 0.05.
    pub learning_rate: Schedule,
    /// In [0, 1): 0.9.
    pub momentum: Schedule,
    /// L2, of the weights only: 0.
    pub weight_decay: f32,
    /// How much less than its gradient a hidden bias moves by, so that units are seldom on: 0. Larochelle and Bengio (2008)
    /// take 1e-4 from the biases after each update at a rate of 0.05, which is 0.002 here, and too much in batches of 10.
    #[serde(default)]
    pub sparsity: f32,
    /// The share of the input's values that are dropped, others each time, while the rest counts 1 / (1 − share) times
    /// (Srivastava et al. 2014), in [0, 1): 0. Figures of an epoch are of what is left.
    #[serde(default)]
    pub input_dropout: f32,
    /// Cases per update: 100.
    pub batch: usize,
    /// Passes over the data: 10.
    pub epochs: u64,
    /// Gibbs steps per update, k: 1.
    pub steps: u64,
    /// PCD, with as many chains as the batch has cases: false.
    pub persistent: bool,
    /// Gradients around the means of the units (Melchior, Fischer and Wiskott 2016): false.
    pub centered: bool,
    /// Cases whose class is −1 have none, and the generative factor times the mean of their ln p(x) is increased too;
    /// else they are passed over: false.
    pub unlabelled: bool,
    /// Of the order and of all states: 1.
    pub seed: u64,
}

impl Default for ClassConfig {
    fn default() -> Self {
        ClassConfig {
            objective: ClassObjective::Hybrid(0.01),
            learning_rate: Schedule::constant(0.05),
            momentum: Schedule::constant(0.9),
            weight_decay: 0.0,
            sparsity: 0.0,
            input_dropout: 0.0,
            batch: 100,
            epochs: 10,
            steps: 1,
            persistent: false,
            centered: false,
            unlabelled: false,
            seed: 1,
        }
    }
}

impl ClassConfig {
    setters! {
        objective: ClassObjective;
        learning_rate: impl Into<Schedule>;
        momentum: impl Into<Schedule>;
        weight_decay: f32;
        sparsity: f32;
        input_dropout: f32;
        batch: usize;
        epochs: u64;
        steps: u64;
        persistent: bool;
        centered: bool;
        unlabelled: bool;
        seed: u64;
    }

    /// Whether ln p(x, y) is increased too.
    pub(super) fn is_generative(&self) -> bool {
        self.objective.factors()[1] > 0.0
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) naming the setting, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.learning_rate.check("learning-rate", ranges::LEARNING_RATE)?;
        self.momentum.check("momentum", ranges::MEMORY)?;
        ranges::WEIGHT_DECAY.check("weight-decay", self.weight_decay)?;
        ranges::COST.check("sparsity", self.sparsity)?;
        Interval::from(0.0).below(1.0).check("input-dropout", self.input_dropout)?;
        ranges::BATCH.check_count("batch", self.batch as u64)?;
        ranges::STEPS.check_count("cd steps", self.steps)?;
        if let ClassObjective::Hybrid(alpha) = self.objective {
            ALPHA.check("objective hybrid", alpha)?;
        }
        let [_, generative] = self.objective.factors();
        if self.unlabelled && generative == 0.0 {
            let detail = "discriminative learning has no use for cases without a class; use hybrid:ALPHA or generative";
            return Err(Error::setting("objective", detail));
        }
        Ok(())
    }
}
