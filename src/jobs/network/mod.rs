//! Trained classifiers.

mod evaluate;
mod features;
mod labelled;
mod predict;
mod trained;

pub use evaluate::{Evaluated, Evaluation, confusion_and_mistakes};
pub use labelled::{Labelled, labelled, resident};
pub use predict::write_table;
pub use trained::{Origin, TrainedNetwork};
