//! The gradient of trained subsampling with respect to its input, against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::subsample::output_size;
use crate::kernels::subsample_grad_input::subsample_grad_input;
use crate::tensor::Tensor;

/// One call for pictures `[B, C, H, W]`: one product a pixel.
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
    let [oh, ow] = output_size("subsample_grad_input", size, [h, w])?;
    let mut inputs = Inputs::new((h * 1009 + w) as u64);
    let dz = inputs.values(values, b * c * oh * ow);
    let coefficient = inputs.values(Values::Ordinary, c);
    let (expected, found) = both(device, |device| {
        let dz = Tensor::from_f32(device, &[b, c, oh, ow], &dz)?;
        let coefficient = Tensor::from_f32(device, &[c], &coefficient)?;
        let mut dx = Tensor::for_output(device, &dims)?;
        subsample_grad_input(&dz, size, &coefficient, &mut dx)?;
        dx.to_vec()
    })?;
    let mut check = Check::default();
    // Operands that are flushed change the product by at most twice as much.
    check.compare("dx", &expected, &found, |i| {
        1.5 * EPSILON * f64::from(expected[i]).abs() + 3.0 * FLUSH
    });
    Ok(check.outcome("subsample_grad_input", format!("{size:?}, {dims:?} {values:?}")))
}
