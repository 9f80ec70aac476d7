//! Data of a classifier's run, prepared.

use super::labelled::{Labelled, labelled, resident, spread};
use super::settings::NetworkSettings;
use crate::data::{DataSet, PictureInput, Reading, Stream};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::check_labels;
use crate::jobs::loading::{Divided, Source, Wish};
use crate::models::NetworkSpec;
use crate::run::{Event, Observer, RunRecord};
use crate::training::StreamedData;

/// The parts of the data.
pub struct Prepared {
    /// Of a stream the cases that stay in memory.
    pub train: Labelled,
    /// All training cases, where they are read in pieces.
    pub stream: Option<Stream>,
    pub validation: Option<Labelled>,
    pub test: Option<Labelled>,
    pub input: PictureInput,
    /// How the data were read.
    pub reading: Reading,
    /// A name for each class.
    pub classes: Vec<String>,
}

/// Loads and prepares what `settings` name; their `validation` becomes what was done.
pub fn prepare(settings: &mut NetworkSettings, observer: &mut dyn Observer) -> Result<Prepared> {
    let wish = Wish {
        data: &settings.data,
        reading: settings.reading(),
        weights: settings.weights.as_deref(),
        stream: settings.stream,
        memory: settings.memory,
        unit_pictures: true,
        standardize: false,
        limit: settings.limit,
        validation: settings.validation,
        seed: settings.seed,
        whole: &[],
    };
    let mut loaded = wish.load(observer)?;
    let classes = loaded.train.classes.clone();
    loaded.train = settings.limit.into_iter().fold(loaded.train, DataSet::limit);
    let (divided, test) = loaded.divide(settings.validation, settings.seed)?;
    settings.validation = divided.split;
    let cases = divided.cases();
    let Divided { train, validation, stream, .. } = divided;
    let input = match (settings.input, train.image) {
        (Some(input), _) => input,
        (None, Some(image)) => PictureInput::plain([image.height, image.width]),
        (None, None) => PictureInput::plain([1, train.cases.width()]),
    };
    let (size, image) = (input.size, train.image);
    if let Some(notice) = input.notice(&train) {
        observer.see(Event::Note(&format!("note: {notice}")));
    }
    let reading = settings.reading().seen(&train);
    let train = labelled(&train, &input)?;
    let validation = validation.map(|set| labelled(&set, &input)).transpose()?;
    let unlabelled = test.as_ref().is_some_and(|set| set.labels.is_none());
    if unlabelled {
        let text = "note: the test part has no labels, and is not scored";
        observer.see(Event::Note(text));
    }
    let test = test.filter(|_| !unlabelled).map(|set| labelled(&set, &input)).transpose()?;
    check_classes(settings.data.name(), &classes)?;
    let resized = image.filter(|i| [i.height, i.width] != size);
    let plural = if cases == 1 { "" } else { "s" };
    observer.see(Event::Note(&format!(
        "data: {}, {} training case{plural}{}{} of {} classes{}{}",
        settings.data,
        cases,
        validation.as_ref().map_or(String::new(), |v| format!(", {} held out", v.cases.len())),
        test.as_ref().map_or(String::new(), |t| format!(", {} for testing", t.cases.len())),
        classes.len(),
        resized
            .map_or(String::new(), |i| format!("; {i} pixels enlarged to {}×{}", size[0], size[1])),
        if train.cases.has_weights() { ", weighted" } else { "" },
    )));
    Ok(Prepared { classes, train, stream, validation, test, input, reading })
}

/// That there are classes to tell apart, and not so many that they are no classes.
pub fn check_classes(data: &str, classes: &[String]) -> Result<()> {
    const MOST: usize = 10_000;
    let detail = match classes {
        [] | [_] => format!(
            "every label is {}; a classifier needs two classes at least",
            classes.first().map_or("missing", String::as_str)
        ),
        _ if classes.len() > MOST => format!(
            "{} different labels (the first is {}), and at most {MOST} classes are told apart; are they classes?",
            classes.len(),
            classes[0]
        ),
        _ => return Ok(()),
    };
    Err(Error::data(data, detail))
}

impl Prepared {
    /// All training cases, on the device or as they are read.
    ///
    /// # Errors
    /// As [`resident`]; what reading gives.
    pub fn learnt(&self, device: &Device, spec: &NetworkSpec, name: &str) -> Result<Source> {
        let Some(stream) = &self.stream else {
            return Ok(Box::new(resident(device, &self.train, &self.input, spec, name)?));
        };
        check_labels(name, &self.train.labels, spec.classes)?;
        let input = self.input;
        let treatment = spread(&input, self.train.cases.width());
        let prepare = move |set: DataSet| input.prepare(&set);
        let source = StreamedData::prepared_by(device, stream.clone(), treatment, prepare)?;
        Ok(Box::new(source.with_labels().with_case_dims(&spec.input)?))
    }

    /// What a run records of its data and device.
    pub fn record(&self, device: &Device) -> RunRecord {
        let parts = [Some(&self.train), self.validation.as_ref()];
        RunRecord::new(device, parts.map(|part| part.map(|p| (&p.cases, &p.labels[..]))))
            .streamed(self.stream.as_ref())
    }
}
