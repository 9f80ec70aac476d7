//! The mean squared error against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::squared_error::squared_error;
use crate::tensor::Tensor;

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for values in Values::ALL {
        out.push(case(device, [5, 37], true, values)?);
    }
    out.push(case(device, [1, 1], true, Values::Ordinary)?);
    out.push(case(device, [13, 784], true, Values::Wide)?);
    out.push(case(device, [100, 784], false, Values::Ordinary)?);
    Ok(())
}

/// One call on `[rows, columns]`, with or without a gradient.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, dims: [usize; 2], gradient: bool, values: Values) -> Result<Outcome> {
    let [rows, columns] = dims;
    let mut inputs = Inputs::new((rows * 1019 + columns) as u64);
    let x = inputs.values(values, rows * columns);
    let target = inputs.values(values, rows * columns);
    let scale = 0.37;
    let run = |device: &Device| {
        let x = Tensor::from_f32(device, &dims, &x)?;
        let target = Tensor::from_f32(device, &dims, &target)?;
        let mut loss = Tensor::from_f32(device, &[rows + 5], &vec![7.0; rows + 5])?;
        let mut dx = Tensor::zeros(device, &dims)?;
        squared_error(&x, &target, scale, (&mut loss, 1), gradient.then_some(&mut dx))?;
        Ok((loss.to_vec()?, dx.to_vec()?))
    };
    let (expected, found) = both(device, run)?;
    let n = columns.max(1) as f64;
    let differences: Vec<f64> =
        x.iter().zip(&target).map(|(x, t)| f64::from(*x) - f64::from(*t)).collect();
    // A square errs by 3 EPSILON, a sum by as many as it has terms, the quotient by 2.5; flushing changes
    // a difference by 2 FLUSH. 1.5 for both devices together.
    let loss = |i: usize| {
        let Some(row) = i.checked_sub(1).filter(|&r| r < rows) else { return 0.0 };
        let row = &differences[row * columns..][..columns];
        let squares: f64 = row.iter().map(|d| d * d).sum();
        let flushed: f64 = row.iter().map(|d| FLUSH * (1.0 + 4.0 * d.abs())).sum();
        1.5 * EPSILON * (n + 6.0) * squares / n + flushed / n + FLUSH
    };
    let slope = 2.0 * f64::from(scale) / n;
    let mut check = Check::default();
    check.compare("loss", &expected.0, &found.0, loss);
    check.compare("dx", &expected.1, &found.1, |i| {
        1.5 * EPSILON * 3.0 * slope * differences[i].abs() + FLUSH * (1.0 + 2.0 * slope)
    });
    let form = if gradient { "" } else { " loss alone" };
    Ok(check.outcome("squared_error", format!("{dims:?}{form} {values:?}")))
}
