//! The contrastive divergence update of the weights: both phases, momentum, decay and the change of the
//! weights in one dispatch (Hinton 2002; centring after Melchior, Fischer and Wiskott 2016).
//!
//! With V0 `[B, I]`, P0 `[B, J]` from the data and Vk `[C, I]`, Pk `[C, J]` from the chains,
//! G = s₀·(V0 − μ)ᵀ(P0 − λ) − s₁·(Vk − μ)ᵀ(Pk − λ), then Δ ← m·Δ + η·(G − d·W) and W ← W + Δ. On GPUs the biases'
//! sums are a row and a column of ones of the same product.

mod host;
#[doc(hidden)]
pub mod proof;

use std::sync::Arc;

pub use super::ascent::Step;
use super::bias_update::{BiasPhases, Watch, bias_update};
use super::moved::reach;
use super::slices::{Slice, slices};
use super::tile::{Tiled, Tiling, VECTOR_LOOPS};
use super::{expect, flag, shader, tiled};
use crate::device::{Backend, Bind, Command, Cost, Gpu, GpuBuffer, Shader};
use crate::error::{Error, Result};
use crate::tensor::{Tensor, pieces};

pub(crate) static SHADERS: Tiled = tiled!("cd_update", "cd_update_elements"; Some(&QUADS));

static QUADS: [Shader; VECTOR_LOOPS] = tiled!(quads "cd_update", "cd_update_quads");

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
    k_start: u32,
    lambda_start: u32,
    b_start: u32,
    a_start: u32,
    drift: f32,
    number: u32,
    unused: [u32; 2],
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

/// The weights and both biases of a machine, or what each of them keeps.
#[derive(Debug)]
pub struct Arrays<'a> {
    /// `[I, J]`.
    pub w: &'a mut Tensor,
    /// `[I]`.
    pub b: &'a mut Tensor,
    /// `[J]`.
    pub a: &'a mut Tensor,
}

impl Arrays<'_> {
    /// All three where they lie in one buffer of a GPU.
    fn together(&self) -> Option<[&GpuBuffer; 3]> {
        pieces([&*self.w, &*self.b, &*self.a])?.try_into().ok()
    }
}

/// Changes the weights and both biases: [`cd_update`], and [`bias_update`] of V and of P, in one dispatch on a GPU where
/// the parameters share a buffer, and so do their velocities.
///
/// # Errors
/// As [`cd_update`].
pub fn cd_step(
    phases: &Phases<'_>,
    step: Step,
    parameters: Arrays<'_>,
    velocity: Arrays<'_>,
    watch: Watch<'_>,
) -> Result<()> {
    let sizes = check(phases, velocity.w)?;
    let device = velocity.w.device().clone();
    if let (Backend::Gpu(gpu), Some(changed), Some(kept)) =
        (device.backend(), parameters.together(), velocity.together())
    {
        let op = "cd_update";
        for arrays in [&parameters, &velocity] {
            expect(op, "the weights", arrays.w, &device, &[sizes.i, sizes.j])?;
            expect(op, "the visible bias", arrays.b, &device, &[sizes.i])?;
            expect(op, "the hidden bias", arrays.a, &device, &[sizes.j])?;
        }
        watch.check(op, &device)?;
        let tiling = SHADERS.tiling(gpu, [sizes.i + 1, sizes.j + 1, sizes.k()], 1)?;
        let mut slices = slices(gpu, [sizes.k()], tiling.loops_each());
        if let (Some(all), None) = (slices.next(), slices.next()) {
            let biases = Some((watch.status.gpu()?, watch.number));
            let (weights, velocity) = (Some(&changed[..]), &kept[..]);
            let call = Call { phases, step, sizes, weights, velocity, biases, tiling };
            return call.record(gpu, &all);
        }
    }
    let Phases { v0, p0, vk, pk, scales, .. } = *phases;
    let (visible, hidden) =
        (BiasPhases { x0: v0, xk: vk, scales }, BiasPhases { x0: p0, xk: pk, scales });
    cd_update(phases, step, parameters.w, velocity.w)?;
    let Watch { status, number } = watch;
    bias_update(&visible, step, parameters.b, velocity.b, Watch::new(status, number))?;
    bias_update(&hidden, step, parameters.a, velocity.a, Watch::new(status, number))
}

fn constants(
    [centered, gradient, biases]: [bool; 3],
    [resumes, pauses]: [u32; 2],
) -> [(&'static str, u32); 5] {
    [
        ("CENTERED", flag(centered)),
        ("GRADIENT", flag(gradient)),
        ("BIASES", flag(biases)),
        ("RESUMES", resumes),
        ("PAUSES", pauses),
    ]
}

/// I and J, cases and chains.
#[derive(Clone, Copy)]
struct Sizes {
    i: usize,
    j: usize,
    rows: usize,
    chains: usize,
}

impl Sizes {
    fn k(self) -> usize {
        self.rows + self.chains
    }

    fn cost(self) -> Cost {
        let [i, j, k] = [self.i, self.j, self.k()].map(|x| x as u64);
        Cost { flops: 2 * i * j * k, bytes: 4 * (k * (i + j) + 4 * i * j) }
    }
}

/// Whether the statistics fit weights like these.
fn check(phases: &Phases<'_>, weights: &Tensor) -> Result<Sizes> {
    let op = "cd_update";
    let device = weights.device();
    let [i, j] = weights.shape().matrix(op, "the weights")?;
    expect(op, "the weights", weights, device, &[i, j])?;
    let rows = phases.v0.shape().matrix(op, "v0")?[0];
    let chains = phases.vk.shape().matrix(op, "vk")?[0];
    expect(op, "v0", phases.v0, device, &[rows, i])?;
    expect(op, "p0", phases.p0, device, &[rows, j])?;
    expect(op, "vk", phases.vk, device, &[chains, i])?;
    expect(op, "pk", phases.pk, device, &[chains, j])?;
    if let Some((mu, lambda)) = phases.offsets {
        expect(op, "mu", mu, device, &[i])?;
        expect(op, "lambda", lambda, device, &[j])?;
    }
    if rows + chains > i32::MAX as usize {
        return Err(Error::shape(op, format!("{rows} cases and {chains} chains are too many")));
    }
    Ok(Sizes { i, j, rows, chains })
}

fn run(
    phases: &Phases<'_>,
    step: Step,
    weights: Option<&mut Tensor>,
    velocity: &mut Tensor,
) -> Result<()> {
    let sizes = check(phases, velocity)?;
    match velocity.device().clone().backend() {
        Backend::Cpu(cpu) => {
            let weights = weights.map(Tensor::host_mut).transpose()?.map(|h| h.f32_mut());
            let velocity = velocity.host_mut()?.f32_mut();
            let work = || host::on_cpu(cpu, phases, step, [sizes.i, sizes.j], weights, velocity);
            cpu.run("cd_update", sizes.cost(), work)
        }
        Backend::Gpu(gpu) => {
            let weights = weights.as_deref().map(|w| w.gpu().map(|w| [w])).transpose()?;
            let weights = weights.as_ref().map(<[_; 1]>::as_slice);
            let velocity = &[velocity.gpu()?];
            let tiling = SHADERS.tiling(gpu, [sizes.i, sizes.j, sizes.k()], 1)?;
            let mut slices = slices(gpu, [sizes.k()], tiling.loops_each());
            let call = Call { phases, step, sizes, weights, velocity, biases: None, tiling };
            slices.try_for_each(|slice| call.record(gpu, &slice))
        }
    }
}

/// One call on a GPU, on the weights' memory alone or on that of the biases behind it too.
struct Call<'a> {
    phases: &'a Phases<'a>,
    step: Step,
    sizes: Sizes,
    weights: Option<&'a [&'a GpuBuffer]>,
    velocity: &'a [&'a GpuBuffer],
    /// Where the watch over the biases is kept, and the update's number.
    biases: Option<(&'a GpuBuffer, u32)>,
    tiling: Tiling,
}

/// The offsets of both layers in one binding.
enum Offsets<'a> {
    None,
    Shared(Vec<&'a GpuBuffer>),
    Copied(Tensor),
}

impl Call<'_> {
    /// One dispatch: all of it, or a slice of the cases and chains.
    fn record(&self, gpu: &Arc<Gpu>, slice: &Slice<1>) -> Result<()> {
        let Call { phases, step, sizes, weights, velocity, biases, ref tiling } = *self;
        let Sizes { i, j, rows, chains } = sizes;
        let (offsets, lambda_start) = self.offsets()?;
        let more = usize::from(biases.is_some());
        // Offsets too: λ begins where a piece of a buffer does, or behind μ.
        let in_quads = [i, j, lambda_start].iter().all(|n| n.is_multiple_of(4));
        let scales = phases.scales;
        let params = Params {
            m: (i + more) as u32,
            n: (j + more) as u32,
            k: slice.ranges[0].end,
            rows: rows as u32,
            scales,
            rate: step.rate,
            // The first slice takes them for all.
            momentum: if slice.first { step.momentum } else { 1.0 },
            decay: if slice.first { step.decay } else { 0.0 },
            k_start: slice.ranges[0].start,
            lambda_start: lambda_start as u32,
            b_start: reach([i * j, 0]) as u32,
            a_start: reach([i * j, i, 0]) as u32,
            drift: scales[0] * rows as f32 - scales[1] * chains as f32,
            number: biases.map_or(0, |(_, number)| number),
            unused: [0; 2],
        };
        let is = [!matches!(offsets, Offsets::None), weights.is_none(), biases.is_some()];
        let output = match (weights, velocity) {
            (None, [gradient]) => slice.output(gradient),
            _ => Bind::UpdateAll(velocity),
        };
        gpu.record(Command {
            op: "cd_update",
            shader: tiling.shader(in_quads && slice.is_whole()),
            constants: &constants(is, [slice.resumes(), slice.pauses()]),
            params: bytemuck::bytes_of(&params),
            binds: &[
                Bind::Read(phases.v0.gpu()?),
                Bind::Read(phases.p0.gpu()?),
                Bind::Read(phases.vk.gpu()?),
                Bind::Read(phases.pk.gpu()?),
                match &offsets {
                    Offsets::None => Bind::Unused,
                    Offsets::Shared(pieces) => Bind::ReadAll(pieces),
                    Offsets::Copied(copy) => Bind::Read(copy.gpu()?),
                },
                weights.map_or(Bind::Unused, Bind::UpdateAll),
                output,
                biases.map_or(Bind::Unused, |(status, _)| Bind::Update(status)),
            ],
            loops: slice.loops,
            groups: tiling.groups,
            cost: slice.cost(sizes.cost()),
        })
    }

    /// μ and λ, and where λ begins.
    fn offsets(&self) -> Result<(Offsets<'_>, usize)> {
        let Sizes { i, j, .. } = self.sizes;
        let Some((mu, lambda)) = self.phases.offsets else { return Ok((Offsets::None, 0)) };
        if let Some(shared) = pieces([mu, lambda]) {
            return Ok((Offsets::Shared(shared), reach([i, 0])));
        }
        let mut copy = Tensor::for_output(mu.device(), &[i + j])?;
        copy.copy_part(0, mu, 0..i)?;
        copy.copy_part(i, lambda, 0..j)?;
        Ok((Offsets::Copied(copy), i))
    }
}
