//! How good a machine is: log Z, likelihood, pseudo-likelihood, reconstruction error.

use web_time::Instant;

use serde::Serialize;

use super::coding::are_states;
use super::config::EvaluationConfig;
use super::diagnostics::Diagnostics;
use super::partition::{LogPartition, Partition, Progress, Seen, partition};
use super::trained::TrainedRbm;
use crate::data::{Cases, Part};
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::evaluation::ladder::Climb;
use crate::evaluation::scores;
use crate::jobs::rows::{ROWS, upload_rows};
use crate::jobs::{Choice, Chosen};
use crate::models::UnitKind;
use crate::random::{Draw, stream};

/// Turned cases of the stochastic pseudo-likelihood, unless two a case are more.
const TURNED: usize = 2000;

/// What was found; as JSON what `eval --json` prints and a run's `eval.json` holds. What does not apply is
/// null. Logarithms are natural.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// ln Z.
    #[serde(flatten)]
    pub log_partition: LogPartition,
    /// Where its samples are from: chains from the `data`, or along the `ladder`.
    pub log_partition_reverse_start: Option<&'static str>,
    /// Whether both directions agree within their errors; null where log Z is exact or there is one direction.
    pub trusted: Option<bool>,
    /// ln Z by climbing a ladder; null where none was asked for.
    pub log_partition_ladder: Option<f64>,
    /// Its standard error, between independent chains.
    pub log_partition_ladder_std_error: Option<f64>,
    /// In which it lies with 95 %.
    pub log_partition_ladder_interval: Option<[f64; 2]>,
    /// ln Z of each rung.
    pub ladder_log_partitions: Option<Vec<f64>>,
    /// How often each pair of neighbours exchanged, of the times it tried.
    pub ladder_acceptance: Option<Vec<f64>>,
    /// Ways of states from the bottom to the top and back.
    pub ladder_round_trips: Option<u64>,
    /// Rounds that one takes on average; null where there was none.
    pub ladder_rounds_per_trip: Option<f64>,
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
    /// For the choice of the units that were turned; 0 where all were.
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
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

impl Evaluation {
    /// Fills in what a climb found.
    fn climbed(&mut self, climb: &Climb) {
        self.log_partition_ladder = Some(climb.log_partition);
        self.log_partition_ladder_std_error = Some(climb.std_error);
        self.log_partition_ladder_interval = Some(climb.interval);
        self.ladder_log_partitions = Some(climb.rungs.clone());
        self.ladder_acceptance = Some(climb.swaps.acceptance.clone());
        self.ladder_round_trips = Some(climb.swaps.round_trips);
        self.ladder_rounds_per_trip = Some(climb.swaps.rounds_per_trip).filter(|n| n.is_finite());
    }
}

/// The cases with their weights, where there are some.
fn weighted(chosen: Chosen, choice: &Choice<'_>, config: &EvaluationConfig) -> Result<Chosen> {
    let Some(mut weights) = config.weights.clone() else { return Ok(chosen) };
    // They are those of the part, of which a limit takes the first.
    weights.truncate(choice.limit.unwrap_or(weights.len()));
    let cases = chosen.cases.with_weights(weights)?;
    Ok(Chosen { cases, ..chosen })
}

impl TrainedRbm {
    /// Scores the machine on some cases, or on those of the data that it was trained on; where there are none,
    /// log Z is all that is found. `progress` is called while it anneals.
    ///
    /// # Errors
    /// As [`TrainedRbm::cases`]. [`Error::Setting`](crate::Error::Setting) for what
    /// [`exact_log_partition`](crate::evaluation::partition::exact_log_partition) and
    /// [`ais`](crate::evaluation::ais::ais) refuse. Device errors.
    pub fn evaluate(
        &self,
        choice: &Choice<'_>,
        config: &EvaluationConfig,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Evaluation> {
        self.rbm.hidden().kind().check_energy()?;
        let start = Instant::now();
        let data = match choice.data.or(self.origin.data.as_deref()) {
            Some(name) => Some(self.chosen_with_means(choice, name)?),
            None => None,
        };
        let data =
            data.map(|(chosen, means)| Ok::<_, Error>((weighted(chosen, choice, config)?, means)));
        let data = data.transpose()?;
        let climbed = match config.ladder {
            Some(rungs) => {
                let climbing = config.climbing.clone().seed(config.seed);
                let means = data.as_ref().map(|(_, means)| &means[..]);
                Some(self.climb(rungs, &climbing, means, progress)?)
            }
            None => None,
        };
        let samples = climbed.as_ref().map(|(_, samples)| samples);
        let seen =
            data.as_ref().map(|(chosen, means)| Seen { cases: &chosen.cases, means, samples });
        let found = partition(&self.rbm, config, seen, progress)?;
        let mut evaluation = self.evaluation(&found, config);
        if let Some((climb, _)) = &climbed {
            evaluation.climbed(climb);
        }
        if found.reverse.is_some() {
            let start = if climbed.is_some() { "ladder" } else { "data" };
            evaluation.log_partition_reverse_start = Some(start);
        }
        if let Some((chosen, _)) = data {
            self.score(&chosen.cases, &found, config, &mut evaluation)?;
            evaluation.cases = Some(chosen.cases.len());
            evaluation.split = Some(chosen.part_name());
            evaluation.data = Some(chosen.data);
            evaluation.notices = chosen.notices;
        }
        evaluation.seconds = start.elapsed().as_secs_f64();
        Ok(evaluation)
    }

    /// Some cases, and the means of the training part.
    fn chosen_with_means(&self, choice: &Choice<'_>, name: &str) -> Result<(Chosen, Vec<f32>)> {
        let taken = choice.take(name, self.origin.trained_on(), self.takes_unit_interval())?;
        let mut chosen = self.treat(taken.set, name, taken.part)?;
        let means = match taken.training {
            None => chosen.cases.means(),
            Some(training) => {
                let training = self.treat(training, name, Part::Train)?;
                chosen.notices.extend(training.notices);
                training.cases.means()
            }
        };
        Ok((chosen, means))
    }

    /// What is known without cases.
    fn evaluation(&self, z: &Partition, config: &EvaluationConfig) -> Evaluation {
        Evaluation {
            log_partition: LogPartition::of(z),
            log_partition_reverse_start: None,
            trusted: z.trusted(),
            log_partition_ladder: None,
            log_partition_ladder_std_error: None,
            log_partition_ladder_interval: None,
            ladder_log_partitions: None,
            ladder_acceptance: None,
            ladder_round_trips: None,
            ladder_rounds_per_trip: None,
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
            temperatures: z.temperatures,
            chains: z.forward.as_ref().map(|_| config.chains),
            diagnostics: None,
            seed: config.seed,
            seconds: 0.0,
            device: self.rbm.device().info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
            notices: Vec::new(),
        }
    }

    /// Fills in what needs cases.
    fn score(
        &self,
        cases: &Cases,
        z: &Partition,
        config: &EvaluationConfig,
        evaluation: &mut Evaluation,
    ) -> Result<()> {
        let rbm = &self.rbm;
        let bernoulli = rbm.visible().kind() == UnitKind::Bernoulli;
        let likelihood = are_states(cases, rbm.visible().kind());
        let weights = cases.weights();
        let weights = weights.as_deref();
        let turns =
            scores::affordable_turns(TURNED + cases.len(), cases.len(), rbm.visible_count());
        let (mut free_energies, mut errors, mut pseudo) = (Vec::new(), Vec::new(), Vec::new());
        // The sum of weights of the cases of each pseudo-likelihood, and their squared errors times that squared.
        let (mut variance, mut whole) = (0.0, 0.0);
        for first in (0..cases.len()).step_by(ROWS) {
            let v = upload_rows(rbm.device(), cases, first, ROWS)?;
            let rows = v.shape().dims()[0];
            let own = weights.map(|weights| &weights[first..first + rows]);
            let count = own.map_or(rows as f64, |own| own.iter().map(|&w| f64::from(w)).sum());
            errors.extend(scores::reconstruction_errors(rbm, &v)?);
            if likelihood {
                free_energies.extend(scores::free_energies(rbm, &v)?);
            }
            if !likelihood || count == 0.0 {
                continue;
            }
            let draw = Draw::new(config.seed, stream::EVALUATION).from_case(first as u32);
            let score = match config.exact_pseudo {
                true => scores::exact_pseudo_log_likelihoods(rbm, &v)?
                    .map(|cases| (scores::weighted_mean(&cases, own), 0.0)),
                false => scores::pseudo_log_likelihood_of(rbm, &v, turns, &draw, own)?
                    .map(|score| (score.mean, score.std_error)),
            };
            if let Some((mean, error)) = score {
                pseudo.push(count * mean);
                variance += (count * error).powi(2);
            }
            whole += count;
        }
        evaluation.reconstruction_error = Some(scores::weighted_mean(&errors, weights));
        if likelihood {
            let (mean, error) = scores::weighted_mean_with_error(&free_energies, weights);
            evaluation.mean_log_likelihood = Some(-mean - z.log_partition);
            evaluation.mean_log_likelihood_std_error = Some(error);
            evaluation.mean_log_likelihood_reverse =
                z.reverse.as_ref().map(|reverse| -mean - reverse.log_partition);
            evaluation.mean_log_likelihood_ladder =
                evaluation.log_partition_ladder.map(|log_z| -mean - log_z);
            let pseudo: f64 = pseudo.iter().sum();
            evaluation.pseudo_log_likelihood = bernoulli.then_some(pseudo / whole);
            evaluation.pseudo_log_likelihood_std_error =
                bernoulli.then_some(variance.sqrt() / whole);
            let method = if config.exact_pseudo { "exact" } else { "stochastic" };
            evaluation.pseudo_log_likelihood_method = bernoulli.then_some(method);
        }
        Ok(())
    }
}
