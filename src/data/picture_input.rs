//! Pictures as a network's input: brought to one size, framed, and their values spread.

use serde::{Deserialize, Serialize};

use super::images;
use super::{Cases, DataSet, ImageShape};
use crate::error::{Error, Result};

/// What is done to grey pictures before a network sees them; stored with the network and applied again.
///
/// LeNet-5's: 28×28 pixels (others are brought to that size, bilinearly), 2 more on each side, and values
/// from −0.1 (background) to 1.175 (ink), so that their mean is near 0 and their variance near 1 (LeCun et
/// al. 1998, section II-B).
///
/// ```
/// use harmonium::data::{self, PictureInput};
/// let input = PictureInput::lenet5();
/// let digits = data::load("digits")?.train;
/// assert_eq!(input.shape()?, [1, 32, 32]);
/// assert_eq!(input.prepare(&digits)?.width(), 32 * 32);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PictureInput {
    /// [height, width] that pictures of other sizes are brought to.
    pub size: [usize; 2],
    /// Rows of background above and below, columns of it left and right.
    pub margin: [usize; 2],
    /// What the value 0 becomes, and the margin.
    pub background: f32,
    /// What the value 1 becomes.
    pub foreground: f32,
}

impl PictureInput {
    /// As for LeNet-5.
    pub fn lenet5() -> Self {
        PictureInput { size: [28, 28], margin: [2, 2], background: -0.1, foreground: 1.175 }
    }

    /// Pictures of this size as they are, in LeNet-5's range.
    pub fn plain(size: [usize; 2]) -> Self {
        PictureInput { size, margin: [0, 0], ..Self::lenet5() }
    }

    /// Pictures of this size, of whose values nothing is changed.
    pub fn unchanged(size: [usize; 2]) -> Self {
        PictureInput { size, margin: [0, 0], background: 0.0, foreground: 1.0 }
    }

    /// What a case becomes: [channels, height, width].
    ///
    /// # Errors
    /// As [`PictureInput::check`].
    pub fn shape(&self) -> Result<[usize; 3]> {
        self.check()?;
        Ok([1, self.size[0] + 2 * self.margin[0], self.size[1] + 2 * self.margin[1]])
    }

    /// Checks the sizes and values.
    ///
    /// # Errors
    /// [`Error::Setting`] for a size of 0 or above 4096, and values that are not finite or the same.
    pub fn check(&self) -> Result<()> {
        if self.size.iter().any(|n| !(1..=4096).contains(n))
            || self.margin.iter().any(|&n| n > 4096)
        {
            let detail = format!("{:?} with margins {:?}: use 1 to 4096", self.size, self.margin);
            return Err(Error::setting("input", detail));
        }
        let span = self.foreground - self.background;
        if !self.background.is_finite() || !span.is_finite() || span == 0.0 {
            let detail = format!(
                "background {} and foreground {} must be finite and differ",
                self.background, self.foreground
            );
            return Err(Error::setting("input", detail));
        }
        Ok(())
    }

    /// The cases in the input's size, values still as their source has them: in [0, 1]. Pictures of other proportions
    /// get a border first, of the ground that they have at their edges, so that nothing is squashed.
    ///
    /// # Errors
    /// [`Error::Data`] where the cases are no pictures, leave [0, 1], or are more than 16 times as long as wide.
    pub fn prepare(&self, set: &DataSet) -> Result<Cases> {
        self.check()?;
        let wanted = self.wanted();
        let shape = if self.takes_as_they_are(set) { Some(wanted) } else { image_of(set) };
        let Some(shape) = shape else {
            let one = match set.cases.len() == set.cases.width() {
                true => format!("; one picture is [1, {0}, {0}]", set.cases.len()),
                false => String::new(),
            };
            let detail = format!(
                "{} values a case make no square picture, and the network takes {}; pictures are idx or npy [N, H, W]{one}",
                set.cases.width(),
                match wanted.height {
                    1 => format!("{} values", wanted.width),
                    _ => format!("{wanted} pixels"),
                }
            );
            return Err(Error::data(&set.name, detail));
        };
        set.cases.check_unit_interval(&set.name)?;
        let resized = match shape == wanted {
            true => set.cases.clone(),
            false => {
                let filled = images::fill(&set.cases, shape, wanted);
                let (filled, shape) = filled.map_err(|e| match e {
                    Error::Data { detail, .. } => Error::data(&set.name, detail),
                    other => other,
                })?;
                images::resize(&filled, shape, wanted)?
            }
        };
        match self.margin {
            [0, 0] => Ok(resized),
            margin => images::pad(&resized, wanted, margin),
        }
    }

    /// What the user should be told of how the pictures become the input's size.
    pub fn notice(&self, set: &DataSet) -> Option<String> {
        if self.takes_as_they_are(set) {
            return None;
        }
        let (from, to) = (image_of(set)?, self.wanted());
        (from.height * to.width != from.width * to.height).then(|| {
            format!(
                "{}: pictures of {from} are padded to the proportions of {to} with the ground at their edges, not squashed",
                set.name
            )
        })
    }

    /// Whether cases are pictures of this size, or rows of as many values.
    fn takes_as_they_are(&self, set: &DataSet) -> bool {
        let wanted = self.wanted();
        match set.image {
            Some(image) if !set.guessed => image == wanted,
            _ => set.cases.width() == wanted.height * wanted.width,
        }
    }

    fn wanted(&self) -> ImageShape {
        let [height, width] = self.size;
        ImageShape { height, width }
    }

    /// Mean and deviation with which (value − mean) / deviation spreads [0, 1] to the input's range.
    pub fn spread(&self) -> (f32, f32) {
        let span = self.foreground - self.background;
        (-self.background / span, 1.0 / span)
    }

    /// Values in [0, 1] as the network sees them.
    pub fn values(&self, cases: &Cases) -> Vec<f32> {
        let mut values = cases.to_f32();
        let (mean, deviation) = self.spread();
        let inverse = 1.0 / deviation;
        values.iter_mut().for_each(|x| *x = (*x - mean) * inverse);
        values
    }
}

fn image_of(set: &DataSet) -> Option<ImageShape> {
    set.image.or_else(|| ImageShape::guess(set.cases.width()))
}
