//! A decoded picture: its samples as they are, its brightness, and what becomes of transparency.

use std::path::Path;

use super::set::ImageShape;
use super::values::Values;

/// The most pixels that are read: 8192 × 8192.
pub(super) const MOST_PIXELS: u64 = 1 << 26;
/// The most bytes of a file.
pub(super) const MOST_BYTES: u64 = 1 << 29;

/// In f64, so that the brightness of a grey is that grey.
pub(super) fn luma(red: f32, green: f32, blue: f32) -> f32 {
    (0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)) as f32
}

/// That so many pixels are read.
///
/// # Errors
/// What to do otherwise.
pub(super) fn check_size(width: u64, height: u64) -> Result<(), String> {
    match width * height > MOST_PIXELS {
        false => Ok(()),
        true => Err(format!(
            "{width}×{height} pixels are more than the {MOST_PIXELS} that are read; make the picture smaller"
        )),
    }
}

/// Samples as they are decoded: palettes and low depths expanded, pixel by pixel.
pub(super) struct Pixels {
    pub(super) shape: ImageShape,
    /// 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.
    pub(super) per_pixel: usize,
    /// Big-endian where two bytes make a sample.
    pub(super) bytes: Vec<u8>,
    pub(super) sixteen: bool,
    pub(super) notices: Vec<String>,
}

/// A picture without colours and transparency.
pub(super) struct Grey {
    pub(super) values: Values,
    /// What a step of the file's numbers is worth.
    pub(super) unit: f32,
    /// Whether a ground was put behind a transparent picture.
    pub(super) ground_chosen: bool,
    pub(super) notices: Vec<String>,
}

impl Pixels {
    pub(super) fn colour(&self) -> bool {
        self.per_pixel >= 3
    }

    pub(super) fn has_alpha(&self) -> bool {
        self.per_pixel.is_multiple_of(2)
    }

    /// Whether a pixel lets through what lies behind it.
    pub(super) fn is_transparent(&self) -> bool {
        self.has_alpha() && self.plane(self.per_pixel - 1).any(|alpha| alpha < 1.0)
    }

    /// One channel, in [0, 1].
    pub(super) fn plane(&self, channel: usize) -> Box<dyn Iterator<Item = f32> + '_> {
        let step = self.per_pixel;
        if self.sixteen {
            let (words, _) = self.bytes.as_chunks::<2>();
            let value = |word: &[u8; 2]| f32::from(u16::from_be_bytes(*word)) / 65535.0;
            Box::new(words.iter().skip(channel).step_by(step).map(value))
        } else {
            Box::new(self.bytes.iter().skip(channel).step_by(step).map(|&x| f32::from(x) / 255.0))
        }
    }

    fn brightness(&self) -> Vec<f32> {
        match self.colour() {
            true => {
                let colours = self.plane(0).zip(self.plane(1)).zip(self.plane(2));
                colours.map(|((r, g), b)| luma(r, g, b)).collect()
            }
            false => self.plane(0).collect(),
        }
    }

    /// The greys, where they are bytes: a colour picture may have nothing but greys.
    fn grey_bytes(&self) -> Option<Vec<u8>> {
        let pixels = self.bytes.chunks_exact(self.per_pixel);
        let grey = |pixel: &[u8]| pixel[0] == pixel[1] && pixel[1] == pixel[2];
        if self.sixteen || (self.colour() && !pixels.clone().all(grey)) {
            return None;
        }
        Some(pixels.map(|pixel| pixel[0]).collect())
    }

    /// Its brightness on an opaque ground: bytes where the file has bytes and neither colours nor transparency.
    pub(super) fn grey(mut self, path: &Path) -> Grey {
        let mut notices = std::mem::take(&mut self.notices);
        let unit = if self.sixteen { 1.0 / 65535.0 } else { 1.0 / 255.0 };
        let mut note = |text: String| notices.push(format!("{}: {text}", path.display()));
        let transparent = self.is_transparent();
        let bytes = if transparent { None } else { self.grey_bytes() };
        let values = match bytes {
            Some(values) => Values::U8 { values, scale: unit },
            None => {
                if self.colour() {
                    note("the colours are read as their brightness".into());
                }
                let brightness = self.brightness();
                Values::F32(match transparent {
                    false => brightness,
                    true => {
                        let (flat, ground) = self.flattened(brightness);
                        note(format!(
                            "the picture is transparent, and was put on a {ground} ground"
                        ));
                        flat
                    }
                })
            }
        };
        Grey { values, unit, ground_chosen: transparent, notices }
    }

    /// On black or on white, whichever shows more; on white, as most programs show it, if both do.
    fn flattened(&self, brightness: Vec<f32>) -> (Vec<f32>, &'static str) {
        let on = |ground: f32| -> Vec<f32> {
            let alpha = self.plane(self.per_pixel - 1);
            brightness.iter().zip(alpha).map(|(&x, a)| x * a + ground * (1.0 - a)).collect()
        };
        let (black, white) = (on(0.0), on(1.0));
        match variance(&black) > variance(&white) + 1e-9 {
            true => (black, "black"),
            false => (white, "white"),
        }
    }

    /// The picture turned and mirrored as the number of an EXIF orientation says: 1 to 8, of which 1 leaves it as it is.
    pub(super) fn turned(mut self, orientation: u32) -> Self {
        let ImageShape { height, width } = self.shape;
        if !(2..=8).contains(&orientation) {
            return self;
        }
        let turned = orientation > 4;
        let (rows, columns) = if turned { (width, height) } else { (height, width) };
        let size = self.per_pixel * if self.sixteen { 2 } else { 1 };
        let mut bytes = Vec::with_capacity(self.bytes.len());
        for row in 0..rows {
            for column in 0..columns {
                let (r, c) = if turned { (column, row) } else { (row, column) };
                let (from_below, from_right) = match orientation {
                    2 => (false, true),
                    3 => (true, true),
                    4 => (true, false),
                    6 => (true, false),
                    7 => (true, true),
                    8 => (false, true),
                    _ => (false, false),
                };
                let r = if from_below { height - 1 - r } else { r };
                let c = if from_right { width - 1 - c } else { c };
                let at = (r * width + c) * size;
                bytes.extend(&self.bytes[at..at + size]);
            }
        }
        self.bytes = bytes;
        self.shape = ImageShape { height: rows, width: columns };
        self
    }
}

fn variance(values: &[f32]) -> f64 {
    let n = values.len().max(1) as f64;
    let mean = values.iter().map(|&x| f64::from(x)).sum::<f64>() / n;
    values.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / n
}

#[cfg(test)]
mod tests {
    use super::{ImageShape, Pixels};

    /// What each orientation makes of the picture `1 2 / 3 4 / 5 6`, by the standard's words: 6 is to be turned to the
    /// right, 8 to the left, 5 and 7 are mirrored too.
    #[test]
    fn orientations() {
        let upright = ImageShape { height: 3, width: 2 };
        let lying = ImageShape { height: 2, width: 3 };
        for (orientation, bytes, shape) in [
            (1, [1, 2, 3, 4, 5, 6], upright),
            (2, [2, 1, 4, 3, 6, 5], upright),
            (3, [6, 5, 4, 3, 2, 1], upright),
            (4, [5, 6, 3, 4, 1, 2], upright),
            (5, [1, 3, 5, 2, 4, 6], lying),
            (6, [5, 3, 1, 6, 4, 2], lying),
            (7, [6, 4, 2, 5, 3, 1], lying),
            (8, [2, 4, 6, 1, 3, 5], lying),
            (9, [1, 2, 3, 4, 5, 6], upright),
        ] {
            let picture = Pixels {
                shape: upright,
                per_pixel: 1,
                bytes: vec![1, 2, 3, 4, 5, 6],
                sixteen: false,
                notices: Vec::new(),
            };
            let turned = picture.turned(orientation);
            assert_eq!((turned.bytes, turned.shape), (bytes.to_vec(), shape), "{orientation}");
        }
    }
}
