//! The contrastive divergence update of the weights: both phases, momentum, decay and the change of the
//! weights in one dispatch (Hinton 2002; centring after Melchior, Fischer and Wiskott 2016).
//!
//! With V0 `[B, I]`, P0 `[B, J]` from the data and Vk `[C, I]`, Pk `[C, J]` from the chains,
//! G = s₀·(V0 − μ)ᵀ(P0 − λ) − s₁·(Vk − μ)ᵀ(Pk − λ), then Δ ← m·Δ + η·(G − d·W) and W ← W + Δ.

mod host;

use std::sync::Arc;

use super::slices::{Slice, slices};
use super::tile::{Tiled, Tiling};
use super::{expect, flag, shader, tiled};
use crate::device::{Backend, Bind, Command, Cost, Gpu};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

pub(crate) static SHADERS: Tiled = tiled!("cd_update");

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
    k_start: u32,
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

fn constants(centered: bool, gradient: bool, slice: [u32; 2]) -> [(&'static str, u32); 4] {
    let [resumes, pauses] = slice;
    [
        ("CENTERED", flag(centered)),
        ("GRADIENT", flag(gradient)),
        ("RESUMES", resumes),
        ("PAUSES", pauses),
    ]
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
            cpu.run(op, cost, || host::on_cpu(cpu, phases, step, [i, j], weights, velocity))
        }
        Backend::Gpu(gpu) => {
            let tiling = SHADERS.tiling(gpu, [i, j, k], 1)?;
            let mut slices = slices(gpu, [k], tiling.loops_each());
            let call = Call { phases, step, weights: weights.as_deref(), velocity, cost, tiling };
            slices.try_for_each(|slice| call.record(gpu, &slice))
        }
    }
}

/// One call on a GPU.
struct Call<'a> {
    phases: &'a Phases<'a>,
    step: Step,
    weights: Option<&'a Tensor>,
    velocity: &'a Tensor,
    cost: Cost,
    tiling: Tiling,
}

impl Call<'_> {
    /// One dispatch: all of it, or a slice of the cases and chains.
    fn record(&self, gpu: &Arc<Gpu>, slice: &Slice<1>) -> Result<()> {
        let Call { phases, step, weights, velocity, cost, ref tiling } = *self;
        let [i, j] = velocity.shape().matrix("cd_update", "the weights")?;
        let params = Params {
            m: i as u32,
            n: j as u32,
            k: slice.ranges[0].end,
            rows: phases.v0.shape().matrix("cd_update", "v0")?[0] as u32,
            scales: phases.scales,
            rate: step.rate,
            // The first slice takes them for all.
            momentum: if slice.first { step.momentum } else { 1.0 },
            decay: if slice.first { step.decay } else { 0.0 },
            k_start: slice.ranges[0].start,
            unused: [0; 2],
        };
        let (mu, lambda) = match phases.offsets {
            Some((mu, lambda)) => (Bind::Read(mu.gpu()?), Bind::Read(lambda.gpu()?)),
            None => (Bind::Unused, Bind::Unused),
        };
        let state = [slice.resumes(), slice.pauses()];
        let (weights, velocity) = (weights.map(Tensor::gpu).transpose()?, velocity.gpu()?);
        gpu.record(Command {
            op: "cd_update",
            shader: tiling.shader,
            constants: &constants(phases.offsets.is_some(), weights.is_none(), state),
            params: bytemuck::bytes_of(&params),
            binds: &[
                Bind::Read(phases.v0.gpu()?),
                Bind::Read(phases.p0.gpu()?),
                Bind::Read(phases.vk.gpu()?),
                Bind::Read(phases.pk.gpu()?),
                mu,
                lambda,
                weights.map_or(Bind::Unused, Bind::Update),
                if weights.is_some() { Bind::Update(velocity) } else { slice.output(velocity) },
            ],
            loops: slice.loops,
            groups: tiling.groups,
            cost: slice.cost(cost),
        })
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;
    use crate::kernels::{Tiles, with_tiles};

    static SHADER_LIST: [&Shader; 5] = SHADERS.list(&[]);

    pub(crate) static ENTRY: Entry = Entry::new("cd_update", &SHADER_LIST, standard, bench)
        .ahead(ahead)
        .slip(["velocity[start + i] = change;", "velocity[start + i] = change * 1.01;"]);

    fn ahead(gpu: &Gpu) -> Vec<Variant> {
        let shader = SHADERS.shader_for(gpu, [784, 500, 200]);
        FORMS.map(|f| (shader, constants(f.centered, f.gradient, [0, 0]).to_vec())).to_vec()
    }

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for tiles in Tiles::ALL {
            for form in FORMS {
                for dims in [[1, 1, 1, 1], [64, 128, 10, 10], [67, 131, 100, 37]] {
                    out.push(case(device, tiles, form, dims, Values::Ordinary)?);
                }
                out.push(case(device, tiles, form, [9, 67, 5, 3], Values::NonFinite)?);
            }
            out.push(case(device, tiles, FORMS[0], [1, 1, LONG, 3], Values::Rising)?);
        }
        Ok(())
    }

    /// One compiled form of the kernel.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub struct Form {
        /// With offsets μ and λ.
        pub centered: bool,
        /// The gradient alone.
        pub gradient: bool,
    }

    /// All forms.
    pub const FORMS: [Form; 4] = [
        Form { centered: false, gradient: false },
        Form { centered: true, gradient: false },
        Form { centered: false, gradient: true },
        Form { centered: true, gradient: true },
    ];

    /// One call with I visible and J hidden units, B cases and C chains: `dims` is `[I, J, B, C]`.
    pub fn case(
        device: &Device,
        tiles: Tiles,
        form: Form,
        dims: [usize; 4],
        values: Values,
    ) -> Result<Outcome> {
        let [i, j, b, c] = dims;
        let mut inputs = Inputs::new((((i * 1009 + j) * 1009 + b) * 1009 + c) as u64);
        let v0 = inputs.values(values, b * i);
        let p0 = inputs.values(values, b * j);
        let vk = inputs.values(values, c * i);
        let pk = inputs.values(values, c * j);
        let mu = inputs.values(Values::Ordinary, i);
        let lambda = inputs.values(Values::Ordinary, j);
        let weights = inputs.values(Values::Ordinary, i * j);
        let velocity = inputs.values(Values::Ordinary, i * j);
        let scales = [b, c].map(|n| 1.0 / n.max(1) as f32);
        let step = Step { rate: 0.25, momentum: 0.75, decay: 0.01 };
        let run = |device: &Device| {
            let v0 = Tensor::from_f32(device, &[b, i], &v0)?;
            let p0 = Tensor::from_f32(device, &[b, j], &p0)?;
            let vk = Tensor::from_f32(device, &[c, i], &vk)?;
            let pk = Tensor::from_f32(device, &[c, j], &pk)?;
            let mu = Tensor::from_f32(device, &[i], &mu)?;
            let lambda = Tensor::from_f32(device, &[j], &lambda)?;
            let offsets = form.centered.then_some((&mu, &lambda));
            let phases = Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales, offsets };
            let mut weights = Tensor::from_f32(device, &[i, j], &weights)?;
            let mut velocity = Tensor::from_f32(device, &[i, j], &velocity)?;
            if form.gradient {
                cd_gradient(&phases, &mut velocity)?;
            } else {
                cd_update(&phases, step, &mut weights, &mut velocity)?;
            }
            Ok([weights.to_vec()?, velocity.to_vec()?])
        };
        let (expected, found) = both(device, |device| with_tiles(tiles, || run(device)))?;
        let zeros = [vec![0.0; i], vec![0.0; j]];
        let [mu, lambda] = if form.centered { [&mu, &lambda] } else { [&zeros[0], &zeros[1]] };
        let phase = |v: &[f32], p: &[f32], scale: f32| magnitudes(v, p, mu, lambda, scale);
        let sizes: Vec<f64> = phase(&v0, &p0, scales[0])
            .into_iter()
            .zip(phase(&vk, &pk, scales[1]))
            .map(|(a, b)| a + b)
            .collect();
        // B + C products of two differences and a scale, and their sum; 1.5 for both devices together.
        let terms = (b + c) as f64;
        let flush = FLUSH * (terms * 8.0 + 4.0);
        let error = |at: usize| 1.5 * (terms + 5.0) * EPSILON * sizes[at] + flush;
        let mut check = Check::default();
        if form.gradient {
            check.compare("gradient", &expected[1], &found[1], error);
            check.exact_f32("weights", &expected[0], &found[0]);
        } else {
            // Δ = m·Δ + η(G − d·w): four more operations on that sum of magnitudes, then w + Δ.
            let (rate, momentum, decay) = (0.25, 0.75, f64::from(step.decay));
            let change = |at: usize| {
                let old = momentum * f64::from(velocity[at]).abs();
                let decayed = decay * f64::from(weights[at]).abs();
                rate * error(at) + 6.0 * EPSILON * (old + rate * (sizes[at] + decayed))
            };
            check.compare("velocity", &expected[1], &found[1], change);
            check.compare("weights", &expected[0], &found[0], |at| {
                let whole = f64::from(weights[at]).abs() + f64::from(expected[1][at]).abs();
                change(at) + 1.5 * EPSILON * whole
            });
        }
        let [centered, gradient] = [
            if form.centered { ", centered" } else { "" },
            if form.gradient { ", gradient" } else { "" },
        ];
        let case =
            format!("{tiles:?}{centered}{gradient}, {i}x{j}, {b} cases, {c} chains {values:?}");
        Ok(check.outcome("cd_update", case))
    }

    /// scale·Σ (|v| + |μ|)(|p| + |λ|) over the rows, for every weight.
    fn magnitudes(v: &[f32], p: &[f32], mu: &[f32], lambda: &[f32], scale: f32) -> Vec<f64> {
        let [i, j] = [mu.len(), lambda.len()];
        let mut sums = vec![0.0; i * j];
        if i == 0 || j == 0 {
            return sums;
        }
        let size = |x: f32, offset: f32| f64::from(x).abs() + f64::from(offset).abs();
        for (v, p) in v.chunks(i).zip(p.chunks(j)) {
            for (line, (&v, &mu)) in sums.chunks_mut(j).zip(v.iter().zip(mu)) {
                for (sum, (&p, &lambda)) in line.iter_mut().zip(p.iter().zip(lambda)) {
                    *sum += f64::from(scale).abs() * size(v, mu) * size(p, lambda);
                }
            }
        }
        sums
    }

    /// A 784-500 machine with a batch of 100; elements are FLOP.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (rows, i, j) = (100, 784, 500);
        let (v0, vk) = (b.random(&[rows, i], 1)?, b.random(&[rows, i], 2)?);
        let (p0, pk) = (b.random(&[rows, j], 3)?, b.random(&[rows, j], 4)?);
        let (mut weights, mut velocity) = (b.random(&[i, j], 5)?, b.random(&[i, j], 6)?);
        let (scales, work) = ([0.01, 0.01], 4 * rows * i * j);
        let phases = Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales, offsets: None };
        let step = Step { rate: 1e-3, momentum: 0.5, decay: 1e-4 };
        b.case("784x500 update", work, || cd_update(&phases, step, &mut weights, &mut velocity))?;
        b.case("784x500 gradient", work, || cd_gradient(&phases, &mut velocity))
    }
}
