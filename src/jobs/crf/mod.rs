//! Deep conditional random fields: `train crf`, and trained ones.

mod apply;
mod data;
mod evaluate;
pub mod figures;
mod folds;
mod forbid;
mod job;
mod learning;
mod report;
mod settings;
mod stages;
mod trained;

pub use evaluate::{Evaluated, Evaluation, picture_of_readings, write_readings};
pub use job::CrfJob;
pub use report::{COMPARED, write_report};
pub use settings::{CrfSettings, HiddenLayers};
pub use trained::{Origin, TrainedCrf};
