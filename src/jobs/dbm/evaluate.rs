//! How good a deep Boltzmann machine is: the bound of its likelihood, its likelihood where it is small, its
//! reconstructions, and its classes.

use serde::Serialize;

use super::partition::partition;
use super::trained::TrainedDbm;
use crate::data::Cases;
use crate::error::Result;
use crate::evaluation::deep_bound::variational_bound;
use crate::jobs::Choice;
use crate::jobs::network::Shown;
use crate::jobs::rbm::{EvaluationConfig, Progress};
use crate::jobs::rows::{ROWS, upload_rows};
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
        let pieces = self.pieces(choice)?;
        let dbm = &self.dbm;
        let mut measured = Measured::new(dbm.device(), &self.origin.classes, config.seed);
        measured.standardized = self.standardized();
        let (z, exact) = partition(dbm, config, (&pieces, self.mean_field), progress)?;
        let [mut bounds, mut likelihoods, mut rounds] = [const { Vec::new() }; 3];
        let mut bounded = true;
        pieces.each(&mut |piece| {
            let each = |f: &dyn Fn(&Tensor) -> Result<Vec<f64>>| self.each(&piece.cases, f);
            bounded &= dbm.units(0).kind() != UnitKind::Bernoulli || piece.cases.is_binary();
            if bounded {
                let z = z.log_partition;
                bounds.extend(each(&|v| variational_bound(dbm, v, self.mean_field, z))?);
                if let Some(exact) = &exact {
                    likelihoods.extend(each(&|v| exact.log_likelihoods(v))?);
                }
            }
            rounds.extend(each(&|v| {
                let rounds = dbm.posterior(v, self.mean_field)?.rounds().to_vec()?;
                Ok(rounds.into_iter().map(f64::from).collect())
            })?);
            let predict = |cases: &Cases, labels: &[u32]| self.predict(cases, Some(labels));
            measured.add(piece, &|v| dbm.reconstruct(v), &predict)
        })?;
        let bound = bounded.then(|| measured.mean(&bounds));
        let likelihood = exact.filter(|_| bounded).map(|_| measured.mean(&likelihoods));
        let (mean_field_rounds, _) = measured.mean(&rounds);
        Evaluated::of(&pieces, measured, |scored| Evaluation {
            bounded: Bounded::of(&z, bound),
            mean_log_likelihood: likelihood.map(|(mean, _)| mean),
            mean_log_likelihood_std_error: likelihood.map(|(_, error)| error),
            mean_field_rounds,
            scored,
        })
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
}
