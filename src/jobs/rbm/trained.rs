//! Machines between files and devices, and data made ready for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::coding::{coded, codes};
use crate::data::{Cases, DataSet, ImageShape, Part, Preprocessing, Reading};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::choice::TrainedOn;
use crate::jobs::file::{Training, put_image, put_preprocessing, take_image, take_preprocessing};
use crate::jobs::rows::for_picture;
use crate::jobs::{Choice, Chosen, Pieces};
use crate::models::{Model, Rbm, UnitKind};
use crate::run::{HIDDEN_KEY, ModelFile, ModelKind};
use crate::tensor::Tensor;

/// What a machine was trained on, and what was fitted to that.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// What is done to data before the machine sees them.
    pub preprocessing: Preprocessing,
    /// How a case is shown as a picture.
    pub image: Option<ImageShape>,
    /// Of the training.
    pub seed: u64,
    /// What the data are called, where that is known.
    pub data: Option<String>,
    /// How they were read.
    pub reading: Reading,
    /// Further keys of its file, kept as they are.
    pub metadata: BTreeMap<String, String>,
}

/// Data as they are, seed 1.
impl Default for Origin {
    fn default() -> Self {
        let preprocessing = Preprocessing::default();
        Origin {
            preprocessing,
            image: None,
            seed: 1,
            data: None,
            reading: Reading::default(),
            metadata: BTreeMap::new(),
        }
    }
}

const VISIBLE_KEY: &str = "harmonium.visible";

impl Origin {
    pub(super) fn trained_on(&self) -> TrainedOn<'_> {
        TrainedOn { data: self.data.as_deref(), reading: &self.reading, image: self.image }
    }

    /// A machine of this origin as a file.
    ///
    /// # Errors
    /// Device errors.
    pub fn file(&self, rbm: &mut dyn Model) -> Result<ModelFile> {
        Ok(self.told(ModelFile::of(rbm)?))
    }

    /// As [`Origin::file`], for asynchronous callers.
    ///
    /// # Errors
    /// Device errors.
    pub async fn file_async(&self, rbm: &mut dyn Model) -> Result<ModelFile> {
        Ok(self.told(ModelFile::of_async(rbm).await?))
    }

    fn told(&self, mut file: ModelFile) -> ModelFile {
        file.metadata.extend(self.metadata.clone());
        Training::put(self.seed, self.data.as_deref(), &self.reading, &mut file);
        put_image(self.image, &mut file);
        put_preprocessing(&self.preprocessing, &mut file);
        file
    }

    /// Values of units of a kind as a person wants to see them: in the data's own scale. And what black and white
    /// are.
    pub(super) fn for_picture(&self, kind: UnitKind, values: &mut [f32]) -> Result<(f32, f32)> {
        for_picture(&self.preprocessing, kind, values)
    }

    /// The (height, width) of a case.
    pub(super) fn image_shape(&self) -> Option<(usize, usize)> {
        self.image.map(|i| (i.height, i.width))
    }
}

/// A machine on a device, and where it comes from.
#[derive(Debug)]
pub struct TrainedRbm {
    /// The machine.
    pub rbm: Rbm,
    /// Where it comes from.
    pub origin: Origin,
    /// What the user should be told of its file.
    pub notices: Vec<String>,
    path: PathBuf,
}

impl TrainedRbm {
    /// A machine that was trained just now.
    pub fn new(rbm: Rbm, origin: Origin) -> Self {
        TrainedRbm { rbm, origin, notices: Vec::new(), path: PathBuf::new() }
    }

    /// The machine of a file. `visible` is what the user says its visible units to be: it decides where the
    /// file does not say.
    ///
    /// # Errors
    /// [`Error::File`] for another kind of model, and metadata that make no sense. [`Error::Setting`] where
    /// `visible` contradicts the file. Device errors.
    pub fn from_file(
        mut file: ModelFile,
        device: &Device,
        visible: Option<UnitKind>,
    ) -> Result<Self> {
        file.check_kind(ModelKind::Rbm)?;
        let visible = visible_kind(&mut file, visible)?;
        let hidden = unit_kind(&mut file, HIDDEN_KEY)?.unwrap_or_default();
        let tensor = |name: &str| match file.tensors.get(name) {
            Some(array) => Tensor::from_f32(device, &array.shape, &array.values),
            None => Err(file.wrong(format!("tensor {name}"), "missing")),
        };
        let rbm = Rbm::from_parts(visible, hidden, tensor("W")?, tensor("b")?, tensor("a")?)?;
        let preprocessing = take_preprocessing(&mut file)?;
        let units = rbm.visible_count();
        let image = take_image(&mut file, units);
        let Training { seed, data, reading } = Training::take(&mut file);
        let origin = Origin {
            preprocessing,
            image: image.or_else(|| ImageShape::guess(units)),
            seed,
            data,
            reading,
            metadata: std::mem::take(&mut file.metadata),
        };
        let (notices, path) = (std::mem::take(&mut file.notices), file.path().into());
        Ok(TrainedRbm { rbm, origin, notices, path })
    }

    /// Where its file is; empty where there is none.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cases as the machine was trained to see them.
    ///
    /// # Errors
    /// Those of [`data::load`](crate::data::load); [`Error::Setting`] where there is no such part;
    /// [`Error::Data`] for another width than the machine's, and for values that its units cannot have.
    pub fn cases(&self, choice: &Choice<'_>) -> Result<Chosen> {
        self.pieces(choice)?.whole()
    }

    /// The same, piece by piece where they are read in pieces.
    ///
    /// # Errors
    /// As [`TrainedRbm::cases`].
    pub fn pieces(&self, choice: &Choice<'_>) -> Result<Pieces<'_>> {
        let treat = |set, name: &str, part| self.treat(set, name, part);
        choice.pieces(self.origin.trained_on(), self.takes_unit_interval(), treat)
    }

    /// The cases of one part of the data `name` as the machine was trained to see them.
    fn treat(&self, set: DataSet, name: &str, part: Part) -> Result<Chosen> {
        let (kind, visible) = (self.rbm.visible().kind(), self.rbm.visible_count());
        let mut set = set;
        if codes(kind) {
            set.cases = self.seen(set.cases, name, part)?;
        }
        let width = set.cases.width();
        if width != visible {
            let path = self.path.display();
            let mut detail =
                format!("{width} values a case, and {path} has {visible} visible units");
            // What was left out of the data may be why.
            set.notices.iter().for_each(|notice| detail.push_str(&format!("; {notice}")));
            return Err(Error::data(name, detail));
        }
        let mut cases = set.cases;
        if !codes(kind) {
            cases = self.seen(cases, name, part)?;
        }
        if kind == UnitKind::Bernoulli {
            cases.check_unit_interval(name)?;
        }
        let DataSet { labels, files, ground_chosen, notices, .. } = set;
        Ok(Chosen { cases, labels, data: name.into(), part, files, ground_chosen, notices })
    }

    /// Values as data have them, as the machine was trained to see them.
    ///
    /// # Errors
    /// [`Error::Data`] for values that its units cannot have, `name` being what they are called.
    pub fn seen(&self, cases: Cases, name: &str, part: Part) -> Result<Cases> {
        let Origin { preprocessing, seed, .. } = &self.origin;
        let cases = preprocessing.apply_for_evaluation(cases, *seed, part)?;
        coded(cases, self.rbm.visible().kind(), name)
    }

    /// Whether the machine, or what is done to data before, takes values in [0, 1].
    fn takes_unit_interval(&self) -> bool {
        self.rbm.visible().kind() == UnitKind::Bernoulli
            || self.origin.preprocessing.binarize.is_some()
    }

    /// Whether its numbers are in the standardised space of the training data (mean 0, deviation 1).
    pub fn standardized(&self) -> bool {
        self.origin.preprocessing.mean.is_some()
    }

    /// Values as a person wants to see them: in the data's own scale. And what black and white are.
    ///
    /// # Errors
    /// [`Error::Data`] where they are no rows of the data's width.
    pub fn for_picture(&self, values: &mut [f32]) -> Result<(f32, f32)> {
        self.origin.for_picture(self.rbm.visible().kind(), values)
    }

    /// The (height, width) of a case.
    pub fn image_shape(&self) -> Option<(usize, usize)> {
        self.origin.image_shape()
    }
}

/// The kind of units that a file tells of under a key.
fn unit_kind(file: &mut ModelFile, key: &str) -> Result<Option<UnitKind>> {
    match file.metadata.remove(key).map(|text| (text.parse(), text)) {
        None => Ok(None),
        Some((Ok(kind), _)) => Ok(Some(kind)),
        Some((Err(_), text)) => {
            let detail = format!(
                "'{text}', expected bernoulli, gaussian, spin, softmax:STATES or, of hidden units, rectified"
            );
            Err(file.wrong(format!("metadata {key}"), detail))
        }
    }
}

/// What the visible units are, by the file or else by the user, or else Bernoulli.
fn visible_kind(file: &mut ModelFile, asked: Option<UnitKind>) -> Result<UnitKind> {
    let stored = unit_kind(file, VISIBLE_KEY)?;
    match (stored, asked) {
        (Some(stored), Some(asked)) if stored != asked => Err(Error::setting(
            "visible units",
            format!(
                "{asked} asked for, but {} says that its visible units are {stored}; leave the setting out",
                file.path().display()
            ),
        )),
        (stored, asked) => Ok(stored.or(asked).unwrap_or_default()),
    }
}
