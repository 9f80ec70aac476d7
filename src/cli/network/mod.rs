//! Classifiers: their training, and what is done with them afterwards.

mod eval;
mod features;
mod file;
mod finish;
mod open;
mod predict;
mod prepare;
// Its documentation is the command's help, which writes `<number>`.
#[allow(rustdoc::invalid_html_tags)]
mod settings;
mod train;

pub use eval::run as eval;
pub use features::run as features;
pub use predict::run as predict;
pub use settings::{NetworkKind, NetworkOptions};
pub use train::run as train;
