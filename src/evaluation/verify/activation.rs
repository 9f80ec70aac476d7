//! Activations against the CPU path.

use super::compare::{Check, EPSILON, FLUSH};
use super::inputs::{Inputs, Values};
use super::{Outcome, both};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::activation::{Activation, activate, activate_in_place};
use crate::tensor::Tensor;

/// All activations.
pub const ACTIVATIONS: [Activation; 6] = [
    Activation::Identity,
    Activation::Sigmoid,
    Activation::Tanh,
    Activation::Relu,
    Activation::Softplus,
    Activation::ScaledTanh,
];

/// How far f(x) may differ between a GPU and the CPU, from the accuracy that WGSL asks of its built-ins
/// (in units in the last place, each at most EPSILON relative): exp (3 + 2|x|), division 2.5, log an
/// absolute 2⁻²¹ on [½, 2], tanh an absolute 1e-5; one more for each addition or multiplication, and two
/// for the CPU's own path.
pub fn tolerance(f: Activation, x: f64) -> f64 {
    // Past 104 exp(−|x|) is 0 in f32.
    let size = x.abs().min(104.0);
    let e = (-size).exp();
    let exp_error = EPSILON * (3.0 + 2.0 * size);
    match f {
        Activation::Identity | Activation::Relu => FLUSH,
        Activation::Tanh => 1e-5,
        Activation::ScaledTanh => 1.7159 * 1e-5 + 8.0 * EPSILON,
        // y = e/(1 + e) or 1/(1 + e): e's relative error counts whole, or e/(1 + e) ≤ e of it.
        Activation::Sigmoid => {
            let y = if x >= 0.0 { 1.0 / (1.0 + e) } else { e / (1.0 + e) };
            let share = if x >= 0.0 { e } else { 1.0 };
            y * (share * exp_error + 6.0 * EPSILON) + FLUSH
        }
        // max(x, 0) + ln(1 + e), where the shader switches to e − e²/2 below e = 1e-3: its remainder is
        // e³/3 there, less than 3.4e-7 of e.
        Activation::Softplus => {
            let tail = if e < 0.9e-3 {
                e * (exp_error + 6.0 * EPSILON)
            } else {
                2f64.powi(-21) + e * exp_error + 2.0 * EPSILON
            };
            tail + 2.0 * EPSILON * x.max(0.0) + FLUSH
        }
    }
}

/// How much faster than x the function grows at most.
pub fn slope(f: Activation) -> f64 {
    match f {
        Activation::Sigmoid => 0.25,
        Activation::ScaledTanh => 1.7159 * 2.0 / 3.0,
        _ => 1.0,
    }
}

/// One call on `n` numbers.
///
/// # Errors
/// The device's own.
pub fn case(
    device: &Device,
    f: Activation,
    in_place: bool,
    n: usize,
    values: Values,
) -> Result<Outcome> {
    let x = Inputs::new(n as u64).values(values, n);
    let run = |device: &Device| {
        let mut t = Tensor::from_f32(device, &[n], &x)?;
        if in_place {
            activate_in_place(f, &mut t)?;
            return t.to_vec();
        }
        let mut y = Tensor::for_output(device, &[n])?;
        activate(f, &t, &mut y)?;
        y.to_vec()
    };
    let (expected, found) = both(device, run)?;
    let mut check = Check::default();
    check.compare("y", &expected, &found, |i| tolerance(f, f64::from(x[i])));
    let place = if in_place { ", in place" } else { "" };
    Ok(check.outcome("activation", format!("{f:?}{place}, {n} {values:?}")))
}
