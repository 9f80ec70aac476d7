//! Groups of softmax units (Potts units): of K neighbouring columns one is 1 and the others are 0.
//!
//! A row of x `[rows, groups·K]` holds the units' inputs, group after group. Column k of a group has the
//! probability exp(xₖ)/Σ exp(x); the group's largest input is subtracted first. Group g of row r takes the uniform
//! number u of element `[r, g]` ([`crate::random`]) and the first state whose cumulative sum of exp is above
//! u times the whole sum.
//!
//! A group with a NaN or +∞, or of −∞ alone, has NaN probabilities and is drawn as zeros.

use rayon::prelude::*;

use super::{expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::random::{Draw, uniform};
use crate::tensor::Tensor;

/// The WGSL.
pub static SHADER: Shader = shader!("categorical", "philox", "softmax_group");

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
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[("KIND", kind as u32)],
                params: bytemuck::bytes_of(&[r, g, s, draw.first_case, k0, k1, c0, c1]),
                binds: &[Bind::Read(x.gpu()?), Bind::Write(out.gpu()?)],
                groups: groups(rows * count, SHADER.constant("WORKGROUP")),
                cost,
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
