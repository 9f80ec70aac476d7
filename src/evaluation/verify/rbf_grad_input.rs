//! The gradient of radial basis function units against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::rbf_grad_input::rbf_grad_input;
use crate::tensor::Tensor;

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for values in Values::ALL {
        out.push(case(device, [5, 7, 19], values)?);
    }
    for dims in [[1, 1, 1], [3, 0, 2], [100, 10, 84]] {
        out.push(case(device, dims, Values::Wide)?);
    }
    Ok(())
}

/// One call for B cases, N centres and D numbers each: `dims` is `[B, N, D]`.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, dims: [usize; 3], values: Values) -> Result<Outcome> {
    let [b, n, d] = dims;
    let mut inputs = Inputs::new(((b * 1009 + n) * 1013 + d) as u64);
    let dy = inputs.values(values, b * n);
    let x = inputs.values(values, b * d);
    let w = inputs.values(values, n * d);
    let run = |device: &Device| {
        let dy = Tensor::from_f32(device, &[b, n], &dy)?;
        let x = Tensor::from_f32(device, &[b, d], &x)?;
        let w = Tensor::from_f32(device, &[n, d], &w)?;
        let mut dx = Tensor::for_output(device, &[b, d])?;
        rbf_grad_input(&dy, &x, &w, &mut dx)?;
        dx.to_vec()
    };
    let (expected, found) = both(device, run)?;
    let mut check = Check::default();
    // A term errs by 2 EPSILON, the sum by as many as it has terms; flushing changes each factor by
    // 2 FLUSH. 1.5 for both devices together.
    check.compare("dx", &expected, &found, |at| {
        let (case, column) = (at / d, at % d);
        let allowed = (0..n).map(|i| {
            let dy = f64::from(dy[case * n + i]).abs();
            let difference = (f64::from(x[at]) - f64::from(w[i * d + column])).abs();
            let size = 2.0 * dy * difference;
            1.5 * EPSILON * (n as f64 + 3.0) * size + FLUSH * (2.0 + 4.0 * (dy + difference))
        });
        allowed.sum()
    });
    Ok(check.outcome("rbf_grad_input", format!("{dims:?} {values:?}")))
}
