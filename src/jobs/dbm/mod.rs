//! Deep Boltzmann machines: from levels trained one by one or from small weights with centring, trained as a whole, and
//! with classes a network on what they make of a case.
//!
//! ```no_run
//! use harmonium::jobs::dbm::{DbmJob, DbmSettings};
//! use harmonium::run::{Event, Flow, Run, train};
//! let settings = DbmSettings::of("digits")?;
//! let mut observer = |_: Event<'_>| Flow::GoOn;
//! let mut job = DbmJob::new(settings, &harmonium::Device::cpu(), &mut observer)?;
//! let mut run = Run::create(&job, None, false)?;
//! train(&mut job, &mut run, &mut observer)?;
//! # Ok::<(), harmonium::Error>(())
//! ```

mod drawings;
mod evaluate;
mod features;
mod figures;
mod given;
mod job;
mod learning;
mod partition;
mod report;
mod sampling;
mod settings;
mod stages;
mod trained;

pub use super::stack::{Bounded, Evaluated, Scored};
pub use evaluate::Evaluation;
pub use job::DbmJob;
pub use report::{COMPARED, write_report};
pub use sampling::DeepSampling;
pub use settings::DbmSettings;
pub use trained::TrainedDbm;
