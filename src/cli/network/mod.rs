//! Classifiers: their training, and what is done with them afterwards.

mod finish;
mod prepare;
mod settings;
mod train;

pub use settings::{NetworkKind, NetworkOptions};
pub use train::run as train;
