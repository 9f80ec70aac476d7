//! The worst mistakes of a classifier: the pictures that it was surest about, and wrong.

use super::png_file::Picture;
use super::text::{self, FAINT, INK, Page};
use super::values::{Blocks, colour};
use crate::error::{Error, Result};

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
    surest(mistakes, mistakes.len(), image, range)
}

/// The same where there were `all` mistakes, of which these are the surest.
///
/// # Errors
/// As [`mistakes`].
pub fn surest(
    mistakes: &[Mistake<'_>],
    all: usize,
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
    let title = match (all, order.len()) {
        (0, _) => "No mistakes".to_string(),
        (1, _) => "The one mistake".to_string(),
        (all, shown) if all == shown => format!("All {all} mistakes, the surest first"),
        (all, shown) => format!("The {shown} surest of {all} mistakes"),
    };
    page.words(&title, 3, INK);
    if !order.is_empty() {
        page.words("true class > predicted class, probability of the prediction", SCALE, FAINT);
        let tile = Tile::new(image, &order)?;
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
    image: Blocks,
    /// Captions are on one line.
    one_line: bool,
}

impl Tile {
    /// Of images, or of strips where there is none.
    fn new(image: Option<(usize, usize)>, order: &[&Mistake<'_>]) -> Result<Self> {
        let values = order.first().map_or(0, |first| first.values.len());
        let (rows, columns) = image.unwrap_or((1, values));
        let length = rows.checked_mul(columns).filter(|&n| n > 0);
        if let Some(other) = order.iter().find(|m| Some(m.values.len()) != length) {
            let found = other.values.len();
            let detail = format!("a case has {found} values, the image {rows}x{columns}");
            return Err(Error::shape("draw mistakes", detail));
        }
        let enlarge = |side: usize| SIDE.div_ceil(side.max(1)).max(1);
        let across = enlarge(rows.max(columns));
        let down = if image.is_some() { across } else { 24 };
        let drawn = Blocks { rows, columns, down, across };
        if drawn.width() > WIDTH - 2 * MARGIN || drawn.height() > 1 << 14 {
            let detail = format!("a case of {rows}x{columns} values is too large to draw");
            return Err(Error::shape("draw mistakes", detail));
        }
        let one_line =
            order.iter().all(|m| text::width(&caption(m), SCALE) <= drawn.width().max(SIDE));
        let longest =
            order.iter().flat_map(|m| lines(m, one_line)).map(|l| text::width(&l, SCALE)).max();
        let width = drawn.width().max(longest.unwrap_or(0).min(WIDTH - 2 * MARGIN));
        let line_count = if one_line { 1 } else { 3 };
        Ok(Tile {
            columns: ((WIDTH - MARGIN) / (width + MARGIN)).clamp(1, 8),
            width,
            height: drawn.height() + line_count * (text::HEIGHT + 1) * SCALE + SCALE,
            image: drawn,
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
        self.image.draw(picture, (x, y), mistake.values, |value| colour(value, range));
        let mut top = y + self.image.height() + 2 * SCALE;
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
