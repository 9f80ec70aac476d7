//! PNG pictures of any kind, as planes of values in [0, 1].

use std::io::{Cursor, ErrorKind};
use std::path::Path;

use png::{ColorType, DecodingError, Transformations};

use super::cases::Cases;
use super::input::Input;
use super::set::{DataSet, ImageShape};
use super::values::Values;
use crate::error::{Error, Result};

/// The first bytes of the magic number.
pub(super) const MAGIC: &[u8] = b"\x89PNG\r\n";
/// The most pixels that are read: 8192 × 8192.
const MOST_PIXELS: u64 = 1 << 26;
/// The most bytes of a file.
const MOST_BYTES: u64 = 1 << 29;
/// What chunks beside the pixels may take.
const CHUNK_BYTES: usize = 64 << 20;
/// Deflate turns one byte into 1,032 at most.
const DEFLATE_RATIO: u64 = 1032;

/// A picture: planes of values in [0, 1], black to white.
///
/// The values are those of the file divided by their largest (255, 65535, …): no gamma is undone and no
/// colour profile applied, so they are what other programs show as 0 to 255.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    /// Rows and columns.
    pub shape: ImageShape,
    /// 1 for grey; 3 for red, green and blue.
    pub channels: usize,
    /// `[channels, height, width]`.
    pub values: Vec<f32>,
    /// The opacity of each pixel, 0 transparent, where the file has one. The values do not depend on it.
    pub alpha: Option<Vec<f32>>,
    /// What the user should be told of how the file was read.
    pub notices: Vec<String>,
}

impl Image {
    /// Reads a PNG of any kind: grey or colour of 1 to 16 bits, with a palette, with alpha, interlaced; of
    /// an animated one the still picture. At most 8192 × 8192 pixels are read.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::File`] if it is no PNG, truncated, damaged or too
    /// large.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let raw = Raw::read(Input::open(path.as_ref())?)?;
        let planes = if raw.colour() { 3 } else { 1 };
        let plane = |channel: usize| raw.plane(channel);
        let values = (0..planes).flat_map(plane).collect();
        let alpha = raw.has_alpha().then(|| raw.plane(raw.per_pixel - 1).collect());
        Ok(Image { shape: raw.shape, channels: planes, values, alpha, notices: raw.notices })
    }

    /// Brightness, one value a pixel: a grey picture as it is, of a colour picture
    /// 0.299·red + 0.587·green + 0.114·blue (Rec. 601, as most programs turn colour into grey).
    pub fn luma(&self) -> Vec<f32> {
        match self.channels {
            3 => {
                let pixels = self.values.len() / 3;
                let (red, rest) = self.values.split_at(pixels);
                let (green, blue) = rest.split_at(pixels);
                let colours = red.iter().zip(green).zip(blue);
                colours.map(|((&r, &g), &b)| luma(r, g, b)).collect()
            }
            _ => self.values.clone(),
        }
    }
}

/// In f64, so that the brightness of a grey is that grey.
fn luma(red: f32, green: f32, blue: f32) -> f32 {
    (0.299 * f64::from(red) + 0.587 * f64::from(green) + 0.114 * f64::from(blue)) as f32
}

/// Reads one PNG as one grey case `[1, height · width]` of values in [0, 1]: bytes where the file has bytes
/// and no colours, else f32 with the brightness of [`Image::luma`].
///
/// # Errors
/// Those of [`Image::load`].
pub fn from_png(path: impl AsRef<Path>) -> Result<DataSet> {
    let path = path.as_ref();
    read(Input::open(path)?, &path.display().to_string())
}

/// A file as one grey case.
pub(super) fn read(input: Input, name: &str) -> Result<DataSet> {
    let raw = Raw::read(input)?;
    let mut notices = raw.notices.clone();
    let values = match raw.grey_bytes() {
        Some(values) => Values::U8 { values, scale: 1.0 / 255.0 },
        None if raw.colour() => {
            notices.push(format!("{name}: the colours are read as their brightness"));
            let colours = raw.plane(0).zip(raw.plane(1)).zip(raw.plane(2));
            Values::F32(colours.map(|((r, g), b)| luma(r, g, b)).collect())
        }
        None => Values::F32(raw.plane(0).collect()),
    };
    let width = values.len();
    Ok(DataSet {
        name: name.to_string(),
        cases: Cases::new(values, 1, width)?,
        image: Some(raw.shape),
        labels: None,
        notices,
    })
}

/// Samples as they are decoded: palettes and low depths expanded, pixel by pixel.
struct Raw {
    shape: ImageShape,
    /// 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha.
    per_pixel: usize,
    /// Big-endian where two bytes make a sample.
    bytes: Vec<u8>,
    sixteen: bool,
    notices: Vec<String>,
}

impl Raw {
    fn read(mut input: Input) -> Result<Self> {
        let path = input.path().to_path_buf();
        let fail = |detail: String| Error::file(&path, "png", detail);
        refuse_others(input.start()).map_err(fail)?;
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
        if pixels > MOST_PIXELS {
            let detail = format!(
                "{}×{} pixels are more than the {MOST_PIXELS} that are read; make the picture smaller",
                info.width, info.height
            );
            return Err(fail(detail));
        }
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
        let mut raw = Raw { shape, per_pixel, bytes, sixteen, notices: Vec::new() };
        if animated {
            raw.notices
                .push(format!("{}: of the animation its still picture is read", path.display()));
        }
        raw.notices.extend(raw.about_alpha(&path));
        Ok(raw)
    }

    /// What is said of transparency, where there is any.
    fn about_alpha(&self, path: &Path) -> Option<String> {
        if !self.has_alpha() || self.plane(self.per_pixel - 1).all(|alpha| alpha == 1.0) {
            return None;
        }
        let first: Vec<f32> =
            (0..self.per_pixel - 1).filter_map(|c| self.plane(c).next()).collect();
        let constant = |(c, &x): (usize, &f32)| self.plane(c).all(|other| other == x);
        let advice = match first.iter().enumerate().all(constant) {
            true => {
                ", and without it all pixels are alike: flatten the picture onto a background first"
            }
            false => "",
        };
        Some(format!("{}: the transparency is ignored{advice}", path.display()))
    }

    fn colour(&self) -> bool {
        self.per_pixel >= 3
    }

    fn has_alpha(&self) -> bool {
        self.per_pixel.is_multiple_of(2)
    }

    /// One channel, in [0, 1].
    fn plane(&self, channel: usize) -> Box<dyn Iterator<Item = f32> + '_> {
        let step = self.per_pixel;
        if self.sixteen {
            let (words, _) = self.bytes.as_chunks::<2>();
            let value = |word: &[u8; 2]| f32::from(u16::from_be_bytes(*word)) / 65535.0;
            Box::new(words.iter().skip(channel).step_by(step).map(value))
        } else {
            Box::new(self.bytes.iter().skip(channel).step_by(step).map(|&x| f32::from(x) / 255.0))
        }
    }

    /// The greys, where they are bytes: a colour picture may have nothing but greys.
    fn grey_bytes(&self) -> Option<Vec<u8>> {
        let mut pixels = self.bytes.chunks_exact(self.per_pixel);
        let grey = |pixel: &[u8]| pixel[0] == pixel[1] && pixel[1] == pixel[2];
        if self.sixteen || (self.colour() && !pixels.clone().all(grey)) {
            return None;
        }
        Some(pixels.by_ref().map(|pixel| pixel[0]).collect())
    }
}

/// Says what a file is that is no PNG.
fn refuse_others(start: &[u8]) -> std::result::Result<(), String> {
    if start.starts_with(MAGIC) {
        return Ok(());
    }
    let known: [(&[u8], &str); 6] = [
        (b"\xff\xd8\xff", "a JPEG picture"),
        (b"GIF8", "a GIF picture"),
        (b"BM", "a BMP picture"),
        (b"RIFF", "a WebP picture or a sound"),
        (b"II*\0", "a TIFF picture"),
        (b"MM\0*", "a TIFF picture"),
    ];
    let what = known.iter().find(|(magic, _)| start.starts_with(magic));
    Err(match what {
        Some((_, name)) => format!("this is {name}; convert it to PNG first"),
        None if start.is_empty() => "the file is empty".into(),
        None => format!("the first bytes are {start:02x?}; a PNG begins with \\x89PNG"),
    })
}

fn in_words(error: &DecodingError) -> String {
    match error {
        DecodingError::IoError(e) if e.kind() == ErrorKind::UnexpectedEof => {
            "the file ends early; it is truncated".into()
        }
        DecodingError::LimitsExceeded => {
            format!(
                "it needs more than {CHUNK_BYTES} bytes beside its pixels; save it again plainly"
            )
        }
        other => other.to_string(),
    }
}
