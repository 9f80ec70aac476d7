//! Annealing steps against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::activation::sigmoid;
use crate::kernels::anneal::{Chains, anneal};
use crate::kernels::sample;
use crate::random::Draw;
use crate::tensor::Tensor;

/// One call for C chains, J hidden and I visible units: `dims` is `[C, J, I]`; with or without samples.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    dims: [usize; 3],
    betas: [f32; 2],
    samples: bool,
    values: Values,
) -> Result<Outcome> {
    let [c, j, i] = dims;
    let mut inputs = Inputs::new(((c * 1009 + j) * 1009 + i) as u64);
    let field = inputs.values(values, c * j);
    let v = inputs.values(Values::Ordinary, c * i);
    let tilt = inputs.values(Values::Ordinary, i);
    let draw = Draw { seed: 77, stream: 3, step: 1 << 33, first_case: 5 };
    let run = |device: &Device| {
        let field = Tensor::from_f32(device, &[c, j], &field)?;
        let v = Tensor::from_f32(device, &[c, i], &v)?;
        let tilt = Tensor::from_f32(device, &[i], &tilt)?;
        let chains = Chains { field: &field, v: &v, tilt: &tilt };
        // Row 1 is written; rows 0 and 2 must stay.
        let mut increments = Tensor::from_f32(device, &[3, c], &vec![7.0; 3 * c])?;
        let mut h = Tensor::zeros(device, &[c, j])?;
        let sample = samples.then_some((betas[1], &draw, &mut h));
        anneal(&chains, betas, (&mut increments, 1), sample)?;
        let mut u = Tensor::zeros(device, &[c, j])?;
        sample::uniform(&draw, &mut u)?;
        Ok((increments.to_vec()?, h.to_vec()?, u.to_vec()?))
    };
    let (expected, found) = both(device, run)?;
    let tolerances: Vec<f64> = (0..c)
        .map(|chain| {
            let field = &field[chain * j..(chain + 1) * j];
            let v = &v[chain * i..(chain + 1) * i];
            tolerance(field, v, &tilt, betas)
        })
        .collect();
    let mut check = Check::default();
    check.compare("increments", &expected.0, &found.0, |at| match at / c.max(1) {
        1 => tolerances[at % c],
        _ => 0.0,
    });
    if samples {
        let p: Vec<f32> = field.iter().map(|&x| sigmoid(betas[1] * x)).collect();
        // The argument's rounding moves p by |x| EPSILON, exp and the quotient by some EPSILON more.
        check.bernoulli(&p, &expected.2, &found.1, |at| {
            EPSILON * (8.0 + 2.0 * f64::from(betas[1] * field[at]).abs().min(104.0))
        });
    }
    let with = if samples { "and samples" } else { "alone" };
    Ok(check.outcome(
        "anneal",
        format!("{} to {} {with}, {c} chains, {j} and {i} units {values:?}", betas[0], betas[1]),
    ))
}

/// The bound for one chain: I products and J steps are added, each addition erring by EPSILON of what is
/// added so far. A step by series errs by its truncation (z⁶/720 of z, below 10 EPSILON at z = ¼) and some 20
/// roundings; a step by difference by those of two softplus, each 4 roundings of its size and |x| more for the
/// rounding of exp's argument.
fn tolerance(field: &[f32], v: &[f32], tilt: &[f32], [from, to]: [f32; 2]) -> f64 {
    let change = f64::from(to - from).abs();
    let linear: f64 = v.iter().zip(tilt).map(|(v, d)| change * f64::from(v * d).abs()).sum();
    let mut size = linear;
    let mut own = 4.0 * EPSILON * linear;
    for &x in field {
        let x = f64::from(x).abs();
        let z = change * x;
        size += z;
        own += if z < 0.26 { 32.0 * EPSILON * z } else { 0.0 };
        if z > 0.24 {
            own += EPSILON * (8.0 + 6.0 * x * f64::from(from.max(to)));
        }
    }
    let terms = (field.len() + v.len()) as f64;
    1.5 * (own + (terms / 64.0 + 12.0) * EPSILON * size) + FLUSH * (terms + 4.0)
}
