//! Softmax with cross-entropy against the CPU path, and what the log losses' numbers may err by.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::cross_entropy::cross_entropy;
use crate::tensor::Tensor;

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for dims in [[1, 1], [5, 10], [3, 64], [7, 1000]] {
        for values in Values::ALL {
            out.push(case(device, dims, true, values)?);
        }
    }
    out.push(case(device, [100, 10], false, Values::Wide)?);
    Ok(())
}

/// One call on `[rows, columns]`, with and without a gradient; every ninth class is none.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    [rows, columns]: [usize; 2],
    gradient: bool,
    values: Values,
) -> Result<Outcome> {
    let mut inputs = Inputs::new((rows * 1009 + columns) as u64);
    let x = inputs.values(values, rows * columns);
    let classes = classes(&mut inputs, rows, columns);
    let scale = 0.37;
    let run = |device: &Device| {
        let x = Tensor::from_f32(device, &[rows, columns], &x)?;
        let classes = Tensor::from_f32(device, &[rows], &classes)?;
        let mut loss = Tensor::from_f32(device, &[rows + 5], &vec![7.0; rows + 5])?;
        let mut dx = Tensor::zeros(device, &[rows, columns])?;
        cross_entropy(&x, &classes, scale, (&mut loss, 3), gradient.then_some(&mut dx))?;
        Ok((loss.to_vec()?, dx.to_vec()?))
    };
    let (expected, found) = both(device, run)?;
    let mut allowed = Allowed::default();
    for (r, class) in classes.iter().enumerate() {
        let scores: Vec<f64> = x[r * columns..][..columns].iter().map(|&x| x.into()).collect();
        allowed.add_row(&scores, f64::NEG_INFINITY, *class, scale);
    }
    let mut check = Check::default();
    check.compare("loss", &expected.0, &found.0, |i| allowed.of_loss(i, 3));
    check.compare("dx", &expected.1, &found.1, |i| allowed.gradient[i]);
    let form = if gradient { "" } else { " loss alone" };
    Ok(check.outcome("cross_entropy", format!("[{rows}, {columns}]{form} {values:?}")))
}

/// Desired classes, of which every ninth is none.
pub(super) fn classes(inputs: &mut Inputs, rows: usize, columns: usize) -> Vec<f32> {
    let wrong = [-1.0, 0.5, f32::NAN, columns as f32, f32::INFINITY];
    let class = |(r, class): (usize, u32)| match r % 9 {
        8 => wrong[r / 9 % wrong.len()],
        _ => class as f32,
    };
    inputs.below(columns.max(1) as u32, rows).into_iter().enumerate().map(class).collect()
}

/// Absolute errors that the loss and the gradient of each row may have.
#[derive(Default)]
pub(super) struct Allowed {
    loss: Vec<f64>,
    pub gradient: Vec<f64>,
}

impl Allowed {
    /// With d = s − m, exp d errs relatively by EPSILON·(3 + 2|d|) and by another EPSILON·|d| for the
    /// rounding of d; a sum by the mean of those, weighted by its terms, and by its own additions. The
    /// logarithm passes on the relative error of its argument, or, where s_D is the maximum and it is
    /// ln(1 + rest), that of rest times rest / (1 + rest); itself it errs by up to 6 EPSILON. 1.5 for both
    /// devices together.
    pub fn add_row(&mut self, scores: &[f64], floor: f64, class: f32, scale: f32) {
        let class = class as usize;
        let largest = scores.iter().copied().fold(floor, f64::max);
        // Past 104 the exponential is 0 in f32.
        let distance = |s: f64| (largest - s).min(104.0);
        let e = |s: f64| (s - largest).exp();
        let mut all: Vec<f64> = scores.to_vec();
        all.push(floor);
        let others = || all.iter().enumerate().filter(|(i, _)| *i != class).map(|(_, s)| *s);
        let rest: f64 = others().map(e).sum();
        let own = scores.get(class).copied().unwrap_or(f64::NAN);
        let total = rest + e(own);
        let terms = all.len() as f64;
        let rest_steps = terms
            + others().map(|s| e(s) / rest.max(1e-300) * 3.0 * (1.0 + distance(s))).sum::<f64>();
        let total_steps =
            terms + all.iter().map(|s| e(*s) / total * 3.0 * (1.0 + distance(*s))).sum::<f64>();
        let gap = largest - own;
        let argument = if gap == 0.0 { rest / total * rest_steps } else { total_steps + 1.0 };
        let steps = 2.0 * gap.abs() + 8.0 * total.ln() + argument;
        let flush = FLUSH * (terms + 4.0);
        self.loss.push(1.5 * EPSILON * steps + flush);
        let size = f64::from(scale).abs();
        self.gradient.extend(scores.iter().enumerate().map(|(i, s)| {
            let (part, steps) = match i == class {
                true => (rest, rest_steps),
                false => (e(*s), 3.0 * (1.0 + distance(*s))),
            };
            1.5 * EPSILON * size * part / total * (steps + total_steps + 5.0) + flush
        }));
    }

    /// Of element i of a loss tensor that is written from `first_row` on; others stay.
    pub fn of_loss(&self, i: usize, first_row: usize) -> f64 {
        i.checked_sub(first_row).and_then(|r| self.loss.get(r)).copied().unwrap_or(0.0)
    }
}
