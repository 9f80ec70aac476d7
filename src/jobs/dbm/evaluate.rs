//! How good a deep Boltzmann machine is: the bound of its likelihood, its likelihood where it is small, its
//! reconstructions, and its classes.

use serde::Serialize;

use super::partition::partition;
use super::trained::TrainedDbm;
use crate::data::Cases;
use crate::error::Result;
use crate::evaluation::deep_bound::variational_bound;
use crate::jobs::network::Shown;
use crate::jobs::rbm::{EvaluationConfig, Progress};
use crate::jobs::rows::numbers;
use crate::jobs::stack::{Bounded, Evaluated, Measured, Scored};
use crate::jobs::{CaseScores, Choice, Chosen};
use crate::models::UnitKind;
use crate::models::dbm::exact::ExactDbm;
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
        let mut all = [const { Vec::new() }; 3];
        let mut bounded = true;
        let mut of = |piece: &Chosen, _| self.scores(&piece.cases, z.log_partition, exact.as_ref());
        pieces.by_turns(&config.ranks, &mut of, &mut |mut found| {
            let scores: Vec<f64> = bytemuck::pod_collect_to_vec(&found.bytes);
            let piece = found.piece()?;
            let own = scores.chunks(piece.cases.len().max(1));
            bounded &= own.len() > 1;
            all.iter_mut().zip(own).for_each(|(all, own)| all.extend(own));
            let predict = |cases: &Cases, labels: &[u32]| self.predict(cases, Some(labels));
            measured.add(&piece, &|v| dbm.reconstruct(v), &predict)
        })?;
        let [rounds, bounds, likelihoods] = all;
        let bound = bounded.then(|| measured.mean(&bounds));
        let exact = exact.is_some() && bounded;
        let likelihood = exact.then(|| measured.mean(&likelihoods));
        let (mean_field_rounds, _) = measured.mean(&rounds);
        let each = CaseScores::new(pieces.files())
            .with("log_likelihood", exact.then_some(likelihoods))
            .with("log_likelihood_bound", bounded.then_some(bounds))
            .with("mean_field_rounds", Some(rounds));
        Evaluated::of(&pieces, measured, each, |scored| Evaluation {
            bounded: Bounded::of(&z, bound),
            mean_log_likelihood: likelihood.map(|(mean, _)| mean),
            mean_log_likelihood_std_error: likelihood.and_then(|(_, error)| error),
            mean_field_rounds,
            scored,
        })
    }

    /// Of each case how many rounds its mean field took; where they have one, the bounds of their likelihoods follow; where
    /// the machine is small, these themselves.
    fn scores(&self, cases: &Cases, z: f64, exact: Option<&ExactDbm>) -> Result<Vec<u8>> {
        let dbm = &self.dbm;
        let each =
            |f: &dyn Fn(&Tensor) -> Result<Vec<f64>>| numbers(dbm.device(), cases, |v, _| f(v));
        let mut found = each(&|v| {
            let rounds = dbm.posterior(v, self.mean_field)?.rounds().to_vec()?;
            Ok(rounds.into_iter().map(f64::from).collect())
        })?;
        if dbm.units(0).kind() != UnitKind::Bernoulli || cases.is_binary() {
            found.extend(each(&|v| variational_bound(dbm, v, self.mean_field, z))?);
            if let Some(exact) = exact {
                found.extend(each(&|v| exact.log_likelihoods(v))?);
            }
        }
        Ok(bytemuck::cast_slice(&found).to_vec())
    }

    /// How its cases are shown.
    pub fn shown(&self) -> Shown<'_> {
        let image = self.image_shape().unwrap_or((1, self.dbm.visible_count()));
        let origin = &self.origin;
        Shown { image, classes: &origin.classes, preprocessing: &origin.preprocessing }
    }
}
