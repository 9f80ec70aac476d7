//! Conditional random fields between files and devices, and sequences made ready for them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::data::divided;
use crate::data::{ImageShape, Part, Reading, SequenceSplits, Sequences, load_sequences};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::sequences::{Read, read_on};
use crate::jobs::file::{Training, put_image, take_image, take_json};
use crate::models::{Crf, CrfSpec, Decoding, Model};
use crate::ranks::Ranks;
use crate::run::{ModelFile, ModelKind};
use crate::training::ResidentSequences;

/// What a field was trained on, and how it sees that.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Origin {
    /// The names of the labels.
    pub classes: Vec<String>,
    /// The names of a position's values, where they are attributes.
    pub attributes: Vec<String>,
    /// Neighbours that a position sees on each side.
    pub window: usize,
    /// How a position is shown as a picture.
    pub image: Option<ImageShape>,
    /// Of the training.
    pub seed: u64,
    /// What the data are called, where that is known.
    pub data: Option<String>,
    /// The fold that was left out of training.
    pub fold: Option<usize>,
    /// Further keys of its file, kept as they are.
    pub metadata: BTreeMap<String, String>,
}

const SPEC_KEY: &str = "harmonium.crf";
const CLASSES_KEY: &str = "harmonium.classes";
const ATTRIBUTES_KEY: &str = "harmonium.attributes";
const WINDOW_KEY: &str = "harmonium.window";
const FOLD_KEY: &str = "harmonium.fold";

impl Origin {
    /// A field of these labels, without a window, seed 1.
    pub fn new(classes: Vec<String>) -> Self {
        let (window, image, seed) = (0, None, 1);
        let (data, fold, metadata) = (None, None, BTreeMap::new());
        Origin { classes, attributes: Vec::new(), window, image, seed, data, fold, metadata }
    }

    /// A field of this origin as a file.
    ///
    /// # Errors
    /// [`Error::File`] for what has no JSON form; device errors.
    pub fn file(&self, crf: &mut dyn Model) -> Result<ModelFile> {
        let mut file = ModelFile::of(crf)?;
        file.metadata.extend(self.metadata.clone());
        Training::put(self.seed, self.data.as_deref(), &Reading::default(), &mut file);
        put_image(self.image, &mut file);
        let lists = [(CLASSES_KEY, &self.classes), (ATTRIBUTES_KEY, &self.attributes)];
        for (key, names) in
            lists.into_iter().filter(|(key, names)| *key == CLASSES_KEY || !names.is_empty())
        {
            let json = serde_json::to_string(names)
                .map_err(|e| file.wrong(format!("metadata {key}"), e.to_string()))?;
            file.metadata.insert(key.into(), json);
        }
        file.metadata.insert(WINDOW_KEY.into(), self.window.to_string());
        file.metadata.extend(self.fold.map(|fold| (FOLD_KEY.into(), fold.to_string())));
        Ok(file)
    }
}

/// A conditional random field on a device, and where it comes from.
#[derive(Debug)]
pub struct TrainedCrf {
    /// The field.
    pub crf: Crf,
    /// Where it comes from.
    pub origin: Origin,
    /// What the user should be told of its file.
    pub notices: Vec<String>,
    path: PathBuf,
}

impl TrainedCrf {
    /// The field of a file.
    ///
    /// # Errors
    /// [`Error::File`], naming the tensor or the metadata key, for another kind of model and for everything that does not
    /// fit together; [`Error::Setting`] where the description makes no field. Device errors.
    pub fn from_file(mut file: ModelFile, device: &Device) -> Result<Self> {
        file.check_kind(ModelKind::Crf)?;
        let spec: CrfSpec = take_json(&mut file, SPEC_KEY)?;
        let classes: Vec<String> = take_json(&mut file, CLASSES_KEY)?;
        let attributes: Vec<String> = match file.metadata.contains_key(ATTRIBUTES_KEY) {
            true => take_json(&mut file, ATTRIBUTES_KEY)?,
            false => Vec::new(),
        };
        let window: usize = take_json(&mut file, WINDOW_KEY)?;
        let fold = file.metadata.remove(FOLD_KEY).and_then(|fold| fold.parse().ok());
        let values: Option<usize> = crate::shape::product(&spec.input);
        let side = window.checked_mul(2).and_then(|n| n.checked_add(1));
        let own = values.zip(side).filter(|(n, side)| n % side == 0).map(|(n, side)| n / side);
        let named = attributes.is_empty() || own == Some(attributes.len());
        if classes.len() != spec.labels || own.is_none() || !named {
            let detail = format!(
                "{} labels, {} attributes and a window of {window} do not fit the field's {} labels and positions of {:?}",
                classes.len(),
                attributes.len(),
                spec.labels,
                spec.input
            );
            return Err(file.wrong(format!("metadata {CLASSES_KEY}"), detail));
        }
        let mut crf = Crf::new(device, &spec, 1)?;
        file.restore(&mut crf)?;
        let Training { seed, data, .. } = Training::take(&mut file);
        let image = take_image(&mut file, own.unwrap_or(0));
        let metadata = std::mem::take(&mut file.metadata);
        let (notices, path) = (std::mem::take(&mut file.notices), file.path().into());
        let origin = Origin { classes, attributes, window, image, seed, data, fold, metadata };
        Ok(TrainedCrf { crf, origin, notices, path })
    }

    /// Where its file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Sequences of some data, or of those that it was trained on, without windows yet: the test part where there is one,
    /// and of the data with folds that it was trained on the fold that it has not seen. Labels are the field's own.
    ///
    /// # Errors
    /// Those of [`load_sequences`]; [`Error::Setting`] where there is no such part; [`Error::Data`] where positions are of
    /// another width, or labels are none of the field's.
    pub fn sequences(
        &self,
        data: Option<&str>,
        part: Option<Part>,
        limit: Option<usize>,
    ) -> Result<(Sequences, Part)> {
        let Some(name) = data.or(self.origin.data.as_deref()) else {
            let detail = "the model does not say what it was trained on; name the data";
            return Err(Error::setting("data", detail));
        };
        let own = self.origin.data.as_deref() == Some(name);
        let fold = self.origin.fold.filter(|_| own);
        let SequenceSplits { train, test } = divided(load_sequences(name)?, name, fold)?;
        let (set, part) = match (part, test) {
            (Some(Part::Test), None) => {
                return Err(Error::setting("split", format!("{name} has no test part")));
            }
            (Some(Part::Test) | None, Some(test)) => (test, Part::Test),
            _ => (train, Part::Train),
        };
        let set = match limit {
            Some(0) => return Err(Error::setting("limit", "0 is too few; use at least 1")),
            Some(limit) => set.select(&set.name, |s| s < limit)?,
            None => set,
        };
        Ok((self.prepared(set)?, part))
    }

    /// Sequences of one's own as the field reads them, without windows yet: attributes in its order, labels by its names.
    ///
    /// # Errors
    /// [`Error::Data`] where positions are of another width, or labels are none of the field's; as [`Sequences::check`].
    pub fn prepared(&self, mut set: Sequences) -> Result<Sequences> {
        set.check()?;
        if !self.origin.attributes.is_empty() {
            set = set.with_attributes(&self.origin.attributes)?;
        }
        let side = 2 * self.origin.window + 1;
        let wanted = crate::shape::product(&self.crf.spec().input).unwrap_or(0) / side;
        if set.cases.width() != wanted {
            let found = set.cases.width();
            let detail = format!("positions of {found} values, and the field reads {wanted}");
            return Err(Error::data(&set.name, detail));
        }
        set.labels = self.own_labels(&set)?;
        set.classes.clone_from(&self.origin.classes);
        Ok(set)
    }

    /// The labels of a set as the field's own, by their names.
    fn own_labels(&self, set: &Sequences) -> Result<Option<Vec<u32>>> {
        let Some(labels) = &set.labels else { return Ok(None) };
        let own = &self.origin.classes;
        let place = |label: &u32| {
            let name = set.classes.get(*label as usize).map_or("?", String::as_str);
            let found = own.iter().position(|known| known == name);
            found.map(|at| at as u32).ok_or_else(|| {
                let detail =
                    format!("a position has the label {name}, which the field does not know");
                Error::data(&set.name, detail)
            })
        };
        labels.iter().map(place).collect::<Result<_>>().map(Some)
    }

    /// Sequences on the device, as the field sees them.
    pub(super) fn resident(&self, set: &Sequences) -> Result<ResidentSequences> {
        let set = set.with_window(self.origin.window)?;
        ResidentSequences::new(self.crf.device(), &set, &self.crf.spec().input, 64)
    }

    /// What it reads in each of some sequences that [`TrainedCrf::sequences`] or [`TrainedCrf::prepared`] gave.
    ///
    /// # Errors
    /// As [`Crf::read`].
    pub fn read(&self, set: &Sequences, decoding: Decoding) -> Result<Vec<Read>> {
        self.read_on(&Ranks::alone(), set, decoding)
    }

    /// The same by ranks, which take sequences by turns; all of them have the result.
    ///
    /// # Errors
    /// As [`TrainedCrf::read`], at any rank.
    pub fn read_on(&self, ranks: &Ranks, set: &Sequences, decoding: Decoding) -> Result<Vec<Read>> {
        read_on(ranks, &self.crf, &mut self.resident(set)?, decoding)
    }
}
