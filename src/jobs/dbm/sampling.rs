//! Samples of a deep Boltzmann machine.

use crate::error::Result;
use crate::jobs::rbm::Keep;
use crate::jobs::rows::ROWS;
use crate::models::{DeepBoltzmannMachine, DeepChains};
use crate::random::{ChainDraw, ChainStreams};

/// Chains that run freely, every unit starting by its own bias.
#[derive(Debug, Clone, Copy)]
pub struct DeepSampling {
    /// How many.
    pub count: usize,
    /// Sweeps of each.
    pub steps: u64,
    /// Of the starts and of all draws.
    pub draw: ChainDraw,
    /// What of the data's units is wanted; without a sweep there are states alone.
    pub keep: Keep,
}

impl DeepSampling {
    /// Means, as pictures show them.
    pub fn pictures(count: usize, steps: u64, seed: u64) -> Self {
        let draw = ChainDraw::new(seed, ChainStreams::PICTURES);
        DeepSampling { count, steps, draw, keep: Keep::Means }
    }
}

/// Runs chains to their ends, `[count, I]`.
///
/// # Errors
/// Device errors.
pub fn run_chains(dbm: &DeepBoltzmannMachine, sampling: &DeepSampling) -> Result<Vec<f32>> {
    let DeepSampling { count, steps, draw, keep } = *sampling;
    let mut kept = Vec::new();
    for first in (0..count).step_by(ROWS) {
        let draw = draw.from_chain(first as u32);
        let mut chains = DeepChains::start(dbm, ROWS.min(count - first), draw)?;
        let averaged = if keep == Keep::Average { steps.div_ceil(2) } else { 0 };
        chains.step(steps - averaged)?;
        kept.extend(match keep {
            Keep::States => chains.visible().to_vec()?,
            // Before the first sweep there are no means.
            _ if steps == 0 => chains.visible().to_vec()?,
            Keep::Means => chains.means()?.to_vec()?,
            Keep::Average => chains.average(averaged)?.to_vec()?,
        });
    }
    Ok(kept)
}
