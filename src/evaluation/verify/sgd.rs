//! Steepest descent against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::sgd::{Sgd, sgd};
use crate::tensor::Tensor;

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for nesterov in [false, true] {
        for values in Values::ALL {
            out.push(case(device, nesterov, &[1009], values)?);
        }
        out.push(case(device, nesterov, &[6, 1, 5, 5], Values::Ordinary)?);
    }
    Ok(())
}

/// One step of a parameter of this shape.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, nesterov: bool, dims: &[usize], values: Values) -> Result<Outcome> {
    let step = Sgd { learning_rate: 0.3, momentum: 0.9, nesterov, weight_decay: 0.01 };
    let n = dims.iter().product();
    let mut inputs = Inputs::new(n as u64);
    let [g, v, w] = [0; 3].map(|_| inputs.values(values, n));
    let run = |device: &Device| {
        let gradient = Tensor::from_f32(device, dims, &g)?;
        let mut velocity = Tensor::from_f32(device, dims, &v)?;
        let mut w = Tensor::from_f32(device, dims, &w)?;
        sgd(&step, &gradient, &mut velocity, &mut w)?;
        Ok((velocity.to_vec()?, w.to_vec()?))
    };
    let (expected, found) = both(device, run)?;
    let size = |x: &[f32], i: usize| f64::from(x[i]).abs();
    // Each operation errs by EPSILON of the magnitudes that it joins, or flushes. 1.5 for both devices.
    let slope = |i: usize| size(&g, i) + 0.01 * size(&w, i);
    let velocity = |i: usize| 0.9 * size(&v, i) + slope(i);
    let error = |i: usize| 1.5 * EPSILON * 4.0 * velocity(i) + 6.0 * FLUSH;
    let mut check = Check::default();
    check.compare("velocity", &expected.0, &found.0, error);
    check.compare("w", &expected.1, &found.1, |i| {
        let direction = slope(i) + velocity(i);
        let steps = size(&w, i) + 0.3 * 8.0 * direction;
        1.5 * EPSILON * steps + 12.0 * FLUSH
    });
    let form = if nesterov { "Nesterov" } else { "momentum" };
    Ok(check.outcome("sgd", format!("{dims:?} {form} {values:?}")))
}
