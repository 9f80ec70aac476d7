//! Trained restricted Boltzmann machines.

mod apply;
mod evaluate;
mod partition;
mod trained;

pub use apply::{Keep, Reconstruction, Sampling, run_chains, upload_rows};
pub use evaluate::{Evaluation, EvaluationConfig};
pub use partition::{Method, Progress};
pub use trained::{Origin, TrainedRbm};
