//! The logarithm of the partition function, exactly.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::models::{Rbm, VisibleKind};

/// The most units of the smaller layer that are enumerated: 2²⁴ states.
pub const MOST_ENUMERATED: usize = 24;

/// Whether [`exact_log_partition`] takes this machine.
pub fn can_enumerate(rbm: &Rbm) -> bool {
    enumerated(rbm).1 <= MOST_ENUMERATED
}

/// Whether the hidden layer is the one that is enumerated, and its size.
fn enumerated(rbm: &Rbm) -> (bool, usize) {
    let (i, j) = (rbm.visible_count(), rbm.hidden_count());
    match rbm.visible() {
        VisibleKind::Bernoulli if i < j => (false, i),
        _ => (true, j),
    }
}

/// ln Z by enumerating the smaller layer (a Gaussian machine: its hidden layer), in f64, in parallel.
///
/// Hidden states: Z = Σ_h exp(aᵀh) Πᵢ (1 + exp(bᵢ + Wᵢ·h)); for Gaussian units
/// Z = (2π)^(I/2) Σ_h exp(aᵀh + bᵀWh + ½‖Wh‖²). Visible states: Z = Σ_v exp(−F(v)). States follow a Gray code, so
/// each costs one row of W.
///
/// ```
/// use harmonium::evaluation::partition::exact_log_partition;
/// use harmonium::models::{Rbm, VisibleKind};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let [w, b, a] = [[3, 2].as_slice(), &[3], &[2]].map(|dims| Tensor::zeros(&device, dims));
/// let rbm = Rbm::from_parts(VisibleKind::Bernoulli, w?, b?, a?)?;
/// // Five fair coins have 2⁵ equally likely states.
/// assert!((exact_log_partition(&rbm)? - 32f64.ln()).abs() < 1e-12);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] past [`MOST_ENUMERATED`] units; device errors while the parameters are read.
pub fn exact_log_partition(rbm: &Rbm) -> Result<f64> {
    let (hidden, units) = enumerated(rbm);
    if units > MOST_ENUMERATED {
        return Err(Error::setting(
            "exact",
            format!(
                "{units} units are too many to enumerate, {MOST_ENUMERATED} is the most; estimate with annealed importance sampling"
            ),
        ));
    }
    let (i, j) = (rbm.visible_count(), rbm.hidden_count());
    let w = rbm.w.to_vec()?;
    let read = |t: &crate::Tensor| -> Result<Vec<f64>> {
        Ok(t.to_vec()?.into_iter().map(f64::from).collect())
    };
    let (b, a) = (read(&rbm.b)?, read(&rbm.a)?);
    // Row k of `rows` is what unit k of the enumerated layer adds to the other layer's field.
    let (rows, own, other): (Vec<f64>, _, _) = if hidden {
        let turned = (0..j).flat_map(|j_| (0..i).map(move |i_| (i_, j_)));
        (turned.map(|(i_, j_)| f64::from(w[i_ * j + j_])).collect(), a, b)
    } else {
        (w.iter().map(|&x| f64::from(x)).collect(), b, a)
    };
    let layer = Layer { rows, own, other, gaussian: rbm.visible() == VisibleKind::Gaussian };
    Ok(layer.log_partition())
}

/// An enumerated layer, and the other one, which is summed out.
struct Layer {
    /// `[enumerated, other]`.
    rows: Vec<f64>,
    own: Vec<f64>,
    other: Vec<f64>,
    gaussian: bool,
}

impl Layer {
    fn log_partition(&self) -> f64 {
        let units = self.own.len();
        // The upper units number the tasks, the lower ones are enumerated within.
        let within = units.min(10);
        let tasks = 0..1u64 << (units - within);
        let parts: Vec<f64> =
            tasks.into_par_iter().map(|task| self.task(task << within, within)).collect();
        let constant = if self.gaussian {
            0.5 * self.other.len() as f64 * (2.0 * std::f64::consts::PI).ln()
        } else {
            0.0
        };
        log_sum_exp(&parts) + constant
    }

    /// ln of the sum over the states whose upper units are those of `state`.
    fn task(&self, state: u64, within: usize) -> f64 {
        let width = self.other.len();
        let mut field = if self.gaussian { vec![0.0; width] } else { self.other.clone() };
        let mut bias = 0.0;
        let toggle = |k: usize, on: bool, field: &mut [f64], bias: &mut f64| {
            let sign = if on { 1.0 } else { -1.0 };
            *bias += sign * self.own[k];
            let row = &self.rows[k * width..(k + 1) * width];
            field.iter_mut().zip(row).for_each(|(f, r)| *f += sign * r);
        };
        for k in 0..self.own.len() {
            if state >> k & 1 == 1 {
                toggle(k, true, &mut field, &mut bias);
            }
        }
        let mut logs = Vec::with_capacity(1 << within);
        logs.push(bias + self.summed_out(&field));
        for step in 1..1u64 << within {
            // The Gray code's step flips the lowest set bit's unit.
            let k = step.trailing_zeros() as usize;
            let on = (step ^ (step >> 1)) >> k & 1 == 1;
            toggle(k, on, &mut field, &mut bias);
            logs.push(bias + self.summed_out(&field));
        }
        log_sum_exp(&logs)
    }

    /// ln of the other layer's sum or integral in this field, the (2π) apart.
    fn summed_out(&self, field: &[f64]) -> f64 {
        if self.gaussian {
            return field.iter().zip(&self.other).map(|(f, b)| f * (b + 0.5 * f)).sum();
        }
        // Σ softplus = Σ max(x, 0) + ln Π (1 + exp(−|x|)): one logarithm for 512 factors, each 2 at most.
        let linear: f64 = field.iter().map(|&x| x.max(0.0)).sum();
        let factors =
            |chunk: &[f64]| chunk.iter().map(|&x| 1.0 + (-x.abs()).exp()).product::<f64>();
        linear + field.chunks(512).map(|chunk| factors(chunk).ln()).sum::<f64>()
    }
}

/// ln Σ exp x; −∞ for nothing.
pub(crate) fn log_sum_exp(x: &[f64]) -> f64 {
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        // All −∞, or something that no sum mends; NaN must not vanish in the maximum.
        return if x.iter().any(|x| x.is_nan()) { f64::NAN } else { largest };
    }
    largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}
