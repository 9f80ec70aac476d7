//! Classification machines: `train class-rbm`, and trained ones.
//!
//! ```no_run
//! use harmonium::jobs::class_rbm::{ClassRbmJob, ClassRbmSettings};
//! use harmonium::run::{Event, Flow, Run, train};
//! let settings = ClassRbmSettings::of("digits")?;
//! let mut observer = |_: Event<'_>| Flow::GoOn;
//! let mut job = ClassRbmJob::new(settings, &harmonium::Device::cpu(), &mut observer)?;
//! let mut run = Run::create(&job, None, false)?;
//! train(&mut job, &mut run, &mut observer)?;
//! # Ok::<(), harmonium::Error>(())
//! ```

mod drawings;
mod evaluate;
pub mod figures;
mod job;
mod report;
mod settings;
mod trained;

pub use evaluate::{Evaluated, Evaluation};
pub use job::ClassRbmJob;
pub use report::{COMPARED, write_report};
pub use settings::ClassRbmSettings;
pub use trained::{ClassSampling, TrainedClassRbm};
