//! How good a deep Boltzmann machine is: the bound of its likelihood, its likelihood where it is small, its
//! reconstructions, and its classes.

use web_time::Instant;

use serde::Serialize;

use super::partition::partition;
use super::trained::TrainedDbm;
use crate::error::Result;
use crate::evaluation::deep_bound::variational_bound;
use crate::evaluation::scores::mean_with_error;
use crate::jobs::Choice;
use crate::jobs::network::Shown;
use crate::jobs::rbm::{EvaluationConfig, Progress};
use crate::jobs::rows::numbers;
use crate::jobs::stack::{Bounded, Evaluated, Measured, Scored};
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
    /// The rest.
    #[serde(flatten)]
    pub scored: Scored,
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
    ) -> Result<Evaluated<Evaluation>> {
        let chosen = self.cases(choice)?;
        let start = Instant::now();
        let (dbm, cases) = (&self.dbm, &chosen.cases);
        let (z, exact) = partition(dbm, config, (cases, self.mean_field), progress)?;
        let bounded = dbm.units(0).kind() != UnitKind::Bernoulli || cases.is_binary();
        let each = |f: &dyn Fn(&Tensor) -> Result<Vec<f64>>| {
            numbers(&config.ranks, (dbm.device(), cases), |v, _| f(v))
        };
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
        let found = labels.map(|labels| self.predict(cases, Some(&labels))).transpose()?;
        let measured = Measured {
            reconstruction_error: self.reconstruct(cases)?.error,
            standardized: self.standardized(),
            seed: config.seed,
            start,
            device: dbm.device(),
        };
        Evaluated::of(chosen, found, &measured, |scored| Evaluation {
            bounded: Bounded::of(&z, bound),
            mean_log_likelihood: likelihood.map(|(mean, _)| mean),
            mean_log_likelihood_std_error: likelihood.map(|(_, error)| error),
            mean_field_rounds: rounds.iter().sum::<f64>() / rounds.len().max(1) as f64,
            scored,
        })
    }

    /// How its cases are shown.
    pub fn shown(&self) -> Shown<'_> {
        let image = self.image_shape().unwrap_or((1, self.dbm.visible_count()));
        let origin = &self.origin;
        Shown { image, classes: &origin.classes, preprocessing: &origin.preprocessing }
    }
}
