//! Restricted Boltzmann machines: their training, `train rbm`, and trained ones.

mod apply;
mod climbed;
mod coding;
mod config;
mod data;
mod diagnostics;
mod evaluate;
pub mod figures;
mod job;
mod ladder;
mod likelihoods;
mod mixing;
mod partition;
mod probe;
mod report;
mod scored;
mod settings;
mod trained;
mod watch;

pub use super::rows::{Reconstruction, upload_rows};
pub(super) use apply::ends;
pub use apply::{Held, Keep, Passage, Sampled, Sampling, run_chains};
pub use climbed::Climbed;
pub use config::{EvaluationConfig, Method, Rungs};
pub use diagnostics::{Diagnostics, Histogram, Time};
pub use evaluate::Evaluation;
pub use job::RbmJob;
pub(in crate::jobs) use ladder::climb;
pub(in crate::jobs) use mixing::section as mixing;
pub use partition::{LogPartition, Progress};
pub(super) use partition::{Partition, STEPS, Seen, partition, starts};
pub use report::{COMPARED, write_report};
pub use settings::RbmSettings;
pub use trained::{Origin, TrainedRbm};
pub use watch::Watch;
