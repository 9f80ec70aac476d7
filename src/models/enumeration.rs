//! A small machine's partition function and expectations, by enumerating one layer and summing out the other.
//!
//! Z = Σ_s exp(own part of s) Π Σ or ∫ over the other layer's states given s, the enumerated layer's s being the
//! hidden or the visible states, whichever are fewer; Gaussian units are never enumerated, always integrated. So
//! for Bernoulli units Z = Σ_h exp(aᵀh) Πᵢ (1 + exp(bᵢ + Wᵢ·h)), and with Gaussian visible ones
//! Z = (2π)^(I/2) Σ_h exp(aᵀh + bᵀWh + ½‖Wh‖²). All in f64, in parallel; states follow a Gray code, so that each
//! costs one row of W (two where a softmax group moves on). Visible spins are seen as the Bernoulli units (s + 1)/2.

use rayon::prelude::*;

use super::Rbm;
use super::expectations::Expectations;
use super::sums::{gaussian_constant, log_sum_exp};
use super::units::{UnitKind, Units};
use crate::error::Result;
use crate::tensor::Tensor;

/// The layer that is enumerated, the smaller one that is not Gaussian.
pub(super) fn enumerated(rbm: &Rbm) -> Option<Units> {
    let [v, h] = [rbm.visible(), rbm.hidden()];
    match (v.kind(), h.kind()) {
        (UnitKind::Gaussian, UnitKind::Gaussian) => None,
        (UnitKind::Gaussian, _) => Some(h),
        (_, UnitKind::Gaussian) => Some(v),
        _ => Some(if h.bits() <= v.bits() { h } else { v }),
    }
}

/// A machine's parameters on the host, seen from the layer that is enumerated.
pub(super) struct Enumeration {
    /// `[enumerated, other]`.
    rows: Vec<f64>,
    own: Vec<f64>,
    other: Vec<f64>,
    /// Whether the hidden layer is the enumerated one.
    hidden: bool,
    enumerated: Units,
    summed: Units,
    /// Of visible spins: Σ b, by which the energy is more than that of their Bernoulli machine.
    spins: Option<f64>,
}

/// States of one task: 2¹⁰ at most, unless one group alone has more.
const WITHIN: u64 = 1 << 10;

/// Tasks whose sums are kept at a time: those of 20×784 units are 125 KB each.
const TOGETHER: u64 = 32;

impl Enumeration {
    pub fn new(rbm: &Rbm) -> Result<Self> {
        let j = rbm.hidden_count();
        let hidden = enumerated(rbm) == Some(rbm.hidden());
        let read = |t: &Tensor| -> Result<Vec<f64>> {
            Ok(t.to_vec()?.into_iter().map(f64::from).collect())
        };
        let (mut w, mut b, mut a) = (read(&rbm.w)?, read(&rbm.b)?, read(&rbm.a)?);
        let [mut v, h] = [rbm.visible(), rbm.hidden()];
        let mut spins = None;
        if v.kind() == UnitKind::Spin {
            // s = 2v − 1: −sᵀ(Wh + b) − aᵀh = −vᵀ(2Wh + 2b) − (a − Wᵀ1)ᵀh + Σ b.
            spins = Some(b.iter().sum());
            for row in w.chunks(j) {
                a.iter_mut().zip(row).for_each(|(a, w)| *a -= w);
            }
            w.iter_mut().chain(&mut b).for_each(|x| *x *= 2.0);
            v = Units::bernoulli(v.count());
        }
        Ok(if hidden {
            let columns = (0..j).flat_map(|unit| w.iter().skip(unit).step_by(j).copied());
            let rows = columns.collect();
            Enumeration { rows, own: a, other: b, hidden, enumerated: h, summed: v, spins }
        } else {
            Enumeration { rows: w, own: b, other: a, hidden, enumerated: v, summed: h, spins }
        })
    }

    /// Of Bernoulli units with the bias `own`, beside units of `summed` with the bias `other`; `rows` are their weights
    /// `[own, other]`. The enumerated layer stands above the other one.
    pub fn of(rows: Vec<f64>, own: Vec<f64>, other: Vec<f64>, summed: Units) -> Self {
        let enumerated = Units::bernoulli(own.len());
        Enumeration { rows, own, other, hidden: true, enumerated, summed, spins: None }
    }

    /// ln of the sums over all states in which the first `kept` of the enumerated Bernoulli units are what the binary
    /// digits of the place say, the lowest digit the first of them.
    pub fn table(&self, kept: usize) -> Vec<f64> {
        let constant = self.constant();
        let parts: Vec<Vec<(usize, f64)>> = (0..self.tasks())
            .into_par_iter()
            .map(|task| {
                let mut found = Vec::new();
                self.visit(task, |walk, log| {
                    let on = walk.on().filter(|&unit| unit < kept);
                    found.push((on.map(|unit| 1 << unit).sum(), log));
                });
                found
            })
            .collect();
        let mut logs = vec![f64::NEG_INFINITY; 1 << kept];
        for (place, log) in parts.into_iter().flatten() {
            logs[place] = match kept == self.own.len() {
                true => log + constant,
                false => log_sum_exp(&[logs[place], log + constant]),
            };
        }
        logs
    }

    pub fn log_partition(&self) -> f64 {
        let parts: Vec<f64> = (0..self.tasks())
            .into_par_iter()
            .map(|task| {
                let mut logs = Vec::new();
                self.visit(task, |_, log| logs.push(log));
                log_sum_exp(&logs)
            })
            .collect();
        log_sum_exp(&parts) + self.constant()
    }

    pub fn expectations(&self) -> Expectations {
        let (units, width) = (self.own.len(), self.other.len());
        let mut all = Sums::new(units, width);
        let mut some: Vec<Sums> =
            (0..self.tasks().min(TOGETHER)).map(|_| Sums::new(units, width)).collect();
        for first in (0..self.tasks()).step_by(TOGETHER as usize) {
            let used = (self.tasks() - first).min(TOGETHER) as usize;
            some[..used].par_iter_mut().enumerate().for_each(|(k, sums)| {
                sums.clear();
                self.visit(first + k as u64, |walk, log| sums.add(walk, log));
            });
            // In the order of the tasks, so that the result does not depend on the threads.
            some[..used].iter().for_each(|sums| all.join(sums));
        }
        let share = |x: &[f64]| x.iter().map(|x| x / all.weight).collect::<Vec<f64>>();
        let (own, other, both) = (share(&all.own), share(&all.other), share(&all.both));
        let log_partition = all.largest + all.weight.ln() + self.constant();
        let found = match self.hidden {
            false => Expectations { log_partition, v: own, h: other, vh: both },
            true => {
                let turned = (0..width).flat_map(|i| both.iter().skip(i).step_by(width).copied());
                Expectations { log_partition, v: other, h: own, vh: turned.collect() }
            }
        };
        if self.spins.is_some() { found.of_spins() } else { found }
    }

    /// What [`Enumeration::summed_out`] leaves out.
    fn constant(&self) -> f64 {
        let spins = self.spins.map_or(0.0, |sum| -sum);
        spins + self.constant_of_summed()
    }

    fn constant_of_summed(&self) -> f64 {
        match self.summed.kind() {
            // A visible unit's energy has the ½b² that the square of its input has too much.
            UnitKind::Gaussian if self.hidden => gaussian_constant(self.other.len()),
            UnitKind::Gaussian => {
                gaussian_constant(self.other.len())
                    + 0.5 * self.other.iter().map(|a| a * a).sum::<f64>()
            }
            _ => 0.0,
        }
    }

    /// The states of a choice.
    fn radix(&self, choice: usize) -> u64 {
        match self.enumerated.kind() {
            UnitKind::Softmax(states) => states as u64,
            UnitKind::Labelled(classes) if self.is_label(choice) => classes as u64,
            _ => 2,
        }
    }

    /// Whether it is the last choice, which is the label of a labelled layer.
    fn is_label(&self, choice: usize) -> bool {
        choice + 1 == self.enumerated.choices()
    }

    /// The choices that one task enumerates, at least one, and their states.
    fn within(&self) -> (usize, u64) {
        let (mut within, mut states) = (1, self.radix(0));
        while within < self.enumerated.choices() && states * self.radix(within) <= WITHIN {
            (within, states) = (within + 1, states * self.radix(within));
        }
        (within, states)
    }

    /// The upper choices number the tasks, the lower ones are enumerated within.
    fn tasks(&self) -> u64 {
        (self.within().0..self.enumerated.choices()).map(|choice| self.radix(choice)).product()
    }

    /// Calls `f(walk, ln weight)` for each state of a task.
    fn visit(&self, task: u64, mut f: impl FnMut(&Walk, f64)) {
        let (within, states) = self.within();
        let mut walk = Walk::new(self);
        let mut left = task;
        for choice in within..self.enumerated.choices() {
            walk.states[choice] = (left % self.radix(choice)) as usize;
            left /= self.radix(choice);
        }
        walk.start();
        let mut down = vec![false; within];
        f(&walk, walk.log_weight());
        for _ in 1..states {
            // A Gray code: the lowest choice that can move on in its direction does, those below it turn round.
            let can = |choice: usize, down: bool, state: usize| {
                if down { state > 0 } else { state + 1 < self.radix(choice) as usize }
            };
            let mut choice = 0;
            while choice + 1 < within && !can(choice, down[choice], walk.states[choice]) {
                down[choice] = !down[choice];
                choice += 1;
            }
            let state = walk.states[choice];
            walk.set(choice, if down[choice] { state - 1 } else { state + 1 });
            f(&walk, walk.log_weight());
        }
    }

    /// The unit that is 1 where `choice` is in `state`, if one is.
    fn unit(&self, choice: usize, state: usize) -> Option<usize> {
        match self.enumerated.kind() {
            UnitKind::Softmax(states) => Some(choice * states + state),
            UnitKind::Labelled(_) if self.is_label(choice) => Some(choice + state),
            _ => (state == 1).then_some(choice),
        }
    }

    /// ln of the other layer's sum or integral in this field, the constant apart.
    fn summed_out(&self, field: &[f64]) -> f64 {
        match self.summed.kind() {
            // Without the bias, so that nothing cancels.
            UnitKind::Gaussian => {
                field.iter().zip(&self.other).map(|(f, b)| f * (b + 0.5 * f)).sum()
            }
            _ => self.summed.log_sum(field),
        }
    }

    /// The other layer's means in this field.
    fn means(&self, field: &[f64], means: &mut [f64]) {
        match self.summed.kind() {
            // Spins are seen as Bernoulli units.
            UnitKind::Bernoulli | UnitKind::Spin | UnitKind::Rectified => {
                means_of_units(field, means)
            }
            UnitKind::Gaussian => {
                let inputs = field.iter().zip(&self.other);
                means.iter_mut().zip(inputs).for_each(|(m, (f, b))| *m = f + b);
            }
            UnitKind::Softmax(states) => {
                let groups = means.chunks_mut(states).zip(field.chunks(states));
                groups.for_each(|(means, field)| means_of_group(field, means));
            }
            UnitKind::Labelled(_) => {
                let features = self.summed.features().count();
                means_of_units(&field[..features], &mut means[..features]);
                means_of_group(&field[features..], &mut means[features..]);
            }
        }
    }
}

fn means_of_units(field: &[f64], means: &mut [f64]) {
    means.iter_mut().zip(field).for_each(|(m, f)| *m = 1.0 / (1.0 + (-f).exp()));
}

fn means_of_group(field: &[f64], means: &mut [f64]) {
    let sum = log_sum_exp(field);
    means.iter_mut().zip(field).for_each(|(m, f)| *m = (f - sum).exp());
}

/// A state of the enumerated layer on the way through a task.
struct Walk<'a> {
    layer: &'a Enumeration,
    /// Of each choice.
    states: Vec<usize>,
    /// The other layer's; without its bias where it is Gaussian.
    field: Vec<f64>,
    bias: f64,
}

impl<'a> Walk<'a> {
    fn new(layer: &'a Enumeration) -> Self {
        let field = match layer.summed.kind() {
            UnitKind::Gaussian => vec![0.0; layer.other.len()],
            _ => layer.other.clone(),
        };
        Walk { layer, states: vec![0; layer.enumerated.choices()], field, bias: 0.0 }
    }

    /// Adds the units that are 1 at first.
    fn start(&mut self) {
        for choice in 0..self.states.len() {
            self.add(choice, 1.0);
        }
    }

    fn set(&mut self, choice: usize, state: usize) {
        self.add(choice, -1.0);
        self.states[choice] = state;
        self.add(choice, 1.0);
    }

    fn add(&mut self, choice: usize, sign: f64) {
        let Some(unit) = self.layer.unit(choice, self.states[choice]) else { return };
        self.bias += sign * self.layer.own[unit];
        let width = self.field.len();
        let row = &self.layer.rows[unit * width..(unit + 1) * width];
        self.field.iter_mut().zip(row).for_each(|(f, r)| *f += sign * r);
    }

    fn log_weight(&self) -> f64 {
        self.bias + self.layer.summed_out(&self.field)
    }

    /// The units that are 1.
    fn on(&self) -> impl Iterator<Item = usize> {
        self.states.iter().enumerate().filter_map(|(choice, &s)| self.layer.unit(choice, s))
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

    fn clear(&mut self) {
        self.largest = f64::NEG_INFINITY;
        self.all().for_each(|x| *x = 0.0);
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

    fn add(&mut self, walk: &Walk, log: f64) {
        self.raise(log);
        let weight = (log - self.largest).exp();
        self.weight += weight;
        walk.layer.means(&walk.field, &mut self.mean);
        self.mean.iter_mut().for_each(|m| *m *= weight);
        self.other.iter_mut().zip(&self.mean).for_each(|(sum, m)| *sum += m);
        let width = self.mean.len();
        for unit in walk.on() {
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
