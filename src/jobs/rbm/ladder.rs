//! Ladders of trained machines: those that a training kept, and tempered ones; ln Z by climbing one.

use std::path::Path;

use super::config::{EvaluationConfig, Rungs};
use super::partition::Progress;
use super::settings::RbmSettings;
use super::trained::TrainedRbm;
use crate::error::{Error, Result};
use crate::evaluation::ladder::{Climb, climb_and_sample};
use crate::models::{Ladder, Rbm};
use crate::run::curves::{Along, Panel, Series};
use crate::run::{LADDER, ladder_file};
use crate::tensor::Tensor;
use crate::training::SWAP_ACCEPTANCE;

/// Below this share of exchanges a training's ladder is told to have been of no use.
const PASSABLE: f64 = 0.02;

/// What to do about a ladder of whose neighbours the two that exchange least do so in this share of the tries.
pub(super) fn advice(settings: &RbmSettings, least: Option<f64>) -> Option<String> {
    let least = least.filter(|&share| share < PASSABLE)?;
    let remedy = match settings.pt {
        Some(rungs) => format!("use more rungs than --pt {rungs}"),
        // Chains lag behind a machine that momentum or a high rate carries along.
        None => "the machine moved on faster than its chains: use a smaller --learning-rate, such as 0.1..0.001, and \
                 --momentum 0"
            .into(),
    };
    let share = SWAP_ACCEPTANCE.text(least);
    Some(format!(
        "two neighbours of the ladder exchange {share} of the times, so chains do not pass it; {remedy}"
    ))
}

impl TrainedRbm {
    /// A ladder that ends at this machine: the one that lies beside its file, or a tempered one, whose base has the bias
    /// of the means `seen`, else the [resting bias](Rbm::resting_bias).
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::File`] and [`Error::Run`] where there is no ladder of this machine; as [`Ladder::new`].
    pub fn ladder(&self, rungs: Rungs, means: Option<&[f32]>) -> Result<Ladder> {
        let Rungs::Tempered(count) = rungs else { return self.trajectory() };
        let base = match means {
            Some(means) => self.rbm.visible().bias_of_means(means),
            None => self.rbm.resting_bias()?,
        };
        Ladder::tempered(&self.rbm, &base, count)
    }

    fn trajectory(&self) -> Result<Ladder> {
        let path = self.path().parent().unwrap_or(Path::new("")).join(LADDER);
        if !path.exists() {
            let detail = format!(
                "there is no {}; train with --trajectory, or temper the machine: --pt R of sample, --ladder R of eval",
                path.display()
            );
            return Err(Error::run("ladder", detail));
        }
        let ladder = ladder_file::load(&path, self.rbm.device())?;
        let parts = |rbm: &Rbm| -> Result<[Vec<f32>; 3]> {
            Ok([rbm.weights().to_vec()?, rbm.visible_bias().to_vec()?, rbm.hidden_bias().to_vec()?])
        };
        let top = ladder.rungs().last().map(parts).transpose()?;
        if top != Some(parts(&self.rbm)?) {
            let detail = format!(
                "{} ends at another machine than {}; keep the two of one training together",
                path.display(),
                self.path().display()
            );
            return Err(Error::run("ladder", detail));
        }
        Ok(ladder)
    }
}

/// ln Z by climbing a ladder, and samples of the machine at its top.
pub(in crate::jobs) fn climb(
    ladder: &Ladder,
    config: &EvaluationConfig,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Climb, Tensor)> {
    let climbing = config.climbing.clone().seed(config.seed).ranks(config.ranks.clone());
    let of = climbing.burn_in + climbing.rounds;
    let what = "climbing the ladder";
    progress(Progress { what, done: 0, of });
    climb_and_sample(ladder, &climbing, |done| progress(Progress { what, done, of }))
}

/// Neighbours of a finished ladder exchange this often at least.
const LEAST: f64 = 0.25;

/// Writes the machines that a training kept, with the last one above them, and what neighbours that exchange too seldom
/// lack between them: how many they are.
pub(super) fn save(folder: &Path, trajectory: &[Rbm], top: &Rbm, seed: u64) -> Result<usize> {
    let rungs = trajectory.iter().chain([top]).map(Rbm::try_clone).collect::<Result<_>>()?;
    let ladder = Ladder::new(rungs)?.refined(LEAST, seed)?;
    ladder_file::save(&folder.join(LADDER), ladder.rungs())?;
    Ok(ladder.rungs().len())
}

/// How often neighbours exchange, and ln Z of each rung, as diagrams.
pub(super) fn panels(acceptance: &[f64], log_partitions: &[f64]) -> [Panel; 2] {
    let along = "rung, from independent units to the machine";
    let panel = |title: &str, y_label: &str, name: &str, (values, at): (&[f64], f64)| {
        let points = values.iter().enumerate().map(|(k, &y)| (k as f64 + at, y)).collect();
        let series = vec![Series { name: name.into(), points }];
        Panel {
            title: title.into(),
            x: Along::Other(along.into()),
            y_label: y_label.into(),
            series,
        }
    };
    let exchanges = (acceptance, 0.5);
    [
        panel("Exchanges of neighbours", "share of those tried", "exchanges", exchanges),
        panel("log Z", "nats", "log Z", (log_partitions, 0.0)),
    ]
}
