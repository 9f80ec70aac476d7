//! Runs: the loop that trains a [`Job`], and everything that it leaves on the disk.
//!
//! Every writer of a whole file goes through [`atomic::write`], so a reader meets the old file or the new one, never
//! half of either. Nothing here reads a command line or a terminal: what happens is told to an [`Observer`].

pub mod atomic;
mod begun;
pub mod checkpoint;
pub mod colours;
pub mod curves;
mod files;
pub mod folder;
mod foreign;
pub mod html;
mod job;
pub mod ladder_file;
pub mod model_file;
mod model_kind;
pub mod npy;
pub mod onnx;
pub mod pictures;
pub mod record;
pub mod report;
mod session;
pub mod settings;
mod summary;
mod tensor_file;
mod train;

pub use checkpoint::{Checkpoint, Checkpoints};
pub use files::{
    AVERAGED, CLASSIFIER, CODES, CONFIG, CONFUSION, CONFUSION_TABLE, CURVES, DBN, DIAGNOSTICS,
    EVAL, FILTERS, FOLDS, LADDER, LADDER_PICTURE, LAST_MODEL, LEVELS, METRICS, MISTAKES, MODEL,
    PLANE, PRETRAINING, READINGS, RECONSTRUCTIONS, REPORT, SAMPLES, SUMMARY,
};
pub use folder::{RunFolder, resolve_model, resuming};
pub use foreign::TensorNames;
pub use job::{
    About, End, Event, Facts, Finish, Flow, Job, Keep, Observer, Stage, Summary, figures_in,
};
pub use model_file::ModelFile;
pub(crate) use model_kind::HIDDEN_KEY;
pub use model_kind::ModelKind;
pub use pictures::confusion::{self, Confusion};
pub use pictures::{features, mistakes, png_file, readings, robust_range, scatter, text};
pub use record::{Line, Record, RunRecord, points};
pub use session::{Found, Older, Run};
pub use train::train;
