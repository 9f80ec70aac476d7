//! JPEG pictures, the way up that their camera says.

use std::io::Cursor;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::colorspace::ColorSpace;

use super::input::Input;
use super::pixels::{MOST_BYTES, Pixels, check_size};
use super::set::ImageShape;
use crate::error::{Error, Result};

/// Decodes a file.
pub(super) fn decode(mut input: Input) -> Result<Pixels> {
    let path = input.path().to_path_buf();
    let fail = |detail: String| Error::file(&path, "jpeg", detail);
    let file = input.rest(MOST_BYTES)?;
    // The decoder fills what is missing with grey.
    if ends_early(&file) {
        return Err(fail("the file ends early; it is truncated".into()));
    }
    let damaged = |e: zune_jpeg::errors::DecodeErrors| {
        fail(format!("damaged, or of a kind that is not read ({e})"))
    };
    let mut decoder = JpegDecoder::new(Cursor::new(file));
    decoder.decode_headers().map_err(damaged)?;
    let Some((width, height)) = decoder.dimensions() else { return Err(fail("no size".into())) };
    check_size(width as u64, height as u64).map_err(fail)?;
    let grey = decoder.input_colorspace() == Some(ColorSpace::Luma);
    let (space, per_pixel) = if grey { (ColorSpace::Luma, 1) } else { (ColorSpace::RGB, 3) };
    let options = decoder.options().jpeg_set_out_colorspace(space);
    decoder.set_options(options);
    let orientation = decoder.exif().and_then(|exif| orientation(exif)).unwrap_or(1);
    let bytes = decoder.decode().map_err(damaged)?;
    if bytes.len() != width * height * per_pixel {
        return Err(fail(format!(
            "{} bytes for {width}×{height} pixels; it is damaged",
            bytes.len()
        )));
    }
    let shape = ImageShape { height, width };
    let mut pixels = Pixels { shape, per_pixel, bytes, sixteen: false, notices: Vec::new() };
    if (2..=8).contains(&orientation) {
        pixels.notices.push(format!(
            "{}: turned upright, as its camera says (EXIF orientation {orientation})",
            path.display()
        ));
    }
    Ok(pixels.turned(orientation))
}

/// Whether a scan begins after which no end is marked.
fn ends_early(file: &[u8]) -> bool {
    let last = |mark: u8| file.windows(2).rposition(|pair| pair == [0xff, mark]);
    last(0xd9).is_none() || last(0xda) > last(0xd9)
}

fn orientation(exif: &[u8]) -> Option<u32> {
    let exif = exif.strip_prefix(b"Exif\0\0").unwrap_or(exif);
    let read = exif::Reader::new().read_raw(exif.to_vec()).ok()?;
    read.get_field(exif::Tag::Orientation, exif::In::PRIMARY)?.value.get_uint(0)
}
