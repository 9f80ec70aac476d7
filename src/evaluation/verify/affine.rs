//! Affine maps of pictures against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::affine::affine;
use crate::tensor::Tensor;

/// What maps a case has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maps {
    /// The identity, for which y is x bit for bit.
    Identity,
    /// Turned, scaled and moved by a few pixels.
    Distortions,
    /// Numbers of all magnitudes, infinities and NaN; no finite ones whose sums overflow, since a GPU may
    /// add in another order.
    Extreme,
}

/// Maps `[cases, 6]`.
pub fn maps(kind: Maps, cases: usize) -> Vec<f32> {
    let mut inputs = Inputs::new(cases as u64);
    let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
    let mut all: Vec<f32> = identity.into_iter().cycle().take(cases * 6).collect();
    for (i, m) in all.iter_mut().enumerate() {
        let u = inputs.values(Values::Ordinary, 1)[0];
        match kind {
            Maps::Identity => {}
            Maps::Distortions => *m += if i % 3 == 2 { 2.0 * u } else { 0.2 * u },
            Maps::Extreme => {
                let extremes = [
                    1e30,
                    f32::INFINITY,
                    -1e30,
                    f32::NAN,
                    f32::NEG_INFINITY,
                    2_147_483_648.0,
                    -4_294_967_296.0,
                    1e-40,
                    1e36,
                ];
                if inputs.below(3, 1)[0] == 0 {
                    *m = extremes[inputs.below(extremes.len() as u32, 1)[0] as usize];
                }
            }
        }
    }
    all
}

/// One call on `[B, C, H, W]`. A position errs by three units of its terms, which moves the value by as
/// much of the distance of two pixels; the interpolation itself is three differences, products and sums.
///
/// # Errors
/// The device's own.
pub fn case(device: &Device, kind: Maps, dims: [usize; 4], values: Values) -> Result<Outcome> {
    let [b, c, h, w] = dims;
    let count = dims.iter().product();
    let x = Inputs::new(count as u64).values(values, count);
    let all = maps(kind, b);
    let fill = -0.1;
    let (expected, found) = both(device, |device| {
        let x = Tensor::from_f32(device, &dims, &x)?;
        let maps = Tensor::from_f32(device, &[b, 6], &all)?;
        let mut y = Tensor::for_output(device, &dims)?;
        affine(&x, &maps, fill, &mut y)?;
        y.to_vec()
    })?;
    let mut check = Check::default();
    if kind == Maps::Identity {
        check.compare("x", &x, &found, |_| if values == Values::Subnormal { FLUSH } else { 0.0 });
    } else {
        let largest = x.iter().fold(fill.abs(), |m, x| m.max(x.abs()));
        let largest = f64::from(largest);
        check.compare("y", &expected, &found, |at| {
            let (plane, i, j) = (at / (h * w), at / w % h, at % w);
            let m = &all[plane / c * 6..][..6];
            let terms = |m: &[f32]| {
                let m = |k: usize| f64::from(m[k]).abs();
                m(0) * i as f64 + m(1) * j as f64 + m(2)
            };
            let moved = 4.0 * EPSILON * (terms(&m[..3]) + terms(&m[3..]));
            2.0 * largest * moved + 12.0 * EPSILON * largest + FLUSH * 8.0
        });
    }
    Ok(check.outcome("affine", format!("{kind:?}, {dims:?} {values:?}")))
}
