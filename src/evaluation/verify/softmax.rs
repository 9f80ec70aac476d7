//! Softmax against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::softmax::softmax;
use crate::tensor::Tensor;

/// One call on `[rows, columns]`.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, [rows, columns]: [usize; 2], values: Values) -> Result<Outcome> {
    let x = Inputs::new((rows * 1009 + columns) as u64).values(values, rows * columns);
    let run = |device: &Device| {
        let x = Tensor::from_f32(device, &[rows, columns], &x)?;
        let mut y = Tensor::for_output(device, &[rows, columns])?;
        softmax(&x, &mut y)?;
        y.to_vec()
    };
    let (expected, found) = both(device, run)?;
    let tolerances = x.chunks(columns.max(1)).flat_map(tolerances).collect::<Vec<_>>();
    let mut check = Check::default();
    check.compare("y", &expected, &found, |i| tolerances[i]);
    Ok(check.outcome("softmax", format!("[{rows}, {columns}] {values:?}")))
}

/// For a row: with d = x − max, exp d errs relatively by EPSILON·(3 + 2|d|) and by another EPSILON·|d|
/// for the rounding of d; the sum by the weighted mean of those and by its own additions (in f32 one
/// after another on the CPU, with half the error each; at most as many on a GPU); the quotient by 2.5.
fn tolerances(row: &[f32]) -> Vec<f64> {
    let x = || row.iter().map(|&x| f64::from(x));
    let largest = x().fold(f64::NEG_INFINITY, f64::max);
    let e: Vec<f64> = x().map(|x| (x - largest).exp()).collect();
    let sum: f64 = e.iter().sum();
    // Past 104 the exponential is 0 in f32.
    let distance: Vec<f64> = x().map(|x| (x - largest).abs().min(104.0)).collect();
    let weighted: f64 = e.iter().zip(&distance).map(|(e, d)| e / sum * d).sum();
    let steps = 3.0 + 3.0 * weighted + row.len() as f64 + 8.0;
    e.iter()
        .zip(&distance)
        .map(|(e, d)| 1.5 * EPSILON * (e / sum) * (3.0 + 3.0 * d + steps) + FLUSH * 4.0)
        .collect()
}
