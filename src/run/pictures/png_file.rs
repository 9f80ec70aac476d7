//! Pictures as PNG files.

use std::io::{self, Write};
use std::path::Path;

use crate::data::{Image, ImageShape};
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

    /// Reads a PNG of any kind as 8-bit colours; alpha is ignored, and a note says so.
    ///
    /// # Errors
    /// Those of [`Image::load`].
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let image = Image::load(path)?;
        let ImageShape { height, width } = image.shape;
        let byte = |&x: &f32| (x * 255.0).round() as u8;
        let plane = |channel: usize| image.values[channel * height * width..].iter().map(byte);
        let pixels = match image.channels {
            3 => plane(0)
                .zip(plane(1))
                .zip(plane(2))
                .map(|((r, g), b)| [r, g, b])
                .take(height * width)
                .collect(),
            _ => plane(0).map(|grey| [grey; 3]).collect(),
        };
        Ok(Picture { width, height, pixels, notes: image.notices })
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
