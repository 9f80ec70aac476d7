//! The gradients of trained subsampling with respect to its parameters, against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::subsample::output_size;
use crate::kernels::subsample_grad_parameters::subsample_grad_parameters;
use crate::tensor::Tensor;

/// One call on `[B, C, H, W]`, to the tolerance that the kernel promises.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    size: [usize; 2],
    dims: [usize; 4],
    values: Values,
) -> Result<Outcome> {
    let [b, c, h, w] = dims;
    let [oh, ow] = output_size("subsample_grad_parameters", size, [h, w])?;
    let count: usize = dims.iter().product();
    let mut inputs = Inputs::new((count * 31 + w) as u64);
    let x = inputs.values(values, count);
    let dz = inputs.values(values, b * c * oh * ow);
    let run = |device: &Device, x: &[f32], dz: &[f32]| {
        let x = Tensor::from_f32(device, &dims, x)?;
        let dz = Tensor::from_f32(device, &[b, c, oh, ow], dz)?;
        let mut dcoefficient = Tensor::for_output(device, &[c])?;
        let mut dbias = Tensor::for_output(device, &[c])?;
        subsample_grad_parameters(&x, &dz, size, &mut dcoefficient, &mut dbias)?;
        Ok([dcoefficient.to_vec()?, dbias.to_vec()?])
    };
    let (expected, found) = both(device, |device| run(device, &x, &dz))?;
    let sizes = |values: &[f32]| values.iter().map(|v| v.abs()).collect::<Vec<_>>();
    let sizes = run(&Device::cpu(), &sizes(&x), &sizes(&dz))?;
    let (mut passes, mut windows) = (1, b * oh * ow);
    while windows > 1024 {
        (passes, windows) = (passes + 1, windows.div_ceil(1024));
    }
    let steps = (size[0] * size[1] + 32 * passes + 128) as f64;
    let mut check = Check::default();
    for (name, k) in [("dcoefficient", 0), ("dbias", 1)] {
        check.compare(name, &expected[k], &found[k], |i| {
            1.5 * EPSILON * steps * f64::from(sizes[k][i]) + FLUSH * steps
        });
    }
    Ok(check.outcome("subsample_grad_parameters", format!("{size:?}, {dims:?} {values:?}")))
}
