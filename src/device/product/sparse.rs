//! Rows that are mostly zeros: binary states, grey values of pictures, rectified or dropped units.

use std::ops::Range;

use pulp::Simd;

use super::tile::add_product;
pub(super) use super::zeros::DEPTH;
use super::zeros::{self, LINES};
use super::{Strided, Term};

/// The share of numbers other than zero up to which they are gathered, for the widest products: above, whole tiles are faster.
const MOST: f64 = 0.66;

/// So many columns fewer the search for zeros is worth.
fn searched() -> f64 {
    match pulp::Arch::new() {
        #[cfg(target_arch = "x86_64")]
        pulp::Arch::V3(_) | pulp::Arch::V4(_) => 14.0,
        _ => 40.0,
    }
}

/// Fewer columns never repay it.
const FEWEST_COLUMNS: usize = 32;
/// Nor do fewer rows: the other operand is read where it is then.
const FEWEST_ROWS: usize = 16;

/// Whether skipping zeros of A pays.
pub(super) fn pays([m, n]: [usize; 2], terms: &[Term<'_>]) -> bool {
    if n < FEWEST_COLUMNS || m < FEWEST_ROWS {
        return false;
    }
    let mut found = 0;
    for t in terms.iter().filter(|t| t.k > 1) {
        // A matrix without gaps is one run of numbers.
        let [row, column] = [t.a.row_stride, t.a.column_stride];
        if [row, column] != [t.k, 1] && [row, column] != [1, m] {
            return false;
        }
        found += count(&t.a.data[..m * t.k]);
    }
    let all: usize = terms.iter().map(|t| m * t.k).sum();
    (found as f64) < (MOST - searched() / n as f64) * all as f64
}

/// How many are not zero; where there are many among the first, all.
fn count(values: &[f32]) -> usize {
    let (first, rest) = values.split_at(values.len().min(1 << 12));
    let found = pulp::Arch::new().dispatch(Count(first));
    if found as f64 > 0.75 * first.len() as f64 {
        return values.len();
    }
    found + pulp::Arch::new().dispatch(Count(rest))
}

struct Count<'a>(&'a [f32]);

impl pulp::NullaryFnOnce for Count<'_> {
    type Output = usize;

    #[inline(always)]
    fn call(self) -> usize {
        let of = |part: &[f32]| part.iter().map(|x| u32::from(*x != 0.0)).sum::<u32>() as usize;
        self.0.chunks(1 << 12).map(of).sum()
    }
}

/// Whether a zero times any of these is zero.
#[inline(always)]
pub(super) fn are_finite(values: &[f32]) -> bool {
    let largest = values.iter().fold(0, |most, x| (x.to_bits() & 0x7fff_ffff).max(most));
    largest < f32::INFINITY.to_bits()
}

/// The numbers other than zero of some rows, row by row within each [`DEPTH`].
#[derive(Default)]
pub(super) struct Lists {
    places: Vec<u16>,
    values: Vec<f32>,
    /// Where each (depth, row) begins, and the end.
    starts: Vec<u32>,
    rows: usize,
}

impl Lists {
    /// Of rows `rows` of x, whose columns are `depth`.
    #[inline(always)]
    pub fn fill<S: Simd>(
        &mut self,
        simd: S,
        x: Strided<'_>,
        rows: Range<usize>,
        depth: Range<usize>,
    ) {
        self.rows = rows.len();
        let most = rows.len() * depth.len() + zeros::ROOM;
        if self.places.len() < most {
            self.places.resize(most, 0);
            self.values.resize(most, 0.0);
        }
        self.starts.clear();
        let mut turned = [[0.0; DEPTH]; LINES];
        let mut end = 0;
        for first in depth.clone().step_by(DEPTH) {
            let part = first..(first + DEPTH).min(depth.end);
            for first in rows.clone().step_by(LINES) {
                let lines = first..(first + LINES).min(rows.end);
                let mut length = part.len();
                if x.column_stride != 1 {
                    length = zeros::turn(simd, x, lines.clone(), part.clone(), &mut turned);
                }
                for (row, turned) in lines.zip(&turned) {
                    let line = match x.column_stride {
                        1 => &x.data[row * x.row_stride + part.start..][..length],
                        _ => &turned[..length],
                    };
                    self.starts.push(end as u32);
                    let places = self.places[end..].first_chunk_mut();
                    let values = self.values[end..].first_chunk_mut();
                    let (Some(places), Some(values)) = (places, values) else { continue };
                    end += zeros::search(simd, line, places, values);
                }
            }
        }
        self.starts.push(end as u32);
    }

    #[inline(always)]
    fn of(&self, part: usize, row: usize) -> (&[u16], &[f32]) {
        let at = part * self.rows + row;
        let range = self.starts[at] as usize..self.starts[at + 1] as usize;
        (&self.places[range.clone()], &self.values[range])
    }
}

/// The most vectors of a panel.
pub(super) const VECTORS: usize = 6;

/// Adds to sums, whose rows are `stride` apart, the products of the lists and a panel `[depth][vectors]`, or begins with them.
pub(super) struct Skipping<'a> {
    pub lists: &'a Lists,
    pub panel: &'a [f32],
    pub sums: &'a mut [f32],
    pub stride: usize,
    pub begin: bool,
}

impl Skipping<'_> {
    /// With a panel of so many vectors.
    #[inline(always)]
    pub fn run<S: Simd>(self, simd: S, vectors: usize) {
        macro_rules! sized {
            ($($v:literal)*) => {
                match vectors {
                    $($v => simd.vectorize(Sized::<S, $v>(simd, self)),)*
                    _ => {}
                }
            };
        }
        sized!(1 2 3 4 5 6);
    }
}

struct Sized<'a, S, const V: usize>(S, Skipping<'a>);

impl<S: Simd, const V: usize> pulp::NullaryFnOnce for Sized<'_, S, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Sized(simd, Skipping { lists, panel, sums, stride, begin }) = self;
        let panel = S::as_simd_f32s(panel).0.as_chunks::<V>().0;
        // A variable for each vector: the compiler leaves an array of them in memory.
        macro_rules! row {
            ($line:ident, $start:expr, $panel:ident, $places:ident, $values:ident: $($x:ident $v:literal)*) => {{
                let zero = simd.splat_f32s(0.0);
                $(let mut $x = if $start { zero } else { $line[$v] };)*
                for (place, value) in $places.iter().zip($values) {
                    let value = simd.splat_f32s(*value);
                    let y = &$panel[usize::from(*place)];
                    $($x = add_product(simd, value, y[$v], $x);)*
                }
                $($line[$v] = $x;)*
            }};
        }
        for (part, panel) in panel.chunks(DEPTH).enumerate() {
            let start = begin && part == 0;
            for row in 0..lists.rows {
                let line = S::as_mut_simd_f32s(&mut sums[row * stride..][..V * S::F32_LANES]).0;
                let (places, values) = lists.of(part, row);
                match V {
                    1 => row!(line, start, panel, places, values: a 0),
                    2 => row!(line, start, panel, places, values: a 0 b 1),
                    3 => row!(line, start, panel, places, values: a 0 b 1 c 2),
                    4 => row!(line, start, panel, places, values: a 0 b 1 c 2 d 3),
                    5 => row!(line, start, panel, places, values: a 0 b 1 c 2 d 3 e 4),
                    _ => row!(line, start, panel, places, values: a 0 b 1 c 2 d 3 e 4 f 5),
                }
            }
        }
    }
}
