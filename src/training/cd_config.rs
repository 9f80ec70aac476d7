//! The settings of contrastive divergence.

use crate::error::{Error, Result};
use crate::models::UnitKind;

use super::{Schedule, ranges};

/// One setter for each field, of its name.
macro_rules! setters {
    ($($field:ident: $type:ty;)+) => {$(
        #[doc = concat!("Sets `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, value: $type) -> Self {
            self.$field = value.into();
            self
        }
    )+};
}
pub(super) use setters;

/// What gives a learner another rate on its way.
macro_rules! learning_rate_setter {
    () => {
        /// Goes on with another learning rate or schedule from the next update on, for loops that lower it as they see fit.
        /// A [state](super::TrainerState) does not hold it: who restores one sets the rate too.
        ///
        /// # Errors
        /// [`Error::Setting`](crate::Error::Setting) for a rate out of range; the old one stays.
        pub fn set_learning_rate(
            &mut self,
            rate: impl Into<crate::training::Schedule>,
        ) -> Result<()> {
            let rate = rate.into();
            rate.check("learning-rate", crate::training::ranges::LEARNING_RATE)?;
            self.config.learning_rate = rate;
            Ok(())
        }
    };
}
pub(super) use learning_rate_setter;

/// A penalty that draws the mean activity of each hidden unit towards a target: q ← decay·q +
/// (1 − decay)·⟨p(h|v)⟩, and cost·(target − q) is added to the unit's part of the data statistics, for
/// its bias and its weights alike (Hinton 2010, section 11).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Sparsity {
    /// The wanted mean activity, in (0, 1); 0.01 to 0.1 is usual.
    pub target: f32,
    /// The weight of the penalty, ≥ 0; 0.1 is a start.
    pub cost: f32,
    /// How slowly the running mean forgets, in [0, 1): 0.9 unless said otherwise.
    #[serde(default = "sparsity_decay")]
    pub decay: f32,
}

fn sparsity_decay() -> f32 {
    0.9
}

impl Sparsity {
    /// Towards `target` with the weight `cost`.
    pub fn new(target: f32, cost: f32) -> Self {
        Sparsity { target, cost, decay: sparsity_decay() }
    }

    /// How slowly the running mean forgets.
    pub fn decay(self, decay: f32) -> Self {
        Sparsity { decay, ..self }
    }
}

/// How to train. The defaults are those of Hinton's *A Practical Guide to Training Restricted Boltzmann
/// Machines* (2010) in spirit.
///
/// ```
/// use harmonium::training::CdConfig;
/// let config = CdConfig::default().epochs(5).learning_rate(0.05).persistent(true);
/// assert_eq!((config.epochs, config.batch), (5, 100));
/// ```
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct CdConfig {
    /// η per update, of gradients that are means over the batch: 0.1; Gaussian units 0.001; rectified ones 0.003.
    pub learning_rate: Schedule,
    /// In [0, 1): 0.5, and 0.9 after epoch 5.
    pub momentum: Schedule,
    /// L2, of the weights only: 1e-4.
    pub weight_decay: f32,
    /// Cases per update: 100.
    pub batch: usize,
    /// Passes over the data, which schedules go by and callers count: 10.
    pub epochs: u64,
    /// Gibbs steps per update, k: 1.
    pub steps: u64,
    /// PCD, with as many chains as the batch has cases: false.
    pub persistent: bool,
    /// Centring: false. Offsets start at the data's mean and ½ and follow the data at rate 0.01.
    pub centered: bool,
    /// The model's term by enumeration instead of chains, for machines of up to 20 units in the smaller layer
    /// (Gaussian: the hidden one): false.
    #[serde(default)]
    pub exact_gradient: bool,
    /// Persistent chains at so many inverse temperatures that exchange their states (parallel tempering): none.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tempering: Option<usize>,
    /// Machines of earlier updates are kept, as rungs of a ladder up to the last: false.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub trajectory: bool,
    /// The persistent chains exchange their states along the trajectory: false.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub trajectory_tempering: bool,
    /// The parameters are averaged over the updates beside: false.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub average: bool,
    /// None unless asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sparsity: Option<Sparsity>,
    /// Of order, states and noise, not of the first weights, which [`Rbm::new`](crate::models::Rbm::new) draws: 1.
    pub seed: u64,
    /// Which layer of a stack is trained, so that equally seeded layers share no number: 0.
    #[serde(skip)]
    pub level: u8,
}

impl Default for CdConfig {
    /// The defaults for Bernoulli units.
    fn default() -> Self {
        CdConfig::new(UnitKind::Bernoulli, UnitKind::Bernoulli)
    }
}

impl CdConfig {
    /// The defaults for a machine of these units.
    pub fn new(visible: UnitKind, hidden: UnitKind) -> Self {
        let rate = match [visible, hidden] {
            kinds if kinds.contains(&UnitKind::Gaussian) => 0.001,
            [_, UnitKind::Rectified] => 0.003,
            _ => 0.1,
        };
        CdConfig {
            learning_rate: Schedule::constant(rate),
            momentum: Schedule::Steps(0.5, vec![(5, 0.9)]),
            weight_decay: 1e-4,
            batch: 100,
            epochs: 10,
            steps: 1,
            persistent: false,
            centered: false,
            exact_gradient: false,
            tempering: None,
            trajectory: false,
            trajectory_tempering: false,
            average: false,
            sparsity: None,
            seed: 1,
            level: 0,
        }
    }

    setters! {
        learning_rate: impl Into<Schedule>;
        momentum: impl Into<Schedule>;
        weight_decay: f32;
        batch: usize;
        epochs: u64;
        steps: u64;
        persistent: bool;
        centered: bool;
        exact_gradient: bool;
        tempering: impl Into<Option<usize>>;
        trajectory: bool;
        trajectory_tempering: bool;
        average: bool;
        sparsity: impl Into<Option<Sparsity>>;
        seed: u64;
        level: u8;
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
        ranges::STEPS.check_count("cd steps", self.steps)?;
        self.check_ladder()?;
        if let Some(s) = self.sparsity {
            ranges::SPARSITY_TARGET.check("sparsity-target", s.target)?;
            ranges::COST.check("sparsity-cost", s.cost)?;
            ranges::MEMORY.check("sparsity-decay", s.decay)?;
        }
        Ok(())
    }

    /// Whether ranks can share such training.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) naming the setting that they cannot.
    pub fn check_shared(&self) -> Result<()> {
        let refuse = |name: &str, what: &str| {
            let detail = format!(
                "{what} is not shared among ranks: leave it out, or start it without mpirun and without --reproducible"
            );
            Err(Error::setting(name, detail))
        };
        match self {
            Self { exact_gradient: true, .. } => refuse("exact-gradient", "the exact gradient"),
            _ => Ok(()),
        }
    }

    fn check_ladder(&self) -> Result<()> {
        let fail = |name: &str, detail: &str| Err(Error::setting(name, detail));
        if let Some(count) = self.tempering {
            ranges::RUNGS.check_count("pt", count as u64)?;
            if count < 2 {
                return fail("pt", "one temperature has no neighbour; use at least 2");
            }
            if !self.persistent {
                return fail(
                    "pt",
                    "tempers persistent chains, and there are none: train with --pcd K",
                );
            }
            if self.trajectory {
                return fail(
                    "pt",
                    "contradicts a trajectory, whose rungs are machines of earlier updates: use one",
                );
            }
        }
        match (self.trajectory_tempering, self.trajectory, self.persistent) {
            (true, false, _) => {
                fail("ptt", "exchanges along the trajectory, and none is kept: add --trajectory")
            }
            (true, _, false) => {
                fail("ptt", "moves persistent chains, and there are none: train with --pcd K")
            }
            _ => Ok(()),
        }
    }
}
