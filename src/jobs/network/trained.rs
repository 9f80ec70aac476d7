//! Classifiers between files and devices, and data made ready for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::data::{Cases, DataSet, PictureInput, Reading};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::{Predictions, predict};
use crate::jobs::choice::TrainedOn;
use crate::jobs::{Choice, Chosen, Training, take_json};
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
    /// How they were read.
    pub reading: Reading,
    /// Further keys of its file, kept as they are.
    pub metadata: BTreeMap<String, String>,
}

const NETWORK_KEY: &str = "harmonium.network";
const INPUT_KEY: &str = "harmonium.input";
const CLASSES_KEY: &str = "harmonium.classes";

impl Origin {
    /// A classifier of these classes, seed 1.
    pub fn new(input: PictureInput, classes: Vec<String>) -> Self {
        Origin {
            input,
            classes,
            seed: 1,
            data: None,
            reading: Reading::default(),
            metadata: BTreeMap::new(),
        }
    }

    pub(super) fn trained_on(&self) -> TrainedOn<'_> {
        TrainedOn { data: self.data.as_deref(), reading: &self.reading }
    }

    /// A network of this origin as a file.
    ///
    /// # Errors
    /// [`Error::File`](crate::Error::File) for what has no JSON form; device errors.
    pub fn file(&self, network: &mut dyn Model) -> Result<ModelFile> {
        let mut file = ModelFile::of(network)?;
        file.metadata.extend(self.metadata.clone());
        Training::put(self.seed, self.data.as_deref(), &self.reading, &mut file);
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
        let spec: NetworkSpec = take_json(&mut file, NETWORK_KEY)?;
        let input: PictureInput = take_json(&mut file, INPUT_KEY)?;
        let classes: Vec<String> = take_json(&mut file, CLASSES_KEY)?;
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
        let Training { seed, data, reading } = Training::take(&mut file);
        let metadata = std::mem::take(&mut file.metadata);
        let origin = Origin { input, classes, seed, data, reading, metadata };
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
        let taken = choice.take(name, self.origin.trained_on(), true)?;
        let mut set = taken.set;
        let labels = self.known_classes(&mut set)?;
        let input = &self.origin.input;
        set.notices.extend(input.notice(&set));
        let (cases, part) = (input.prepare(&set)?, taken.part);
        let DataSet { ground_chosen, notices, .. } = set;
        Ok(Chosen { cases, labels, data: name.into(), part, ground_chosen, notices })
    }

    /// The labels of a set as the network's classes: those of the same names. Where none has a known name, and either
    /// side has but numbers, they are taken by their place.
    fn known_classes(&self, set: &mut DataSet) -> Result<Option<Vec<u32>>> {
        let Some(labels) = set.labels.take() else { return Ok(None) };
        let own = &self.origin.classes;
        let numbers = |names: &[String]| names.iter().all(|name| name.parse::<i64>().is_ok());
        let place = |name: &String| own.iter().position(|known| known == name);
        let none_known = set.classes.iter().all(|name| place(name).is_none());
        let fits = |name: &String| name.parse::<usize>().is_ok_and(|n| n < own.len());
        let places: Vec<Option<usize>> =
            if none_known && numbers(&set.classes) && set.classes.iter().all(fits) {
                set.classes.iter().map(|name| name.parse().ok()).collect()
            } else if none_known && numbers(own) && set.classes.len() == own.len() {
                (0..own.len()).map(Some).collect()
            } else {
                set.classes.iter().map(place).collect()
            };
        if none_known && !labels.is_empty() && places.iter().all(Option::is_some) {
            set.notices.push(format!(
                "{}: the classes have other names than the network's, and are taken by their place",
                set.name
            ));
        }
        let class = |(case, &label): (usize, &u32)| {
            places.get(label as usize).copied().flatten().map(|class| class as u32).ok_or_else(
                || {
                    let name = set.classes.get(label as usize).map_or("?", String::as_str);
                    let known: Vec<&str> = own.iter().map(String::as_str).take(12).collect();
                    let more = if own.len() > known.len() { " …" } else { "" };
                    let detail = format!(
                        "case {case} has the label {name}, and the network knows {} classes: {}{more}",
                        own.len(),
                        known.join(", ")
                    );
                    Error::data(&set.name, detail)
                },
            )
        };
        labels.iter().enumerate().map(class).collect::<Result<_>>().map(Some)
    }

    /// The probability of each class for each case. Pictures without contrast get no class.
    ///
    /// # Errors
    /// As [`predict`].
    pub fn predict(&self, cases: &Cases) -> Result<Predictions> {
        let mut found = predict(&self.network, cases, &self.origin.input, None)?;
        for case in self.blank(cases) {
            found.predicted[case] = found.classes as u32;
        }
        Ok(found)
    }
}
