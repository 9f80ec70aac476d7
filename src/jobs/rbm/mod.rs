//! Restricted Boltzmann machines: `train rbm`.

mod data;
pub mod figures;
mod job;
mod likelihoods;
mod machine;
mod probe;
mod report;
mod settings;

pub use job::RbmJob;
pub use report::{COMPARED, write_report};
pub use settings::RbmSettings;
