//! Sheets of tiles in a grid near the square.

use super::png_file::Picture;
use super::values::{Blocks, SHADE, colour, column_norms, robust_range, shared_scale};
use crate::error::{Error, Result};

/// Between the tiles of samples and reconstructions, whose own background is mostly black or white.
pub const SHEET_GAP: [u8; 3] = [88; 3];
/// Between filters, which are mostly mid grey.
pub const FILTER_GAP: [u8; 3] = [16; 3];
/// The most tiles in one picture.
pub const MOST_TILES: usize = 400;

/// Enlarge until the longer side has this many pixels.
const SIDE: usize = 480;
/// Roughly the most pixels of one picture, so that large images give fewer tiles.
const MOST_PIXELS: usize = 32 << 20;

/// Filters: one tile per hidden unit, column j of `w` `[visible_count, hidden_count]` as an image.
///
/// Mid grey is 0, white a positive and black a negative weight. All tiles share one scale, the
/// 99.5th percentile of |W|, so a unit that has learnt nothing stays grey. Tiles are in the units'
/// order; where there are more than [`MOST_TILES`] units, those with the largest ‖W·j‖ are shown,
/// largest first, and a note says so.
///
/// # Errors
/// [`Error::Shape`] if lengths do not fit, or there is no visible unit.
pub fn filters(
    w: &[f32],
    visible_count: usize,
    hidden_count: usize,
    image: Option<(usize, usize)>,
) -> Result<Picture> {
    let op = "draw filters";
    if visible_count.checked_mul(hidden_count) != Some(w.len()) {
        let detail = format!("W has {} values, not {visible_count} × {hidden_count}", w.len());
        return Err(Error::shape(op, detail));
    }
    let shown = most_tiles(visible_count).min(hidden_count);
    let mut units: Vec<usize> = (0..hidden_count).collect();
    if shown < hidden_count {
        let norms = column_norms(w, hidden_count);
        units.sort_by(|&i, &j| norms[j].total_cmp(&norms[i]));
        units.truncate(shown);
    }
    let tiles: Vec<f32> = units
        .iter()
        .flat_map(|&j| (0..visible_count).map(move |i| w[i * hidden_count + j]))
        .collect();
    let scale = shared_scale(w);
    let mut picture =
        Sheet { op, length: visible_count, image, range: (-scale, scale), columns: None }
            .draw(&[&tiles], FILTER_GAP)?;
    if shown < hidden_count {
        picture.notes.push(format!(
            "the picture shows the {shown} of {hidden_count} hidden units with the largest weights"
        ));
    }
    Ok(picture)
}

/// A contact sheet: `images` holds N cases of `length` values, drawn in reading order (samples: the
/// last means of N chains). `range` is what black and white stand for: (0, 1) for probabilities, see
/// [`robust_range`] for others. The first [`MOST_TILES`] cases are drawn, and a note says so.
///
/// # Errors
/// [`Error::Shape`] if lengths do not fit, or a case has no value.
pub fn sheet(
    images: &[f32],
    length: usize,
    image: Option<(usize, usize)>,
    range: (f32, f32),
) -> Result<Picture> {
    Sheet { op: "draw a sheet", length, image, range, columns: None }.draw(&[images], SHEET_GAP)
}

/// Pairs: rows of cases, each case's reconstruction right below it, a wider gap below the pair.
/// `range` and the number of tiles are as for [`sheet`].
///
/// # Errors
/// [`Error::Shape`] if lengths do not fit, or a case has no value.
pub fn reconstructions(
    originals: &[f32],
    reconstructions: &[f32],
    length: usize,
    image: Option<(usize, usize)>,
    range: (f32, f32),
) -> Result<Picture> {
    let op = "draw reconstructions";
    if originals.len() != reconstructions.len() {
        let detail =
            format!("{} original values, {} of them again", originals.len(), reconstructions.len());
        return Err(Error::shape(op, detail));
    }
    Sheet { op, length, image, range, columns: None }.draw(&[originals, reconstructions], SHEET_GAP)
}

/// Rows of `columns` tiles (cases that are no images are strips, stacked); each tile is a stack with one image
/// of every layer. `range` and the number of tiles are as for [`sheet`].
///
/// # Errors
/// [`Error::Shape`] if lengths do not fit, or a case has no value.
pub fn rows(
    layers: &[&[f32]],
    columns: usize,
    length: usize,
    image: Option<(usize, usize)>,
    range: (f32, f32),
) -> Result<Picture> {
    let op = "draw rows";
    if let Some(first) = layers.first()
        && layers.iter().any(|layer| layer.len() != first.len())
    {
        return Err(Error::shape(op, "the layers differ in length"));
    }
    Sheet { op, length, image, range, columns: Some(columns) }.draw(layers, SHEET_GAP)
}

/// Maps of one size, `[count, height, width]`, as a contact sheet; `signed` says of each whether it has
/// both signs. All signed maps share one scale, on which mid grey is 0: the 99.5th percentile of their sizes
/// is white. The others share another: 0 is black and 1 white where their values lie in [0, 1], else black
/// and white are their 0.5th and 99.5th percentiles. Notes give the scales.
///
/// # Errors
/// [`Error::Shape`] if lengths do not fit.
pub fn map_sheet(values: &[f32], image: (usize, usize), signed: &[bool]) -> Result<Picture> {
    let length = image.0.saturating_mul(image.1);
    if signed.len().checked_mul(length) != Some(values.len()) {
        let detail = format!(
            "{} values are no {} maps of {}x{}",
            values.len(),
            signed.len(),
            image.0,
            image.1
        );
        return Err(Error::shape("draw maps", detail));
    }
    let maps = |sign: bool| {
        let both = values.chunks(length.max(1)).zip(signed);
        both.filter(|(_, own)| **own == sign).flat_map(|(map, _)| map.iter().copied()).collect()
    };
    let (with_signs, plain): (Vec<f32>, Vec<f32>) = (maps(true), maps(false));
    let scale = shared_scale(&with_signs);
    let within = plain.iter().all(|x| (-SHADE..=1.0 + SHADE).contains(x));
    let range = if within { (0.0, 1.0) } else { robust_range(&plain) };
    let mut scaled = Vec::with_capacity(values.len());
    for (map, &signed) in values.chunks(length.max(1)).zip(signed) {
        let (low, high) = if signed { (-scale, scale) } else { range };
        // An empty range is mid grey, as everywhere.
        let span = if high > low { high - low } else { f32::INFINITY };
        let from = if high > low { low } else { 0.0 };
        let middle = if high > low { 0.0 } else { 0.5 };
        scaled.extend(map.iter().map(|x| (x - from) / span + middle));
    }
    let mut picture = sheet(&scaled, length, Some(image), (0.0, 1.0))?;
    let any = |sign: bool| signed.contains(&sign);
    if any(true) {
        picture.notes.push(format!("mid grey is 0, black -{scale:.3} and white {scale:.3}"));
    }
    if any(false) && !within {
        let of = if any(true) { " of the maps without signs" } else { "" };
        picture.notes.push(format!("black is {:.3} and white {:.3}{of}", range.0, range.1));
    }
    Ok(picture)
}

/// What all cases of one picture have in common.
struct Sheet {
    op: &'static str,
    length: usize,
    image: Option<(usize, usize)>,
    range: (f32, f32),
    /// How many tiles a row has; `None` makes the picture nearly square.
    columns: Option<usize>,
}

/// Where tiles go, in pixels. A tile is a stack of `layers` images.
struct Layout {
    columns: usize,
    rows: usize,
    layers: usize,
    /// Of one image.
    blocks: Blocks,
    /// Between neighbours and between the images of a stack.
    gap: usize,
    /// Between rows of stacks.
    row_gap: usize,
}

impl Sheet {
    fn draw(&self, layers: &[&[f32]], background: [u8; 3]) -> Result<Picture> {
        let fail = |detail: String| Err(Error::shape(self.op, detail));
        let values = layers.first().map_or(0, |layer| layer.len());
        let length = self.length;
        if length == 0 || !values.is_multiple_of(length) {
            return fail(format!("{values} values are no whole number of cases of {length}"));
        }
        if let Some((height, width)) = self.image
            && height.checked_mul(width) != Some(length)
        {
            return fail(format!("an image of {height}x{width} does not have {length} values"));
        }
        let count = values / length;
        let shown = count.min(most_tiles(length * layers.len()));
        let layout = Layout::new(shown, layers.len(), length, (self.image, self.columns));
        let (width, height) = layout.picture_size();
        if width.checked_mul(height).is_none_or(|pixels| pixels > 16 * MOST_PIXELS) {
            return fail(format!("cases of {length} values are too large for a picture"));
        }
        let mut picture = Picture::new(width, height, background);
        for tile in 0..shown {
            for (layer, images) in layers.iter().enumerate() {
                let values = &images[tile * length..][..length];
                layout.draw(&mut picture, (tile, layer), values, self.range);
            }
        }
        if shown < count {
            picture.notes.push(format!("the picture shows the first {shown} of {count} cases"));
        }
        Ok(picture)
    }
}

impl Layout {
    fn new(
        count: usize,
        layers: usize,
        length: usize,
        (image, columns): (Option<(usize, usize)>, Option<usize>),
    ) -> Self {
        let enlarge = |side: usize| SIDE.div_ceil(side.max(1)).max(1);
        let (blocks, columns) = match image {
            Some((height, width)) => {
                let columns = columns
                    .unwrap_or_else(|| near_square_columns(count, layers * height, width))
                    .max(1);
                let rows = count.div_ceil(columns);
                let longer = (columns * width).max(rows * layers * height);
                let scale = enlarge(longer);
                (Blocks { rows: height, columns: width, down: scale, across: scale }, columns)
            }
            None => {
                let down = enlarge(count * layers).clamp(4, 32);
                (Blocks { rows: 1, columns: length, down, across: enlarge(length) }, 1)
            }
        };
        let gap = (blocks.down / 4).clamp(1, 4);
        let row_gap = if layers > 1 { (blocks.height() / 3).max(3 * gap) } else { gap };
        let rows = count.div_ceil(columns);
        Layout { columns, rows, layers, blocks, gap, row_gap }
    }

    /// Pixels from one tile to the next, down and across.
    fn pitch(&self) -> (usize, usize) {
        let stack = self.layers.max(1) * (self.blocks.height() + self.gap) - self.gap;
        (stack + self.row_gap, self.blocks.width() + self.gap)
    }

    /// Width and height.
    fn picture_size(&self) -> (usize, usize) {
        let (down, across) = self.pitch();
        let margin = 2 * self.margin();
        let width = self.columns * across - self.gap + margin;
        // A picture of nothing is an empty frame.
        let height = (self.rows.max(1) * down) - self.row_gap + margin;
        (width, height)
    }

    fn margin(&self) -> usize {
        if self.layers > 1 { self.row_gap } else { self.gap }
    }

    fn draw(
        &self,
        picture: &mut Picture,
        (tile, layer): (usize, usize),
        values: &[f32],
        range: (f32, f32),
    ) {
        let (down, across) = self.pitch();
        let image = layer * (self.blocks.height() + self.gap);
        let top = self.margin() + tile / self.columns * down + image;
        let left = self.margin() + tile % self.columns * across;
        self.blocks.draw(picture, (left, top), values, |value| colour(value, range));
    }
}

/// The number of columns that makes a picture of `count` tiles nearly square with few empty places.
fn near_square_columns(count: usize, height: usize, width: usize) -> usize {
    let ideal = (count as f64 * height as f64 / width as f64).sqrt();
    let (fewest, most) = ((ideal * 0.7).ceil() as usize, (ideal * 1.45) as usize);
    let cost = |&columns: &usize| {
        let rows = count.div_ceil(columns);
        let aspect = (columns * width) as f64 / (rows * height) as f64;
        aspect.ln().abs() + (rows * columns - count) as f64 / count as f64
    };
    let candidates = fewest.clamp(1, count.max(1))..=most.clamp(1, count.max(1));
    candidates.min_by(|a, b| cost(a).total_cmp(&cost(b))).unwrap_or(1)
}

/// How many tiles of `length` values fit the budget of pixels, at least one.
fn most_tiles(length: usize) -> usize {
    (MOST_PIXELS / length.max(1)).clamp(1, MOST_TILES)
}
