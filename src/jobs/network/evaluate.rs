//! How good a classifier is: error, loss, confusion matrix, worst mistakes.

use std::path::Path;
use web_time::Instant;

use serde::Serialize;

use super::outcome::Outcome;
use super::trained::{Origin, TrainedNetwork};
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::evaluation::classification::{Predictions, predict};
use crate::jobs::{CaseScores, Choice, Chosen};
use crate::ranks::Ranks;

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
    /// What was found of each case: `loss`.
    #[serde(skip)]
    pub each_case: CaseScores,
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

/// An evaluation with what the network takes for what, and its worst mistakes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluated {
    /// The figures.
    pub evaluation: Evaluation,
    /// What they come from.
    pub outcome: Outcome,
}

impl TrainedNetwork {
    /// Scores the network on some cases, or on those of the data that it was trained on.
    ///
    /// # Errors
    /// As [`TrainedNetwork::cases`]; [`Error::Data`] where the cases have no labels; device errors.
    pub fn evaluate(&self, choice: &Choice<'_>) -> Result<Evaluated> {
        self.evaluate_on(&Ranks::alone(), choice)
    }

    /// The same by ranks, which take pieces of the cases by turns; all of them have the result.
    ///
    /// # Errors
    /// As [`TrainedNetwork::evaluate`].
    pub fn evaluate_on(&self, ranks: &Ranks, choice: &Choice<'_>) -> Result<Evaluated> {
        let pieces = self.pieces(choice)?;
        let start = Instant::now();
        let (network, input) = (&self.network, &self.origin.input);
        let mut outcome = Outcome::new(&self.origin.classes);
        let labels = |piece: &Chosen| {
            piece.labels.clone().ok_or_else(|| {
                let detail =
                    "has no labels, so nothing can be scored; `harmonium predict` needs none";
                Error::data(&piece.data, detail)
            })
        };
        let mut say = |piece: &Chosen, _| {
            Ok(predict(network, &piece.cases, input, Some(&labels(piece)?))?.to_bytes())
        };
        pieces.by_turns(ranks, &mut say, &mut |mut said| {
            let found = Predictions::from_bytes(&said.bytes, network.spec().classes)?;
            let piece = said.piece()?;
            outcome.add(&piece.cases, &labels(&piece)?, &found)
        })?;
        let scored = outcome.score()?;
        let evaluation = Evaluation {
            error: scored.error,
            wrong: scored.wrong,
            loss: scored.loss,
            cases: pieces.cases(),
            data: pieces.data().into(),
            split: pieces.part_name(),
            parameters: network.trained(),
            seconds: start.elapsed().as_secs_f64(),
            device: network.device().info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
            each_case: CaseScores::new(pieces.files()).with("loss", Some(outcome.losses())),
            notices: pieces.notices().to_vec(),
        };
        Ok(Evaluated { evaluation, outcome })
    }
}

impl Evaluated {
    /// Writes [`CONFUSION`](crate::run::CONFUSION), [`CONFUSION_TABLE`](crate::run::CONFUSION_TABLE) and
    /// [`MISTAKES`](crate::run::MISTAKES) into a folder.
    ///
    /// # Errors
    /// As [`Outcome::save`].
    pub fn pictures(&self, folder: &Path, origin: &Origin) -> Result<()> {
        self.outcome.save(folder, &origin.shown())
    }
}
