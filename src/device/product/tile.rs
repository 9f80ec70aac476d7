//! The innermost loop: a tile of sums in registers.

// A copy by call would leave the tile in memory.
#![allow(clippy::manual_memcpy)]

use pulp::Simd;

/// x·y + sum, fused where the processor does it: software would take a hundred times as long.
#[inline(always)]
pub(super) fn add_product<S: Simd>(simd: S, x: S::f32s, y: S::f32s, sum: S::f32s) -> S::f32s {
    // Of what has four lanes only NEON fuses: the others are SSE2, which the compiler makes, and WebAssembly.
    if S::F32_LANES > 4 || cfg!(target_arch = "aarch64") {
        simd.mul_add_e_f32s(x, y, sum)
    } else {
        simd.add_f32s(simd.mul_f32s(x, y), sum)
    }
}

/// Where a tile's vectors come from: rows of `stride` numbers.
#[derive(Clone, Copy)]
pub(super) struct Vectors<'a> {
    pub data: &'a [f32],
    pub stride: usize,
}

/// Where a tile's broadcast numbers come from.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    /// `[depth][rows]`, so far from one depth to the next.
    Across(&'a [f32], usize),
    /// `[rows][depth]`, so far from one row to the next.
    Along(&'a [f32], usize),
}

/// Adds to sums `[rows, vectors]`, whose rows are `stride` apart, the products of x and y over `depth`, or begins with them.
pub(super) struct Tile<'a> {
    pub x: Numbers<'a>,
    pub y: Vectors<'a>,
    pub depth: usize,
    pub sums: &'a mut [f32],
    pub stride: usize,
    pub begin: bool,
}

impl Tile<'_> {
    /// With so many rows and vectors; a tile has at most 8×3 with 32 registers, 6×2 with 16.
    #[inline(always)]
    pub fn run<S: Simd>(self, simd: S, [rows, vectors]: [usize; 2]) {
        macro_rules! sized {
            ($v:literal: $($r:literal)*) => {
                match rows {
                    $($r => simd.vectorize(Sized::<S, $r, $v>(simd, self)),)*
                    _ => {}
                }
            };
        }
        if S::REGISTER_COUNT >= 32 {
            match vectors {
                1 => sized!(1: 1 2 3 4 5 6 7 8),
                2 => sized!(2: 1 2 3 4 5 6 7 8),
                _ => sized!(3: 1 2 3 4 5 6 7 8),
            }
        } else {
            match vectors {
                1 => sized!(1: 1 2 3 4 5 6),
                _ => sized!(2: 1 2 3 4 5 6),
            }
        }
    }
}

struct Sized<'a, S, const R: usize, const V: usize>(S, Tile<'a>);

impl<S: Simd, const R: usize, const V: usize> pulp::NullaryFnOnce for Sized<'_, S, R, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Sized(simd, Tile { x, y, depth, sums, stride, begin }) = self;
        let across = V * S::F32_LANES;
        let mut tile = [[simd.splat_f32s(0.0); V]; R];
        if !begin {
            for r in 0..R {
                let line = S::as_simd_f32s(&sums[r * stride..][..across]).0;
                for v in 0..V {
                    tile[r][v] = line[v];
                }
            }
        }
        // Indices, which the compiler unrolls into registers: iterators and closures leave the tile in memory.
        macro_rules! add {
            ($x:expr, $y:expr) => {
                for (x, y) in $x.zip($y).take(depth) {
                    for r in 0..R {
                        let x = simd.splat_f32s(x[r]);
                        for v in 0..V {
                            tile[r][v] = add_product(simd, x, y[v], tile[r][v]);
                        }
                    }
                }
            };
        }
        let packed = || S::as_simd_f32s(y.data).0.as_chunks::<V>().0.iter();
        let apart = || y.data.chunks(y.stride).map(|y| &S::as_simd_f32s(&y[..across]).0[..V]);
        match x {
            Numbers::Across(x, next) => {
                let x = x.chunks(next).map(|x| &x[..R]);
                if y.stride == across { add!(x, packed()) } else { add!(x, apart()) }
            }
            Numbers::Along(x, next) => {
                let lines: [&[f32]; R] = std::array::from_fn(|r| &x[r * next..][..depth]);
                let x = (0..depth).map(|k| -> [f32; R] { std::array::from_fn(|r| lines[r][k]) });
                if y.stride == across { add!(x, packed()) } else { add!(x, apart()) }
            }
        }
        for r in 0..R {
            let line = S::as_mut_simd_f32s(&mut sums[r * stride..][..across]).0;
            for v in 0..V {
                line[v] = tile[r][v];
            }
        }
    }
}
