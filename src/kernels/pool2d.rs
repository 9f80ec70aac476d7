//! 2-D pooling: the maximum or the average of each window.
//!
//! The CPU and a GPU take the same steps in the same order; only the quotient of an average may be
//! rounded differently.

mod host;
#[doc(hidden)]
pub mod proof;

use std::ops::Range;

use rayon::prelude::*;

use host::Host;

use super::slices::{Slice, slices};
use super::{GRAIN, expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::shape::Window;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("pool2d", "pooling");

/// What becomes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// Its largest value; padding is never chosen.
    Maximum,
    /// Its mean. With `count_padding` the padding counts as zeros (but never what lies beyond it, which a
    /// size rounded up may reach), else the mean is over the real values alone.
    Average {
        /// Whether padding is counted.
        count_padding: bool,
    },
}

impl Pool {
    /// As the shaders number them.
    pub(crate) fn number(self) -> u32 {
        match self {
            Pool::Maximum => 0,
            Pool::Average { count_padding: true } => 1,
            Pool::Average { count_padding: false } => 2,
        }
    }
}

/// Windows of a pool. Sizes are [height, width].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pooling {
    /// Maximum or average.
    pub pool: Pool,
    /// The window.
    pub size: [usize; 2],
    /// Pixels from one window to the next.
    pub stride: [usize; 2],
    /// Added on each side; at most half the window.
    pub padding: [usize; 2],
    /// Whether output sizes are rounded up, so that the last windows may reach past the edge.
    pub ceil: bool,
}

/// The largest side of a window: sums of positions stay within 32 bits.
const LARGEST: usize = 1 << 30;

impl Pooling {
    /// Windows of `size` side by side, without padding.
    pub fn new(pool: Pool, size: [usize; 2]) -> Self {
        Pooling { pool, size, stride: size, padding: [0, 0], ceil: false }
    }

    /// The output's [height, width] for pictures of [height, width] `input`. Each window covers at least
    /// one pixel.
    ///
    /// ```
    /// use harmonium::kernels::pool2d::{Pool, Pooling};
    /// let pooling = Pooling::new(Pool::Maximum, [2, 2]);
    /// assert_eq!(pooling.output_size("pool2d", [29, 28])?, [14, 14]);
    /// assert_eq!(Pooling { ceil: true, ..pooling }.output_size("pool2d", [29, 28])?, [15, 14]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`], as [`Window::positions`], and for padding of more than half the window, a window
    /// larger than 2³⁰ and pictures without pixels.
    pub fn output_size(&self, op: &'static str, input: [usize; 2]) -> Result<[usize; 2]> {
        Ok(self.sides(op, input)?.map(|side| side.output))
    }

    /// Both axes, checked.
    pub(crate) fn sides(&self, op: &'static str, input: [usize; 2]) -> Result<[Side; 2]> {
        Ok([self.side(op, 0, input)?, self.side(op, 1, input)?])
    }

    fn side(&self, op: &'static str, axis: usize, input: [usize; 2]) -> Result<Side> {
        let name = ["height", "width"][axis];
        let (size, stride) = (self.size[axis], self.stride[axis]);
        let (padding, input) = (self.padding[axis], input[axis]);
        let window = Window { size, stride, padding, dilation: 1 };
        let output = window.positions(op, name, input, self.ceil)?;
        if padding > size / 2 {
            return Err(Error::shape(
                op,
                format!(
                    "the {name}'s padding of {padding} is more than half the window of {size}; use {} at most",
                    size / 2
                ),
            ));
        }
        if size > LARGEST {
            return Err(Error::shape(
                op,
                format!("the {name}'s window of {size} is too large; use {LARGEST} at most"),
            ));
        }
        if input == 0 {
            return Err(Error::shape(op, format!("pictures of {name} 0 have nothing to pool")));
        }
        Ok(Side { size, stride, padding, input, output })
    }
}

/// One axis: its windows, the picture's side and how many windows there are.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Side {
    pub size: usize,
    pub stride: usize,
    pub padding: usize,
    pub input: usize,
    pub output: usize,
}

impl Side {
    /// The real values that window `o` covers; never none.
    pub fn covered(&self, o: usize) -> Range<usize> {
        let start = o * self.stride;
        let end = (start + self.size - self.padding).min(self.input);
        start.saturating_sub(self.padding)..end
    }

    /// Where in a window any of the windows has a real value.
    pub fn offsets(&self) -> Range<usize> {
        let last = (self.output - 1) * self.stride;
        self.padding.saturating_sub(last)..self.size.min(self.input + self.padding)
    }

    /// The most windows that cover one value.
    pub fn overlap(&self) -> usize {
        self.size.div_ceil(self.stride).min(self.output)
    }

    /// How many values of window `o` count in an average.
    pub fn counted(&self, o: usize, padding: bool) -> f32 {
        if padding {
            self.size.min(self.input + 2 * self.padding - o * self.stride) as f32
        } else {
            self.covered(o).len() as f32
        }
    }

    /// The windows that cover value `i`.
    pub fn windows(&self, i: usize) -> Range<usize> {
        let at = i + self.padding;
        let first = (at + 1).saturating_sub(self.size).div_ceil(self.stride);
        first..(at / self.stride + 1).min(self.output)
    }

    /// Windows of two values side by side, without padding: what the fast paths are for.
    pub fn is_in_pairs(&self) -> bool {
        (self.size, self.stride, self.padding) == (2, 2, 0)
    }

    /// The first four sizes for a shader. A stride matters only where there is a second window, and then
    /// it is no longer than the padded side.
    pub fn params(&self) -> [u32; 4] {
        [
            self.size as u32,
            self.stride.min(u32::MAX as usize) as u32,
            self.padding as u32,
            self.output as u32,
        ]
    }
}

/// Where a pool's results go.
#[derive(Debug)]
pub struct Pooled<'a> {
    /// y `[B, C, H', W']`.
    pub y: &'a mut Tensor,
    /// Where each maximum stood, u32 of y's shape.
    pub indices: Option<&'a mut Tensor>,
}

impl<'a> Pooled<'a> {
    /// The values alone.
    pub fn new(y: &'a mut Tensor) -> Self {
        Pooled { y, indices: None }
    }

    /// And where each maximum stood.
    pub fn with_indices(self, indices: &'a mut Tensor) -> Self {
        Pooled { indices: Some(indices), ..self }
    }
}

/// Pools x `[B, C, H, W]` into y `[B, C, H', W']`, with H' and W' of [`Pooling::output_size`]. `indices`
/// (u32, y's shape; maximum alone) gets where in its channel's picture each maximum stood: row·W + column,
/// the first of equal ones.
///
/// A maximum over a window with NaN is NaN, and its index that of the first NaN. An average is the sum of
/// each of the window's rows, those sums added, and the quotient; within (h + w + 2)·ε of Σ|x| / count for
/// a window of h × w. NaN and infinities spread as in any sum. B or C of 0 is no error; H or W of 0 is, as
/// no window fits.
///
/// ```
/// use harmonium::kernels::pool2d::{Pool, Pooled, Pooling, pool2d};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 1, 2, 4], &[1., 5., 2., 2., 3., 4., 2., 0.])?;
/// let mut y = Tensor::for_output(&device, &[1, 1, 1, 2])?;
/// let mut indices = Tensor::for_indices(&device, &[1, 1, 1, 2])?;
/// let maxima = Pooled::new(&mut y).with_indices(&mut indices);
/// pool2d(&x, &Pooling::new(Pool::Maximum, [2, 2]), maxima)?;
/// assert_eq!(y.to_vec()?, [5., 2.]);
/// assert_eq!(indices.to_words()?, [1, 2]);
/// let average = Pooling::new(Pool::Average { count_padding: false }, [2, 2]);
/// pool2d(&x, &average, Pooled::new(&mut y))?;
/// assert_eq!(y.to_vec()?, [3.25, 1.5]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], also for indices of an average; [`Error::DeviceMismatch`], [`Error::Poisoned`],
/// [`Error::DeviceLost`].
pub fn pool2d(x: &Tensor, pooling: &Pooling, out: Pooled<'_>) -> Result<()> {
    let Pooled { y, indices } = out;
    let op = "pool2d";
    let [b, c, h, w] = x.shape().pictures(op, "x")?;
    let [rows, columns] = pooling.sides(op, [h, w])?;
    let dims = [b, c, rows.output, columns.output];
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "y", y, x.device(), &dims)?;
    if let Some(indices) = &indices {
        expect_indices(op, pooling.pool, indices, x, &dims)?;
    }
    let count = y.shape().len();
    if count == 0 {
        return Ok(());
    }
    let area = rows.size.min(h) * columns.size.min(w);
    let cost = Cost {
        flops: (count * area) as u64,
        bytes: 4 * (x.shape().len() + count * (1 + usize::from(indices.is_some()))) as u64,
    };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let task = Host { pool: pooling.pool, rows, columns, x: x.host()?.f32() };
            let y = y.host_mut()?.f32_mut();
            let indices = indices.map(Tensor::host_mut).transpose()?.map(|i| i.words_mut());
            // Whole rows of the output.
            let lines = (GRAIN / (columns.output * area)).max(1);
            let chunk = lines * columns.output;
            cpu.run(op, cost, || match indices {
                Some(indices) => {
                    y.par_chunks_mut(chunk).zip(indices.par_chunks_mut(chunk)).enumerate().for_each(
                        |(i, (y, indices))| task.maxima_with_indices(i * lines, y, indices),
                    )
                }
                None => {
                    y.par_chunks_mut(chunk).enumerate().for_each(|(i, y)| task.lines(i * lines, y))
                }
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let groups = groups(count, gpu.size(&SHADER, "WORKGROUP")?);
            let offsets = [rows.offsets(), columns.offsets()];
            slices(gpu, offsets.clone().map(|r| r.len()), 1).try_for_each(|slice| {
                let params =
                    params([rows, columns], count, &slice, [offsets[0].start, offsets[1].start]);
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[
                        ("POOL", pooling.pool.number()),
                        ("INDICES", flag(indices.is_some())),
                        ("RESUMES", slice.resumes()),
                        ("PAUSES", slice.pauses()),
                    ],
                    params: bytemuck::bytes_of(&params),
                    binds: &[
                        Bind::Read(x.gpu()?),
                        slice.output(y.gpu()?),
                        match &indices {
                            Some(indices) => slice.output(indices.gpu()?),
                            None => Bind::Unused,
                        },
                    ],
                    loops: slice.loops,
                    groups,
                    cost: slice.cost(cost),
                })
            })
        }
    }
}

/// The parameter block of both pools' shaders, for a slice of loops that begin at `first`.
pub(crate) fn params(
    [rows, columns]: [Side; 2],
    count: usize,
    slice: &Slice<2>,
    first: [usize; 2],
) -> [u32; 16] {
    let [[r0, r1], [c0, c1]] = [0, 1].map(|axis| {
        [slice.ranges[axis].start, slice.ranges[axis].end].map(|at| at + first[axis] as u32)
    });
    let ([a, b, c, d], [e, f, g, h]) = (rows.params(), columns.params());
    let [height, width, count] = [rows.input, columns.input, count].map(|n| n as u32);
    [a, b, c, d, e, f, g, h, height, width, count, 0, r0, r1, c0, c1]
}

/// Indices of maxima are u32 of the output's shape.
pub(crate) fn expect_indices(
    op: &'static str,
    pool: Pool,
    indices: &Tensor,
    x: &Tensor,
    dims: &[usize],
) -> Result<()> {
    if pool != Pool::Maximum {
        return Err(Error::shape(op, "an average has no indices; pass None"));
    }
    x.device().require_same(op, indices.device())?;
    indices.require(op, "the indices", Element::U32)?;
    if indices.shape().dims() != dims {
        let found = indices.shape();
        return Err(Error::shape(op, format!("the indices are {found}, expected {dims:?}")));
    }
    Ok(())
}
