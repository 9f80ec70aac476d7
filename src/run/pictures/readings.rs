//! Sequences of pictures with what was read in them.

use super::png_file::Picture;
use super::text::{self, FAINT, INK, Page};
use super::values::{Blocks, colour};
use crate::error::{Error, Result};

/// The most sequences on a sheet.
pub const MOST_READ: usize = 24;
/// Of the sheet, in pixels.
const WIDTH: usize = 992;
const MARGIN: usize = 16;
/// The height of a position.
const SIDE: usize = 48;
const SCALE: usize = 2;
/// A label of a smaller probability is drawn faintly.
const SURE: f32 = 0.9;
/// What is read wrongly.
const WRONG: [u8; 3] = [190, 40, 30];

/// A sequence, and what was read in it.
#[derive(Debug)]
pub struct ReadSequence<'a> {
    /// The values of each position.
    pub positions: Vec<Vec<f32>>,
    /// What each position is read as.
    pub read: Vec<&'a str>,
    /// What each is, where that is known.
    pub truth: Option<Vec<&'a str>>,
    /// The probability of what each position is read as.
    pub probabilities: Vec<f32>,
    /// The probability of what was read, of all positions together.
    pub probability: f32,
}

/// A sheet of sequences, in their order: the pictures of the positions, below each its label as it was read (red where
/// it is another one, grey where its probability is below 0.9), and beside a mistake the true labels. `image` is the (height, width) of a position, `range` what
/// black and white stand for.
///
/// # Errors
/// [`Error::Shape`] where a position does not have as many values as the image, and where not each has a label, a probability
/// and, if one is known, a true label.
pub fn readings(
    title: &str,
    sequences: &[ReadSequence<'_>],
    image: (usize, usize),
    range: (f32, f32),
) -> Result<Picture> {
    let (rows, columns) = image;
    let scale = (SIDE / rows.max(columns).max(1)).max(1);
    let blocks = Blocks { rows, columns, down: scale, across: scale };
    let mut page = Page::new(WIDTH, MARGIN);
    page.room(MARGIN / 2);
    page.words(title, 3, INK);
    let caption = format!(
        "below each position its label as it is read: grey where its probability is below {SURE}, red where it is wrong"
    );
    page.words(&caption, SCALE, FAINT);
    for sequence in sequences.iter().take(MOST_READ) {
        if sequence.positions.iter().any(|values| values.len() != rows * columns) {
            let detail =
                format!("a position does not have the values of a picture of {rows}x{columns}");
            return Err(Error::shape("draw readings", detail));
        }
        let places = sequence.positions.len();
        let truths = sequence.truth.as_ref().map_or(places, Vec::len);
        if [sequence.read.len(), sequence.probabilities.len(), truths] != [places; 3] {
            let detail = format!(
                "{} labels, {} probabilities and {truths} true labels for {places} positions",
                sequence.read.len(),
                sequence.probabilities.len()
            );
            return Err(Error::shape("draw readings", detail));
        }
        let widest = sequence.read.iter().map(|word| text::width(word, SCALE)).max().unwrap_or(0);
        let step = blocks.width().max(widest) + 4;
        let most = page.inner() / step.max(1);
        let line = (text::HEIGHT + 1) * SCALE;
        let top = page.room(blocks.height() + 2 * line + MARGIN);
        for (at, values) in sequence.positions.iter().enumerate().take(most) {
            let x = MARGIN + at * step;
            blocks.draw(&mut page.picture, (x, top), values, |value| colour(value, range));
            let known = sequence.truth.as_ref().map(|truth| truth[at]);
            let ink = match known.is_some_and(|known| known != sequence.read[at]) {
                true => WRONG,
                false if sequence.probabilities[at] < SURE => FAINT,
                false => INK,
            };
            let below = top + blocks.height() + SCALE;
            text::draw(&mut page.picture, (x, below), SCALE, ink, sequence.read[at]);
        }
        let truth = sequence.truth.as_ref().filter(|truth| **truth != sequence.read);
        let truth = truth.map_or(String::new(), |truth| format!("is {}, ", truth.concat()));
        let words = format!("{truth}read with p = {:.3}", sequence.probability);
        let below = top + blocks.height() + SCALE + line;
        text::draw(&mut page.picture, (MARGIN, below), SCALE, FAINT, &words);
    }
    page.room(MARGIN / 2);
    Ok(page.picture)
}
