//! What each `train` does: its settings, stages, scores and report. [`run::train`](crate::run::train()) drives them.

pub mod network;
pub mod rbm;
mod settings;

pub use settings::{BinarizeHow, Validation};

use crate::error::{Error, Result};
use crate::run::report::comparison::Compared;
use crate::run::{Observer, Record};

/// A kind of model that `train` trains, and what there is to do with its runs.
pub struct Kind {
    /// How its runs stand beside others.
    pub compared: &'static Compared,
    /// Writes a run's report again, on a device of that name, if not on the run's own.
    pub report: fn(&Record, Option<&str>, &mut dyn Observer) -> Result<()>,
}

/// Every kind.
pub static KINDS: [Kind; 2] = [
    Kind { compared: &rbm::COMPARED, report: rbm::write_report },
    Kind { compared: &network::COMPARED, report: network::write_report },
];

/// The kind of a run's model.
///
/// # Errors
/// [`Error::Run`], naming it, for one that this version does not know.
pub fn kind(record: &Record) -> Result<&'static Kind> {
    let model = record.summary.get("model").and_then(serde_json::Value::as_str).unwrap_or("");
    KINDS.iter().find(|kind| kind.compared.models.contains(&model)).ok_or_else(|| {
        let known: Vec<&str> = KINDS.iter().flat_map(|k| k.compared.models).copied().collect();
        let (path, known) = (record.path.display(), known.join(", "));
        Error::run("run", format!("{path} is of a '{model}'; this version knows {known}"))
    })
}

/// Writes the report of a finished run again, from its files and, where they are at hand, its data.
///
/// # Errors
/// Those of [`kind`]; what reading the folder gives; device errors.
pub fn write_report(
    record: &Record,
    device: Option<&str>,
    observer: &mut dyn Observer,
) -> Result<()> {
    (kind(record)?.report)(record, device, observer)
}
