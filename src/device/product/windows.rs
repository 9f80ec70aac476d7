//! Products whose one operand is rows out of a picture, each where it lies: convolutions without patches that somebody has to
//! write first. The sums are those of [`product`](super::product), in the same order.

use pulp::{Simd, WithSimd};

use super::split::{LANES, even};
use super::task::{DEPTH, Scratch, aligned};
use super::tile::{self, Operands, Tile, Windows};
use super::{Rows, Strided, dispatch, pack};

/// `sums = A·X`, A `[m, k]`, its rows' numbers side by side; row t of X is the n numbers of `data` from `begins[t]` on. Rows of
/// sums and of X are taken to the next multiple of 16, and what is past n is to be left. Returns false, and does nothing,
/// where a slice is too short.
#[must_use]
pub(crate) fn multiply_placed(
    arch: pulp::Arch,
    [m, n]: [usize; 2],
    sums: Rows<'_>,
    a: Strided<'_>,
    data: &[f32],
    begins: &[usize],
) -> bool {
    let columns = n.next_multiple_of(LANES);
    let x = Windows { data, begins, step: 0, size: [1, columns] };
    if a.column_stride != 1 || !a.covers(m, begins.len()) || !x.hold() || !sums.hold(m, columns) {
        return false;
    }
    if begins.is_empty() {
        sums.each(columns).for_each(|row| row.fill(0.0));
    } else {
        dispatch(arch, Placed { size: [m, columns], sums, a, x });
    }
    true
}

struct Placed<'a> {
    size: [usize; 2],
    sums: Rows<'a>,
    a: Strided<'a>,
    x: Windows<'a>,
}

impl WithSimd for Placed<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Placed { size: [m, n], sums, a, x } = self;
        let ([most, vectors], lanes) = (tile::most::<S>(), S::F32_LANES);
        for depth in even(0..x.begins.len(), DEPTH, 1) {
            let begins = &x.begins[depth.clone()];
            for p in even(0..n / lanes, vectors, 1) {
                let y = &x.data[p.start * lanes..];
                for r in even(0..m, most, 1) {
                    let numbers = &a.data[r.start * a.row_stride + depth.start..];
                    let tile = Tile {
                        operands: Operands::Placed(numbers, a.row_stride, y, begins),
                        depth: depth.len(),
                        sums: &mut sums.data[r.start * sums.stride + p.start * lanes..],
                        stride: sums.stride,
                        begin: depth.start == 0,
                    };
                    tile.run(simd, [r.len(), p.len()]);
                }
            }
        }
    }
}

/// `out += A·B`: A's rows are windows, B `[k, n]`. Returns false, and does nothing, where a slice is too short.
#[must_use]
pub(crate) fn add_windows(
    arch: pulp::Arch,
    out: Rows<'_>,
    a: Windows<'_>,
    b: Strided<'_>,
    n: usize,
) -> bool {
    if !a.hold() || !b.covers(a.len(), n) || !out.hold(a.begins.len(), n) {
        return false;
    }
    if a.len() > 0 && n > 0 {
        Scratch::with(|scratch| dispatch(arch, Added { out, a, b, n, scratch }));
    }
    true
}

struct Added<'a> {
    out: Rows<'a>,
    a: Windows<'a>,
    b: Strided<'a>,
    n: usize,
    scratch: &'a mut Scratch,
}

impl WithSimd for Added<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Added { out, a, b, n, scratch } = self;
        let ([most, vectors], lanes) = (tile::most::<S>(), S::F32_LANES);
        let (m, k, stride) = (a.begins.len(), a.len(), n.next_multiple_of(lanes));
        let sums = aligned(&mut scratch.sums, m * stride);
        for p in even(0..stride / lanes, vectors, 1) {
            let (first, width) = (p.start * lanes, p.len() * lanes);
            let packed = aligned(&mut scratch.panels, k * width);
            pack::panel(simd, packed, b, first..(first + width).min(n), width);
            for r in even(0..m, most, 1) {
                let rows = Windows { begins: &a.begins[r.clone()], ..a };
                let tile = Tile {
                    operands: Operands::Windows(rows, packed),
                    depth: k,
                    sums: &mut sums[r.start * stride + first..],
                    stride,
                    begin: true,
                };
                tile.run(simd, [r.len(), p.len()]);
            }
        }
        for (out, sums) in out.each(n).zip(sums.chunks_exact(stride)) {
            out.iter_mut().zip(sums).for_each(|(out, sum)| *out += sum);
        }
    }
}
