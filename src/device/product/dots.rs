//! Products of rows with rows, both along k: each element is a dot product, in lanes.
//!
//! For few rows and columns and a long k, where broadcast numbers would leave most lanes empty and both operands would have
//! to be turned: the gradient of a convolution's kernels.

use pulp::{Simd, WithSimd};

use super::split::even;
use super::tile::add_product;
use super::{Rows, Windows, dispatch};

/// Partial sums of an element, whatever the vectors' width, so that its bits do not depend on that: each in ascending k within
/// each line of a window, then added in pairs.
const LANES: usize = 16;

/// Adds A·Bᵀ to `sums` `[m, n]`, of which each element is the dot product of a window of either side. Returns false, and does
/// nothing, where a slice is too short or the windows differ in size.
#[must_use]
pub(crate) fn add_dots(arch: pulp::Arch, sums: Rows<'_>, a: Windows<'_>, b: Windows<'_>) -> bool {
    let [m, n] = [a, b].map(|rows| rows.begins.len());
    if !a.hold() || !b.hold() || a.size != b.size || !sums.hold(m, n) {
        return false;
    }
    if m > 0 && n > 0 && a.len() > 0 {
        dispatch(arch, Dots { sums, a, b });
    }
    true
}

struct Dots<'a> {
    sums: Rows<'a>,
    a: Windows<'a>,
    b: Windows<'a>,
}

impl WithSimd for Dots<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Dots { sums: Rows { data, stride }, a, b } = self;
        // As many sums as leave registers for what is loaded.
        let [most_rows, most_columns] = match S::F32_LANES {
            16 => [5, 4],
            8 => [3, 2],
            _ => [2, 2],
        };
        for rows in even(0..a.begins.len(), most_rows, 1) {
            for columns in even(0..b.begins.len(), most_columns, 1) {
                let size = [rows.len(), columns.len()];
                let a = Windows { begins: &a.begins[rows.clone()], ..a };
                let b = Windows { begins: &b.begins[columns.clone()], ..b };
                let sums = &mut data[rows.start * stride + columns.start..];
                Tile { a, b, sums, stride }.run(simd, size);
            }
        }
    }
}

/// Of some rows and columns.
struct Tile<'a> {
    a: Windows<'a>,
    b: Windows<'a>,
    sums: &'a mut [f32],
    stride: usize,
}

impl Tile<'_> {
    #[inline(always)]
    fn run<S: Simd>(self, simd: S, size: [usize; 2]) {
        macro_rules! sized {
            ($g:literal: $($r:literal $c:literal),*) => {
                match size {
                    $([$r, $c] => simd.vectorize(Sized::<S, $g, $r, $c>(simd, self)),)*
                    _ => {}
                }
            };
        }
        match S::F32_LANES {
            16 => {
                sized!(1: 1 1, 1 2, 1 3, 1 4, 2 1, 2 2, 2 3, 2 4, 3 1, 3 2, 3 3, 3 4, 4 1, 4 2, 4 3,
                4 4, 5 1, 5 2, 5 3, 5 4)
            }
            8 => sized!(2: 1 1, 1 2, 2 1, 2 2, 3 1, 3 2),
            _ => sized!(4: 1 1, 1 2, 2 1, 2 2),
        }
    }
}

/// With R rows and C columns, G vectors making up the lanes.
struct Sized<'a, S, const G: usize, const R: usize, const C: usize>(S, Tile<'a>);

impl<S: Simd, const G: usize, const R: usize, const C: usize> pulp::NullaryFnOnce
    for Sized<'_, S, G, R, C>
{
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Sized(simd, Tile { a, b, sums: out, stride }) = self;
        let mut sums = [[[simd.splat_f32s(0.0); G]; C]; R];
        // Indices, which the compiler unrolls into registers (see `tile`).
        macro_rules! add {
            ($line:ident, $g:ident => $vector:expr, $rows:ident, $columns:ident) => {
                for $g in 0..G {
                    for r in 0..R {
                        let $line = $rows[r];
                        let x = $vector;
                        for c in 0..C {
                            let $line = $columns[c];
                            sums[r][c][$g] = add_product(simd, x, $vector, sums[r][c][$g]);
                        }
                    }
                }
            };
        }
        let [height, width] = a.size;
        let whole = width - width % LANES;
        // What is left of a line are the last lanes of a vector that ends with it.
        let keep: [u32; LANES] =
            std::array::from_fn(|lane| if lane + width % LANES < LANES { 0 } else { !0 });
        let keep = S::as_simd_u32s(&keep).0;
        for i in 0..height {
            let lines: [&[f32]; R] = std::array::from_fn(|r| a.line(a.begins[r], i));
            let lines_across: [&[f32]; C] = std::array::from_fn(|c| b.line(b.begins[c], i));
            for k in (0..whole).step_by(LANES) {
                add!(line, g => S::as_simd_f32s(&line[k..k + LANES]).0[g], lines, lines_across);
            }
            if whole < width && whole > 0 {
                add!(line, g => {
                    let last = S::as_simd_f32s(&line[width - LANES..width]).0[g];
                    let kept = simd.and_u32s(simd.transmute_u32s_f32s(last), keep[g]);
                    simd.transmute_f32s_u32s(kept)
                }, lines, lines_across);
            } else if whole < width {
                let filled = |line: &[f32]| {
                    let mut lanes = [0.0; LANES];
                    lanes[LANES - width..].copy_from_slice(line);
                    lanes
                };
                let (lines, lines_across) = (lines.map(filled), lines_across.map(filled));
                add!(line, g => S::as_simd_f32s(&line).0[g], lines, lines_across);
            }
        }
        let done = sums;
        for r in 0..R {
            for c in 0..C {
                out[r * stride + c] += in_pairs(&done[r][c]);
            }
        }
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
