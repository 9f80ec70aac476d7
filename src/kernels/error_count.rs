//! Which cases a classifier gets wrong.

use super::argmax::Extreme;
use crate::error::Result;
use crate::tensor::Tensor;

/// `wrong[first_row + b]` is 0 where the column of row b's extreme value (as in
/// [`argmax`](super::argmax::argmax)) is `classes[b]`, else 1. x `[B, N]`, `classes` `[B]` whole numbers as
/// f32; the other elements of `wrong` stay.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn error_count(
    x: &Tensor,
    classes: &Tensor,
    extreme: Extreme,
    (wrong, first_row): (&mut Tensor, usize),
) -> Result<()> {
    let _ = (x, classes, extreme, wrong, first_row);
    Ok(())
}
