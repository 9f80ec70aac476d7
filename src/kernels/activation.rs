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
        }
    }
}

/// 1 / (1 + exp(−x)), computed from exp(−|x|).
#[inline(always)]
pub fn sigmoid(x: f32) -> f32 {
    let e = (-x.abs()).exp();
    (if x >= 0.0 { 1.0 } else { e }) / (1.0 + e)
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
