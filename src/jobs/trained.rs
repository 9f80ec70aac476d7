//! A trained model of any kind: opened, told apart.

use std::path::Path;

use super::beside::stack_of;
use super::{
    TrainedAutoencoder, TrainedClassRbm, TrainedCrf, TrainedDbm, TrainedDbn, TrainedNetwork,
    TrainedRbm,
};
use crate::data::Reading;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::UnitKind;
use crate::run::model_file::wrong_kind;
use crate::run::{ModelFile, ModelKind, TensorNames, resolve_model};

/// A trained model of any kind, on a device.
#[derive(Debug)]
pub enum Trained {
    /// A restricted Boltzmann machine.
    Rbm(TrainedRbm),
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
            ModelKind::Rbm => Trained::Rbm(TrainedRbm::from_file(file, device, visible)?),
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

    /// The model, where it is of the kind that is wanted.
    ///
    /// # Errors
    /// [`Error::File`] for another kind, saying which it is.
    pub fn of_kind<M: OfKind>(self) -> Result<M> {
        M::take(self).map_err(|other| {
            let why = format!(": it holds {}", other.kind().one());
            wrong_kind(other.path(), other.kind(), M::KIND, &why)
        })
    }

    /// The same for a command that takes no other kind, whose error says which commands take this one.
    pub(crate) fn for_command<M: OfKind>(self, command: &str) -> Result<M> {
        M::take(self).map_err(|other| other.refused_by(command, M::KIND))
    }

    /// What a command says of it that takes another kind.
    pub(super) fn refused_by(&self, command: &str, expected: ModelKind) -> Error {
        refused(self.path(), self.kind(), expected, command)
    }

    /// Where the labels were that it was trained on, where that was said: a file, or as [`Reading`] has it.
    pub fn labels(&self) -> Option<&str> {
        let reading: &Reading = match self {
            Trained::Rbm(model) => &model.origin.reading,
            Trained::Network(model) => &model.origin.reading,
            Trained::Autoencoder(model) => &model.origin.reading,
            Trained::Dbn(model) => &model.origin.reading,
            Trained::Dbm(model) => &model.origin.reading,
            Trained::ClassRbm(model) => &model.origin.reading,
            // Its sequences have their labels with them.
            Trained::Crf(_) => return None,
        };
        reading.labels.as_deref()
    }
}

/// A trained model of one kind.
pub trait OfKind: Sized {
    /// Which.
    const KIND: ModelKind;

    /// The model that is in `trained`, or what else is.
    ///
    /// # Errors
    /// A model of another kind, as it was.
    fn take(trained: Trained) -> std::result::Result<Self, Box<Trained>>;
}

macro_rules! kinds {
    ($($name:ident: $model:ty,)*) => {
        $(impl OfKind for $model {
            const KIND: ModelKind = ModelKind::$name;

            fn take(trained: Trained) -> std::result::Result<Self, Box<Trained>> {
                match trained {
                    Trained::$name(model) => Ok(model),
                    other => Err(Box::new(other)),
                }
            }
        })*

        impl Trained {
            /// What the user should be told of its file.
            pub fn notices(&self) -> &[String] {
                match self {
                    $(Trained::$name(model) => &model.notices,)*
                }
            }

            /// What it is.
            pub fn kind(&self) -> ModelKind {
                match self {
                    $(Trained::$name(_) => ModelKind::$name,)*
                }
            }

            /// What the data are called that it was trained on, where that is known.
            pub fn data(&self) -> Option<&str> {
                match self {
                    $(Trained::$name(model) => model.origin.data.as_deref(),)*
                }
            }

            fn path(&self) -> &Path {
                match self {
                    $(Trained::$name(model) => model.path(),)*
                }
            }
        }
    };
}

kinds! {
    Rbm: TrainedRbm,
    Network: TrainedNetwork,
    Autoencoder: TrainedAutoencoder,
    Dbn: TrainedDbn,
    Crf: TrainedCrf,
    Dbm: TrainedDbm,
    ClassRbm: TrainedClassRbm,
}

/// The model that the setting `from` of a training names; of a stack that became a classifier the stack.
///
/// # Errors
/// Those of [`Trained::open_stack`]; [`Error::Setting`] where there is no model.
pub(super) fn named_by_from(path: &str, device: &Device) -> Result<Trained> {
    Trained::open_stack(Path::new(path), device).map_err(|error| match error {
        Error::Run { what: "model", detail } => Error::setting("from", detail),
        Error::File { path, place, detail } if detail.contains("--map") => {
            let detail = format!(
                "{detail}. Training has no --map: rename the file's tensors W, b and a as they are meant"
            );
            Error::File { path, place, detail }
        }
        other => other,
    })
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
        ("predict", ModelKind::Autoencoder) => {
            "; `train autoencoder --classifier` puts classes on a code"
        }
        _ => "",
    };
    let why = format!(
        ": it holds {its}, and {} is expected by `harmonium {command}`; {takers} take {its}{whole}",
        wanted.join(" or ")
    );
    wrong_kind(path, found, expected, &why)
}
