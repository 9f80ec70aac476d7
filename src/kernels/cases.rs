//! What the kernels of one number per case share: its place among an epoch's numbers, desired classes,
//! sums over rows, and the log loss behind [`cross_entropy`](super::cross_entropy) and
//! [`rbf_loss`](super::rbf_loss).

use std::ops::Range;

use rayon::prelude::*;

use super::GRAIN;
use super::activation::exp_of_negative;
use crate::device::{Device, Gpu, Shader};
use crate::error::{Error, Result};
use crate::tensor::{Element, Tensor};

/// Where the numbers of `rows` cases go in `t`, which gathers them from `first_row` on: checks device,
/// elements and room.
pub(crate) fn place(
    op: &'static str,
    (name, t, first_row): (&str, &Tensor, usize),
    element: Element,
    device: &Device,
    rows: usize,
) -> Result<Range<usize>> {
    device.require_same(op, t.device())?;
    t.require(op, name, element)?;
    match first_row.checked_add(rows) {
        Some(end) if end <= t.shape().len() => Ok(first_row..end),
        _ => Err(Error::shape(
            op,
            format!(
                "{name} is {}, which has no room for {rows} cases from element {first_row} on; make it \
                 longer or begin earlier",
                t.shape()
            ),
        )),
    }
}

/// The class that a number names: whole and below `classes`.
pub(crate) fn class_of(value: f32, classes: usize) -> Option<usize> {
    // The conversion saturates, and NaN becomes 0, which is not equal to NaN.
    let class = value as usize;
    (class as f32 == value && class < classes).then_some(class)
}

/// How many neighbouring invocations take one row of `columns` elements: a power of two, as
/// `shaders/shared/rows.wgsl` wants it. Software adapters wait long at barriers and get fewer.
pub(crate) fn lanes(gpu: &Gpu, shader: &Shader, columns: usize) -> u32 {
    let each = if gpu.is_software() { 256 } else { 8 };
    let workgroup = shader.constant("WORKGROUP").max(1);
    let wanted = (columns / each).clamp(1, workgroup as usize) as u32;
    wanted.next_power_of_two().min(workgroup)
}

/// Workgroups for `rows` rows by teams of `lanes`.
pub(crate) fn row_groups(shader: &Shader, rows: usize, lanes: u32) -> u64 {
    super::groups(rows, shader.constant("WORKGROUP") / lanes.max(1))
}

/// Sets `values[r] = row(r, gradient's row r)` for every row of `columns` elements, on several threads
/// where that is worth it. Without a gradient its rows are empty.
pub(crate) fn for_rows<T: Send>(
    columns: usize,
    values: &mut [T],
    gradient: Option<&mut [f32]>,
    row: impl Fn(usize, &mut [f32]) -> T + Sync,
) {
    let rows = 1 + GRAIN / columns.max(1);
    let task = |(task, (values, gradient)): (usize, (&mut [T], &mut [f32]))| {
        let mut gradient = gradient.chunks_exact_mut(columns.max(1));
        for (i, value) in values.iter_mut().enumerate() {
            *value = row(task * rows + i, gradient.next().unwrap_or_default());
        }
    };
    if values.len() <= rows {
        return task((0, (values, gradient.unwrap_or_default())));
    }
    let values = values.par_chunks_mut(rows);
    match gradient.filter(|_| columns > 0) {
        Some(gradient) => {
            values.zip(gradient.par_chunks_mut(rows * columns)).enumerate().for_each(task);
        }
        None => values.map(|values| (values, [].as_mut_slice())).enumerate().for_each(task),
    }
}

/// Partial results of a row, so that its loop becomes vector code; joined in a fixed order.
const PARTS: usize = 16;

#[inline(always)]
fn joined(mut parts: [f32; PARTS], join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut half = PARTS / 2;
    while half > 0 {
        for i in 0..half {
            parts[i] = join(parts[i], parts[i + half]);
        }
        half /= 2;
    }
    parts[0]
}

/// Folds a row.
#[inline(always)]
fn fold(
    x: &[f32],
    start: f32,
    step: impl Fn(f32, f32) -> f32,
    join: impl Fn(f32, f32) -> f32,
) -> f32 {
    let mut parts = [start; PARTS];
    let chunks = x.chunks_exact(PARTS);
    let rest = chunks.remainder();
    for chunk in chunks {
        parts.iter_mut().zip(chunk).for_each(|(p, x)| *p = step(*p, *x));
    }
    parts.iter_mut().zip(rest).for_each(|(p, x)| *p = step(*p, *x));
    joined(parts, join)
}

/// Σ (x − y)² over two rows of one length.
#[inline(always)]
pub(crate) fn squared_distance(x: &[f32], y: &[f32]) -> f32 {
    let mut parts = [0.0f32; PARTS];
    let (xs, ys) = (x.chunks_exact(PARTS), y.chunks_exact(PARTS));
    let rest = xs.remainder().iter().zip(ys.remainder());
    let add = |p: &mut f32, x: &f32, y: &f32| *p += (x - y) * (x - y);
    for (x, y) in xs.zip(ys) {
        for ((p, x), y) in parts.iter_mut().zip(x).zip(y) {
            add(p, x, y);
        }
    }
    parts.iter_mut().zip(rest).for_each(|(p, (x, y))| add(p, x, y));
    joined(parts, |a, b| a + b)
}

/// `ln(Σ exp sᵢ + exp f) − s_D` for the scores s = sign·x and perhaps a floor f, and its gradient; f64
/// nowhere, nothing overflows, and a loss near 0 keeps its digits.
///
/// With m the maximum of all, eᵢ = exp(sᵢ − m), rest the sum without e_D and total = rest + e_D, the
/// loss is (m − s_D) + ln(total). Where s_D is m, total is 1 + rest. The gradient of D is
/// −rest/total = e_D/total − 1, of others eᵢ/total. A NaN or an infinite m ends in all of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogLoss {
    /// 1 for scores, −1 for distances.
    pub sign: f32,
    /// f; −∞ for none.
    pub floor: f32,
    /// Factor of the gradient.
    pub scale: f32,
}

impl LogLoss {
    /// The parameter block of `shaders/shared/log_loss.wgsl`.
    pub fn params(&self, [rows, columns]: [usize; 2], lanes: u32, first_row: usize) -> [u32; 8] {
        [
            rows as u32,
            columns as u32,
            lanes,
            first_row as u32,
            self.floor.to_bits(),
            self.scale.to_bits(),
            f32::INFINITY.to_bits(),
            f32::NAN.to_bits(),
        ]
    }

    /// The loss of one case; the gradient's row is empty or as long as x.
    pub fn row(&self, x: &[f32], class: f32, gradient: &mut [f32]) -> f32 {
        let Some(class) = class_of(class, x.len()) else {
            gradient.fill(f32::NAN);
            return f32::NAN;
        };
        let (sign, larger) = (self.sign, |a: f32, b: f32| if b > a { b } else { a });
        // A NaN is dropped here, and then kept by its exponential.
        let largest = fold(x, self.floor, |m, x| larger(m, sign * x), larger);
        let e = |x: f32| exp_of_negative(sign * x - largest);
        let sum = |a: f32, b: f32| a + b;
        let rest = match gradient.len() {
            0 => {
                let part = |x: &[f32]| fold(x, 0.0, |s, x| s + e(x), sum);
                part(&x[..class]) + part(&x[class + 1..])
            }
            _ => {
                gradient.iter_mut().zip(x).for_each(|(g, x)| *g = e(*x));
                let part = |x: &[f32]| fold(x, 0.0, sum, sum);
                part(&gradient[..class]) + part(&gradient[class + 1..])
            }
        };
        let rest = rest + exp_of_negative(self.floor - largest);
        let total = rest + e(x[class]);
        let gap = largest - sign * x[class];
        let beyond_one = if gap == 0.0 { rest } else { total - 1.0 };
        let factor = sign * self.scale / total;
        gradient.iter_mut().for_each(|g| *g *= factor);
        if let Some(g) = gradient.get_mut(class) {
            *g = -factor * rest;
        }
        gap + beyond_one.ln_1p()
    }
}

#[cfg(test)]
mod tests {
    use super::{class_of, for_rows};

    #[test]
    fn only_whole_numbers_below_the_end_are_classes() {
        for (value, class) in [(0.0, Some(0)), (-0.0, Some(0)), (9.0, Some(9)), (10.0, None)] {
            assert_eq!(class_of(value, 10), class, "{value}");
        }
        for value in [0.5, -1.0, -0.1, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 1e30] {
            assert_eq!(class_of(value, 10), None, "{value}");
        }
        assert_eq!(class_of(0.0, 0), None);
    }

    #[test]
    fn every_row_is_visited_once_with_its_own_gradient() {
        for (rows, columns) in [(0, 3), (1, 0), (5, 0), (7, 3), (20_000, 3), (3, 20_000)] {
            let mut values = vec![usize::MAX; rows];
            let mut gradient: Vec<f32> = (0..rows * columns).map(|i| i as f32).collect();
            for_rows(columns, &mut values, Some(&mut gradient), |r, g| {
                assert_eq!(g.len(), columns);
                assert!(g.first().is_none_or(|&g| g == (r * columns) as f32));
                g.fill(-1.0);
                r
            });
            assert!(values.iter().copied().eq(0..rows), "{rows} {columns}");
            assert!(gradient.iter().all(|&g| g == -1.0));
            for_rows(columns, &mut values, None, |r, g| r + g.len() + 1);
            assert!(values.iter().copied().eq(1..=rows), "{rows} {columns}");
        }
    }
}
