//! Element-wise arithmetic against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::tensor::Tensor;

/// One of every function.
pub const FUNCTIONS: [Elementwise; 6] = [
    Elementwise::Combine(0.75, -1.5),
    Elementwise::Multiply,
    Elementwise::Divide,
    Elementwise::SquaredDifference,
    Elementwise::Affine(-2.5, 0.3),
    Elementwise::Clamp(-0.5, 0.75),
];

/// What y is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Y {
    /// One per element.
    Same,
    /// One per column.
    Column,
    /// One per row.
    Row,
}

/// How far f(x, y) may differ: each operation errs by EPSILON relative on a GPU (division 2.5) and half
/// of that on the CPU, and an argument or result may be flushed.
fn tolerance(f: Elementwise, x: f64, y: f64) -> f64 {
    let (x, y) = (x.abs(), y.abs());
    match f {
        // Two products and a sum, of at most |αx| + |βy|.
        Elementwise::Combine(a, b) => {
            let (a, b) = (f64::from(a).abs(), f64::from(b).abs());
            3.0 * EPSILON * (a * x + b * y) + FLUSH * (1.0 + a + b)
        }
        Elementwise::Affine(a, b) => {
            let (a, b) = (f64::from(a).abs(), f64::from(b).abs());
            3.0 * EPSILON * (a * x + b) + FLUSH * (1.0 + a)
        }
        Elementwise::Multiply => 1.5 * EPSILON * x * y + FLUSH * (1.0 + x + y),
        Elementwise::Divide => 3.0 * EPSILON * x / y + FLUSH * (1.0 + 1.0 / y),
        // The difference errs relative to itself, which the square doubles, and the square itself.
        Elementwise::SquaredDifference => {
            let d = x + y;
            4.5 * EPSILON * d * d + FLUSH * (1.0 + 2.0 * d)
        }
        Elementwise::Clamp(..) => FLUSH,
    }
}

/// One call on `[rows, columns]`.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    f: Elementwise,
    kind: Y,
    in_place: bool,
    [rows, columns]: [usize; 2],
    values: Values,
) -> Result<Outcome> {
    let mut inputs = Inputs::new((rows * 1009 + columns) as u64);
    let x = inputs.values(values, rows * columns);
    let y_dims: &[usize] = match kind {
        Y::Same => &[rows, columns],
        Y::Column => &[columns],
        Y::Row => &[rows, 1],
    };
    let unary = matches!(f, Elementwise::Affine(..) | Elementwise::Clamp(..));
    // WGSL promises nothing about division by subnormal numbers.
    let y_values = if f == Elementwise::Divide { Values::Ordinary } else { values };
    let y = inputs.values(y_values, y_dims.iter().product());
    let run = |device: &Device| {
        let mut a = Tensor::from_f32(device, &[rows, columns], &x)?;
        let b = Tensor::from_f32(device, y_dims, &y)?;
        let b = (!unary).then_some(&b);
        if in_place {
            elementwise_in_place(f, &mut a, b)?;
            return a.to_vec();
        }
        let mut out = Tensor::for_output(device, &[rows, columns])?;
        elementwise(f, &a, b, &mut out)?;
        out.to_vec()
    };
    let (expected, found) = both(device, run)?;
    let mut check = Check::default();
    check.compare("out", &expected, &found, |i| {
        let other = match kind {
            Y::Same => y[i],
            Y::Column => y[i % columns],
            Y::Row => y[i / columns],
        };
        tolerance(f, f64::from(x[i]), f64::from(other))
    });
    let place = if in_place { ", in place" } else { "" };
    let case = format!("{f:?} y {kind:?}{place}, [{rows}, {columns}] {values:?}");
    Ok(check.outcome("elementwise", case))
}
