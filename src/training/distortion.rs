//! Distortions of training pictures: random planar affine maps, drawn anew for each case in each epoch
//! (LeCun et al. 1998, section III-B).

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::kernels::affine::affine_rows;
use crate::random::{Draw, uniform};
use crate::tensor::Tensor;

/// How far pictures are distorted at most; every amount is drawn uniformly. Written as
/// `shift,rotate,scale`, each with an amount where the default is not wanted: `shift=3,rotate=15`.
///
/// ```
/// use harmonium::training::Distortion;
/// let distortion: Distortion = "shift=3,rotate".parse()?;
/// assert_eq!((distortion.shift, distortion.rotate, distortion.scale), (3.0, 10.0, 0.0));
/// assert_eq!(distortion.to_string(), "shift=3,rotate=10");
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Distortion {
    /// Pixels up, down, left and right (2 where none is given).
    pub shift: f32,
    /// Degrees to either side (10 where none is given).
    pub rotate: f32,
    /// Height and width each by a factor in 1 ± this (0.15 where none is given).
    pub scale: f32,
    /// Horizontal shear, pixels per row, in ± this (0.15 where none is given).
    pub shear: f32,
}

/// Name, default and largest amount.
const PARTS: [(&str, f32, f32); 4] =
    [("shift", 2.0, 1000.0), ("rotate", 10.0, 180.0), ("scale", 0.15, 0.9), ("shear", 0.15, 10.0)];

impl Distortion {
    /// Checks every amount.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the amount and the largest one.
    pub fn check(&self) -> Result<()> {
        for ((name, _, most), amount) in PARTS.into_iter().zip(self.amounts()) {
            if !(0.0..=most).contains(&amount) {
                let detail = format!("{name}={amount} is no number from 0 to {most}");
                return Err(Error::setting("augment", detail));
            }
        }
        Ok(())
    }

    fn amounts(&self) -> [f32; 4] {
        [self.shift, self.rotate, self.scale, self.shear]
    }

    /// The maps of a batch `[B, 6]` for [`affine`](crate::kernels::affine::affine()), on pictures of height h and width w, with the numbers of `draw`:
    /// its step is the epoch, its cases are numbered in the epoch's order. They turn about the middle.
    pub fn maps(&self, draw: &Draw, rows: usize, [h, w]: [usize; 2]) -> Vec<f32> {
        let middle = [h, w].map(|n| (n as f32 - 1.0) / 2.0);
        (0..rows as u32)
            .flat_map(|row| {
                let words = [draw.block(row, 0), draw.block(row, 1)].concat();
                let u: Vec<f32> = words.iter().map(|&word| 2.0 * uniform(word) - 1.0).collect();
                let (sin, cos) = (u[2] * self.rotate.to_radians()).sin_cos();
                // Where a pixel's value is taken from: the inverse of what the picture suffers.
                let [sy, sx] = [u[3], u[4]].map(|u| 1.0 / (1.0 + u * self.scale));
                let k = u[5] * self.shear;
                let m = [[cos * sy - sin * sx * k, -sin * sx], [sin * sy + cos * sx * k, cos * sx]];
                let shift = [u[0] * self.shift, u[1] * self.shift];
                let at = |axis: usize| {
                    let [a, b] = m[axis];
                    middle[axis] - a * middle[0] - b * middle[1] + shift[axis]
                };
                [m[0][0], m[0][1], at(0), m[1][0], m[1][1], at(1)]
            })
            .collect()
    }

    /// The distorted batch, of x's shape `[B, C, H, W]`, with the numbers of `draw`, as [`maps`](Distortion::maps): the
    /// same numbers give the same pictures. `fill` is the value outside.
    ///
    /// # Errors
    /// As [`Distortion::check`]; [`Error::Shape`] where x is no batch of pictures; device errors.
    pub fn apply(&self, x: &Tensor, draw: &Draw, fill: f32, out: &mut Tensor) -> Result<()> {
        let [_, c, h, w] = x.shape().pictures("distortion", "the batch")?;
        self.apply_to_rows(x, [c, h, w], draw, fill, out)
    }

    /// The same of a batch whose pictures, of so many channels, rows and columns each, are rows of a matrix
    /// `[B, C·H·W]`.
    ///
    /// # Errors
    /// As [`Distortion::apply`].
    pub fn apply_to_rows(
        &self,
        x: &Tensor,
        picture: [usize; 3],
        draw: &Draw,
        fill: f32,
        out: &mut Tensor,
    ) -> Result<()> {
        self.check()?;
        let rows = x.shape().dims().first().copied().unwrap_or(0);
        let maps = self.maps(draw, rows, [picture[1], picture[2]]);
        let maps = Tensor::from_f32(x.device(), &[rows, 6], &maps)?;
        affine_rows(x, picture, &maps, fill, out)
    }
}

impl fmt::Display for Distortion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        for ((name, ..), amount) in PARTS.iter().zip(self.amounts()) {
            if amount != 0.0 {
                parts.push(format!("{name}={amount}"));
            }
        }
        f.write_str(if parts.is_empty() { "none" } else { "" })?;
        f.write_str(&parts.join(","))
    }
}

impl FromStr for Distortion {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let mut amounts = [0.0; 4];
        if text.trim() == "none" {
            return Ok(Distortion::default());
        }
        for part in text.split(',') {
            let (name, amount) = part.split_once('=').map_or((part, None), |(n, a)| (n, Some(a)));
            let found = PARTS.iter().position(|(known, ..)| *known == name.trim());
            let Some(i) = found else {
                return Err(Error::setting(
                    "augment",
                    format!(
                        "'{}' is none of shift, rotate, scale, shear (as shift=2,rotate=10,scale=0.15), none",
                        name.trim()
                    ),
                ));
            };
            let (name, default, most) = PARTS[i];
            amounts[i] = match amount {
                None => default,
                Some(amount) => amount.trim().parse::<f32>().map_err(|_| {
                    let detail = format!("{name}={amount} is no number from 0 to {most}");
                    Error::setting("augment", detail)
                })?,
            };
        }
        let [shift, rotate, scale, shear] = amounts;
        let distortion = Distortion { shift, rotate, scale, shear };
        distortion.check().map(|()| distortion)
    }
}

impl serde::Serialize for Distortion {
    fn serialize<S: serde::Serializer>(
        &self,
        serializer: S,
    ) -> std::result::Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Distortion {
    fn deserialize<D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> std::result::Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
