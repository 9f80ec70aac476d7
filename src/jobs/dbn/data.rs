//! Data of a deep belief net's training, prepared.

use std::collections::HashSet;

use super::settings::{DbnSettings, Purpose};
use crate::data::{
    self, Binarize, Cases, DataSet, ImageShape, Part, PictureInput, Preprocessing, Reading, Splits,
};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::check_labels;
use crate::jobs::network::Labelled;
use crate::jobs::rows::upload_rows;
use crate::jobs::settings::Validation;
use crate::jobs::stack::SCORED;
use crate::models::UnitKind;
use crate::run::{Event, Observer, RunRecord};
use crate::tensor::Tensor;
use crate::training::ResidentData;

/// The parts of the data.
pub struct Prepared {
    /// What the levels learn from: all training cases but those held out.
    pub train: DataSet,
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
    seed: u64,
}

/// Which data are wanted, and how.
pub struct Wanted<'a> {
    pub data: &'a str,
    pub reading: Reading,
    /// None: by the values.
    pub visible: Option<UnitKind>,
    pub binarize: Option<Binarize>,
    pub limit: Option<usize>,
    /// Whether the labels are used; if not, what the error that they are missing says of a way without.
    pub with_labels: bool,
    pub without: &'static str,
    /// Of so many cases.
    pub labelled: Option<usize>,
    pub seed: u64,
}

impl Prepared {
    /// Loads and prepares what `settings` name; their `validation` becomes what was done.
    ///
    /// # Errors
    /// As [`Prepared::of`].
    pub fn load(settings: &mut DbnSettings, observer: &mut dyn Observer) -> Result<Self> {
        let mut validation = settings.validation;
        let wanted = Wanted {
            data: &settings.data,
            reading: settings.reading(),
            visible: settings.visible,
            binarize: settings.binarize.0,
            limit: settings.limit,
            with_labels: settings.purpose() != no_labels(settings),
            without: "; --no-classifier needs none",
            labelled: settings.labelled,
            seed: settings.seed,
        };
        let prepared = Self::of(&wanted, &mut validation, observer)?;
        settings.validation = validation;
        Ok(prepared)
    }

    /// Loads and prepares what is wanted; `validation` becomes what was done.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`] where the values do not suit the units, or labels are missing.
    pub fn of(
        settings: &Wanted<'_>,
        validation: &mut Validation,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let mut splits = data::load_with(settings.data, &settings.reading)?;
        if settings.visible != Some(UnitKind::Gaussian) || settings.binarize.is_some() {
            splits.pictures_into_unit_interval()?;
        }
        let Splits { train, test } = splits;
        for notice in &train.notices {
            observer.see(Event::Note(&format!("note: {notice}")));
        }
        let (image, seed) = (train.image, settings.seed);
        let units = units(settings, &train)?;
        let train = settings.limit.into_iter().fold(train, DataSet::limit);
        let with_labels = settings.with_labels;
        let classes = if with_labels { classes(&train, settings.without)? } else { Vec::new() };
        let chosen = settings.labelled.map(|count| train.balanced(count, seed)).transpose()?;
        let (train, labelled, held) = match chosen {
            None => {
                *validation = validation.of(train.cases.len());
                let (train, held_out) = validation.split(train, seed)?;
                (train, None, held_out)
            }
            Some(chosen) => {
                *validation = validation.of(chosen.len());
                let few = train.select(&chosen, train.name.clone())?;
                let (few, held_out) = validation.split(few, seed)?;
                (without(train, held_out.as_ref())?, Some(few), held_out)
            }
        };
        let standardize = units == UnitKind::Gaussian;
        let preprocessing = Preprocessing::fit(&train.cases, settings.binarize, standardize)?;
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
            train,
            labelled,
            validation: held,
            test,
            preprocessing,
            units,
            image,
            classes,
            seed,
        };
        observer.see(Event::Note(&prepared.words(settings.data)));
        Ok(prepared)
    }

    fn words(&self, data: &str) -> String {
        let held_out = self.validation.as_ref().map_or(0, |v| v.cases.len());
        let held_out =
            if held_out > 0 { format!(" and {held_out} held out") } else { String::new() };
        let labelled = self.labelled.as_ref().map_or(String::new(), |few| {
            format!(", of which the labels of {} are used", few.cases.len())
        });
        let how = match (self.preprocessing.binarize, self.preprocessing.mean.is_some()) {
            (Some(how), _) => format!(", binarised ({how})"),
            (None, true) => ", standardised".into(),
            (None, false) => String::new(),
        };
        let (cases, width) = (self.train.cases.len(), self.train.cases.width());
        format!("data: {data}, {cases} training cases{labelled}{held_out} of {width} values{how}")
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

    /// The first cases of a part, uploaded, as scores see them.
    ///
    /// # Errors
    /// Device errors.
    pub fn head(&self, device: &Device, set: &DataSet, part: Part) -> Result<Tensor> {
        let first: Vec<u32> = (0..set.cases.len().min(SCORED) as u32).collect();
        let first =
            self.preprocessing.apply_for_evaluation(set.cases.select(&first)?, self.seed, part)?;
        upload_rows(device, &first, 0, SCORED)
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

/// The purpose, where it is one without labels.
fn no_labels(settings: &DbnSettings) -> Purpose {
    Purpose::Generative { labels: false, up_down: settings.up_down }
}

/// What the data's units are.
fn units(settings: &Wanted<'_>, train: &DataSet) -> Result<UnitKind> {
    let within = train.cases.check_unit_interval(settings.data);
    match (settings.visible, settings.binarize) {
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
            let detail = format!(
                "{kind} units cannot be a deep belief net's data; bernoulli and gaussian can"
            );
            Err(Error::setting("visible", detail))
        }
    }
}

/// The classes of data whose labels are used.
fn classes(train: &DataSet, without: &str) -> Result<Vec<String>> {
    if train.labels.is_none() {
        let detail = format!(
            "has no labels, and this model needs them: --labels names a csv's column, or a file of labels{without}"
        );
        return Err(Error::data(&train.name, detail));
    }
    crate::jobs::network::check_classes(&train.name, &train.classes)?;
    Ok(train.classes.clone())
}

/// All cases but some of them.
pub(in crate::jobs) fn without(train: DataSet, these: Option<&DataSet>) -> Result<DataSet> {
    let Some(these) = these else { return Ok(train) };
    let out: HashSet<u32> = (0..these.cases.len()).map(|i| these.cases.number(i)).collect();
    let kept = (0..train.cases.len()).filter(|&i| !out.contains(&train.cases.number(i)));
    let kept: Vec<u32> = kept.map(|i| i as u32).collect();
    train.select(&kept, train.name.clone())
}
