//! What a network makes of one picture, layer by layer: kernels, maps, and the answer.

use super::png_file::Picture;
use super::text::{self, FAINT, INK, Page};
use super::values::{Blocks, NAN_COLOUR, colour, shared_scale, tint};
use crate::error::{Error, Result};

/// Of the sheet, in pixels.
const WIDTH: usize = 992;
const MARGIN: usize = 16;
/// Of captions.
const SCALE: usize = 2;
/// The longest side of a drawn map or kernel, and the height of all of a layer, in pixels.
const MAP_SIDE: usize = 144;
const KERNEL_SIDE: usize = 72;
const MOST_HEIGHT: usize = 340;
/// Rather than draw them smaller, some are left out.
const SMALLEST: usize = 16;
/// Around and between maps; between the kernels of two maps.
const GAP: usize = 7;
const GROUP_GAP: usize = 14;
/// The most classes whose probabilities are drawn.
const MOST_BARS: usize = 20;
/// Ends of the scale of signed values.
const BELOW: [u8; 3] = [33, 82, 168];
const ABOVE: [u8; 3] = [196, 44, 32];
/// Between maps: no value of them looks like it.
const FRAME: [u8; 3] = [160, 168, 186];
const RIGHT: [u8; 3] = [32, 128, 64];
const WRONG: [u8; 3] = [196, 44, 32];
const OTHER: [u8; 3] = [140, 150, 172];

/// Pictures of one size, `[count, height, width]`; vectors are `count` pictures of 1×1.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Maps {
    /// How many.
    pub count: usize,
    /// Rows of each.
    pub height: usize,
    /// Columns of each.
    pub width: usize,
    /// The values, row-major.
    pub values: Vec<f32>,
}

/// One layer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct LayerPicture {
    /// Its name and what it does: `C1: convolution 5x5`. The maps' number and size are added.
    pub title: String,
    /// What it learnt, where that can be seen: the kernels `[outputs · inputs, KH, KW]`.
    pub kernels: Option<Maps>,
    /// How many kernels belong to one output map: those of its inputs, which are drawn side by side.
    pub inputs: usize,
    /// What it gives for this picture.
    pub maps: Maps,
}

/// The network's answer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Answer {
    /// The classes' names.
    pub names: Vec<String>,
    /// The probability of each.
    pub probabilities: Vec<f32>,
    /// The number of the class that the network says; `None` where it says none.
    pub predicted: Option<usize>,
    /// The number of the true class, where it is known.
    pub truth: Option<usize>,
}

/// A sheet from the picture at the top to the answer at the bottom. A layer has its title, its kernels
/// (white is 0, red above, blue below; one scale for all of the layer, which the sheet gives), and its maps
/// (grey; black is the least value of the layer's maps and white the largest, which the sheet gives too).
/// Layers of vectors are strips of cells. What does not fit is left out, and the sheet says so.
///
/// # Errors
/// [`Error::Shape`] where values do not fill their shapes, or a map is too large to draw.
pub fn features(
    title: &str,
    input: &Maps,
    layers: &[LayerPicture],
    answer: Option<&Answer>,
) -> Result<Picture> {
    let mut page = Page::new(WIDTH, MARGIN);
    page.room(MARGIN / 2);
    page.words(title, 3, INK);
    page.heading(&headline("Input", input));
    draw_maps(&mut page, input)?;
    for layer in layers {
        page.heading(&headline(&layer.title, &layer.maps));
        if let Some(kernels) = &layer.kernels {
            draw_kernels(&mut page, kernels, layer.inputs)?;
        }
        draw_maps(&mut page, &layer.maps)?;
    }
    if let Some(answer) = answer {
        page.heading("Answer: the probability of each class");
        draw_answer(&mut page, answer)?;
    }
    page.room(MARGIN / 2);
    Ok(page.picture)
}

fn headline(title: &str, maps: &Maps) -> String {
    let what = match (maps.count, maps.height, maps.width) {
        (n, 1, 1) => format!("{n} units"),
        (1, h, w) => format!("{h}x{w}"),
        (n, h, w) => format!("{n} maps of {h}x{w}"),
    };
    format!("{title}: {what}")
}

/// Checks that the values fill the shape.
fn check(maps: &Maps) -> Result<()> {
    let pixels = maps.height.checked_mul(maps.width);
    let whole = pixels.and_then(|n| n.checked_mul(maps.count));
    let shape = format!("[{}, {}, {}]", maps.count, maps.height, maps.width);
    if whole != Some(maps.values.len()) {
        let detail = format!("{} values do not fill {shape}", maps.values.len());
        return Err(Error::shape("draw features", detail));
    }
    if maps.width > WIDTH - 2 * MARGIN || maps.height > 4096 {
        let detail = format!("maps {shape} are too large; at most 4096x{}", WIDTH - 2 * MARGIN);
        return Err(Error::shape("draw features", detail));
    }
    Ok(())
}

fn draw_kernels(page: &mut Page, kernels: &Maps, inputs: usize) -> Result<()> {
    check(kernels)?;
    if kernels.values.is_empty() {
        return Ok(());
    }
    let scale = shared_scale(&kernels.values);
    let inputs = inputs.max(1);
    let tiles = Tiles::new(page.inner(), kernels, inputs, KERNEL_SIDE);
    let for_each = match inputs {
        1 => String::new(),
        n => format!(", {n} side by side for each map (one an input)"),
    };
    let caption = format!(
        "Kernels {}x{}{for_each}{}. White: 0, red: above, blue: below; full colour: {}",
        kernels.height,
        kernels.width,
        tiles.left_out(kernels.count, inputs),
        number(scale)
    );
    page.words(&caption, SCALE, FAINT);
    tiles.draw(page, kernels, |x| signed(x, scale));
    Ok(())
}

fn draw_maps(page: &mut Page, maps: &Maps) -> Result<()> {
    check(maps)?;
    let finite = || maps.values.iter().copied().filter(|x| x.is_finite());
    let (low, high) =
        (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    let what = match maps.count {
        1 => "Values",
        _ if maps.height * maps.width == 1 => "Units",
        _ => "Maps",
    };
    let tiles = Tiles::new(page.inner(), maps, 1, MAP_SIDE);
    let left_out = tiles.left_out(maps.count, 1);
    let caption = match low <= high {
        true if low < high => {
            format!("{what}{left_out}. Black: {}, white: {}", number(low), number(high))
        }
        true => format!("{what}{left_out}. All are {}", number(low)),
        false if maps.values.is_empty() => format!("{what}: none"),
        false => format!("{what}{left_out}. No value is a finite number"),
    };
    page.words(&caption, SCALE, FAINT);
    tiles.draw(page, maps, |x| colour(x, (low, high)));
    Ok(())
}

/// How pictures of one size are laid out, in pixels.
struct Tiles {
    shown: usize,
    /// Pixels per value.
    scale: usize,
    /// Pictures that stand together, and groups in a row.
    group: usize,
    columns: usize,
    gap: usize,
    group_gap: usize,
}

impl Tiles {
    /// The largest scale at which all fit, or else as many as fit where they are just large enough.
    fn new(width: usize, maps: &Maps, group: usize, side: usize) -> Self {
        // Cells of a vector are no larger than they need to be.
        let (side, gap) = if maps.height * maps.width == 1 { (28, 3) } else { (side, GAP) };
        let longer = maps.height.max(maps.width).max(1);
        let mut scale = (side / longer).max(1);
        loop {
            // A group too wide for a row is broken up.
            let (group, group_gap) = match group {
                n if n > 1 && n * (maps.width * scale + 1) <= width => (n, GROUP_GAP),
                n => (1, if n > 1 { 1 } else { gap }),
            };
            let across = group * (maps.width * scale + 1) - 1 + group_gap;
            let columns = ((width + group_gap) / across).max(1);
            let rows = maps.count.div_ceil(group * columns);
            let down = maps.height * scale + gap;
            if rows * down <= MOST_HEIGHT || scale * longer <= SMALLEST || scale == 1 {
                let most_rows = (MOST_HEIGHT / down).max(1);
                let shown = maps.count.min(most_rows * group * columns);
                return Tiles { shown, scale, group, columns, gap, group_gap };
            }
            scale -= 1;
        }
    }

    fn left_out(&self, count: usize, inputs: usize) -> String {
        match self.shown < count {
            true if inputs > 1 => format!(" (the first {} of {count} kernels)", self.shown),
            true => format!(" (the first {} of {count})", self.shown),
            false => String::new(),
        }
    }

    fn draw(&self, page: &mut Page, maps: &Maps, paint: impl Fn(f32) -> [u8; 3]) {
        let (rows, columns, scale) = (maps.height, maps.width, self.scale);
        let image = Blocks { rows, columns, down: scale, across: scale };
        let (high, wide) = (image.height(), image.width());
        let across = self.group * (wide + 1) - 1 + self.group_gap;
        let lines = self.shown.div_ceil(self.group * self.columns);
        let first = page.room(lines * (high + self.gap) + MARGIN / 2) + 1;
        let pixels = maps.height * maps.width;
        for (at, map) in maps.values.chunks(pixels.max(1)).take(self.shown).enumerate() {
            let (group, inside) = (at / self.group, at % self.group);
            let left = MARGIN + group % self.columns * across + inside * (wide + 1);
            let top = first + group / self.columns * (high + self.gap);
            page.picture.fill(left - 1, top - 1, wide + 2, high + 2, FRAME);
            image.draw(&mut page.picture, (left, top), map, &paint);
        }
    }
}

/// White for 0, red above and blue below.
fn signed(value: f32, scale: f32) -> [u8; 3] {
    if value.is_nan() {
        return NAN_COLOUR;
    }
    let share = if scale > 0.0 { f64::from(value) / f64::from(scale) } else { 0.0 };
    let end = if share < 0.0 { BELOW } else { ABOVE };
    tint(end, share.abs().min(1.0))
}

/// Three significant digits or so.
fn number(x: f32) -> String {
    let text = match x.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => return format!("{x:.1e}"),
        size if size < 10.0 => format!("{x:.3}"),
        size if size < 100.0 => format!("{x:.2}"),
        _ => return format!("{x:.0}"),
    };
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').into(),
        false => text,
    }
}

fn draw_answer(page: &mut Page, answer: &Answer) -> Result<()> {
    let fail = |detail: String| Err(Error::shape("draw features", detail));
    let (n, names) = (answer.probabilities.len(), answer.names.len());
    if n != names {
        return fail(format!("{n} probabilities of {names} classes"));
    }
    for (what, class) in [("true", answer.truth), ("predicted", answer.predicted)] {
        if let Some(class) = class.filter(|&class| class >= n) {
            return fail(format!("the {what} class is {class}, of {n} (counted from 0)"));
        }
    }
    let p = &answer.probabilities;
    let sureness = |class: usize| if p[class].is_nan() { -1.0 } else { p[class] };
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| sureness(b).total_cmp(&sureness(a)));
    if n == 0 {
        return Ok(());
    }
    let name = |class: usize| text::shorten(&answer.names[class], 16);
    let said = answer.predicted.map_or("none".into(), name);
    let (verdict, verdict_colour) = match answer.truth {
        Some(truth) if answer.predicted == Some(truth) => (format!("{said}: right"), RIGHT),
        Some(truth) => (format!("{said}: wrong, it is {}", name(truth)), WRONG),
        None => (said, INK),
    };
    page.words(&verdict, 3, verdict_colour);
    if n > MOST_BARS {
        page.words(&format!("The {MOST_BARS} largest of {n} probabilities"), SCALE, FAINT);
        order.truncate(MOST_BARS);
    }
    // In the classes' own order, in which one looks for them.
    order.sort_unstable();
    let line = (text::HEIGHT + 2) * SCALE;
    let longest = order.iter().map(|&c| text::width(&name(c), SCALE)).max().unwrap_or(0);
    let left = MARGIN + longest + 6 * SCALE;
    let full = WIDTH - MARGIN - left - text::width("100.0 % (true)", SCALE) - 6 * SCALE;
    for class in order {
        let top = page.room(line);
        let share = f64::from(p[class]);
        let own = answer.truth == Some(class);
        let (bar, ink) = match answer.predicted == Some(class) {
            true => (verdict_colour, INK),
            false => (OTHER, if own { INK } else { FAINT }),
        };
        let length = (share.clamp(0.0, 1.0) * full as f64).round() as usize;
        let width = text::width(&name(class), SCALE);
        let picture = &mut page.picture;
        text::draw(picture, (MARGIN + longest - width, top + SCALE), SCALE, ink, &name(class));
        // Even nothing has a line, so that one sees where bars begin.
        picture.fill(left, top, length.max(2), text::CAPITAL * SCALE + 2 * SCALE, bar);
        let marked = if own { " (true)" } else { "" };
        let percent = match share.is_nan() {
            true => "no number".to_string(),
            false => format!("{:.1} %{marked}", 100.0 * share),
        };
        let after = left + length.max(2) + 4 * SCALE;
        text::draw(picture, (after, top + SCALE), SCALE, ink, &percent);
    }
    Ok(())
}
