//! How good a classifier is: error, loss, confusion matrix, worst mistakes.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use super::labelled::Labelled;
use super::trained::{Origin, TrainedNetwork};
use crate::data::Preprocessing;
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::evaluation::classification::{Predictions, predict};
use crate::jobs::Choice;
use crate::run::mistakes::{Mistake, mistakes};
use crate::run::{self, Confusion};

/// What was found; as JSON what `eval --json` prints and a run's `eval.json` holds.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// The share of cases that are classified wrongly, in [0, 1].
    pub error: f64,
    /// How many.
    pub wrong: u64,
    /// The mean loss of a case.
    pub loss: f64,
    /// How many there are.
    pub cases: usize,
    /// What they are of.
    pub data: String,
    /// `train` or `test`.
    pub split: &'static str,
    /// How many numbers the network was trained in.
    pub parameters: usize,
    /// That it took, without reading the data.
    pub seconds: f64,
    /// On what.
    pub device: DeviceInfo,
    /// The version.
    pub harmonium: &'static str,
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

/// An evaluation with the cases that it is about, and what the network says of each.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluated {
    /// The figures.
    pub evaluation: Evaluation,
    /// The cases.
    pub part: Labelled,
    /// What the network says.
    pub found: Predictions,
}

impl TrainedNetwork {
    /// Scores the network on some cases, or on those of the data that it was trained on.
    ///
    /// # Errors
    /// As [`TrainedNetwork::cases`]; [`Error::Data`] where the cases have no labels; device errors.
    pub fn evaluate(&self, choice: &Choice<'_>) -> Result<Evaluated> {
        let chosen = self.cases(choice)?;
        let split = chosen.part_name();
        let Some(labels) = chosen.labels else {
            let detail = "has no labels, so nothing can be scored; `harmonium predict` needs none";
            return Err(Error::data(&chosen.data, detail));
        };
        let start = Instant::now();
        let part = Labelled { cases: chosen.cases, labels };
        let (network, input) = (&self.network, &self.origin.input);
        let found = predict(network, &part.cases, input, Some(&part.labels))?;
        let scored = found.score(&part.labels)?;
        let evaluation = Evaluation {
            error: scored.error,
            wrong: scored.wrong,
            loss: scored.loss,
            cases: part.labels.len(),
            data: chosen.data,
            split,
            parameters: network.trained(),
            seconds: start.elapsed().as_secs_f64(),
            device: network.device().info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
            notices: chosen.notices,
        };
        Ok(Evaluated { evaluation, part, found })
    }
}

impl Evaluated {
    /// Writes [`run::CONFUSION`], [`run::CONFUSION_TABLE`] and [`run::MISTAKES`] into a folder.
    ///
    /// # Errors
    /// As [`confusion_and_mistakes`].
    pub fn pictures(&self, folder: &Path, origin: &Origin) -> Result<()> {
        confusion_and_mistakes(folder, &origin.shown(), &self.part, &self.found)
    }
}

/// How a classifier's cases are shown to people.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Height and width of a case.
    pub image: (usize, usize),
    /// A name for each class.
    pub classes: &'a [String],
    /// What was done to values first.
    pub preprocessing: &'a Preprocessing,
}

/// Writes what is taken for what, as a picture and as a table, and the cases that are most wrong.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Data`] where predictions, cases and names do not belong together;
/// [`Error::Io`].
pub fn confusion_and_mistakes(
    folder: &Path,
    shown: &Shown<'_>,
    part: &Labelled,
    found: &Predictions,
) -> Result<()> {
    let names = shown.classes;
    if part.cases.len() != part.labels.len() {
        let detail = format!("{} labels for {} cases", part.labels.len(), part.cases.len());
        return Err(Error::data("labels", detail));
    }
    let mut confusion = Confusion::new(names.to_vec());
    for (&truth, &predicted) in part.labels.iter().zip(&found.predicted) {
        match (predicted as usize) < names.len() {
            true => confusion.count(&[truth], &[predicted])?,
            false => confusion.count_unclassified(truth)?,
        }
    }
    confusion.picture()?.save(folder.join(run::CONFUSION))?;
    confusion.save_csv(folder.join(run::CONFUSION_TABLE))?;
    let wrong = found.mistakes(&part.labels)?;
    let mut pictures: Vec<Vec<f32>> = wrong.iter().map(|&case| part.cases.row(case)).collect();
    pictures.iter_mut().try_for_each(|values| shown.preprocessing.undo(values))?;
    let range = match shown.preprocessing.std {
        None => (0.0, 1.0),
        Some(_) => run::robust_range(&pictures.concat()),
    };
    let wrong: Vec<Mistake<'_>> = wrong
        .iter()
        .zip(&pictures)
        .map(|(&case, values)| {
            let predicted = found.predicted[case] as usize;
            Mistake {
                values,
                truth: &names[part.labels[case] as usize],
                predicted: names.get(predicted).map_or("none", String::as_str),
                probability: found
                    .probabilities
                    .get(case * found.classes + predicted)
                    .copied()
                    .unwrap_or(f32::NAN),
            }
        })
        .collect();
    mistakes(&wrong, Some(shown.image), range)?.save(folder.join(run::MISTAKES))
}
