//! How good a machine is: log Z, likelihood, pseudo-likelihood, reconstruction error.

use web_time::Instant;

use serde::Serialize;

use super::climbed::Climbed;
use super::config::{EvaluationConfig, Method};
use super::diagnostics::Diagnostics;
use super::ladder::climb;
use super::partition::{LogPartition, Partition, Progress, Seen, is_annealed, partition};
use super::scored::Scored;
use super::trained::TrainedRbm;
use crate::device::DeviceInfo;
use crate::error::Result;
use crate::evaluation::scores;
use crate::jobs::{CaseScores, Choice, Chosen, Pieces};
use crate::models::UnitKind;

/// Turned cases of the stochastic pseudo-likelihood, unless two a case are more.
const TURNED: usize = 2000;

/// What was found; as JSON what `eval --json` prints and a run's `eval.json` holds. What does not apply is
/// null. Logarithms are natural.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// ln Z; null for rectified hidden units, which have no energy.
    #[serde(flatten, serialize_with = "LogPartition::or_null")]
    pub log_partition: Option<LogPartition>,
    /// Where its samples are from: chains from the `data`, or along the `ladder`.
    pub log_partition_reverse_start: Option<&'static str>,
    /// Whether both directions agree within their errors; null where log Z is exact or there is one direction.
    pub trusted: Option<bool>,
    /// ln Z by climbing a ladder.
    #[serde(flatten)]
    pub ladder: Climbed,
    /// Nats per case; null where there are no cases, and for data that are not 0 or 1 under Bernoulli units.
    pub mean_log_likelihood: Option<f64>,
    /// Over the cases; log Z's own error is not in it.
    pub mean_log_likelihood_std_error: Option<f64>,
    /// With the reverse estimate in the place of log Z.
    pub mean_log_likelihood_reverse: Option<f64>,
    /// With the ladder's in the place of log Z.
    pub mean_log_likelihood_ladder: Option<f64>,
    /// Nats per case.
    pub pseudo_log_likelihood: Option<f64>,
    /// For the choice of the units that were turned; null where all were.
    pub pseudo_log_likelihood_std_error: Option<f64>,
    /// `exact`, or `stochastic`.
    pub pseudo_log_likelihood_method: Option<&'static str>,
    /// Squared, summed over the visible units, the mean over the cases.
    pub reconstruction_error: Option<f64>,
    /// How many.
    pub cases: Option<usize>,
    /// What they are of.
    pub data: Option<String>,
    /// `train` or `test`.
    pub split: Option<&'static str>,
    /// Whether the numbers are in the standardised space of the training data.
    pub standardized: bool,
    /// Of the annealing.
    pub temperatures: Option<usize>,
    /// Of the annealing.
    pub chains: Option<usize>,
    /// What chains and samples say of the machine, where that is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Diagnostics>,
    /// Of all draws.
    pub seed: u64,
    /// That it took, reading the data included.
    pub seconds: f64,
    /// On what.
    pub device: DeviceInfo,
    /// The version.
    pub harmonium: &'static str,
    /// What was found of each case: `reconstruction_error`, and where cases have a likelihood `free_energy` and, by `log_partition`,
    /// `log_likelihood`.
    #[serde(skip)]
    pub each_case: CaseScores,
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

impl TrainedRbm {
    /// Scores the machine on some cases, or on those of the data that it was trained on; where there are none,
    /// log Z is all that is found, and of rectified hidden units the reconstruction error. `progress` is called while it
    /// anneals.
    ///
    /// # Errors
    /// As [`TrainedRbm::cases`]. [`Error::Setting`](crate::Error::Setting) for what
    /// [`exact_log_partition`](crate::evaluation::partition::exact_log_partition) and
    /// [`ais`](crate::evaluation::ais::ais) refuse, and for a way to log Z that is asked for where the hidden units have
    /// no energy. Device errors.
    pub fn evaluate(
        &self,
        choice: &Choice<'_>,
        config: &EvaluationConfig,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Evaluation> {
        let hidden = self.rbm.hidden().kind();
        let asked = !matches!(config.method, Method::Automatic) || config.ladder.is_some();
        if asked || config.exact_pseudo {
            hidden.check_energy()?;
        }
        let start = Instant::now();
        let meant = choice.means_cases(self.origin.data.as_deref());
        let pieces = meant.then(|| self.pieces(choice)).transpose()?;
        let anneals = hidden.has_energy() && is_annealed(&self.rbm, config);
        let means = match &pieces {
            Some(pieces) if config.ladder.is_some() || anneals => Some(pieces.training_means()?),
            _ => None,
        };
        let climbed = match config.ladder {
            Some(rungs) => Some(climb(&self.ladder(rungs, means.as_deref())?, config, progress)?),
            None => None,
        };
        let samples = climbed.as_ref().map(|(_, samples)| samples);
        let seen = pieces.as_ref().zip(means.as_deref());
        let seen = seen.map(|(cases, means)| Seen { cases, means, samples });
        let found = match hidden.has_energy() {
            true => Some(partition(&self.rbm, config, seen, progress)?),
            false => None,
        };
        let found = found.as_ref();
        let mut evaluation = self.evaluation(found, config);
        if let Some((climb, _)) = &climbed {
            evaluation.ladder = climb.into();
        }
        if found.is_some_and(|z| z.reverse.is_some()) {
            let start = if climbed.is_some() { "ladder" } else { "data" };
            evaluation.log_partition_reverse_start = Some(start);
        }
        if let Some(pieces) = pieces {
            self.score(&pieces, found, config, &mut evaluation)?;
            evaluation.cases = Some(pieces.cases());
            evaluation.split = Some(pieces.part_name());
            evaluation.data = Some(pieces.data().into());
            evaluation.notices = [pieces.notices(), pieces.training_notices()].concat();
        }
        evaluation.seconds = start.elapsed().as_secs_f64();
        Ok(evaluation)
    }

    /// What is known without cases.
    fn evaluation(&self, z: Option<&Partition>, config: &EvaluationConfig) -> Evaluation {
        Evaluation {
            log_partition: z.map(LogPartition::of),
            log_partition_reverse_start: None,
            trusted: z.and_then(Partition::trusted),
            ladder: Climbed::default(),
            mean_log_likelihood: None,
            mean_log_likelihood_std_error: None,
            mean_log_likelihood_reverse: None,
            mean_log_likelihood_ladder: None,
            pseudo_log_likelihood: None,
            pseudo_log_likelihood_std_error: None,
            pseudo_log_likelihood_method: None,
            reconstruction_error: None,
            cases: None,
            data: None,
            split: None,
            standardized: self.standardized(),
            temperatures: z.and_then(|z| z.temperatures),
            chains: z.and_then(|z| z.forward.as_ref()).map(|_| config.chains),
            diagnostics: None,
            seed: config.seed,
            seconds: 0.0,
            device: self.rbm.device().info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
            each_case: CaseScores::default(),
            notices: Vec::new(),
        }
    }

    /// Fills in what needs cases.
    fn score(
        &self,
        pieces: &Pieces<'_>,
        z: Option<&Partition>,
        config: &EvaluationConfig,
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        let n = pieces.cases();
        let turns = scores::affordable_turns(TURNED + n, n, self.rbm.visible_count());
        let mut scored = Scored::new(turns);
        let mut of =
            |piece: &Chosen, first| Scored::of(&self.rbm, (&piece.cases, first), turns, config);
        pieces.by_turns(&config.ranks, &mut of, &mut |found| scored.merge(&found.bytes))?;
        let weights = scored.weights.as_deref();
        evaluation.reconstruction_error = Some(scores::weighted_mean(&scored.errors, weights));
        let each = CaseScores::new(pieces.files());
        let Some(z) = z.filter(|_| scored.likelihood) else {
            evaluation.each_case = each.with("reconstruction_error", Some(scored.errors));
            return Ok(());
        };
        let (mean, error) = scores::weighted_mean_with_error(&scored.free_energies, weights);
        evaluation.mean_log_likelihood = Some(-mean - z.log_partition);
        evaluation.mean_log_likelihood_std_error = error;
        evaluation.mean_log_likelihood_reverse =
            z.reverse.as_ref().map(|reverse| -mean - reverse.log_partition);
        evaluation.mean_log_likelihood_ladder =
            evaluation.ladder.log_partition.map(|log_z| -mean - log_z);
        if self.rbm.visible().kind() == UnitKind::Bernoulli {
            let (pseudo, whole) = (scored.pseudo.iter().sum::<f64>(), scored.whole);
            evaluation.pseudo_log_likelihood = Some(pseudo / whole);
            evaluation.pseudo_log_likelihood_std_error =
                (scored.variance > 0.0).then(|| scored.variance.sqrt() / whole);
            let method = if config.exact_pseudo { "exact" } else { "stochastic" };
            evaluation.pseudo_log_likelihood_method = Some(method);
        }
        let likelihoods = scored.free_energies.iter().map(|free| -free - z.log_partition).collect();
        evaluation.each_case = each
            .with("log_likelihood", Some(likelihoods))
            .with("free_energy", Some(scored.free_energies))
            .with("reconstruction_error", Some(scored.errors));
        Ok(())
    }
}
