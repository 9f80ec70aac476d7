//! Shapes of tensors, and the only place where sizes are multiplied.

use std::fmt;

use crate::error::{Error, Result};

/// Up to four dimensions, row-major, batch first: `[B, N]`, `[B, C, H, W]`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Shape {
    sizes: [usize; 4],
    rank: u8,
}

impl Shape {
    /// The dimensions.
    pub fn dims(&self) -> &[usize] {
        &self.sizes[..self.rank as usize]
    }

    /// How many dimensions.
    pub fn rank(&self) -> usize {
        self.rank as usize
    }

    /// How many elements; 1 for rank 0.
    pub fn len(&self) -> usize {
        self.dims().iter().product()
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The two sizes of a matrix; a vector `[n]` counts as `[1, n]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for other ranks.
    pub fn matrix(&self, op: &'static str, name: &str) -> Result<[usize; 2]> {
        match *self.dims() {
            [rows, columns] => Ok([rows, columns]),
            [n] => Ok([1, n]),
            _ => Err(Error::shape(
                op,
                format!("{name} is {self}, expected a matrix [rows, columns]"),
            )),
        }
    }

    /// Checks that the number of elements, and of 4-byte words, fits 32-bit indices (2³¹ − 1 at most).
    ///
    /// # Errors
    /// [`Error::Shape`] naming the product.
    pub fn checked(dims: &[usize], op: &'static str) -> Result<Self> {
        if dims.len() > 4 {
            return Err(Error::shape(
                op,
                format!("{} dimensions asked for, 4 at most", dims.len()),
            ));
        }
        let len = dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d));
        match len {
            Some(n) if n <= i32::MAX as usize => {
                let mut sizes = [1; 4];
                sizes[..dims.len()].copy_from_slice(dims);
                Ok(Shape { sizes, rank: dims.len() as u8 })
            }
            _ => Err(Error::shape(
                op,
                format!("{dims:?} has more than 2147483647 elements; split it"),
            )),
        }
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.dims())
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
