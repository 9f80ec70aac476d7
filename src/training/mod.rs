//! Learners: what changes a model's parameters, one configuration struct each.

mod backpropagation;
mod batches;
mod best;
mod contrastive_divergence;
mod distortion;
mod epoch;
mod exact;
mod figure;
mod schedule;
mod state;

pub use crate::models::HostArray;
pub use backpropagation::{Backpropagation, BackpropagationConfig, Optimizer, TrainedEpoch};
pub use batches::{BatchSource, ResidentData, Treatment};
pub use contrastive_divergence::{CdConfig, CdTrainer, Sparsity};
pub use distortion::Distortion;
pub use epoch::EpochReport;
pub use exact::MOST_EXACT;
pub use figure::{Better, Figure, Figures, Style};
pub use schedule::Schedule;
pub use state::TrainerState;
