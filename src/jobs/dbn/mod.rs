//! Deep belief nets: levels trained one by one as machines, then a classifier, or a generative net with or without
//! labels.
//!
//! ```no_run
//! use harmonium::jobs::dbn::{DbnJob, DbnSettings};
//! use harmonium::run::{Event, Flow, Run, train};
//! let settings = DbnSettings::of("digits")?;
//! let mut observer = |_: Event<'_>| Flow::GoOn;
//! let mut job = DbnJob::new(settings, &harmonium::Device::cpu(), &mut observer)?;
//! let mut run = Run::create(&job, None, false)?;
//! train(&mut job, &mut run, &mut observer)?;
//! # Ok::<(), harmonium::Error>(())
//! ```

mod drawings;
mod evaluate;
mod features;
mod figures;
mod finish;
mod job;
mod learning;
mod report;
mod settings;
mod stages;
mod trained;

pub use super::stack::{Bounded, Evaluated, Scored};
pub use evaluate::Evaluation;
pub(super) use figures::CHOSEN_BY;
pub use job::DbnJob;
pub use report::{COMPARED, write_report};
pub use settings::{DbnSettings, Purpose};
pub use trained::{Dreaming, Origin, TrainedDbn};
