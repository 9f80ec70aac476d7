//! Classifiers: their training, `train lenet5`, `lenet5-modern` and `cnn`, and trained ones.

mod data;
mod evaluate;
mod features;
pub mod figures;
mod job;
mod kinds;
mod labelled;
mod outcome;
mod pictures;
mod predict;
mod report;
mod settings;
mod shown;
mod table;
mod trained;

pub(super) use data::check_classes;
pub use evaluate::{Evaluated, Evaluation};
pub use job::NetworkJob;
pub use kinds::{NetworkKind, OptimizerName, OutputName};
pub use labelled::{Labelled, labelled, resident};
pub use outcome::Outcome;
pub use pictures::confusion_and_mistakes;
pub use predict::write_table;
pub(super) use report::layers;
pub use report::{COMPARED, write_report};
pub use settings::NetworkSettings;
pub use shown::Shown;
pub use table::NetworkTable;
pub(super) use table::wrong_layer;
pub use trained::{Origin, TrainedNetwork};
