//! A small machine's partition function and expectations, by enumerating one layer and summing out the other.
//!
//! Hidden states: Z = Σ_h exp(aᵀh) Πᵢ (1 + exp(bᵢ + Wᵢ·h)); for Gaussian units
//! Z = (2π)^(I/2) Σ_h exp(aᵀh + bᵀWh + ½‖Wh‖²). Visible states: Z = Σ_v exp(−F(v)). All in f64, in parallel;
//! states follow a Gray code, so that each costs one row of W.

use rayon::prelude::*;

use super::{Rbm, VisibleKind};
use crate::error::Result;
use crate::tensor::Tensor;

/// The units of the layer that is enumerated: the smaller one; a Gaussian machine's hidden one.
pub fn enumerated_units(rbm: &Rbm) -> usize {
    match rbm.visible() {
        VisibleKind::Bernoulli => rbm.visible_count().min(rbm.hidden_count()),
        VisibleKind::Gaussian => rbm.hidden_count(),
    }
}

/// A machine's parameters on the host, seen from the layer that is enumerated.
pub struct Enumeration {
    /// `[enumerated, other]`.
    rows: Vec<f64>,
    own: Vec<f64>,
    other: Vec<f64>,
    hidden: bool,
    gaussian: bool,
}

/// What a machine expects of its states.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectations {
    /// ln Z.
    pub log_partition: f64,
    /// ⟨v⟩ `[I]`.
    pub v: Vec<f64>,
    /// ⟨h⟩ `[J]`.
    pub h: Vec<f64>,
    /// ⟨v hᵀ⟩ `[I, J]`.
    pub vh: Vec<f64>,
}

/// States of one task: 2¹⁰.
const WITHIN: usize = 10;

impl Enumeration {
    /// Reads the parameters. Nothing is refused: 2ⁿ states are the caller's to wait for.
    ///
    /// # Errors
    /// Device errors.
    pub fn new(rbm: &Rbm) -> Result<Self> {
        let (i, j) = (rbm.visible_count(), rbm.hidden_count());
        let gaussian = rbm.visible() == VisibleKind::Gaussian;
        let hidden = gaussian || j <= i;
        let read = |t: &Tensor| -> Result<Vec<f64>> {
            Ok(t.to_vec()?.into_iter().map(f64::from).collect())
        };
        let (w, b, a) = (read(&rbm.w)?, read(&rbm.b)?, read(&rbm.a)?);
        let (rows, own, other) = if hidden {
            let columns = (0..j).flat_map(|unit| w.iter().skip(unit).step_by(j).copied());
            (columns.collect(), a, b)
        } else {
            (w, b, a)
        };
        Ok(Enumeration { rows, own, other, hidden, gaussian })
    }

    /// ln Z.
    pub fn log_partition(&self) -> f64 {
        let parts: Vec<f64> = (0..self.tasks())
            .into_par_iter()
            .map(|task| {
                let mut logs = Vec::new();
                self.visit(task, |_, log, _| logs.push(log));
                log_sum_exp(&logs)
            })
            .collect();
        log_sum_exp(&parts) + self.constant()
    }

    /// ln Z and the expectations of v, h and v hᵀ.
    pub fn expectations(&self) -> Expectations {
        let (units, width) = (self.own.len(), self.other.len());
        let sums: Vec<Sums> = (0..self.tasks())
            .into_par_iter()
            .map(|task| {
                let mut sums = Sums::new(units, width);
                self.visit(task, |state, log, field| sums.add(self, state, log, field));
                sums
            })
            .collect();
        // In the order of the tasks, so that the result does not depend on the threads.
        let mut all = Sums::new(units, width);
        sums.iter().for_each(|sums| all.join(sums));
        let share = |x: &[f64]| x.iter().map(|x| x / all.weight).collect::<Vec<f64>>();
        let (own, other, both) = (share(&all.own), share(&all.other), share(&all.both));
        let log_partition = all.largest + all.weight.ln() + self.constant();
        if !self.hidden {
            return Expectations { log_partition, v: own, h: other, vh: both };
        }
        let turned = (0..width).flat_map(|i| both.iter().skip(i).step_by(width).copied());
        Expectations { log_partition, v: other, h: own, vh: turned.collect() }
    }

    fn constant(&self) -> f64 {
        if self.gaussian { 0.5 * self.other.len() as f64 * std::f64::consts::TAU.ln() } else { 0.0 }
    }

    /// The upper units number the tasks, the lower ones are enumerated within.
    fn tasks(&self) -> u64 {
        1 << (self.own.len() - self.own.len().min(WITHIN))
    }

    /// Calls `f(state, ln weight, the other layer's field)` for each state of a task.
    fn visit(&self, task: u64, mut f: impl FnMut(u64, f64, &[f64])) {
        let within = self.own.len().min(WITHIN);
        let width = self.other.len();
        let mut state = task << within;
        let mut field = if self.gaussian { vec![0.0; width] } else { self.other.clone() };
        let mut bias = 0.0;
        let toggle = |unit: usize, on: bool, field: &mut [f64], bias: &mut f64| {
            let sign = if on { 1.0 } else { -1.0 };
            *bias += sign * self.own[unit];
            let row = &self.rows[unit * width..(unit + 1) * width];
            field.iter_mut().zip(row).for_each(|(f, r)| *f += sign * r);
        };
        for unit in (0..self.own.len()).filter(|unit| state >> unit & 1 == 1) {
            toggle(unit, true, &mut field, &mut bias);
        }
        f(state, bias + self.summed_out(&field), &field);
        for step in 1..1u64 << within {
            // A Gray code's step turns the unit of the counter's lowest set bit.
            let unit = step.trailing_zeros() as usize;
            state ^= 1 << unit;
            toggle(unit, state >> unit & 1 == 1, &mut field, &mut bias);
            f(state, bias + self.summed_out(&field), &field);
        }
    }

    /// ln of the other layer's sum or integral in this field, the (2π) apart.
    fn summed_out(&self, field: &[f64]) -> f64 {
        if self.gaussian {
            return field.iter().zip(&self.other).map(|(f, b)| f * (b + 0.5 * f)).sum();
        }
        sum_of_softplus(field)
    }

    /// The other layer's mean in this field.
    fn mean(&self, unit: usize, field: f64) -> f64 {
        if self.gaussian { field + self.other[unit] } else { 1.0 / (1.0 + (-field).exp()) }
    }
}

/// Weighted sums, scaled by exp(−largest).
struct Sums {
    largest: f64,
    weight: f64,
    own: Vec<f64>,
    other: Vec<f64>,
    both: Vec<f64>,
    mean: Vec<f64>,
}

impl Sums {
    fn new(units: usize, width: usize) -> Self {
        Sums {
            largest: f64::NEG_INFINITY,
            weight: 0.0,
            own: vec![0.0; units],
            other: vec![0.0; width],
            both: vec![0.0; units * width],
            mean: vec![0.0; width],
        }
    }

    fn all(&mut self) -> impl Iterator<Item = &mut f64> {
        std::iter::once(&mut self.weight)
            .chain(&mut self.own)
            .chain(&mut self.other)
            .chain(&mut self.both)
    }

    /// Makes room for weights of exp(`log`).
    fn raise(&mut self, log: f64) {
        // A NaN is raised to as well, and then shows in every sum.
        if log <= self.largest {
            return;
        }
        let factor = (self.largest - log).exp();
        self.largest = log;
        self.all().for_each(|x| *x *= factor);
    }

    fn add(&mut self, layer: &Enumeration, state: u64, log: f64, field: &[f64]) {
        self.raise(log);
        let weight = (log - self.largest).exp();
        self.weight += weight;
        for (unit, (mean, &field)) in self.mean.iter_mut().zip(field).enumerate() {
            *mean = weight * layer.mean(unit, field);
        }
        self.other.iter_mut().zip(&self.mean).for_each(|(sum, m)| *sum += m);
        let width = field.len();
        for unit in (0..self.own.len()).filter(|unit| state >> unit & 1 == 1) {
            self.own[unit] += weight;
            let row = &mut self.both[unit * width..(unit + 1) * width];
            row.iter_mut().zip(&self.mean).for_each(|(sum, m)| *sum += m);
        }
    }

    fn join(&mut self, other: &Sums) {
        self.raise(other.largest);
        let factor = (other.largest - self.largest).exp();
        self.weight += factor * other.weight;
        for (sums, more) in [
            (&mut self.own, &other.own),
            (&mut self.other, &other.other),
            (&mut self.both, &other.both),
        ] {
            sums.iter_mut().zip(more).for_each(|(sum, x)| *sum += factor * x);
        }
    }
}

/// Σ ln(1 + exp x) = Σ max(x, 0) + ln Π (1 + exp(−|x|)): one logarithm for 512 factors, each 2 at most.
pub(crate) fn sum_of_softplus(x: &[f64]) -> f64 {
    let linear: f64 = x.iter().map(|&x| x.max(0.0)).sum();
    let factors = |chunk: &[f64]| chunk.iter().map(|&x| 1.0 + (-x.abs()).exp()).product::<f64>();
    linear + x.chunks(512).map(|chunk| factors(chunk).ln()).sum::<f64>()
}

/// ln Σ exp x; −∞ for nothing.
pub(crate) fn log_sum_exp(x: &[f64]) -> f64 {
    if x.iter().any(|x| x.is_nan()) {
        // It must not vanish in the maximum.
        return f64::NAN;
    }
    let largest = x.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if !largest.is_finite() {
        return largest;
    }
    largest + x.iter().map(|x| (x - largest).exp()).sum::<f64>().ln()
}
