//! Deep autoencoders: levels trained one by one, then the whole.
//!
//! ```no_run
//! use harmonium::jobs::autoencoder::{AutoencoderJob, AutoencoderSettings};
//! use harmonium::run::{Event, Flow, Run, train};
//! let settings = AutoencoderSettings::of("digits")?;
//! let mut observer = |_: Event<'_>| Flow::GoOn;
//! let mut job = AutoencoderJob::new(settings, &harmonium::Device::cpu(), &mut observer)?;
//! let mut run = Run::create(&job, None, false)?;
//! train(&mut job, &mut run, &mut observer)?;
//! # Ok::<(), harmonium::Error>(())
//! ```

mod classes;
mod classifier;
mod data;
mod drawings;
mod figures;
mod job;
mod kinds;
mod level;
mod pca;
mod report;
mod settings;
mod trained;

pub use job::AutoencoderJob;
pub use kinds::{ClassifierHow, LayerUnits, Pretraining};
pub use pca::Pca;
pub use report::{COMPARED, write_report};

pub use super::rows::Reconstruction;
pub use settings::AutoencoderSettings;
pub use trained::{Evaluation, Origin, TrainedAutoencoder};
