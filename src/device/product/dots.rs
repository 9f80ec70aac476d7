//! Products of rows with rows, both along k: each element is a dot product, in lanes.
//!
//! For few rows and columns and a long k, where broadcast numbers would leave most lanes empty and both operands would have
//! to be turned: the gradient of a convolution's kernels.

use pulp::{Simd, WithSimd};

use super::tile::add_product;
use super::{Rows, Strided, dispatch};

/// Partial sums of an element, whatever the vectors' width, so that its bits do not depend on that: each in ascending k, then
/// added in pairs.
const LANES: usize = 16;

/// Adds A·Bᵀ to `sums`, A `[m, k]`, B `[n, k]`, the numbers of a row of either side by side. Returns false, and does nothing,
/// where a slice is too short.
#[must_use]
pub(crate) fn add_dots(shape: [usize; 3], sums: Rows<'_>, a: Strided<'_>, b: Strided<'_>) -> bool {
    let [m, n, k] = shape;
    let along = a.column_stride == 1 && b.column_stride == 1;
    if !along || !a.covers(m, k) || !b.covers(n, k) || !sums.hold(m, n) {
        return false;
    }
    if m > 0 && n > 0 && k > 0 {
        dispatch(pulp::Arch::new(), Dots { shape, sums, a, b });
    }
    true
}

struct Dots<'a> {
    shape: [usize; 3],
    sums: Rows<'a>,
    a: Strided<'a>,
    b: Strided<'a>,
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match S::F32_LANES {
            16 => self.tiles::<S, 1, 4, 4>(simd),
            8 => self.tiles::<S, 2, 2, 2>(simd),
            _ => self.tiles::<S, 4, 2, 2>(simd),
        }
    }
}

impl Dots<'_> {
    /// In tiles of R rows and C columns, G vectors making up the lanes.
    #[inline(always)]
    fn tiles<S: Simd, const G: usize, const R: usize, const C: usize>(self, simd: S) {
        let Dots { shape: [m, n, k], sums, a, b } = self;
        for row in (0..m).step_by(R) {
            for column in (0..n).step_by(C) {
                // Past the end the last ones are taken again, and left.
                let rows = std::array::from_fn(|r| line(a, (row + r).min(m - 1), k));
                let columns = std::array::from_fn(|c| line(b, (column + c).min(n - 1), k));
                let tile = simd.vectorize(Tile::<S, G, R, C> { simd, rows, columns });
                for (r, tile) in tile.iter().enumerate().take(m - row) {
                    let line = &mut sums.data[(row + r) * sums.stride..][..n];
                    line[column..].iter_mut().zip(tile).for_each(|(sum, x)| *sum += x);
                }
            }
        }
    }
}

#[inline(always)]
fn line(x: Strided<'_>, row: usize, k: usize) -> &[f32] {
    &x.data[row * x.row_stride..][..k]
}

struct Tile<'a, S, const G: usize, const R: usize, const C: usize> {
    simd: S,
    rows: [&'a [f32]; R],
    columns: [&'a [f32]; C],
}

impl<S: Simd, const G: usize, const R: usize, const C: usize> pulp::NullaryFnOnce
    for Tile<'_, S, G, R, C>
{
    type Output = [[f32; C]; R];

    #[inline(always)]
    fn call(self) -> Self::Output {
        let Tile { simd, rows, columns } = self;
        let mut sums = [[[simd.splat_f32s(0.0); G]; C]; R];
        // Indices, which the compiler unrolls into registers (see `tile`).
        macro_rules! add {
            ($a:expr, $b:expr) => {
                for g in 0..G {
                    for r in 0..R {
                        let x = S::as_simd_f32s($a(r)).0[g];
                        for c in 0..C {
                            let y = S::as_simd_f32s($b(c)).0[g];
                            sums[r][c][g] = add_product(simd, x, y, sums[r][c][g]);
                        }
                    }
                }
            };
        }
        let depth = rows[0].len();
        let whole = depth - depth % LANES;
        for k in (0..whole).step_by(LANES) {
            add!(|r: usize| &rows[r][k..k + LANES], |c: usize| &columns[c][k..k + LANES]);
        }
        if whole < depth {
            let filled = |line: &[f32]| {
                let mut lanes = [0.0; LANES];
                lanes[..depth - whole].copy_from_slice(&line[whole..]);
                lanes
            };
            let (a, b) = (rows.map(filled), columns.map(filled));
            add!(|r: usize| &a[r][..], |c: usize| &b[c][..]);
        }
        let done = sums;
        std::array::from_fn(|r| std::array::from_fn(|c| in_pairs(&done[r][c])))
    }
}

#[inline(always)]
fn in_pairs<V: bytemuck::Pod>(vectors: &[V]) -> f32 {
    let mut lanes = [0.0; LANES];
    lanes.copy_from_slice(bytemuck::cast_slice(vectors));
    for half in [8, 4, 2, 1] {
        for i in 0..half {
            lanes[i] += lanes[i + half];
        }
    }
    lanes[0]
}
