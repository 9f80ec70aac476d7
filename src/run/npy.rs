//! NumPy's `.npy` files of f32 arrays: states to start from, samples, features and maps to keep.

use std::path::Path;

use npyz::WriterBuilder;

pub use crate::data::{NpyMatrix, read_matrix as read};
use crate::error::{Error, Result};
use crate::run::atomic;

/// Writes `values` as f32 `[rows, columns]`, atomically.
///
/// # Errors
/// [`Error::Shape`] if the lengths do not fit; [`Error::Io`] if the file cannot be written.
pub fn write(path: impl AsRef<Path>, values: &[f32], rows: usize, columns: usize) -> Result<()> {
    write_array(path, values, &[rows, columns])
}

/// Writes `values` as an f32 array of any rank, atomically.
///
/// # Errors
/// [`Error::Shape`] if the lengths do not fit; [`Error::Io`] if the file cannot be written.
pub fn write_array(path: impl AsRef<Path>, values: &[f32], dims: &[usize]) -> Result<()> {
    if dims.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) != Some(values.len()) {
        let detail = format!("{} values do not fill {dims:?}", values.len());
        return Err(Error::shape("write npy", detail));
    }
    let shape: Vec<u64> = dims.iter().map(|&d| d as u64).collect();
    atomic::write(path.as_ref(), |out| {
        let mut npy =
            npyz::WriteOptions::new().default_dtype().shape(&shape).writer(out).begin_nd()?;
        npy.extend(values.iter().copied())?;
        npy.finish()
    })
}
