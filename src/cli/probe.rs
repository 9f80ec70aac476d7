//! What a training run says of the machine while it goes on.

use serde::{Deserialize, Serialize};

use super::config::Settings;
use super::model;
use super::train::Prepared;
use crate::data::{Cases, Part, Preprocessing};
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::ais::{AisConfig, Temperatures, ais};
use crate::evaluation::scores;
use crate::models::exact::{enumerated_units, log_partition};
use crate::models::{Rbm, UnitKind};
use crate::random::{Draw, stream};
use crate::tensor::Tensor;
use crate::training::MOST_EXACT;

/// Cases that the scores look at, of training and of validation data.
const SCORED: usize = 500;
/// Scores may cost this part of the training at most, by counts of matrix products; else they come only
/// every few epochs.
const SCORE_SHARE: f64 = 0.05;
/// Temperature steps and chains of the likelihoods during training.
const ANNEALING: [usize; 2] = [1000, 100];

/// What the machine is worth on a few cases.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub struct Scores {
    /// Squared error summed over the visible units, mean over cases.
    pub reconstruction_error: f64,
    pub validation_reconstruction_error: Option<f64>,
    /// Nats per case, stochastic; none for Gaussian units and for data that are not 0 or 1.
    pub pseudo_log_likelihood: Option<f64>,
    /// For the choice of the units that were turned; 0 where all were.
    #[serde(default)]
    pub pseudo_log_likelihood_std_error: Option<f64>,
    /// Mean F(v) over validation less that over training cases, nats.
    pub free_energy_gap: Option<f64>,
    /// Mean ‖W·j‖ over the hidden units.
    pub weight_norm: f64,
    /// Mean p(h|v) over training cases and hidden units.
    pub hidden_activity: f64,
}

impl Scores {
    /// The pseudo-likelihood with its standard error, if there is one.
    pub fn pseudo_likelihood_text(&self) -> Option<String> {
        let error = self.pseudo_log_likelihood_std_error.filter(|error| *error > 0.0);
        let error = error.map_or(String::new(), |error| format!(" ± {error:.2}"));
        self.pseudo_log_likelihood.map(|pl| format!("{pl:.2}{error}"))
    }
}

/// A likelihood during training.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub struct Likelihood {
    /// ln Z: exact up to 20 units in the smaller layer, else by annealed importance sampling.
    log_partition: f64,
    /// 0 where it is exact.
    log_partition_std_error: f64,
    /// Nats per case, of the held out cases that the scores look at, else of the training cases.
    mean_log_likelihood: f64,
}

/// The line that the progress bar and `--quiet` show.
pub fn score_text(scores: &Scores) -> String {
    match scores.pseudo_likelihood_text() {
        Some(text) => format!("pseudo-likelihood {text} nats"),
        None => format!("reconstruction error {:.3}", scores.reconstruction_error),
    }
}

/// A few cases on the device, for the scores of each epoch.
pub struct Probe {
    device: Device,
    preprocessing: Preprocessing,
    seed: u64,
    train: Tensor,
    pub train_means: Vec<f32>,
    validation: Option<Tensor>,
    /// Whether a likelihood means anything: the scored cases are 0 or 1.
    binary: bool,
}

impl Probe {
    pub fn new(device: &Device, settings: &Settings, prepared: &Prepared) -> Result<Self> {
        let seed = settings.training.seed;
        let treated = |cases: &Cases, part| {
            prepared.preprocessing.apply_for_evaluation(cases.clone(), seed, part)
        };
        let train = treated(&prepared.train, Part::Train)?;
        let head = |cases: &Cases| model::upload_rows(device, cases, 0, SCORED);
        let validation = match &prepared.validation {
            Some(cases) => Some(treated(cases, Part::Validation)?),
            None => None,
        };
        // Of the part that is scored, which need not be as the other.
        let binary = validation.as_ref().unwrap_or(&train).is_binary();
        Ok(Probe {
            device: device.clone(),
            preprocessing: prepared.preprocessing.clone(),
            seed,
            train: head(&train)?,
            train_means: train.means(),
            validation: validation.as_ref().map(head).transpose()?,
            binary,
        })
    }

    pub fn scores(&self, rbm: &Rbm, epoch: u64) -> Result<Scores> {
        let validation = self.validation.as_ref();
        let own = scores::mean_free_energy(rbm, &self.train)?;
        let held_out = validation.map(|v| scores::mean_free_energy(rbm, v)).transpose()?;
        let draw = Draw::new(self.seed, stream::SCORES).at(epoch);
        let pseudo = match self.binary {
            true => {
                let (v, turns) = self.turned();
                scores::pseudo_log_likelihood(rbm, v, turns, &draw)?
            }
            false => None,
        };
        Ok(Scores {
            reconstruction_error: scores::reconstruction_error(rbm, &self.train)?,
            validation_reconstruction_error: validation
                .map(|v| scores::reconstruction_error(rbm, v))
                .transpose()?,
            pseudo_log_likelihood: pseudo.map(|pseudo| pseudo.mean),
            pseudo_log_likelihood_std_error: pseudo.map(|pseudo| pseudo.std_error),
            free_energy_gap: held_out.map(|f| f - own),
            weight_norm: scores::weight_norm(rbm)?,
            hidden_activity: scores::mean(&scores::hidden_activity(rbm, &self.train)?),
        })
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

    /// The reconstruction error over all of some cases.
    pub fn error(&self, rbm: &Rbm, cases: &Cases, part: Part) -> Result<f64> {
        let cases = self.preprocessing.apply_for_evaluation(cases.clone(), self.seed, part)?;
        let mut sum = 0.0;
        for first in (0..cases.len()).step_by(SCORED) {
            let v = model::upload_rows(&self.device, &cases, first, SCORED)?;
            sum += scores::reconstruction_error(rbm, &v)? * v.shape().dims()[0] as f64;
        }
        Ok(sum / cases.len().max(1) as f64)
    }

    /// The mean log-likelihood; none for data that are not 0 or 1 under Bernoulli units.
    pub fn likelihood(&self, rbm: &Rbm, epoch: u64) -> Result<Option<Likelihood>> {
        if rbm.visible().kind() == UnitKind::Bernoulli && !self.binary {
            return Ok(None);
        }
        let (log_partition, log_partition_std_error) = if enumerated_units(rbm) <= MOST_EXACT {
            (log_partition(rbm)?, 0.0)
        } else {
            let [steps, chains] = ANNEALING;
            let config = AisConfig {
                base_bias: rbm.visible().bias_of_means(&self.train_means),
                temperatures: Temperatures::linear(steps)?,
                chains,
                // Not those of another epoch.
                seed: self.seed ^ (epoch << 32),
            };
            let estimate = ais(rbm, &config, |_| ())?;
            (estimate.log_partition, estimate.std_error)
        };
        let cases = self.validation.as_ref().unwrap_or(&self.train);
        let mean_log_likelihood = -scores::mean_free_energy(rbm, cases)? - log_partition;
        Ok(Some(Likelihood { log_partition, log_partition_std_error, mean_log_likelihood }))
    }
}
