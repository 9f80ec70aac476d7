//! Deep Boltzmann machines between files and devices: what they make of cases, and what they draw.

use std::path::{Path, PathBuf};

use super::learning::posterior_cases;
use super::sampling::{DeepSampling, run_chains};
use crate::data::{Cases, PictureInput};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::{self, Predictions};
use crate::jobs::dbn::Origin;
use crate::jobs::file::{take_json, take_preprocessing};
use crate::jobs::rows::{Reconstruction, for_picture, map_rows};
use crate::jobs::{Choice, Chosen, Pieces};
use crate::models::{
    Arrays, DbmSpec, DeepBoltzmannMachine, MeanField, Model, Network, NetworkSpec, UnitKind,
};
use crate::run::{ModelFile, ModelKind};

const SPEC_KEY: &str = "harmonium.dbm";
const CLASSES_KEY: &str = "harmonium.classes";
/// The classifier's description, as a network's file has it.
const CLASSIFIER_KEY: &str = "harmonium.classifier";
const NETWORK_KEY: &str = "harmonium.network";
/// Rounds of the mean field at most.
const ROUNDS_KEY: &str = "harmonium.mean_field";
/// Before the names of the classifier's tensors.
const CLASSIFIER: &str = "classifier.";

/// How the classifier of a machine sees [v, μ²(v)]: as it is.
pub(super) fn input_of(dbm: &DeepBoltzmannMachine) -> PictureInput {
    let width = dbm.visible_count() + dbm.units(2).count();
    PictureInput { size: [1, width], margin: [0, 0], background: 0.0, foreground: 1.0 }
}

/// Writes a machine of this origin, with its classifier where it has one.
///
/// # Errors
/// [`Error::Io`]; device errors.
pub(super) fn save(
    origin: &Origin,
    (dbm, rounds): (&mut dyn Model, u64),
    classifier: Option<&mut dyn Model>,
    path: &Path,
) -> Result<()> {
    let mut file = origin.file(dbm)?;
    file.metadata.insert(ROUNDS_KEY.into(), rounds.to_string());
    if let Some(network) = classifier {
        let spec = network.description().remove(NETWORK_KEY).unwrap_or_default();
        file.metadata.insert(CLASSIFIER_KEY.into(), spec);
        let own = ModelFile::of(network)?.tensors;
        file.tensors
            .extend(own.into_iter().map(|(name, array)| (format!("{CLASSIFIER}{name}"), array)));
    }
    file.save(path)
}

/// A deep Boltzmann machine on a device, and where it comes from.
#[derive(Debug)]
pub struct TrainedDbm {
    /// The machine.
    pub dbm: DeepBoltzmannMachine,
    /// The network that it became, which sees [v, μ²(v)].
    pub classifier: Option<Network>,
    /// How far the mean field goes, as in its training.
    pub mean_field: MeanField,
    /// Where it comes from.
    pub origin: Origin,
    /// What the user should be told of its file.
    pub notices: Vec<String>,
    path: PathBuf,
}

impl TrainedDbm {
    /// The machine of a file.
    ///
    /// # Errors
    /// [`Error::File`], naming the tensor or the metadata key; [`Error::Setting`] where the description makes no machine.
    /// Device errors.
    pub fn from_file(mut file: ModelFile, device: &Device) -> Result<Self> {
        file.check_kind(ModelKind::Dbm)?;
        let spec: DbmSpec = take_json(&mut file, SPEC_KEY)?;
        let preprocessing = take_preprocessing(&mut file)?;
        let classifier = classifier(&mut file, device)?;
        let mut dbm = DeepBoltzmannMachine::from_spec(device, &spec, 1)?;
        file.restore(&mut dbm)?;
        let wanted = classifier.as_ref().map_or(0, |network| network.spec().classes);
        let classes: Vec<String> = match file.metadata.contains_key(CLASSES_KEY) {
            true => take_json(&mut file, CLASSES_KEY)?,
            false => (0..wanted).map(|class| class.to_string()).collect(),
        };
        if classifier.is_some() && classes.len() != wanted {
            let detail = format!("{} names for {wanted} classes", classes.len());
            return Err(file.wrong(format!("metadata {CLASSES_KEY}"), detail));
        }
        if let Some(network) = &classifier {
            let (sees, gives) = (network.spec().input, input_of(&dbm).size);
            if sees != [1, gives[0], gives[1]] {
                let detail = format!("it sees {sees:?}, and the machine gives {} values", gives[1]);
                return Err(file.wrong(format!("metadata {CLASSIFIER_KEY}"), detail));
            }
        }
        let classes = if classifier.is_some() { classes } else { Vec::new() };
        let rounds = file.metadata.remove(ROUNDS_KEY).and_then(|rounds| rounds.parse().ok());
        let plain = MeanField::default();
        let mean_field = rounds.map_or(plain, |rounds| plain.rounds(rounds));
        let origin = Origin::take(&mut file, preprocessing, dbm.visible_count(), classes);
        let (notices, path) = (std::mem::take(&mut file.notices), file.path().into());
        Ok(TrainedDbm { dbm, classifier, mean_field, origin, notices, path })
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it was trained on standardised values.
    pub fn standardized(&self) -> bool {
        self.origin.preprocessing.mean.is_some()
    }

    /// Cases as the machine was trained to see them.
    ///
    /// # Errors
    /// As for deep belief nets ([`TrainedDbn::cases`](crate::jobs::TrainedDbn::cases)).
    pub fn cases(&self, choice: &Choice<'_>) -> Result<Chosen> {
        self.pieces(choice)?.whole()
    }

    /// The same, piece by piece where they are read in pieces.
    ///
    /// # Errors
    /// As [`TrainedDbm::cases`].
    pub fn pieces(&self, choice: &Choice<'_>) -> Result<Pieces<'_>> {
        self.origin.pieces(choice, self.dbm.units(0), "machine")
    }

    /// The mean field of layer `level` (counted from 1; the top where it is not given) for each case, `[cases, units]`,
    /// and how many units it has.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// [`Error::Setting`] for a layer that there is not; device errors.
    pub fn transform(&self, cases: &Cases, level: Option<usize>) -> Result<(Vec<f32>, usize)> {
        let layers = self.dbm.hidden_layers();
        let level = level.unwrap_or(layers);
        if !(1..=layers).contains(&level) {
            let detail = format!("{level} is outside 1 to {layers}, the machine's hidden layers");
            return Err(Error::setting("level", detail));
        }
        let values = map_rows(self.dbm.device(), cases, |v| {
            self.dbm.posterior(v, self.mean_field)?.means(level).try_clone()
        })?;
        Ok((values, self.dbm.units(level).count()))
    }

    /// The mean of the data given the mean field.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// Device errors.
    pub fn reconstruct(&self, cases: &Cases) -> Result<Reconstruction> {
        Reconstruction::of(self.dbm.device(), cases, |v| self.dbm.reconstruct(v))
    }

    /// Samples of the data, `[count, I]`, in the machine's own units.
    ///
    /// # Errors
    /// Device errors.
    pub fn sample(&self, sampling: &DeepSampling<'_>) -> Result<Vec<f32>> {
        run_chains(&self.dbm, sampling)
    }

    /// What its classifier says of cases.
    /// The cases are as [`cases`](Self::cases) gives them: nothing is prepared here.
    ///
    /// # Errors
    /// [`Error::Setting`] where it has none; [`Error::Data`] where labels do not fit; device errors.
    pub fn predict(&self, cases: &Cases, labels: Option<&[u32]>) -> Result<Predictions> {
        let Some(network) = &self.classifier else {
            let path = self.path.display();
            let detail = format!(
                "{path} is a machine of cases alone, which knows no classes: train one with --classifier"
            );
            return Err(Error::setting("predict", detail));
        };
        let seen = posterior_cases(&self.dbm, cases, self.mean_field)?;
        classification::predict(network, &seen, &input_of(&self.dbm), labels)
    }

    /// Values as a person wants to see them: in the data's own scale. And what black and white are.
    ///
    /// # Errors
    /// [`Error::Data`] where they are no rows of the data's width.
    pub fn for_picture(&self, values: &mut [f32]) -> Result<(f32, f32)> {
        for_picture(&self.origin.preprocessing, self.kind(), values)
    }

    fn kind(&self) -> UnitKind {
        self.dbm.units(0).kind()
    }

    /// The (height, width) of a case.
    pub fn image_shape(&self) -> Option<(usize, usize)> {
        self.origin.image.map(|i| (i.height, i.width))
    }
}

/// Takes the classifier out of a file, if it has one.
fn classifier(file: &mut ModelFile, device: &Device) -> Result<Option<Network>> {
    let names: Vec<String> =
        file.tensors.keys().filter(|name| name.starts_with(CLASSIFIER)).cloned().collect();
    let mut own = Arrays::new();
    for name in names {
        let short = name.strip_prefix(CLASSIFIER).unwrap_or_default().to_string();
        own.extend(file.tensors.remove(&name).map(|array| (short, array)));
    }
    if !file.metadata.contains_key(CLASSIFIER_KEY) {
        return match own.keys().next() {
            None => Ok(None),
            Some(name) => {
                Err(file.wrong("tensors", format!("{CLASSIFIER}{name}, and no {CLASSIFIER_KEY}")))
            }
        };
    }
    let spec: NetworkSpec = take_json(file, CLASSIFIER_KEY)?;
    let mut network = Network::new(device, &spec, 1)?;
    file.part(ModelKind::Network, own).restore(&mut network)?;
    Ok(Some(network))
}
