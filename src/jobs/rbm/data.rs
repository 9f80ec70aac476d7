//! The data of a machine's training, prepared.

use super::coding::{coded, codes, reweighted};
use super::settings::RbmSettings;
use crate::data::{Cases, DataSet, ImageShape, Part, Preprocessing, Reading, Stream};
use crate::device::Device;
use crate::error::Result;
use crate::jobs::loading::{Divided, Source, Wish};
use crate::models::UnitKind;
use crate::run::{Event, Observer};
use crate::training::{ResidentData, StreamedData, Treatment};

/// The most states that values are taken for, where nobody says what they are.
const MOST_STATES: f32 = 64.0;

const GAUSSIAN: &str = "--visible gaussian, which standardises them";

/// What takes such values, of which some lie outside [0, 1].
fn other_units(cases: &Cases) -> String {
    let all = |known: fn(f32) -> bool| {
        (0..cases.len()).all(|case| cases.row(case).into_iter().all(known))
    };
    let (_, largest) = cases.range().unwrap_or((0.0, 0.0));
    if all(|x| x == 1.0 || x == -1.0) {
        return "or use --visible spin, whose values are -1 and 1".into();
    }
    if largest < MOST_STATES && all(|x| x >= 0.0 && x.fract() == 0.0) {
        let states = largest + 1.0;
        return format!("or use --visible softmax:{states} where they are states, or {GAUSSIAN}");
    }
    format!("or use {GAUSSIAN}")
}

/// The parts of the data, and what was fitted to the training part.
pub struct Prepared {
    /// Cases to learn from; of a stream those that stay in memory.
    pub train: Cases,
    /// All of them, where they are read in pieces.
    pub stream: Option<Stream>,
    /// Cases held out.
    pub validation: Option<Cases>,
    /// The data's test part.
    pub test: Option<Cases>,
    /// A case's height and width, where it is a picture.
    pub image: Option<ImageShape>,
    /// What the visible units are.
    pub visible: UnitKind,
    /// How the data were read.
    pub reading: Reading,
    /// What is still to be done to values first.
    pub preprocessing: Preprocessing,
    /// What is done to data before the machine sees them, as its file says it.
    pub stored: Preprocessing,
}

impl Prepared {
    /// Loads and prepares what `settings` name; their `validation` becomes what was done.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`](crate::Error::Data) where the values do not suit the units.
    pub fn load(settings: &mut RbmSettings, observer: &mut dyn Observer) -> Result<Self> {
        let wish = Wish {
            data: &settings.data,
            reading: settings.reading(),
            weights: settings.weights.as_deref(),
            stream: settings.stream,
            memory: settings.memory,
            unit_pictures: settings.visible == UnitKind::Bernoulli || settings.binarize.0.is_some(),
            standardize: settings.standardize,
            limit: settings.limit,
            validation: settings.validation,
            seed: settings.seed,
            whole: &[("reweight", settings.reweight.is_some())],
        };
        let mut loaded = wish.load(observer)?;
        let train = loaded.train;
        let image = train.image;
        let mut train = settings.limit.into_iter().fold(train, DataSet::limit);
        if let Some(identity) = settings.reweight {
            let weights = reweighted(&train.cases, identity);
            let whole: f32 = weights.iter().sum();
            train = train.with_weights(weights)?;
            observer.see(Event::Note(&format!(
                "weights: {} cases count as {whole:.1}, reweighted at {:.0} % identity",
                train.cases.len(),
                100.0 * identity
            )));
        }
        loaded.train = train;
        if settings.visible == UnitKind::Bernoulli {
            let within = loaded.check_unit_interval(settings.data.name());
            within.map_err(|e| {
                e.or_else_say(&match loaded.is_streamed() {
                    // Those in memory are some of the cases.
                    true => format!("or use {GAUSSIAN}"),
                    false => other_units(&loaded.train.cases),
                })
            })?;
        }
        let (divided, test) = loaded.divide(settings.validation, settings.seed)?;
        settings.validation = divided.split;
        let preprocessing = divided.fit(settings.binarize.0, settings.standardize)?;
        let Divided { train, validation, stream, .. } = divided;
        let mut reading = settings.reading().seen(&train);
        if codes(settings.visible) {
            // States are numbers of their own, whatever stands for 1.
            reading.one = None;
        }
        let mut prepared = Prepared {
            reading,
            train: train.cases,
            stream,
            validation: validation.map(|v| v.cases),
            test: test.map(|t| t.cases),
            image,
            visible: settings.visible,
            stored: preprocessing.clone(),
            preprocessing,
        };
        observer.see(Event::Note(&prepared.words(settings)));
        if codes(settings.visible) {
            prepared = prepared.coded(settings)?;
        }
        Ok(prepared)
    }

    /// The same as the units take them: nothing is left to be done.
    fn coded(self, settings: &RbmSettings) -> Result<Self> {
        let (kind, seed, positions) = (settings.visible, settings.seed, self.train.width());
        let code = |cases: Cases, part| {
            let cases = self.preprocessing.apply_for_evaluation(cases, seed, part)?;
            coded(cases, kind, settings.data.name())
        };
        let train = code(self.train, Part::Train)?;
        let image = match kind {
            // A row for each group, a column for each state.
            UnitKind::Softmax(states) if train.width() == positions * states => {
                Some(ImageShape { height: positions, width: states })
            }
            UnitKind::Softmax(_) => None,
            _ => self.image,
        };
        Ok(Prepared {
            validation: self.validation.map(|cases| code(cases, Part::Validation)).transpose()?,
            test: self.test.map(|cases| code(cases, Part::Test)).transpose()?,
            train,
            stream: self.stream,
            image,
            reading: self.reading,
            visible: kind,
            stored: self.stored,
            preprocessing: Preprocessing::default(),
        })
    }

    fn words(&self, settings: &RbmSettings) -> String {
        let held_out = self
            .validation
            .as_ref()
            .map_or(String::new(), |v| format!(" and {} held out", v.len()));
        let count = |n: usize, what: &str| match n {
            1 => format!("1 {what}"),
            n => format!("{n} {what}s"),
        };
        format!(
            "data: {}, {}{held_out} of {}{}{}",
            settings.data,
            count(self.cases(), "training case"),
            count(self.train.width(), "value"),
            match settings.binarize.0 {
                Some(how) => format!(", binarised ({how})"),
                None if settings.standardize => ", standardised".into(),
                None => String::new(),
            },
            if self.train.has_weights() { ", weighted" } else { "" }
        )
    }

    /// How many cases there are to learn from.
    pub fn cases(&self) -> usize {
        self.stream.as_ref().map_or(self.train.len(), Stream::len)
    }

    /// All of them, on the device or as they are read.
    ///
    /// # Errors
    /// Device errors; what reading gives.
    pub fn learnt(&self, device: &Device, settings: &RbmSettings) -> Result<Source> {
        let (seed, kind) = (settings.seed, settings.visible);
        let Some(stream) = &self.stream else {
            let train = self.train.clone();
            let resident =
                ResidentData::prepare(device, train, &self.preprocessing, seed, Part::Train)?;
            return Ok(Box::new(resident));
        };
        if !codes(kind) {
            return Ok(Box::new(StreamedData::new(
                device,
                stream.clone(),
                &self.preprocessing,
                seed,
            )?));
        }
        let (stored, data) = (self.stored.clone(), settings.data.name().to_string());
        let code = move |set: DataSet| {
            coded(stored.apply_for_evaluation(set.cases, seed, Part::Train)?, kind, &data)
        };
        Ok(Box::new(StreamedData::prepared_by(device, stream.clone(), Treatment::default(), code)?))
    }

    /// The cases that are shown to people: of the test part, else those held out, else those of training; with what
    /// they are called.
    pub fn shown(&self) -> (&Cases, Part, &'static str) {
        match (&self.test, &self.validation) {
            (Some(test), _) => (test, Part::Test, "test"),
            (None, Some(validation)) => (validation, Part::Validation, "validation"),
            (None, None) => (&self.train, Part::Train, "training"),
        }
    }
}
