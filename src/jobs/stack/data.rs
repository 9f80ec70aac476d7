//! Data of a stack's training as machines, prepared.

use std::collections::HashSet;

use super::levels::{Levels, SCORED};
use crate::data::{
    Binarize, Cases, DataSet, ImageShape, Part, PictureInput, Preprocessing, Reading, Stream,
};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::check_labels;
use crate::jobs::Data;
use crate::jobs::loading::{Divided, Loaded, Source, Wish, counts};
use crate::jobs::network::Labelled;
use crate::jobs::rows::{Reconstruction, places_that_count, some_that_count};
use crate::jobs::settings::{Memory, Validation};
use crate::models::UnitKind;
use crate::run::{Event, Observer, RunRecord};
use crate::tensor::Tensor;
use crate::training::{ResidentData, StreamedData};

/// Training cases whose means are looked at.
const MEANT: usize = 10_000;

/// What a training asks of its data.
pub struct Request<'a> {
    pub data: &'a Data,
    pub reading: Reading,
    /// A file of the training cases' weights.
    pub weights: Option<&'a str>,
    /// What the data's units are to be; else it is seen by the values.
    pub visible: Option<UnitKind>,
    pub binarize: Option<Binarize>,
    pub stream: bool,
    pub memory: Memory,
    pub limit: Option<usize>,
    pub validation: Validation,
    /// How many labels are used, where these are not all.
    pub labelled: Option<usize>,
    /// Whether labels are used at all.
    pub with_labels: bool,
    pub seed: u64,
    /// What is trained, for people: `deep belief net`.
    pub what: &'static str,
    /// How it is trained without labels, where it can be: `--no-classifier needs none`.
    pub without_labels: Option<&'static str>,
}

/// The parts of the data.
pub struct Prepared {
    /// What the levels learn from: all training cases but those held out; of a stream those that stay in memory.
    pub train: DataSet,
    /// All of them, where they are read in pieces.
    pub stream: Option<Stream>,
    /// The training cases whose labels are used, where these are not all.
    pub labelled: Option<DataSet>,
    pub validation: Option<DataSet>,
    pub test: Option<DataSet>,
    pub preprocessing: Preprocessing,
    /// The data's units.
    pub units: UnitKind,
    pub image: Option<ImageShape>,
    /// A name for each class; empty where no labels are used.
    pub classes: Vec<String>,
    /// How the data were read.
    pub reading: Reading,
    /// How many were held out; never [`Validation::Auto`].
    pub split: Validation,
    seed: u64,
}

impl Prepared {
    /// Loads and prepares what is asked for.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`] where the values do not suit the units, or labels are missing.
    pub fn load(request: &Request<'_>, observer: &mut dyn Observer) -> Result<Self> {
        let wish = Wish {
            data: request.data,
            reading: request.reading.clone(),
            weights: request.weights,
            stream: request.stream,
            memory: request.memory,
            unit_pictures: request.visible != Some(UnitKind::Gaussian)
                || request.binarize.is_some(),
            // Units may turn out to be Gaussian.
            standardize: request.binarize.is_none() && request.visible != Some(UnitKind::Bernoulli),
            limit: request.limit,
            validation: request.validation,
            seed: request.seed,
            whole: &[("labelled", request.labelled.is_some())],
        };
        let mut loaded = wish.load(observer)?;
        let seed = request.seed;
        let (units, image) = (units(request, &loaded)?, loaded.train.image);
        loaded.train = request.limit.into_iter().fold(loaded.train, DataSet::limit);
        let with_labels = request.with_labels;
        let classes = if with_labels { classes(&loaded.train, request)? } else { Vec::new() };
        let train = &loaded.train;
        let chosen = request.labelled.map(|count| train.balanced(count, seed)).transpose()?;
        if let Some(count) = request.labelled.filter(|count| *count < classes.len()) {
            let note = format!(
                "note: {count} labels for {} classes: some classes have none, and are never learnt",
                classes.len()
            );
            observer.see(Event::Note(&note));
        }
        let (divided, test, labelled) = match chosen {
            None => {
                let (divided, test) = loaded.divide(request.validation, seed)?;
                (divided, test, None)
            }
            Some(chosen) => {
                let split = request.validation.of(chosen.len());
                let few = train.select(&chosen, train.name.clone())?;
                let (few, validation) = split.split(few, seed)?;
                let train = without(loaded.train, validation.as_ref())?;
                [Some(&few), validation.as_ref()].into_iter().flatten().try_for_each(counts)?;
                (Divided { train, validation, stream: None, split }, loaded.test, Some(few))
            }
        };
        let standardize = units == UnitKind::Gaussian;
        let preprocessing = divided.fit(request.binarize, standardize)?;
        let Divided { train, validation, stream, split } = divided;
        let test = test.filter(|test| {
            let scored = !with_labels || test.labels.is_some();
            if !scored {
                let text = "note: the test part has no labels, and is not scored";
                observer.see(Event::Note(text));
            }
            scored
        });
        if let (Some(test), true) = (&test, units == UnitKind::Bernoulli) {
            test.cases.check_unit_interval(&test.name)?;
        }
        let prepared = Prepared {
            reading: request.reading.clone().seen(&train),
            train,
            stream,
            labelled,
            validation,
            test,
            preprocessing,
            units,
            image,
            classes,
            split,
            seed,
        };
        observer.see(Event::Note(&prepared.words(request.data.name())));
        Ok(prepared)
    }

    fn words(&self, data: &str) -> String {
        let held_out = self.validation.as_ref().map_or(0, |v| v.cases.len());
        let held_out =
            if held_out > 0 { format!(" and {held_out} held out") } else { String::new() };
        let labelled = self
            .labelled
            .as_ref()
            .map_or(String::new(), |few| format!(", {} of them with labels", few.cases.len()));
        let weighted = if self.train.cases.has_weights() { ", weighted" } else { "" };
        let how = match (self.preprocessing.binarize, self.preprocessing.mean.is_some()) {
            (Some(how), _) => format!(", binarised ({how})"),
            (None, true) => ", standardised".into(),
            (None, false) => String::new(),
        };
        let (cases, width) = (self.cases(), self.train.cases.width());
        format!(
            "data: {data}, {cases} training cases{held_out} of {width} values{labelled}{how}{weighted}"
        )
    }

    /// How many training cases there are.
    pub fn cases(&self) -> usize {
        self.stream.as_ref().map_or(self.train.cases.len(), Stream::len)
    }

    /// The training cases whose labels are used.
    pub fn with_labels(&self) -> &DataSet {
        self.labelled.as_ref().unwrap_or(&self.train)
    }

    /// What a run records.
    pub fn record(&self, device: &Device) -> RunRecord {
        fn part(set: &DataSet) -> (&Cases, &[u32]) {
            (&set.cases, set.labels.as_deref().unwrap_or_default())
        }
        RunRecord::new(device, [Some(part(&self.train)), self.validation.as_ref().map(part)])
            .streamed(self.stream.as_ref())
    }

    /// All of `set`, which are training cases, as they are learnt from, with their labels where they are used, in batches
    /// of the sizes `dims`.
    ///
    /// # Errors
    /// As [`Prepared::resident`]; what reading gives.
    pub fn learnt(&self, device: &Device, set: &DataSet, dims: &[usize]) -> Result<Source> {
        let Some(stream) = &self.stream else {
            return Ok(Box::new(self.resident(device, set, Part::Train)?.with_case_dims(dims)?));
        };
        let source = StreamedData::new(device, stream.clone(), &self.preprocessing, self.seed)?;
        let source = source.with_case_dims(dims)?;
        Ok(match self.classes.is_empty() {
            true => Box::new(source),
            false => Box::new(source.with_labels()),
        })
    }

    /// Cases of a part on the device, as they are learnt from, with their labels where they are used.
    ///
    /// # Errors
    /// Device errors; [`Error::Data`] for a label that is no class.
    pub fn resident(&self, device: &Device, set: &DataSet, part: Part) -> Result<ResidentData> {
        let resident =
            ResidentData::prepare(device, set.cases.clone(), &self.preprocessing, self.seed, part)?;
        match (&set.labels, self.classes.is_empty()) {
            (Some(labels), false) => {
                check_labels(&set.name, labels, self.classes.len())?;
                resident.with_labels(labels)
            }
            _ => Ok(resident),
        }
    }

    /// Cases of a part as scores see them.
    ///
    /// # Errors
    /// As [`Preprocessing::apply_for_evaluation`].
    pub fn seen(&self, set: &DataSet, part: Part) -> Result<Cases> {
        self.preprocessing.apply_for_evaluation(set.cases.clone(), self.seed, part)
    }

    /// The same with their labels.
    ///
    /// # Errors
    /// As [`Prepared::seen`].
    pub fn labelled(&self, set: &DataSet, part: Part) -> Result<Labelled> {
        let cases = self.seen(set, part)?;
        Ok(Labelled { cases, labels: set.labels.clone().unwrap_or_default() })
    }

    /// Some cases of a part that count, as scores see them.
    fn first(&self, set: &DataSet, part: Part) -> Result<Cases> {
        let first = some_that_count(&set.cases, SCORED)?;
        self.preprocessing.apply_for_evaluation(first, self.seed, part)
    }

    /// The labels of the same cases, where they have some.
    pub fn labels_of_first(&self, set: &DataSet) -> Option<Vec<u32>> {
        let places = places_that_count(&set.cases, SCORED).into_iter();
        let labels = set.labels.as_ref()?;
        Some(places.filter_map(|at| labels.get(at as usize).copied()).collect())
    }

    /// How well a whole gives back some cases of a part.
    ///
    /// # Errors
    /// Device errors.
    pub fn error_of_first(
        &self,
        device: &Device,
        (set, part): (&DataSet, Part),
        again: impl Fn(&Tensor) -> Result<Tensor>,
    ) -> Result<f64> {
        Ok(Reconstruction::of(device, &self.first(set, part)?, again)?.error)
    }

    /// Training cases as a level that no other is below reads them; `sampled` is the seed of the states that levels give,
    /// else they give means.
    ///
    /// # Errors
    /// Device errors.
    pub fn levels(&self, device: &Device, train: &DataSet, sampled: Option<u64>) -> Result<Levels> {
        let source = self.learnt(device, train, &[train.cases.width()])?;
        let held_out = self.validation.as_ref().map(|set| self.first(set, Part::Validation));
        let seen = [Some(self.first(train, Part::Train)?), held_out.transpose()?];
        Ok(Levels::new(device, source, seen, sampled))
    }

    /// The means of the training cases as they are learnt from, or of the first of very many.
    ///
    /// # Errors
    /// As [`Prepared::seen`].
    pub fn train_means(&self) -> Result<Vec<f32>> {
        let some = self.train.cases.clone().limit(MEANT);
        let seen = self.preprocessing.apply_for_evaluation(some, self.seed, Part::Train)?;
        Ok(seen.means())
    }

    /// The cases that are shown: of the test part, else those held out, else those of training.
    pub fn shown(&self) -> (&DataSet, Part) {
        match (&self.test, &self.validation) {
            (Some(test), _) => (test, Part::Test),
            (None, Some(held_out)) => (held_out, Part::Validation),
            (None, None) => (&self.train, Part::Train),
        }
    }

    /// How a network sees a case: as it is.
    pub fn input(&self) -> PictureInput {
        let width = self.train.cases.width();
        let size = self.image.map_or([1, width], |i| [i.height, i.width]);
        PictureInput { size, margin: [0, 0], background: 0.0, foreground: 1.0 }
    }
}

/// What the data's units are.
fn units(request: &Request<'_>, loaded: &Loaded) -> Result<UnitKind> {
    let within = loaded.check_unit_interval(request.data.name());
    match (request.visible, request.binarize) {
        (None | Some(UnitKind::Bernoulli), Some(_)) | (Some(UnitKind::Bernoulli), None) => {
            within.map(|()| UnitKind::Bernoulli)
        }
        (None, None) if within.is_ok() => Ok(UnitKind::Bernoulli),
        (None, None) | (Some(UnitKind::Gaussian), None) => Ok(UnitKind::Gaussian),
        (Some(UnitKind::Gaussian), Some(how)) => {
            let detail =
                format!("gaussian units stand for real values, and binarize = {how} makes bits");
            Err(Error::setting("visible", detail))
        }
        (Some(kind), _) => {
            let what = request.what;
            let detail =
                format!("{kind} units cannot be a {what}'s data; bernoulli and gaussian can");
            Err(Error::setting("visible", detail))
        }
    }
}

/// The classes of data whose labels are used.
fn classes(train: &DataSet, request: &Request<'_>) -> Result<Vec<String>> {
    if train.labels.is_none() {
        let without = request.without_labels.map_or(String::new(), |how| format!("; {how}"));
        let detail = format!(
            "has no labels, and a {} needs them: --labels names a csv's column, or a file of labels{without}",
            request.what
        );
        return Err(Error::data(&train.name, detail));
    }
    crate::jobs::network::check_classes(&train.name, &train.classes)?;
    Ok(train.classes.clone())
}

/// All cases but some of them.
pub fn without(train: DataSet, these: Option<&DataSet>) -> Result<DataSet> {
    let Some(these) = these else { return Ok(train) };
    let out: HashSet<u32> = (0..these.cases.len()).map(|i| these.cases.number(i)).collect();
    let kept = (0..train.cases.len()).filter(|&i| !out.contains(&train.cases.number(i)));
    let kept: Vec<u32> = kept.map(|i| i as u32).collect();
    train.select(&kept, train.name.clone())
}
