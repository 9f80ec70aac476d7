//! What the axes of an array of cases mean: which are a picture's rows, columns and colours.

use super::array::Layout;
use super::cases::Cases;
use super::input::Site;
use super::labels::{Labels, RawPart};
use super::pixels::luma;
use super::set::{DataSet, ImageShape};
use super::values::Values;
use crate::error::Result;

/// What a case is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Shape {
    /// Numbers; a picture where their count is a square.
    Plain,
    Grey(ImageShape),
    /// Red, green and blue of each pixel together, or one plane after the other.
    Colours {
        image: ImageShape,
        last: bool,
    },
}

/// The shape of a case of these axes, the first of which counts the cases. An axis of one is no axis where the others
/// are enough.
///
/// # Errors
/// What is wrong with them, and what to do.
fn shape(dims: &[u64]) -> std::result::Result<Shape, String> {
    let mut axes: Vec<usize> = dims.iter().skip(1).map(|&d| d as usize).collect();
    let image = |height, width| ImageShape { height, width };
    while axes.len() > 2 {
        // The last first: channels come last more often.
        match axes.iter().rposition(|&d| d == 1) {
            Some(at) => axes.remove(at),
            None => break,
        };
    }
    match *axes {
        [] | [_] => Ok(Shape::Plain),
        [n, 1] | [1, n] if n.isqrt().pow(2) == n => Ok(Shape::Plain),
        [height, width] => Ok(Shape::Grey(image(height, width))),
        [3, _, 3] => Err(format!(
            "the shape is {dims:?}: colours may stand first or last; transpose it so that they stand last, and reshape \
             it to [N, H, W, 3] with other sizes, or to [N, H·W·3] for numbers that are no picture"
        )),
        [height, width, 3] => Ok(Shape::Colours { image: image(height, width), last: true }),
        [3, height, width] => Ok(Shape::Colours { image: image(height, width), last: false }),
        [_, _, 2 | 4] | [2 | 4, _, _] => Err(format!(
            "the shape is {dims:?}, 2 or 4 channels: transparency is not read from arrays; keep one channel, \
             [N, H, W], or three, [N, H, W, 3] (a[..., :3]), or reshape it to [N, D] for numbers that are no picture"
        )),
        _ => Err(format!(
            "the shape is {dims:?}, neither grey pictures, [N, H, W], [N, H, W, 1] or [N, 1, H, W], nor colour pictures, \
             [N, H, W, 3] or [N, 3, H, W]; reshape it to [N, D] for numbers that are no picture"
        )),
    }
}

/// Cases of the values of an array, whose axes stand at byte `at`.
pub(super) fn cases(
    values: Values,
    layout: &Layout,
    site: &Site,
    at: u64,
    name: &str,
    mut notices: Vec<String>,
) -> Result<RawPart> {
    let note = |text: String| format!("{}: {text}", site.path().display());
    let unit = if let Values::U8 { scale, .. } = values { scale } else { 1.0 };
    let shape = shape(&layout.dims).map_err(|detail| site.error(at, detail))?;
    let (values, image) = match shape {
        // One number a case is no picture of one pixel.
        Shape::Plain if layout.dims.len() < 2 => (values, None),
        Shape::Plain => (values, ImageShape::guess(layout.d)),
        Shape::Grey(image) => {
            if layout.dims.len() == 3 && matches!(image.width, 3 | 4) && image.height > 8 {
                notices.push(note(format!(
                    "the shape {:?} is read as {} pictures of {image}; one colour picture is [1, H, W, 3]",
                    layout.dims, layout.n
                )));
            }
            (values, Some(image))
        }
        Shape::Colours { image, last } => {
            let place = if last { "last" } else { "first" };
            let (values, coloured) = brightness(values, image, last);
            notices.push(note(match coloured {
                true => format!(
                    "three channels, which stand {place}, are read as their brightness; reshape to [N, D] to keep them"
                ),
                false => format!("three equal channels, which stand {place}, are read as one"),
            }));
            (values, Some(image))
        }
    };
    let d = values.len() / layout.n;
    let mut set = DataSet::new(name, Cases::new(values, layout.n, d)?);
    (set.image, set.notices) = (image, notices);
    set.guessed = matches!(shape, Shape::Plain);
    Ok(RawPart { set, labels: None, unit, pictures: false })
}

/// One value for each pixel, and whether its channels differed somewhere.
fn brightness(values: Values, image: ImageShape, last: bool) -> (Values, bool) {
    let pixels = image.height * image.width;
    let place = |k: usize, channel: usize| match last {
        true => 3 * k + channel,
        false => k / pixels * 3 * pixels + channel * pixels + k % pixels,
    };
    fn channels<T: Copy>(values: &[T], place: impl Fn(usize, usize) -> usize) -> Vec<[T; 3]> {
        (0..values.len() / 3).map(|k| [0, 1, 2].map(|c| values[place(k, c)])).collect()
    }
    fn same<T: Copy + PartialEq>(colours: &[[T; 3]]) -> Option<Vec<T>> {
        let equal = colours.iter().all(|[r, g, b]| r == g && g == b);
        equal.then(|| colours.iter().map(|colour| colour[0]).collect())
    }
    let grey = |colour: [f32; 3]| luma(colour[0], colour[1], colour[2]);
    match values {
        Values::Bits(v) => {
            let colours = channels(&v, place);
            match same(&colours) {
                Some(bits) => (Values::Bits(bits), false),
                None => {
                    let greys = colours.iter().map(|colour| grey(colour.map(f32::from))).collect();
                    (Values::from_floats(greys), true)
                }
            }
        }
        Values::U8 { values, scale } => {
            let colours = channels(&values, place);
            match same(&colours) {
                Some(values) => (Values::U8 { values, scale }, false),
                None => {
                    let value = |colour: &[u8; 3]| grey(colour.map(|x| f32::from(x) * scale));
                    (Values::F32(colours.iter().map(value).collect()), true)
                }
            }
        }
        Values::F32(v) => {
            let colours = channels(&v, place);
            match same(&colours) {
                Some(values) => (Values::F32(values), false),
                None => (Values::F32(colours.into_iter().map(grey).collect()), true),
            }
        }
    }
}

/// Labels of the values of an array.
///
/// # Errors
/// What is wrong with them.
pub(super) fn labels(values: &Values, layout: &Layout) -> std::result::Result<Labels, String> {
    // QMNIST: class, writer, form and more, in eight columns.
    if layout.d == 8
        && let Values::F32(numbers) = values
        && numbers.iter().step_by(8).all(|x| (0.0..10.0).contains(x))
    {
        return Labels::from_array(&Values::F32(numbers.iter().copied().step_by(8).collect()), 1);
    }
    let found = Labels::from_array(values, layout.d);
    found.map_err(|detail| format!("{detail} (the array is {})", layout.promise()))
}

#[cfg(test)]
mod tests {
    use super::{Shape, shape};
    use crate::data::ImageShape;

    #[test]
    fn axes() {
        let grey = |height, width| Ok(Shape::Grey(ImageShape { height, width }));
        let colours =
            |height, width, last| Ok(Shape::Colours { image: ImageShape { height, width }, last });
        for (dims, expected) in [
            (&[40, 28, 28][..], grey(28, 28)),
            (&[40, 28, 28, 1], grey(28, 28)),
            (&[40, 1, 28, 28], grey(28, 28)),
            (&[40, 1, 28, 28, 1], grey(28, 28)),
            (&[40, 28, 1, 28], grey(28, 28)),
            (&[40, 28, 14, 1], grey(28, 14)),
            (&[40, 784], Ok(Shape::Plain)),
            (&[40, 784, 1], Ok(Shape::Plain)),
            (&[40, 1, 784], Ok(Shape::Plain)),
            (&[40, 1, 5], grey(1, 5)),
            (&[40], Ok(Shape::Plain)),
            (&[40, 32, 30, 3], colours(32, 30, true)),
            (&[40, 3, 32, 30], colours(32, 30, false)),
        ] {
            assert_eq!(shape(dims), expected, "{dims:?}");
        }
        for (dims, said) in [
            (&[40, 3, 28, 3][..], "first or last"),
            (&[40, 28, 28, 4], "a[..., :3]"),
            (&[40, 2, 28, 28], "2 or 4 channels"),
            (&[40, 5, 28, 28], "reshape it to [N, D]"),
            (&[2, 3, 4, 5, 6], "reshape it to [N, D]"),
        ] {
            let text = shape(dims).unwrap_err();
            assert!(text.contains(said) && text.contains(&format!("{dims:?}")), "{text}");
        }
    }
}
