//! Shapes of tensors, and the only place where sizes are multiplied.

use std::fmt;

use crate::error::{Error, Result};

/// What is said of an array beyond what 32-bit indices reach.
pub(crate) const TOO_LARGE: &str = "more than 2147483647 elements";

/// The product of sizes, where it can be counted.
pub(crate) fn product(sizes: &[usize]) -> Option<usize> {
    sizes.iter().try_fold(1usize, |n, &size| n.checked_mul(size))
}

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
        match product(dims) {
            Some(n) if n <= i32::MAX as usize => {
                let mut sizes = [1; 4];
                sizes[..dims.len()].copy_from_slice(dims);
                Ok(Shape { sizes, rank: dims.len() as u8 })
            }
            _ => Err(Error::shape(op, format!("{dims:?} has {TOO_LARGE}; make it smaller"))),
        }
    }
}

/// A window that slides along one axis of a picture: a convolution kernel's side or a pool's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Values that it covers, at least 1.
    pub size: usize,
    /// Values from one position to the next, at least 1.
    pub stride: usize,
    /// Values added before the first and after the last.
    pub padding: usize,
    /// Distance of neighbouring values that it covers, at least 1.
    pub dilation: usize,
}

impl Window {
    /// How many positions the window has on `input` values:
    /// ⌊(input + 2·padding − dilation·(size − 1) − 1) / stride⌋ + 1. With `ceil` the quotient is rounded
    /// up, so that the last window may reach past the end, but none begins past the end of the input.
    ///
    /// ```
    /// use harmonium::shape::Window;
    /// let valid = Window { size: 16, stride: 1, padding: 0, dilation: 1 };
    /// assert_eq!(valid.positions("conv2d", "height", 256, false)?, 241);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Shape`], naming the axis, for a size, stride or dilation of 0 and for a window larger
    /// than the padded input.
    pub fn positions(
        &self,
        op: &'static str,
        axis: &str,
        input: usize,
        ceil: bool,
    ) -> Result<usize> {
        for (name, value) in
            [("size", self.size), ("stride", self.stride), ("dilation", self.dilation)]
        {
            if value == 0 {
                return Err(Error::shape(op, format!("the {axis}'s {name} is 0; use at least 1")));
            }
        }
        let span = self.dilation.checked_mul(self.size - 1).and_then(|n| n.checked_add(1));
        let padded = self.padding.checked_mul(2).and_then(|n| n.checked_add(input));
        let (Some(span), Some(padded)) = (span, padded) else {
            return Err(Error::shape(op, format!("the {axis}'s window {self:?} is too large")));
        };
        if span > padded {
            let padding = match self.padding {
                0 => String::new(),
                n => format!(" with {n} of padding on each side"),
            };
            return Err(Error::shape(
                op,
                format!(
                    "a window that spans {span} does not fit the {axis} of {input}{padding}; use a smaller \
                     window or more padding"
                ),
            ));
        }
        let steps = padded - span;
        let whole = steps / self.stride + 1;
        // One more where values are left over, unless it would begin past the end of the input.
        let next = whole.checked_mul(self.stride).filter(|_| steps % self.stride != 0);
        let more = ceil && next.is_some_and(|next| next < input + self.padding);
        Ok(whole + usize::from(more))
    }
}

impl Shape {
    /// The four sizes of a batch of pictures `[B, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for other ranks.
    pub fn pictures(&self, op: &'static str, name: &str) -> Result<[usize; 4]> {
        match *self.dims() {
            [b, c, h, w] => Ok([b, c, h, w]),
            _ => Err(Error::shape(
                op,
                format!("{name} is {self}, expected pictures [batch, channels, height, width]"),
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
