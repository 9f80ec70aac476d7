//! Learners: what changes a model's parameters, one configuration struct each.

mod batches;
mod contrastive_divergence;
mod epoch;
mod exact;
mod schedule;
mod state;

pub use batches::{BatchSource, ResidentData, Treatment};
pub use contrastive_divergence::{CdConfig, CdTrainer, Sparsity};
pub use epoch::EpochReport;
pub use exact::MOST_EXACT;
pub use schedule::Schedule;
pub use state::{HostArray, TrainerState};
