//! Learners: what changes a model's parameters, one configuration struct each.

mod backpropagation;
mod batches;
mod best;
mod cd_config;
mod contrastive_divergence;
mod distortion;
mod epoch;
mod exact;
mod schedule;
mod state;

pub use backpropagation::{Backpropagation, BackpropagationConfig, Optimizer, TrainedEpoch};
pub use batches::{BatchSource, ResidentData, Treatment};
pub use cd_config::{CdConfig, Sparsity};
pub use contrastive_divergence::{CdTrainer, MOST_EXACT};
pub use distortion::Distortion;
pub use epoch::EpochReport;
pub use schedule::Schedule;
pub use state::{HostArray, TrainerState};
