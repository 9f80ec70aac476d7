//! Groups of softmax units (Potts units): of K neighbouring columns one is 1 and the others are 0.
//!
//! A row of x `[rows, groups·K]` holds the units' inputs, group after group. Column k of a group has the
//! probability exp(xₖ)/Σ exp(x); the group's largest input is subtracted first. Group g of row r takes the uniform
//! number u of element `[r, g]` ([`crate::random`]) and the first state whose cumulative sum of exp is above
//! u times the whole sum.
//!
//! A group with a NaN or +∞, or of −∞ alone, has NaN probabilities and is drawn as zeros.

use std::ops::Range;

use rayon::prelude::*;

use super::slices::{passes, statistics};
use super::{expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::random::{Draw, uniform};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("categorical", "philox", "exp", "softmax_group");

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Probabilities = 0,
    Sample = 1,
    LogSum = 2,
}

/// `out` `[rows, groups·states]` gets each group's probabilities.
///
/// # Errors
/// [`Error::Shape`] where the columns are no multiple of `states`, [`Error::DeviceMismatch`],
/// [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn probabilities(x: &Tensor, states: usize, out: &mut Tensor) -> Result<()> {
    run(Kind::Probabilities, x, states, &Draw::new(0, 0), out)
}

/// `out` `[rows, groups·states]` gets a state of each group: a one and zeros.
///
/// ```
/// use harmonium::kernels::categorical::sample;
/// use harmonium::random::Draw;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// // Two groups of three.
/// let x = Tensor::from_f32(&device, &[1, 6], &[0., 200., 0., 200., 0., 0.])?;
/// let mut out = Tensor::for_output(&device, &[1, 6])?;
/// sample(&x, 3, &Draw::new(1, 300), &mut out)?;
/// assert_eq!(out.to_vec()?, [0., 1., 0., 1., 0., 0.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`probabilities`].
pub fn sample(x: &Tensor, states: usize, draw: &Draw, out: &mut Tensor) -> Result<()> {
    run(Kind::Sample, x, states, draw, out)
}

/// `out` `[rows, groups]` gets ln Σ exp(x) of each group.
///
/// # Errors
/// As [`probabilities`].
pub fn log_sum_exp(x: &Tensor, states: usize, out: &mut Tensor) -> Result<()> {
    run(Kind::LogSum, x, states, &Draw::new(0, 0), out)
}

fn run(kind: Kind, x: &Tensor, states: usize, draw: &Draw, out: &mut Tensor) -> Result<()> {
    let op = "categorical";
    let [rows, columns] = x.shape().matrix(op, "x")?;
    expect(op, "x", x, x.device(), &[rows, columns])?;
    if states == 0 || columns % states != 0 {
        return Err(Error::shape(
            op,
            format!("x is {}, whose columns are no groups of {states} states", x.shape()),
        ));
    }
    let count = columns / states;
    let width = if kind == Kind::LogSum { count } else { columns };
    expect(op, "the output", out, x.device(), &[rows, width])?;
    let elements = (rows * columns) as u64;
    let cost = Cost { flops: 8 * elements, bytes: 8 * elements };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let x = x.host()?.f32();
            let out = out.host_mut()?.f32_mut();
            cpu.run(op, cost, || {
                if columns == 0 {
                    return;
                }
                let lines = out.par_chunks_mut(width).zip(x.par_chunks(columns)).enumerate();
                lines.for_each(|(row, (out, x))| {
                    let own = out.chunks_mut(width / count).zip(x.chunks(states)).enumerate();
                    for (group, (out, x)) in own {
                        match kind {
                            Kind::Probabilities => spread(x, out),
                            Kind::Sample => {
                                let word = draw.word(row as u32, group as u32);
                                set_state(out, state(x, 1.0, uniform(word)));
                            }
                            Kind::LogSum => {
                                let largest = largest(x);
                                out[0] = largest + sum(x, 1.0, largest).ln();
                            }
                        }
                    }
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let ([k0, k1], [c0, c1]) = (draw.key(), draw.counter_words());
            let [r, g, s] = [rows, count, states].map(|n| n as u32);
            let groups = groups(rows * count, gpu.size(&SHADER, "WORKGROUP")?);
            // One invocation a group, which passes over its states for their largest, their sum, a state, and zeros.
            let passes = passes(gpu, states, 1, 4);
            let statistics = statistics(&passes, x.device(), 4 * rows * count)?;
            passes.into_iter().try_for_each(|pass| {
                let [Range { start, end }] = pass.slice.ranges;
                let sizes = [r, g, s, draw.first_case, k0, k1, c0, c1, start, end, 0, 0];
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[("PASS", pass.number), ("KIND", kind as u32)],
                    params: bytemuck::bytes_of(&sizes),
                    binds: &[
                        Bind::Read(x.gpu()?),
                        pass.output(out.gpu()?),
                        pass.statistics(&statistics)?,
                    ],
                    loops: pass.slice.loops,
                    groups,
                    cost: pass.cost(cost),
                })
            })
        }
    }
}

fn spread(x: &[f32], out: &mut [f32]) {
    let largest = largest(x);
    let sum = sum(x, 1.0, largest);
    out.iter_mut().zip(x).for_each(|(p, x)| *p = (x - largest).exp() / sum);
}

/// The largest input; a NaN is passed over here, and then shows in every sum.
pub(super) fn largest(x: &[f32]) -> f32 {
    x.iter().copied().fold(f32::NEG_INFINITY, f32::max)
}

/// Σ exp(β(x − largest)).
pub(super) fn sum(x: &[f32], beta: f32, largest: f32) -> f32 {
    x.iter().map(|x| (beta * (x - largest)).exp()).sum()
}

/// The state of a group that `u` in [0, 1) draws at the inverse temperature `beta`; none where there is a NaN.
pub(super) fn state(x: &[f32], beta: f32, u: f32) -> Option<usize> {
    let largest = largest(x);
    let target = u * sum(x, beta, largest);
    let (mut sum, mut last) = (0.0, None);
    for (k, x) in x.iter().enumerate() {
        let e = (beta * (x - largest)).exp();
        sum += e;
        if target < sum {
            return Some(k);
        }
        // Where rounding leaves none above, the last state that can be.
        if e > 0.0 {
            last = Some(k);
        }
    }
    last.filter(|_| target >= sum)
}

/// A one and zeros.
pub(super) fn set_state(out: &mut [f32], state: Option<usize>) {
    out.fill(0.0);
    if let Some(out) = state.and_then(|k| out.get_mut(k)) {
        *out = 1.0;
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;
    use crate::random::uniform;

    pub(crate) static ENTRY: Entry = Entry::new("categorical", &[&SHADER], standard, bench)
        .slip(["- largest) / sum;", "- largest) / sum * 1.001;"]);

    /// All three functions on `[rows, groups·states]`.
    pub fn case(
        device: &Device,
        [rows, groups, states]: [usize; 3],
        values: Values,
    ) -> Result<Outcome> {
        let columns = groups * states;
        let x = Inputs::new((rows * 1009 + columns) as u64).values(values, rows * columns);
        let draw = Draw::new(55, 4).at_level(3).at(1 << 35).from_case(7);
        let run = |device: &Device| {
            let x = Tensor::from_f32(device, &[rows, columns], &x)?;
            let mut p = Tensor::for_output(device, &[rows, columns])?;
            probabilities(&x, states, &mut p)?;
            let mut state = Tensor::for_output(device, &[rows, columns])?;
            sample(&x, states, &draw, &mut state)?;
            let mut sums = Tensor::for_output(device, &[rows, groups])?;
            log_sum_exp(&x, states, &mut sums)?;
            Ok([p.to_vec()?, state.to_vec()?, sums.to_vec()?])
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        let tolerances: Vec<f64> = x.chunks(states).map(|x| relative(x, 1.0)).collect();
        check.compare("p", &expected[0], &found[0], |at| {
            1.5 * f64::from(expected[0][at]) * tolerances[at / states] + 4.0 * FLUSH
        });
        check.compare("ln of the sum", &expected[2], &found[2], |at| {
            // The sum's own error, that of the logarithm (2⁻²¹ near 1) and the last addition's.
            let size = f64::from(expected[2][at]).abs();
            1.5 * (tolerances[at] + 4.0 * EPSILON * (size + 2.0))
        });
        for (at, (x, found)) in x.chunks(states).zip(found[1].chunks(states)).enumerate() {
            let word = draw.word((at / groups) as u32, (at % groups) as u32);
            check_state(&mut check, x, 1.0, (uniform(word), found));
        }
        let shape = format!("[{rows}, {groups} groups of {states}] {values:?}");
        Ok(check.outcome("categorical", shape))
    }

    /// That the state drawn by u is one whose share of the cumulative sum holds u, to within rounding; zeros where an
    /// input is no number.
    pub(crate) fn check_state(check: &mut Check, x: &[f32], beta: f32, (u, found): (f32, &[f32])) {
        let refuse = |check: &mut Check| {
            check.note(f64::INFINITY, || format!("state {found:?} for u = {u:e} of {x:?}"));
        };
        let largest = x.iter().copied().fold(f64::NEG_INFINITY, |m, x| m.max(f64::from(x)));
        let e: Vec<f64> =
            x.iter().map(|&x| (f64::from(beta) * (f64::from(x) - largest)).exp()).collect();
        let sum: f64 = e.iter().sum();
        let ones: Vec<usize> = (0..x.len()).filter(|&k| found[k] == 1.0).collect();
        let zeros = found.iter().filter(|&&s| s == 0.0).count();
        if sum.is_nan() {
            if zeros != x.len() {
                refuse(check);
            }
            return;
        }
        let (&[one], true) = (&ones[..], zeros + 1 == x.len()) else { return refuse(check) };
        let below: f64 = e[..one].iter().sum::<f64>() / sum;
        let tolerance = relative(x, beta);
        let u = f64::from(u);
        if u < below - tolerance || u > below + e[one] / sum + tolerance {
            refuse(check);
        }
    }

    /// By how much exp(β(x − max))/Σ may err relatively: each argument by two roundings, exp by EPSILON·(3 + 2|d|), the
    /// sum by its additions and by the weighted mean of its terms' errors, which the largest bounds. Past 104 the
    /// exponential is 0 in f32.
    pub(crate) fn relative(x: &[f32], beta: f32) -> f64 {
        let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let distance = |x: &f32| (f64::from(beta) * f64::from(largest - x)).abs().min(104.0);
        let widest = x.iter().map(distance).fold(0.0, f64::max);
        2.0 * EPSILON * (x.len() as f64 + 8.0 + 4.0 * widest)
    }

    /// The standard set.
    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for dims in [[1, 1, 1], [3, 5, 4], [101, 2, 10], [7, 67, 3], [5, 1, 300]] {
            for values in Values::ALL {
                out.push(case(device, dims, values)?);
            }
        }
        out.push(case(device, [1, 2, LONG / 2], Values::Rising)?);
        Ok(())
    }

    /// States of 10,000 groups of 10; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (x, mut state) = (b.random(&[1000, 100], 1)?, b.output(&[1000, 100])?);
        b.case("1000 x 10 of 10", 100_000, || sample(&x, 10, &Draw::new(1, 1), &mut state))
    }
}
