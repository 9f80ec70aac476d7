//! Values as pixels: their colours, the scales that pictures share, and blocks of pixels.

use super::png_file::Picture;

/// What a NaN looks like: no data have this colour.
pub const NAN_COLOUR: [u8; 3] = [255, 0, 255];
/// From one grey to the next.
pub(super) const SHADE: f32 = 1.0 / 255.0;

/// An image whose values are drawn as blocks of pixels.
#[derive(Clone, Copy)]
pub(super) struct Blocks {
    /// Of the image, in values.
    pub rows: usize,
    pub columns: usize,
    /// Pixels per value, down and across.
    pub down: usize,
    pub across: usize,
}

impl Blocks {
    /// In pixels.
    pub fn height(&self) -> usize {
        self.rows * self.down
    }

    /// In pixels.
    pub fn width(&self) -> usize {
        self.columns * self.across
    }

    /// Draws the image with its top left corner at (x, y).
    pub fn draw(
        &self,
        picture: &mut Picture,
        (x, y): (usize, usize),
        values: &[f32],
        paint: impl Fn(f32) -> [u8; 3],
    ) {
        for (at, &value) in values.iter().enumerate() {
            let (row, column) = (at / self.columns, at % self.columns);
            let (left, top) = (x + column * self.across, y + row * self.down);
            picture.fill(left, top, self.across, self.down, paint(value));
        }
    }
}

/// The grey of a value where `low` is black and `high` white.
pub fn colour(value: f32, (low, high): (f32, f32)) -> [u8; 3] {
    if value.is_nan() {
        return NAN_COLOUR;
    }
    let (low, span) = (f64::from(low), f64::from(high) - f64::from(low));
    if span.is_nan() || span <= 0.0 || span.is_infinite() {
        return [128; 3];
    }
    // f32 to f64 first: the difference of two large f32 overflows.
    [((f64::from(value) - low) / span * 255.0).round().clamp(0.0, 255.0) as u8; 3]
}

/// From white, at a share of 0, to the full colour at 1.
pub(super) fn tint(full: [u8; 3], share: f64) -> [u8; 3] {
    full.map(|full| (255.0 + share * (f64::from(full) - 255.0)).round() as u8)
}

/// Black and white for values of any scale: the 0.5th and the 99.5th percentile of those that are
/// finite; (0, 1) if there are none.
pub fn robust_range(values: &[f32]) -> (f32, f32) {
    let mut finite = finite_sample(values, |x| x);
    match (percentile(&mut finite, 0.005), percentile(&mut finite, 0.995)) {
        (Some(low), Some(high)) => (low, high),
        _ => (0.0, 1.0),
    }
}

/// The 99.5th percentile of |W|: what white stands for in pictures of weights.
pub fn shared_scale(w: &[f32]) -> f32 {
    let mut sizes = finite_sample(w, f32::abs);
    let largest = sizes.iter().copied().fold(0.0, f32::max);
    match percentile(&mut sizes, 0.995) {
        Some(scale) if scale > 0.0 => scale,
        // All but a few weights are 0.
        _ => largest,
    }
}

/// ‖W·j‖² of each column.
pub fn column_norms(w: &[f32], columns: usize) -> Vec<f64> {
    let mut norms = vec![0.0; columns];
    for row in w.chunks_exact(columns.max(1)) {
        for (norm, &x) in norms.iter_mut().zip(row) {
            *norm += f64::from(x) * f64::from(x);
        }
    }
    norms
}

/// Finite values, at most about a million of them, evenly spaced.
fn finite_sample(values: &[f32], map: impl Fn(f32) -> f32) -> Vec<f32> {
    let step = values.len().div_ceil(1 << 20).max(1);
    values.iter().step_by(step).filter(|x| x.is_finite()).map(|&x| map(x)).collect()
}

fn percentile(values: &mut [f32], quantile: f64) -> Option<f32> {
    let last = values.len().checked_sub(1)?;
    let at = (last as f64 * quantile).round() as usize;
    Some(*values.select_nth_unstable_by(at, f32::total_cmp).1)
}
