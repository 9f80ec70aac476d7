//! What a training says of the machine while it goes on.

use super::coding::are_states;
use super::data::Prepared;
use super::figures::{
    ACTIVITY, EFFECTIVE_RANK, ERROR, GAP, LOG_LIKELIHOOD, LOG_PARTITION, LOG_PARTITION_ERROR,
    PSEUDO_LIKELIHOOD, PSEUDO_LIKELIHOOD_ERROR, SINGULAR_VALUES, VALIDATION_ERROR, WEIGHT_NORM,
};
use super::upload_rows;
use crate::data::{Cases, Part, Preprocessing};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::ais::{AisConfig, Temperatures, ais};
use crate::evaluation::scores;
use crate::evaluation::spectrum::{effective_rank, singular_values};
use crate::jobs::rows::some_that_count;
use crate::models::Rbm;
use crate::models::exact::{enumerated_units, log_partition};
use crate::random::{Draw, stream};
use crate::tensor::Tensor;
use crate::training::{Figures, MOST_EXACT};

/// Cases that the scores look at, of training and of validation data, from all over each.
const SCORED: usize = 500;
/// Scores may cost this part of the training at most, by counts of matrix products; else they come only
/// every few epochs.
const SCORE_SHARE: f64 = 0.05;
/// Passes through W that a singular value costs, on the host.
const SPECTRUM: f64 = 125.0;
/// Temperature steps and chains of the likelihoods during training.
const ANNEALING: [usize; 2] = [1000, 100];

/// A few cases on the device, for the scores of each epoch.
pub struct Probe {
    device: Device,
    preprocessing: Preprocessing,
    seed: u64,
    train: Tensor,
    /// How much each of these counts, if they differ; and each of `validation`.
    train_weights: Option<Vec<f32>>,
    validation_weights: Option<Vec<f32>>,
    /// The means of the training cases.
    pub train_means: Vec<f32>,
    validation: Option<Tensor>,
    /// Whether the scored cases are 0 or 1.
    binary: bool,
    /// Whether a likelihood means anything.
    likely: bool,
}

impl Probe {
    /// Takes some cases of each part.
    pub fn new(device: &Device, seed: u64, prepared: &Prepared) -> Result<Self> {
        let treated = |cases: &Cases, part| {
            prepared.preprocessing.apply_for_evaluation(cases.clone(), seed, part)
        };
        let train = treated(&prepared.train, Part::Train)?;
        let first = |cases: &Cases| some_that_count(cases, SCORED);
        let head = |cases: &Cases| upload_rows(device, &first(cases)?, 0, SCORED);
        let weights = |cases: &Cases| Ok::<_, Error>(first(cases)?.weights());
        let held_out = prepared.validation.as_ref();
        let validation = held_out.map(|cases| treated(cases, Part::Validation)).transpose()?;
        // Of the part that is scored, which need not be as the other.
        let scored = validation.as_ref().unwrap_or(&train);
        let (binary, likely) = (scored.is_binary(), are_states(scored, prepared.visible));
        Ok(Probe {
            device: device.clone(),
            preprocessing: prepared.preprocessing.clone(),
            seed,
            train: head(&train)?,
            train_weights: weights(&train)?,
            validation_weights: validation.as_ref().map(weights).transpose()?.flatten(),
            train_means: train.means(),
            validation: validation.as_ref().map(head).transpose()?,
            binary,
            likely,
        })
    }

    /// What the machine is worth on a few cases.
    ///
    /// # Errors
    /// [`Error::Diverged`] where it no longer reconstructs anything; device errors.
    pub fn scores(&self, rbm: &Rbm, epoch: u64) -> Result<Figures> {
        let validation = self.validation.as_ref();
        let (own, held) = (self.train_weights.as_deref(), self.validation_weights.as_deref());
        let free = |v: &Tensor, weights| {
            Ok::<_, Error>(scores::weighted_mean(&scores::free_energies(rbm, v)?, weights))
        };
        let squared = |v: &Tensor, weights| {
            Ok::<_, Error>(scores::weighted_mean(&scores::reconstruction_errors(rbm, v)?, weights))
        };
        let energies = rbm.hidden().kind().has_energy();
        let gap = match validation.filter(|_| energies) {
            Some(v) => Some(free(v, held)? - free(&self.train, own)?),
            None => None,
        };
        let draw = Draw::new(self.seed, stream::SCORES).at(epoch);
        let error = squared(&self.train, own)?;
        if !error.is_finite() {
            let what = "the reconstruction error".into();
            return Err(Error::Diverged { epoch, step: 0, what, advice: String::new() });
        }
        let validation_error = validation.map(|v| squared(v, held)).transpose()?;
        let pseudo = match self.binary && energies {
            true => {
                let (v, turns) = self.turned();
                let weights = self.scored_weights();
                scores::pseudo_log_likelihood_of(rbm, v, turns, &draw, weights)?
            }
            false => None,
        };
        Ok(Figures::new()
            .with(&ERROR, error)
            .with(&VALIDATION_ERROR, validation_error)
            .with(&PSEUDO_LIKELIHOOD, pseudo.map(|p| p.mean))
            .with(&PSEUDO_LIKELIHOOD_ERROR, pseudo.and_then(|p| p.std_error))
            .with(&GAP, gap)
            .with(&WEIGHT_NORM, scores::weight_norm(rbm)?)
            .with(&ACTIVITY, scores::mean(&scores::hidden_activity_of(rbm, &self.train, own)?)))
    }

    /// Whether the cases that are scored are states of the units, so that they have a likelihood.
    pub fn has_likelihood(&self) -> bool {
        self.likely
    }

    /// Every how many epochs the scores are worth their time. Both sides count passes of a case through
    /// W: an update has 2k + 3 a case; the scores of training cases have 4, those of validation cases 3,
    /// and the pseudo-likelihood has 1 and one for each unit that it turns.
    pub fn interval(&self, cases: usize, gibbs_steps: u64) -> u64 {
        let pseudo = match (self.binary, self.turned()) {
            (true, (v, turns)) => (1 + turns) * v.shape().dims()[0],
            _ => 0,
        };
        let scores = (self.other_passes() + pseudo) as f64;
        let epoch = cases as f64 * (2.0 * gibbs_steps as f64 + 3.0);
        (scores / (SCORE_SHARE * epoch.max(1.0))).ceil().max(1.0) as u64
    }

    /// The singular values of the weights.
    ///
    /// # Errors
    /// As [`singular_values`].
    pub fn spectrum(rbm: &Rbm) -> Result<Figures> {
        let values = singular_values(rbm.weights())?;
        let figures = SINGULAR_VALUES
            .iter()
            .zip(&values)
            .fold(Figures::new(), |figures, (figure, &value)| figures.with(figure, value));
        Ok(figures.with(&EFFECTIVE_RANK, effective_rank(&values)))
    }

    /// Every how many epochs they are worth their time, as [`Probe::interval`]: they cost some
    /// [`SPECTRUM`] · min(I, J) passes.
    pub fn spectrum_interval(rbm: &Rbm, cases: usize, gibbs_steps: u64) -> u64 {
        let passes = SPECTRUM * rbm.visible_count().min(rbm.hidden_count()) as f64;
        let epoch = cases as f64 * (2.0 * gibbs_steps as f64 + 3.0);
        (passes / (SCORE_SHARE * epoch.max(1.0))).ceil().max(1.0) as u64
    }

    /// What the scores but for the pseudo-likelihood cost.
    fn other_passes(&self) -> usize {
        let rows = |t: &Tensor| t.shape().dims()[0];
        4 * rows(&self.train) + 3 * self.validation.as_ref().map_or(0, rows)
    }

    /// The cases of the pseudo-likelihood, and how many units of each are turned: for half of what the other scores
    /// cost.
    fn turned(&self) -> (&Tensor, usize) {
        let v = self.validation.as_ref().unwrap_or(&self.train);
        let [cases, visible] = [0, 1].map(|axis| v.shape().dims()[axis]);
        (v, scores::affordable_turns(self.other_passes() / 2, cases, visible))
    }

    /// The weights of the cases of likelihoods.
    fn scored_weights(&self) -> Option<&[f32]> {
        match self.validation {
            Some(_) => self.validation_weights.as_deref(),
            None => self.train_weights.as_deref(),
        }
    }

    /// The reconstruction error over all of some cases.
    pub fn error(&self, rbm: &Rbm, cases: &Cases, part: Part) -> Result<f64> {
        let cases = self.preprocessing.apply_for_evaluation(cases.clone(), self.seed, part)?;
        let mut sum = 0.0;
        for first in (0..cases.len()).step_by(SCORED) {
            let v = upload_rows(&self.device, &cases, first, SCORED)?;
            sum += scores::reconstruction_error(rbm, &v)? * v.shape().dims()[0] as f64;
        }
        Ok(sum / cases.len().max(1) as f64)
    }

    /// The mean log-likelihood; nothing for data that are not 0 or 1 under Bernoulli units.
    pub fn likelihood(&self, rbm: &Rbm, epoch: u64) -> Result<Figures> {
        if !self.likely {
            return Ok(Figures::new());
        }
        let (log_partition, error) = if enumerated_units(rbm) <= MOST_EXACT {
            (log_partition(rbm)?, 0.0)
        } else {
            let [steps, chains] = ANNEALING;
            let config = AisConfig::new(rbm.visible().bias_of_means(&self.train_means))
                .temperatures(Temperatures::linear(steps)?)
                .chains(chains)
                // Not those of another epoch.
                .seed(self.seed ^ (epoch << 32));
            let estimate = ais(rbm, &config, |_| ())?;
            (estimate.log_partition, estimate.std_error)
        };
        let cases = self.validation.as_ref().unwrap_or(&self.train);
        let energies = scores::free_energies(rbm, cases)?;
        let likelihood = -scores::weighted_mean(&energies, self.scored_weights()) - log_partition;
        Ok(Figures::new()
            .with(&LOG_PARTITION, log_partition)
            .with(&LOG_PARTITION_ERROR, error)
            .with(&LOG_LIKELIHOOD, likelihood))
    }
}
