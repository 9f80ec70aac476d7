//! What is done with models of each kind, without a terminal: what each `train` does (settings, stages, scores and
//! report; [`run::train`](crate::run::train()) drives them), and how trained ones are opened, applied and scored.
//!
//! The command's `train`, `eval`, `sample`, `transform`, `reconstruct`, `predict`, `features` and `report` are calls of
//! what is here.
//!
//! ```
//! use harmonium::jobs::rbm::EvaluationConfig;
//! use harmonium::jobs::{Choice, Trained, TrainedRbm};
//! # fn main() -> harmonium::Result<()> {
//! # use harmonium::{data::{Binarize, Preprocessing}, jobs::rbm::Origin, models::{Rbm, Units}};
//! # let device = harmonium::Device::cpu();
//! # let folder = std::env::temp_dir().join(format!("harmonium-jobs-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let path = folder.join("model.safetensors");
//! # let mut rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(4), 1)?;
//! # let preprocessing = Preprocessing { binarize: Some(Binarize::Threshold(0.5)), ..Default::default() };
//! # Origin { preprocessing, ..Origin::default() }.file(&mut rbm)?.save(&path)?;
//! // A run folder, or a model.safetensors.
//! let machine: TrainedRbm = Trained::open(&path, &device, None)?.of_kind()?;
//! let digits = Choice::of("digits");
//! let found = machine.evaluate(&digits, &EvaluationConfig::default(), &mut |_| ())?;
//! assert_eq!((found.log_partition.map(|z| z.method), found.cases), (Some("exact"), Some(297)));
//! let hidden = machine.transform(&machine.cases(&digits.limit(5))?.cases)?;
//! assert_eq!(hidden.len(), 5 * 4);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok(())
//! # }
//! ```

pub mod autoencoder;
mod beside;
mod case_scores;
mod choice;
mod chosen;
pub mod class_rbm;
mod classes;
pub mod crf;
mod data;
pub mod dbm;
pub mod dbn;
mod export;
mod file;
mod loading;
pub mod network;
mod onnx;
mod pieces;
pub mod rbm;
mod rows;
mod settings;
mod stack;
mod trained;
mod turns;

use std::path::Path;

use serde::Serialize;

use crate::error::{Error, Result};
use crate::run::report::comparison::Compared;
use crate::run::{EVAL, Observer, Record, atomic};

pub use autoencoder::TrainedAutoencoder;
pub use beside::{classifier_of, stack_of};
pub use case_scores::CaseScores;
pub use choice::Choice;
pub use chosen::Chosen;
pub use class_rbm::TrainedClassRbm;
pub use crf::TrainedCrf;
pub use data::Data;
pub use dbm::TrainedDbm;
pub use dbn::TrainedDbn;
pub use network::TrainedNetwork;
pub use pieces::Pieces;
pub use rbm::TrainedRbm;
pub use rows::SquaredError;
pub use settings::{
    ARRAY_HELP, BinarizeHow, DATA_HELP, LABELS_HELP, Memory, SCALE_HELP, Validation,
};
pub use stack::{Layers, LevelData, TunerName};
pub use trained::{OfKind, Trained, commands};
pub use turns::{Made, Piece};

/// What an evaluation found as JSON: what `--json` prints, and a run's `eval.json` holds.
///
/// # Errors
/// [`Error::Data`] for what has no JSON form.
pub fn json(evaluation: &impl Serialize) -> Result<String> {
    serde_json::to_string_pretty(evaluation).map_err(|e| Error::data("eval", e.to_string()))
}

/// Writes `eval.json` into a folder, atomically.
///
/// # Errors
/// [`Error::Io`]; as [`json`].
pub fn save_evaluation(folder: &Path, evaluation: &impl Serialize) -> Result<()> {
    let json = json(evaluation)?;
    atomic::write(&folder.join(EVAL), |file| file.write_all(format!("{json}\n").as_bytes()))
}

/// A kind of model that `train` trains, and what there is to do with its runs.
#[derive(Debug)]
pub struct Kind {
    /// How its runs stand beside others.
    pub compared: &'static Compared,
    /// Writes a run's report again, on a device of that name, if not on the run's own.
    pub report: fn(&Record, Option<&str>, &mut dyn Observer) -> Result<()>,
}

/// Every kind.
pub static KINDS: [Kind; 7] = [
    Kind { compared: &rbm::COMPARED, report: rbm::write_report },
    Kind { compared: &network::COMPARED, report: network::write_report },
    Kind { compared: &autoencoder::COMPARED, report: autoencoder::write_report },
    Kind { compared: &dbn::COMPARED, report: dbn::write_report },
    Kind { compared: &crf::COMPARED, report: crf::write_report },
    Kind { compared: &dbm::COMPARED, report: dbm::write_report },
    Kind { compared: &class_rbm::COMPARED, report: class_rbm::write_report },
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
