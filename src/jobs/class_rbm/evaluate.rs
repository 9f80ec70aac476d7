//! How good a classification machine is: its classes, its free energies and, where ln Z is asked for, its likelihoods.

use std::path::Path;

use serde::Serialize;

use super::trained::TrainedClassRbm;
use crate::data::{Cases, ColumnMeans, Values};
use crate::device::DeviceInfo;
use crate::error::{Error, Result};
use crate::jobs::network::Outcome;
use crate::jobs::pieces::Places;
use crate::jobs::rbm::{EvaluationConfig, LogPartition, Progress, Seen, partition};
use crate::jobs::rows::map_rows;
use crate::jobs::stack::Measured;
use crate::jobs::{CaseScores, Choice, Pieces};
use crate::models::labels;

/// What was found; as JSON what `eval --json` prints and a run's `eval.json` holds. What does not apply is null.
/// Logarithms are natural.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// The share of cases that p(y | x) classifies wrongly, in [0, 1].
    pub error: f64,
    /// How many.
    pub wrong: u64,
    /// The mean of −ln p(y | x), exactly.
    pub loss: f64,
    /// The mean of F(x), with the class summed out; ln p(x) = −F(x) − ln Z.
    pub mean_free_energy: f64,
    /// Over the cases.
    pub mean_free_energy_std_error: Option<f64>,
    /// x → p(h | x) → the mean of x: squared, summed over the values, the mean over the cases.
    pub reconstruction_error: f64,
    /// ln Z of cases and classes; null where it is not asked for.
    #[serde(flatten, serialize_with = "LogPartition::or_null")]
    pub log_partition: Option<LogPartition>,
    /// Whether both directions agree within their errors; null where ln Z is exact.
    pub trusted: Option<bool>,
    /// The mean of ln p(x), nats per case; null without ln Z, and for data that are not 0 or 1.
    pub mean_log_likelihood: Option<f64>,
    /// The mean of ln p(x, y).
    pub mean_joint_log_likelihood: Option<f64>,
    /// How many cases.
    pub cases: usize,
    /// What they are of.
    pub data: String,
    /// `train` or `test`.
    pub split: &'static str,
    /// Of all draws.
    pub seed: u64,
    /// That it took, without reading the data.
    pub seconds: f64,
    /// On what.
    pub device: DeviceInfo,
    /// The version.
    pub harmonium: &'static str,
    /// What was found of each case: `log_likelihood` of cases alone, with ln Z, `free_energy`, `loss`, `reconstruction_error`.
    #[serde(skip)]
    pub each_case: CaseScores,
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

/// An evaluation, with what the machine says of the cases.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluated {
    /// The figures.
    pub evaluation: Evaluation,
    /// What it takes for what.
    pub outcome: Outcome,
}

impl TrainedClassRbm {
    /// Scores the machine on some cases, or on those of the data that it was trained on; with `likelihood`, which says
    /// how ln Z is found, its likelihoods too. `progress` is called while it is annealed.
    ///
    /// # Errors
    /// As [`TrainedClassRbm::cases`]; [`Error::Data`] where there are no labels; as for machines
    /// ([`TrainedRbm::evaluate`](crate::jobs::TrainedRbm::evaluate)).
    pub fn evaluate(
        &self,
        choice: &Choice<'_>,
        config: &EvaluationConfig,
        likelihood: bool,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Evaluated> {
        let pieces = self.pieces(choice)?;
        let machine = &self.machine;
        let mut measured = Measured::new(machine.device(), &self.origin.classes, config.seed);
        let (mut energies, mut means, mut binary) = (Vec::new(), ColumnMeans::default(), true);
        pieces.each(&mut |piece| {
            let cases = &piece.cases;
            if piece.labels.is_none() {
                let detail =
                    "has no labels, so nothing can be scored; `harmonium predict` needs none";
                return Err(Error::data(&piece.data, detail));
            }
            let own = map_rows(machine.device(), cases, |x| machine.free_energy(x))?;
            energies.extend(own.into_iter().map(f64::from));
            binary &= cases.is_binary();
            if likelihood {
                means.add(&self.joined(cases)?);
            }
            let predict = |cases: &Cases, labels: &[u32]| self.predict(cases, Some(labels));
            measured.add(piece, &|x| machine.reconstruct(x), &predict)
        })?;
        let (free, free_error) = measured.mean(&energies);
        let z = match likelihood {
            true => {
                let joined = Joined { model: self, pieces: &pieces };
                let means = means.means();
                let seen = Some(Seen { cases: &joined, means: &means, samples: None });
                Some(partition(machine.joint(), config, seen, progress)?)
            }
            false => None,
        };
        let log_partition = z.as_ref().filter(|_| binary).map(|z| z.log_partition);
        let likelihood = log_partition.map(|z| -free - z);
        let likelihoods = log_partition.map(|z| energies.iter().map(|free| -free - z).collect());
        let each = CaseScores::new(pieces.files())
            .with("log_likelihood", likelihoods)
            .with("free_energy", Some(energies));
        let (start, reconstruction_error) = (measured.start, measured.reconstruction_error());
        let each_case = measured.each_case(each);
        let Some(outcome) = measured.into_outcome() else {
            return Err(Error::data(pieces.data(), "there is no case; nothing can be scored"));
        };
        let score = outcome.score()?;
        let evaluation = Evaluation {
            error: score.error,
            wrong: score.wrong,
            loss: score.loss,
            mean_free_energy: free,
            mean_free_energy_std_error: free_error,
            reconstruction_error,
            log_partition: z.as_ref().map(LogPartition::of),
            trusted: z.as_ref().and_then(|z| z.trusted()),
            mean_log_likelihood: likelihood,
            // ln p(x, y) = ln p(x) + ln p(y|x).
            mean_joint_log_likelihood: likelihood.map(|l| l - score.loss),
            cases: pieces.cases(),
            split: pieces.part_name(),
            data: pieces.data().into(),
            seed: config.seed,
            seconds: start.elapsed().as_secs_f64(),
            device: machine.device().info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
            each_case,
            notices: pieces.notices().to_vec(),
        };
        Ok(Evaluated { evaluation, outcome })
    }

    /// Cases with their classes' probabilities behind them, as annealing begins with.
    fn joined(&self, cases: &Cases) -> Result<Cases> {
        let machine = &self.machine;
        let values = map_rows(machine.device(), cases, |x| {
            labels::join(x, &machine.joint().class_probabilities(x)?)
        })?;
        Cases::instead_of(cases, Values::F32(values), machine.joint().visible_count())
    }

    /// Writes confusion matrix and worst mistakes into a folder.
    ///
    /// # Errors
    /// As [`Outcome::save`].
    pub fn pictures(&self, evaluated: &Evaluated, folder: &Path) -> Result<()> {
        evaluated.outcome.save(folder, &self.shown())
    }
}

/// The same of cases that are chosen by their places.
struct Joined<'a> {
    model: &'a TrainedClassRbm,
    pieces: &'a Pieces<'a>,
}

impl Places for Joined<'_> {
    fn places(&self) -> usize {
        self.pieces.cases()
    }

    fn take(&self, places: &[u32]) -> Result<Cases> {
        self.model.joined(&self.pieces.take(places)?)
    }
}
