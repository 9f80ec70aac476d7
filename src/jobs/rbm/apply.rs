//! What a trained machine does: free-running chains, hidden means, reconstructions.

use super::trained::TrainedRbm;
use crate::data::Cases;
use crate::error::{Error, Result};
use crate::jobs::rows::{ROWS, Reconstruction, map_rows};
use crate::models::{Chains, Rbm};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

/// What of the chains' ends is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The states.
    States,
    /// The means of which the states were drawn.
    Means,
}

/// Free-running Gibbs chains.
#[derive(Debug, Clone, Copy)]
pub struct Sampling<'a> {
    /// How many chains.
    pub count: usize,
    /// How many steps of each.
    pub steps: u64,
    /// Of the starts and of all draws.
    pub draw: ChainDraw,
    /// The starts `[count, I]`; else each visible unit is drawn by its bias.
    pub init: Option<&'a [f32]>,
    /// What is wanted of their ends. Without a step there are states alone.
    pub keep: Keep,
}

impl Sampling<'_> {
    /// The means of chains from the biases' marginal, as pictures show them.
    pub fn pictures(count: usize, steps: u64, seed: u64) -> Self {
        let draw = ChainDraw::new(seed, ChainStreams::PICTURES);
        Sampling { count, steps, draw, init: None, keep: Keep::Means }
    }
}

/// Runs chains to their ends, `[count, I]`.
///
/// # Errors
/// [`Error::Data`] where so many do not fit in memory, or the starts are not as many; device errors.
pub fn run_chains(rbm: &Rbm, sampling: &Sampling<'_>) -> Result<Vec<f32>> {
    let &Sampling { count, steps, draw, init, keep } = sampling;
    let (device, width) = (rbm.device(), rbm.visible_count());
    let mut kept = room(count, width)?;
    if let Some(init) = init.filter(|init| init.len() != count * width) {
        let detail = format!("{} values, expected {count} rows of {width}", init.len());
        return Err(Error::data("starts", detail));
    }
    for first in (0..count).step_by(ROWS) {
        let rows = ROWS.min(count - first);
        let draw = draw.from_chain(first as u32);
        let mut chains = match init {
            Some(init) => {
                let span = first * width..(first + rows) * width;
                let v = Tensor::from_f32(device, &[rows, width], &init[span])?;
                Chains::from_states(rbm, v, draw)?
            }
            None => Chains::start(rbm, rows, draw)?,
        };
        chains.step(steps)?;
        // Before the first step there are no means.
        kept.extend(match keep {
            Keep::Means if steps > 0 => chains.means()?.to_vec()?,
            _ => chains.visible().to_vec()?,
        });
    }
    Ok(kept)
}

/// An empty array with room for `count` rows.
fn room(count: usize, width: usize) -> Result<Vec<f32>> {
    let mut values = Vec::new();
    let whole = count.checked_mul(width);
    match whole.is_some_and(|n| values.try_reserve_exact(n).is_ok()) {
        true => Ok(values),
        false => Err(Error::data(
            "result",
            format!("{count} rows of {width} values do not fit in memory; ask for fewer"),
        )),
    }
}

impl TrainedRbm {
    /// Runs chains to their ends, `[count, I]`.
    ///
    /// # Errors
    /// As [`run_chains`].
    pub fn sample(&self, sampling: &Sampling<'_>) -> Result<Vec<f32>> {
        run_chains(&self.rbm, sampling)
    }

    /// p(h|v) of each case, `[cases, J]`.
    ///
    /// # Errors
    /// Device errors.
    pub fn transform(&self, cases: &Cases) -> Result<Vec<f32>> {
        map_rows(self.rbm.device(), cases, |v| self.rbm.mean_h_from_v(v))
    }

    /// v → p(h|v) → the mean of v, without noise.
    ///
    /// # Errors
    /// Device errors.
    pub fn reconstruct(&self, cases: &Cases) -> Result<Reconstruction> {
        Reconstruction::of(self.rbm.device(), cases, |v| self.rbm.reconstruct(v))
    }
}
