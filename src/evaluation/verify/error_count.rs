//! Wrong cases against the CPU path, exactly.

use super::argmax::{EXTREMES, ties};
use super::compare::Check;
use super::cross_entropy::classes;
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::argmax::Extreme;
use crate::kernels::error_count::error_count;
use crate::tensor::Tensor;

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for extreme in EXTREMES {
        for values in Values::ALL {
            out.push(case(device, [101, 10], extreme, values)?);
        }
        out.push(case(device, [29, 1009], extreme, Values::Ordinary)?);
    }
    Ok(())
}

/// One call on `[rows, columns]`: half of the classes are the right ones, every ninth is none.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    dims: [usize; 2],
    extreme: Extreme,
    values: Values,
) -> Result<Outcome> {
    let [rows, columns] = dims;
    let mut inputs = Inputs::new((rows * 1031 + columns) as u64);
    let x = ties(&mut inputs, dims, values);
    let mut classes = classes(&mut inputs, rows, columns);
    for (r, class) in classes.iter_mut().enumerate().filter(|(r, _)| r % 9 != 8 && r % 2 == 0) {
        *class = extreme.column(&x[r * columns..][..columns]) as f32;
    }
    let run = |device: &Device| {
        let x = Tensor::from_f32(device, &dims, &x)?;
        let classes = Tensor::from_f32(device, &[rows], &classes)?;
        let mut wrong = Tensor::from_f32(device, &[rows + 5], &vec![7.0; rows + 5])?;
        error_count(&x, &classes, extreme, (&mut wrong, 4))?;
        wrong.to_vec()
    };
    let (expected, found) = both(device, run)?;
    let mut check = Check::default();
    check.exact_f32("wrong", &expected, &found);
    Ok(check.outcome("error_count", format!("{dims:?} {extreme:?} {values:?}")))
}
