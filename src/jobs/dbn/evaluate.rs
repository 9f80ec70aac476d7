//! How good a deep belief net is: the lower bound of its likelihood, its reconstructions, and its classes.

use serde::Serialize;

use super::trained::TrainedDbn;
use crate::data::{Cases, Values};
use crate::error::{Error, Result};
use crate::evaluation::bound::lower_bound;
use crate::jobs::network::Shown;
use crate::jobs::pieces::Places;
use crate::jobs::rbm::{EvaluationConfig, Progress, Rungs, Seen, climb, partition};
use crate::jobs::rows::{map_rows, numbers};
use crate::jobs::stack::{Bounded, Evaluated, Measured, Scored};
use crate::jobs::{CaseScores, Choice, Chosen, Pieces};
use crate::models::{Ladder, UnitKind, labels};
use crate::random::{Draw, stream};

/// Samples of the hidden units that the bound of a case takes.
const SAMPLES: usize = 10;
/// Cases whose states tell what the top sees.
const SEEN: usize = 5000;
/// Steps of the draws that are left to the bound's samples.
const STATES: u64 = 1 << 20;

/// What was found; as JSON what `eval --json` prints and a run's `eval.json` holds. What does not apply is null.
/// Logarithms are natural.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Evaluation {
    /// ln Z and the bound.
    #[serde(flatten)]
    pub bounded: Bounded,
    /// The rest.
    #[serde(flatten)]
    pub scored: Scored,
}

impl TrainedDbn {
    /// Scores the net on some cases, or on those of the data that it was trained on. `progress` is called while its top
    /// is annealed.
    ///
    /// # Errors
    /// As [`TrainedDbn::cases`], and as for machines ([`TrainedRbm::evaluate`](crate::jobs::TrainedRbm::evaluate)).
    pub fn evaluate(
        &self,
        choice: &Choice<'_>,
        config: &EvaluationConfig,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Evaluated<Evaluation>> {
        let pieces = self.pieces(choice)?;
        let net = &self.net;
        let mut measured = Measured::new(net.device(), &self.origin.classes, config.seed);
        measured.standardized = self.standardized();
        let states = self.top_states(&pieces, config.seed)?;
        let means = states.means();
        let climbed = match config.ladder {
            Some(rungs) => Some(climb(&self.ladder(rungs, &means)?, config, progress)?),
            None => None,
        };
        let samples = climbed.as_ref().map(|(_, samples)| samples);
        let seen = Some(Seen { cases: &states, means: &means, samples });
        let z = partition(net.top(), config, seen, progress)?;
        let (mut bounded, mut bounds) = (true, Vec::new());
        let mut of = |piece: &Chosen, first| {
            let cases = &piece.cases;
            if net.units(0).kind() == UnitKind::Bernoulli && !cases.is_binary() {
                return Ok(Vec::new());
            }
            let own = self.bound((cases, first), z.log_partition, config.seed)?;
            Ok(bytemuck::cast_slice(&own).to_vec())
        };
        pieces.by_turns(&config.ranks, &mut of, &mut |mut found| {
            bounded &= !found.bytes.is_empty();
            bounds.extend(bytemuck::pod_collect_to_vec::<u8, f64>(&found.bytes));
            let predict = |cases: &Cases, labels: &[u32]| self.predict(cases, Some(labels));
            measured.add(&*found.piece()?, &|v| net.reconstruct(v), &predict)
        })?;
        let bounds = bounded.then_some(bounds);
        let mut bounded = Bounded::of(&z, bounds.as_ref().map(|bounds| measured.mean(bounds)));
        if let Some((climb, _)) = &climbed {
            bounded = bounded.climbed(climb.into());
        }
        let each = CaseScores::new(pieces.files()).with("log_likelihood_bound", bounds);
        Evaluated::of(&pieces, measured, each, |scored| Evaluation { bounded, scored })
    }

    /// Machines that end at the top, by inverse temperature; the lowest has the means that the top sees.
    fn ladder(&self, rungs: Rungs, means: &[f32]) -> Result<Ladder> {
        let Rungs::Tempered(count) = rungs else {
            let detail = "a deep belief net keeps no machines of its training; name a number of rungs for its top, such \
                          as --ladder 100";
            return Err(Error::setting("ladder", detail));
        };
        let top = self.net.top();
        Ladder::tempered(top, &top.visible().bias_of_means(means), count)
    }

    /// What the top's visible units are for some of the cases: samples of the layers below.
    fn top_states(&self, pieces: &Pieces<'_>, seed: u64) -> Result<Cases> {
        let (net, below) = (&self.net, self.net.levels().len() - 1);
        let first: Vec<u32> = (0..SEEN.min(pieces.cases()) as u32).collect();
        let cases = pieces.take(&first)?;
        let draw = Draw::new(seed, stream::EVALUATION).at(STATES);
        let values = map_rows(net.device(), &cases, |v| {
            let h = net.up(v, below, &draw)?;
            match net.classes() {
                None => Ok(h),
                Some(_) => labels::join(&h, &net.top().class_probabilities(&h)?),
            }
        })?;
        Cases::instead_of(&cases, Values::F32(values), net.top().visible_count())
    }

    /// The lower bound of ln p of each case; `before` come before them.
    fn bound(
        &self,
        (cases, before): (&Cases, usize),
        log_partition: f64,
        seed: u64,
    ) -> Result<Vec<f64>> {
        let draw = Draw::new(seed, stream::EVALUATION);
        numbers(self.net.device(), cases, |v, first| {
            let own = draw.from_case((before + first) as u32);
            Ok(lower_bound(&self.net, v, log_partition, SAMPLES, &own)?.cases)
        })
    }

    /// How its cases are shown.
    pub fn shown(&self) -> Shown<'_> {
        let image = self.image_shape().unwrap_or((1, self.net.visible_count()));
        let origin = &self.origin;
        Shown { image, classes: &origin.classes, preprocessing: &origin.preprocessing }
    }
}
