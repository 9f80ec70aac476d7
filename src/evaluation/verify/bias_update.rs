//! A bias's update and its watch against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::bias_update::{BiasPhases, NEVER, bias_gradient, bias_update};
use crate::kernels::cd_update::Step;
use crate::tensor::Tensor;

/// One call for N units, B cases and C chains: `dims` is `[N, B, C]`. Then the watch: steps 7, 3 and 9 on
/// the same numbers must leave 3 where a bias is not finite.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, gradient: bool, dims: [usize; 3], values: Values) -> Result<Outcome> {
    let [n, b, c] = dims;
    let mut inputs = Inputs::new(((n * 1009 + b) * 1009 + c) as u64);
    let x0 = inputs.values(values, b * n);
    let xk = inputs.values(values, c * n);
    let bias = inputs.values(Values::Ordinary, n);
    let velocity = inputs.values(Values::Ordinary, n);
    let scales = [b, c].map(|n| 1.0 / n.max(1) as f32);
    let step = Step { rate: 0.25, momentum: 0.75, decay: 0.0 };
    let run = |device: &Device| {
        let x0 = Tensor::from_f32(device, &[b, n], &x0)?;
        let xk = Tensor::from_f32(device, &[c, n], &xk)?;
        let phases = BiasPhases { x0: &x0, xk: &xk, scales };
        let mut bias = Tensor::from_f32(device, &[n], &bias)?;
        let mut velocity = Tensor::from_f32(device, &[n], &velocity)?;
        let mut status = Tensor::from_u32(device, &[1], &[NEVER])?;
        if gradient {
            bias_gradient(&phases, &mut velocity)?;
            return Ok((bias.to_vec()?, velocity.to_vec()?, status.to_words()?));
        }
        bias_update(&phases, step, &mut bias, &mut velocity, (&mut status, 7))?;
        let first = (bias.to_vec()?, velocity.to_vec()?);
        bias_update(&phases, step, &mut bias, &mut velocity, (&mut status, 3))?;
        bias_update(&phases, step, &mut bias, &mut velocity, (&mut status, 9))?;
        Ok((first.0, first.1, status.to_words()?))
    };
    let (expected, found) = both(device, run)?;
    let mut sizes = vec![0f64; n];
    for (x, scale) in [(&x0, scales[0]), (&xk, scales[1])] {
        for (at, x) in x.iter().enumerate() {
            sizes[at % n] += f64::from(scale) * f64::from(*x).abs();
        }
    }
    // B + C sums and the two scales; 1.5 for both devices together.
    let terms = (b + c) as f64;
    let error = |at: usize| 1.5 * (terms + 3.0) * EPSILON * sizes[at] + FLUSH * (terms + 4.0);
    let mut check = Check::default();
    if gradient {
        check.compare("gradient", &expected.1, &found.1, error);
    } else {
        let change = |at: usize| {
            let old = f64::from(velocity[at]).abs();
            error(at) + 4.5 * EPSILON * (old + sizes[at])
        };
        check.compare("velocity", &expected.1, &found.1, change);
        check.compare("bias", &expected.0, &found.0, |at| {
            let whole = f64::from(bias[at]).abs() + f64::from(expected.1[at]).abs();
            change(at) + 1.5 * EPSILON * whole
        });
    }
    check.exact("status", &expected.2, &found.2);
    let mode = if gradient { "gradient, " } else { "" };
    Ok(check.outcome("bias_update", format!("{mode}{n}, {b} cases, {c} chains {values:?}")))
}
