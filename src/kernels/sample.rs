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
pub(crate) static SHADER: Shader = shader!("sample", "philox");

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
/// never), else 0; more exactly with `p` rounded up to a multiple of 2⁻²⁴, and without error at 0 and 1
/// ([`random::bernoulli`]).
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
                loops: 0,
                groups: groups(blocks, gpu.size(&SHADER, "WORKGROUP")?),
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
    let place = [row, 0];
    if matches!(kind, Kind::Words | Kind::Uniform) {
        random::words_row(draw, place, line);
        if kind == Kind::Uniform {
            line.iter_mut().for_each(|word| *word = random::uniform(*word).to_bits());
        }
        return;
    }
    let values: &mut [f32] = bytemuck::cast_slice_mut(line);
    match parameter {
        Some(p) => values.copy_from_slice(p),
        None => values.fill(0.0),
    }
    match kind {
        Kind::Bernoulli => random::bernoulli_row(draw, place, values),
        _ => random::normal_row(draw, place, scale, values),
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;
    use crate::random::philox4x32;

    pub(crate) static ENTRY: Entry = Entry::new("sample", &[&SHADER], standard, bench)
        .slip(["params.first_case + row", "params.first_case + row + 1u"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        out.push(published(device)?);
        let draw = Draw::new(0xdead_beef_0000_0042, 0x1234).at(1 << 39).from_case(99);
        for kind in KINDS {
            for dims in [[1, 1], [3, 5], [101, 67], [64, 256]] {
                out.push(case(device, kind, dims, &draw)?);
            }
        }
        Ok(())
    }

    /// How far a standard normal number may differ between devices; `sample` promises it.
    pub const NORMAL: f64 = 2e-5;

    /// What is drawn.
    #[derive(Debug, Clone, Copy, PartialEq)]
    pub enum Kind {
        /// Philox words.
        Words,
        /// Uniform numbers.
        Uniform,
        /// Bernoulli draws from uploaded probabilities.
        Bernoulli,
        /// Normal numbers around 0 with this deviation.
        Normal(f32),
        /// Normal numbers around uploaded means.
        NormalAround(f32, Values),
    }

    /// One of every kind.
    pub const KINDS: [Kind; 5] = [
        Kind::Words,
        Kind::Uniform,
        Kind::Bernoulli,
        Kind::Normal(0.5),
        Kind::NormalAround(2.0, Values::Ordinary),
    ];

    /// One call that fills `[rows, columns]`.
    pub fn case(device: &Device, kind: Kind, dims: [usize; 2], draw: &Draw) -> Result<Outcome> {
        let n = dims[0] * dims[1];
        let mut inputs = Inputs::new(n as u64);
        let mut check = Check::default();
        let case = format!("{kind:?}, {dims:?}");
        let parameter = match kind {
            Kind::Bernoulli => inputs.probabilities(n),
            Kind::NormalAround(_, values) => inputs.values(values, n),
            _ => Vec::new(),
        };
        if kind == Kind::Words {
            let (expected, found) = both(device, |device| {
                let mut out = Tensor::from_u32(device, &dims, &vec![0; n])?;
                words(draw, &mut out)?;
                out.to_words()
            })?;
            check.exact("words", &expected, &found);
            return Ok(check.outcome("sample", case));
        }
        let (expected, found) = both(device, |device| {
            let mut out = Tensor::for_output(device, &dims)?;
            let given = || Tensor::from_f32(device, &dims, &parameter);
            match kind {
                Kind::Bernoulli => bernoulli(draw, &given()?, &mut out)?,
                Kind::Normal(deviation) => gaussian(draw, None, deviation, &mut out)?,
                Kind::NormalAround(deviation, _) => {
                    gaussian(draw, Some(&given()?), deviation, &mut out)?;
                }
                _ => uniform(draw, &mut out)?,
            }
            out.to_vec()
        })?;
        match kind {
            // mean + deviation·z: NORMAL for z, a product and a sum.
            Kind::Normal(deviation) | Kind::NormalAround(deviation, _) => {
                check.compare("out", &expected, &found, |i| {
                    let mean = parameter.get(i).map_or(0.0, |m| f64::from(*m).abs());
                    let whole = mean + f64::from(expected[i]).abs();
                    NORMAL * f64::from(deviation) + 3.0 * EPSILON * whole + FLUSH
                });
            }
            _ => check.exact_f32("out", &expected, &found),
        }
        Ok(check.outcome("sample", case))
    }

    /// Counters, keys and outputs that the authors of Philox publish with Random123.
    pub const PUBLISHED: [([u32; 4], [u32; 2], [u32; 4]); 3] = [
        ([0; 4], [0; 2], [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]),
        ([u32::MAX; 4], [u32::MAX; 2], [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0],
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
        ),
    ];

    /// The draw whose column block 0 and row 0 have this counter; the first word must be 0.
    fn draw_of(counter: [u32; 4], key: [u32; 2]) -> Draw {
        Draw {
            seed: u64::from(key[0]) | u64::from(key[1]) << 32,
            stream: counter[3] as u16,
            level: (counter[3] >> 24) as u8,
            step: u64::from(counter[2]) | u64::from(counter[3] >> 16 & 0xff) << 32,
            first_case: counter[1],
        }
    }

    /// The published vectors. A device takes the counter's first word from the column, so the vector of
    /// zeros runs as it is; the others run with that word 0, against the CPU's function, which must give all
    /// three as they stand.
    pub fn published(device: &Device) -> Result<Outcome> {
        let mut check = Check::default();
        for (counter, key, output) in PUBLISHED {
            check.exact("CPU function", &output, &philox4x32(counter, key));
            let counter = [0, counter[1], counter[2], counter[3]];
            let expected = philox4x32(counter, key);
            let mut out = Tensor::from_u32(device, &[1, 4], &[0; 4])?;
            words(&draw_of(counter, key), &mut out)?;
            check.exact("words", &expected, &out.to_words()?);
        }
        Ok(check.outcome("sample", "published Philox vectors".into()))
    }

    /// A million random numbers; elements are draws.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (draw, dims) = (Draw::new(1, 1), [1024, 1024]);
        let (p, mut out) = (b.random(&dims, 2)?, b.output(&dims)?);
        b.case("uniform", 1 << 20, || uniform(&draw, &mut out))?;
        b.case("bernoulli", 1 << 20, || bernoulli(&draw, &p, &mut out))?;
        b.case("gaussian", 1 << 20, || gaussian(&draw, None, 1.0, &mut out))
    }
}
