//! NumPy's `.npy` files of f32 arrays: states to start from, samples, features and maps to keep.

use std::path::Path;

use npyz::WriterBuilder;

pub use crate::data::{NpyMatrix, read_matrix as read};
use crate::error::{Error, Result};
use crate::run::atomic::AtomicFile;
use crate::shape::product;

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
    if product(dims) != Some(values.len()) {
        let detail = format!("{} values do not fill {dims:?}", values.len());
        return Err(Error::shape("write npy", detail));
    }
    let mut file = NpyFile::create(path.as_ref(), dims)?;
    file.extend(values)?;
    file.finish()
}

/// A file of f32 that is written piece by piece, and appears once it is whole.
#[derive(Debug)]
pub struct NpyFile {
    file: AtomicFile,
    dims: Vec<usize>,
    written: usize,
}

impl NpyFile {
    /// An array of these sizes.
    ///
    /// # Errors
    /// [`Error::Io`] if the file cannot be written.
    pub fn create(path: &Path, dims: &[usize]) -> Result<Self> {
        let shape: Vec<u64> = dims.iter().map(|&d| d as u64).collect();
        let mut file = AtomicFile::create(path)?;
        file.write(|out| {
            // The header alone: values follow as their bytes.
            let options = npyz::WriteOptions::<f32>::new().default_dtype().shape(&shape);
            options.writer(out).begin_nd().map(drop)
        })?;
        Ok(NpyFile { file, dims: dims.to_vec(), written: 0 })
    }

    /// Appends values.
    ///
    /// # Errors
    /// [`Error::Io`] if they cannot be written.
    pub fn extend(&mut self, values: &[f32]) -> Result<()> {
        self.written += values.len();
        self.file.write(|out| out.write_all(bytemuck::cast_slice(values)))
    }

    /// Puts the file in its place.
    ///
    /// # Errors
    /// [`Error::Shape`] if there are not as many values as the sizes say; [`Error::Io`].
    pub fn finish(self) -> Result<()> {
        let NpyFile { file, dims, written } = self;
        if product(&dims) != Some(written) {
            return Err(Error::shape(
                "write npy",
                format!("{written} values do not fill {dims:?}"),
            ));
        }
        file.finish()
    }
}
