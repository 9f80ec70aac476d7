//! PNG and JPEG pictures of any kind, as planes of values in [0, 1] and as cases.

use std::path::Path;

use super::cases::Cases;
use super::input::Input;
use super::kind::{self, Kind};
use super::labels::RawPart;
use super::pixels::{Pixels, luma};
use super::set::{DataSet, ImageShape};
use super::{jpeg, png};
use crate::error::{Error, Result};

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
    /// Reads a JPEG, or a PNG of any kind: grey or colour of 1 to 16 bits, with a palette, with alpha, interlaced; of
    /// an animated one the still picture. At most 8192 × 8192 pixels are read.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be read; [`Error::File`] if it is neither, truncated, damaged or too
    /// large.
    pub fn load(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let mut pixels = decode(Input::open(path)?)?;
        let planes = if pixels.colour() { 3 } else { 1 };
        let plane = |channel: usize| pixels.plane(channel);
        let values = (0..planes).flat_map(plane).collect();
        let alpha = pixels.has_alpha().then(|| pixels.plane(pixels.per_pixel - 1).collect());
        pixels.notices.extend(about_alpha(&pixels, path));
        Ok(Image { shape: pixels.shape, channels: planes, values, alpha, notices: pixels.notices })
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

/// What is said of transparency that is ignored, where there is any.
fn about_alpha(pixels: &Pixels, path: &Path) -> Option<String> {
    if !pixels.is_transparent() {
        return None;
    }
    let first: Vec<f32> =
        (0..pixels.per_pixel - 1).filter_map(|c| pixels.plane(c).next()).collect();
    let constant = |(c, &x): (usize, &f32)| pixels.plane(c).all(|other| other == x);
    let advice = match first.iter().enumerate().all(constant) {
        true => {
            ", and without it all pixels are alike: flatten the picture onto a background first"
        }
        false => "",
    };
    Some(format!("{}: the transparency is ignored{advice}", path.display()))
}

/// Reads one PNG or JPEG as one grey case `[1, height · width]` of values in [0, 1]: bytes where the file has bytes
/// and neither colours nor transparency, else f32 with the brightness of [`Image::luma`]. A transparent picture is put
/// on black or white, whichever shows more, and a notice says which.
///
/// # Errors
/// Those of [`Image::load`].
pub fn from_png(path: impl AsRef<Path>) -> Result<DataSet> {
    let path = path.as_ref();
    Ok(read(Input::open(path)?, &path.display().to_string())?.set)
}

/// A file as one grey case.
pub(super) fn read(input: Input, name: &str) -> Result<RawPart> {
    let path = input.path().to_path_buf();
    let pixels = decode(input)?;
    let shape = pixels.shape;
    let grey = pixels.grey(&path);
    let width = grey.values.len();
    let mut set = DataSet::new(name, Cases::new(grey.values, 1, width)?).image(shape);
    (set.notices, set.ground_chosen) = (grey.notices, grey.ground_chosen);
    Ok(RawPart { set, labels: None, unit: grey.unit, pictures: true })
}

/// A file's pixels, whichever of the two it is.
pub(super) fn decode(input: Input) -> Result<Pixels> {
    let path = input.path().to_path_buf();
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let what = match kind::of(&name, input.start()) {
        Ok(Kind::Png) => return png::decode(input),
        Ok(Kind::Jpeg) => return jpeg::decode(input),
        Err(what) => what,
        Ok(_) => "this is no picture".into(),
    };
    Err(Error::file(&path, "picture", format!("{what}; PNG and JPEG pictures are read")))
}
