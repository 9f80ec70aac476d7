//! Pictures below each other, each under its title.

use super::png_file::Picture;
use super::text::{self, INK, PAPER};

/// Around all, in pixels.
const MARGIN: usize = 12;
const SCALE: usize = 2;

/// One picture of several: a title above each.
pub fn stacked(parts: &[(String, Picture)]) -> Picture {
    let line = (text::HEIGHT + 4) * SCALE;
    let wide = |(title, picture): &(String, Picture)| picture.width.max(text::width(title, SCALE));
    let width = parts.iter().map(wide).max().unwrap_or(0) + 2 * MARGIN;
    let height: usize = parts.iter().map(|(_, p)| line + p.height + MARGIN).sum();
    let mut whole = Picture::new(width, height + MARGIN, PAPER);
    let mut top = MARGIN;
    for (title, picture) in parts {
        text::draw(&mut whole, (MARGIN, top), SCALE, INK, title);
        top += line;
        for (row, pixels) in picture.pixels.chunks(picture.width.max(1)).enumerate() {
            let start = (top + row) * width + MARGIN;
            whole.pixels[start..start + pixels.len()].copy_from_slice(pixels);
        }
        top += picture.height + MARGIN;
        whole.notes.extend(picture.notes.iter().cloned());
    }
    whole
}
