//! Run folders, model files and pictures: everything that a run leaves on the disk.
//!
//! These are files only. Nothing here knows a kernel: tensors become host arrays first. Every writer of a whole file goes through [`atomic::write`], so a
//! reader meets the old file or the new one, never half of either.

pub mod atomic;
pub mod checkpoint;
pub mod curves;
pub mod folder;
pub mod html;
pub mod model_file;
pub mod network_file;
pub mod npy;
pub mod pictures;
pub mod record;
pub mod report;

pub use checkpoint::{Checkpoint, Checkpoints};
pub use folder::{
    CONFIG, CONFUSION, CONFUSION_TABLE, CURVES, EVAL, FILTERS, LAST_MODEL, METRICS, MISTAKES,
    MODEL, RECONSTRUCTIONS, REPORT, RunFolder, SAMPLES, SUMMARY, resolve_model,
};
pub use model_file::RbmFile;
pub use network_file::{NetworkFile, model_kind};
pub use pictures::confusion::{self, Confusion};
pub use pictures::{features, mistakes, png_file, robust_range, text};
pub use record::Record;
