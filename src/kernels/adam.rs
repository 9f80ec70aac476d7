//! Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019), one dispatch for all parameters
//! that lie in one buffer.

use std::sync::Arc;

use rayon::prelude::*;

use super::moved::{Moved, Run, runs};
use super::sgd::{FEW, require_fraction, require_not_negative};
use super::{GRAIN, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Cpu, Gpu, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("adam");

/// The step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// η, the learning rate: finite, 0 or more.
    pub learning_rate: f32,
    /// β₁ in [0, 1).
    pub beta1: f32,
    /// β₂ in [0, 1).
    pub beta2: f32,
    /// ε above 0.
    pub epsilon: f32,
    /// λ: w shrinks by η·λ·w, apart from the gradient. Finite, 0 or more.
    pub weight_decay: f32,
    /// t, the number of this update, counted from 1.
    pub update: u64,
}

/// What the loop needs, computed in f64.
#[derive(Clone, Copy)]
struct Factors {
    beta1: f32,
    beta2: f32,
    /// 1 − β₁ and 1 − β₂.
    new1: f32,
    new2: f32,
    /// η / (1 − β₁ᵗ).
    rate: f32,
    /// 1 / (1 − β₂ᵗ).
    correction2: f32,
    epsilon: f32,
    /// 1 − ηλ.
    keep: f32,
}

impl Adam {
    /// Checks the settings.
    ///
    /// # Errors
    /// [`Error::Setting`], naming the field and its range.
    pub fn validate(&self) -> Result<()> {
        require_not_negative("learning_rate", self.learning_rate)?;
        require_fraction("beta1", self.beta1)?;
        require_fraction("beta2", self.beta2)?;
        require_not_negative("weight_decay", self.weight_decay)?;
        if !self.epsilon.is_finite() || self.epsilon <= 0.0 {
            let detail = format!("{} is outside the range: finite, above 0", self.epsilon);
            return Err(Error::setting("epsilon", detail));
        }
        if self.update == 0 {
            return Err(Error::setting("update", "0 is outside the range: updates count from 1"));
        }
        Ok(())
    }

    fn factors(&self) -> Factors {
        let [rate, beta1, beta2, decay] =
            [self.learning_rate, self.beta1, self.beta2, self.weight_decay].map(f64::from);
        // 1 − βᵗ without cancellation for β near 1.
        let correction = |beta: f64| -(self.update as f64 * beta.ln()).exp_m1();
        Factors {
            beta1: self.beta1,
            beta2: self.beta2,
            new1: (1.0 - beta1) as f32,
            new2: (1.0 - beta2) as f32,
            rate: (rate / correction(beta1)) as f32,
            correction2: (1.0 / correction(beta2)) as f32,
            epsilon: self.epsilon,
            keep: (1.0 - rate * decay) as f32,
        }
    }
}

impl Factors {
    fn on_cpu(self, gradient: &[f32], m: &mut [f32], v: &mut [f32], w: &mut [f32]) {
        for (((g, m), v), w) in gradient.iter().zip(m).zip(v).zip(w) {
            *m = self.beta1 * *m + self.new1 * g;
            *v = self.beta2 * *v + self.new2 * (g * g);
            let deviation = (*v * self.correction2).sqrt() + self.epsilon;
            *w = self.keep * *w - self.rate * *m / deviation;
        }
    }
}

/// `m = β₁m + (1 − β₁)g`, `v = β₂v + (1 − β₂)g²`,
/// `w = w − η·(m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε) + λw)`. All of one shape, whatever it is; NaN
/// propagates.
///
/// `m` and `v` must hold zeros before update 1. The bias corrections 1 − βᵗ are computed in f64 from the f32
/// settings, the rest in f32: a gradient beyond 1.8e19 has an infinite square, and what w then becomes is
/// open; one below 1e-19 has a square that may count as 0.
///
/// ```
/// use harmonium::kernels::adam::{Adam, adam};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let step = Adam {
///     learning_rate: 0.001, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, weight_decay: 0.0, update: 1,
/// };
/// let g = Tensor::from_f32(&device, &[2], &[100.0, -1e-3])?;
/// let (mut m, mut v) = (Tensor::zeros(&device, &[2])?, Tensor::zeros(&device, &[2])?);
/// let mut w = Tensor::zeros(&device, &[2])?;
/// adam(&step, &g, &mut m, &mut v, &mut w)?;
/// // The first step is η against the sign of the gradient.
/// let w = w.to_vec()?;
/// assert!((w[0] + 0.001).abs() < 1e-7 && (w[1] - 0.001).abs() < 1e-7);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`], [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`],
/// [`Error::DeviceLost`].
pub fn adam(
    step: &Adam,
    gradient: &Tensor,
    m: &mut Tensor,
    v: &mut Tensor,
    w: &mut Tensor,
) -> Result<()> {
    adam_all(step, &mut [Moved { gradient, memories: vec![m, v], value: w, decays: true }])
}

/// As [`adam`], of many parameters, whose memories are m and v; `weight_decay` is for those that decay. Those that
/// lie behind each other in one buffer of a GPU, with their gradients and memories, are one dispatch as long as none
/// that decays comes behind one that does not.
///
/// # Errors
/// As [`adam`].
pub fn adam_all(step: &Adam, parameters: &mut [Moved<'_>]) -> Result<()> {
    let op = "adam";
    step.validate()?;
    let kept = (&["m", "v"][..], "a parameter has two memories, m and v");
    let Some(device) = Moved::check(op, parameters, kept)? else { return Ok(()) };
    let factors = step.factors();
    match device.backend() {
        Backend::Cpu(cpu) => parameters.iter_mut().try_for_each(|p| on_host(cpu, factors, p)),
        Backend::Gpu(gpu) => runs(parameters)?.iter().try_for_each(|run| on_gpu(gpu, factors, run)),
    }
}

fn cost(count: usize) -> Cost {
    Cost { flops: 12 * count as u64, bytes: 28 * count as u64 }
}

fn on_host(cpu: &Cpu, factors: Factors, parameter: &mut Moved<'_>) -> Result<()> {
    let factors = Factors { keep: if parameter.decays { factors.keep } else { 1.0 }, ..factors };
    let count = parameter.value.shape().len();
    let gradient = parameter.gradient.host()?.f32();
    let [m, v] = parameter.memories.as_mut_slice() else { return Ok(()) };
    let (m, v) = (m.host_mut()?.f32_mut(), v.host_mut()?.f32_mut());
    let w = parameter.value.host_mut()?.f32_mut();
    cpu.run("adam", cost(count), || {
        if count <= FEW {
            return factors.on_cpu(gradient, m, v, w);
        }
        let moments = m.par_chunks_mut(GRAIN).zip(v.par_chunks_mut(GRAIN));
        moments
            .zip(w.par_chunks_mut(GRAIN))
            .zip(gradient.par_chunks(GRAIN))
            .for_each(|(((m, v), w), gradient)| factors.on_cpu(gradient, m, v, w));
    });
    Ok(())
}

fn on_gpu(gpu: &Arc<Gpu>, factors: Factors, run: &Run<'_, 2>) -> Result<()> {
    let numbers = [
        factors.beta1,
        factors.beta2,
        factors.new1,
        factors.new2,
        factors.rate,
        factors.correction2,
        factors.epsilon,
        factors.keep,
    ];
    let mut params = [0; 12];
    params[0] = run.elements as u32;
    params[1] = run.decaying as u32;
    params[4..].copy_from_slice(&numbers.map(f32::to_bits));
    let [m, v] = &run.memories;
    gpu.record(Command {
        op: "adam",
        shader: &SHADER,
        constants: &[],
        params: bytemuck::bytes_of(&params),
        binds: &[
            Bind::ReadAll(&run.gradients),
            Bind::UpdateAll(m),
            Bind::UpdateAll(v),
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

    pub(crate) static ENTRY: Entry = Entry::new("adam", &[&SHADER], standard, bench)
        .ahead(ahead)
        .slip(["params.rate * mean / deviation", "params.rate * mean / deviation * 1.001"]);

    fn ahead(_: &Gpu) -> Vec<Variant> {
        vec![(&SHADER, Vec::new())]
    }

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for update in [1, 1000] {
            for values in Values::ALL {
                out.push(case(device, update, &[1009], values)?);
            }
            out.push(case(device, update, &[6, 1, 5, 5], Values::Ordinary)?);
        }
        out.push(together("adam", device, 2, &|all| adam_all(&step(3), all))?);
        Ok(())
    }

    /// One step of a parameter of this shape.
    pub fn case(device: &Device, update: u64, dims: &[usize], values: Values) -> Result<Outcome> {
        let step = step(update);
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
        check
            .compare("m", &expected[0], &found[0], |i| 1.5 * EPSILON * 3.0 * mean(i) + 3.0 * FLUSH);
        check.compare("v", &expected[1], &found[1], |i| {
            1.5 * EPSILON * 4.0 * square(i) + 4.0 * FLUSH
        });
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

    fn step(update: u64) -> Adam {
        Adam {
            learning_rate: 0.01,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            weight_decay: 0.1,
            update,
        }
    }

    /// A bias, LeNet-5's largest layer and a million weights; elements are weights.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        // Without a rate the numbers stay ordinary, however often the step is taken.
        let step = Adam { learning_rate: 0.0, ..step(10) };
        for n in [120, 48_000, 1 << 20] {
            let (gradient, mut w) = (b.random(&[n], 1)?, b.random(&[n], 2)?);
            let (mut m, mut v) = (Tensor::zeros(b.device, &[n])?, Tensor::zeros(b.device, &[n])?);
            b.case(&n.to_string(), n, || adam(&step, &gradient, &mut m, &mut v, &mut w))?;
        }
        Ok(())
    }
}
