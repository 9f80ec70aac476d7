//! y = f(x), element by element, in forms that neither overflow nor lose small values.

use rayon::prelude::*;

use super::{GRAIN, expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub static SHADER: Shader = shader!("activation", "activation");

/// A function of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Activation {
    /// x.
    #[default]
    Identity = 0,
    /// 1 / (1 + exp(−x)).
    Sigmoid = 1,
    /// tanh x.
    Tanh = 2,
    /// max(x, 0).
    Relu = 3,
    /// ln(1 + exp x).
    Softplus = 4,
    /// 1.7159·tanh(2x/3), LeNet-5's (LeCun et al. 1998, appendix A): f(±1) = ±1, and its slope is
    /// steepest in between.
    ScaledTanh = 5,
}

impl Activation {
    /// The function on the host; the CPU path of every kernel that activates.
    ///
    /// ```
    /// use harmonium::kernels::activation::Activation;
    /// assert_eq!(Activation::Sigmoid.apply(0.0), 0.5);
    /// assert_eq!(Activation::Sigmoid.apply(-1000.0), 0.0);
    /// assert_eq!(Activation::Softplus.apply(1000.0), 1000.0);
    /// ```
    #[inline(always)]
    pub fn apply(self, x: f32) -> f32 {
        match self {
            Activation::Identity => x,
            Activation::Sigmoid => sigmoid(x),
            Activation::Tanh => x.tanh(),
            Activation::Relu => {
                if x < 0.0 {
                    0.0
                } else {
                    x
                }
            }
            Activation::Softplus => softplus(x),
            Activation::ScaledTanh => 1.7159 * (x * (2.0 / 3.0)).tanh(),
        }
    }
}

/// 1 / (1 + exp(−x)), computed from exp(−|x|); within 4 units in the last place, and 0 below −87.3.
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = exp_of_negative(-x.abs());
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
}

/// exp(x) for x ≤ 0, or NaN: x = n·ln 2 + r, a polynomial for exp r, and 2ⁿ through the exponent's bits.
/// Without a call and without a branch, so that loops over it become vector code (the library's exp
/// took five times as long).
#[inline(always)]
pub(crate) fn exp_of_negative(x: f32) -> f32 {
    // Adding and subtracting 1.5·2²³ rounds to an integer.
    const ROUND: f32 = 12_582_912.0;
    let clamped = if x < -87.3 { -87.3 } else { x };
    let shifted = clamped * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts: n times the first is exact.
    let r = (clamped - n * 0.693_359_4) + n * 2.121_944_4e-4;
    let series = 1.0
        + r * (1.0
            + r * (0.5
                + r * (1.666_666_6e-1
                    + r * (4.166_579_6e-2 + r * (8.333_452e-3 + r * 1.398_2e-3)))));
    let scale = f32::from_bits((shifted.to_bits() << 23).wrapping_add(0x3f80_0000));
    if x < -87.3 { 0.0 } else { series * scale }
}

/// ln(1 + exp x) = max(x, 0) + ln(1 + exp(−|x|)).
#[inline(always)]
pub fn softplus(x: f32) -> f32 {
    if x.is_nan() { x } else { x.max(0.0) + (-x.abs()).exp().ln_1p() }
}

/// `y = f(x)`; both of one shape. NaN gives NaN.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn activate(f: Activation, x: &Tensor, y: &mut Tensor) -> Result<()> {
    expect("activation", "y", y, x.device(), x.shape().dims())?;
    run(f, Some(x), y)
}

/// `x = f(x)`.
///
/// # Errors
/// As [`activate`].
pub fn activate_in_place(f: Activation, x: &mut Tensor) -> Result<()> {
    let device = x.device().clone();
    let dims = x.shape().dims().to_vec();
    expect("activation", "x", x, &device, &dims)?;
    run(f, None, x)
}

fn run(f: Activation, x: Option<&Tensor>, y: &mut Tensor) -> Result<()> {
    let count = y.shape().len();
    let cost = Cost { flops: 4 * count as u64, bytes: 8 * count as u64 };
    match y.device().clone().backend() {
        Backend::Cpu(cpu) => {
            let y = y.host_mut()?.f32_mut();
            let x = x.map(|x| x.host()).transpose()?;
            cpu.run("activation", cost, || {
                if let Some(x) = x {
                    y.copy_from_slice(x.f32());
                }
                y.par_chunks_mut(GRAIN).for_each(|chunk| {
                    chunk.iter_mut().for_each(|v| *v = f.apply(*v));
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let (x_bind, y_bind) = match x {
                Some(x) => (Bind::Read(x.gpu()?), Bind::Write(y.gpu()?)),
                None => (Bind::Unused, Bind::Update(y.gpu()?)),
            };
            gpu.record(Command {
                op: "activation",
                shader: &SHADER,
                constants: &[("ACTIVATION", f as u32), ("IN_PLACE", flag(x.is_none()))],
                params: bytemuck::bytes_of(&[count as u32, 0, 0, 0]),
                binds: &[x_bind, y_bind],
                groups: groups(count, SHADER.constant("WORKGROUP")),
                cost,
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{exp_of_negative, sigmoid};

    #[test]
    fn the_exponential_is_right_to_the_last_places() {
        let mut worst = 0.0f64;
        for i in 0..=873_000 {
            let x = i as f32 * -1e-4;
            let exact = f64::from(x).exp();
            worst = worst.max(((f64::from(exp_of_negative(x)) - exact) / exact).abs());
        }
        assert!(worst < 3.0 * f64::from(f32::EPSILON), "{worst:e}");
        assert_eq!(exp_of_negative(0.0), 1.0);
        assert_eq!(exp_of_negative(f32::NEG_INFINITY), 0.0);
        assert!(exp_of_negative(f32::NAN).is_nan());
        assert!(sigmoid(f32::NAN).is_nan());
        assert_eq!([f32::NEG_INFINITY, 0.0, f32::INFINITY].map(sigmoid), [0.0, 0.5, 1.0]);
    }
}
