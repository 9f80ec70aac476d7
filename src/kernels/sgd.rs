//! Steepest descent with momentum, one dispatch per parameter.

use rayon::prelude::*;

use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub static SHADER: Shader = shader!("sgd");

/// The step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// η, the learning rate: finite, 0 or more.
    pub learning_rate: f32,
    /// μ in [0, 1).
    pub momentum: f32,
    /// Whether the gradient counts as taken ahead, at w + μv (Nesterov 1983, in the form of Sutskever et
    /// al. 2013 as PyTorch has it).
    pub nesterov: bool,
    /// λ: λ·w is added to the gradient. Finite, 0 or more.
    pub weight_decay: f32,
}

/// Refuses a setting that is negative or not finite.
pub(super) fn require_not_negative(name: &str, value: f32) -> Result<()> {
    if value.is_finite() && value >= 0.0 {
        return Ok(());
    }
    Err(Error::setting(name, format!("{value} is outside the range: finite, 0 or more")))
}

/// Refuses a setting outside [0, 1).
pub(super) fn require_fraction(name: &str, value: f32) -> Result<()> {
    if (0.0..1.0).contains(&value) {
        return Ok(());
    }
    Err(Error::setting(name, format!("{value} is outside the range: at least 0, below 1")))
}

/// Elements up to which a parameter is updated on the thread that asks: others would wake too late.
pub(super) const FEW: usize = 4 * GRAIN;

impl Sgd {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the field and its range.
    pub fn validate(&self) -> Result<()> {
        require_not_negative("learning_rate", self.learning_rate)?;
        require_fraction("momentum", self.momentum)?;
        require_not_negative("weight_decay", self.weight_decay)
    }

    fn on_cpu(&self, gradient: &[f32], velocity: &mut [f32], w: &mut [f32]) {
        let Sgd { learning_rate: rate, momentum, nesterov, weight_decay: decay } = *self;
        let elements = gradient.iter().zip(velocity).zip(w);
        if nesterov {
            for ((g, v), w) in elements {
                let g = g + decay * *w;
                *v = momentum * *v + g;
                *w -= rate * (g + momentum * *v);
            }
        } else {
            for ((g, v), w) in elements {
                *v = momentum * *v + (g + decay * *w);
                *w -= rate * *v;
            }
        }
    }
}

/// With g = gradient + λw: `velocity = μ·velocity + g`, `w = w − η·velocity`, or with Nesterov
/// `w = w − η·(g + μ·velocity)`. All of one shape, whatever it is; NaN propagates.
///
/// This is PyTorch's rule with a dampening of 0: the velocity starts at 0, so the first is g itself, and η
/// stands outside the velocity, so that a change of η acts at once. `velocity` must hold zeros before the
/// first step.
///
/// ```
/// use harmonium::kernels::sgd::{Sgd, sgd};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let step = Sgd { learning_rate: 0.5, momentum: 0.5, nesterov: false, weight_decay: 0.0 };
/// let g = Tensor::from_f32(&device, &[1], &[1.0])?;
/// let mut velocity = Tensor::zeros(&device, &[1])?;
/// let mut w = Tensor::from_f32(&device, &[1], &[2.0])?;
/// sgd(&step, &g, &mut velocity, &mut w)?;
/// assert_eq!((velocity.to_vec()?[0], w.to_vec()?[0]), (1.0, 1.5));
/// sgd(&step, &g, &mut velocity, &mut w)?;
/// assert_eq!((velocity.to_vec()?[0], w.to_vec()?[0]), (1.5, 0.75));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`], [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`],
/// [`Error::DeviceLost`].
pub fn sgd(step: &Sgd, gradient: &Tensor, velocity: &mut Tensor, w: &mut Tensor) -> Result<()> {
    let op = "sgd";
    step.validate()?;
    let dims = *w.shape();
    let device = w.device().clone();
    expect(op, "w", w, &device, dims.dims())?;
    expect(op, "the gradient", gradient, &device, dims.dims())?;
    expect(op, "the velocity", velocity, &device, dims.dims())?;
    let count = dims.len();
    let cost = Cost { flops: 6 * count as u64, bytes: 20 * count as u64 };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let gradient = gradient.host()?.f32();
            let velocity = velocity.host_mut()?.f32_mut();
            let w = w.host_mut()?.f32_mut();
            cpu.run(op, cost, || {
                if count <= FEW {
                    return step.on_cpu(gradient, velocity, w);
                }
                let state = velocity.par_chunks_mut(GRAIN).zip(w.par_chunks_mut(GRAIN));
                state
                    .zip(gradient.par_chunks(GRAIN))
                    .for_each(|((velocity, w), gradient)| step.on_cpu(gradient, velocity, w));
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let params = [
                count as u32,
                u32::from(step.nesterov),
                step.learning_rate.to_bits(),
                step.momentum.to_bits(),
                step.weight_decay.to_bits(),
                0,
                0,
                0,
            ];
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[],
                params: bytemuck::bytes_of(&params),
                binds: &[
                    Bind::Read(gradient.gpu()?),
                    Bind::Update(velocity.gpu()?),
                    Bind::Update(w.gpu()?),
                ],
                groups: groups(count, SHADER.constant("WORKGROUP")),
                cost,
            })
        }
    }
}
