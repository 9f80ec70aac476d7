//! Steepest descent with momentum, one dispatch for all parameters that lie in one buffer.

use std::sync::Arc;

use rayon::prelude::*;

use super::moved::{Moved, Run, runs};
use super::{GRAIN, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Cpu, Gpu, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("sgd");

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
    sgd_all(step, &mut [Moved { gradient, memories: vec![velocity], value: w, decays: true }])
}

/// As [`sgd`], of many parameters, whose only memory is the velocity; `weight_decay` is for those that decay. Those that
/// lie behind each other in one buffer of a GPU, with their gradients and velocities, are one dispatch as long as
/// none that decays comes behind one that does not.
///
/// # Errors
/// As [`sgd`].
pub fn sgd_all(step: &Sgd, parameters: &mut [Moved<'_>]) -> Result<()> {
    let op = "sgd";
    step.validate()?;
    let kept = (&["the velocity"][..], "a parameter has one memory, its velocity");
    let Some(device) = Moved::check(op, parameters, kept)? else { return Ok(()) };
    match device.backend() {
        Backend::Cpu(cpu) => parameters.iter_mut().try_for_each(|p| on_host(cpu, step, p)),
        Backend::Gpu(gpu) => runs(parameters)?.iter().try_for_each(|run| on_gpu(gpu, step, run)),
    }
}

fn cost(count: usize) -> Cost {
    Cost { flops: 6 * count as u64, bytes: 20 * count as u64 }
}

fn on_host(cpu: &Cpu, step: &Sgd, parameter: &mut Moved<'_>) -> Result<()> {
    let step =
        Sgd { weight_decay: if parameter.decays { step.weight_decay } else { 0.0 }, ..*step };
    let count = parameter.value.shape().len();
    let gradient = parameter.gradient.host()?.f32();
    let velocity = parameter.memories[0].host_mut()?.f32_mut();
    let w = parameter.value.host_mut()?.f32_mut();
    cpu.run("sgd", cost(count), || {
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

fn on_gpu(gpu: &Arc<Gpu>, step: &Sgd, run: &Run<'_, 1>) -> Result<()> {
    let params = [
        run.elements as u32,
        u32::from(step.nesterov),
        step.learning_rate.to_bits(),
        step.momentum.to_bits(),
        step.weight_decay.to_bits(),
        run.decaying as u32,
        0,
        0,
    ];
    gpu.record(Command {
        op: "sgd",
        shader: &SHADER,
        constants: &[],
        params: bytemuck::bytes_of(&params),
        binds: &[
            Bind::ReadAll(&run.gradients),
            Bind::UpdateAll(&run.memories[0]),
            Bind::UpdateAll(&run.values),
        ],
        loops: 0,
        groups: groups(run.elements, gpu.size(&SHADER, "WORKGROUP")?),
        cost: cost(run.counted),
    })
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::moved::proof::together;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("sgd", &[&SHADER], standard, bench)
        .ahead(ahead)
        .slip(["params.rate * direction", "params.rate * direction * 1.001"]);

    fn ahead(_: &Gpu) -> Vec<Variant> {
        vec![(&SHADER, Vec::new())]
    }

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for nesterov in [false, true] {
            for values in Values::ALL {
                out.push(case(device, nesterov, &[1009], values)?);
            }
            out.push(case(device, nesterov, &[6, 1, 5, 5], Values::Ordinary)?);
            let step = Sgd { learning_rate: 0.3, momentum: 0.9, nesterov, weight_decay: 0.01 };
            out.push(together("sgd", device, 1, &|all| sgd_all(&step, all))?);
        }
        Ok(())
    }

    /// One step of a parameter of this shape.
    pub fn case(
        device: &Device,
        nesterov: bool,
        dims: &[usize],
        values: Values,
    ) -> Result<Outcome> {
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

    /// A bias, LeNet-5's largest layer and a million weights; elements are weights.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        // Without a rate the numbers stay ordinary, however often the step is taken.
        let step = Sgd { learning_rate: 0.0, momentum: 0.9, nesterov: true, weight_decay: 1e-4 };
        for n in [120, 48_000, 1 << 20] {
            let (gradient, mut w) = (b.random(&[n], 1)?, b.random(&[n], 2)?);
            let mut velocity = Tensor::zeros(b.device, &[n])?;
            b.case(&n.to_string(), n, || sgd(&step, &gradient, &mut velocity, &mut w))?;
        }
        Ok(())
    }
}
