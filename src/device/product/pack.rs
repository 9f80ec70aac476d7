//! Operands in the order in which tiles read them.

use std::ops::Range;

use super::Strided;

/// A panel `[depth][width]` of these columns, zeros where there are fewer than `width`.
#[inline(always)]
pub(super) fn panel(to: &mut [f32], y: Strided<'_>, columns: Range<usize>, width: usize) {
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
