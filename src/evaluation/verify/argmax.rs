//! Choices against the CPU path, exactly.

use super::compare::Check;
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::argmax::{Extreme, argmax};
use crate::tensor::Tensor;

/// Both.
pub const EXTREMES: [Extreme; 2] = [Extreme::Largest, Extreme::Smallest];

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for extreme in EXTREMES {
        for values in Values::ALL {
            out.push(case(device, [101, 10], extreme, values)?);
        }
        out.push(case(device, [7, 1009], extreme, Values::Ordinary)?);
    }
    Ok(())
}

/// Rows in which the extremes stand twice or more, here and there as zeros of both signs.
pub(super) fn ties(inputs: &mut Inputs, [rows, columns]: [usize; 2], values: Values) -> Vec<f32> {
    let mut x = inputs.values(values, rows * columns);
    for (r, row) in x.chunks_mut(columns.max(1)).enumerate() {
        match r % 4 {
            0 => {}
            1 => row.reverse(),
            // Each number twice or three times.
            2 => (0..row.len()).for_each(|c| row[c] = row[c / 3]),
            _ => {
                let word = inputs.below(8, row.len());
                // Zeros, with a number of one sign between them.
                row.iter_mut().zip(word).for_each(|(x, word)| match word {
                    0..3 => *x = 0.0,
                    3..6 => *x = -0.0,
                    _ if r % 8 == 3 => *x = x.abs(),
                    _ => *x = -x.abs(),
                });
            }
        }
    }
    x
}

/// One call on `[rows, columns]`.
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
    let x = ties(&mut Inputs::new((rows * 1021 + columns) as u64), dims, values);
    let run = |device: &Device| {
        let x = Tensor::from_f32(device, &dims, &x)?;
        let mut chosen = Tensor::from_u32(device, &[rows + 5], &vec![77; rows + 5])?;
        argmax(&x, extreme, (&mut chosen, 4))?;
        chosen.to_words()
    };
    let (expected, found) = both(device, run)?;
    let mut check = Check::default();
    check.exact("chosen", &expected, &found);
    Ok(check.outcome("argmax", format!("{dims:?} {extreme:?} {values:?}")))
}
