//! Cases as pictures of another size: enlarged, shrunk, or with a border.

use rayon::prelude::*;

use super::cases::Cases;
use super::set::ImageShape;
use super::values::{Values, reserved};
use crate::error::{Error, Result};
use crate::shape::product;

/// One unit of an 8-bit picture: how far rounded values may be off.
const UNIT: f32 = 1.0 / 255.0;

/// Pictures of another size, by linear interpolation in both directions (bilinear).
///
/// Pixels are squares whose corners stay where they are: output pixel `i` looks at input position
/// `(i + 0.5)·from/to − 0.5`, and beyond the outermost pixels' centres their values go on. Enlarging so is
/// what PyTorch's `interpolate(mode="bilinear", align_corners=False)` and PIL's `resize(BILINEAR)` do.
/// Shrinking weighs all pixels that fall together (PIL's way; PyTorch's with `antialias=True`), so that
/// nothing is skipped.
///
/// Sums are taken in f64. Bytes and bits stay bytes, rounded to the nearest: exact to half a unit, 1/510,
/// where the unit is 1/255; of coarser units (digits hold x/16) to a finer one that keeps every value exact
/// to 1/255. Where no byte can do that, and where the source is f32, the result is f32. The same size gives
/// the same cases, untouched.
///
/// ```
/// use harmonium::data::{Cases, ImageShape, Values, resize};
/// let cases = Cases::new(Values::F32(vec![0.0, 1.0]), 1, 2)?;
/// let wider = resize(
///     &cases,
///     ImageShape { height: 1, width: 2 },
///     ImageShape { height: 1, width: 4 },
/// )?;
/// assert_eq!(wider.row(0), [0.0, 0.25, 0.75, 1.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] where the cases are not pictures of the size `from`, or a size of `to` is 0;
/// [`Error::Data`] where the result is too large.
pub fn resize(cases: &Cases, from: ImageShape, to: ImageShape) -> Result<Cases> {
    let op = "resize pictures";
    check(op, cases, from)?;
    if to.height == 0 || to.width == 0 {
        return Err(Error::shape(op, format!("pictures of {to} have no pixel; use at least 1×1")));
    }
    if from == to {
        return Ok(cases.clone());
    }
    let (n, d) = (cases.len(), size(op, cases.len(), to)?);
    // Between the two passes a picture has the rows of one and the columns of the other.
    size(op, 1, ImageShape { height: from.height, width: to.width })?;
    let plan = Plan {
        from,
        to,
        down: weights(from.height, to.height),
        across: weights(from.width, to.width),
    };
    let values = match cases.values() {
        Values::Bits(bits) => {
            let scale = f64::from(u8::MAX);
            Values::U8 { values: plan.bytes(bits, (n, d), scale)?, scale: UNIT }
        }
        Values::U8 { values, scale } => match finer(values, *scale) {
            Some(parts) => Values::U8 {
                values: plan.bytes(values, (n, d), f64::from(parts))?,
                scale: scale / f32::from(parts),
            },
            None => {
                let scale = f64::from(*scale);
                let value = |x: u8| f64::from(x) * scale;
                Values::F32(plan.apply(values, (n, d), value, |x| x as f32)?)
            }
        },
        Values::F32(values) => Values::F32(plan.apply(values, (n, d), f64::from, |x| x as f32)?),
    };
    Cases::instead_of(cases, values, d)
}

/// Pictures with a border of zeros: `margins` are the pixels added above and below, and left and right.
/// Values are held as before, without loss.
///
/// ```
/// use harmonium::data::{self, ImageShape};
/// let fashion = data::load("fashion")?.train.cases;
/// // As LeNet-5 wants them: 28×28 in the middle of 32×32.
/// let padded = data::pad(&fashion, ImageShape { height: 28, width: 28 }, [2, 2])?;
/// assert_eq!(padded.width(), 32 * 32);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] where the cases are not pictures of the size `from`; [`Error::Data`] where the result is
/// too large.
pub fn pad(cases: &Cases, from: ImageShape, margins: [usize; 2]) -> Result<Cases> {
    let op = "pad pictures";
    check(op, cases, from)?;
    let wider = |side: usize, margin: usize| margin.checked_mul(2)?.checked_add(side);
    let [Some(height), Some(width)] =
        [wider(from.height, margins[0]), wider(from.width, margins[1])]
    else {
        return Err(too_large(op, cases.len(), from));
    };
    let to = ImageShape { height, width };
    let shape = (cases.len(), size(op, cases.len(), to)?);
    let values = match cases.values() {
        Values::Bits(v) => Values::Bits(framed(v, shape, from, to, |_, _| 0)?),
        Values::U8 { values, scale } => {
            Values::U8 { values: framed(values, shape, from, to, |_, _| 0)?, scale: *scale }
        }
        Values::F32(v) => Values::F32(framed(v, shape, from, to, |_, _| 0.0)?),
    };
    Cases::instead_of(cases, values, shape.1)
}

/// Pictures with a border that gives them the proportions of `to`, and their size then: the picture stays in the middle,
/// and the border has the median of its outermost pixels, its ground.
///
/// # Errors
/// As [`pad`]; [`Error::Data`] for pictures more than 16 times as long as wide.
pub(super) fn fill(cases: &Cases, from: ImageShape, to: ImageShape) -> Result<(Cases, ImageShape)> {
    let op = "pad pictures";
    check(op, cases, from)?;
    let (across, down) = (from.width * to.height, from.height * to.width);
    if across == down {
        return Ok((cases.clone(), from));
    }
    let wanted = match across > down {
        true => ImageShape { height: across.div_ceil(to.width), width: from.width },
        false => ImageShape { height: from.height, width: down.div_ceil(to.height) },
    };
    if size(op, cases.len(), wanted)? > 16 * size(op, cases.len(), from)? {
        let detail = format!(
            "pictures of {from} pixels would be nearly all border as pictures of {to}; if the axes stand in another order, \
             transpose them to [N, H, W]"
        );
        return Err(Error::data(op, detail));
    }
    let shape = (cases.len(), size(op, cases.len(), wanted)?);
    let values = match cases.values() {
        Values::Bits(v) => Values::Bits(framed(v, shape, from, wanted, ground)?),
        Values::U8 { values, scale } => {
            Values::U8 { values: framed(values, shape, from, wanted, ground)?, scale: *scale }
        }
        Values::F32(v) => Values::F32(framed(v, shape, from, wanted, ground)?),
    };
    Ok((Cases::instead_of(cases, values, shape.1)?, wanted))
}

/// The median of a picture's outermost pixels.
fn ground<T: Copy + PartialOrd>(picture: &[T], shape: ImageShape) -> T {
    let ImageShape { height, width } = shape;
    let edge = |k: &usize| {
        let (row, column) = (k / width, k % width);
        row == 0 || row + 1 == height || column == 0 || column + 1 == width
    };
    let mut outermost: Vec<T> = (0..picture.len()).filter(edge).map(|k| picture[k]).collect();
    outermost.sort_by(|a, b| a.partial_cmp(b).unwrap_or(std::cmp::Ordering::Equal));
    outermost[outermost.len() / 2]
}

fn check(op: &'static str, cases: &Cases, from: ImageShape) -> Result<()> {
    if product(&[from.height, from.width]) == Some(cases.width()) {
        return Ok(());
    }
    let detail =
        format!("a case has {} values, which are no picture of {from} pixels", cases.width());
    Err(Error::shape(op, detail))
}

/// Values of a picture, where `n` of them can be indexed.
fn size(op: &'static str, n: usize, to: ImageShape) -> Result<usize> {
    let d = product(&[to.height, to.width]).filter(|&d| i32::try_from(d).is_ok());
    d.filter(|&d| product(&[d, n.max(1)]).is_some()).ok_or_else(|| too_large(op, n, to))
}

fn too_large(op: &'static str, n: usize, to: ImageShape) -> Error {
    Error::data(op, format!("{n} pictures of {to} pixels do not fit in memory"))
}

/// `n` rows of zeros.
fn zeros<T: Copy + Default>((n, d): (usize, usize)) -> Result<Vec<T>> {
    let mut values = reserved("pictures", &[n, d])?;
    values.resize(n * d, T::default());
    Ok(values)
}

/// Into how many parts a byte's unit is divided so that rounding keeps values exact to 1/255.
fn finer(values: &[u8], scale: f32) -> Option<u8> {
    if scale <= UNIT {
        return Some(1);
    }
    let largest = values.par_iter().copied().max().unwrap_or(0).max(1);
    let parts = u8::MAX / largest;
    (0.5 * scale / f32::from(parts) <= UNIT).then_some(parts)
}

/// What one output looks at: the first input, and the weight of each from there on. They sum to 1.
type Taps = (usize, Vec<f64>);

fn weights(from: usize, to: usize) -> Vec<Taps> {
    let step = from as f64 / to as f64;
    let reach = step.max(1.0);
    (0..to)
        .map(|i| {
            let centre = (i as f64 + 0.5) * step;
            let first = (centre - reach + 0.5).floor().max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            let weight = |x: usize| (1.0 - ((x as f64 + 0.5 - centre) / reach).abs()).max(0.0);
            let mut taps: Vec<f64> = (first..end).map(weight).collect();
            let sum: f64 = taps.iter().sum();
            taps.iter_mut().for_each(|w| *w /= sum);
            (first, taps)
        })
        .collect()
}

/// From one size to another.
struct Plan {
    from: ImageShape,
    to: ImageShape,
    down: Vec<Taps>,
    across: Vec<Taps>,
}

impl Plan {
    /// Bytes out of bytes, each multiplied by `scale`, which keeps them below 255.5.
    fn bytes(&self, values: &[u8], shape: (usize, usize), scale: f64) -> Result<Vec<u8>> {
        self.apply(values, shape, f64::from, |x| (x * scale).round() as u8)
    }

    /// All pictures: `input` gives a value's number, `output` holds a number.
    fn apply<T: Copy + Sync, U: Copy + Default + Send>(
        &self,
        values: &[T],
        (n, d): (usize, usize),
        input: impl Fn(T) -> f64 + Sync,
        output: impl Fn(f64) -> U + Sync,
    ) -> Result<Vec<U>> {
        let mut out = zeros((n, d))?;
        let sources = values.par_chunks(self.from.height * self.from.width);
        let rows = || vec![0.0; self.from.height * self.to.width];
        out.par_chunks_mut(d).zip(sources).for_each_init(rows, |rows, (out, source)| {
            let wide = rows.chunks_mut(self.to.width);
            for (row, wide) in source.chunks(self.from.width).zip(wide) {
                for (x, (first, taps)) in wide.iter_mut().zip(&self.across) {
                    let seen = row[*first..].iter().zip(taps);
                    *x = seen.map(|(&value, w)| w * input(value)).sum();
                }
            }
            for (out, (first, taps)) in out.chunks_mut(self.to.width).zip(&self.down) {
                for (column, out) in out.iter_mut().enumerate() {
                    let at = |y: usize| rows[(first + y) * self.to.width + column];
                    *out = output(taps.iter().enumerate().map(|(y, w)| w * at(y)).sum());
                }
            }
        });
        Ok(out)
    }
}

/// Each picture in the middle of a larger one of what `border` says.
fn framed<T: Copy + Default + Send + Sync>(
    values: &[T],
    shape: (usize, usize),
    from: ImageShape,
    to: ImageShape,
    border: impl Fn(&[T], ImageShape) -> T + Sync,
) -> Result<Vec<T>> {
    let mut out = zeros(shape)?;
    let (top, left) = ((to.height - from.height) / 2, (to.width - from.width) / 2);
    let sources = values.par_chunks(from.height * from.width);
    out.par_chunks_mut(shape.1).zip(sources).for_each(|(out, source)| {
        out.fill(border(source, from));
        let rows = out.chunks_mut(to.width).skip(top);
        for (out, row) in rows.zip(source.chunks(from.width)) {
            out[left..left + from.width].copy_from_slice(row);
        }
    });
    Ok(out)
}
