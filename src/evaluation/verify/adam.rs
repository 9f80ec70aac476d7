//! Adam against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::adam::{Adam, adam};
use crate::tensor::Tensor;

/// The standard set.
pub(super) fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
    for update in [1, 1000] {
        for values in Values::ALL {
            out.push(case(device, update, &[1009], values)?);
        }
        out.push(case(device, update, &[6, 1, 5, 5], Values::Ordinary)?);
    }
    Ok(())
}

/// One step of a parameter of this shape.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, update: u64, dims: &[usize], values: Values) -> Result<Outcome> {
    let step = Adam {
        learning_rate: 0.01,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.1,
        update,
    };
    let n = dims.iter().product();
    let mut inputs = Inputs::new(n as u64);
    let [g, m, v, w] = [0; 4].map(|_| inputs.values(values, n));
    // Mean squares: not negative. The square root of infinity is open on GPUs.
    let v: Vec<f32> = v.iter().map(|v| if v.is_infinite() { 1.0 } else { v.abs() }).collect();
    let run = |device: &Device| {
        let gradient = Tensor::from_f32(device, dims, &g)?;
        let mut m = Tensor::from_f32(device, dims, &m)?;
        let mut v = Tensor::from_f32(device, dims, &v)?;
        let mut w = Tensor::from_f32(device, dims, &w)?;
        adam(&step, &gradient, &mut m, &mut v, &mut w)?;
        Ok([m.to_vec()?, v.to_vec()?, w.to_vec()?])
    };
    let (expected, found) = both(device, run)?;
    let size = |x: &[f32], i: usize| f64::from(x[i]).abs();
    // Each operation errs by EPSILON of the magnitudes that it joins, or flushes; the root by 4.5, the
    // quotient by 2.5. 1.5 for both devices.
    let mean = |i: usize| 0.9 * size(&m, i) + 0.1 * size(&g, i);
    let square = |i: usize| 0.999 * size(&v, i) + 0.001 * size(&g, i).powi(2);
    let [correction1, correction2] = [0.9f64, 0.999].map(|beta| 1.0 - beta.powf(update as f64));
    let mut check = Check::default();
    check.compare("m", &expected[0], &found[0], |i| 1.5 * EPSILON * 3.0 * mean(i) + 3.0 * FLUSH);
    check.compare("v", &expected[1], &found[1], |i| 1.5 * EPSILON * 4.0 * square(i) + 4.0 * FLUSH);
    check.compare("w", &expected[2], &found[2], |i| {
        let deviation = (square(i) / correction2).sqrt() + 1e-8;
        let rate = 0.01 / correction1 / deviation;
        // Where v is flushed, the deviation lacks this much.
        let lost = (4.0 * FLUSH / correction2).sqrt() / deviation;
        let change = rate * mean(i) * (15.0 * EPSILON + lost) + rate * 4.0 * FLUSH;
        1.5 * (2.0 * EPSILON * size(&w, i) + change) + 4.0 * FLUSH
    });
    Ok(check.outcome("adam", format!("{dims:?} update {update} {values:?}")))
}
