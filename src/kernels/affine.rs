//! Pictures seen through affine maps, with bilinear interpolation: what distorts training pictures.

use rayon::prelude::*;

use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("affine");

/// `y[b, c, i, j] = x[b, c]` at (row, column) = M_b · (i, j, 1), interpolated bilinearly between the four
/// neighbours; pixels outside x count as `fill`. x and y `[B, C, H, W]` of one shape, `maps` `[B, 6]`: M_b's
/// two rows, in pixels, so that row = m₀i + m₁j + m₂ and column = m₃i + m₄j + m₅ for row i and column j
/// of y.
///
/// The identity map gives x bit for bit, as does every map to whole pixels: a neighbour with weight 0 is
/// not looked at. Between two pixels p and q at the distance t from p stands p + t(q − p), first along the
/// rows. At the border pixels are interpolated with `fill`; from one pixel past it y is `fill`, wherever a
/// map may point. A position that is NaN gives NaN. Positions are f32, on a GPU perhaps added in another order: with
/// a side of 2²⁴ or more, pixels cannot be told apart any more. A size of 0 is no error.
///
/// ```
/// use harmonium::kernels::affine::affine;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 1, 2, 2], &[1., 2., 3., 4.])?;
/// // Half a pixel to the right.
/// let maps = Tensor::from_f32(&device, &[1, 6], &[1., 0., 0., 0., 1., 0.5])?;
/// let mut y = Tensor::for_output(&device, &[1, 1, 2, 2])?;
/// affine(&x, &maps, 0.0, &mut y)?;
/// assert_eq!(y.to_vec()?, [1.5, 1.0, 3.5, 2.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn affine(x: &Tensor, maps: &Tensor, fill: f32, y: &mut Tensor) -> Result<()> {
    let [_, c, h, w] = x.shape().pictures("affine", "x")?;
    affine_rows(x, [c, h, w], maps, fill, y)
}

/// The same where a batch's pictures, of so many channels, rows and columns each, may be rows of a matrix: x and y
/// `[B, C·H·W]`.
///
/// # Errors
/// As [`affine`].
pub fn affine_rows(
    x: &Tensor,
    [c, h, w]: [usize; 3],
    maps: &Tensor,
    fill: f32,
    y: &mut Tensor,
) -> Result<()> {
    let op = "affine";
    let b = x.shape().dims().first().copied().unwrap_or(0);
    if c.checked_mul(h).and_then(|n| n.checked_mul(w)).and_then(|n| n.checked_mul(b))
        != Some(x.shape().len())
    {
        let detail = format!("x is {}, expected {b} pictures of {c}×{h}×{w} values", x.shape());
        return Err(Error::shape(op, detail));
    }
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "maps", maps, x.device(), &[b, 6])?;
    expect(op, "y", y, x.device(), x.shape().dims())?;
    let count = x.shape().len();
    if count == 0 {
        return Ok(());
    }
    let cost = Cost { flops: 20 * count as u64, bytes: 8 * count as u64 };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, maps) = (x.host()?.f32(), maps.host()?.f32());
            let y = y.host_mut()?.f32_mut();
            let lines = (GRAIN / w).max(1);
            cpu.run(op, cost, || {
                y.par_chunks_mut(lines * w).enumerate().for_each(|(chunk, y)| {
                    for (k, line) in y.chunks_mut(w).enumerate() {
                        let number = chunk * lines + k;
                        let (plane, i) = (number / h, number % h);
                        let picture = Picture { pixels: &x[plane * h * w..][..h * w], h, w, fill };
                        let m = &maps[plane / c * 6..][..6];
                        for (j, y) in line.iter_mut().enumerate() {
                            let (i, j) = (i as f32, j as f32);
                            let row = m[0] * i + m[1] * j + m[2];
                            let column = m[3] * i + m[4] * j + m[5];
                            *y = picture.at(row, column);
                        }
                    }
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let [c, h, w] = [c, h, w].map(|n| n as u32);
            let params = [c, h, w, count as u32, fill.to_bits(), 0, 0, 0];
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[],
                params: bytemuck::bytes_of(&params),
                binds: &[Bind::Read(x.gpu()?), Bind::Read(maps.gpu()?), Bind::Write(y.gpu()?)],
                loops: 0,
                groups: groups(count, gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

struct Picture<'a> {
    pixels: &'a [f32],
    h: usize,
    w: usize,
    fill: f32,
}

impl Picture<'_> {
    #[inline(always)]
    fn at(&self, row: f32, column: f32) -> f32 {
        if row.is_nan() || column.is_nan() {
            return f32::NAN;
        }
        // Before anything becomes an integer.
        let inside = row > -1.0 && row < self.h as f32 && column > -1.0 && column < self.w as f32;
        if !inside {
            return self.fill;
        }
        let (top, left) = (row.floor(), column.floor());
        let (down, right) = (row - top, column - left);
        let (i, j) = (top as i32, left as i32);
        let between = |i: i32| mix(self.pixel(i, j), || self.pixel(i, j + 1), right);
        mix(between(i), || between(i + 1), down)
    }

    #[inline(always)]
    fn pixel(&self, i: i32, j: i32) -> f32 {
        // A negative number becomes one past every side.
        let (i, j) = (i as u32 as usize, j as u32 as usize);
        if i < self.h && j < self.w { self.pixels[i * self.w + j] } else { self.fill }
    }
}

/// p + t(q − p), and p itself for t = 0, whatever q is.
#[inline(always)]
fn mix(p: f32, q: impl FnOnce() -> f32, t: f32) -> f32 {
    if t == 0.0 { p } else { p + t * (q() - p) }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("affine", &[&SHADER], standard, bench)
        .slip(["y[at] = value;", "y[at] = value * 1.001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for values in Values::ALL {
            out.push(case(device, Maps::Identity, [2, 3, 7, 11], values)?);
        }
        for values in [Values::Ordinary, Values::Wide, Values::Huge] {
            out.push(case(device, Maps::Distortions, [9, 2, 28, 28], values)?);
        }
        out.push(case(device, Maps::Extreme, [40, 1, 7, 5], Values::Ordinary)?);
        Ok(())
    }

    /// What maps a case has.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Maps {
        /// The identity, for which y is x bit for bit.
        Identity,
        /// Turned, scaled and moved by a few pixels.
        Distortions,
        /// Numbers of all magnitudes, infinities and NaN; no finite ones whose sums overflow, since a GPU may
        /// add in another order.
        Extreme,
    }

    /// Maps `[cases, 6]`.
    pub fn maps(kind: Maps, cases: usize) -> Vec<f32> {
        let mut inputs = Inputs::new(cases as u64);
        let identity = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];
        let mut all: Vec<f32> = identity.into_iter().cycle().take(cases * 6).collect();
        for (i, m) in all.iter_mut().enumerate() {
            let u = inputs.values(Values::Ordinary, 1)[0];
            match kind {
                Maps::Identity => {}
                Maps::Distortions => *m += if i % 3 == 2 { 2.0 * u } else { 0.2 * u },
                Maps::Extreme => {
                    let extremes = [
                        1e30,
                        f32::INFINITY,
                        -1e30,
                        f32::NAN,
                        f32::NEG_INFINITY,
                        2_147_483_648.0,
                        -4_294_967_296.0,
                        1e-40,
                        1e36,
                    ];
                    if inputs.below(3, 1)[0] == 0 {
                        *m = extremes[inputs.below(extremes.len() as u32, 1)[0] as usize];
                    }
                }
            }
        }
        all
    }

    /// One call on `[B, C, H, W]`. A position errs by three units of its terms, which moves the value by as
    /// much of the distance of two pixels; the interpolation itself is three differences, products and sums.
    pub fn case(device: &Device, kind: Maps, dims: [usize; 4], values: Values) -> Result<Outcome> {
        let [b, c, h, w] = dims;
        let count = dims.iter().product();
        let x = Inputs::new(count as u64).values(values, count);
        let all = maps(kind, b);
        let fill = -0.1;
        let (expected, found) = both(device, |device| {
            let x = Tensor::from_f32(device, &dims, &x)?;
            let maps = Tensor::from_f32(device, &[b, 6], &all)?;
            let mut y = Tensor::for_output(device, &dims)?;
            affine(&x, &maps, fill, &mut y)?;
            y.to_vec()
        })?;
        let mut check = Check::default();
        if kind == Maps::Identity {
            check.compare(
                "x",
                &x,
                &found,
                |_| if values == Values::Subnormal { FLUSH } else { 0.0 },
            );
        } else {
            let largest = x.iter().fold(fill.abs(), |m, x| m.max(x.abs()));
            let largest = f64::from(largest);
            check.compare("y", &expected, &found, |at| {
                let (plane, i, j) = (at / (h * w), at / w % h, at % w);
                let m = &all[plane / c * 6..][..6];
                let terms = |m: &[f32]| {
                    let m = |k: usize| f64::from(m[k]).abs();
                    m(0) * i as f64 + m(1) * j as f64 + m(2)
                };
                let moved = 4.0 * EPSILON * (terms(&m[..3]) + terms(&m[3..]));
                2.0 * largest * moved + 12.0 * EPSILON * largest + FLUSH * 8.0
            });
        }
        Ok(check.outcome("affine", format!("{kind:?}, {dims:?} {values:?}")))
    }

    /// A batch of 128 of 28x28; elements are pixels.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let dims = [128, 1, 28, 28];
        let (x, mut y) = (b.random(&dims, 1)?, b.output(&dims)?);
        let maps = Tensor::from_f32(b.device, &[128, 6], &maps(Maps::Distortions, 128))?;
        b.case("128x28x28", dims.iter().product(), || affine(&x, &maps, 0.0, &mut y))
    }
}
