//! Pooling on the CPU.

use super::{Pool, Side};

/// The larger, the first of equal ones, and a NaN before any number.
#[inline(always)]
fn larger<T: Copy>(p: (f32, T), q: (f32, T)) -> (f32, T) {
    let take = (q.0 > p.0) | (q.0.is_nan() & !p.0.is_nan());
    (if take { q.0 } else { p.0 }, if take { q.1 } else { p.1 })
}

pub(super) struct Host<'a> {
    pub pool: Pool,
    pub rows: Side,
    pub columns: Side,
    pub x: &'a [f32],
}

impl<'a> Host<'a> {
    /// The picture of an output's row, and the row's number in its own picture.
    fn place(&self, line: usize) -> (&'a [f32], usize) {
        let (plane, oy) = (line / self.rows.output, line % self.rows.output);
        let pixels = self.rows.input * self.columns.input;
        (&self.x[plane * pixels..(plane + 1) * pixels], oy)
    }

    /// The two rows of a row of 2×2 windows, cut to whole windows, where that is what they are.
    fn pairs(&self, picture: &'a [f32], oy: usize) -> Option<[&'a [f32]; 2]> {
        let w = self.columns.input;
        let whole = 2 * oy + 1 < self.rows.input;
        (whole && self.rows.is_in_pairs() && self.columns.is_in_pairs()).then(|| {
            let row = |i: usize| &picture[i * w..i * w + w / 2 * 2];
            [row(2 * oy), row(2 * oy + 1)]
        })
    }

    pub fn lines(&self, first: usize, y: &mut [f32]) {
        for (k, line) in y.chunks_mut(self.columns.output).enumerate() {
            let (picture, oy) = self.place(first + k);
            let pairs = self.pairs(picture, oy);
            let done = pairs.map_or(0, |[a, _]| a.len() / 2);
            let quads = pairs.into_iter().flat_map(|[a, b]| {
                a.chunks_exact(2).zip(b.chunks_exact(2)).map(|(a, b)| [a[0], a[1], b[0], b[1]])
            });
            match self.pool {
                Pool::Maximum => {
                    for (y, q) in line.iter_mut().zip(quads) {
                        let [a, b, c, d] = q.map(|v| (v, ()));
                        *y = larger(larger(a, b), larger(c, d)).0;
                    }
                    for (k, y) in line[done..].iter_mut().enumerate() {
                        *y = self.maximum(picture, oy, done + k).0;
                    }
                }
                Pool::Average { count_padding } => {
                    for (y, [a, b, c, d]) in line.iter_mut().zip(quads) {
                        *y = ((a + b) + (c + d)) * 0.25;
                    }
                    for (k, y) in line[done..].iter_mut().enumerate() {
                        *y = self.average(picture, oy, done + k, count_padding);
                    }
                }
            }
        }
    }

    pub fn maxima_with_indices(&self, first: usize, y: &mut [f32], indices: &mut [u32]) {
        let width = self.columns.output;
        let lines = y.chunks_mut(width).zip(indices.chunks_mut(width));
        for (k, (y, indices)) in lines.enumerate() {
            let (picture, oy) = self.place(first + k);
            let mut done = 0;
            if let Some([a, b]) = self.pairs(picture, oy) {
                done = a.len() / 2;
                let w = self.columns.input as u32;
                let mut at = 2 * oy as u32 * w;
                let quads = a.chunks_exact(2).zip(b.chunks_exact(2));
                for ((y, index), (a, b)) in y.iter_mut().zip(indices.iter_mut()).zip(quads) {
                    let upper = larger((a[0], at), (a[1], at + 1));
                    let lower = larger((b[0], at + w), (b[1], at + w + 1));
                    (*y, *index) = larger(upper, lower);
                    at += 2;
                }
            }
            for (ox, (y, index)) in y.iter_mut().zip(indices).enumerate().skip(done) {
                (*y, *index) = self.maximum(picture, oy, ox);
            }
        }
    }

    fn maximum(&self, picture: &[f32], oy: usize, ox: usize) -> (f32, u32) {
        let (rows, columns) = (self.rows.covered(oy), self.columns.covered(ox));
        let first = rows.start * self.columns.input + columns.start;
        let mut best = (picture[first], first as u32);
        for i in rows {
            let start = i * self.columns.input;
            for j in columns.clone() {
                best = larger(best, (picture[start + j], (start + j) as u32));
            }
        }
        best
    }

    fn average(&self, picture: &[f32], oy: usize, ox: usize, padding: bool) -> f32 {
        let columns = self.columns.covered(ox);
        let row = |i: usize| &picture[i * self.columns.input..][columns.clone()];
        let sum = self.rows.covered(oy).map(|i| row(i).iter().sum::<f32>()).sum::<f32>();
        sum / (self.rows.counted(oy, padding) * self.columns.counted(ox, padding))
    }
}
