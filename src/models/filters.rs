//! Filters: small kernels slid over a picture, one map for each.
//!
//! A kernel k turns a picture x into the map yᵢⱼ = Σₐᵦ kₐᵦ·xᵢ₊ₐ,ⱼ₊ᵦ (convolution as machine learning means
//! it: the kernel is not turned round). Where Σk = 1 the map is as bright as the picture; kernels with
//! Σk = 0 answer to edges, and their maps have both signs.

use rayon::prelude::*;

use crate::data::{ImageShape, reserved};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::conv2d::{Convolution, Finish, conv2d};
use crate::tensor::Tensor;

/// The filters that have a name.
pub const NAMES: [&str; 7] =
    ["sobel", "sobel-x", "sobel-y", "gaussian", "sharpen", "box", "laplacian"];

const OP: &str = "filter";
/// Values on the device at once; larger pictures are filtered in strips.
const MOST_VALUES: usize = 1 << 24;
/// A kernel whose sum is below this part of its absolute sum counts as summing to 0.
const ZERO_SUM: f64 = 1e-6;
/// Where dividing by the sum enlarges noise so much, the user is told.
const SMALL_SUM: f64 = 0.01;

const SOBEL_X: [f32; 9] = [-1.0, 0.0, 1.0, -2.0, 0.0, 2.0, -1.0, 0.0, 1.0];
const SOBEL_Y: [f32; 9] = [-1.0, -2.0, -1.0, 0.0, 0.0, 0.0, 1.0, 2.0, 1.0];

/// Where a kernel may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edges {
    /// Only where all of it lies on the picture: H − KH + 1 by W − KW + 1 outputs.
    Valid,
    /// On every pixel, so that the map has the picture's size; beyond the picture its outermost pixels are
    /// repeated. The kernel's element (⌊(KH − 1)/2⌋, ⌊(KW − 1)/2⌋), its middle where the sides are odd,
    /// stands on the pixel; an even kernel reaches one pixel further down and to the right.
    Same,
}

/// Kernels of one size, `[count, height, width]`.
///
/// ```
/// use harmonium::Device;
/// use harmonium::data::ImageShape;
/// use harmonium::models::filters::{Edges, FilterBank};
/// // A step from dark to bright, 3 rows of it.
/// let picture = [0.0, 0.0, 1.0, 1.0].repeat(3);
/// let shape = ImageShape { height: 3, width: 4 };
/// let maps = FilterBank::named("sobel-x")?.apply(&Device::cpu(), &picture, shape, Edges::Valid)?;
/// assert_eq!((maps.shape.height, maps.shape.width), (1, 2));
/// assert_eq!(maps.values, [4.0, 4.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct FilterBank {
    kernels: Vec<f32>,
    count: usize,
    shape: ImageShape,
}

/// What filters make of pictures: `[planes, count, height, width]`.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterMaps {
    /// Pictures, or channels of one picture.
    pub planes: usize,
    /// Maps of each: one for each kernel.
    pub count: usize,
    /// Rows and columns of a map.
    pub shape: ImageShape,
    /// The values, row-major.
    pub values: Vec<f32>,
}

impl FilterBank {
    /// `count` kernels of `shape`, row-major.
    ///
    /// # Errors
    /// [`Error::Shape`] where a size is 0 or the lengths do not fit; [`Error::Data`] for a value that is not
    /// finite.
    pub fn new(kernels: Vec<f32>, count: usize, shape: ImageShape) -> Result<Self> {
        let [o, kh, kw] = [count, shape.height, shape.width];
        let length = o.checked_mul(kh).and_then(|n| n.checked_mul(kw));
        if length == Some(0) {
            let detail = format!("kernels [{o}, {kh}, {kw}] have no value; use at least [1, 1, 1]");
            return Err(Error::shape(OP, detail));
        }
        if length != Some(kernels.len()) {
            let detail = format!("{} values are no kernels [{o}, {kh}, {kw}]", kernels.len());
            return Err(Error::shape(OP, detail));
        }
        if let Some(at) = kernels.iter().position(|x| !x.is_finite()) {
            let detail = format!("value {at} is {}; kernels must be finite", kernels[at]);
            return Err(Error::data("kernels", detail));
        }
        Ok(FilterBank { kernels, count, shape })
    }

    /// One of [`NAMES`]:
    ///
    /// - `sobel-x` (−1 0 1, −2 0 2, −1 0 1) is positive where the picture grows brighter to the right,
    ///   `sobel-y`, the same turned, where it does downwards; `sobel` is both of them, for
    ///   [`FilterMaps::magnitude`];
    /// - `gaussian` blurs: the binomial 1 4 6 4 1 in both directions, a deviation of 1 pixel, Σk = 1;
    /// - `box` blurs: the mean of 3×3 pixels;
    /// - `sharpen` (0 −1 0, −1 5 −1, 0 −1 0), Σk = 1;
    /// - `laplacian` (0 1 0, 1 −4 1, 0 1 0), the second derivative.
    ///
    /// # Errors
    /// [`Error::Setting`] for another name, with those there are.
    pub fn named(name: &str) -> Result<Self> {
        let square = |side: usize| ImageShape { height: side, width: side };
        let (kernels, side) = match name {
            "sobel" => ([SOBEL_X, SOBEL_Y].concat(), 3),
            "sobel-x" => (SOBEL_X.to_vec(), 3),
            "sobel-y" => (SOBEL_Y.to_vec(), 3),
            "gaussian" => {
                let row = [1.0, 4.0, 6.0, 4.0, 1.0];
                let products = row.iter().flat_map(|a| row.iter().map(move |b| a * b / 256.0));
                (products.collect(), 5)
            }
            "box" => (vec![1.0 / 9.0; 9], 3),
            "sharpen" => (vec![0.0, -1.0, 0.0, -1.0, 5.0, -1.0, 0.0, -1.0, 0.0], 3),
            "laplacian" => (vec![0.0, 1.0, 0.0, 1.0, -4.0, 1.0, 0.0, 1.0, 0.0], 3),
            _ => {
                let detail = format!("there is no '{name}'; there are {}", NAMES.join(", "));
                return Err(Error::setting("filter", detail));
            }
        };
        let count = kernels.len() / (side * side);
        FilterBank::new(kernels, count, square(side))
    }

    /// How many kernels.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Rows and columns of a kernel.
    pub fn shape(&self) -> ImageShape {
        self.shape
    }

    /// All kernels, `[count, height, width]`.
    pub fn kernels(&self) -> &[f32] {
        &self.kernels
    }

    /// Whether the sum of kernel `index` is 0, or so near (below 10⁻⁶ of Σ|k|) that only rounding keeps it
    /// from that: its map then has both signs. False where there is no such kernel.
    pub fn is_signed(&self, index: usize) -> bool {
        let kernel = self.kernels.chunks(self.length()).nth(index).unwrap_or_default();
        let (sum, absolute) = sums(kernel);
        sum.abs() < ZERO_SUM * absolute
    }

    /// Divides each kernel by its sum, so that the brightness of a picture stays what it is; kernels that sum
    /// to 0 (see [`is_signed`](FilterBank::is_signed)) by Σ|k| instead, so that maps of values in [0, 1] lie in
    /// [−0.5, 0.5]. Gives what the user should be told.
    ///
    /// # Errors
    /// [`Error::Data`] for a kernel of zeros; the bank is then as it was.
    pub fn normalize(&mut self) -> Result<Vec<String>> {
        let length = self.length();
        let zeros = |kernel: &[f32]| kernel.iter().all(|&x| x == 0.0);
        if let Some(index) = self.kernels.chunks(length).position(zeros) {
            let detail = "is all zeros, and cannot be normalised; leave it out";
            return Err(Error::data(format!("kernel {index}"), detail));
        }
        let (mut by_absolute, mut notices) = (0, Vec::new());
        for (index, kernel) in self.kernels.chunks_mut(length).enumerate() {
            let (sum, absolute) = sums(kernel);
            let divisor = if sum.abs() < ZERO_SUM * absolute {
                by_absolute += 1;
                absolute
            } else {
                sum
            };
            if divisor.abs() < SMALL_SUM * absolute {
                notices.push(format!(
                    "kernel {index} sums to {:.2} % of its absolute values, so dividing by the sum makes \
                     large numbers",
                    100.0 * sum / absolute
                ));
            }
            kernel.iter_mut().for_each(|x| *x = (f64::from(*x) / divisor) as f32);
        }
        let absolute = "divided by the sum of their absolute values";
        match by_absolute {
            0 => {}
            1 if self.count == 1 => notices.push(
                "the kernel sums to 0 (it answers to edges), and was divided by the sum of its absolute values"
                    .into(),
            ),
            n if n == self.count => notices.push(format!("the kernels sum to 0, and were {absolute}")),
            n => notices.push(format!(
                "{n} of {} kernels sum to 0, and were {absolute}",
                self.count
            )),
        }
        Ok(notices)
    }

    /// Filters pictures, or the channels of one: `pictures` holds a whole number of planes of `shape`. Each
    /// value is a sum of KH·KW products on `device`, as [`conv2d`] takes it. What is large goes in strips.
    ///
    /// # Errors
    /// [`Error::Shape`] where the pictures are not planes of `shape`, or (with [`Edges::Valid`]) smaller than
    /// a kernel; [`Error::Data`] where the maps do not fit in memory; errors of the device.
    pub fn apply(
        &self,
        device: &Device,
        pictures: &[f32],
        shape: ImageShape,
        edges: Edges,
    ) -> Result<FilterMaps> {
        let pixels = shape.height.checked_mul(shape.width).filter(|&n| n > 0);
        let Some(pixels) = pixels.filter(|&n| pictures.len().is_multiple_of(n)) else {
            let detail = format!("{} values are no pictures of {shape} pixels", pictures.len());
            return Err(Error::shape(OP, detail));
        };
        let (planes, kernel) = (pictures.len() / pixels, self.shape);
        let out = match edges {
            Edges::Same => shape,
            Edges::Valid if kernel.height > shape.height || kernel.width > shape.width => {
                let detail = format!(
                    "the kernel of {kernel} is larger than the picture of {shape}; use a smaller kernel, or \
                     padding that keeps the size"
                );
                return Err(Error::shape(OP, detail));
            }
            Edges::Valid => ImageShape {
                height: shape.height - kernel.height + 1,
                width: shape.width - kernel.width + 1,
            },
        };
        let sizes = [planes, self.count, out.height, out.width];
        let mut values = reserved("maps", &sizes)?;
        values.resize(sizes.iter().product(), 0.0);
        let source = Source { pictures, shape, kernel, edges, width: out.width + kernel.width - 1 };
        let dims = [self.count, 1, kernel.height, kernel.width];
        let weights = Tensor::from_f32(device, &dims, &self.kernels)?;
        let per_row = planes.max(1) * (self.count * out.width).max(source.width);
        let rows = (MOST_VALUES / per_row).clamp(1, out.height);
        for first in (0..out.height).step_by(rows).filter(|_| planes > 0) {
            let rows = rows.min(out.height - first);
            let height = rows + kernel.height - 1;
            let strip = source.rows(first, height);
            let x = Tensor::from_f32(device, &[planes, 1, height, source.width], &strip)?;
            let mut y = Tensor::for_output(device, &[planes, self.count, rows, out.width])?;
            conv2d(&x, &weights, &Convolution::default(), Finish::default(), &mut y)?;
            let strip = y.to_vec()?;
            let maps = values.chunks_mut(out.height * out.width);
            for (map, strip) in maps.zip(strip.chunks(rows * out.width)) {
                map[first * out.width..][..strip.len()].copy_from_slice(strip);
            }
        }
        Ok(FilterMaps { planes, count: self.count, shape: out, values })
    }

    fn length(&self) -> usize {
        self.shape.height * self.shape.width
    }
}

impl FilterMaps {
    /// √(Σ y²) over the maps of each plane: of `sobel`'s two maps the gradient's magnitude.
    pub fn magnitude(&self) -> FilterMaps {
        let pixels = self.shape.height * self.shape.width;
        let values = self.values.chunks((self.count * pixels).max(1)).flat_map(|maps| {
            (0..pixels).map(move |at| {
                let squares = maps.iter().skip(at).step_by(pixels).map(|&y| f64::from(y).powi(2));
                squares.sum::<f64>().sqrt() as f32
            })
        });
        FilterMaps { count: 1, values: values.collect(), ..*self }
    }
}

/// Σk and Σ|k|.
fn sums(kernel: &[f32]) -> (f64, f64) {
    let sum = |f: fn(f64) -> f64| kernel.iter().map(|&x| f(f64::from(x))).sum();
    (sum(|x| x), sum(f64::abs))
}

/// Pictures with as much repeated around them as the kernel needs.
struct Source<'a> {
    pictures: &'a [f32],
    shape: ImageShape,
    kernel: ImageShape,
    edges: Edges,
    /// With what is repeated.
    width: usize,
}

impl Source<'_> {
    /// `height` rows of each picture, from row `first` of what the kernel sees.
    fn rows(&self, first: usize, height: usize) -> Vec<f32> {
        let (top, left) = match self.edges {
            Edges::Valid => (0, 0),
            Edges::Same => ((self.kernel.height - 1) / 2, (self.kernel.width - 1) / 2),
        };
        let ImageShape { height: rows, width: columns } = self.shape;
        let planes = self.pictures.len() / (rows * columns);
        let mut out = vec![0.0; planes * height * self.width];
        out.par_chunks_mut(self.width).enumerate().for_each(|(at, out)| {
            let row = (first + at % height).saturating_sub(top).min(rows - 1);
            let source = &self.pictures[(at / height * rows + row) * columns..][..columns];
            for (x, value) in out.iter_mut().enumerate() {
                *value = source[x.saturating_sub(left).min(columns - 1)];
            }
        });
        out
    }
}
