//! Reductions against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::tensor::Tensor;

/// All reductions.
pub const REDUCTIONS: [Reduction; 5] =
    [Reduction::Sum, Reduction::SumOfSquares, Reduction::Max, Reduction::Min, Reduction::NonFinite];

/// All directions.
pub const AXES: [Axis; 3] = [Axis::Rows, Axis::Columns, Axis::All];

/// One call on `[rows, columns]`.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    what: Reduction,
    axis: Axis,
    [rows, columns]: [usize; 2],
    values: Values,
) -> Result<Outcome> {
    let scale = 0.7f32;
    let mut inputs = Inputs::new((rows * 1009 + columns) as u64);
    let x = inputs.values(values, rows * columns);
    let run = |device: &Device| {
        let x = Tensor::from_f32(device, &[rows, columns], &x)?;
        reduce(what, axis, scale, &x)?.to_vec()
    };
    let (expected, found) = both(device, run)?;
    let (lines, length) = match axis {
        Axis::Rows => (rows, columns),
        Axis::Columns => (columns, rows),
        Axis::All => (1, rows * columns),
    };
    let mut sizes = vec![0f64; lines];
    for (i, &x) in x.iter().enumerate() {
        let line = match axis {
            Axis::Rows => i / columns,
            Axis::Columns => i % columns,
            Axis::All => 0,
        };
        let x = f64::from(x).abs();
        sizes[line] += if what == Reduction::SumOfSquares { x * x } else { x };
    }
    // What the kernel promises for its tree, one more for a square, one for the factor, and the CPU's
    // two roundings of an f64 sum; and every element, square or partial sum may be flushed.
    let steps = length.div_ceil(64) as f64 + 12.0 + 4.0;
    let mut check = Check::default();
    check.compare("out", &expected, &found, |line| match what {
        Reduction::Sum | Reduction::SumOfSquares => {
            steps * EPSILON * sizes[line] + FLUSH * (2.0 * length as f64 + 1.0)
        }
        // The factor alone rounds; a subnormal extremum may be flushed.
        _ => 1.5 * EPSILON * f64::from(expected[line]).abs() + 2.0 * FLUSH,
    });
    Ok(check.outcome("reduce", format!("{what:?} {axis:?}, [{rows}, {columns}] {values:?}")))
}
