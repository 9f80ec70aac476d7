//! What is done with models of each kind, without a terminal: what each `train` does (settings, stages, scores and
//! report; [`run::train`](crate::run::train()) drives them), and how trained ones are opened, applied and scored.
//!
//! The command's `train`, `eval`, `sample`, `transform`, `reconstruct`, `predict`, `features` and `report` are calls of
//! what is here.
//!
//! ```
//! use harmonium::jobs::rbm::EvaluationConfig;
//! use harmonium::jobs::{Choice, Trained};
//! # fn main() -> harmonium::Result<()> {
//! # use harmonium::{data::{Binarize, Preprocessing}, jobs::rbm::{Origin, TrainedRbm}, models::{Rbm, Units}};
//! # let device = harmonium::Device::cpu();
//! # let folder = std::env::temp_dir().join(format!("harmonium-jobs-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let path = folder.join("model.safetensors");
//! # let mut rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(4), 1)?;
//! # let preprocessing = Preprocessing { binarize: Some(Binarize::Threshold(0.5)), ..Default::default() };
//! # Origin { preprocessing, ..Origin::default() }.file(&mut rbm)?.save(&path)?;
//! // A run folder, or a model.safetensors.
//! let Trained::Machine(machine) = Trained::open(&path, &device, None)? else { return Ok(()) };
//! let digits = Choice::of("digits");
//! let found = machine.evaluate(&digits, &EvaluationConfig::default(), &mut |_| ())?;
//! assert_eq!((found.log_partition.method, found.cases), ("exact", Some(297)));
//! let hidden = machine.transform(&machine.cases(&digits.limit(5))?.cases)?;
//! assert_eq!(hidden.len(), 5 * 4);
//! # std::fs::remove_dir_all(&folder).unwrap();
//! # Ok(())
//! # }
//! ```

pub mod autoencoder;
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
mod turns;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::UnitKind;
use crate::run::model_file::wrong_kind;
use crate::run::report::comparison::Compared;
use crate::run::{
    CLASSIFIER, DBN, EVAL, ModelFile, ModelKind, Observer, Record, TensorNames, atomic,
    resolve_model,
};

pub use autoencoder::TrainedAutoencoder;
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
pub use turns::{Made, Piece};

/// A trained model of any kind, on a device.
#[derive(Debug)]
pub enum Trained {
    /// A restricted Boltzmann machine.
    Machine(TrainedRbm),
    /// A classifier.
    Network(TrainedNetwork),
    /// An autoencoder.
    Autoencoder(TrainedAutoencoder),
    /// A deep belief net.
    Dbn(TrainedDbn),
    /// A conditional random field.
    Crf(TrainedCrf),
    /// A deep Boltzmann machine.
    Dbm(TrainedDbm),
    /// A classification machine.
    ClassRbm(TrainedClassRbm),
}

impl Trained {
    /// Opens the model of a run folder, or a model file. `visible` is what the user says a machine's visible
    /// units to be: it decides where the file does not say.
    ///
    /// # Errors
    /// [`Error::Run`] where there is no model; those of [`ModelFile::load`], [`TrainedRbm::from_file`] and
    /// [`TrainedNetwork::from_file`].
    pub fn open(path: &Path, device: &Device, visible: Option<UnitKind>) -> Result<Self> {
        Self::open_as(path, device, visible, &TensorNames::default())
    }

    /// The same of a machine made elsewhere, whose tensors have these names.
    ///
    /// # Errors
    /// As [`Trained::open`] and [`ModelFile::load_as`].
    pub fn open_as(
        path: &Path,
        device: &Device,
        visible: Option<UnitKind>,
        names: &TensorNames,
    ) -> Result<Self> {
        let file = ModelFile::load_as(resolve_model(path)?, names)?;
        Ok(match file.kind {
            ModelKind::Rbm => Trained::Machine(TrainedRbm::from_file(file, device, visible)?),
            ModelKind::Network => Trained::Network(TrainedNetwork::from_file(file, device)?),
            ModelKind::Autoencoder => {
                Trained::Autoencoder(TrainedAutoencoder::from_file(file, device)?)
            }
            ModelKind::Dbn => Trained::Dbn(TrainedDbn::from_file(file, device)?),
            ModelKind::Crf => Trained::Crf(TrainedCrf::from_file(file, device)?),
            ModelKind::Dbm => Trained::Dbm(TrainedDbm::from_file(file, device)?),
            ModelKind::ClassRbm => Trained::ClassRbm(TrainedClassRbm::from_file(file, device)?),
        })
    }

    /// As [`Trained::open`], but of a run whose stack became a classifier the stack.
    ///
    /// # Errors
    /// As there.
    pub fn open_stack(path: &Path, device: &Device) -> Result<Self> {
        Self::open(&stack_of(path), device, None)
    }

    /// What the user should be told of its file.
    pub fn notices(&self) -> &[String] {
        match self {
            Trained::Machine(machine) => &machine.notices,
            Trained::Network(network) => &network.notices,
            Trained::Autoencoder(autoencoder) => &autoencoder.notices,
            Trained::Dbn(dbn) => &dbn.notices,
            Trained::Crf(field) => &field.notices,
            Trained::Dbm(dbm) => &dbm.notices,
            Trained::ClassRbm(machine) => &machine.notices,
        }
    }

    /// The machine, which is all that `command` takes.
    ///
    /// # Errors
    /// [`Error::File`] for another kind, saying which it is and which commands take it.
    pub fn machine(self, command: &str) -> Result<TrainedRbm> {
        match self {
            Trained::Machine(machine) => Ok(machine),
            other => Err(other.refused(ModelKind::Rbm, command)),
        }
    }

    /// The network, which is all that `command` takes.
    ///
    /// # Errors
    /// As [`Trained::machine`].
    pub fn network(self, command: &str) -> Result<TrainedNetwork> {
        match self {
            Trained::Network(network) => Ok(network),
            other => Err(other.refused(ModelKind::Network, command)),
        }
    }

    /// The autoencoder, which is all that `command` takes.
    ///
    /// # Errors
    /// As [`Trained::machine`].
    pub fn autoencoder(self, command: &str) -> Result<TrainedAutoencoder> {
        match self {
            Trained::Autoencoder(autoencoder) => Ok(autoencoder),
            other => Err(other.refused(ModelKind::Autoencoder, command)),
        }
    }

    /// The deep belief net, which is all that `command` takes.
    ///
    /// # Errors
    /// As [`Trained::machine`].
    pub fn dbn(self, command: &str) -> Result<TrainedDbn> {
        match self {
            Trained::Dbn(dbn) => Ok(dbn),
            other => Err(other.refused(ModelKind::Dbn, command)),
        }
    }

    /// The conditional random field, which is all that `command` takes.
    ///
    /// # Errors
    /// As [`Trained::machine`].
    pub fn field(self, command: &str) -> Result<TrainedCrf> {
        match self {
            Trained::Crf(field) => Ok(field),
            other => Err(other.refused(ModelKind::Crf, command)),
        }
    }

    /// The deep Boltzmann machine, which is all that `command` takes.
    ///
    /// # Errors
    /// As [`Trained::machine`].
    pub fn deep(self, command: &str) -> Result<TrainedDbm> {
        match self {
            Trained::Dbm(dbm) => Ok(dbm),
            other => Err(other.refused(ModelKind::Dbm, command)),
        }
    }

    /// The classification machine, which is all that `command` takes.
    ///
    /// # Errors
    /// As [`Trained::machine`].
    pub fn class_rbm(self, command: &str) -> Result<TrainedClassRbm> {
        match self {
            Trained::ClassRbm(machine) => Ok(machine),
            other => Err(other.refused(ModelKind::ClassRbm, command)),
        }
    }

    /// What it is.
    pub fn kind(&self) -> ModelKind {
        match self {
            Trained::Machine(_) => ModelKind::Rbm,
            Trained::Network(_) => ModelKind::Network,
            Trained::Autoencoder(_) => ModelKind::Autoencoder,
            Trained::Dbn(_) => ModelKind::Dbn,
            Trained::Crf(_) => ModelKind::Crf,
            Trained::ClassRbm(_) => ModelKind::ClassRbm,
            Trained::Dbm(_) => ModelKind::Dbm,
        }
    }

    fn path(&self) -> &Path {
        match self {
            Trained::Machine(machine) => machine.path(),
            Trained::Network(network) => network.path(),
            Trained::Autoencoder(model) => model.path(),
            Trained::Dbn(dbn) => dbn.path(),
            Trained::Crf(field) => field.path(),
            Trained::ClassRbm(machine) => machine.path(),
            Trained::Dbm(dbm) => dbm.path(),
        }
    }

    fn refused(&self, expected: ModelKind, command: &str) -> Error {
        refused(self.path(), self.kind(), expected, command)
    }
}

/// The model that the setting `from` of a training names; of a stack that became a classifier the stack.
///
/// # Errors
/// Those of [`Trained::open_stack`]; [`Error::Setting`] where there is no model.
fn named_by_from(path: &str, device: &Device) -> Result<Trained> {
    Trained::open_stack(Path::new(path), device).map_err(|error| match error {
        Error::Run { what: "model", detail } => Error::setting("from", detail),
        other => other,
    })
}

/// A run folder's stack, where its model is what became of it; else the path itself.
pub fn stack_of(path: &Path) -> PathBuf {
    Some(path.join(DBN)).filter(|file| file.is_file()).unwrap_or_else(|| path.into())
}

/// A run folder's classifier, where one lies beside its model; else the path itself.
pub fn classifier_of(path: &Path) -> PathBuf {
    Some(path.join(CLASSIFIER)).filter(|file| file.is_file()).unwrap_or_else(|| path.into())
}

/// The commands that take a model of this kind.
pub fn commands(kind: ModelKind) -> &'static [&'static str] {
    match kind {
        ModelKind::Rbm => &["eval", "sample", "transform", "reconstruct", "export", "report"],
        ModelKind::Network => &["eval", "transform", "predict", "features", "report"],
        ModelKind::Autoencoder => {
            &["eval", "transform", "reconstruct", "decode", "export", "report"]
        }
        ModelKind::Crf => &["eval", "transform", "predict", "features", "report"],
        ModelKind::ClassRbm | ModelKind::Dbm => {
            &["eval", "sample", "transform", "reconstruct", "predict", "features", "report"]
        }
        ModelKind::Dbn => &[
            "eval",
            "sample",
            "transform",
            "reconstruct",
            "predict",
            "features",
            "export",
            "report",
        ],
    }
}

fn refused(path: &Path, found: ModelKind, expected: ModelKind, command: &str) -> Error {
    let (its, other) = (found.one(), expected.one());
    // Of a command that takes both, it is the run that says something else.
    if commands(found).contains(&command) {
        let why = format!(
            ": it holds {its}, and the run's config.toml is that of {other}; put the run's own file back, or \
             give another run"
        );
        return wrong_kind(path, found, expected, &why);
    }
    let mut takers: Vec<String> = commands(found).iter().map(|c| format!("`{c}`")).collect();
    let last = takers.pop().unwrap_or_default();
    let takers = format!("{} and {last}", takers.join(", "));
    let takes = |kind: &ModelKind| commands(*kind).contains(&command);
    let wanted: Vec<String> =
        ModelKind::ALL.into_iter().filter(takes).map(ModelKind::one).collect();
    let whole = match (command, found) {
        ("export", ModelKind::Network | ModelKind::ClassRbm) => ", and `export --onnx`",
        _ => "",
    };
    let why = format!(
        ": it holds {its}, and {} is expected by `harmonium {command}`; {takers} take {its}{whole}",
        wanted.join(" or ")
    );
    wrong_kind(path, found, expected, &why)
}

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
