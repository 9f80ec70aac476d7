//! Points of a plane, each in its class's colour and, where names are short, as its class's name.

use super::png_file::Picture;
use super::text::{self, FAINT, INK, Page};
use crate::error::{Error, Result};

/// Of the sheet and of the plane in it, in pixels.
const MARGIN: usize = 16;
const SIDE: usize = 720;
const LEGEND: usize = 150;
const SCALE: usize = 2;
/// Share of the plane that stays empty on each side.
const EMPTY: f32 = 0.04;
/// Names of so many characters are drawn in the place of points.
const SHORT: usize = 2;
/// Side of a point, in pixels.
const POINT: usize = 5;
/// Classes that the legend names.
const MOST_NAMED: usize = 30;
const PLANE: [u8; 3] = [252; 3];
/// Colours that stay apart on white; more classes begin again.
const COLOURS: [[u8; 3]; 10] = [
    [0, 114, 178],
    [213, 94, 0],
    [0, 140, 105],
    [190, 60, 140],
    [60, 60, 60],
    [150, 110, 0],
    [40, 160, 230],
    [180, 0, 30],
    [110, 70, 190],
    [90, 150, 20],
];

/// Points with their classes.
#[derive(Debug, Clone, Copy)]
pub struct Points<'a> {
    /// `[points, 2]`: to the right, and upwards.
    pub places: &'a [f32],
    /// The class of each; empty where none is known.
    pub labels: &'a [u32],
    /// The classes' names.
    pub names: &'a [String],
}

/// Draws points over the range in which they lie, with `title` above and the ends of both axes. Points that are no
/// numbers are left out, and the picture's notes say how many.
///
/// # Errors
/// [`Error::Shape`] where there are not as many labels as points, or one has no name.
pub fn scatter(title: &str, points: &Points<'_>) -> Result<Picture> {
    let &Points { places, labels, names } = points;
    let count = places.len() / 2;
    if !labels.is_empty() && labels.len() != count {
        let detail = format!("{} labels of {count} points", labels.len());
        return Err(Error::shape("draw a scatter", detail));
    }
    if let Some(label) = labels.iter().find(|label| **label as usize >= names.len()) {
        let detail = format!("class {label} of {} (counted from 0)", names.len());
        return Err(Error::shape("draw a scatter", detail));
    }
    let legend = if labels.is_empty() { 0 } else { LEGEND };
    let mut page = Page::new(SIDE + legend + 2 * MARGIN, MARGIN);
    page.room(MARGIN / 2);
    page.words(title, SCALE, INK);
    page.room(MARGIN / 2);
    let top = page.room(SIDE);
    page.picture.fill(MARGIN, top, SIDE, SIDE, PLANE);
    let finite = |k: usize| places[2 * k].is_finite() && places[2 * k + 1].is_finite();
    let (across, up) = (axis(places, 0), axis(places, 1));
    let short = !labels.is_empty() && names.iter().all(|name| name.chars().count() <= SHORT);
    for k in (0..count).filter(|&k| finite(k)) {
        let at = |(low, high): (f32, f32), value: f32| {
            ((value - low) / (high - low) * (SIDE - 1) as f32).round().clamp(0.0, (SIDE - 1) as f32)
        };
        let x = MARGIN + at(across, places[2 * k]) as usize;
        let y = top + SIDE - 1 - at(up, places[2 * k + 1]) as usize;
        let class = labels.get(k).map(|&label| label as usize);
        let colour = COLOURS[class.unwrap_or(0) % COLOURS.len()];
        match class.filter(|_| short) {
            Some(class) => {
                let (w, h) = (text::width(&names[class], 1), text::CAPITAL);
                text::draw(
                    &mut page.picture,
                    (x.saturating_sub(w / 2), y - h / 2),
                    1,
                    colour,
                    &names[class],
                );
            }
            None => page.picture.fill(x - POINT / 2, y - POINT / 2, POINT, POINT, colour),
        }
    }
    if !labels.is_empty() {
        name_classes(&mut page.picture, top, names);
    }
    page.room(MARGIN / 2);
    let ends = |name: &str, (low, high): (f32, f32)| format!("{name} from {low:.3} to {high:.3}");
    page.words(&format!("{}, {}", ends("across:", across), ends("upwards:", up)), SCALE, FAINT);
    page.room(MARGIN / 2);
    let left_out = (0..count).filter(|&k| !finite(k)).count();
    if left_out > 0 {
        page.picture.notes.push(format!("{left_out} of {count} points are no numbers"));
    }
    Ok(page.picture)
}

/// The range of one coordinate, with some room.
fn axis(places: &[f32], k: usize) -> (f32, f32) {
    let values = places.iter().skip(k).step_by(2).copied().filter(|x| x.is_finite());
    let low = values.clone().fold(f32::INFINITY, f32::min);
    let high = values.fold(f32::NEG_INFINITY, f32::max);
    match low < high {
        true => (low - EMPTY * (high - low), high + EMPTY * (high - low)),
        false if low.is_finite() => (low - 1.0, low + 1.0),
        false => (-1.0, 1.0),
    }
}

fn name_classes(picture: &mut Picture, top: usize, names: &[String]) {
    let (left, line) = (2 * MARGIN + SIDE, (text::HEIGHT + 3) * SCALE);
    for (class, name) in names.iter().take(MOST_NAMED).enumerate() {
        let y = top + class * line;
        let colour = COLOURS[class % COLOURS.len()];
        picture.fill(left, y + SCALE, 10, 10, colour);
        let name = text::shorten(name, (LEGEND - 18) / (text::ADVANCE * SCALE));
        text::draw(picture, (left + 18, y), SCALE, INK, &name);
    }
    if names.len() > MOST_NAMED {
        let more = format!("and {} more", names.len() - MOST_NAMED);
        text::draw(picture, (left, top + MOST_NAMED * line), SCALE, FAINT, &more);
    }
}
