//! The contrastive divergence update of the weights: both phases, momentum, decay and the change of the
//! weights in one dispatch (Hinton 2002; centring after Melchior, Fischer and Wiskott 2016).
//!
//! With V0 `[B, I]`, P0 `[B, J]` from the data and Vk `[C, I]`, Pk `[C, J]` from the chains,
//! G = s₀·(V0 − μ)ᵀ(P0 − λ) − s₁·(Vk − μ)ᵀ(Pk − λ), then Δ ← m·Δ + η·(G − d·W) and W ← W + Δ.

use rayon::prelude::*;

use super::tile::{self, Tiled};
use super::{GRAIN, expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Cpu, GemmOperand, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

pub(crate) static SHADERS: Tiled = Tiled {
    workgroup: Shader { name: "cd_update", ..shader!("cd_update", "tile_workgroup") },
    register: Shader { name: "cd_update_register", ..shader!("cd_update", "tile_register") },
};

/// The statistics of both phases.
#[derive(Debug, Clone, Copy)]
pub struct Phases<'a> {
    /// V0 `[B, I]`.
    pub v0: &'a Tensor,
    /// P0 `[B, J]`.
    pub p0: &'a Tensor,
    /// Vk `[C, I]`.
    pub vk: &'a Tensor,
    /// Pk `[C, J]`.
    pub pk: &'a Tensor,
    /// s₀ and s₁, usually 1/B and 1/C.
    pub scales: [f32; 2],
    /// Offsets μ `[I]` and λ `[J]`; none is 0.
    pub offsets: Option<(&'a Tensor, &'a Tensor)>,
}

/// One step of steepest ascent with momentum and weight decay.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Step {
    /// η, the learning rate.
    pub rate: f32,
    /// m, the momentum.
    pub momentum: f32,
    /// d, the weight decay (L2).
    pub decay: f32,
}

#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Params {
    m: u32,
    n: u32,
    k: u32,
    rows: u32,
    scales: [f32; 2],
    rate: f32,
    momentum: f32,
    decay: f32,
    unused: [u32; 3],
}

/// Changes `weights` `[I, J]` and its `velocity` Δ in place.
///
/// # Errors
/// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn cd_update(
    phases: &Phases<'_>,
    step: Step,
    weights: &mut Tensor,
    velocity: &mut Tensor,
) -> Result<()> {
    expect("cd_update", "the velocity", velocity, weights.device(), weights.shape().dims())?;
    run(phases, step, Some(weights), velocity)
}

/// Writes G into `gradient` `[I, J]`; decay is left out.
///
/// # Errors
/// As [`cd_update`].
pub fn cd_gradient(phases: &Phases<'_>, gradient: &mut Tensor) -> Result<()> {
    run(phases, Step { rate: 1.0, momentum: 0.0, decay: 0.0 }, None, gradient)
}

pub(crate) fn constants(centered: bool, gradient: bool) -> [(&'static str, u32); 2] {
    [("CENTERED", flag(centered)), ("GRADIENT", flag(gradient))]
}

fn run(
    phases: &Phases<'_>,
    step: Step,
    weights: Option<&mut Tensor>,
    velocity: &mut Tensor,
) -> Result<()> {
    let op = "cd_update";
    let device = velocity.device().clone();
    let [i, j] = velocity.shape().matrix(op, "the weights")?;
    expect(op, "the weights", velocity, &device, &[i, j])?;
    let rows = phases.v0.shape().matrix(op, "v0")?[0];
    let chains = phases.vk.shape().matrix(op, "vk")?[0];
    expect(op, "v0", phases.v0, &device, &[rows, i])?;
    expect(op, "p0", phases.p0, &device, &[rows, j])?;
    expect(op, "vk", phases.vk, &device, &[chains, i])?;
    expect(op, "pk", phases.pk, &device, &[chains, j])?;
    if let Some((mu, lambda)) = phases.offsets {
        expect(op, "mu", mu, &device, &[i])?;
        expect(op, "lambda", lambda, &device, &[j])?;
    }
    let k = rows + chains;
    if k > i32::MAX as usize {
        return Err(Error::shape(op, format!("{rows} cases and {chains} chains are too many")));
    }
    let [i64_, j64, k64] = [i, j, k].map(|x| x as u64);
    let cost =
        Cost { flops: 2 * i64_ * j64 * k64, bytes: 4 * (k64 * (i64_ + j64) + 4 * i64_ * j64) };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let weights = weights.map(Tensor::host_mut).transpose()?.map(|h| h.f32_mut());
            let velocity = velocity.host_mut()?.f32_mut();
            cpu.run(op, cost, || on_cpu(cpu, phases, step, [i, j], weights, velocity))
        }
        Backend::Gpu(gpu) => {
            let shader = SHADERS.for_gpu(gpu);
            let params = Params {
                m: i as u32,
                n: j as u32,
                k: k as u32,
                rows: rows as u32,
                scales: phases.scales,
                rate: step.rate,
                momentum: step.momentum,
                decay: step.decay,
                unused: [0; 3],
            };
            let (mu, lambda) = match phases.offsets {
                Some((mu, lambda)) => (Bind::Read(mu.gpu()?), Bind::Read(lambda.gpu()?)),
                None => (Bind::Unused, Bind::Unused),
            };
            let weights = weights.as_deref().map(Tensor::gpu).transpose()?;
            let velocity = velocity.gpu()?;
            gpu.record(Command {
                op,
                shader,
                constants: &constants(phases.offsets.is_some(), weights.is_none()),
                params: bytemuck::bytes_of(&params),
                binds: &[
                    Bind::Read(phases.v0.gpu()?),
                    Bind::Read(phases.p0.gpu()?),
                    Bind::Read(phases.vk.gpu()?),
                    Bind::Read(phases.pk.gpu()?),
                    mu,
                    lambda,
                    weights.map_or(Bind::Unused, Bind::Update),
                    if weights.is_some() { Bind::Update(velocity) } else { Bind::Write(velocity) },
                ],
                groups: tile::groups(shader, i, j),
                cost,
            })
        }
    }
}

fn on_cpu(
    cpu: &Cpu,
    phases: &Phases<'_>,
    step: Step,
    [i, j]: [usize; 2],
    weights: Option<&mut [f32]>,
    velocity: &mut [f32],
) -> Result<()> {
    let (mu, lambda) = match phases.offsets {
        Some((mu, lambda)) => (Some(mu.host()?.f32()), Some(lambda.host()?.f32())),
        None => (None, None),
    };
    let mut keep = step.momentum;
    for (v, p, scale) in
        [(phases.v0, phases.p0, phases.scales[0]), (phases.vk, phases.pk, -phases.scales[1])]
    {
        let v = centered(v.host()?.f32(), mu);
        let p = centered(p.host()?.f32(), lambda);
        let rows = v.len().checked_div(i).unwrap_or(0);
        let a = GemmOperand { data: &v, row_stride: 1, column_stride: i };
        let b = GemmOperand { data: &p, row_stride: j, column_stride: 1 };
        cpu.gemm("cd_update", [i, j, rows], velocity, [keep, step.rate * scale], a, b)?;
        keep = 1.0;
    }
    if let Some(weights) = weights {
        let shrink = step.rate * step.decay;
        let both = weights.par_chunks_mut(GRAIN).zip(velocity.par_chunks_mut(GRAIN));
        both.for_each(|(weights, velocity)| {
            for (w, change) in weights.iter_mut().zip(velocity) {
                *change -= shrink * *w;
                *w += *change;
            }
        });
    }
    Ok(())
}

/// The rows less an offset.
fn centered<'a>(rows: &'a [f32], offset: Option<&[f32]>) -> std::borrow::Cow<'a, [f32]> {
    match offset {
        Some(offset) if !offset.is_empty() => {
            let mut copy = rows.to_vec();
            copy.par_chunks_mut(offset.len()).for_each(|row| {
                row.iter_mut().zip(offset).for_each(|(x, o)| *x -= o);
            });
            copy.into()
        }
        _ => rows.into(),
    }
}
