//! NumPy's `.npy` files of f32 matrices: states to start from, samples and features to keep.

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
    if rows.checked_mul(columns) != Some(values.len()) {
        let detail = format!("{} values do not fill [{rows}, {columns}]", values.len());
        return Err(Error::shape("write npy", detail));
    }
    atomic::write(path.as_ref(), |out| {
        let mut npy = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&[rows as u64, columns as u64])
            .writer(out)
            .begin_nd()?;
        npy.extend(values.iter().copied())?;
        npy.finish()
    })
}
