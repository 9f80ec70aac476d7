//! Rectified units (Nair and Hinton 2010): max(0, N(x, σ(x))) of inputs x, and the mean of that.
//!
//! With s = √σ(x) and t = x/s the mean is xΦ(t) + sφ(t), with the normal distribution Φ and its density φ. Φ is that of
//! Abramowitz and Stegun, 26.2.17, which errs by less than 7.5e-8: so the mean errs by less than 7.5e-8·|x|, besides its
//! rounding. Below x = −20, where less than one sample in 10^(10⁹) is not 0, both are 0. NaN stays NaN.

use rayon::prelude::*;

use super::activation::sigmoid;
use super::{expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::random::{self, Draw};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("rectified", "philox", "activation");

/// Below this input no unit is ever on.
const LEAST: f32 = -20.0;

/// `out` are the means of rectified units with the inputs `x` `[rows, columns]`. A size of 0 is no error.
///
/// ```
/// use harmonium::kernels::rectified::mean;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 3], &[-30., 0., 30.])?;
/// let mut out = Tensor::for_output(&device, &[1, 3])?;
/// mean(&x, &mut out)?;
/// // √½ φ(0) between two whose noise matters to nobody.
/// let found = out.to_vec()?;
/// assert!(found[0] == 0.0 && (found[1] - 0.28209479).abs() < 1e-6 && found[2] == 30.0);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn mean(x: &Tensor, out: &mut Tensor) -> Result<()> {
    run(None, x, out)
}

/// `out` are samples of them: row r takes the random numbers of case `draw.first_case + r`, column by column, as
/// [`sample::gaussian`](super::sample::gaussian) does. Devices agree within 2e-5 standard deviations.
///
/// # Errors
/// As [`mean`].
pub fn sample(draw: &Draw, x: &Tensor, out: &mut Tensor) -> Result<()> {
    run(Some(draw), x, out)
}

fn run(draw: Option<&Draw>, x: &Tensor, out: &mut Tensor) -> Result<()> {
    let op = "rectified";
    let [rows, columns] = x.shape().matrix(op, "x")?;
    expect(op, "x", x, x.device(), &[rows, columns])?;
    expect(op, "the output", out, x.device(), &[rows, columns])?;
    let count = (rows * columns) as u64;
    if count == 0 {
        return Ok(());
    }
    let cost = Cost { flops: 40 * count, bytes: 8 * count };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, out) = (x.host()?.f32(), out.host_mut()?.f32_mut());
            cpu.run(op, cost, || {
                let lines = out.par_chunks_mut(columns).zip(x.par_chunks(columns));
                let lines = lines.with_min_len(1 + 1024 / columns).enumerate();
                lines.for_each(|(r, (out, x))| match draw {
                    None => out.iter_mut().zip(x).for_each(|(out, &x)| *out = mean_of(x)),
                    Some(draw) => {
                        out.fill(0.0);
                        random::normal_row(draw, [r as u32, 0], 1.0, out);
                        out.iter_mut().zip(x).for_each(|(out, &x)| {
                            *out = rectified(x, x + deviation(x) * *out);
                        });
                    }
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let drawn = draw.copied().unwrap_or(Draw::new(0, 0));
            let ([k0, k1], [c0, c1]) = (drawn.key(), drawn.counter_words());
            let [rows, columns] = [rows, columns].map(|n| n as u32);
            let params = [rows, columns, drawn.first_case, 0, k0, k1, c0, c1];
            let blocks = rows as usize * columns.div_ceil(4) as usize;
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[("KIND", u32::from(draw.is_some()))],
                params: bytemuck::bytes_of(&params),
                binds: &[Bind::Read(x.gpu()?), Bind::Write(out.gpu()?)],
                loops: 0,
                groups: groups(blocks, gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

/// √σ(x).
fn deviation(x: f32) -> f32 {
    sigmoid(x).sqrt()
}

/// What is left of `y` of a unit with the input x.
fn rectified(x: f32, y: f32) -> f32 {
    match y {
        _ if x < LEAST => 0.0,
        y if y < 0.0 => 0.0,
        y => y,
    }
}

fn mean_of(x: f32) -> f32 {
    let s = deviation(x);
    let t = (x / s).abs();
    let density = 0.398_942_3 * (-0.5 * t * t).exp();
    let k = 1.0 / (1.0 + 0.231_641_9 * t);
    let series = [1.330_274_4, -1.821_255_9, 1.781_477_9, -0.356_563_78, 0.319_381_54];
    let tail = density * series.into_iter().fold(0.0, |sum, a: f32| k * (a + sum));
    let whole = if x >= 0.0 { 1.0 - tail } else { tail };
    rectified(x, x * whole + s * density)
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;
    use crate::kernels::sample::proof::NORMAL;

    pub(crate) static ENTRY: Entry = Entry::new("rectified", &[&SHADER], standard, bench)
        .slip(["s * density;", "s * density * 1.0001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        let draw = Draw::new(0xdead_beef_0000_0042, 0x1234).at(1 << 39).from_case(99);
        for draw in [None, Some(&draw)] {
            for values in Values::ALL {
                out.push(case(device, draw, [17, 9], values)?);
            }
            for dims in [[1, 1], [3, 5], [101, 67]] {
                out.push(case(device, draw, dims, Values::Ordinary)?);
            }
        }
        Ok(())
    }

    /// Means, or samples, of inputs `dims`. √σ(x) is known to 64 units in the last place and more, since x enters exp;
    /// what then is drawn or averaged moves by as much of the deviation, and sums round relative to the input.
    pub fn case(
        device: &Device,
        draw: Option<&Draw>,
        dims: [usize; 2],
        values: Values,
    ) -> Result<Outcome> {
        let count = dims[0] * dims[1];
        let x = Inputs::new(count as u64).values(values, count);
        let (expected, found) = both(device, |device| {
            let x = Tensor::from_f32(device, &dims, &x)?;
            let mut out = Tensor::for_output(device, &dims)?;
            run(draw, &x, &mut out)?;
            out.to_vec()
        })?;
        let mut check = Check::default();
        check.compare("out", &expected, &found, |i| {
            let size = f64::from(x[i]).abs();
            let noise = if draw.is_some() { NORMAL } else { 0.0 };
            noise + EPSILON * (64.0 + 8.0 * size) + FLUSH
        });
        let what = if draw.is_some() { "samples" } else { "means" };
        Ok(check.outcome("rectified", format!("{what}, {dims:?} {values:?}")))
    }

    /// A million units; elements are units.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (draw, dims) = (Draw::new(1, 1), [1024, 1024]);
        let (x, mut out) = (b.random(&dims, 2)?, b.output(&dims)?);
        b.case("means", 1 << 20, || mean(&x, &mut out))?;
        b.case("samples", 1 << 20, || sample(&draw, &x, &mut out))
    }
}
