//! Radial basis function units against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::rbf::rbf;
use crate::tensor::Tensor;

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for values in Values::ALL {
        out.push(case(device, [5, 7, 19], values)?);
    }
    for dims in [[1, 1, 1], [3, 2, 0], [100, 10, 84], [3, 5, 1009]] {
        out.push(case(device, dims, Values::Wide)?);
    }
    Ok(())
}

/// One call for B cases, N centres and D numbers each: `dims` is `[B, N, D]`. One centre is a case itself,
/// so that a distance is 0.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, dims: [usize; 3], values: Values) -> Result<Outcome> {
    let [b, n, d] = dims;
    let mut inputs = Inputs::new(((b * 1009 + n) * 1009 + d) as u64);
    let x = inputs.values(values, b * d);
    let mut w = inputs.values(values, n * d);
    if b > 0 && n > 1 {
        w[..d].copy_from_slice(&x[..d]);
    }
    let run = |device: &Device| {
        let x = Tensor::from_f32(device, &[b, d], &x)?;
        let w = Tensor::from_f32(device, &[n, d], &w)?;
        let mut y = Tensor::for_output(device, &[b, n])?;
        rbf(&x, &w, &mut y)?;
        y.to_vec()
    };
    let (expected, found) = both(device, run)?;
    let mut check = Check::default();
    // A square errs by 3 EPSILON, the sum by as many as it has terms; flushing changes a difference by
    // 2 FLUSH. 1.5 for both devices together.
    check.compare("y", &expected, &found, |at| {
        let (x, w) = (&x[at / n * d..][..d], &w[at % n * d..][..d]);
        let differences = || x.iter().zip(w).map(|(x, w)| f64::from(*x) - f64::from(*w));
        let squares: f64 = differences().map(|d| d * d).sum();
        let flushed: f64 = differences().map(|d| FLUSH * (1.0 + 4.0 * d.abs())).sum();
        1.5 * EPSILON * (d as f64 + 3.0) * squares + flushed
    });
    Ok(check.outcome("rbf", format!("{dims:?} {values:?}")))
}
