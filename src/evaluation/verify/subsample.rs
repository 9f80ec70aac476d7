//! Trained subsampling against the CPU path.

use super::activation::{slope, tolerance};
use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::subsample::{output_size, subsample};
use crate::tensor::Tensor;

/// One call on `[B, C, H, W]`: z = coefficient · sum + bias errs by as many units of Σ|terms| as it has
/// additions and products, and f carries that on.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    f: Activation,
    size: [usize; 2],
    dims: [usize; 4],
    values: Values,
) -> Result<Outcome> {
    let [b, c, h, w] = dims;
    let [oh, ow] = output_size("subsample", size, [h, w])?;
    let count: usize = dims.iter().product();
    let mut inputs = Inputs::new((count * 31 + c) as u64);
    let x = inputs.values(values, count);
    let coefficient = inputs.values(Values::Ordinary, c);
    let bias = inputs.values(Values::Ordinary, c);
    let run = |device: &Device, f, [x, coefficient, bias]: [&[f32]; 3]| {
        let x = Tensor::from_f32(device, &dims, x)?;
        let coefficient = Tensor::from_f32(device, &[c], coefficient)?;
        let bias = Tensor::from_f32(device, &[c], bias)?;
        let mut y = Tensor::for_output(device, &[b, c, oh, ow])?;
        subsample(&x, size, &coefficient, &bias, f, &mut y)?;
        y.to_vec()
    };
    let given = [&x[..], &coefficient, &bias];
    let (expected, found) = both(device, |device| run(device, f, given))?;
    let cpu = Device::cpu();
    let z = run(&cpu, Activation::Identity, given)?;
    let sizes = given.map(|values| values.iter().map(|v| v.abs()).collect::<Vec<_>>());
    let sizes = run(&cpu, Activation::Identity, [&sizes[0], &sizes[1], &sizes[2]])?;
    let steps = (size[0] + size[1] + 3) as f64;
    let mut check = Check::default();
    check.compare("y", &expected, &found, |i| {
        let error = 1.5 * EPSILON * steps * f64::from(sizes[i]) + FLUSH * steps;
        tolerance(f, f64::from(z[i])) + slope(f) * error
    });
    Ok(check.outcome("subsample", format!("{f:?}, {size:?}, {dims:?} {values:?}")))
}
