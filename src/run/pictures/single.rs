//! One picture without a frame.

use super::png_file::Picture;
use super::values::{NAN_COLOUR, SHADE, colour};
use crate::error::{Error, Result};

/// What is black and white where mid grey, 128, is 0.
const SIGNED: (f32, f32) = (-128.0 / 255.0, 127.0 / 255.0);

/// The (height, width) of `length` values as a square image, if they make one of at least 2×2.
pub fn square_shape(length: usize) -> Option<(usize, usize)> {
    let side = length.isqrt();
    (side > 1 && side * side == length).then_some((side, side))
}

/// One case, without a frame: one pixel per value.
///
/// # Errors
/// [`Error::Shape`] if the image's size does not fit, or there is no value.
pub fn tile(values: &[f32], image: Option<(usize, usize)>, range: (f32, f32)) -> Result<Picture> {
    let (height, width) = image.unwrap_or((1, values.len()));
    if values.is_empty() || height.checked_mul(width) != Some(values.len()) {
        let detail = format!("an image of {height}x{width} does not have {} values", values.len());
        return Err(Error::shape("draw a tile", detail));
    }
    let pixels = values.iter().map(|&value| colour(value, range)).collect();
    Ok(Picture { width, height, pixels, notes: Vec::new() })
}

/// A picture of its own size: one plane of grey or three of colours, `[channels, height, width]`.
///
/// Plain values run from 0, black, to 1, white. Where `signed`, 0 is mid grey (128) and a value is added to
/// it: −0.5 is black and 0.5 white. What lies beyond is black or white, and a note says how much does, where
/// that is more than one value in a thousand.
///
/// # Errors
/// [`Error::Shape`] if there are not one or three planes of this size, or no pixel.
pub fn image(
    values: &[f32],
    channels: usize,
    (height, width): (usize, usize),
    signed: bool,
) -> Result<Picture> {
    let pixels = height.checked_mul(width).filter(|&n| n > 0);
    let Some(pixels) = pixels
        .filter(|&n| matches!(channels, 1 | 3) && n.checked_mul(channels) == Some(values.len()))
    else {
        let detail = format!(
            "{} values are no picture of {channels} channels, {height}x{width}; there may be 1 or 3",
            values.len()
        );
        return Err(Error::shape("draw a picture", detail));
    };
    let range = if signed { SIGNED } else { (0.0, 1.0) };
    let at = |channel: usize, pixel: usize| colour(values[channel * pixels + pixel], range);
    let pixel = |pixel: usize| match channels {
        1 => at(0, pixel),
        _ => match [0, 1, 2].map(|channel| at(channel, pixel)) {
            all if all.contains(&NAN_COLOUR) => NAN_COLOUR,
            all => all.map(|grey| grey[0]),
        },
    };
    let mut notes = Vec::new();
    // Within one shade of the ends nothing is lost.
    let beyond = |&&x: &&f32| x < range.0 - SHADE || x > range.1 + SHADE;
    let clipped = values.iter().filter(beyond).count() as f64 / values.len() as f64;
    if clipped > 1e-3 {
        notes.push(format!(
            "{:.1} % of the values are beyond black or white, and are drawn as these",
            100.0 * clipped
        ));
    }
    Ok(Picture { width, height, pixels: (0..pixels).map(pixel).collect(), notes })
}
