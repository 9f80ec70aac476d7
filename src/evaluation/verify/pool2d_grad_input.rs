//! The gradient of a pool against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::pool2d::pooled;
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::pool2d::{Pool, Pooling};
use crate::kernels::pool2d_grad_input::pool2d_grad_input;
use crate::tensor::Tensor;

/// One call for pictures `[B, C, H, W]`, with the indices of the CPU's forward pass. A pixel adds at most
/// one number for each window that covers it, each a quotient of two and a half units.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    pooling: &Pooling,
    dims: [usize; 4],
    values: Values,
) -> Result<Outcome> {
    let [b, c, h, w] = dims;
    let mut inputs = Inputs::new((h * 1009 + w) as u64);
    let x = inputs.values(values, dims.iter().product());
    let (y, indices) = pooled(&Device::cpu(), pooling, dims, &x)?;
    let dy = inputs.values(values, y.len());
    let [oh, ow] = pooling.output_size("pool2d", [h, w])?;
    let run = |device: &Device, dy: &[f32]| {
        let dy = Tensor::from_f32(device, &[b, c, oh, ow], dy)?;
        let mut dx = Tensor::for_output(device, &dims)?;
        let indices = match pooling.pool {
            Pool::Maximum => Some(Tensor::from_u32(device, &[b, c, oh, ow], &indices)?),
            Pool::Average { .. } => None,
        };
        pool2d_grad_input(&dy, pooling, indices.as_ref(), &mut dx)?;
        dx.to_vec()
    };
    let (expected, found) = both(device, |device| run(device, &dy))?;
    let sizes: Vec<f32> = dy.iter().map(|dy| dy.abs()).collect();
    let sizes = run(&Device::cpu(), &sizes)?;
    let windows = |axis: usize| pooling.size[axis].div_ceil(pooling.stride[axis]);
    let steps = (windows(0) * windows(1) + 4) as f64;
    let mut check = Check::default();
    check.compare("dx", &expected, &found, |i| {
        1.5 * EPSILON * steps * f64::from(sizes[i]) + FLUSH * steps
    });
    Ok(check.outcome("pool2d_grad_input", format!("{pooling:?}, {dims:?} {values:?}")))
}
