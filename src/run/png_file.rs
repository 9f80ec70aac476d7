//! Pictures as PNG files.

use std::fs::File;
use std::io::{self, BufReader, Write};
use std::path::Path;

use crate::error::{Error, Result};
use crate::run::atomic;

/// An 8-bit picture, rows from the top, RGB.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Pixels per row.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// `width · height` pixels, red, green and blue.
    pub pixels: Vec<[u8; 3]>,
    /// What the picture leaves out, for the user to read. Not stored.
    pub notes: Vec<String>,
}

impl Picture {
    /// A picture of one colour.
    pub fn new(width: usize, height: usize, colour: [u8; 3]) -> Self {
        Picture { width, height, pixels: vec![colour; width * height], notes: Vec::new() }
    }

    /// The pixel in column `x` of row `y`; `None` outside.
    pub fn pixel(&self, x: usize, y: usize) -> Option<[u8; 3]> {
        if x < self.width { self.pixels.get(y * self.width + x).copied() } else { None }
    }

    /// Fills a rectangle; what lies outside the picture is cut off.
    pub fn fill(&mut self, x: usize, y: usize, width: usize, height: usize, colour: [u8; 3]) {
        let right = x.saturating_add(width).min(self.width);
        if x >= right {
            return;
        }
        for row in y..y.saturating_add(height).min(self.height) {
            self.pixels[row * self.width + x..row * self.width + right].fill(colour);
        }
    }

    /// Writes a PNG atomically: 8-bit grey if every pixel is grey, else RGB.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written, or the picture has no pixel.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<()> {
        let (colour, bytes) = self.bytes();
        write_png(path.as_ref(), self.width, self.height, (colour, &bytes))
    }

    /// The bytes of the file that [`save`](Picture::save) would write.
    ///
    /// # Errors
    /// [`Error::Io`] if the picture has no pixel.
    pub fn to_png(&self) -> Result<Vec<u8>> {
        let (colour, bytes) = self.bytes();
        let mut out = Vec::new();
        encode(&mut out, self.width, self.height, (colour, &bytes))
            .map_err(|e| Error::io("encode", "a picture", e))?;
        Ok(out)
    }

    fn bytes(&self) -> (png::ColorType, Vec<u8>) {
        if self.pixels.iter().all(|[r, g, b]| r == g && g == b) {
            (png::ColorType::Grayscale, self.pixels.iter().map(|pixel| pixel[0]).collect())
        } else {
            (png::ColorType::Rgb, self.pixels.as_flattened().to_vec())
        }
    }

    /// Reads an 8-bit grey or RGB PNG, such as [`save`](Picture::save) writes.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be opened; [`Error::File`] if it is no such PNG.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let fail = |detail: String| Error::file(path, "png", detail);
        let file = File::open(path).map_err(|e| Error::io("read", path, e))?;
        let mut reader =
            png::Decoder::new(BufReader::new(file)).read_info().map_err(|e| fail(e.to_string()))?;
        let size = reader.output_buffer_size().ok_or_else(|| fail("too large".into()))?;
        let mut bytes = vec![0; size];
        let info = reader.next_frame(&mut bytes).map_err(|e| fail(e.to_string()))?;
        bytes.truncate(info.buffer_size());
        let pixels = match (info.color_type, info.bit_depth) {
            (png::ColorType::Grayscale, png::BitDepth::Eight) => {
                bytes.into_iter().map(|grey| [grey; 3]).collect()
            }
            (png::ColorType::Rgb, png::BitDepth::Eight) => bytes.as_chunks::<3>().0.to_vec(),
            (colour, depth) => {
                return Err(fail(format!("{colour:?} {depth:?}, expected 8-bit grey or RGB")));
            }
        };
        let (width, height) = (info.width as usize, info.height as usize);
        Ok(Picture { width, height, pixels, notes: Vec::new() })
    }
}

/// Writes an 8-bit grey PNG atomically: `width · height` values, rows from the top, 0 black.
///
/// # Errors
/// [`Error::Io`] if the file cannot be written, the size is 0 or the pixels do not fill it.
pub fn write_grey_png(
    path: impl AsRef<Path>,
    width: usize,
    height: usize,
    pixels: &[u8],
) -> Result<()> {
    write_png(path.as_ref(), width, height, (png::ColorType::Grayscale, pixels))
}

fn write_png(
    path: &Path,
    width: usize,
    height: usize,
    picture: (png::ColorType, &[u8]),
) -> Result<()> {
    atomic::write(path, |out| encode(out, width, height, picture))
}

fn encode(
    out: impl Write,
    width: usize,
    height: usize,
    (colour, bytes): (png::ColorType, &[u8]),
) -> io::Result<()> {
    let side = |n: usize| u32::try_from(n).map_err(io::Error::other);
    let mut encoder = png::Encoder::new(out, side(width)?, side(height)?);
    encoder.set_color(colour);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(bytes)?;
    writer.finish()?;
    Ok(())
}
