//! Sums, extrema and counts along the rows, the columns or all of a matrix.

use rayon::prelude::*;

use super::{expect, shader};
use crate::device::{Backend, Bind, Command, Cost, Gpu, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("reduce");

/// What is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reduction {
    /// Σx; 0 over nothing.
    Sum = 0,
    /// Σx²; 0 over nothing.
    SumOfSquares = 1,
    /// The largest; −∞ over nothing; NaN where there is one.
    Max = 2,
    /// The smallest; +∞ over nothing; NaN where there is one.
    Min = 3,
    /// How many are NaN or infinite.
    NonFinite = 4,
}

/// Along what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Axis {
    /// One number per row: `[rows, columns]` → `[rows]`.
    Rows,
    /// One number per column: `[rows, columns]` → `[columns]`.
    Columns,
    /// One number: → `[1]`.
    All,
}

/// Elements that one workgroup takes.
const CHUNK: usize = 4096;

/// `scale` × the reduction of `x` along `axis`. The result of a sum over n elements is within
/// (⌈n/64⌉ + 12)·ε·Σ|x| of the exact one on GPUs (fixed tree over at most 4,096 elements, then over those
/// results); the CPU adds in f64.
///
/// ```
/// use harmonium::kernels::reduce::{Axis, Reduction, reduce};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[2, 2], &[1., 2., 3., 4.])?;
/// assert_eq!(reduce(Reduction::Sum, Axis::Rows, 1.0, &x)?.to_vec()?, [3., 7.]);
/// assert_eq!(reduce(Reduction::Sum, Axis::Columns, 0.5, &x)?.to_vec()?, [2., 3.]);
/// assert_eq!(reduce(Reduction::Max, Axis::All, 1.0, &x)?.to_vec()?, [4.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::OutOfMemory`](crate::Error::OutOfMemory),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn reduce(what: Reduction, axis: Axis, scale: f32, x: &Tensor) -> Result<Tensor> {
    let lines = Lines::of(axis, x)?;
    let mut out = Tensor::for_output(x.device(), &[lines.count])?;
    lines.run(what, scale, x, &mut out)?;
    Ok(out)
}

/// As [`reduce`], into a tensor that is there already.
///
/// # Errors
/// As [`reduce`].
pub fn reduce_into(
    what: Reduction,
    axis: Axis,
    scale: f32,
    x: &Tensor,
    out: &mut Tensor,
) -> Result<()> {
    let lines = Lines::of(axis, x)?;
    expect("reduce", "the output", out, x.device(), &[lines.count])?;
    lines.run(what, scale, x, out)
}

fn constants(what: Reduction) -> [(&'static str, u32); 1] {
    [("OPERATION", what as u32)]
}

/// Line l, element e is `x[l * stride + e * step]`.
#[derive(Clone, Copy)]
struct Lines {
    count: usize,
    length: usize,
    stride: usize,
    step: usize,
}

impl Lines {
    fn of(axis: Axis, x: &Tensor) -> Result<Self> {
        let op = "reduce";
        let [rows, columns] = x.shape().matrix(op, "x")?;
        expect(op, "x", x, x.device(), x.shape().dims())?;
        Ok(match axis {
            Axis::Rows => Lines { count: rows, length: columns, stride: columns, step: 1 },
            Axis::Columns => Lines { count: columns, length: rows, stride: 1, step: columns },
            Axis::All => Lines { count: 1, length: rows * columns, stride: 0, step: 1 },
        })
    }

    fn run(self, what: Reduction, scale: f32, x: &Tensor, out: &mut Tensor) -> Result<()> {
        match x.device().backend() {
            Backend::Cpu(cpu) => {
                let x = x.host()?.f32();
                let out = out.host_mut()?.f32_mut();
                cpu.run("reduce", self.cost(1), || self.on_cpu(what, scale, x, out));
                Ok(())
            }
            Backend::Gpu(gpu) => self.on_gpu(gpu, what, scale, x, out),
        }
    }

    /// Of one pass, which makes so many results of each line.
    fn cost(&self, results: usize) -> Cost {
        let elements = (self.count * self.length) as u64;
        Cost { flops: elements, bytes: 4 * (elements + (self.count * results) as u64) }
    }

    fn on_cpu(&self, what: Reduction, scale: f32, x: &[f32], out: &mut [f32]) {
        let scale = f64::from(scale);
        if self.count == 1 {
            // Chunks of a fixed size, so that the result does not depend on the number of threads.
            let parts: Vec<f64> =
                x.par_chunks(1 << 16).map(|chunk| fold(what, chunk.iter().copied())).collect();
            let whole = parts.into_iter().reduce(|a, b| join(what, a, b));
            out[0] = (scale * whole.unwrap_or_else(|| start(what))) as f32;
            return;
        }
        if self.stride == 1 && self.step == self.count {
            out.par_chunks_mut(TOGETHER).enumerate().for_each(|(part, out)| {
                let first = part * TOGETHER;
                let own = first..first + out.len();
                let rows = x.chunks_exact(self.step).map(|row| &row[own.clone()]);
                fold_columns(what, scale, rows, out);
            });
            return;
        }
        out.par_iter_mut().with_min_len(1 + 1024 / self.length.max(1)).enumerate().for_each(
            |(line, out)| {
                let row = &x[line * self.stride..][..self.length];
                *out = (scale * fold(what, row.iter().copied())) as f32;
            },
        );
    }

    fn on_gpu(
        mut self,
        gpu: &std::sync::Arc<Gpu>,
        mut what: Reduction,
        scale: f32,
        x: &Tensor,
        result: &Tensor,
    ) -> Result<()> {
        let mut source: Option<Tensor> = None;
        loop {
            let chunks = self.length.div_ceil(CHUNK).max(1);
            let last = chunks == 1;
            let partial = match last {
                true => None,
                false => Some(Tensor::for_output(x.device(), &[chunks * self.count])?),
            };
            let out = partial.as_ref().unwrap_or(result);
            // The factor is applied once, at the end.
            let factor = if last { scale } else { 1.0 };
            let params = [
                self.count as u32,
                self.length as u32,
                self.stride as u32,
                self.step as u32,
                CHUNK as u32,
                chunks as u32,
                source.as_ref().unwrap_or(x).shape().len() as u32,
                factor.to_bits(),
            ];
            gpu.record(Command {
                op: "reduce",
                shader: &SHADER,
                constants: &constants(what),
                params: bytemuck::bytes_of(&params),
                binds: &[Bind::Read(source.as_ref().unwrap_or(x).gpu()?), Bind::Write(out.gpu()?)],
                loops: CHUNK as u64,
                groups: (self.count * chunks) as u64,
                cost: self.cost(chunks),
            })?;
            if last {
                return Ok(());
            }
            // The partial results are [chunks, lines]: reduce their columns.
            self = Lines { count: self.count, length: chunks, stride: 1, step: self.count };
            if matches!(what, Reduction::SumOfSquares | Reduction::NonFinite) {
                what = Reduction::Sum;
            }
            source = partial;
        }
    }
}

fn start(what: Reduction) -> f64 {
    match what {
        Reduction::Max => f64::NEG_INFINITY,
        Reduction::Min => f64::INFINITY,
        _ => 0.0,
    }
}

#[inline(always)]
fn join(what: Reduction, a: f64, b: f64) -> f64 {
    match what {
        Reduction::Max | Reduction::Min if a.is_nan() || b.is_nan() => f64::NAN,
        Reduction::Max => a.max(b),
        Reduction::Min => a.min(b),
        _ => a + b,
    }
}

/// Columns that one task takes, so that a row's part of them is a few lines of cache.
const TOGETHER: usize = 64;

/// Each column of `rows` as [`fold`] does one, in the same order.
fn fold_columns<'a>(
    what: Reduction,
    scale: f64,
    rows: impl Iterator<Item = &'a [f32]>,
    out: &mut [f32],
) {
    let mut sums = [start(what); TOGETHER];
    #[inline(always)]
    fn each<'a>(
        sums: &mut [f64; TOGETHER],
        rows: impl Iterator<Item = &'a [f32]>,
        add: impl Fn(f64, f32) -> f64,
    ) {
        rows.for_each(|row| sums.iter_mut().zip(row).for_each(|(sum, x)| *sum = add(*sum, *x)));
    }
    use Reduction::*;
    // The sums are what training takes; chosen here, they are vector code.
    match what {
        Sum => each(&mut sums, rows, |sum, x| add(Sum, sum, x)),
        SumOfSquares => each(&mut sums, rows, |sum, x| add(SumOfSquares, sum, x)),
        _ => each(&mut sums, rows, |sum, x| add(what, sum, x)),
    }
    out.iter_mut().zip(sums).for_each(|(out, sum)| *out = (scale * sum) as f32);
}

/// Takes x in.
#[inline(always)]
fn add(what: Reduction, sum: f64, x: f32) -> f64 {
    let value = match what {
        Reduction::SumOfSquares => f64::from(x) * f64::from(x),
        Reduction::NonFinite => f64::from(u8::from(!x.is_finite())),
        _ => f64::from(x),
    };
    join(what, sum, value)
}

fn fold(what: Reduction, values: impl Iterator<Item = f32>) -> f64 {
    values.fold(start(what), |sum, x| add(what, sum, x))
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("reduce", &[&SHADER], standard, bench)
        .ahead(ahead)
        .slip(["return a + b;", "return a + b * 1.00001;"]);

    /// Means over a batch, and the count of numbers that are not finite.
    fn ahead(_: &Gpu) -> Vec<Variant> {
        let variant = |what| (&SHADER, constants(what).to_vec());
        [Reduction::Sum, Reduction::NonFinite].map(variant).to_vec()
    }

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for what in REDUCTIONS {
            for axis in AXES {
                out.push(case(device, what, axis, [101, 103], Values::Ordinary)?);
                out.push(case(device, what, axis, [13, 11], Values::Huge)?);
                out.push(case(device, what, axis, [13, 11], Values::NonFinite)?);
            }
        }
        out.push(case(device, Reduction::Sum, Axis::Rows, [1, LONG], Values::Rising)?);
        Ok(())
    }

    /// All reductions.
    pub const REDUCTIONS: [Reduction; 5] = [
        Reduction::Sum,
        Reduction::SumOfSquares,
        Reduction::Max,
        Reduction::Min,
        Reduction::NonFinite,
    ];

    /// All directions.
    pub const AXES: [Axis; 3] = [Axis::Rows, Axis::Columns, Axis::All];

    /// One call on `[rows, columns]`.
    pub fn case(
        device: &Device,
        what: Reduction,
        axis: Axis,
        [rows, columns]: [usize; 2],
        values: Values,
    ) -> Result<Outcome> {
        let scale = 0.7f32;
        let mut inputs = Inputs::new((rows * 1009 + columns) as u64);
        let x = inputs.values(values, rows * columns);
        let run = |device: &Device| {
            let x = Tensor::from_f32(device, &[rows, columns], &x)?;
            reduce(what, axis, scale, &x)?.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let (lines, length) = match axis {
            Axis::Rows => (rows, columns),
            Axis::Columns => (columns, rows),
            Axis::All => (1, rows * columns),
        };
        let mut sizes = vec![0f64; lines];
        for (i, &x) in x.iter().enumerate() {
            let line = match axis {
                Axis::Rows => i / columns,
                Axis::Columns => i % columns,
                Axis::All => 0,
            };
            let x = f64::from(x).abs();
            sizes[line] += if what == Reduction::SumOfSquares { x * x } else { x };
        }
        // What the kernel promises for its tree, one more for a square, one for the factor, and the CPU's
        // two roundings of an f64 sum; and every element, square or partial sum may be flushed.
        let steps = length.div_ceil(64) as f64 + 12.0 + 4.0;
        let mut check = Check::default();
        check.compare("out", &expected, &found, |line| match what {
            Reduction::Sum | Reduction::SumOfSquares => {
                steps * EPSILON * sizes[line] + FLUSH * (2.0 * length as f64 + 1.0)
            }
            // The factor alone rounds; a subnormal extremum may be flushed.
            _ => 1.5 * EPSILON * f64::from(expected[line]).abs() + 2.0 * FLUSH,
        });
        Ok(check.outcome("reduce", format!("{what:?} {axis:?}, [{rows}, {columns}] {values:?}")))
    }

    /// Sums of a million elements; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let x = b.random(&[1024, 1024], 1)?;
        for axis in AXES {
            let sum = || reduce(Reduction::Sum, axis, 1.0, &x).map(drop);
            b.case(&format!("sum {axis:?}"), 1 << 20, sum)?;
        }
        Ok(())
    }
}
