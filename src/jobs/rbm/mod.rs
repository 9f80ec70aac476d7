//! Trained restricted Boltzmann machines.

mod apply;
mod config;
mod evaluate;
mod partition;
mod trained;

pub use apply::{Keep, Reconstruction, Sampling, run_chains, upload_rows};
pub use config::{EvaluationConfig, Method};
pub use evaluate::Evaluation;
pub use partition::Progress;
pub use trained::{Origin, TrainedRbm};
