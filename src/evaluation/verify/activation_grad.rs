//! Gradients of activations against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::activation_grad::activation_grad;
use crate::tensor::Tensor;

/// One call on `n` outputs of f. A slope is two factors with an error of a unit each (the softplus's seven
/// steps of a series, or an exponential, 3 + 2y units of it, and a difference); one product more.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, f: Activation, n: usize, values: Values) -> Result<Outcome> {
    let mut inputs = Inputs::new(n as u64);
    let mut y = inputs.values(values, n);
    f.apply_slice(&mut y);
    let dy = inputs.values(values, n);
    let (expected, found) = both(device, |device| {
        let y = Tensor::from_f32(device, &[n], &y)?;
        let mut dy = Tensor::from_f32(device, &[n], &dy)?;
        activation_grad(f, &y, &mut dy)?;
        dy.to_vec()
    })?;
    let mut check = Check::default();
    check.compare("dy", &expected, &found, |i| {
        let size = f64::from(expected[i]).abs();
        let exponential = match f {
            Activation::Softplus => {
                let y = f64::from(y[i]).clamp(0.0, 104.0);
                f64::from(dy[i]).abs() * (-y).exp() * (3.0 + 2.0 * y) + 16.0 * size
            }
            _ => 0.0,
        };
        // A subnormal y or dy may be flushed before it meets the other factor.
        let flushed = FLUSH * (4.0 + f64::from(dy[i]).abs().max(f64::from(y[i]).abs()));
        EPSILON * (exponential + 6.0 * size) + flushed
    });
    Ok(check.outcome("activation_grad", format!("{f:?}, {n} {values:?}")))
}
