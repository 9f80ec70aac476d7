//! Data of an autoencoder's training, prepared.

use super::classes::Classes;
use super::settings::AutoencoderSettings;
use crate::data::{Cases, DataSet, ImageShape, Preprocessing, Reading, Stream};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::beside::reading_of_from;
use crate::jobs::loading::{Divided, Source, Wish};
use crate::models::UnitKind;
use crate::models::autoencoder::ReconstructionLoss;
use crate::run::{Event, Observer, RunRecord};
use crate::training::{ResidentData, StreamedData, Treatment};

/// The parts of the data.
pub struct Parts {
    /// Of a stream the cases that stay in memory.
    pub train: Cases,
    /// All training cases, where they are read in pieces.
    pub stream: Option<Stream>,
    pub validation: Option<Cases>,
    pub test: Option<Cases>,
    pub image: Option<ImageShape>,
    /// How the data were read.
    pub reading: Reading,
    /// The visible units of the first level.
    pub units: UnitKind,
    pub classes: Classes,
}

impl Parts {
    /// Loads what `settings` name; their `validation` becomes what was done.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`] where the values do not suit the loss.
    pub fn load(settings: &mut AutoencoderSettings, observer: &mut dyn Observer) -> Result<Self> {
        let in_unit = settings.loss == ReconstructionLoss::CrossEntropy;
        let wish = Wish {
            data: &settings.data,
            reading: settings.reading().like(&reading_of_from(settings.from.as_deref())),
            weights: settings.weights.as_deref(),
            stream: settings.stream,
            memory: settings.memory,
            unit_pictures: in_unit,
            standardize: false,
            limit: settings.limit,
            validation: settings.validation,
            seed: settings.seed,
            whole: &[],
        };
        let mut loaded = wish.load(observer)?;
        let image = loaded.train.image;
        loaded.train = settings.limit.into_iter().fold(loaded.train, DataSet::limit);
        let any = |e: Error| e.or_else_say("or use --loss squared-error, which takes any values");
        let within = loaded.check_unit_interval(settings.data.name());
        let units = if within.is_ok() { UnitKind::Bernoulli } else { UnitKind::Gaussian };
        if in_unit {
            within.map_err(any)?;
        }
        let (divided, test) = loaded.divide(settings.validation, settings.seed)?;
        settings.validation = divided.split;
        let cases = divided.cases();
        let Divided { train, validation, stream, .. } = divided;
        let classes = Classes::of([Some(&train), validation.as_ref(), test.as_ref()]);
        if settings.classifier.is_some() {
            classes.check(settings.data.name())?;
        }
        let reading = settings.reading().seen(&train);
        let (train, validation) = (train.cases, validation.map(|v| v.cases));
        let test = test.map(|t| t.cases);
        if let (Some(test), true) = (&test, in_unit) {
            test.check_unit_interval(settings.data.name()).map_err(any)?;
        }
        let held_out =
            validation.as_ref().map_or(String::new(), |v| format!(" and {} held out", v.len()));
        let width = train.width();
        let weighted = if train.has_weights() { ", weighted" } else { "" };
        let words = format!(
            "data: {}, {cases} training cases{held_out} of {width} values{weighted}",
            settings.data
        );
        observer.see(Event::Note(&words));
        Ok(Parts { train, stream, validation, test, image, reading, units, classes })
    }

    /// All training cases, on the device or as they are read.
    ///
    /// # Errors
    /// Device errors; what reading gives.
    pub fn learnt(&self, device: &Device) -> Result<Source> {
        Ok(match &self.stream {
            None => Box::new(ResidentData::new(device, &self.train, Treatment::default())?),
            Some(stream) => Box::new(streamed(device, stream)?),
        })
    }

    /// What a run records.
    pub fn record(&self, device: &Device) -> RunRecord {
        let parts = [Some(&self.train), self.validation.as_ref()];
        RunRecord::new(device, parts.map(|part| part.map(|cases| (cases, &[][..]))))
            .streamed(self.stream.as_ref())
    }
}

/// The cases of a stream as they are.
pub fn streamed(device: &Device, stream: &Stream) -> Result<StreamedData> {
    StreamedData::new(device, stream.clone(), &Preprocessing::default(), 1)
}
