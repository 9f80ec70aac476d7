//! What evaluations of deep models say: ln Z and the bound that it gives, reconstructions and classes.

use std::path::Path;
use web_time::Instant;

use serde::Serialize;

use crate::data::Cases;
use crate::device::{Device, DeviceInfo};
use crate::error::Result;
use crate::evaluation::classification::Predictions;
use crate::evaluation::scores::{weighted_mean, weighted_mean_with_error};
use crate::jobs::network::{Outcome, Shown};
use crate::jobs::rbm::{Climbed, LogPartition, Partition};
use crate::jobs::rows::squared_errors;
use crate::jobs::{CaseScores, Chosen, Pieces};
use crate::tensor::Tensor;

/// ln Z and a lower bound of the likelihood; logarithms are natural.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Bounded {
    /// ln Z: of a net that of its top.
    #[serde(flatten)]
    pub log_partition: LogPartition,
    /// Whether both directions agree within their errors; null where ln Z is exact.
    pub trusted: Option<bool>,
    /// A lower bound of the mean of ln p(v), nats per case; null for data that are not 0 or 1 under Bernoulli units.
    pub mean_log_likelihood_bound: Option<f64>,
    /// Over the cases; ln Z's own error is not in it; null for a single case.
    pub mean_log_likelihood_bound_std_error: Option<f64>,
    /// With the reverse estimate in the place of ln Z.
    pub mean_log_likelihood_bound_reverse: Option<f64>,
    /// With the ladder's in the place of ln Z.
    pub mean_log_likelihood_bound_ladder: Option<f64>,
    /// ln Z of a net's top by climbing a ladder.
    #[serde(flatten)]
    pub ladder: Climbed,
}

impl Bounded {
    /// Of ln Z, and of the bound's mean over the cases with its standard error, where there is one.
    pub(in crate::jobs) fn of(z: &Partition, bound: Option<(f64, Option<f64>)>) -> Self {
        let reversed = z.reverse.as_ref().zip(bound);
        Bounded {
            log_partition: LogPartition::of(z),
            trusted: z.trusted(),
            mean_log_likelihood_bound: bound.map(|(mean, _)| mean),
            mean_log_likelihood_bound_std_error: bound.and_then(|(_, error)| error),
            mean_log_likelihood_bound_reverse: reversed
                .map(|(reverse, (mean, _))| mean + z.log_partition - reverse.log_partition),
            mean_log_likelihood_bound_ladder: None,
            ladder: Climbed::default(),
        }
    }

    /// The same with what climbing a ladder found besides.
    pub(in crate::jobs) fn climbed(self, ladder: Climbed) -> Self {
        let by_ladder = self.mean_log_likelihood_bound.zip(ladder.log_partition);
        let mean_log_likelihood_bound_ladder =
            by_ladder.map(|(mean, log_z)| mean + self.log_partition.value - log_z);
        Bounded { mean_log_likelihood_bound_ladder, ladder, ..self }
    }
}

/// What needs no ln Z, and what it was found on.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Scored {
    /// Up through the layers and down again by means: squared, summed over the values, the mean over the cases.
    pub reconstruction_error: f64,
    /// The share of cases that are classified wrongly, in [0, 1]; null where nothing classifies, and without labels.
    pub error: Option<f64>,
    /// How many.
    pub wrong: Option<u64>,
    /// The mean of −ln p(class | case).
    pub loss: Option<f64>,
    /// How many cases.
    pub cases: usize,
    /// What they are of.
    pub data: String,
    /// `train` or `test`.
    pub split: &'static str,
    /// Whether the numbers are in the standardised space of the training data.
    pub standardized: bool,
    /// Of all draws.
    pub seed: u64,
    /// That it took, without reading the data.
    pub seconds: f64,
    /// On what.
    pub device: DeviceInfo,
    /// The version.
    pub harmonium: &'static str,
    /// What was found of each case: `log_likelihood_bound`, a small deep machine's `log_likelihood` and `mean_field_rounds`, `loss`
    /// where classes are scored, `reconstruction_error`.
    #[serde(skip)]
    pub each_case: CaseScores,
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

/// What is found of cases that come piece by piece, and what with.
pub(in crate::jobs) struct Measured<'a> {
    pub standardized: bool,
    pub seed: u64,
    pub start: Instant,
    pub device: &'a Device,
    /// Names of the classes that the model knows; none where it knows none.
    pub classes: &'a [String],
    /// Squared, summed over the values, of each case.
    errors: Vec<f64>,
    outcome: Option<Outcome>,
    weights: Option<Vec<f32>>,
}

impl<'a> Measured<'a> {
    /// Of no case yet.
    pub fn new(device: &'a Device, classes: &'a [String], seed: u64) -> Self {
        let start = Instant::now();
        let (errors, standardized) = (Vec::new(), false);
        let (outcome, weights) = (None, None);
        Measured { standardized, seed, start, device, classes, errors, outcome, weights }
    }

    /// Adds what `again` gives of cases, and what `predict` says of them where their classes are known.
    pub fn add(
        &mut self,
        piece: &Chosen,
        again: &dyn Fn(&Tensor) -> Result<Tensor>,
        predict: &dyn Fn(&Cases, &[u32]) -> Result<Predictions>,
    ) -> Result<()> {
        let cases = &piece.cases;
        self.errors.extend(squared_errors(self.device, cases, again)?);
        if let Some(weights) = cases.weights() {
            self.weights.get_or_insert_default().extend(weights);
        }
        let Some(labels) = piece.labels.as_ref().filter(|_| !self.classes.is_empty()) else {
            return Ok(());
        };
        let outcome = self.outcome.get_or_insert_with(|| Outcome::new(self.classes));
        outcome.add(cases, labels, &predict(cases, labels)?)
    }

    /// The mean of a number of each case, with its standard error over them, of more than one.
    pub fn mean(&self, each: &[f64]) -> (f64, Option<f64>) {
        weighted_mean_with_error(each, self.weights.as_deref())
    }

    /// Squared, summed over the values, the mean over the cases.
    pub fn reconstruction_error(&self) -> f64 {
        weighted_mean(&self.errors, self.weights.as_deref())
    }

    /// What was found of each case: what `first` has, the losses of their classes, and what did not come back.
    pub fn each_case(&mut self, first: CaseScores) -> CaseScores {
        let errors = std::mem::take(&mut self.errors);
        first
            .with("loss", self.outcome.as_ref().map(Outcome::losses))
            .with("reconstruction_error", Some(errors))
    }

    /// What is said of the classes.
    pub fn into_outcome(self) -> Option<Outcome> {
        self.outcome
    }
}

/// An evaluation, with the classes that were found where the model knows classes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluated<E> {
    /// The figures.
    pub evaluation: E,
    /// What is said of the cases' classes.
    pub outcome: Option<Outcome>,
}

impl<E> Evaluated<E> {
    /// That of some cases, of each of which `each` has been found besides.
    pub(in crate::jobs) fn of(
        pieces: &Pieces<'_>,
        mut measured: Measured<'_>,
        each: CaseScores,
        evaluation: impl FnOnce(Scored) -> E,
    ) -> Result<Self> {
        let score = measured.outcome.as_ref().map(Outcome::score).transpose()?;
        let scored = Scored {
            reconstruction_error: measured.reconstruction_error(),
            error: score.map(|s| s.error),
            wrong: score.map(|s| s.wrong),
            loss: score.map(|s| s.loss),
            cases: pieces.cases(),
            data: pieces.data().into(),
            split: pieces.part_name(),
            standardized: measured.standardized,
            seed: measured.seed,
            seconds: measured.start.elapsed().as_secs_f64(),
            device: measured.device.info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
            each_case: measured.each_case(each),
            notices: pieces.notices().to_vec(),
        };
        Ok(Evaluated { evaluation: evaluation(scored), outcome: measured.outcome })
    }

    /// Writes confusion matrix and worst mistakes into a folder, where classes were found; `shown` says how cases are
    /// shown.
    ///
    /// # Errors
    /// As [`Outcome::save`].
    pub fn pictures(&self, shown: &Shown<'_>, folder: &Path) -> Result<()> {
        self.outcome.as_ref().map_or(Ok(()), |outcome| outcome.save(folder, shown))
    }
}
