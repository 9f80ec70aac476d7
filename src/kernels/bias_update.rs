//! The contrastive divergence update of a bias, with the watch for divergence.
//!
//! g = s₀·Σᵣ X0 − s₁·Σᵣ Xk, then Δ ← m·Δ + η·g and b ← b + Δ. Biases have no weight decay. The first step
//! at which a bias is NaN or infinite is kept in `status`; a weight that leaves the finite numbers takes
//! the biases with it one step later.

use rayon::prelude::*;

use super::ascent::Step;
use super::reduce::{Axis, Reduction, reduce};
use super::slices::is_long;
use super::{expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Device, Shader};
use crate::error::{Error, Result};
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("bias_update");

/// What `status` holds while every bias has been finite.
pub const NEVER: u32 = u32::MAX;

/// The statistics of both phases: X0 `[B, N]`, Xk `[C, N]`, s₀ and s₁.
#[derive(Debug, Clone, Copy)]
pub struct BiasPhases<'a> {
    /// X0 `[B, N]`.
    pub x0: &'a Tensor,
    /// Xk `[C, N]`.
    pub xk: &'a Tensor,
    /// s₀ and s₁, usually 1/B and 1/C.
    pub scales: [f32; 2],
}

/// Where the watch over a bias is kept.
#[derive(Debug)]
pub struct Watch<'a> {
    /// A u32 tensor `[1]`, set to [`NEVER`] at the start.
    pub status: &'a mut Tensor,
    /// What this update is called.
    pub number: u32,
}

impl<'a> Watch<'a> {
    /// Update `number`, kept in `status`.
    pub fn new(status: &'a mut Tensor, number: u32) -> Self {
        Watch { status, number }
    }

    /// Whether the status is one, on this device.
    pub(super) fn check(&self, op: &'static str, device: &Device) -> Result<()> {
        device.require_same(op, self.status.device())?;
        self.status.require(op, "the status", Element::U32)?;
        match self.status.shape() {
            one if one.len() == 1 => Ok(()),
            other => Err(Error::shape(op, format!("the status is {other}, expected [1]"))),
        }
    }
}

/// Changes `bias` `[N]` and its `velocity` in place. `watch.status` is a u32 tensor `[1]`, set to [`NEVER`] at
/// the start; it becomes the least `watch.number` at which a bias was not finite. `step.decay` is not used.
///
/// # Errors
/// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn bias_update(
    phases: &BiasPhases<'_>,
    step: Step,
    bias: &mut Tensor,
    velocity: &mut Tensor,
    watch: Watch<'_>,
) -> Result<()> {
    let op = "bias_update";
    expect(op, "the bias", bias, velocity.device(), velocity.shape().dims())?;
    watch.check(op, bias.device())?;
    run(phases, step, Some((bias, watch)), velocity)
}

/// Writes g into `gradient` `[N]`.
///
/// # Errors
/// As [`bias_update`].
pub fn bias_gradient(phases: &BiasPhases<'_>, gradient: &mut Tensor) -> Result<()> {
    run(phases, Step { rate: 1.0, momentum: 0.0, decay: 0.0 }, None, gradient)
}

fn constants(gradient: bool) -> [(&'static str, u32); 1] {
    [("GRADIENT", flag(gradient))]
}

fn run(
    phases: &BiasPhases<'_>,
    step: Step,
    target: Option<(&mut Tensor, Watch<'_>)>,
    velocity: &mut Tensor,
) -> Result<()> {
    let op = "bias_update";
    let device = velocity.device().clone();
    let n = velocity.shape().len();
    expect(op, "the velocity", velocity, &device, &[n])?;
    let rows = phases.x0.shape().matrix(op, "x0")?[0];
    let chains = phases.xk.shape().matrix(op, "xk")?[0];
    expect(op, "x0", phases.x0, &device, &[rows, n])?;
    expect(op, "xk", phases.xk, &device, &[chains, n])?;
    let count = ((rows + chains) * n) as u64;
    let cost = Cost { flops: count, bytes: 4 * count };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let task = HostUpdate {
                x0: phases.x0.host()?.f32(),
                xk: phases.xk.host()?.f32(),
                scales: phases.scales,
                step,
                n,
            };
            let velocity = velocity.host_mut()?.f32_mut();
            match target {
                None => cpu.run(op, cost, || task.gradient(velocity)),
                Some((bias, Watch { status, number })) => {
                    let bias = bias.host_mut()?.f32_mut();
                    let status = status.host_mut()?.words_mut();
                    let finite = cpu.run(op, cost, || task.update(bias, velocity));
                    if !finite {
                        status[0] = status[0].min(number);
                    }
                }
            }
            Ok(())
        }
        Backend::Gpu(gpu) if rows + chains > 2 && is_long(gpu, (rows + chains) as u64) => {
            // The sums apart, and the update of a case and a chain that are these sums.
            let sum = |x| reduce(Reduction::Sum, Axis::Columns, 1.0, x)?.reshape(&[1, n]);
            let (x0, xk) = (sum(phases.x0)?, sum(phases.xk)?);
            run(&BiasPhases { x0: &x0, xk: &xk, ..*phases }, step, target, velocity)
        }
        Backend::Gpu(gpu) => {
            let number = target.as_ref().map_or(0, |t| t.1.number);
            let params = [
                n as u32,
                rows as u32,
                chains as u32,
                number,
                phases.scales[0].to_bits(),
                phases.scales[1].to_bits(),
                step.rate.to_bits(),
                step.momentum.to_bits(),
            ];
            let gradient = target.is_none();
            let (bias, status) = match &target {
                Some((bias, watch)) => {
                    (Bind::Update(bias.gpu()?), Bind::Update(watch.status.gpu()?))
                }
                None => (Bind::Unused, Bind::Unused),
            };
            let velocity = velocity.gpu()?;
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &constants(gradient),
                params: bytemuck::bytes_of(&params),
                binds: &[
                    Bind::Read(phases.x0.gpu()?),
                    Bind::Read(phases.xk.gpu()?),
                    bias,
                    if gradient { Bind::Write(velocity) } else { Bind::Update(velocity) },
                    status,
                ],
                loops: (rows + chains) as u64,
                groups: groups(n, gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

struct HostUpdate<'a> {
    x0: &'a [f32],
    xk: &'a [f32],
    scales: [f32; 2],
    step: Step,
    n: usize,
}

/// Columns per task on the CPU.
const COLUMNS: usize = 128;

impl HostUpdate<'_> {
    /// The gradient of columns `first …` of one task.
    fn columns(&self, first: usize, gradient: &mut [f32]) {
        gradient.fill(0.0);
        for (x, scale) in [(self.x0, self.scales[0]), (self.xk, -self.scales[1])] {
            let mut sums = [0.0f32; COLUMNS];
            for row in x.chunks_exact(self.n) {
                let row = &row[first..first + gradient.len()];
                sums.iter_mut().zip(row).for_each(|(s, x)| *s += x);
            }
            gradient.iter_mut().zip(sums).for_each(|(g, s)| *g += scale * s);
        }
    }

    fn gradient(&self, out: &mut [f32]) {
        let tasks = out.par_chunks_mut(COLUMNS).enumerate();
        tasks.for_each(|(i, out)| self.columns(i * COLUMNS, out));
    }

    /// Whether all stayed finite.
    fn update(&self, bias: &mut [f32], velocity: &mut [f32]) -> bool {
        let tasks = bias.par_chunks_mut(COLUMNS).zip(velocity.par_chunks_mut(COLUMNS));
        tasks
            .enumerate()
            .map(|(i, (bias, velocity))| {
                let mut gradient = [0.0; COLUMNS];
                let gradient = &mut gradient[..bias.len()];
                self.columns(i * COLUMNS, gradient);
                let mut finite = true;
                for ((b, v), g) in bias.iter_mut().zip(velocity).zip(gradient) {
                    *v = self.step.momentum * *v + self.step.rate * *g;
                    *b += *v;
                    finite &= b.is_finite();
                }
                finite
            })
            .reduce(|| true, |a, b| a && b)
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("bias_update", &[&SHADER], standard, bench)
        .ahead(ahead)
        .slip(["params.scale0 * sum0", "params.scale0 * sum0 * 1.01"]);

    fn ahead(_: &Gpu) -> Vec<Variant> {
        [false, true].map(|gradient| (&SHADER, constants(gradient).to_vec())).to_vec()
    }

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for gradient in [false, true] {
            for values in [Values::Ordinary, Values::Wide, Values::NonFinite] {
                out.push(case(device, gradient, [131, 100, 37], values)?);
            }
            out.push(case(device, gradient, [1, LONG, 3], Values::Rising)?);
        }
        Ok(())
    }

    /// One call for N units, B cases and C chains: `dims` is `[N, B, C]`. Then the watch: steps 7, 3 and 9 on
    /// the same numbers must leave 3 where a bias is not finite.
    pub fn case(
        device: &Device,
        gradient: bool,
        dims: [usize; 3],
        values: Values,
    ) -> Result<Outcome> {
        let [n, b, c] = dims;
        let mut inputs = Inputs::new(((n * 1009 + b) * 1009 + c) as u64);
        let x0 = inputs.values(values, b * n);
        let xk = inputs.values(values, c * n);
        let bias = inputs.values(Values::Ordinary, n);
        let velocity = inputs.values(Values::Ordinary, n);
        let scales = [b, c].map(|n| 1.0 / n.max(1) as f32);
        let step = Step { rate: 0.25, momentum: 0.75, decay: 0.0 };
        let run = |device: &Device| {
            let x0 = Tensor::from_f32(device, &[b, n], &x0)?;
            let xk = Tensor::from_f32(device, &[c, n], &xk)?;
            let phases = BiasPhases { x0: &x0, xk: &xk, scales };
            let mut bias = Tensor::from_f32(device, &[n], &bias)?;
            let mut velocity = Tensor::from_f32(device, &[n], &velocity)?;
            let mut status = Tensor::from_u32(device, &[1], &[NEVER])?;
            if gradient {
                bias_gradient(&phases, &mut velocity)?;
                return Ok((bias.to_vec()?, velocity.to_vec()?, status.to_words()?));
            }
            bias_update(&phases, step, &mut bias, &mut velocity, Watch::new(&mut status, 7))?;
            let first = (bias.to_vec()?, velocity.to_vec()?);
            bias_update(&phases, step, &mut bias, &mut velocity, Watch::new(&mut status, 3))?;
            bias_update(&phases, step, &mut bias, &mut velocity, Watch::new(&mut status, 9))?;
            Ok((first.0, first.1, status.to_words()?))
        };
        let (expected, found) = both(device, run)?;
        let mut sizes = vec![0f64; n];
        for (x, scale) in [(&x0, scales[0]), (&xk, scales[1])] {
            for (at, x) in x.iter().enumerate() {
                sizes[at % n] += f64::from(scale) * f64::from(*x).abs();
            }
        }
        // B + C sums and the two scales; 1.5 for both devices together.
        let terms = (b + c) as f64;
        let error = |at: usize| 1.5 * (terms + 3.0) * EPSILON * sizes[at] + FLUSH * (terms + 4.0);
        let mut check = Check::default();
        if gradient {
            check.compare("gradient", &expected.1, &found.1, error);
        } else {
            let change = |at: usize| {
                let old = f64::from(velocity[at]).abs();
                error(at) + 4.5 * EPSILON * (old + sizes[at])
            };
            check.compare("velocity", &expected.1, &found.1, change);
            check.compare("bias", &expected.0, &found.0, |at| {
                let whole = f64::from(bias[at]).abs() + f64::from(expected.1[at]).abs();
                change(at) + 1.5 * EPSILON * whole
            });
        }
        check.exact("status", &expected.2, &found.2);
        let mode = if gradient { "gradient, " } else { "" };
        Ok(check.outcome("bias_update", format!("{mode}{n}, {b} cases, {c} chains {values:?}")))
    }

    /// 784 units with a batch of 100; elements are values read.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (rows, n) = (100, 784);
        let (x0, xk) = (b.random(&[rows, n], 1)?, b.random(&[rows, n], 2)?);
        let (mut bias, mut velocity) = (b.random(&[n], 3)?, b.random(&[n], 4)?);
        let mut status = Tensor::from_u32(b.device, &[1], &[NEVER])?;
        let phases = BiasPhases { x0: &x0, xk: &xk, scales: [0.01, 0.01] };
        let step = Step { rate: 1e-3, momentum: 0.5, decay: 0.0 };
        b.case("784", 2 * rows * n, || {
            bias_update(&phases, step, &mut bias, &mut velocity, Watch::new(&mut status, 0))
        })
    }
}
