//! Block Gibbs sampling of machines of Bernoulli units: h ~ p(h | v), v ~ p(v | h), … for many steps.
//!
//! On GPUs many steps of a small machine are one dispatch: chains are independent, so a workgroup takes a few of them
//! through all steps in its own memory. Larger machines, where each half-step fills a device by itself, and the CPU go
//! half-step by half-step.

use std::cell::Cell;
use std::sync::Arc;

use super::activation::Activation;
use super::matmul::{Epilogue, Noise, Sampled, Transpose, matmul_sample};
use super::{expect, shader};
use crate::device::{Backend, Bind, Command, Cost, Gpu, Shader, choosing};
use crate::error::Result;
use crate::random::Draw;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("gibbs_steps" as "gibbs_steps", ["WORKGROUP", "CHAINS", "UNITS"], "philox", "activation");

/// A machine of Bernoulli units.
#[derive(Debug, Clone, Copy)]
pub struct Machine<'a> {
    /// W `[I, J]`.
    pub w: &'a Tensor,
    /// b `[I]`.
    pub b: &'a Tensor,
    /// a `[J]`.
    pub a: &'a Tensor,
}

/// Weights up to which a machine's steps are taken in one dispatch: those of larger ones are read again for every few
/// chains, which costs more than a dispatch for each half-step.
const FEW_WEIGHTS: usize = 1 << 17;

/// FLOP of one dispatch at most, some 20 ms of a slow GPU: drivers have watchdogs.
const MOST_FLOPS: u64 = 1 << 34;

/// Iterations of an invocation of one dispatch at most, on software adapters.
const MOST_LOOPS: u64 = 1 << 15;

thread_local! {
    static FORCED: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Runs `work` with many steps in one dispatch, or none of them, whatever the adapter and the machine's size, as long as
/// it fits a workgroup's memory.
pub fn with_steps_at_once<T>(at_once: bool, work: impl FnOnce() -> T) -> T {
    choosing(&FORCED, at_once, work)
}

/// `steps` steps in place: v `[C, I]`, h `[C, J]`, of which h is not read. Step s draws at the steps of `draws` + s, those of
/// the hidden and those of the visible units; row r is chain r from their first on. With 0 steps nothing changes.
///
/// ```
/// use harmonium::kernels::gibbs_steps::{Machine, gibbs_steps};
/// use harmonium::random::Draw;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let (w, b) = (Tensor::zeros(&device, &[3, 2])?, Tensor::zeros(&device, &[3])?);
/// let a = Tensor::from_f32(&device, &[2], &[100.0, -100.0])?;
/// let (mut v, mut h) = (Tensor::zeros(&device, &[5, 3])?, Tensor::zeros(&device, &[5, 2])?);
/// let draws = [Draw::new(1, 300), Draw::new(1, 301)];
/// gibbs_steps(Machine { w: &w, b: &b, a: &a }, [&mut v, &mut h], 10, &draws)?;
/// assert_eq!(h.to_vec()?, [1., 0., 1., 0., 1., 0., 1., 0., 1., 0.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`matmul_sample`].
pub fn gibbs_steps(
    machine: Machine<'_>,
    [v, h]: [&mut Tensor; 2],
    steps: u64,
    draws: &[Draw; 2],
) -> Result<()> {
    let op = "gibbs_steps";
    let device = machine.w.device().clone();
    let [visible, hidden] = machine.w.shape().matrix(op, "the weights")?;
    let chains = v.shape().matrix(op, "v")?[0];
    expect(op, "the visible bias", machine.b, &device, &[visible])?;
    expect(op, "the hidden bias", machine.a, &device, &[hidden])?;
    expect(op, "v", v, &device, &[chains, visible])?;
    expect(op, "h", h, &device, &[chains, hidden])?;
    match device.backend() {
        Backend::Cpu(_) => by_halves(machine, [v, h], steps, draws),
        Backend::Gpu(gpu) => {
            let call = Call { machine, visible, hidden, chains };
            match call.serves(gpu, steps)? {
                true => call.run(gpu, [v, h], steps, draws),
                false => by_halves(machine, [v, h], steps, draws),
            }
        }
    }
}

/// The same by the products of every half-step.
fn by_halves(
    machine: Machine<'_>,
    [v, h]: [&mut Tensor; 2],
    steps: u64,
    draws: &[Draw; 2],
) -> Result<()> {
    let (to_h, to_v) = (
        Epilogue::new(machine.a, Activation::Sigmoid),
        Epilogue::new(machine.b, Activation::Sigmoid),
    );
    for s in 0..steps {
        let [of_hidden, of_visible] = draws.map(|draw| draw.at(draw.step + s));
        let sampled = Sampled::new(Noise::Bernoulli, &of_hidden, h);
        matmul_sample(v, machine.w, Transpose::NN, &to_h, sampled)?;
        let sampled = Sampled::new(Noise::Bernoulli, &of_visible, v);
        matmul_sample(h, machine.w, Transpose::NT, &to_v, sampled)?;
    }
    Ok(())
}

/// Chains of one machine on a GPU.
struct Call<'a> {
    machine: Machine<'a>,
    visible: usize,
    hidden: usize,
    chains: usize,
}

impl Call<'_> {
    /// Whether so many steps are better taken at once.
    fn serves(&self, gpu: &Gpu, steps: u64) -> Result<bool> {
        let fits = self.visible + self.hidden <= gpu.size(&SHADER, "UNITS")? as usize;
        let small = self.visible * self.hidden <= FEW_WEIGHTS;
        let gains = !gpu.is_software() && small && steps > 1;
        let any = self.chains > 0 && self.visible > 0 && self.hidden > 0;
        Ok(any && fits && FORCED.get().unwrap_or(gains))
    }

    fn cost(&self, steps: u64) -> Cost {
        let [i, j, c] = [self.visible, self.hidden, self.chains].map(|n| n as u64);
        Cost { flops: 4 * i * j * c * steps, bytes: 4 * (i * j + 2 * c * (i + j)) }
    }

    /// Iterations of an invocation in one step.
    fn loops(&self, gpu: &Gpu) -> Result<u64> {
        let width = gpu.size(&SHADER, "WORKGROUP")? as usize;
        let half = |units: usize, others: usize| units.div_ceil(width) * (others + 13) + 2;
        Ok((half(self.hidden, self.visible) + half(self.visible, self.hidden)) as u64)
    }

    fn run(
        &self,
        gpu: &Arc<Gpu>,
        [v, h]: [&mut Tensor; 2],
        steps: u64,
        draws: &[Draw; 2],
    ) -> Result<()> {
        let each = self.loops(gpu)?;
        let mut most = (MOST_FLOPS / self.cost(1).flops).max(1);
        if gpu.is_software() {
            most = most.min(MOST_LOOPS / each).max(1);
        }
        let mut done = 0;
        while done < steps {
            let at = draws.map(|draw| draw.at(draw.step + done));
            // The upper bits of a step stand in another word.
            let low = at.map(|draw| (1 << 32) - (draw.step & 0xffff_ffff));
            let count = most.min(steps - done).min(low[0]).min(low[1]);
            self.record(gpu, [v, h], count, &at, each)?;
            done += count;
        }
        Ok(())
    }

    fn record(
        &self,
        gpu: &Arc<Gpu>,
        [v, h]: [&Tensor; 2],
        steps: u64,
        [of_hidden, of_visible]: &[Draw; 2],
        each: u64,
    ) -> Result<()> {
        let [hidden_counter, visible_counter] =
            [of_hidden, of_visible].map(|draw| draw.counter_words());
        let key = of_hidden.key();
        let params = [
            self.chains as u32,
            self.visible as u32,
            self.hidden as u32,
            steps as u32,
            key[0],
            key[1],
            of_hidden.first_case,
            0,
            hidden_counter[0],
            hidden_counter[1],
            visible_counter[0],
            visible_counter[1],
        ];
        gpu.record(Command {
            op: "gibbs_steps",
            shader: &SHADER,
            constants: &[],
            params: bytemuck::bytes_of(&params),
            binds: &[
                Bind::Read(self.machine.w.gpu()?),
                Bind::Read(self.machine.b.gpu()?),
                Bind::Read(self.machine.a.gpu()?),
                Bind::Update(v.gpu()?),
                Bind::Write(h.gpu()?),
            ],
            loops: steps * each,
            groups: super::groups(self.chains, gpu.size(&SHADER, "CHAINS")?),
            cost: self.cost(steps),
        })
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("gibbs_steps", &[&SHADER], standard, bench)
        .slip(["states[layer.other + k]", "states[layer.other + k] * 0.9"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for dims in [[1, 1, 1], [5, 7, 3], [9, 130, 129], [4, 600, 257]] {
            out.push(case(device, dims, 0)?);
        }
        // Where the step's lower word begins anew.
        out.push(case(device, [6, 20, 10], (1 << 32) - 2)?);
        Ok(())
    }

    /// Four steps of C chains of an I-J machine at once, and the same half-step by half-step on the same device: `dims`
    /// is `[C, I, J]`. Sums that the two take otherwise differ in their last bits, and so may a draw whose number lies
    /// within that of its probability: weights here are multiples of 2⁻⁶ and sums exact, so that none does.
    pub fn case(device: &Device, [c, i, j]: [usize; 3], step: u64) -> Result<Outcome> {
        let mut inputs = Inputs::new(((c * 1009 + i) * 1009 + j) as u64);
        let mut exact = |n: usize, most: f32| -> Vec<f32> {
            let values = inputs.values(Values::Ordinary, n);
            values.iter().map(|x| (x * 16.0).round().clamp(-most, most) / 64.0).collect()
        };
        let (w, b, a) = (exact(i * j, 32.0), exact(i, 64.0), exact(j, 64.0));
        let v: Vec<f32> =
            exact(c * i, 64.0).iter().map(|x| f32::from(u8::from(*x > 0.0))).collect();
        let draws = [30, 31].map(|stream| Draw::new(77, stream).at(step).from_case(5));
        let run = |at_once: bool| {
            let w = Tensor::from_f32(device, &[i, j], &w)?;
            let b = Tensor::from_f32(device, &[i], &b)?;
            let a = Tensor::from_f32(device, &[j], &a)?;
            let mut v = Tensor::from_f32(device, &[c, i], &v)?;
            let mut h = Tensor::for_output(device, &[c, j])?;
            let machine = Machine { w: &w, b: &b, a: &a };
            with_steps_at_once(at_once, || gibbs_steps(machine, [&mut v, &mut h], 4, &draws))?;
            Ok([v.to_vec()?, h.to_vec()?])
        };
        let (apart, together) = (run(false)?, run(true)?);
        let mut check = Check::default();
        check.exact_f32("v", &apart[0], &together[0]);
        check.exact_f32("h", &apart[1], &together[1]);
        Ok(check.outcome("gibbs_steps", format!("{c} chains, {i}x{j}, from step {step}")))
    }

    /// Ten steps of 100 chains of a small machine; units drawn.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (chains, [i, j], steps) = (100, [64, 100], 10);
        let (w, bv, bh) = (b.random(&[i, j], 1)?, b.random(&[i], 2)?, b.random(&[j], 3)?);
        let (mut v, mut h) = (b.random(&[chains, i], 4)?, b.output(&[chains, j])?);
        let draws = [30, 31].map(|stream| Draw::new(1, stream));
        let machine = Machine { w: &w, b: &bv, a: &bh };
        for (name, at_once) in [("64x100 at once", true), ("64x100 by half-steps", false)] {
            b.case(name, chains * (i + j) * steps, || {
                with_steps_at_once(at_once, || {
                    gibbs_steps(machine, [&mut v, &mut h], steps as u64, &draws)
                })
            })?;
        }
        Ok(())
    }
}
