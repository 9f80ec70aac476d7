//! Random numbers on the device: Philox words, uniform, Bernoulli and normal draws.
//!
//! Element `[row, column]` takes word `column % 4` of the Philox block that [`crate::random`] describes.
//! Words, uniforms and Bernoulli draws from uploaded probabilities are the same bits on every device
//! (subnormal probabilities excepted: a GPU may flush them to 0). Normal draws agree within 2e-5 times
//! the standard deviation.

use rayon::prelude::*;

use super::{expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::random::{self, Draw};
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub static SHADER: Shader = shader!("sample", "philox");

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Words = 0,
    Uniform = 1,
    Bernoulli = 2,
    NormalAround = 3,
    Normal = 4,
}

/// Fills a u32 tensor with Philox words.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) where the elements are not u32 or the shape is no matrix,
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn words(draw: &Draw, out: &mut Tensor) -> Result<()> {
    out.require("sample", "the output", Element::U32)?;
    run(Kind::Words, draw, None, 1.0, out)
}

/// Fills a f32 tensor with uniform numbers in [0, 1), multiples of 2⁻²⁴.
///
/// # Errors
/// As [`bernoulli`].
pub fn uniform(draw: &Draw, out: &mut Tensor) -> Result<()> {
    out.require("sample", "the output", Element::F32)?;
    run(Kind::Uniform, draw, None, 1.0, out)
}

/// `out` is 1 with probability `p` (`[rows, columns]`, in [0, 1]; above 1 always, below 0 and NaN
/// never), else 0.
///
/// ```
/// use harmonium::kernels::sample::bernoulli;
/// use harmonium::random::Draw;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let p = Tensor::from_f32(&device, &[1, 2], &[0.0, 1.0])?;
/// let mut out = Tensor::for_output(&device, &[1, 2])?;
/// bernoulli(&Draw::new(7, 1), &p, &mut out)?;
/// assert_eq!(out.to_vec()?, [0.0, 1.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn bernoulli(draw: &Draw, p: &Tensor, out: &mut Tensor) -> Result<()> {
    expect("sample", "the output", out, p.device(), p.shape().dims())?;
    run(Kind::Bernoulli, draw, Some(p), 1.0, out)
}

/// `out` is normal around `mean` (around 0 where there is none) with standard deviation `deviation`
/// (Box and Muller 1958; [`random::normal_pair`]).
///
/// # Errors
/// As [`bernoulli`].
pub fn gaussian(
    draw: &Draw,
    mean: Option<&Tensor>,
    deviation: f32,
    out: &mut Tensor,
) -> Result<()> {
    out.require("sample", "the output", Element::F32)?;
    if let Some(mean) = mean {
        expect("sample", "the output", out, mean.device(), mean.shape().dims())?;
    }
    let kind = if mean.is_some() { Kind::NormalAround } else { Kind::Normal };
    run(kind, draw, mean, deviation, out)
}

fn run(
    kind: Kind,
    draw: &Draw,
    parameter: Option<&Tensor>,
    scale: f32,
    out: &mut Tensor,
) -> Result<()> {
    let op = "sample";
    let [rows, columns] = out.shape().matrix(op, "the output")?;
    if let Some(p) = parameter {
        p.require(op, "the parameter", Element::F32)?;
    }
    let count = (rows * columns) as u64;
    let cost = Cost { flops: 25 * count, bytes: 8 * count };
    match out.device().clone().backend() {
        Backend::Cpu(cpu) => {
            let parameter = parameter.map(Tensor::host).transpose()?.map(|h| h.f32());
            let out = out.host_mut()?.words_mut();
            cpu.run(op, cost, || {
                if columns == 0 {
                    return;
                }
                let lines = out.par_chunks_mut(columns).with_min_len(1 + 1024 / columns);
                lines.enumerate().for_each(|(r, line)| {
                    let p = parameter.map(|p| &p[r * columns..(r + 1) * columns]);
                    fill_row(kind, draw, r as u32, p, scale, line);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let ([k0, k1], [c0, c1]) = (draw.key(), draw.counter_words());
            let [rows, columns] = [rows, columns].map(|n| n as u32);
            let params = [rows, columns, draw.first_case, scale.to_bits(), k0, k1, c0, c1];
            let blocks = rows as usize * columns.div_ceil(4) as usize;
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[("KIND", kind as u32)],
                params: bytemuck::bytes_of(&params),
                binds: &[
                    parameter.map(Tensor::gpu).transpose()?.map_or(Bind::Unused, Bind::Read),
                    Bind::Write(out.gpu()?),
                ],
                groups: groups(blocks, SHADER.constant("WORKGROUP")),
                cost,
            })
        }
    }
}

fn fill_row(
    kind: Kind,
    draw: &Draw,
    row: u32,
    parameter: Option<&[f32]>,
    scale: f32,
    line: &mut [u32],
) {
    draw.for_each_block(row, line.len() as u32, |start, words| {
        let start = start as usize;
        for (lane, out) in line[start..].iter_mut().take(4).enumerate() {
            let p = parameter.map_or(0.0, |p| p[start + lane]);
            *out = match kind {
                Kind::Words => words[lane],
                Kind::Uniform => random::uniform(words[lane]).to_bits(),
                Kind::Bernoulli => random::bernoulli(words[lane], p).to_bits(),
                Kind::NormalAround | Kind::Normal => {
                    (p + scale * random::normal(words, lane as u32)).to_bits()
                }
            };
        }
    });
}
