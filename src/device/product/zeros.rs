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

/// Writes x's numbers in these rows, at most [`LINES`], and columns, at most [`DEPTH`], row by row into the lines.
#[inline(always)]
pub(super) fn turn<S: Simd>(
    simd: S,
    x: Strided<'_>,
    rows: Range<usize>,
    part: Range<usize>,
    lines: &mut [[f32; DEPTH]; LINES],
) {
    // Across the lines the numbers lie side by side, so whole squares can be turned.
    let whole = x.row_stride == 1 && rows.len() == LINES;
    let squares = if whole { part.len() / SIDE } else { 0 };
    for to in (0..squares * SIDE).step_by(SIDE) {
        let mut square = Square::default();
        for (k, row) in square.iter_mut().enumerate() {
            let from = rows.start + (part.start + to + k) * x.column_stride;
            row.copy_from_slice(&x.data[from..from + SIDE]);
        }
        square::turn(simd, &mut square);
        for (line, column) in lines.iter_mut().zip(square) {
            line[to..to + SIDE].copy_from_slice(&column);
        }
    }
    for (line, row) in lines.iter_mut().zip(rows) {
        for k in squares * SIDE..part.len() {
            line[k] = x.data[row * x.row_stride + (part.start + k) * x.column_stride];
        }
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
