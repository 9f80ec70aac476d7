//! The search for what is not zero: such numbers of a line, and their places, side by side.

use std::ops::Range;

use pulp::Simd;

use super::Strided;
use super::square::{self, SIDE, Square};

/// The longest line.
pub(super) const DEPTH: usize = 64;

/// Lines that are turned together.
pub(super) const LINES: usize = SIDE;

/// What one search may write over: whole vectors go wherever the last one ended.
pub(super) const ROOM: usize = DEPTH + 16;

/// Writes x's numbers in these rows, at most [`LINES`], and columns, at most [`DEPTH`], row by row into the lines. A line
/// goes on with zeros up to the length that is returned.
#[inline(always)]
pub(super) fn turn<S: Simd>(
    simd: S,
    x: Strided<'_>,
    rows: Range<usize>,
    part: Range<usize>,
    lines: &mut [[f32; DEPTH]; LINES],
) -> usize {
    if x.row_stride != 1 || rows.len() < LINES {
        for (line, row) in lines.iter_mut().zip(rows) {
            for (to, k) in line.iter_mut().zip(part.clone()) {
                *to = x.data[row * x.row_stride + k * x.column_stride];
            }
        }
        return part.len();
    }
    // Across the lines the numbers lie side by side, so squares can be turned; a whole one stays in registers.
    let depth = part.len();
    let whole = depth - depth % SIDE;
    let from = |k: usize| &x.data[rows.start + (part.start + k) * x.column_stride..][..SIDE];
    for first in (0..whole).step_by(SIDE) {
        let mut square = Square::default();
        for (k, row) in square.iter_mut().enumerate() {
            row.copy_from_slice(from(first + k));
        }
        square::turn(simd, &mut square);
        put(lines, first, &square);
    }
    if whole < depth {
        let mut square = Square::default();
        for (row, k) in square.iter_mut().zip(whole..depth) {
            row.copy_from_slice(from(k));
        }
        square::turn(simd, &mut square);
        put(lines, whole, &square);
    }
    depth.next_multiple_of(SIDE)
}

/// Writes a square's rows into the lines, from a place on.
#[inline(always)]
fn put(lines: &mut [[f32; DEPTH]; LINES], at: usize, square: &Square) {
    for (line, row) in lines.iter_mut().zip(square) {
        line[at..at + SIDE].copy_from_slice(row);
    }
}

/// Writes the line's numbers other than zero and their places; returns how many there are.
#[inline(always)]
pub(super) fn search<S: Simd>(
    simd: S,
    line: &[f32],
    places: &mut [u16; ROOM],
    values: &mut [f32; ROOM],
) -> usize {
    #[cfg(target_arch = "x86_64")]
    let [mut found, at] = super::x86::search(simd, line, places, values);
    #[cfg(not(target_arch = "x86_64"))]
    let ([mut found, at], _) = ([0; 2], simd);
    for (k, value) in line.iter().enumerate().skip(at) {
        // Every number is written, and the next takes its place where it was zero.
        places[found % ROOM] = k as u16;
        values[found % ROOM] = *value;
        found += usize::from(*value != 0.0);
    }
    found
}
