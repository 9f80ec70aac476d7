//! The values that learners take, each interval in one place: learners check it, commands say it.

use crate::interval::Interval;
use crate::models::MeanField;

/// Cases per update.
pub const BATCH: Interval = Interval::COUNT.up_to(u32::MAX as f64);
/// Gibbs steps per update; draws count them.
pub const STEPS: Interval = Interval::COUNT.up_to(1e9);
/// Rounds of a mean field.
pub const MEAN_FIELD: Interval = MeanField::ROUNDS;
/// Rungs of a ladder.
pub const RUNGS: Interval = Interval::COUNT.up_to(1000.0);
/// A learning rate.
pub const LEARNING_RATE: Interval = Interval::from(0.0).up_to(1e6);
/// A share of what there was that stays: momentum, decays of running means.
pub const MEMORY: Interval = Interval::from(0.0).below(1.0);
/// Decay of weights.
pub const WEIGHT_DECAY: Interval = Interval::from(0.0).up_to(1e6);
/// An activity towards which units are drawn.
pub const SPARSITY_TARGET: Interval = Interval::above(0.0).below(1.0);
/// The weight of a penalty.
pub const COST: Interval = Interval::from(0.0).up_to(1e6);
/// Line searches on a batch.
pub const LINE_SEARCHES: Interval = Interval::COUNT.up_to(1e6);
/// Evaluations of a line search.
pub const EVALUATIONS: Interval = Interval::COUNT.up_to(1e6);
/// Pairs that L-BFGS keeps.
pub const PAIRS: Interval = Interval::COUNT.up_to(1000.0);
