//! Operands in the order in which tiles read them.

use std::ops::Range;

use pulp::Simd;

use super::Strided;
use super::square::{self, SIDE, Square};

/// A panel `[depth][width]` of these columns, zeros where there are fewer than `width`.
#[inline(always)]
pub(super) fn panel<S: Simd>(
    simd: S,
    to: &mut [f32],
    y: Strided<'_>,
    columns: Range<usize>,
    width: usize,
) {
    let count = columns.len();
    let lines = to.chunks_exact_mut(width);
    if y.column_stride == 1 {
        for (line, at) in lines.zip((columns.start..).step_by(y.row_stride.max(1))) {
            copy(&y.data[at..at + count], &mut line[..count]);
            line[count..].fill(0.0);
        }
    } else if y.row_stride == 1 {
        turn(simd, to, width, count, |c| &y.data[(columns.start + c) * y.column_stride..]);
    } else {
        for (k, line) in lines.enumerate() {
            for (c, x) in line.iter_mut().enumerate() {
                let at = k * y.row_stride + (columns.start + c) * y.column_stride;
                *x = if c < count { y.data[at] } else { 0.0 };
            }
        }
    }
}

/// Makes a panel that of scale·(y − offset), the offset by column.
#[inline(always)]
pub(super) fn change(to: &mut [f32], width: usize, offset: Option<&[f32]>, scale: f32) {
    if let Some(offset) = offset {
        for line in to.chunks_exact_mut(width) {
            line.iter_mut().zip(offset).for_each(|(x, o)| *x -= o);
        }
    }
    if scale != 1.0 {
        to.iter_mut().for_each(|x| *x *= scale);
    }
}

/// `to[k·width + c] = line(c)[k]` for the first `count` of `width` columns, zeros for the others.
#[inline(always)]
pub(super) fn turn<'a, S: Simd>(
    simd: S,
    to: &mut [f32],
    width: usize,
    count: usize,
    line: impl Fn(usize) -> &'a [f32],
) {
    let depth = to.len() / width;
    let whole = count - count % SIDE;
    let deep = depth - depth % SIDE;
    for c in (0..whole).step_by(SIDE) {
        for k in (0..deep).step_by(SIDE) {
            let mut square = Square::default();
            for (i, row) in square.iter_mut().enumerate() {
                row.copy_from_slice(&line(c + i)[k..k + SIDE]);
            }
            square::turn(simd, &mut square);
            for (i, column) in square.iter().enumerate() {
                to[(k + i) * width + c..][..SIDE].copy_from_slice(column);
            }
        }
    }
    // A tile's rows are fewer than a square's.
    let eights = count - count % 8;
    for c in (whole..eights).step_by(8) {
        let lines: [&[f32]; 8] = std::array::from_fn(|i| &line(c + i)[..depth]);
        for (k, to) in to.chunks_exact_mut(width).enumerate() {
            let across: [f32; 8] = std::array::from_fn(|i| lines[i][k]);
            to[c..c + 8].copy_from_slice(&across);
        }
    }
    for c in 0..count {
        let first = match c {
            _ if c < whole => deep,
            _ if c < eights => depth,
            _ => 0,
        };
        let line = &line(c)[first..depth];
        to.chunks_exact_mut(width).skip(first).zip(line).for_each(|(to, x)| to[c] = *x);
    }
    if count < width {
        to.chunks_exact_mut(width).for_each(|to| to[count..].fill(0.0));
    }
}

/// A copy of few numbers, without a call.
#[inline(always)]
fn copy(from: &[f32], to: &mut [f32]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}
