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

/// Classes of Fashion-MNIST.
const FASHION: [&str; 10] = [
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot",
];

/// Loads and prepares what `settings` name; their `validation` becomes what was done.
pub fn prepare(settings: &mut NetworkSettings, observer: &mut dyn Observer) -> Result<Prepared> {
    let Splits { train, test } = data::load(&settings.data)?;
    for notice in &train.notices {
        observer.see(Event::Note(&format!("note: {notice}")));
    }
    let train = settings.limit.into_iter().fold(train, DataSet::limit);
    settings.validation = settings.validation.of(train.cases.len());
    let (train, validation) = settings.validation.split(train, settings.seed)?;
    let input = match (settings.input, train.image) {
        (Some(input), _) => input,
        (None, Some(image)) => PictureInput::plain([image.height, image.width]),
        (None, None) => PictureInput::plain([1, train.cases.width()]),
    };
    let (size, image) = (input.size, train.image);
    let train = labelled(&train, &input)?;
    let validation = validation.map(|set| labelled(&set, &input)).transpose()?;
    let test = test.map(|set| labelled(&set, &input)).transpose()?;
    let highest = |part: &Labelled| part.labels.iter().max().map_or(0, |&class| class as usize);
    let parts = [Some(&train), validation.as_ref(), test.as_ref()];
    let classes = parts.into_iter().flatten().map(highest).max().unwrap_or(0) + 1;
    if classes > 10_000 {
        let detail = format!("a label is {}; classes are counted from 0", classes - 1);
        return Err(Error::data(&settings.data, detail));
    }
    let classes = classes.max(2);
    let resized = image.filter(|i| [i.height, i.width] != size);
    let plural = if train.cases.len() == 1 { "" } else { "s" };
    observer.see(Event::Note(&format!(
        "data: {}, {} training case{plural}{}{} of {} classes{}",
        settings.data,
        train.cases.len(),
        validation.as_ref().map_or(String::new(), |v| format!(", {} held out", v.cases.len())),
        test.as_ref().map_or(String::new(), |t| format!(", {} for testing", t.cases.len())),
        classes,
        resized
            .map_or(String::new(), |i| format!("; {i} pixels enlarged to {}×{}", size[0], size[1])),
    )));
    Ok(Prepared { classes: names(&settings.data, classes), train, validation, test, input })
}

/// The classes' names, for people.
fn names(data: &str, classes: usize) -> Vec<String> {
    match data {
        "fashion" if classes == FASHION.len() => FASHION.map(String::from).into(),
        _ => (0..classes).map(|class| class.to_string()).collect(),
    }
}

impl Prepared {
    /// What a run records of its data and device.
    pub fn record(&self, device: &Device) -> RunRecord {
        let parts = [Some(&self.train), self.validation.as_ref()];
        RunRecord::new(device, parts.map(|part| part.map(|p| (&p.cases, &p.labels[..]))))
    }
}
