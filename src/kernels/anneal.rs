//! One temperature of annealed importance sampling (Neal 2001; Salakhutdinov and Murray 2008): the increment
//! of each chain's log weight, and hidden states, from one reading of the hidden field x = vW + a.
//!
//! With d = b − b_A and β, β′ the temperatures, chain c gets
//! `(β′ − β)·v·d + Σⱼ [softplus(β′·xⱼ) − softplus(β·xⱼ)]`, and hⱼ ~ Bernoulli(σ(β″·xⱼ)). Where |β′ − β|·|x| is
//! below ¼ the bracket is ln(1 + σ(βx)·(exp((β′ − β)x) − 1)) by series: the plain difference would lose most of
//! its digits on a fine grid.

use rayon::prelude::*;

use super::activation::{sigmoid, softplus};
use super::{Place, expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::random::{self, Draw};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("anneal", "philox", "activation");

/// Where the chains stand.
#[derive(Debug, Clone, Copy)]
pub struct Chains<'a> {
    /// x = vW + a, `[C, J]`.
    pub field: &'a Tensor,
    /// Visible states `[C, I]`.
    pub v: &'a Tensor,
    /// d = b − b_A `[I]`.
    pub tilt: &'a Tensor,
}

/// Hidden states to draw: h ~ Bernoulli(σ(β″x)) into h `[C, J]`.
#[derive(Debug)]
pub struct Hidden<'a> {
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
    sample: Option<Hidden<'_>>,
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
    let elements = (count * hidden) as u64;
    let cost = Cost { flops: 30 * elements, bytes: 4 * (2 * elements + (count * visible) as u64) };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let task = HostStep {
                field: chains.field.host()?.f32(),
                v: chains.v.host()?.f32(),
                tilt: chains.tilt.host()?.f32(),
                hidden,
                from,
                to,
            };
            let out = &mut increments.host_mut()?.f32_mut()[row * count..(row + 1) * count];
            match sample {
                Some(Hidden { beta, draw, h }) => {
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
            ];
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[("SAMPLE", flag(sample.is_some()))],
                params: bytemuck::bytes_of(&params),
                binds: &[
                    Bind::Read(chains.field.gpu()?),
                    Bind::Read(chains.v.gpu()?),
                    Bind::Read(chains.tilt.gpu()?),
                    Bind::Update(increments.gpu()?),
                    match &sample {
                        Some(sample) => Bind::Write(sample.h.gpu()?),
                        None => Bind::Unused,
                    },
                ],
                groups: count as u64,
                cost,
            })
        }
    }
}

struct HostStep<'a> {
    field: &'a [f32],
    v: &'a [f32],
    tilt: &'a [f32],
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
                    draw.for_each_block(c as u32, self.hidden as u32, |start, words| {
                        let start = start as usize;
                        let field = &self.field[c * self.hidden + start..];
                        for ((h, x), word) in h[start..].iter_mut().zip(field).zip(words) {
                            *h = random::bernoulli(word, sigmoid(beta * x));
                        }
                    });
                });
            }
            _ => chains.for_each(|(c, out)| *out = self.increment(c)),
        }
    }

    fn increment(&self, chain: usize) -> f32 {
        let width = self.tilt.len();
        let v = &self.v[chain * width..(chain + 1) * width];
        let linear: f64 = v.iter().zip(self.tilt).map(|(v, d)| f64::from(*v) * f64::from(*d)).sum();
        let field = &self.field[chain * self.hidden..(chain + 1) * self.hidden];
        let bent: f64 = field.iter().map(|&x| f64::from(self.softplus_step(x))).sum();
        (f64::from(self.to - self.from) * linear + bent) as f32
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
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;
    use crate::kernels::sample;

    pub(crate) static ENTRY: Entry = Entry::new("anneal", &[&SHADER], standard, bench)
        .slip(["= partial[0];", "= partial[0] * 1.01;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for samples in [false, true] {
            for betas in [[0.9, 0.901], [0.0, 1.0], [1.0, 0.5]] {
                out.push(case(device, [10, 131, 67], betas, samples, Values::Ordinary)?);
            }
            out.push(case(device, [7, 1, 1], [0.3, 0.31], samples, Values::Wide)?);
            out.push(case(device, [5, 67, 9], [0.5, 0.75], samples, Values::NonFinite)?);
        }
        Ok(())
    }

    /// One call for C chains, J hidden and I visible units: `dims` is `[C, J, I]`; with or without samples.
    pub fn case(
        device: &Device,
        dims: [usize; 3],
        betas: [f32; 2],
        samples: bool,
        values: Values,
    ) -> Result<Outcome> {
        let [c, j, i] = dims;
        let mut inputs = Inputs::new(((c * 1009 + j) * 1009 + i) as u64);
        let field = inputs.values(values, c * j);
        let v = inputs.values(Values::Ordinary, c * i);
        let tilt = inputs.values(Values::Ordinary, i);
        let draw = Draw { seed: 77, stream: 3, step: 1 << 33, first_case: 5 };
        let run = |device: &Device| {
            let field = Tensor::from_f32(device, &[c, j], &field)?;
            let v = Tensor::from_f32(device, &[c, i], &v)?;
            let tilt = Tensor::from_f32(device, &[i], &tilt)?;
            let chains = Chains { field: &field, v: &v, tilt: &tilt };
            // Row 1 is written; rows 0 and 2 must stay.
            let mut increments = Tensor::from_f32(device, &[3, c], &vec![7.0; 3 * c])?;
            let mut h = Tensor::zeros(device, &[c, j])?;
            let sample = samples.then_some(Hidden { beta: betas[1], draw: &draw, h: &mut h });
            anneal(&chains, betas, Place::at(&mut increments, 1), sample)?;
            let mut u = Tensor::zeros(device, &[c, j])?;
            sample::uniform(&draw, &mut u)?;
            Ok((increments.to_vec()?, h.to_vec()?, u.to_vec()?))
        };
        let (expected, found) = both(device, run)?;
        let tolerances: Vec<f64> = (0..c)
            .map(|chain| {
                let field = &field[chain * j..(chain + 1) * j];
                let v = &v[chain * i..(chain + 1) * i];
                tolerance(field, v, &tilt, betas)
            })
            .collect();
        let mut check = Check::default();
        check.compare("increments", &expected.0, &found.0, |at| match at / c.max(1) {
            1 => tolerances[at % c],
            _ => 0.0,
        });
        if samples {
            let p: Vec<f32> = field.iter().map(|&x| sigmoid(betas[1] * x)).collect();
            // The argument's rounding moves p by |x| EPSILON, exp and the quotient by some EPSILON more.
            check.bernoulli(&p, &expected.2, &found.1, |at| {
                EPSILON * (8.0 + 2.0 * f64::from(betas[1] * field[at]).abs().min(104.0))
            });
        }
        let with = if samples { "and samples" } else { "alone" };
        Ok(check.outcome(
            "anneal",
            format!(
                "{} to {} {with}, {c} chains, {j} and {i} units {values:?}",
                betas[0], betas[1]
            ),
        ))
    }

    /// The bound for one chain: I products and J steps are added, each addition erring by EPSILON of what is
    /// added so far. A step by series errs by its truncation (z⁶/720 of z, below 10 EPSILON at z = ¼) and some 20
    /// roundings; a step by difference by those of two softplus, each 4 roundings of its size and |x| more for the
    /// rounding of exp's argument.
    fn tolerance(field: &[f32], v: &[f32], tilt: &[f32], [from, to]: [f32; 2]) -> f64 {
        let change = f64::from(to - from).abs();
        let linear: f64 = v.iter().zip(tilt).map(|(v, d)| change * f64::from(v * d).abs()).sum();
        let mut size = linear;
        let mut own = 4.0 * EPSILON * linear;
        for &x in field {
            let x = f64::from(x).abs();
            let z = change * x;
            size += z;
            own += if z < 0.26 { 32.0 * EPSILON * z } else { 0.0 };
            if z > 0.24 {
                own += EPSILON * (8.0 + 6.0 * x * f64::from(from.max(to)));
            }
        }
        let terms = (field.len() + v.len()) as f64;
        1.5 * (own + (terms / 64.0 + 12.0) * EPSILON * size) + FLUSH * (terms + 4.0)
    }

    /// 100 chains of a 784-500 machine; elements are hidden units times chains.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (count, i, j) = (100, 784, 500);
        let (field, v) = (b.random(&[count, j], 1)?, b.random(&[count, i], 2)?);
        let (tilt, mut increments) = (b.random(&[i], 3)?, Tensor::zeros(b.device, &[1, count])?);
        let (draw, mut h) = (Draw::new(1, 1), b.output(&[count, j])?);
        let chains = Chains { field: &field, v: &v, tilt: &tilt };
        b.case("100 chains, 784-500", count * j, || {
            let sample = Some(Hidden { beta: 0.9, draw: &draw, h: &mut h });
            anneal(&chains, [0.9, 0.901], Place::at(&mut increments, 0), sample)
        })
    }
}
