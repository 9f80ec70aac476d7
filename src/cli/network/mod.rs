//! Classifiers: their training.

mod file;
mod finish;
mod prepare;
// Its documentation is the command's help, which writes `<number>`.
#[allow(rustdoc::invalid_html_tags)]
mod settings;
mod train;

pub use settings::{NetworkKind, NetworkOptions};
pub use train::run as train;
