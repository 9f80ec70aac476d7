//! NumPy's `.npy` files of f32 matrices: states to start from, samples and features to keep.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use npyz::{NpyHeader, WriterBuilder};

use crate::error::{Error, Result};
use crate::run::atomic;

/// A matrix `[rows, columns]`, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct NpyMatrix {
    /// N.
    pub rows: usize,
    /// D.
    pub columns: usize,
    /// N · D values.
    pub values: Vec<f32>,
}

/// No header of an array of numbers is longer; a longer one is not read into memory.
const LONGEST_HEADER: usize = 4096;

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

/// Reads `[N, D]`, or images `[N, H, W]` as `[N, H·W]`, of f32, f64, u8 or bool, in C or Fortran
/// order.
///
/// # Errors
/// [`Error::Io`] if the file cannot be read; [`Error::File`] for one that is not `.npy`, another
/// shape or element type, a size that its header gets wrong, or a value that is not a finite f32.
pub fn read(path: impl AsRef<Path>) -> Result<NpyMatrix> {
    let path = path.as_ref();
    let io_error = |e| Error::io("read", path, e);
    let file = File::open(path).map_err(io_error)?;
    let file_length = file.metadata().map_err(io_error)?.len();
    let mut reader = BufReader::new(file);
    let header_bytes = header_bytes(path, &mut reader)?;
    let header = NpyHeader::from_reader(&header_bytes[..])
        .map_err(|e| Error::file(path, "header", e.to_string()))?;
    let (rows, columns) = matrix_shape(path, header.shape())?;
    let count = rows * columns;

    let element = header.dtype().descr();
    let size = match element.trim_matches('\'') {
        "<f4" | ">f4" => 4,
        "<f8" | ">f8" => 8,
        "|u1" | "|b1" => 1,
        _ => {
            let detail = format!("element type {element}, expected f32, f64, u8 or bool");
            return Err(Error::file(path, "header", detail));
        }
    };
    let held = file_length.saturating_sub(header_bytes.len() as u64);
    if (count as u64).checked_mul(size) != Some(held) {
        let detail = format!(
            "shape {:?} of {element} takes {} bytes, the file holds {held}",
            header.shape(),
            count as u128 * u128::from(size)
        );
        return Err(Error::file(path, format!("byte {}", header_bytes.len()), detail));
    }
    let strides = header.strides().to_vec();
    let width = header.shape().last().map_or(1, |&d| d as usize).max(1);
    let stored = values(header, reader, element.trim_matches('\'')).map_err(io_error)?;
    let stride = |axis: usize| strides.get(axis).map_or(0, |&s| s as usize);
    let source = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        match strides.len() {
            3 => row * stride(0) + column / width * stride(1) + column % width * stride(2),
            _ => row * stride(0) + column * stride(1),
        }
    };
    let values: Vec<f32> = (0..count).map(|at| stored[source(at)]).collect();
    if let Some(at) = values.iter().position(|x| !x.is_finite()) {
        let place = format!("row {}, column {}", at / columns, at % columns);
        return Err(Error::file(path, place, "the value is not a finite f32"));
    }
    Ok(NpyMatrix { rows, columns, values })
}

fn values(header: NpyHeader, reader: impl Read, element: &str) -> io::Result<Vec<f32>> {
    let file = npyz::NpyFile::with_header(header, reader);
    Ok(match element {
        "<f8" | ">f8" => file.into_vec::<f64>()?.into_iter().map(|x| x as f32).collect(),
        "|u1" => file.into_vec::<u8>()?.into_iter().map(f32::from).collect(),
        "|b1" => file.into_vec::<bool>()?.into_iter().map(f32::from).collect(),
        _ => file.into_vec::<f32>()?,
    })
}

/// The bytes up to the data, safe to parse: npyz allocates whatever length a header claims, multiplies
/// its sizes unchecked, and descends as deep as its brackets nest.
fn header_bytes(path: &Path, reader: &mut impl Read) -> Result<Vec<u8>> {
    let fail = |place: &str, detail: String| Err(Error::file(path, place, detail));
    let mut bytes = Vec::new();
    let mut take = |bytes: &mut Vec<u8>, n: usize| {
        reader.take(n as u64).read_to_end(bytes).map_err(|e| Error::io("read", path, e))
    };
    take(&mut bytes, 8)?;
    if !bytes.starts_with(b"\x93NUMPY") || bytes.len() < 8 {
        return fail("byte 0", "no .npy file: it does not begin with \\x93NUMPY".into());
    }
    let width = if bytes[6] == 1 { 2 } else { 4 };
    take(&mut bytes, width)?;
    let length = bytes[8..].iter().rev().fold(0usize, |n, &byte| n << 8 | usize::from(byte));
    if length > LONGEST_HEADER {
        let detail = format!("the header claims {length} bytes, expected at most {LONGEST_HEADER}");
        return fail("byte 8", detail);
    }
    let start = bytes.len();
    if start < 8 + width || take(&mut bytes, length)? < length {
        return fail("byte 8", "the file ends inside its header".into());
    }
    let text = &bytes[start..];
    if text.iter().filter(|&byte| b"([{".contains(byte)).count() > 16 {
        return fail("header", "too many brackets for an array of numbers".into());
    }
    let numbers = text.split(|byte| !byte.is_ascii_digit()).filter(|digits| !digits.is_empty());
    let product = numbers
        .map(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok())
        .try_fold(1u64, |product, number| product.checked_mul(number?.max(1)));
    if product.is_none_or(|product| product > i64::MAX as u64) {
        return fail("header", "the shape is larger than any file".into());
    }
    Ok(bytes)
}

fn matrix_shape(path: &Path, shape: &[u64]) -> Result<(usize, usize)> {
    let sizes: Option<Vec<usize>> = shape.iter().map(|&d| usize::try_from(d).ok()).collect();
    let matrix = match sizes.as_deref() {
        Some(&[rows, columns]) => Some((rows, columns)),
        Some(&[rows, height, width]) => height.checked_mul(width).map(|columns| (rows, columns)),
        _ => None,
    };
    match matrix {
        Some((rows, columns)) if rows.checked_mul(columns).is_some() => Ok((rows, columns)),
        _ => Err(Error::file(
            path,
            "header",
            format!("shape {shape:?}, expected [cases, values] or [cases, height, width]"),
        )),
    }
}
