//! What a trained machine does: free-running chains, hidden means, reconstructions.

use super::trained::TrainedRbm;
use crate::data::{Cases, Values};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::{Chains, Rbm};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

/// Cases or chains on the device at once.
pub(super) const ROWS: usize = 4096;

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

/// Cases sent through a machine and back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reconstruction {
    /// The mean of v for each case, `[cases, I]`.
    pub values: Vec<f32>,
    /// Squared, summed over the visible units, the mean over the cases.
    pub error: f64,
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
        self.map_rows(cases, |v| self.rbm.mean_h_from_v(v))
    }

    /// v → p(h|v) → the mean of v, without noise.
    ///
    /// # Errors
    /// Device errors.
    pub fn reconstruct(&self, cases: &Cases) -> Result<Reconstruction> {
        let values = self.map_rows(cases, |v| self.rbm.reconstruct(v))?;
        let originals = cases.to_f32();
        let squares = originals.iter().zip(&values).map(|(a, b)| f64::from(a - b).powi(2));
        let error = squares.sum::<f64>() / cases.len().max(1) as f64;
        Ok(Reconstruction { values, error })
    }

    /// Applies `f` to all cases, some at a time.
    fn map_rows(&self, cases: &Cases, f: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Vec<f32>> {
        let mut out = Vec::new();
        for first in (0..cases.len()).step_by(ROWS) {
            out.extend(f(&upload_rows(self.rbm.device(), cases, first, ROWS)?)?.to_vec()?);
        }
        Ok(out)
    }
}

/// Up to `count` cases from number `first` on, uploaded as f32; none past the last.
///
/// # Errors
/// Device errors.
pub fn upload_rows(device: &Device, cases: &Cases, first: usize, count: usize) -> Result<Tensor> {
    let first = first.min(cases.len());
    let (n, d) = (count.min(cases.len() - first), cases.width());
    let span = first * d..(first + n) * d;
    let values: Vec<f32> = match cases.values() {
        Values::Bits(bits) => bits[span].iter().map(|&b| f32::from(b)).collect(),
        Values::U8 { values, scale } => {
            values[span].iter().map(|&x| f32::from(x) * scale).collect()
        }
        Values::F32(values) => values[span].to_vec(),
    };
    Tensor::from_f32(device, &[n, d], &values)
}
