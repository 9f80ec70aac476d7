//! Squares of numbers, turned over in registers where the processor can.

use pulp::Simd;

/// Rows and columns.
pub(super) const SIDE: usize = 16;

pub(super) type Square = [[f32; SIDE]; SIDE];

/// Makes rows of the columns.
#[inline(always)]
pub(super) fn turn<S: Simd>(simd: S, square: &mut Square) {
    #[cfg(target_arch = "x86_64")]
    if super::x86::turn(simd, square) {
        return;
    }
    let _ = simd;
    for i in 0..SIDE {
        for j in 0..i {
            (square[i][j], square[j][i]) = (square[j][i], square[i][j]);
        }
    }
}
