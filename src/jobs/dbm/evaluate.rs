//! How good a deep Boltzmann machine is: the bound of its likelihood, its likelihood where it is small, its
//! reconstructions, and its classes.

use std::time::Instant;

use serde::Serialize;

use super::partition::partition;
use super::trained::TrainedDbm;
use crate::data::Cases;
use crate::device::DeviceInfo;
use crate::error::Result;
use crate::evaluation::classification::Predictions;
use crate::evaluation::deep_bound::variational_bound;
use crate::evaluation::scores::mean_with_error;
use crate::jobs::Choice;
use crate::jobs::network::{Labelled, Shown, confusion_and_mistakes};
use crate::jobs::rbm::{EvaluationConfig, Progress};
use crate::jobs::rows::{ROWS, upload_rows};
use crate::jobs::stack::Bounded;
use crate::models::UnitKind;
use crate::tensor::Tensor;

/// What was found; as JSON what `eval --json` prints and a run's `eval.json` holds. What does not apply is null.
/// Logarithms are natural.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// ln Z and the bound.
    #[serde(flatten)]
    pub bounded: Bounded,
    /// The mean of ln p(v) itself, nats per case, where the machine is small enough to enumerate.
    pub mean_log_likelihood: Option<f64>,
    /// Over the cases.
    pub mean_log_likelihood_std_error: Option<f64>,
    /// Rounds of the mean field that a case took, on average.
    pub mean_field_rounds: f64,
    /// By the mean field and back: squared, summed over the values, the mean over the cases.
    pub reconstruction_error: f64,
    /// The share of cases that are classified wrongly, in [0, 1]; null without a classifier and labels.
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
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

/// An evaluation, with the classes that were found where there is a classifier.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluated {
    /// The figures.
    pub evaluation: Evaluation,
    /// The cases with their classes, and what is said of them.
    pub classified: Option<(Labelled, Predictions)>,
}

impl TrainedDbm {
    /// Scores the machine on some cases, or on those of the data that it was trained on. `progress` is called while it is
    /// annealed.
    ///
    /// # Errors
    /// As [`TrainedDbm::cases`], and as for machines ([`TrainedRbm::evaluate`](crate::jobs::TrainedRbm::evaluate)).
    pub fn evaluate(
        &self,
        choice: &Choice<'_>,
        config: &EvaluationConfig,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Evaluated> {
        let chosen = self.cases(choice)?;
        let start = Instant::now();
        let (dbm, cases) = (&self.dbm, &chosen.cases);
        let (z, exact) = partition(dbm, config, (cases, self.mean_field), progress)?;
        let bounded = dbm.units(0).kind() != UnitKind::Bernoulli || cases.is_binary();
        let each = |f: &dyn Fn(&Tensor) -> Result<Vec<f64>>| self.each(cases, f);
        let (bound, likelihood) = match bounded {
            false => (None, None),
            true => {
                let z = z.log_partition;
                let bound = each(&|v| variational_bound(dbm, v, self.mean_field, z))?;
                let exact = exact.map(|exact| each(&|v| exact.log_likelihoods(v))).transpose()?;
                (Some(mean_with_error(&bound)), exact.map(|cases| mean_with_error(&cases)))
            }
        };
        let rounds = each(&|v| {
            let rounds = dbm.posterior(v, self.mean_field)?.rounds().to_vec()?;
            Ok(rounds.into_iter().map(f64::from).collect())
        })?;
        let labels = chosen.labels.clone().filter(|_| self.classifier.is_some());
        let found = match &labels {
            Some(labels) => Some(self.predict(cases, Some(labels))?),
            None => None,
        };
        let scored = match (&found, &labels) {
            (Some(found), Some(labels)) => Some(found.score(labels)?),
            _ => None,
        };
        let evaluation = Evaluation {
            bounded: Bounded::of(&z, bound),
            mean_log_likelihood: likelihood.map(|(mean, _)| mean),
            mean_log_likelihood_std_error: likelihood.map(|(_, error)| error),
            mean_field_rounds: rounds.iter().sum::<f64>() / rounds.len().max(1) as f64,
            reconstruction_error: self.reconstruct(cases)?.error,
            error: scored.map(|s| s.error),
            wrong: scored.map(|s| s.wrong),
            loss: scored.map(|s| s.loss),
            cases: cases.len(),
            split: chosen.part_name(),
            data: chosen.data,
            standardized: self.standardized(),
            seed: config.seed,
            seconds: start.elapsed().as_secs_f64(),
            device: dbm.device().info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
            notices: chosen.notices,
        };
        let part = labels.map(|labels| Labelled { cases: chosen.cases, labels });
        Ok(Evaluated { evaluation, classified: part.zip(found) })
    }

    /// One number of each case.
    fn each(&self, cases: &Cases, f: &dyn Fn(&Tensor) -> Result<Vec<f64>>) -> Result<Vec<f64>> {
        let mut found = Vec::new();
        for first in (0..cases.len()).step_by(ROWS) {
            found.extend(f(&upload_rows(self.dbm.device(), cases, first, ROWS)?)?);
        }
        Ok(found)
    }

    /// How its cases are shown.
    pub fn shown(&self) -> Shown<'_> {
        let image = self.image_shape().unwrap_or((1, self.dbm.visible_count()));
        let origin = &self.origin;
        Shown { image, classes: &origin.classes, preprocessing: &origin.preprocessing }
    }

    /// Writes confusion matrix and worst mistakes into a folder, where classes were found.
    ///
    /// # Errors
    /// As [`confusion_and_mistakes`].
    pub fn pictures(&self, evaluated: &Evaluated, folder: &std::path::Path) -> Result<()> {
        match &evaluated.classified {
            Some((part, found)) => confusion_and_mistakes(folder, &self.shown(), part, found),
            None => Ok(()),
        }
    }
}
