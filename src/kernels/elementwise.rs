//! out = f(x, y), element by element.

use rayon::prelude::*;

use super::{GRAIN, expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("elementwise");

/// A function of one or two numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Elementwise {
    /// α·x + β·y.
    Combine(f32, f32),
    /// x·y.
    Multiply,
    /// x / y.
    Divide,
    /// (x − y)².
    SquaredDifference,
    /// α·x + β; takes no y.
    Affine(f32, f32),
    /// x limited to [low, high]; takes no y; NaN stays NaN.
    Clamp(f32, f32),
}

impl Elementwise {
    /// x + y.
    pub const ADD: Self = Elementwise::Combine(1.0, 1.0);
    /// x − y.
    pub const SUBTRACT: Self = Elementwise::Combine(1.0, -1.0);

    fn number(self) -> u32 {
        match self {
            Elementwise::Combine(..) => 0,
            Elementwise::Multiply => 1,
            Elementwise::Divide => 2,
            Elementwise::SquaredDifference => 3,
            Elementwise::Affine(..) => 4,
            Elementwise::Clamp(..) => 5,
        }
    }

    fn constants(self) -> (f32, f32) {
        match self {
            Elementwise::Combine(a, b) | Elementwise::Affine(a, b) | Elementwise::Clamp(a, b) => {
                (a, b)
            }
            _ => (0.0, 0.0),
        }
    }

    fn takes_y(self) -> bool {
        !matches!(self, Elementwise::Affine(..) | Elementwise::Clamp(..))
    }

    /// The function on the host: the CPU path.
    #[inline(always)]
    pub fn apply(self, x: f32, y: f32) -> f32 {
        match self {
            Elementwise::Combine(a, b) => a * x + b * y,
            Elementwise::Multiply => x * y,
            Elementwise::Divide => x / y,
            Elementwise::SquaredDifference => (x - y) * (x - y),
            Elementwise::Affine(a, b) => a * x + b,
            // f32::clamp panics where low > high.
            Elementwise::Clamp(low, high) => {
                if x < low {
                    low
                } else if x > high {
                    high
                } else {
                    x
                }
            }
        }
    }
}

/// `out = f(x, y)`. y has x's shape, or one number per column (`[columns]`, `[1, columns]`), or one per
/// row (`[rows, 1]`); where both fit, per column. `None` where f takes no y.
///
/// ```
/// use harmonium::kernels::elementwise::{Elementwise, elementwise};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[2, 2], &[1., 2., 3., 4.])?;
/// let y = Tensor::from_f32(&device, &[2], &[10., 20.])?;
/// let mut out = Tensor::for_output(&device, &[2, 2])?;
/// elementwise(Elementwise::ADD, &x, Some(&y), &mut out)?;
/// assert_eq!(out.to_vec()?, [11., 22., 13., 24.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn elementwise(f: Elementwise, x: &Tensor, y: Option<&Tensor>, out: &mut Tensor) -> Result<()> {
    expect("elementwise", "out", out, x.device(), x.shape().dims())?;
    run(f, Some(x), y, out)
}

/// `x = f(x, y)`.
///
/// # Errors
/// As [`elementwise`].
pub fn elementwise_in_place(f: Elementwise, x: &mut Tensor, y: Option<&Tensor>) -> Result<()> {
    run(f, None, y, x)
}

fn broadcast(f: Elementwise, out: &Tensor, y: Option<&Tensor>) -> Result<(u32, usize)> {
    let op = "elementwise";
    let dims = out.shape().dims();
    let columns = dims.last().copied().unwrap_or(1);
    let Some(y) = y.filter(|_| f.takes_y()) else {
        return match (f.takes_y(), y.is_some()) {
            (true, _) => Err(Error::shape(op, format!("{f:?} needs y"))),
            (_, true) => Err(Error::shape(op, format!("{f:?} takes no y"))),
            _ => Ok((3, columns)),
        };
    };
    let y_dims = y.shape().dims();
    let kind = if y_dims == dims {
        0
    } else if matches!(y_dims, [c] | [1, c] if *c == columns) {
        1
    } else if matches!((y_dims, dims), ([r, 1], [rows, _]) if r == rows) {
        2
    } else {
        return Err(Error::shape(
            op,
            format!(
                "y is {}, expected {}, one number per column or one per row [rows, 1]",
                y.shape(),
                out.shape()
            ),
        ));
    };
    expect(op, "y", y, out.device(), y_dims)?;
    Ok((kind, columns))
}

fn constants(f: Elementwise, kind: u32, in_place: bool) -> [(&'static str, u32); 3] {
    [("OPERATION", f.number()), ("BROADCAST", kind), ("IN_PLACE", flag(in_place))]
}

fn run(f: Elementwise, x: Option<&Tensor>, y: Option<&Tensor>, out: &mut Tensor) -> Result<()> {
    let op = "elementwise";
    let (kind, columns) = broadcast(f, out, y)?;
    let device = out.device().clone();
    let dims = *out.shape();
    expect(op, "x", x.unwrap_or(out), &device, dims.dims())?;
    let count = dims.len();
    let cost = Cost { flops: 2 * count as u64, bytes: 12 * count as u64 };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let x = x.map(Tensor::host).transpose()?.map(|h| h.f32());
            let y = y.map(Tensor::host).transpose()?.map_or(&[][..], |h| h.f32());
            let out = out.host_mut()?.f32_mut();
            // What is of one number a column or a row goes by whole rows.
            let columns = columns.max(1);
            let size =
                if matches!(kind, 1 | 2) { GRAIN.div_ceil(columns) * columns } else { GRAIN };
            cpu.run(op, cost, || {
                out.par_chunks_mut(size).enumerate().for_each(|(chunk, out)| {
                    let first = chunk * size;
                    if let Some(x) = x {
                        out.copy_from_slice(&x[first..first + out.len()]);
                    }
                    match kind {
                        0 => apply_to(f, out, Beside::Each(&y[first..first + out.len()])),
                        1 => out
                            .chunks_mut(columns)
                            .for_each(|row| apply_to(f, row, Beside::Each(y))),
                        2 => {
                            let rows = out.chunks_mut(columns).zip(&y[first / columns..]);
                            rows.for_each(|(row, y)| apply_to(f, row, Beside::One(*y)));
                        }
                        _ => apply_to(f, out, Beside::One(0.0)),
                    }
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let (alpha, beta) = f.constants();
            let params = [count as u32, columns.max(1) as u32, alpha.to_bits(), beta.to_bits()];
            let x = x.map(Tensor::gpu).transpose()?;
            let y = y.map(Tensor::gpu).transpose()?;
            let target = out.gpu()?;
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &constants(f, kind, x.is_none()),
                params: bytemuck::bytes_of(&params),
                binds: &[
                    x.map_or(Bind::Unused, Bind::Read),
                    y.map_or(Bind::Unused, Bind::Read),
                    if x.is_none() { Bind::Update(target) } else { Bind::Write(target) },
                ],
                loops: 0,
                groups: groups(count, gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

/// What stands beside x.
#[derive(Clone, Copy)]
enum Beside<'a> {
    Each(&'a [f32]),
    One(f32),
}

/// `x = f(x, y)` on the host, the function chosen outside the loop.
fn apply_to(f: Elementwise, x: &mut [f32], y: Beside<'_>) {
    #[inline(always)]
    fn each(x: &mut [f32], y: Beside<'_>, f: impl Fn(f32, f32) -> f32) {
        match y {
            Beside::Each(y) => x.iter_mut().zip(y).for_each(|(x, y)| *x = f(*x, *y)),
            Beside::One(y) => x.iter_mut().for_each(|x| *x = f(*x, y)),
        }
    }
    use Elementwise::*;
    match f {
        Combine(a, b) => each(x, y, |x, y| Combine(a, b).apply(x, y)),
        Multiply => each(x, y, |x, y| Multiply.apply(x, y)),
        Divide => each(x, y, |x, y| Divide.apply(x, y)),
        SquaredDifference => each(x, y, |x, y| SquaredDifference.apply(x, y)),
        Affine(a, b) => each(x, y, |x, y| Affine(a, b).apply(x, y)),
        Clamp(low, high) => each(x, y, |x, y| Clamp(low, high).apply(x, y)),
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("elementwise", &[&SHADER], standard, bench)
        .ahead(ahead)
        .slip(["r = p * q;", "r = p * q * 1.000001;"]);

    /// Running means, centring's and sparsity's corrections of biases and of statistics.
    fn ahead(_: &Gpu) -> Vec<Variant> {
        let variant = |(f, kind, in_place): (Elementwise, _, _)| {
            (&SHADER, constants(f, kind, in_place).to_vec())
        };
        let affine = Elementwise::Affine(1.0, 0.0);
        [(Elementwise::ADD, 0, true), (Elementwise::ADD, 1, true), (affine, 3, false)]
            .map(variant)
            .to_vec()
    }

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for f in FUNCTIONS {
            for (y, in_place) in [(Y::Same, false), (Y::Column, true)] {
                for values in Values::ALL {
                    out.push(case(device, f, y, in_place, [37, 29], values)?);
                }
            }
        }
        out.push(case(device, FUNCTIONS[0], Y::Row, false, [65, 64], Values::Ordinary)?);
        Ok(())
    }

    /// One of every function.
    pub const FUNCTIONS: [Elementwise; 6] = [
        Elementwise::Combine(0.75, -1.5),
        Elementwise::Multiply,
        Elementwise::Divide,
        Elementwise::SquaredDifference,
        Elementwise::Affine(-2.5, 0.3),
        Elementwise::Clamp(-0.5, 0.75),
    ];

    /// What y is.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Y {
        /// One per element.
        Same,
        /// One per column.
        Column,
        /// One per row.
        Row,
    }

    /// How far f(x, y) may differ: each operation errs by EPSILON relative on a GPU (division 2.5) and half
    /// of that on the CPU, and an argument or result may be flushed.
    fn tolerance(f: Elementwise, x: f64, y: f64) -> f64 {
        let (x, y) = (x.abs(), y.abs());
        match f {
            // Two products and a sum, of at most |αx| + |βy|.
            Elementwise::Combine(a, b) => {
                let (a, b) = (f64::from(a).abs(), f64::from(b).abs());
                3.0 * EPSILON * (a * x + b * y) + FLUSH * (1.0 + a + b)
            }
            Elementwise::Affine(a, b) => {
                let (a, b) = (f64::from(a).abs(), f64::from(b).abs());
                3.0 * EPSILON * (a * x + b) + FLUSH * (1.0 + a)
            }
            Elementwise::Multiply => 1.5 * EPSILON * x * y + FLUSH * (1.0 + x + y),
            Elementwise::Divide => 3.0 * EPSILON * x / y + FLUSH * (1.0 + 1.0 / y),
            // The difference errs relative to itself, which the square doubles, and the square itself.
            Elementwise::SquaredDifference => {
                let d = x + y;
                4.5 * EPSILON * d * d + FLUSH * (1.0 + 2.0 * d)
            }
            Elementwise::Clamp(..) => FLUSH,
        }
    }

    /// One call on `[rows, columns]`.
    pub fn case(
        device: &Device,
        f: Elementwise,
        kind: Y,
        in_place: bool,
        [rows, columns]: [usize; 2],
        values: Values,
    ) -> Result<Outcome> {
        let mut inputs = Inputs::new((rows * 1009 + columns) as u64);
        let x = inputs.values(values, rows * columns);
        let y_dims: &[usize] = match kind {
            Y::Same => &[rows, columns],
            Y::Column => &[columns],
            Y::Row => &[rows, 1],
        };
        let unary = matches!(f, Elementwise::Affine(..) | Elementwise::Clamp(..));
        // WGSL promises nothing about division by subnormal numbers.
        let y_values = if f == Elementwise::Divide { Values::Ordinary } else { values };
        let y = inputs.values(y_values, y_dims.iter().product());
        let run = |device: &Device| {
            let mut a = Tensor::from_f32(device, &[rows, columns], &x)?;
            let b = Tensor::from_f32(device, y_dims, &y)?;
            let b = (!unary).then_some(&b);
            if in_place {
                elementwise_in_place(f, &mut a, b)?;
                return a.to_vec();
            }
            let mut out = Tensor::for_output(device, &[rows, columns])?;
            elementwise(f, &a, b, &mut out)?;
            out.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        check.compare("out", &expected, &found, |i| {
            let other = match kind {
                Y::Same => y[i],
                Y::Column => y[i % columns],
                Y::Row => y[i / columns],
            };
            tolerance(f, f64::from(x[i]), f64::from(other))
        });
        let place = if in_place { ", in place" } else { "" };
        let case = format!("{f:?} y {kind:?}{place}, [{rows}, {columns}] {values:?}");
        Ok(check.outcome("elementwise", case))
    }

    /// A million elements; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let dims = [1024, 1024];
        let (x, mut out) = (b.random(&dims, 1)?, b.output(&dims)?);
        for (name, y) in [("add", b.random(&dims, 2)?), ("add a row", b.random(&[1024], 2)?)] {
            b.case(name, 1 << 20, || elementwise(Elementwise::ADD, &x, Some(&y), &mut out))?;
        }
        Ok(())
    }
}
