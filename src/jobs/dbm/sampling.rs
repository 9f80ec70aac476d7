//! Samples of a deep Boltzmann machine.

use crate::error::Result;
use crate::jobs::rbm::{Held, Keep, Watch, ends};
use crate::jobs::rows::ROWS;
use crate::models::{DeepBoltzmannMachine, DeepChains};
use crate::random::{ChainDraw, ChainStreams};

/// Chains that run freely, every unit starting by its own bias.
#[derive(Debug, Clone, Copy)]
pub struct DeepSampling<'a> {
    /// How many.
    pub count: usize,
    /// Sweeps of each.
    pub steps: u64,
    /// Of the starts and of all draws.
    pub draw: ChainDraw,
    /// What of the data's units is wanted; without a sweep there are states alone.
    pub keep: Keep,
    /// Of the data's units those that are held all the time.
    pub held: Option<&'a Held>,
    /// Who is told meanwhile how far they have come.
    pub watch: Watch<'a>,
}

impl DeepSampling<'_> {
    /// Means, as pictures show them.
    pub fn pictures(count: usize, steps: u64, seed: u64) -> Self {
        let draw = ChainDraw::new(seed, ChainStreams::PICTURES);
        let (keep, watch) = (Keep::Means, Watch::default());
        DeepSampling { count, steps, draw, keep, held: None, watch }
    }
}

/// Runs chains to their ends, `[count, I]`.
///
/// # Errors
/// Device errors.
pub fn run_chains(dbm: &DeepBoltzmannMachine, sampling: &DeepSampling<'_>) -> Result<Vec<f32>> {
    let DeepSampling { count, draw, .. } = *sampling;
    let mut kept = Vec::new();
    for first in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - first);
        let mut chains = DeepChains::start(dbm, rows, draw.from_chain(first as u32))?;
        if let Some(held) = sampling.held {
            let of = (dbm.units(0), dbm.device());
            chains = chains.clamped(held.clamp(of, [first, rows])?)?;
        }
        kept.extend(ends!(chains, sampling)?);
    }
    Ok(kept)
}
