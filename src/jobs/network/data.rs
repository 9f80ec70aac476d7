//! Data of a classifier's run, prepared.

use super::labelled::{Labelled, labelled};
use super::settings::NetworkSettings;
use crate::data::{self, DataSet, PictureInput, Splits};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::run::{Event, Observer, RunRecord};

/// The parts of the data.
pub struct Prepared {
    pub train: Labelled,
    pub validation: Option<Labelled>,
    pub test: Option<Labelled>,
    pub input: PictureInput,
    /// A name for each class.
    pub classes: Vec<String>,
}

/// Loads and prepares what `settings` name; their `validation` becomes what was done.
pub fn prepare(settings: &mut NetworkSettings, observer: &mut dyn Observer) -> Result<Prepared> {
    let mut splits = data::load_with(&settings.data, &settings.reading())?;
    splits.pictures_into_unit_interval()?;
    let Splits { train, test } = splits;
    for notice in &train.notices {
        observer.see(Event::Note(&format!("note: {notice}")));
    }
    let classes = train.classes.clone();
    let train = settings.limit.into_iter().fold(train, DataSet::limit);
    settings.validation = settings.validation.of(train.cases.len());
    let (train, validation) = settings.validation.split(train, settings.seed)?;
    let input = match (settings.input, train.image) {
        (Some(input), _) => input,
        (None, Some(image)) => PictureInput::plain([image.height, image.width]),
        (None, None) => PictureInput::plain([1, train.cases.width()]),
    };
    let (size, image) = (input.size, train.image);
    if let Some(notice) = input.notice(&train) {
        observer.see(Event::Note(&format!("note: {notice}")));
    }
    let train = labelled(&train, &input)?;
    let validation = validation.map(|set| labelled(&set, &input)).transpose()?;
    let unlabelled = test.as_ref().is_some_and(|set| set.labels.is_none());
    if unlabelled {
        let text = "note: the test part has no labels, and is not scored";
        observer.see(Event::Note(text));
    }
    let test = test.filter(|_| !unlabelled).map(|set| labelled(&set, &input)).transpose()?;
    check_classes(&settings.data, &classes)?;
    let resized = image.filter(|i| [i.height, i.width] != size);
    let plural = if train.cases.len() == 1 { "" } else { "s" };
    observer.see(Event::Note(&format!(
        "data: {}, {} training case{plural}{}{} of {} classes{}",
        settings.data,
        train.cases.len(),
        validation.as_ref().map_or(String::new(), |v| format!(", {} held out", v.cases.len())),
        test.as_ref().map_or(String::new(), |t| format!(", {} for testing", t.cases.len())),
        classes.len(),
        resized
            .map_or(String::new(), |i| format!("; {i} pixels enlarged to {}×{}", size[0], size[1])),
    )));
    Ok(Prepared { classes, train, validation, test, input })
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
    /// What a run records of its data and device.
    pub fn record(&self, device: &Device) -> RunRecord {
        let parts = [Some(&self.train), self.validation.as_ref()];
        RunRecord::new(device, parts.map(|part| part.map(|p| (&p.cases, &p.labels[..]))))
    }
}
