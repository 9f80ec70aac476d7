//! How good a classifier is: error, loss, confusion matrix, worst mistakes.

use std::path::Path;
use web_time::Instant;

use serde::Serialize;

use super::labelled::Labelled;
use super::pictures::confusion_and_mistakes;
use super::trained::{Origin, TrainedNetwork};
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::evaluation::classification::{Predictions, predict};
use crate::jobs::Choice;

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
    /// Writes [`CONFUSION`](crate::run::CONFUSION), [`CONFUSION_TABLE`](crate::run::CONFUSION_TABLE) and
    /// [`MISTAKES`](crate::run::MISTAKES) into a folder.
    ///
    /// # Errors
    /// As [`confusion_and_mistakes`].
    pub fn pictures(&self, folder: &Path, origin: &Origin) -> Result<()> {
        confusion_and_mistakes(folder, &origin.shown(), &self.part, &self.found)
    }
}
