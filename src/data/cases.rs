//! The values of a data set: N cases of D numbers.

use std::fmt;
use std::sync::Arc;

use rayon::prelude::*;

use super::numbers::Numbers;
use super::values::{Values, first, reserved};
use crate::error::{Error, Result};
use crate::shape::product;

/// Sums over cases are taken by blocks of so many.
const BLOCK: usize = 4096;

/// N cases (rows) of D values (columns), all finite. Cases and columns count from 0.
///
/// ```
/// use harmonium::data::{Cases, Values};
/// let cases = Cases::new(Values::U8 { values: vec![0, 255, 255, 255], scale: 1.0 / 255.0 }, 2, 2)?;
/// assert_eq!((cases.len(), cases.width()), (2, 2));
/// assert_eq!(cases.row(0), [0.0, 1.0]);
/// assert_eq!(cases.means(), [0.5, 1.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Cases {
    values: Values,
    n: usize,
    d: usize,
    numbers: Numbers,
    /// How much each case of the source counts, by its number.
    weights: Option<Arc<Vec<f32>>>,
}

impl fmt::Debug for Cases {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cases({} × {}, {})", self.n, self.d, self.values.kind())
    }
}

/// One row, whatever holds it.
#[derive(Clone, Copy)]
enum Row<'a> {
    Bits(&'a [u8]),
    U8(&'a [u8], f32),
    F32(&'a [f32]),
}

impl Row<'_> {
    #[inline]
    fn for_each(self, mut f: impl FnMut(usize, f32)) {
        match self {
            Row::Bits(r) => r.iter().enumerate().for_each(|(j, &x)| f(j, f32::from(x))),
            Row::U8(r, s) => r.iter().enumerate().for_each(|(j, &x)| f(j, f32::from(x) * s)),
            Row::F32(r) => r.iter().enumerate().for_each(|(j, &x)| f(j, x)),
        }
    }
}

impl Cases {
    /// `n` cases of `d` values each: 1 ≤ n < 2³², 1 ≤ d < 2³¹. Case `i` is number `i` of its source.
    ///
    /// # Errors
    /// [`Error::Data`] where n or d is 0 or too large, n·d is not the number of values, a bit is neither 0
    /// nor 1, a scale is not positive and finite, or a number is NaN or infinite (with case and column).
    pub fn new(values: Values, n: usize, d: usize) -> Result<Self> {
        let refuse = |detail: String| Err(Error::data("cases", detail));
        if n == 0 || d == 0 {
            return refuse(format!("{n} cases of {d} values are an empty set"));
        }
        if u32::try_from(n).is_err() || i32::try_from(d).is_err() {
            return refuse(format!(
                "{n} cases of {d} values: at most 4294967295 cases of 2147483647 values"
            ));
        }
        if product(&[n, d]) != Some(values.len()) {
            return refuse(format!("{n} cases of {d} need n·d values, found {}", values.len()));
        }
        let bad = match &values {
            Values::Bits(v) => first(v, |x| x > 1),
            Values::F32(v) => first(v, |x| !x.is_finite()),
            Values::U8 { scale, .. } if !(scale.is_finite() && *scale > 0.0) => {
                return refuse(format!("the scale is {scale}; it must be positive and finite"));
            }
            Values::U8 { .. } => None,
        };
        let cases = Cases { values, n, d, numbers: Numbers::From(0), weights: None };
        match bad {
            Some(k) => {
                let x = cases.row(k / d)[k % d];
                refuse(format!(
                    "case {}, column {} is {x}; expected {}",
                    k / d,
                    k % d,
                    if matches!(cases.values, Values::Bits(_)) {
                        "0 or 1"
                    } else {
                        "a finite number"
                    }
                ))
            }
            None => Ok(cases),
        }
    }

    /// N, the number of cases.
    pub fn len(&self) -> usize {
        self.n
    }

    /// Whether there is no case: only a selection can be empty.
    pub fn is_empty(&self) -> bool {
        self.n == 0
    }

    /// D, the number of values in a case.
    pub fn width(&self) -> usize {
        self.d
    }

    /// The values, row by row, as they are held.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// The number of case `i` in its source: what is drawn for it is drawn by that number, so that it is
    /// the same in a part of the source as in the whole.
    ///
    /// ```
    /// use harmonium::data;
    /// let digits = data::load("digits")?.train.cases;
    /// let picked = digits.select(&[7, 1200])?;
    /// assert_eq!((digits.number(7), picked.number(0), picked.number(1)), (7, 7, 1200));
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    pub fn number(&self, i: usize) -> u32 {
        self.numbers.of(i)
    }

    /// The same cases as the source's first: numbered 0, 1, 2 …
    pub(super) fn numbered_anew(self) -> Cases {
        Cases { numbers: Numbers::From(0), weights: None, ..self }
    }

    /// The same cases by these numbers in their source, one for each.
    pub(super) fn numbered(self, numbers: Vec<u32>) -> Cases {
        Cases { numbers: Numbers::of_each(numbers), ..self }
    }

    /// The values, row by row, as they are held.
    pub(super) fn into_values(self) -> Values {
        self.values
    }

    /// The same cases with a weight for each.
    pub(super) fn weighted(self, weights: Vec<f32>) -> Cases {
        // By the numbers of a source of which these are all.
        Cases { weights: Some(Arc::new(weights)), ..self.numbered_anew() }
    }

    /// Whether cases differ in how much they count.
    pub fn has_weights(&self) -> bool {
        self.weights.is_some()
    }

    /// How much case `i` counts: 1 without weights.
    pub fn weight(&self, i: usize) -> f64 {
        let of = |weights: &Arc<Vec<f32>>| weights.get(self.number(i) as usize).copied();
        self.weights.as_ref().map_or(1.0, |weights| of(weights).map_or(0.0, f64::from))
    }

    /// The sum of the weights: the number of cases without.
    pub(super) fn total_weight(&self) -> f64 {
        match self.has_weights() {
            true => (0..self.n).map(|i| self.weight(i)).sum(),
            false => self.n as f64,
        }
    }

    pub(crate) fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// The same cases as `source` with other values: as many of them, by the same numbers.
    ///
    /// # Errors
    /// As [`Cases::new`], but an empty selection stays one.
    pub(crate) fn instead_of(source: &Cases, values: Values, d: usize) -> Result<Cases> {
        let mut cases = match source.n {
            0 => Cases::new(Values::Bits(vec![0; d]), 1, d)?.limit(0),
            n => Cases::new(values, n, d)?,
        };
        cases.numbers = source.numbers.clone();
        cases.weights = source.weights.clone();
        Ok(cases)
    }

    fn raw_row(&self, i: usize) -> Row<'_> {
        let range = if i < self.n { i * self.d..(i + 1) * self.d } else { 0..0 };
        match &self.values {
            Values::Bits(v) => Row::Bits(&v[range]),
            Values::U8 { values, scale } => Row::U8(&values[range], *scale),
            Values::F32(v) => Row::F32(&v[range]),
        }
    }

    /// Puts case `i` into `out`, replacing what was there; nothing where there is no case `i`.
    pub fn row_f32(&self, i: usize, out: &mut Vec<f32>) {
        out.clear();
        self.raw_row(i).for_each(|_, x| out.push(x));
    }

    /// Case `i`; empty where there is no such case.
    pub fn row(&self, i: usize) -> Vec<f32> {
        let mut out = Vec::with_capacity(self.d);
        self.row_f32(i, &mut out);
        out
    }

    /// All N·D values as f32. This takes 4·N·D bytes, four times what bits and bytes take here: prefer rows.
    pub fn to_f32(&self) -> Vec<f32> {
        match &self.values {
            Values::Bits(v) => v.par_iter().map(|&x| f32::from(x)).collect(),
            Values::U8 { values, scale } => {
                values.par_iter().map(|&x| f32::from(x) * scale).collect()
            }
            Values::F32(v) => v.clone(),
        }
    }

    /// The named cases, in that order; a case may be named more than once, and none at all is allowed.
    ///
    /// # Errors
    /// [`Error::Data`] for an index that is no case, and for more cases than memory holds.
    pub fn select(&self, indices: &[u32]) -> Result<Cases> {
        if let Some(&i) = indices.iter().find(|&&i| i as usize >= self.n) {
            return Err(Error::data("select", format!("case {i} asked for, of {}", self.n)));
        }
        fn pick<T: Copy>(values: &[T], d: usize, indices: &[u32]) -> Result<Vec<T>> {
            let mut out = reserved("select", &[indices.len(), d])?;
            for &i in indices {
                out.extend_from_slice(&values[i as usize * d..(i as usize + 1) * d]);
            }
            Ok(out)
        }
        let values = match &self.values {
            Values::Bits(v) => Values::Bits(pick(v, self.d, indices)?),
            Values::U8 { values, scale } => {
                Values::U8 { values: pick(values, self.d, indices)?, scale: *scale }
            }
            Values::F32(v) => Values::F32(pick(v, self.d, indices)?),
        };
        let (numbers, weights) = (self.numbers.pick(indices), self.weights.clone());
        Ok(Cases { values, n: indices.len(), d: self.d, numbers, weights })
    }

    /// The first `n` cases, or all where there are fewer.
    pub fn limit(mut self, n: usize) -> Cases {
        if n < self.n {
            match &mut self.values {
                Values::Bits(v) | Values::U8 { values: v, .. } => {
                    v.truncate(n * self.d);
                    v.shrink_to_fit();
                }
                Values::F32(v) => {
                    v.truncate(n * self.d);
                    v.shrink_to_fit();
                }
            }
            self.numbers.limit(n);
            self.n = n;
        }
        self
    }

    /// Sums `f(column, value)` over the cases by their weights, in f64: exact for bits, and the same whatever the number of
    /// threads, since the blocks are fixed and added in order.
    pub(super) fn column_sums(&self, f: impl Fn(usize, f32) -> f64 + Sync) -> Vec<f64> {
        let blocks: Vec<Vec<f64>> = (0..self.n.div_ceil(BLOCK))
            .into_par_iter()
            .map(|block| {
                let mut sums = vec![0.0; self.d];
                for i in block * BLOCK..((block + 1) * BLOCK).min(self.n) {
                    let weight = self.weight(i);
                    self.raw_row(i).for_each(|j, x| sums[j] += weight * f(j, x));
                }
                sums
            })
            .collect();
        let mut total = vec![0.0; self.d];
        for block in blocks {
            total.iter_mut().zip(block).for_each(|(t, s)| *t += s);
        }
        total
    }

    pub(super) fn means_f64(&self) -> Vec<f64> {
        let n = self.total_weight().max(f64::MIN_POSITIVE);
        self.column_sums(|_, x| f64::from(x)).into_iter().map(|s| s / n).collect()
    }

    pub(super) fn deviations_f64(&self, means: &[f64]) -> Vec<f64> {
        let n = self.total_weight().max(f64::MIN_POSITIVE);
        let squares = self.column_sums(|j, x| {
            let difference = f64::from(x) - means[j];
            difference * difference
        });
        squares.into_iter().map(|s| (s / n).sqrt()).collect()
    }

    /// The mean of each column by the cases' weights, accumulated in f64; zeros for an empty selection.
    pub fn means(&self) -> Vec<f32> {
        self.means_f64().into_iter().map(|m| m as f32).collect()
    }

    /// The standard deviation of each column (of the population: divided by N), accumulated in f64 around
    /// the mean; 0 for a single case.
    pub fn deviations(&self) -> Vec<f32> {
        self.deviations_f64(&self.means_f64()).into_iter().map(|s| s as f32).collect()
    }

    /// The least and the greatest value; nothing for an empty selection.
    pub fn range(&self) -> Option<(f32, f32)> {
        // Blocks are searched whole, in vectors.
        fn of<T: Copy + Send + Sync + PartialOrd>(v: &[T]) -> Option<(T, T)> {
            let wider = |a: (T, T), b: (T, T)| {
                (if b.0 < a.0 { b.0 } else { a.0 }, if b.1 > a.1 { b.1 } else { a.1 })
            };
            let first = v.first().map(|&x| (x, x))?;
            let block = |block: &[T]| block.iter().fold(first, |range, &x| wider(range, (x, x)));
            v.par_chunks(1 << 14).map(block).reduce_with(wider)
        }
        match &self.values {
            Values::Bits(v) => of(v).map(|(a, b)| (f32::from(a), f32::from(b))),
            Values::U8 { values, scale } => {
                of(values).map(|(a, b)| (f32::from(a) * scale, f32::from(b) * scale))
            }
            Values::F32(v) => of(v),
        }
    }

    /// Whether every value is 0 or 1.
    pub fn is_binary(&self) -> bool {
        match &self.values {
            Values::Bits(_) => true,
            Values::U8 { values, scale } => first(values, |x| {
                let x = f32::from(x) * scale;
                x != 0.0 && x != 1.0
            })
            .is_none(),
            Values::F32(v) => first(v, |x| x != 0.0 && x != 1.0).is_none(),
        }
    }

    /// Checks that every value lies in [0, 1], as binary units and binarisation need; `name` is the data
    /// set's, for the message.
    ///
    /// # Errors
    /// [`Error::Data`] with the first case and column outside, and what to do.
    pub fn check_unit_interval(&self, name: &str) -> Result<()> {
        let outside = |x: f32| !(0.0..=1.0).contains(&x);
        let bad = match &self.values {
            Values::Bits(_) => None,
            Values::U8 { values, scale } => first(values, |x| outside(f32::from(x) * scale)),
            Values::F32(v) => first(v, outside),
        };
        let Some(k) = bad else { return Ok(()) };
        let (i, j) = (k / self.d, k % self.d);
        let (number, x) = (self.number(i), self.row(i)[j]);
        let scale = match (self.range(), &self.values) {
            // Of bytes the file's own numbers are known, which are what a scale divides.
            (Some((_, largest)), Values::U8 { scale, .. }) => {
                let number = (largest / scale).round();
                format!(
                    "the file's numbers run to {number}: --scale {number} divides by the largest"
                )
            }
            (Some((least, largest)), _) if least >= 0.0 => {
                format!(
                    "the values run from {least} to {largest}: --scale {largest} divides by the largest (times the scale that \
                     is given already, here or in the model's training, if one is)"
                )
            }
            (Some((least, largest)), _) => {
                format!(
                    "the values run from {least} to {largest}, and --scale does not mend negative ones: bring them into \
                     [0, 1] before, as (x - least) / (largest - least)"
                )
            }
            (None, _) => "scale the data".into(),
        };
        let detail = format!(
            "case {number}, column {j} is {x}, outside [0, 1] (counted from 0); networks, binary units and binarisation need \
             values in [0, 1]; {scale}"
        );
        Err(Error::data(name, detail))
    }
}
