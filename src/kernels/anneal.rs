//! One temperature of annealed importance sampling (Neal 2001; Salakhutdinov and Murray 2008): the increment
//! of each chain's log weight, and hidden states, from one reading of the hidden field x = vW + a.
//!
//! With d = b − b_A and β, β′ the temperatures, chain c gets
//! `(β′ − β)·v·d + Σⱼ [softplus(β′·xⱼ) − softplus(β·xⱼ)]`, and hⱼ ~ Bernoulli(σ(β″·xⱼ)). Where |β′ − β|·|x| is
//! below ¼ the bracket is ln(1 + σ(βx)·(exp((β′ − β)x) − 1)) by series: the plain difference would lose most of
//! its digits on a fine grid. Gaussian hidden units of variance 1 have ½(β′² − β²)x² there and h ~ N(β″x, 1);
//! groups of softmax units the like difference of ln Σₖ exp(βxₖ), and one unit of each group is 1
//! ([`categorical`]).

use std::ops::Range;

use rayon::prelude::*;

use super::activation::{Activation, sigmoid, softplus};
use super::slices::{column_slices, is_long};
use super::{Place, categorical, expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Gpu, SOFTWARE_LOOPS, Shader};
use crate::error::{Error, Result};
use crate::random::{self, Draw};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader =
    shader!("anneal", "philox", "activation", "exp", "softmax_group");

/// What the hidden units are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// 0 or 1.
    Bernoulli,
    /// Real numbers of variance 1.
    Gaussian,
    /// Groups of as many neighbouring units, of which one is 1.
    Softmax(usize),
}

/// Where the chains stand.
#[derive(Debug, Clone, Copy)]
pub struct Chains<'a> {
    /// x = vW + a, `[C, J]`.
    pub field: &'a Tensor,
    /// Visible states `[C, I]`.
    pub v: &'a Tensor,
    /// d = b − b_A `[I]`.
    pub tilt: &'a Tensor,
    /// What the hidden units are.
    pub hidden: Hidden,
}

/// Hidden states to draw at the temperature β″.
#[derive(Debug)]
pub struct Draws<'a> {
    /// β″.
    pub beta: f32,
    /// The random numbers; a chain is a case.
    pub draw: &'a Draw,
    /// `[C, J]`.
    pub h: &'a mut Tensor,
}

/// Writes the increments of the step from temperature `from` to `to` into one row of
/// `increments` `[≥ row + 1, C]`, and draws hidden states where `sample` asks for them.
///
/// # Errors
/// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn anneal(
    chains: &Chains<'_>,
    [from, to]: [f32; 2],
    increments: Place<'_>,
    sample: Option<Draws<'_>>,
) -> Result<()> {
    let op = "anneal";
    let Place { tensor: increments, first_row: row } = increments;
    let device = chains.field.device().clone();
    let [count, hidden] = chains.field.shape().matrix(op, "the field")?;
    let visible = chains.v.shape().matrix(op, "v")?[1];
    expect(op, "the field", chains.field, &device, &[count, hidden])?;
    expect(op, "v", chains.v, &device, &[count, visible])?;
    expect(op, "the tilt", chains.tilt, &device, &[visible])?;
    let [rows, width] = increments.shape().matrix(op, "the increments")?;
    expect(op, "the increments", increments, &device, &[rows, width])?;
    if row >= rows || width != count {
        return Err(Error::shape(
            op,
            format!("the increments are {}, expected [above {row}, {count}]", increments.shape()),
        ));
    }
    if let Some(sample) = &sample {
        expect(op, "h", sample.h, &device, &[count, hidden])?;
    }
    let (kind, states) = match chains.hidden {
        Hidden::Bernoulli => (0, 1),
        Hidden::Gaussian => (1, 1),
        Hidden::Softmax(states) => (2, states),
    };
    if states == 0 || hidden % states != 0 {
        let detail = format!("{hidden} hidden units are no groups of {states} states");
        return Err(Error::shape(op, detail));
    }
    let elements = (count * hidden) as u64;
    let cost = Cost { flops: 30 * elements, bytes: 4 * (2 * elements + (count * visible) as u64) };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let task = HostStep {
                field: chains.field.host()?.f32(),
                v: chains.v.host()?.f32(),
                tilt: chains.tilt.host()?.f32(),
                kind: chains.hidden,
                hidden,
                from,
                to,
            };
            let out = &mut increments.host_mut()?.f32_mut()[row * count..(row + 1) * count];
            match sample {
                Some(Draws { beta, draw, h }) => {
                    let h = h.host_mut()?.f32_mut();
                    cpu.run(op, cost, || task.run(out, Some((beta, draw, h))));
                }
                None => cpu.run(op, cost, || task.run(out, None)),
            }
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let draw = sample.as_ref().map_or(Draw::new(0, 0), |s| *s.draw);
            let beta = sample.as_ref().map_or(0.0, |s| s.beta);
            let ([k0, k1], [c0, c1]) = (draw.key(), draw.counter_words());
            let Parts { dispatches, loops } = parts(gpu, chains.hidden, visible, hidden)?;
            for (number, [v, h]) in dispatches.iter().enumerate() {
                let params = [
                    count as u32,
                    hidden as u32,
                    visible as u32,
                    row as u32,
                    from.to_bits(),
                    to.to_bits(),
                    beta.to_bits(),
                    draw.first_case,
                    k0,
                    k1,
                    c0,
                    c1,
                    states as u32,
                    v.start,
                    v.end,
                    h.start,
                    h.end,
                    0,
                    0,
                    0,
                ];
                let share = |n: u64| n / dispatches.len() as u64;
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[
                        ("SAMPLE", flag(sample.is_some())),
                        ("HIDDEN", kind),
                        ("RESUMES", flag(number > 0)),
                    ],
                    params: bytemuck::bytes_of(&params),
                    binds: &[
                        Bind::Read(chains.field.gpu()?),
                        Bind::Read(chains.v.gpu()?),
                        Bind::Read(chains.tilt.gpu()?),
                        Bind::Update(increments.gpu()?),
                        match &sample {
                            Some(sample) if number == 0 => Bind::Write(sample.h.gpu()?),
                            Some(sample) => Bind::Update(sample.h.gpu()?),
                            None => Bind::Unused,
                        },
                    ],
                    loops,
                    groups: count as u64,
                    cost: Cost { flops: share(cost.flops), bytes: share(cost.bytes) },
                })?;
            }
            Ok(())
        }
    }
}

/// The visible and the hidden units (groups, where they are softmax units) that each dispatch takes: all in
/// one, or first the visible and then the hidden ones in slices, whose increments add up.
struct Parts {
    dispatches: Vec<[Range<u32>; 2]>,
    /// The most iterations of one invocation.
    loops: u64,
}

fn parts(gpu: &Gpu, kind: Hidden, visible: usize, hidden: usize) -> Result<Parts> {
    let workgroup = gpu.size(&SHADER, "WORKGROUP")?;
    // How many units, how many of them a workgroup takes at once, and what an invocation loops for its own.
    let (units, lanes, each) = match kind {
        // A block of four, its loops over them, and Philox's rounds.
        Hidden::Bernoulli | Hidden::Gaussian => (hidden, 4 * workgroup, 32),
        // Eight loops over the states, and as much.
        Hidden::Softmax(states) => (hidden / states, workgroup, 8 * states as u64 + 32),
    };
    if let Hidden::Softmax(states) = kind
        && gpu.is_software()
        && each > SOFTWARE_LOOPS
    {
        return Err(Error::shape(
            "anneal",
            format!(
                "groups of {states} softmax states are {each} loop iterations of one invocation, and {} ends them \
                 after 65,535; use groups of {} states at most, the CPU (`--device cpu`) or a hardware GPU",
                gpu.info(),
                (SOFTWARE_LOOPS - 32) / 8,
            ),
        ));
    }
    let steps = [visible.div_ceil(workgroup as usize), units.div_ceil(lanes as usize)];
    let whole = steps[0] as u64 + steps[1] as u64 * each;
    if !is_long(gpu, whole) {
        return Ok(Parts { dispatches: vec![[0..visible as u32, 0..units as u32]], loops: whole });
    }
    let v =
        column_slices(gpu, visible, workgroup, 1).map(|s| ([s.ranges[0].clone(), 0..0], s.loops));
    let h = column_slices(gpu, units, lanes, each).map(|s| ([0..0, s.ranges[0].clone()], s.loops));
    let (dispatches, loops): (Vec<_>, Vec<u64>) = v.chain(h).unzip();
    Ok(Parts { dispatches, loops: loops.into_iter().max().unwrap_or(0) })
}

struct HostStep<'a> {
    field: &'a [f32],
    v: &'a [f32],
    tilt: &'a [f32],
    kind: Hidden,
    hidden: usize,
    from: f32,
    to: f32,
}

impl HostStep<'_> {
    fn run(&self, increments: &mut [f32], sample: Option<(f32, &Draw, &mut [f32])>) {
        let chains = increments.par_iter_mut().enumerate();
        match sample {
            Some((beta, draw, h)) if self.hidden > 0 => {
                chains.zip(h.par_chunks_mut(self.hidden)).for_each(|((c, out), h)| {
                    *out = self.increment(c);
                    self.sample(c, beta, draw, h);
                });
            }
            _ => chains.for_each(|(c, out)| *out = self.increment(c)),
        }
    }

    fn field(&self, chain: usize) -> &[f32] {
        &self.field[chain * self.hidden..(chain + 1) * self.hidden]
    }

    fn sample(&self, chain: usize, beta: f32, draw: &Draw, h: &mut [f32]) {
        let field = self.field(chain);
        if let Hidden::Softmax(states) = self.kind {
            let groups = h.chunks_mut(states).zip(field.chunks(states)).enumerate();
            for (group, (h, x)) in groups {
                let u = random::uniform(draw.word(chain as u32, group as u32));
                categorical::set_state(h, categorical::state(x, beta, u));
            }
            return;
        }
        let place = [chain as u32, 0];
        h.iter_mut().zip(field).for_each(|(h, x)| *h = beta * x);
        match self.kind {
            Hidden::Gaussian => random::normal_row(draw, place, 1.0, h),
            _ => {
                Activation::Sigmoid.apply_slice(h);
                random::bernoulli_row(draw, place, h);
            }
        }
    }

    fn increment(&self, chain: usize) -> f32 {
        let width = self.tilt.len();
        let v = &self.v[chain * width..(chain + 1) * width];
        let linear: f64 = v.iter().zip(self.tilt).map(|(v, d)| f64::from(*v) * f64::from(*d)).sum();
        let field = self.field(chain);
        let change = f64::from(self.to - self.from);
        let bent: f64 = match self.kind {
            Hidden::Bernoulli => field.iter().map(|&x| f64::from(self.softplus_step(x))).sum(),
            Hidden::Gaussian => {
                let squares: f64 = field.iter().map(|&x| f64::from(x).powi(2)).sum();
                0.5 * change * f64::from(self.to + self.from) * squares
            }
            Hidden::Softmax(states) => field.chunks(states).map(|x| self.group_step(x)).sum(),
        };
        (change * linear + bent) as f32
    }

    /// softplus(β′x) − softplus(βx).
    #[inline(always)]
    fn softplus_step(&self, x: f32) -> f32 {
        let (p, z) = (self.from * x, (self.to - self.from) * x);
        // A NaN takes the first way, and stays.
        if z.abs() >= 0.25 {
            return softplus(self.to * x) - softplus(p);
        }
        let grown = z * (1.0 + z * (0.5 + z * (1.0 / 6.0 + z * (1.0 / 24.0 + z * (1.0 / 120.0)))));
        let y = sigmoid(p) * grown;
        let s = y / (2.0 + y);
        let s2 = s * s;
        s * (2.0 + s2 * (2.0 / 3.0 + s2 * (0.4 + s2 * (2.0 / 7.0 + s2 * (2.0 / 9.0)))))
    }

    /// ln Σ exp(β′x) − ln Σ exp(βx) of a group, in f64; the largest input counts apart.
    fn group_step(&self, x: &[f32]) -> f64 {
        let largest = f64::from(categorical::largest(x));
        let (from, change) = (f64::from(self.from), f64::from(self.to - self.from));
        let (mut before, mut grown) = (0.0, 0.0);
        for &x in x {
            let below = f64::from(x) - largest;
            let e = (from * below).exp();
            before += e;
            grown += e * (change * below).exp_m1();
        }
        change * largest + (grown / before).ln_1p()
    }
}

#[doc(hidden)]
pub mod proof;
