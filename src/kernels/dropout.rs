//! Dropout (Srivastava et al. 2014), inverted: what stays is scaled, so that evaluation needs no change.

use rayon::prelude::*;

use super::{expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::random::{self, Draw};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("dropout", "philox");

/// `y = x / (1 − rate)` with probability 1 − rate, else 0; rate in [0, 1). x and y of one shape, seen as
/// `[first size, the rest]`: row r takes the random numbers of case `draw.first_case + r`. The same draw
/// on the incoming gradient is the backward pass.
///
/// An element stays where [`sample::bernoulli`](super::sample::bernoulli) with the probability 1 − rate and
/// the same draw gives 1: the same elements on every device, with that probability to less than 2⁻²⁴. What stays is multiplied by the f32 next to
/// 1 / (1 − rate), which for rate 0 is 1: then y is x. A NaN that is dropped becomes 0 like any number. A
/// size of 0 is no error.
///
/// ```
/// use harmonium::kernels::dropout::dropout;
/// use harmonium::random::{Draw, stream};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[2, 2], &[1., 2., 3., 4.])?;
/// let mut y = Tensor::for_output(&device, &[2, 2])?;
/// dropout(&x, 0.5, &Draw::new(1, stream::DROPOUT), &mut y)?;
/// for (x, y) in [1., 2., 3., 4.].iter().zip(y.to_vec()?) {
///     assert!(y == 0.0 || y == 2.0 * x);
/// }
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Setting`] for a rate outside [0, 1); [`Error::Shape`], [`Error::DeviceMismatch`],
/// [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn dropout(x: &Tensor, rate: f32, draw: &Draw, y: &mut Tensor) -> Result<()> {
    let op = "dropout";
    if !(0.0..1.0).contains(&rate) {
        return Err(Error::setting(op, format!("the rate is {rate}; use one in [0, 1)")));
    }
    let count = x.shape().len();
    let rows = x.shape().dims().first().copied().unwrap_or(1);
    let columns = count.checked_div(rows).unwrap_or(0);
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "y", y, x.device(), x.shape().dims())?;
    if count == 0 {
        return Ok(());
    }
    let keep = 1.0 - rate;
    let scale = 1.0 / keep;
    let cost = Cost { flops: 25 * count as u64, bytes: 8 * count as u64 };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, y) = (x.host()?.f32(), y.host_mut()?.f32_mut());
            cpu.run(op, cost, || {
                let lines = y.par_chunks_mut(columns).zip(x.par_chunks(columns));
                lines.with_min_len(1 + 1024 / columns).enumerate().for_each(|(r, (y, x))| {
                    // y is 1 where uniform < keep.
                    y.fill(keep);
                    random::bernoulli_row(draw, [r as u32, 0], y);
                    y.iter_mut()
                        .zip(x)
                        .for_each(|(y, x)| *y = if *y > 0.0 { scale * x } else { 0.0 });
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let ([k0, k1], [c0, c1]) = (draw.key(), draw.counter_words());
            let (scale, keep) = (scale.to_bits(), keep.to_bits());
            let sizes = [rows as u32, columns as u32, draw.first_case, 0];
            let params = [sizes, [k0, k1, c0, c1], [keep, scale, 0, 0]];
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[],
                params: bytemuck::bytes_of(&params),
                binds: &[Bind::Read(x.gpu()?), Bind::Write(y.gpu()?)],
                loops: 0,
                groups: groups(rows * columns.div_ceil(4), gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("dropout", &[&SHADER], standard, bench)
        .slip(["params.scale * x[start + c]", "params.scale * x[start + c] * 1.000001"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        let draw = Draw::new(0xdead_beef_0000_0042, 9).at(1 << 39).from_case(99);
        for rate in [0.0, 0.25, 0.5] {
            for dims in [&[1, 1][..], &[101, 67], &[7, 3, 5, 6]] {
                out.push(case(device, rate, dims, &draw, Values::Ordinary)?);
            }
            out.push(case(device, rate, &[17, 9], &draw, Values::NonFinite)?);
        }
        Ok(())
    }

    /// One call on `dims`. An element that stays where it should not, or the other way round, is out by more
    /// than the rounding of one product, but for subnormal numbers.
    pub fn case(
        device: &Device,
        rate: f32,
        dims: &[usize],
        draw: &Draw,
        values: Values,
    ) -> Result<Outcome> {
        let count = dims.iter().product();
        let x = Inputs::new(count as u64).values(values, count);
        let (expected, found) = both(device, |device| {
            let x = Tensor::from_f32(device, dims, &x)?;
            let mut y = Tensor::for_output(device, dims)?;
            dropout(&x, rate, draw, &mut y)?;
            y.to_vec()
        })?;
        let mut check = Check::default();
        check.compare("y", &expected, &found, |i| {
            let flushed =
                if values == Values::Subnormal { FLUSH / f64::from(1.0 - rate) } else { 0.0 };
            EPSILON * f64::from(expected[i]).abs() + flushed
        });
        Ok(check.outcome("dropout", format!("{rate}, {dims:?} {values:?}")))
    }

    /// A fully connected layer and a picture; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let draw = Draw::new(1, crate::random::stream::DROPOUT);
        for dims in [&[128, 1024][..], &[128, 6, 28, 28]] {
            let (x, mut y) = (b.random(dims, 1)?, b.output(dims)?);
            let count = dims.iter().product();
            b.case(&format!("{dims:?}"), count, || dropout(&x, 0.5, &draw, &mut y))?;
        }
        Ok(())
    }
}
