//! How good a deep belief net is: the lower bound of its likelihood, its reconstructions, and its classes.

use web_time::Instant;

use serde::Serialize;

use super::trained::TrainedDbn;
use crate::data::{Cases, Values};
use crate::error::Result;
use crate::evaluation::bound::lower_bound;
use crate::evaluation::scores::mean_with_error;
use crate::jobs::Choice;
use crate::jobs::network::Shown;
use crate::jobs::rbm::{EvaluationConfig, Progress, Seen, partition};
use crate::jobs::rows::{map_rows, numbers};
use crate::jobs::stack::{Bounded, Evaluated, Measured, Scored};
use crate::models::{UnitKind, labels};
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
        let chosen = self.cases(choice)?;
        let start = Instant::now();
        let (net, cases) = (&self.net, &chosen.cases);
        let states = self.top_states(cases, config.seed)?;
        let means = states.means();
        let seen = Some(Seen { cases: &states, means: &means, samples: None });
        let z = partition(net.top(), config, seen, progress)?;
        let bounded = net.units(0).kind() != UnitKind::Bernoulli || cases.is_binary();
        let bound = if bounded { Some(self.bound(cases, z.log_partition, config)?) } else { None };
        let bound = bound.map(|cases| mean_with_error(&cases));
        let labels = chosen.labels.clone().filter(|_| !self.origin.classes.is_empty());
        let found = labels.map(|labels| self.predict(cases, Some(&labels))).transpose()?;
        let measured = Measured {
            reconstruction_error: Self::error(net, cases)?,
            standardized: self.standardized(),
            seed: config.seed,
            start,
            device: net.device(),
        };
        let bounded = Bounded::of(&z, bound);
        Evaluated::of(chosen, found, &measured, |scored| Evaluation { bounded, scored })
    }

    /// What the top's visible units are for some of the cases: samples of the layers below.
    fn top_states(&self, cases: &Cases, seed: u64) -> Result<Cases> {
        let (net, below) = (&self.net, self.net.levels().len() - 1);
        let cases = cases.clone().limit(SEEN);
        let draw = Draw::new(seed, stream::EVALUATION).at(STATES);
        let values = map_rows(net.device(), &cases, |v| {
            let h = net.up(v, below, &draw)?;
            match net.classes() {
                None => Ok(h),
                Some(_) => labels::join(&h, &net.top().class_probabilities(&h)?),
            }
        })?;
        Cases::new(Values::F32(values), cases.len(), net.top().visible_count())
    }

    /// The lower bound of ln p of each case.
    fn bound(
        &self,
        cases: &Cases,
        log_partition: f64,
        config: &EvaluationConfig,
    ) -> Result<Vec<f64>> {
        let draw = Draw::new(config.seed, stream::EVALUATION);
        numbers(&config.ranks, (self.net.device(), cases), |v, first| {
            let own = draw.from_case(first as u32);
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
