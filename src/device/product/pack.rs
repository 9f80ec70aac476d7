//! Operands in the order in which tiles read them.

use std::ops::Range;

use super::Strided;

/// What is packed of an operand: (x − offset)·scale, the offset by column.
#[derive(Clone, Copy)]
pub(super) struct Changed<'a> {
    pub offset: Option<&'a [f32]>,
    pub scale: f32,
}

/// A panel `[depth][width]` of the columns from `first` on, zeros where there are fewer than `width`.
#[inline(always)]
pub(super) fn panel(
    to: &mut [f32],
    y: Strided<'_>,
    columns: Range<usize>,
    width: usize,
    changed: Changed<'_>,
) {
    let count = columns.len();
    let lines = to.chunks_exact_mut(width);
    if y.column_stride == 1 {
        for (line, at) in lines.zip((columns.start..).step_by(y.row_stride.max(1))) {
            copy(&y.data[at..at + count], &mut line[..count]);
            line[count..].fill(0.0);
        }
    } else if y.row_stride == 1 {
        turn(to, width, count, |c| &y.data[(columns.start + c) * y.column_stride..]);
    } else {
        for (k, line) in lines.enumerate() {
            for (c, x) in line.iter_mut().enumerate() {
                let at = k * y.row_stride + (columns.start + c) * y.column_stride;
                *x = if c < count { y.data[at] } else { 0.0 };
            }
        }
    }
    if let Some(offset) = changed.offset {
        let offset = &offset[columns];
        for line in to.chunks_exact_mut(width) {
            line.iter_mut().zip(offset).for_each(|(x, o)| *x -= o);
        }
    }
    if changed.scale != 1.0 {
        to.iter_mut().for_each(|x| *x *= changed.scale);
    }
}

/// Rows `[depth][rows]` of an operand that is broadcast.
#[inline(always)]
pub(super) fn rows(to: &mut [f32], x: Strided<'_>, rows: Range<usize>, depth: Range<usize>) {
    let count = rows.len();
    if x.column_stride == 1 {
        let line = |r: usize| &x.data[(rows.start + r) * x.row_stride + depth.start..];
        turn(to, count, count, line);
    } else if x.row_stride == 1 {
        let starts = (depth.start * x.column_stride + rows.start..).step_by(x.column_stride.max(1));
        for (line, at) in to.chunks_exact_mut(count).zip(starts) {
            copy(&x.data[at..at + count], line);
        }
    } else {
        for (k, line) in depth.zip(to.chunks_exact_mut(count)) {
            for (r, to) in line.iter_mut().enumerate() {
                *to = x.data[(rows.start + r) * x.row_stride + k * x.column_stride];
            }
        }
    }
}

/// `to[k·width + c] = line(c)[k]` for the first `count` of `width` columns, zeros for the others.
#[inline(always)]
pub(super) fn turn<'a>(
    to: &mut [f32],
    width: usize,
    count: usize,
    line: impl Fn(usize) -> &'a [f32],
) {
    const SIDE: usize = 8;
    let depth = to.len() / width;
    let whole = count - count % SIDE;
    for c in (0..whole).step_by(SIDE) {
        let lines: [&[f32]; SIDE] = std::array::from_fn(|i| &line(c + i)[..depth]);
        for (k, to) in to.chunks_exact_mut(width).enumerate() {
            let across: [f32; SIDE] = std::array::from_fn(|i| lines[i][k]);
            to[c..c + SIDE].copy_from_slice(&across);
        }
    }
    for c in whole..count {
        let line = &line(c)[..depth];
        to.chunks_exact_mut(width).zip(line).for_each(|(to, x)| to[c] = *x);
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
