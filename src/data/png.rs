//! PNG pictures of any kind, decoded.

use std::io::{Cursor, ErrorKind};

use png::{ColorType, DecodingError, Transformations};

use super::input::Input;
use super::pixels::{MOST_BYTES, Pixels, check_size};
use super::set::ImageShape;
use crate::error::{Error, Result};

/// The first bytes of the magic number.
const MAGIC: &[u8] = b"\x89PNG\r\n";
/// What chunks beside the pixels may take.
const CHUNK_BYTES: usize = 64 << 20;
/// Deflate turns one byte into 1,032 at most.
const DEFLATE_RATIO: u64 = 1032;

/// Decodes a file.
pub(super) fn decode(mut input: Input) -> Result<Pixels> {
    let path = input.path().to_path_buf();
    let fail = |detail: String| Error::file(&path, "png", detail);
    if !input.start().starts_with(MAGIC) {
        let start = input.start();
        return Err(fail(match start.is_empty() {
            true => "the file is empty".into(),
            false => format!(
                "the first bytes are {:02x?}; a PNG begins with \\x89PNG",
                &start[..start.len().min(6)]
            ),
        }));
    }
    let file = input.rest(MOST_BYTES)?;
    let held = file.len() as u64;
    let mut decoder = png::Decoder::new(Cursor::new(file));
    decoder.set_limits(png::Limits { bytes: CHUNK_BYTES });
    decoder.set_ignore_text_chunk(true);
    decoder.set_ignore_iccp_chunk(true);
    decoder.set_transformations(Transformations::EXPAND);
    let words = |e: DecodingError| fail(in_words(&e));
    let mut reader = decoder.read_info().map_err(words)?;
    let info = reader.info();
    let pixels = u64::from(info.width) * u64::from(info.height);
    check_size(info.width.into(), info.height.into()).map_err(fail)?;
    let claimed = pixels * info.bits_per_pixel() as u64 / 8;
    if claimed > held.saturating_mul(DEFLATE_RATIO) {
        let detail = format!(
            "{}×{} pixels are more than a file of {held} bytes can hold; it is damaged",
            info.width, info.height
        );
        return Err(fail(detail));
    }
    let animated = info.animation_control.is_some();
    let size = reader.output_buffer_size().ok_or_else(|| fail("too large".into()))?;
    let mut bytes = vec![0; size];
    let frame = reader.next_frame(&mut bytes).map_err(words)?;
    bytes.truncate(frame.buffer_size());
    let per_pixel = match frame.color_type {
        ColorType::Grayscale => 1,
        ColorType::GrayscaleAlpha => 2,
        ColorType::Rgb => 3,
        ColorType::Rgba => 4,
        ColorType::Indexed => return Err(fail("its palette cannot be read".into())),
    };
    let shape = ImageShape { height: frame.height as usize, width: frame.width as usize };
    let sixteen = frame.bit_depth == png::BitDepth::Sixteen;
    let mut notices = Vec::new();
    if animated {
        notices.push(format!("{}: of the animation its still picture is read", path.display()));
    }
    Ok(Pixels { shape, per_pixel, bytes, sixteen, notices })
}

fn in_words(error: &DecodingError) -> String {
    match error {
        DecodingError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            "the file ends early; it is truncated".into()
        }
        DecodingError::LimitsExceeded => {
            format!(
                "it needs more than {} MiB beside its pixels; save it again plainly",
                CHUNK_BYTES >> 20
            )
        }
        other => other.to_string(),
    }
}
