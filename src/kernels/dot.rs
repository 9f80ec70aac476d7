//! Inner products of vectors, in partial sums that the host adds in f64.

use rayon::prelude::*;

use super::cases::Place;
use super::{expect, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("dot");

/// Elements of one partial sum.
const CHUNK: usize = 4096;

/// How many partial sums [`dot`] gives for vectors of so many elements: one for each 4,096, the last of what is
/// left.
pub fn partial_sums(elements: usize) -> usize {
    elements.div_ceil(CHUNK)
}

/// Partial sums of Σ xᵢyᵢ: `partials[first_row + c] = Σ xᵢyᵢ` over the elements 4096c ≤ i < 4096(c + 1). x and y
/// have one shape, any; the other elements of `partials` stay. x and y may be one tensor.
///
/// A partial sum over n elements is within (⌈n/64⌉ + 8)·ε·Σ|xᵢyᵢ| of the exact one on GPUs (64 sums, one after
/// another, then a fixed tree); the CPU adds in f64 and rounds once. NaN and infinities go where f32 arithmetic
/// takes them. Vectors of size 0 have no partial sum.
///
/// ```
/// use harmonium::kernels::Place;
/// use harmonium::kernels::dot::{dot, partial_sums};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[3], &[1., 2., 3.])?;
/// let y = Tensor::from_f32(&device, &[3], &[4., 5., 6.])?;
/// let mut partials = Tensor::for_output(&device, &[partial_sums(3)])?;
/// dot(&x, &y, Place::at(&mut partials, 0))?;
/// assert_eq!(partials.to_vec()?, [32.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), also where `partials` has no room,
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn dot(x: &Tensor, y: &Tensor, partials: Place<'_>) -> Result<()> {
    let op = "dot";
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "y", y, x.device(), x.shape().dims())?;
    let length = x.shape().len();
    let chunks = partial_sums(length);
    let to = partials.check(op, "partials", Element::F32, x.device(), chunks)?;
    if length == 0 {
        return Ok(());
    }
    let cost = Cost { flops: 2 * length as u64, bytes: 8 * length as u64 };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, y) = (x.host()?.f32(), y.host()?.f32());
            let out = &mut partials.tensor.host_mut()?.f32_mut()[to];
            cpu.run(op, cost, || {
                let chunks = out.par_iter_mut().zip(x.par_chunks(CHUNK).zip(y.par_chunks(CHUNK)));
                chunks.with_min_len(4).for_each(|(out, (x, y))| *out = sum(x, y) as f32);
            });
            Ok(())
        }
        Backend::Gpu(gpu) => gpu.record(Command {
            op,
            shader: &SHADER,
            constants: &[],
            params: bytemuck::bytes_of(&[length, CHUNK, chunks, to.start].map(|n| n as u32)),
            binds: &[
                Bind::Read(x.gpu()?),
                Bind::Read(y.gpu()?),
                Bind::Update(partials.tensor.gpu()?),
            ],
            groups: chunks as u64,
            // A few dozen.
            loops: 0,
            cost,
        }),
    }
}

/// Sums side by side, so that the loop becomes vector code.
fn sum(x: &[f32], y: &[f32]) -> f64 {
    const PARTS: usize = 8;
    let mut parts = [0f64; PARTS];
    let (xs, ys) = (x.chunks_exact(PARTS), y.chunks_exact(PARTS));
    let rest = xs.remainder().iter().zip(ys.remainder());
    let rest: f64 = rest.map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
    for (x, y) in xs.zip(ys) {
        for (part, (&x, &y)) in parts.iter_mut().zip(x.iter().zip(y)) {
            *part += f64::from(x) * f64::from(y);
        }
    }
    parts.iter().sum::<f64>() + rest
}

/// Σ xᵢyᵢ of each pair: [`dot`]'s partial sums, read at once and added in f64. Waits for what they depend on.
///
/// ```
/// use harmonium::kernels::dot::dots;
/// use harmonium::{Device, Tensor};
/// let x = Tensor::from_f32(&Device::cpu(), &[2], &[3., 4.])?;
/// let y = Tensor::from_f32(&Device::cpu(), &[2], &[1., -1.])?;
/// assert_eq!(dots(&[(&x, &x), (&x, &y)])?, [25.0, -1.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`dot`]; [`Error::OutOfMemory`](crate::Error::OutOfMemory).
pub fn dots(pairs: &[(&Tensor, &Tensor)]) -> Result<Vec<f64>> {
    let Some((first, _)) = pairs.first() else { return Ok(Vec::new()) };
    let counts = pairs.iter().map(|(x, _)| partial_sums(x.shape().len()));
    let mut partials = Tensor::for_output(first.device(), &[counts.clone().sum()])?;
    let mut row = 0;
    for ((x, y), count) in pairs.iter().zip(counts.clone()) {
        dot(x, y, Place::at(&mut partials, row))?;
        row += count;
    }
    let mut sums = partials.to_vec()?.into_iter().map(f64::from);
    Ok(counts.map(|count| sums.by_ref().take(count).sum()).collect())
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("dot", &[&SHADER], standard, bench)
        .slip(["sum += x[e] * y[e];", "sum += x[e] * y[e] * 1.00001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for n in [1, 63, 4096, 10_007] {
            out.push(case(device, n, Values::Ordinary)?);
        }
        for values in Values::ALL {
            out.push(case(device, 101, values)?);
        }
        Ok(())
    }

    /// One call on vectors of `n` elements, whose partial sums go behind another number.
    pub fn case(device: &Device, n: usize, values: Values) -> Result<Outcome> {
        let mut inputs = Inputs::new(n as u64);
        let [x, y] = [0; 2].map(|_| inputs.values(values, n));
        let (expected, found) = both(device, |device| {
            let tensor = |x: &[f32]| Tensor::from_f32(device, &[n], x);
            let mut partials = Tensor::zeros(device, &[partial_sums(n) + 2])?;
            dot(&tensor(&x)?, &tensor(&y)?, Place::at(&mut partials, 1))?;
            partials.to_vec()
        })?;
        let mut check = Check::default();
        check.compare("partials", &expected, &found, |at| {
            let chunk = at.wrapping_sub(1);
            if chunk >= partial_sums(n) {
                return 0.0;
            }
            let part = chunk * CHUNK..n.min((chunk + 1) * CHUNK);
            let length = part.len() as f64;
            let size: f64 = part.map(|i| (f64::from(x[i]) * f64::from(y[i])).abs()).sum();
            // What the kernel promises, and the CPU's one rounding; a factor, a product or a sum may be flushed.
            let steps = (length / 64.0).ceil() + 9.0;
            steps * EPSILON * size + FLUSH * (4.0 * length + 1.0)
        });
        Ok(check.outcome("dot", format!("{n} {values:?}")))
    }

    /// A million parameters; elements are products.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let n = 1 << 20;
        let (x, y) = (b.random(&[n], 1)?, b.random(&[n], 2)?);
        let mut partials = b.output(&[partial_sums(n)])?;
        b.case(&n.to_string(), n, || dot(&x, &y, Place::at(&mut partials, 0)))
    }
}
