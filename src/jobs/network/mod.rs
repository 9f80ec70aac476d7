//! Classifiers: `train lenet5`, `lenet5-modern` and `cnn`.

mod data;
pub mod figures;
mod job;
mod report;
mod settings;

pub use data::{Labelled, resident};
pub use job::{NetworkJob, confusion_and_mistakes};
pub use report::{COMPARED, write_report};
pub use settings::{NetworkKind, NetworkSettings};
