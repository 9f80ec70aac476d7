//! The weights' update against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::cd_update::{Phases, Step, cd_gradient, cd_update};
use crate::kernels::{Tiles, with_tiles};
use crate::tensor::Tensor;

/// One compiled form of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// With offsets μ and λ.
    pub centered: bool,
    /// The gradient alone.
    pub gradient: bool,
}

/// All forms.
pub const FORMS: [Form; 4] = [
    Form { centered: false, gradient: false },
    Form { centered: true, gradient: false },
    Form { centered: false, gradient: true },
    Form { centered: true, gradient: true },
];

/// One call with I visible and J hidden units, B cases and C chains: `dims` is `[I, J, B, C]`.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    tiles: Tiles,
    form: Form,
    dims: [usize; 4],
    values: Values,
) -> Result<Outcome> {
    let [i, j, b, c] = dims;
    let mut inputs = Inputs::new((((i * 1009 + j) * 1009 + b) * 1009 + c) as u64);
    let v0 = inputs.values(values, b * i);
    let p0 = inputs.values(values, b * j);
    let vk = inputs.values(values, c * i);
    let pk = inputs.values(values, c * j);
    let mu = inputs.values(Values::Ordinary, i);
    let lambda = inputs.values(Values::Ordinary, j);
    let weights = inputs.values(Values::Ordinary, i * j);
    let velocity = inputs.values(Values::Ordinary, i * j);
    let scales = [b, c].map(|n| 1.0 / n.max(1) as f32);
    let step = Step { rate: 0.25, momentum: 0.75, decay: 0.01 };
    let run = |device: &Device| {
        let v0 = Tensor::from_f32(device, &[b, i], &v0)?;
        let p0 = Tensor::from_f32(device, &[b, j], &p0)?;
        let vk = Tensor::from_f32(device, &[c, i], &vk)?;
        let pk = Tensor::from_f32(device, &[c, j], &pk)?;
        let mu = Tensor::from_f32(device, &[i], &mu)?;
        let lambda = Tensor::from_f32(device, &[j], &lambda)?;
        let offsets = form.centered.then_some((&mu, &lambda));
        let phases = Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales, offsets };
        let mut weights = Tensor::from_f32(device, &[i, j], &weights)?;
        let mut velocity = Tensor::from_f32(device, &[i, j], &velocity)?;
        if form.gradient {
            cd_gradient(&phases, &mut velocity)?;
        } else {
            cd_update(&phases, step, &mut weights, &mut velocity)?;
        }
        Ok([weights.to_vec()?, velocity.to_vec()?])
    };
    let (expected, found) = both(device, |device| with_tiles(tiles, || run(device)))?;
    let zeros = [vec![0.0; i], vec![0.0; j]];
    let [mu, lambda] = if form.centered { [&mu, &lambda] } else { [&zeros[0], &zeros[1]] };
    let phase = |v: &[f32], p: &[f32], scale: f32| magnitudes(v, p, mu, lambda, scale);
    let sizes: Vec<f64> = phase(&v0, &p0, scales[0])
        .into_iter()
        .zip(phase(&vk, &pk, scales[1]))
        .map(|(a, b)| a + b)
        .collect();
    // B + C products of two differences and a scale, and their sum; 1.5 for both devices together.
    let terms = (b + c) as f64;
    let flush = FLUSH * (terms * 8.0 + 4.0);
    let error = |at: usize| 1.5 * (terms + 5.0) * EPSILON * sizes[at] + flush;
    let mut check = Check::default();
    if form.gradient {
        check.compare("gradient", &expected[1], &found[1], error);
        check.exact_f32("weights", &expected[0], &found[0]);
    } else {
        // Δ = m·Δ + η(G − d·w): four more operations on that sum of magnitudes, then w + Δ.
        let (rate, momentum, decay) = (0.25, 0.75, f64::from(step.decay));
        let change = |at: usize| {
            let old = momentum * f64::from(velocity[at]).abs();
            let decayed = decay * f64::from(weights[at]).abs();
            rate * error(at) + 6.0 * EPSILON * (old + rate * (sizes[at] + decayed))
        };
        check.compare("velocity", &expected[1], &found[1], change);
        check.compare("weights", &expected[0], &found[0], |at| {
            let whole = f64::from(weights[at]).abs() + f64::from(expected[1][at]).abs();
            change(at) + 1.5 * EPSILON * whole
        });
    }
    let [centered, gradient] = [
        if form.centered { ", centered" } else { "" },
        if form.gradient { ", gradient" } else { "" },
    ];
    let case = format!("{tiles:?}{centered}{gradient}, {i}x{j}, {b} cases, {c} chains {values:?}");
    Ok(check.outcome("cd_update", case))
}

/// scale·Σ (|v| + |μ|)(|p| + |λ|) over the rows, for every weight.
fn magnitudes(v: &[f32], p: &[f32], mu: &[f32], lambda: &[f32], scale: f32) -> Vec<f64> {
    let [i, j] = [mu.len(), lambda.len()];
    let mut sums = vec![0.0; i * j];
    if i == 0 || j == 0 {
        return sums;
    }
    let size = |x: f32, offset: f32| f64::from(x).abs() + f64::from(offset).abs();
    for (v, p) in v.chunks(i).zip(p.chunks(j)) {
        for (line, (&v, &mu)) in sums.chunks_mut(j).zip(v.iter().zip(mu)) {
            for (sum, (&p, &lambda)) in line.iter_mut().zip(p.iter().zip(lambda)) {
                *sum += f64::from(scale).abs() * size(v, mu) * size(p, lambda);
            }
        }
    }
    sums
}
