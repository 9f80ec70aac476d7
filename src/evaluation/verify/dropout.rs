//! Dropout against the CPU path: the same elements stay.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::dropout::dropout;
use crate::random::Draw;
use crate::tensor::Tensor;

/// One call on `dims`. An element that stays where it should not, or the other way round, is out by more
/// than the rounding of one product, but for subnormal numbers.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    rate: f32,
    dims: &[usize],
    draw: &Draw,
    values: Values,
) -> Result<Outcome> {
    let count = dims.iter().product();
    let x = Inputs::new(count as u64).values(values, count);
    let (expected, found) = both(device, |device| {
        let x = Tensor::from_f32(device, dims, &x)?;
        let mut y = Tensor::for_output(device, dims)?;
        dropout(&x, rate, draw, &mut y)?;
        y.to_vec()
    })?;
    let mut check = Check::default();
    check.compare("y", &expected, &found, |i| {
        let flushed = if values == Values::Subnormal { FLUSH / f64::from(1.0 - rate) } else { 0.0 };
        EPSILON * f64::from(expected[i]).abs() + flushed
    });
    Ok(check.outcome("dropout", format!("{rate}, {dims:?} {values:?}")))
}
