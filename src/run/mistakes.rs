//! The worst mistakes of a classifier: the pictures that it was surest about, and wrong.

use crate::error::{Error, Result};
use crate::run::pictures::colour;
use crate::run::png_file::Picture;
use crate::run::text::{self, FAINT, INK, Page};

/// The most pictures on a sheet.
pub const MOST: usize = 40;
/// Of the sheet, in pixels.
const WIDTH: usize = 992;
const MARGIN: usize = 16;
/// Enlarge until the longer side of a picture has so many.
const SIDE: usize = 96;
const SCALE: usize = 2;

/// A case that was taken for another class than its own.
#[derive(Debug, Clone, Copy)]
pub struct Mistake<'a> {
    /// The values of the case.
    pub values: &'a [f32],
    /// The name of its class.
    pub truth: &'a str,
    /// The name of the class it was taken for.
    pub predicted: &'a str,
    /// The probability that was given to `predicted`.
    pub probability: f32,
}

/// A sheet of the mistakes with the largest probabilities, largest first, 40 at most: each picture with its
/// class, what it was taken for, and the probability of that: `4>9 0.98`.
///
/// `image` is the (height, width) of a case; `None` stands for data that are no images, drawn as strips.
/// `range` is what black and white stand for.
///
/// # Errors
/// [`Error::Shape`] where a case does not have as many values as the image, or a case is too large to draw.
pub fn mistakes(
    mistakes: &[Mistake<'_>],
    image: Option<(usize, usize)>,
    range: (f32, f32),
) -> Result<Picture> {
    let mut order: Vec<&Mistake<'_>> = mistakes.iter().collect();
    // What is no number comes last.
    let sureness = |m: &Mistake<'_>| if m.probability.is_nan() { -1.0 } else { m.probability };
    order.sort_by(|a, b| sureness(b).total_cmp(&sureness(a)));
    order.truncate(MOST);
    let mut page = Page::new(WIDTH, MARGIN);
    page.room(MARGIN / 2);
    let title = match (mistakes.len(), order.len()) {
        (0, _) => "No mistakes".to_string(),
        (1, _) => "The one mistake".to_string(),
        (all, shown) if all == shown => format!("All {all} mistakes, the surest first"),
        (all, shown) => format!("The {shown} surest of {all} mistakes"),
    };
    page.words(&title, 3, INK);
    if let Some(first) = order.first() {
        page.words("true class > predicted class, probability of the prediction", SCALE, FAINT);
        let tile = Tile::new(image.unwrap_or((1, first.values.len())), image.is_some(), &order)?;
        page.room(MARGIN / 2);
        for row in order.chunks(tile.columns) {
            let top = page.room(tile.height + MARGIN);
            for (at, mistake) in row.iter().enumerate() {
                tile.draw(
                    &mut page.picture,
                    (MARGIN + at * (tile.width + MARGIN), top),
                    mistake,
                    range,
                );
            }
        }
    }
    page.room(MARGIN / 2);
    Ok(page.picture)
}

/// What the tiles of a sheet have in common, in pixels.
struct Tile {
    columns: usize,
    width: usize,
    height: usize,
    /// Of the image, in values.
    size: (usize, usize),
    /// Pixels per value, down and across.
    scale: (usize, usize),
    /// Captions are on one line.
    one_line: bool,
}

impl Tile {
    fn new(size: (usize, usize), image: bool, order: &[&Mistake<'_>]) -> Result<Self> {
        let length = size.0.checked_mul(size.1).filter(|&n| n > 0);
        if let Some(other) = order.iter().find(|m| Some(m.values.len()) != length) {
            let detail = format!(
                "a case has {} values, the image {}x{}",
                other.values.len(),
                size.0,
                size.1
            );
            return Err(Error::shape("draw mistakes", detail));
        }
        let enlarge = |side: usize| SIDE.div_ceil(side.max(1)).max(1);
        let scale = match image {
            true => (enlarge(size.0.max(size.1)), enlarge(size.0.max(size.1))),
            false => (24, enlarge(size.1)),
        };
        let drawn = (size.0 * scale.0, size.1 * scale.1);
        if drawn.1 > WIDTH - 2 * MARGIN || drawn.0 > 1 << 14 {
            let detail = format!("a case of {}x{} values is too large to draw", size.0, size.1);
            return Err(Error::shape("draw mistakes", detail));
        }
        let one_line = order.iter().all(|m| text::width(&caption(m), SCALE) <= drawn.1.max(SIDE));
        let longest =
            order.iter().flat_map(|m| lines(m, one_line)).map(|l| text::width(&l, SCALE)).max();
        let width = drawn.1.max(longest.unwrap_or(0).min(WIDTH - 2 * MARGIN));
        let line_count = if one_line { 1 } else { 3 };
        Ok(Tile {
            columns: ((WIDTH - MARGIN) / (width + MARGIN)).clamp(1, 8),
            width,
            height: drawn.0 + line_count * (text::HEIGHT + 1) * SCALE + SCALE,
            size,
            scale,
            one_line,
        })
    }

    fn draw(
        &self,
        picture: &mut Picture,
        (x, y): (usize, usize),
        mistake: &Mistake<'_>,
        range: (f32, f32),
    ) {
        for (at, &value) in mistake.values.iter().enumerate() {
            let (row, column) = (at / self.size.1, at % self.size.1);
            let (left, top) = (x + column * self.scale.1, y + row * self.scale.0);
            picture.fill(left, top, self.scale.1, self.scale.0, colour(value, range));
        }
        let mut top = y + self.size.0 * self.scale.0 + 2 * SCALE;
        for line in lines(mistake, self.one_line) {
            text::draw(picture, (x, top), SCALE, INK, &line);
            top += (text::HEIGHT + 1) * SCALE;
        }
    }
}

fn caption(mistake: &Mistake<'_>) -> String {
    format!("{}>{} {:.2}", mistake.truth, mistake.predicted, mistake.probability)
}

/// What is written below a picture.
fn lines(mistake: &Mistake<'_>, one_line: bool) -> Vec<String> {
    const NAME: usize = 14;
    match one_line {
        true => vec![caption(mistake)],
        false => vec![
            text::shorten(mistake.truth, NAME),
            format!(">{}", text::shorten(mistake.predicted, NAME)),
            format!("{:.2}", mistake.probability),
        ],
    }
}
