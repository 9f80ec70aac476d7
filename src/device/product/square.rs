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
    let from = *square;
    for (i, row) in square.iter_mut().enumerate() {
        for (x, column) in row.iter_mut().zip(&from) {
            *x = column[i];
        }
    }
}
