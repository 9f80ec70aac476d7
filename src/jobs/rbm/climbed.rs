//! What evaluations tell of a ladder.

use std::path::Path;

use serde::Serialize;

use super::ladder;
use crate::error::Result;
use crate::evaluation::ladder::Climb;
use crate::run::LADDER_PICTURE;
use crate::run::curves::write_svg;

/// ln Z by climbing a ladder; all null where none was asked for.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct Climbed {
    /// ln Z; as JSON `log_partition_ladder`.
    #[serde(rename = "log_partition_ladder")]
    pub log_partition: Option<f64>,
    /// Its standard error, between independent chains; as JSON `log_partition_ladder_std_error`.
    #[serde(rename = "log_partition_ladder_std_error")]
    pub std_error: Option<f64>,
    /// In which it lies with 95 %; as JSON `log_partition_ladder_interval`.
    #[serde(rename = "log_partition_ladder_interval")]
    pub interval: Option<[f64; 2]>,
    /// ln Z of each rung; as JSON `ladder_log_partitions`.
    #[serde(rename = "ladder_log_partitions")]
    pub rungs: Option<Vec<f64>>,
    /// How often each pair of neighbours exchanged, of the times it tried; as JSON `ladder_acceptance`.
    #[serde(rename = "ladder_acceptance")]
    pub acceptance: Option<Vec<f64>>,
    /// Ways of states from the bottom to the top and back; as JSON `ladder_round_trips`.
    #[serde(rename = "ladder_round_trips")]
    pub round_trips: Option<u64>,
    /// Rounds that one takes on average; null where there was none; as JSON `ladder_rounds_per_trip`.
    #[serde(rename = "ladder_rounds_per_trip")]
    pub rounds_per_trip: Option<f64>,
}

impl From<&Climb> for Climbed {
    fn from(climb: &Climb) -> Self {
        Climbed {
            log_partition: Some(climb.log_partition),
            std_error: Some(climb.std_error),
            interval: Some(climb.interval),
            rungs: Some(climb.rungs.clone()),
            acceptance: Some(climb.swaps.acceptance.clone()),
            round_trips: Some(climb.swaps.round_trips),
            rounds_per_trip: Some(climb.swaps.rounds_per_trip).filter(|n| n.is_finite()),
        }
    }
}

impl Climbed {
    /// Draws how often neighbours exchange, and ln Z of each rung, into a folder, where a ladder was climbed.
    ///
    /// # Errors
    /// [`Error::Io`](crate::Error::Io); where it cannot be drawn.
    pub fn draw(&self, folder: &Path) -> Result<()> {
        match (&self.acceptance, &self.rungs) {
            (Some(acceptance), Some(rungs)) => {
                write_svg(folder.join(LADDER_PICTURE), &ladder::panels(acceptance, rungs))
            }
            _ => Ok(()),
        }
    }
}
