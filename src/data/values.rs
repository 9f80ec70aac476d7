//! Numbers in the smallest form that holds their source without loss.

use std::fmt;

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::shape::product;

/// Values of N cases × D, row by row, in the smallest form that holds their source without loss.
#[derive(Clone, PartialEq)]
pub enum Values {
    /// Binary values, one byte of 0 or 1 each.
    Bits(Vec<u8>),
    /// Bytes; the value is `x as f32 * scale`.
    U8 {
        /// The bytes.
        values: Vec<u8>,
        /// What one unit is worth: 1/255 for pictures, 1/16 for the bundled digits.
        scale: f32,
    },
    /// Any finite numbers.
    F32(Vec<f32>),
}

/// The number up to which f32 counts whole.
pub(super) const EXACT: f32 = (1u32 << 24) as f32;

/// Where the first such value is. Blocks are searched whole, because rayon's own search asks at each
/// element whether to stop: sampling MNIST's 47 million pixels took 1.0 s with it and takes 0.16 s so.
pub(super) fn first<T: Copy + Sync>(
    values: &[T],
    found: impl Fn(T) -> bool + Sync,
) -> Option<usize> {
    const BLOCK: usize = 1 << 14;
    let any = |block: &[T]| block.iter().fold(false, |any, &x| any | found(x));
    let block = values.par_chunks(BLOCK).position_first(any)?;
    let begin = block * BLOCK;
    values[begin..].iter().position(|&x| found(x)).map(|k| begin + k)
}

/// Room for values of these sizes: what does not fit in memory is an error of `what` needs them.
pub(crate) fn reserved<T>(what: &str, sizes: &[usize]) -> Result<Vec<T>> {
    let mut values = Vec::new();
    match product(sizes).map(|n| values.try_reserve_exact(n)) {
        Some(Ok(())) => Ok(values),
        _ => {
            let sizes: Vec<String> = sizes.iter().map(usize::to_string).collect();
            let detail = format!("{} values do not fit in memory", sizes.join(" × "));
            Err(Error::data(what, detail))
        }
    }
}

impl Values {
    /// Bits where every number is 0 or 1, else the numbers themselves.
    pub fn from_floats(values: Vec<f32>) -> Self {
        if first(&values, |x| x != 0.0 && x != 1.0).is_none() {
            Values::Bits(values.iter().map(|&x| u8::from(x == 1.0)).collect())
        } else {
            Values::F32(values)
        }
    }

    /// These, and then more: of one kind as such, else as numbers.
    pub(super) fn append(self, more: Values) -> Values {
        fn joined<T>(mut all: Vec<T>, mut more: Vec<T>) -> Vec<T> {
            all.append(&mut more);
            all
        }
        match (self, more) {
            (Values::Bits(all), Values::Bits(more)) => Values::Bits(joined(all, more)),
            (Values::U8 { values, scale }, Values::U8 { values: more, scale: other })
                if scale == other =>
            {
                Values::U8 { values: joined(values, more), scale }
            }
            (all, more) => Values::F32(joined(all.into_floats(), more.into_floats())),
        }
    }

    fn into_floats(self) -> Vec<f32> {
        match self {
            Values::Bits(v) => v.into_iter().map(f32::from).collect(),
            Values::U8 { values, scale } => {
                values.into_iter().map(|x| f32::from(x) * scale).collect()
            }
            Values::F32(v) => v,
        }
    }

    /// Room for so many values in all.
    pub(super) fn reserve(&mut self, values: usize) {
        match self {
            Values::Bits(v) | Values::U8 { values: v, .. } => {
                v.reserve_exact(values.saturating_sub(v.len()));
            }
            Values::F32(v) => v.reserve_exact(values.saturating_sub(v.len())),
        }
    }

    /// How many values.
    pub fn len(&self) -> usize {
        match self {
            Values::Bits(v) => v.len(),
            Values::U8 { values, .. } => values.len(),
            Values::F32(v) => v.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// CRC-32 of the values as they are held: it tells changed data from the same.
    pub fn checksum(&self) -> u32 {
        match self {
            Values::Bits(v) | Values::U8 { values: v, .. } => crc32fast::hash(v),
            Values::F32(v) => crc32fast::hash(bytemuck::cast_slice(v)),
        }
    }

    /// `bits`, `u8` or `f32`.
    pub fn kind(&self) -> &'static str {
        match self {
            Values::Bits(_) => "bits",
            Values::U8 { .. } => "u8",
            Values::F32(_) => "f32",
        }
    }
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} × {}", self.len(), self.kind())
    }
}

#[cfg(test)]
mod tests {
    use super::reserved;

    #[test]
    fn sizes_beyond_memory_are_refused_with_both() {
        for sizes in [[usize::MAX, 2], [1 << 32, 1 << 32], [usize::MAX, 1]] {
            let text = reserved::<f32>("select", &sizes).unwrap_err().to_string();
            assert!(text.contains(&format!("{} × {}", sizes[0], sizes[1])), "{text}");
        }
        assert!(reserved::<f32>("select", &[0, usize::MAX]).unwrap().is_empty());
    }
}
