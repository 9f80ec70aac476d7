//! out = f(x, y), element by element.

use rayon::prelude::*;

use super::{GRAIN, expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub static SHADER: Shader = shader!("elementwise");

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
            cpu.run(op, cost, || {
                if let Some(x) = x {
                    out.copy_from_slice(x);
                }
                out.par_chunks_mut(GRAIN).enumerate().for_each(|(chunk, values)| {
                    for (i, value) in values.iter_mut().enumerate() {
                        let at = chunk * GRAIN + i;
                        let q = match kind {
                            0 => y[at],
                            1 => y[at % columns],
                            2 => y[at / columns],
                            _ => 0.0,
                        };
                        *value = f.apply(*value, q);
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
                constants: &[
                    ("OPERATION", f.number()),
                    ("BROADCAST", kind),
                    ("IN_PLACE", flag(x.is_none())),
                ],
                params: bytemuck::bytes_of(&params),
                binds: &[
                    x.map_or(Bind::Unused, Bind::Read),
                    y.map_or(Bind::Unused, Bind::Read),
                    if x.is_none() { Bind::Update(target) } else { Bind::Write(target) },
                ],
                groups: groups(count, SHADER.constant("WORKGROUP")),
                cost,
            })
        }
    }
}
