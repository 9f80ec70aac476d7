//! What evaluations of deep models say: ln Z and the bound that it gives, reconstructions and classes.

use std::path::Path;
use web_time::Instant;

use serde::Serialize;

use crate::device::{Device, DeviceInfo};
use crate::error::Result;
use crate::evaluation::classification::Predictions;
use crate::jobs::Chosen;
use crate::jobs::network::{Labelled, Shown, confusion_and_mistakes};
use crate::jobs::rbm::{LogPartition, Partition};

/// ln Z and a lower bound of the likelihood; logarithms are natural.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Bounded {
    /// ln Z: of a net that of its top.
    #[serde(flatten)]
    pub log_partition: LogPartition,
    /// Whether both directions agree within their errors; null where ln Z is exact.
    pub trusted: Option<bool>,
    /// A lower bound of the mean of ln p(v), nats per case; null for data that are not 0 or 1 under Bernoulli units.
    pub mean_log_likelihood_bound: Option<f64>,
    /// Over the cases; ln Z's own error is not in it.
    pub mean_log_likelihood_bound_std_error: Option<f64>,
    /// With the reverse estimate in the place of ln Z.
    pub mean_log_likelihood_bound_reverse: Option<f64>,
}

impl Bounded {
    /// Of ln Z, and of the bound's mean over the cases with its standard error, where there is one.
    pub(in crate::jobs) fn of(z: &Partition, bound: Option<(f64, f64)>) -> Self {
        let reversed = z.reverse.as_ref().zip(bound);
        Bounded {
            log_partition: LogPartition::of(z),
            trusted: z.trusted(),
            mean_log_likelihood_bound: bound.map(|(mean, _)| mean),
            mean_log_likelihood_bound_std_error: bound.map(|(_, error)| error),
            mean_log_likelihood_bound_reverse: reversed
                .map(|(reverse, (mean, _))| mean + z.log_partition - reverse.log_partition),
        }
    }
}

/// What needs no ln Z, and what it was found on.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Scored {
    /// Up through the layers and down again by means: squared, summed over the values, the mean over the cases.
    pub reconstruction_error: f64,
    /// The share of cases that are classified wrongly, in [0, 1]; null where nothing classifies, and without labels.
    pub error: Option<f64>,
    /// How many.
    pub wrong: Option<u64>,
    /// The mean of −ln p(class | case).
    pub loss: Option<f64>,
    /// How many cases.
    pub cases: usize,
    /// What they are of.
    pub data: String,
    /// `train` or `test`.
    pub split: &'static str,
    /// Whether the numbers are in the standardised space of the training data.
    pub standardized: bool,
    /// Of all draws.
    pub seed: u64,
    /// That it took, without reading the data.
    pub seconds: f64,
    /// On what.
    pub device: DeviceInfo,
    /// The version.
    pub harmonium: &'static str,
    /// What the user should be told of the data.
    #[serde(skip)]
    pub notices: Vec<String>,
}

/// What an evaluation is made with.
pub(in crate::jobs) struct Measured<'a> {
    pub reconstruction_error: f64,
    pub standardized: bool,
    pub seed: u64,
    pub start: Instant,
    pub device: &'a Device,
}

/// An evaluation, with the classes that were found where the model knows classes.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Evaluated<E> {
    /// The figures.
    pub evaluation: E,
    /// The cases with their classes, and what is said of them.
    pub classified: Option<(Labelled, Predictions)>,
}

impl<E> Evaluated<E> {
    /// That of some cases, of whose classes `found` is said.
    pub(in crate::jobs) fn of(
        chosen: Chosen,
        found: Option<Predictions>,
        measured: &Measured<'_>,
        evaluation: impl FnOnce(Scored) -> E,
    ) -> Result<Self> {
        let split = chosen.part_name();
        let Chosen { cases, labels, data, notices, .. } = chosen;
        let count = cases.len();
        let classified =
            found.zip(labels).map(|(found, labels)| (Labelled { cases, labels }, found));
        let score = classified.as_ref().map(|(part, found)| found.score(&part.labels));
        let score = score.transpose()?;
        let scored = Scored {
            reconstruction_error: measured.reconstruction_error,
            error: score.map(|s| s.error),
            wrong: score.map(|s| s.wrong),
            loss: score.map(|s| s.loss),
            cases: count,
            data,
            split,
            standardized: measured.standardized,
            seed: measured.seed,
            seconds: measured.start.elapsed().as_secs_f64(),
            device: measured.device.info().clone(),
            harmonium: env!("CARGO_PKG_VERSION"),
            notices,
        };
        Ok(Evaluated { evaluation: evaluation(scored), classified })
    }

    /// Writes confusion matrix and worst mistakes into a folder, where classes were found; `shown` says how cases are
    /// shown.
    ///
    /// # Errors
    /// As [`confusion_and_mistakes`].
    pub fn pictures(&self, shown: &Shown<'_>, folder: &Path) -> Result<()> {
        match &self.classified {
            Some((part, found)) => confusion_and_mistakes(folder, shown, part, found),
            None => Ok(()),
        }
    }
}
