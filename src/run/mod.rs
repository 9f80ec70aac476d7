//! Run folders, model files and pictures: everything that a run leaves on the disk.
//!
//! These are files only. Nothing here knows a kernel: tensors become host arrays first. Every writer of a whole file goes through [`atomic::write`], so a
//! reader meets the old file or the new one, never half of either.

pub mod atomic;
pub mod checkpoint;
pub mod confusion;
pub mod curves;
pub mod features;
pub mod folder;
pub mod html;
pub mod mistakes;
pub mod model_file;
pub mod npy;
pub mod pictures;
pub mod png_file;
pub mod record;
pub mod report;
mod tensor_file;
pub mod text;

pub use checkpoint::{Checkpoint, Checkpoints};
pub use confusion::Confusion;
pub use folder::{
    CONFIG, CONFUSION, CONFUSION_TABLE, CURVES, EVAL, FILTERS, LAST_MODEL, METRICS, MISTAKES,
    MODEL, RECONSTRUCTIONS, REPORT, RunFolder, SAMPLES, SUMMARY, resolve_model,
};
pub use model_file::{ModelFile, ModelKind};
pub use pictures::robust_range;
pub use record::Record;
