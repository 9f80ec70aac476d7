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

/// Rows of a picture's numbers: number `[i, j]` of row r is `data[begins[r] + i·step + j]`. Patches of a picture are such rows
/// of it, which nobody has to copy.
#[derive(Clone, Copy)]
pub(crate) struct Windows<'a> {
    pub data: &'a [f32],
    pub begins: &'a [usize],
    pub step: usize,
    /// Of i and j.
    pub size: [usize; 2],
}

impl<'a> Windows<'a> {
    /// Numbers of a row.
    pub fn len(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Whether every row lies within the data.
    pub fn hold(&self) -> bool {
        let [height, width] = self.size;
        let last = height.saturating_sub(1).saturating_mul(self.step).saturating_add(width);
        let first = self.begins.iter().max();
        self.len() == 0 || first.is_none_or(|begin| begin.saturating_add(last) <= self.data.len())
    }

    /// Of the row that begins there the numbers of this i.
    #[inline(always)]
    pub(super) fn line(&self, begin: usize, i: usize) -> &'a [f32] {
        &self.data[begin + i * self.step..][..self.size[1]]
    }
}

/// Where a tile's broadcast numbers come from.
#[derive(Clone, Copy)]
pub(super) enum Numbers<'a> {
    /// `[depth][rows]`, so far from one depth to the next.
    Across(&'a [f32], usize),
    /// `[rows][depth]`, so far from one row to the next.
    Along(&'a [f32], usize),
}

/// What a tile multiplies.
#[derive(Clone, Copy)]
pub(super) enum Operands<'a> {
    /// Numbers of each row, and rows of vectors.
    Plain(Numbers<'a>, Vectors<'a>),
    /// `[rows][depth]`, so far from one row to the next; and vectors that begin at a place of their own for each depth.
    Placed(&'a [f32], usize, &'a [f32], &'a [usize]),
    /// As many windows as rows; and vectors one after the other.
    Windows(Windows<'a>, &'a [f32]),
}

/// Adds to sums `[rows, vectors]`, whose rows are `stride` apart, the products of x and y over `depth`, or begins with them.
pub(super) struct Tile<'a> {
    pub operands: Operands<'a>,
    pub depth: usize,
    pub sums: &'a mut [f32],
    pub stride: usize,
    pub begin: bool,
}

/// Rows and vectors of the largest tile, which leaves a few registers for what it multiplies.
pub(super) const fn most<S: Simd>() -> [usize; 2] {
    if S::REGISTER_COUNT >= 32 { [8, 3] } else { [6, 2] }
}

impl Tile<'_> {
    /// With so many rows and vectors, [`most`] at most.
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

impl<'a, S: Simd, const R: usize, const V: usize> pulp::NullaryFnOnce for Sized<'a, S, R, V> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Sized(simd, Tile { operands, depth, sums, stride, begin }) = self;
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
        let packed = |y| S::as_simd_f32s(y).0.as_chunks::<V>().0.iter();
        let apart =
            |y: Vectors<'a>| y.data.chunks(y.stride).map(|y| &S::as_simd_f32s(&y[..across]).0[..V]);
        // The numbers of each depth, out of a line for each row.
        macro_rules! across_lines {
            ($lines:expr) => {{
                let lines: [&[f32]; R] = $lines;
                let count = lines[0].len();
                (0..count).map(move |k| -> [f32; R] { std::array::from_fn(|r| lines[r][k]) })
            }};
        }
        match operands {
            Operands::Plain(Numbers::Across(x, next), y) => {
                let x = x.chunks(next).map(|x| &x[..R]);
                if y.stride == across { add!(x, packed(y.data)) } else { add!(x, apart(y)) }
            }
            Operands::Plain(Numbers::Along(x, next), y) => {
                let x = across_lines!(std::array::from_fn(|r| &x[r * next..][..depth]));
                if y.stride == across { add!(x, packed(y.data)) } else { add!(x, apart(y)) }
            }
            Operands::Placed(x, next, y, begins) => {
                let x = across_lines!(std::array::from_fn(|r| &x[r * next..][..depth]));
                let at = |begin: &usize| &S::as_simd_f32s(&y[*begin..][..across]).0[..V];
                add!(x, begins.iter().map(at));
            }
            Operands::Windows(x, y) => {
                let begins: [usize; R] = std::array::from_fn(|r| x.begins[r]);
                for (i, y) in y.chunks(x.size[1] * across).enumerate() {
                    let x = across_lines!(begins.map(|begin| x.line(begin, i)));
                    add!(x, packed(y));
                }
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
