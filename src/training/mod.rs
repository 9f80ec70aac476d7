//! Learners: what changes a model's parameters, one configuration struct each.

mod backpropagation;
mod backpropagation_config;
mod batches;
mod best;
mod contrastive_divergence;
mod distortion;
mod epoch;
mod exact;
mod schedule;
mod state;

pub use backpropagation::{Backpropagation, TrainedEpoch};
pub use backpropagation_config::{Augmentation, BackpropagationConfig, Optimizer};
pub use batches::{BatchSource, ResidentData, Treatment};
pub use contrastive_divergence::{CdConfig, CdTrainer, Sparsity};
pub use distortion::Distortion;
pub use epoch::EpochReport;
pub use exact::MOST_EXACT;
pub use schedule::Schedule;
pub use state::{HostArray, TrainerState};
