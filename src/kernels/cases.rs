//! What the kernels of one number per case share: its place among an epoch's numbers, desired classes,
//! sums over rows.

use std::ops::Range;

use rayon::prelude::*;

use super::GRAIN;
use crate::device::{Device, Gpu, Shader};
use crate::error::{Error, Result};
use crate::tensor::{Element, Tensor};

/// Where the numbers of a batch's cases go: into a tensor that gathers those of many batches.
#[derive(Debug)]
pub struct Place<'a> {
    pub(super) tensor: &'a mut Tensor,
    pub(super) first_row: usize,
}

impl<'a> Place<'a> {
    /// Into `tensor` from `first_row` on; what lies before and behind stays.
    pub fn at(tensor: &'a mut Tensor, first_row: usize) -> Self {
        Place { tensor, first_row }
    }

    /// The elements of `rows` cases: checks device, elements and room.
    pub(super) fn check(
        &self,
        op: &'static str,
        name: &str,
        element: Element,
        device: &Device,
        rows: usize,
    ) -> Result<Range<usize>> {
        let Place { tensor, first_row } = self;
        device.require_same(op, tensor.device())?;
        tensor.require(op, name, element)?;
        match first_row.checked_add(rows) {
            Some(end) if end <= tensor.shape().len() => Ok(*first_row..end),
            _ => Err(Error::shape(
                op,
                format!(
                    "{name} is {}, which has no room for {rows} cases from element {first_row} on; make it \
                     longer or begin earlier",
                    tensor.shape()
                ),
            )),
        }
    }
}

/// What a loss gives: one number a case, and its gradient where that is asked for.
#[derive(Debug)]
pub struct Losses<'a> {
    /// Where the losses go.
    pub loss: Place<'a>,
    /// Where the gradient goes.
    pub gradient: Option<&'a mut Tensor>,
    /// Factor of the gradient.
    pub scale: f32,
}

impl<'a> Losses<'a> {
    /// The cases' losses go into `loss` from `first_row` on.
    pub fn at(loss: &'a mut Tensor, first_row: usize) -> Self {
        Losses { loss: Place::at(loss, first_row), gradient: None, scale: 1.0 }
    }

    /// And `scale` times the gradient into `dx`.
    pub fn with_gradient(self, dx: &'a mut Tensor, scale: f32) -> Self {
        Losses { gradient: Some(dx), scale, ..self }
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
pub(crate) fn lanes(gpu: &Gpu, shader: &Shader, columns: usize) -> Result<u32> {
    let each = if gpu.is_software() { 256 } else { 8 };
    let workgroup = gpu.size(shader, "WORKGROUP")?;
    let wanted = (columns / each).clamp(1, workgroup as usize) as u32;
    Ok(wanted.next_power_of_two().min(workgroup))
}

/// Workgroups for `rows` rows by teams of `lanes`.
pub(crate) fn row_groups(gpu: &Gpu, shader: &Shader, rows: usize, lanes: u32) -> Result<u64> {
    Ok(super::groups(rows, gpu.size(shader, "WORKGROUP")? / lanes.max(1)))
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
pub(super) fn fold(
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
    fold_pairs(x, y, |x, y| (x - y) * (x - y))
}

/// Σ f(x, y) over two rows of one length.
#[inline(always)]
pub(super) fn fold_pairs(x: &[f32], y: &[f32], f: impl Fn(f32, f32) -> f32) -> f32 {
    let mut parts = [0.0f32; PARTS];
    let (xs, ys) = (x.chunks_exact(PARTS), y.chunks_exact(PARTS));
    let rest = xs.remainder().iter().zip(ys.remainder());
    let add = |p: &mut f32, x: &f32, y: &f32| *p += f(*x, *y);
    for (x, y) in xs.zip(ys) {
        for ((p, x), y) in parts.iter_mut().zip(x).zip(y) {
            add(p, x, y);
        }
    }
    parts.iter_mut().zip(rest).for_each(|(p, (x, y))| add(p, x, y));
    joined(parts, |a, b| a + b)
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
