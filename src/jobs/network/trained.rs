//! Classifiers between files and devices, and data made ready for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::data::{Cases, PictureInput};
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::classification::{Predictions, check_labels, predict};
use crate::jobs::{Choice, Chosen, seed_and_data, set_seed_and_data};
use crate::models::{Model, Network, NetworkSpec};
use crate::run::{ModelFile, ModelKind};

/// What a classifier was trained on, and how it sees that.
#[derive(Debug, Clone, PartialEq)]
pub struct Origin {
    /// What is done to pictures first.
    pub input: PictureInput,
    /// A name for each class.
    pub classes: Vec<String>,
    /// Of the training.
    pub seed: u64,
    /// What the data are called, where that is known.
    pub data: Option<String>,
    /// Further keys of its file, kept as they are.
    pub metadata: BTreeMap<String, String>,
}

const NETWORK_KEY: &str = "harmonium.network";
const INPUT_KEY: &str = "harmonium.input";
const CLASSES_KEY: &str = "harmonium.classes";

impl Origin {
    /// A classifier of these classes, seed 1.
    pub fn new(input: PictureInput, classes: Vec<String>) -> Self {
        Origin { input, classes, seed: 1, data: None, metadata: BTreeMap::new() }
    }

    /// A network of this origin as a file.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) for what has no JSON form; device errors.
    pub fn file(&self, network: &mut dyn Model) -> Result<ModelFile> {
        let mut file = ModelFile::of(network)?;
        file.metadata.extend(self.metadata.clone());
        set_seed_and_data(&mut file, self.seed, self.data.as_deref());
        for (key, json) in [
            (INPUT_KEY, serde_json::to_string(&self.input)),
            (CLASSES_KEY, serde_json::to_string(&self.classes)),
        ] {
            let json = json.map_err(|e| file.wrong(format!("metadata {key}"), e.to_string()))?;
            file.metadata.insert(key.into(), json);
        }
        Ok(file)
    }
}

/// A classifier on a device, and where it comes from.
pub struct TrainedNetwork {
    /// The classifier.
    pub network: Network,
    /// Where it comes from.
    pub origin: Origin,
    /// What the user should be told of its file.
    pub notices: Vec<String>,
    path: PathBuf,
}

impl TrainedNetwork {
    /// The network of a file.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File), naming the tensor or the metadata key, for another kind of model and
    /// for everything that does not fit together. [`Error::Setting`](crate::Error::Setting) where the
    /// description makes no network. Device errors.
    pub fn from_file(mut file: ModelFile, device: &Device) -> Result<Self> {
        file.check_kind(ModelKind::Network)?;
        let spec: NetworkSpec = take(&mut file, NETWORK_KEY)?;
        let input: PictureInput = take(&mut file, INPUT_KEY)?;
        let classes: Vec<String> = take(&mut file, CLASSES_KEY)?;
        let wrong = |detail: String| file.wrong(format!("metadata {INPUT_KEY}"), detail);
        input.check().map_err(|e| wrong(e.to_string()))?;
        let pictures = input.shape().map_err(|e| wrong(e.to_string()))?;
        if pictures != spec.input || classes.len() != spec.classes {
            return Err(wrong(format!(
                "pictures of {pictures:?} and {} classes do not fit the network's {:?} and {}",
                classes.len(),
                spec.input,
                spec.classes
            )));
        }
        let mut network = Network::new(device, &spec, 1)?;
        file.restore(&mut network)?;
        let (seed, data) = seed_and_data(&mut file);
        let metadata = std::mem::take(&mut file.metadata);
        let origin = Origin { input, classes, seed, data, metadata };
        let (notices, path) = (std::mem::take(&mut file.notices), file.path().into());
        Ok(TrainedNetwork { network, origin, notices, path })
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Cases as the network sees them.
    ///
    /// # Errors
    /// Those of [`data::load`](crate::data::load); [`Error::Setting`](crate::Error::Setting) where there is no
    /// such part; [`Error::Data`](crate::Error::Data) where the cases are no pictures, or of classes that the
    /// network does not know.
    pub fn cases(&self, choice: &Choice<'_>) -> Result<Chosen> {
        let name = choice.name(self.origin.data.as_deref())?;
        let taken = choice.take(name)?;
        let set = taken.set;
        if let Some(labels) = &set.labels {
            check_labels(&set.name, labels, self.origin.classes.len())?;
        }
        let (cases, part) = (self.origin.input.prepare(&set)?, taken.part);
        Ok(Chosen { cases, labels: set.labels, data: name.into(), part, notices: set.notices })
    }

    /// The probability of each class for each case.
    ///
    /// # Errors
    /// As [`predict`].
    pub fn predict(&self, cases: &Cases) -> Result<Predictions> {
        predict(&self.network, cases, &self.origin.input, None)
    }
}

/// Takes a key out of the metadata, and reads it as JSON.
fn take<T: DeserializeOwned>(file: &mut ModelFile, key: &str) -> Result<T> {
    let place = format!("metadata {key}");
    let Some(text) = file.metadata.remove(key) else {
        return Err(file.wrong(place, "missing"));
    };
    serde_json::from_str(&text).map_err(|e| file.wrong(place, e.to_string()))
}
