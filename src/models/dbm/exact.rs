//! Z and ln p(v) of a small machine, exactly.
//!
//! With s a state of h¹ and g(s) = ln Σ over all layers above of exp(−E), a¹ᵀs among it,
//! Z = Σ_s exp(g(s)) Πᵢ Σ or ∫ over vᵢ, and p(v) = exp(−E(v)) Σ_s exp(g(s) + vᵀW¹s)/Z. So g is found once, by enumerating
//! the layers of odd number and summing out h², and each case costs one pass over it. All in f64.

use rayon::prelude::*;

use super::{DeepBoltzmannMachine, Parity};
use crate::error::{Error, Result};
use crate::models::UnitKind;
use crate::models::enumeration::Enumeration;
use crate::models::sums::log_sum_exp;
use crate::tensor::Tensor;

/// The most units of odd layers that are enumerated: 2²⁴ states.
pub const MOST_ENUMERATED: usize = 24;

/// Units of h¹ whose states stand together.
const TOGETHER: usize = 10;

/// A small machine's sums over its hidden layers.
#[derive(Debug)]
pub struct ExactDbm {
    log_partition: f64,
    /// exp(g − the largest of a block).
    weights: Vec<f64>,
    /// The largest g of each block.
    largest: Vec<f64>,
    w: Vec<f64>,
    b: Vec<f64>,
    visible: UnitKind,
    hidden: usize,
}

/// The units of odd layers, whose states are enumerated.
pub fn enumerated_units(dbm: &DeepBoltzmannMachine) -> usize {
    dbm.layers_of(Parity::Odd).map(|layer| dbm.units(layer).count()).sum()
}

/// Whether [`ExactDbm::new`] takes this machine.
pub fn can_enumerate(dbm: &DeepBoltzmannMachine) -> bool {
    enumerated_units(dbm) <= MOST_ENUMERATED
}

fn read(tensor: &Tensor) -> Result<Vec<f64>> {
    Ok(tensor.to_vec()?.into_iter().map(f64::from).collect())
}

/// A matrix `[rows, columns]` turned round.
fn turned(values: &[f64], columns: usize) -> Vec<f64> {
    (0..columns).flat_map(|c| values.iter().skip(c).step_by(columns.max(1)).copied()).collect()
}

impl ExactDbm {
    /// Enumerates the layers of odd number.
    ///
    /// ```
    /// use harmonium::models::dbm::exact::ExactDbm;
    /// use harmonium::models::{DbmSpec, DeepBoltzmannMachine};
    /// use harmonium::{Device, Tensor};
    /// let device = Device::cpu();
    /// let dbm = DeepBoltzmannMachine::from_spec(&device, &DbmSpec::new([6, 4, 5]), 1)?;
    /// let exact = ExactDbm::new(&dbm)?;
    /// // Nearly fifteen fair coins.
    /// assert!((exact.log_partition() - 15.0 * 2f64.ln()).abs() < 0.01);
    /// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
    /// assert!((exact.log_likelihoods(&v)?[0] - 6.0 * 0.5f64.ln()).abs() < 0.1);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Setting`] past [`MOST_ENUMERATED`] units, [`Error::Data`] where the parameters give nothing finite,
    /// device errors.
    pub fn new(dbm: &DeepBoltzmannMachine) -> Result<Self> {
        let units = enumerated_units(dbm);
        if units > MOST_ENUMERATED {
            let detail = format!(
                "{units} units in the layers of odd number are too many to enumerate, {MOST_ENUMERATED} is the most; \
                 estimate with annealed importance sampling"
            );
            return Err(Error::setting("exact", detail));
        }
        let hidden = dbm.units(1).count();
        let w = read(dbm.weights(1))?;
        let b = read(dbm.bias(0))?;
        // Rows of h¹, then those of h³.
        let (mut rows, mut own) = (read(dbm.weights(2))?, read(dbm.bias(1))?);
        if dbm.hidden_layers() == 3 {
            rows.extend(turned(&read(dbm.weights(3))?, dbm.units(3).count()));
            own.extend(read(dbm.bias(3))?);
        }
        let above = Enumeration::of(rows, own, read(dbm.bias(2))?, dbm.units(2));
        let g = above.table(hidden);
        let below = Enumeration::of(turned(&w, hidden), vec![0.0; hidden], b.clone(), dbm.units(0));
        let joint: Vec<f64> = g.iter().zip(below.table(hidden)).map(|(g, v)| g + v).collect();
        let log_partition = log_sum_exp(&joint);
        if !log_partition.is_finite() {
            let detail = "ln Z is not finite; the machine's parameters are too large or not finite";
            return Err(Error::data("exact", detail));
        }
        let block = 1 << hidden.min(TOGETHER);
        let top = |g: &[f64]| g.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let largest: Vec<f64> = g.chunks(block).map(top).collect();
        let scaled = g.chunks(block).zip(&largest);
        let weights = scaled.flat_map(|(g, top)| g.iter().map(move |g| (g - top).exp())).collect();
        let visible = dbm.units(0).kind();
        Ok(ExactDbm { log_partition, weights, largest, w, b, visible, hidden })
    }

    /// ln Z.
    pub fn log_partition(&self) -> f64 {
        self.log_partition
    }

    /// ln p(v) of each case of `v` `[B, I]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for another width; device errors.
    pub fn log_likelihoods(&self, v: &Tensor) -> Result<Vec<f64>> {
        let width = v.shape().matrix("exact", "v")?[1];
        if width != self.b.len() {
            let detail = format!("v is {}, and the machine has {} values", v.shape(), self.b.len());
            return Err(Error::shape("exact", detail));
        }
        Ok(read(v)?.par_chunks(width).map(|v| self.of_case(v)).collect())
    }

    fn of_case(&self, v: &[f64]) -> f64 {
        let own: f64 = match self.visible {
            UnitKind::Gaussian => {
                -0.5 * v.iter().zip(&self.b).map(|(v, b)| (v - b).powi(2)).sum::<f64>()
            }
            _ => v.iter().zip(&self.b).map(|(v, b)| v * b).sum(),
        };
        let mut inputs = vec![0.0; self.hidden];
        for (v, row) in v.iter().zip(self.w.chunks(self.hidden)) {
            inputs.iter_mut().zip(row).for_each(|(x, w)| *x += v * w);
        }
        // Relative to the best state of the block's own units, so that nothing overflows.
        let within = self.hidden.min(TOGETHER);
        let (near, far) = inputs.split_at(within);
        let best: f64 = near.iter().map(|x| x.max(0.0)).sum();
        let mut factors = vec![1.0];
        for x in near {
            let (off, on) = ((-x.max(0.0)).exp(), x.min(0.0).exp());
            let with_unit: Vec<f64> = factors.iter().map(|f| f * on).collect();
            factors.iter_mut().for_each(|f| *f *= off);
            factors.extend(with_unit);
        }
        let bits = |block: usize| {
            far.iter().enumerate().filter(move |(bit, _)| block >> bit & 1 == 1).map(|(_, x)| x)
        };
        let blocks = self.weights.chunks(factors.len()).zip(&self.largest).enumerate();
        let logs: Vec<f64> = blocks
            .map(|(block, (weights, largest))| {
                let sum: f64 = weights.iter().zip(&factors).map(|(w, f)| w * f).sum();
                sum.ln() + best + largest + bits(block).sum::<f64>()
            })
            .collect();
        own + log_sum_exp(&logs) - self.log_partition
    }
}
