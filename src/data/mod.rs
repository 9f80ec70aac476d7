//! Host arrays of cases, checked when read: idx, npy, csv, png and the bundled sets.
//!
//! [`load`] takes the name of a bundled set, a file or a folder, and gives a training part and, where the
//! source has one, a test part. Values are held as their source holds them, without loss:
//!
//! | source | held as | value |
//! |---|---|---|
//! | `digits` | u8, scale 1/16 | x/16 in [0, 1] |
//! | `fashion`, idx and npy of u8 | u8, scale 1/255 | x/255 in [0, 1] |
//! | u8 of nothing but 0 and 1 | bits, with a notice | 0 or 1 |
//! | npy of bool; floats of nothing but 0 and 1 | bits | 0 or 1 |
//! | idx and npy of f32, csv | f32 | as it stands |
//! | idx and npy of f64 | f32, with a notice | rounded |
//! | png of 8 bits or fewer without colours | u8, scale 1/255 | x/255 in [0, 1] |
//! | other png | f32 | brightness in [0, 1] |
//!
//! Nothing in a file is believed: a header is held against the file's length before anything large is
//! allocated, and what does not fit is an error with the path and the byte or line.
//!
//! What is fitted to the training part ([`Preprocessing`]) is stored with the model and applied again.

mod array;
mod bundled;
mod cases;
mod csv;
mod folder;
mod idx;
mod images;
mod input;
mod npy;
mod numbers;
mod picture_input;
mod png;
mod preprocessing;
mod set;
mod values;

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};
use input::Input;

pub use cases::Cases;
pub use images::{pad, resize};
pub use npy::{NpyArray, NpyMatrix, read_array, read_matrix};
pub use picture_input::PictureInput;
pub use png::{Image, from_png};
pub use preprocessing::{Binarize, Part, Preprocessing, epoch_draw};
pub use set::{DataSet, Holdout, ImageShape, Splits};
pub use values::Values;

/// The names of the bundled data sets.
pub const BUNDLED: [&str; 2] = ["digits", "fashion"];

/// Reads a data set.
///
/// `source` is one of
///
/// - `digits`: the test set of UCI's optdigits, 8×8 pixels in 0 … 16, held as x/16; the first 1,500 cases
///   are the training part and the last 297 the test part, with labels;
/// - `fashion`: the first 2,000 training and the first 500 test images of Fashion-MNIST, 28×28, with labels;
/// - a folder in MNIST's naming: `train-images-idx3-ubyte` and, where there are some,
///   `train-labels-idx1-ubyte`, `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each plain or `.gz`
///   (`train-images.idx3-ubyte` is the same);
/// - an idx file of u8, f32 or f64, plain or gzipped, of any rank: the first size counts the cases;
/// - a `.npy` file of u8, bool, f32 or f64, `[N, D]` or `[N, H, W]`, in C's or Fortran's order, also gzipped;
/// - a `.csv` file: one case per line, every column is data (labels are not read from a csv: remove their
///   column), a first line without any number is a header; integers stay as they are;
/// - a `.png` picture of any kind: one case, its brightness in [0, 1] ([`from_png`]).
///
/// A bundled name wins over a path: write `./digits` for a folder of that name. A single file is all
/// training part, without labels. With more than two dimensions a picture's width is the last size and
/// its height all between; with two a square width is taken for a picture.
///
/// ```
/// let splits = harmonium::data::load("digits")?;
/// assert_eq!((splits.train.cases.len(), splits.train.cases.width()), (1500, 64));
/// assert_eq!(splits.test.map(|test| test.cases.len()), Some(297));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] for an unknown name, [`Error::Io`] for a path that cannot be read, [`Error::File`] with
/// the byte or line for wrong contents: a truncated file, a wrong magic number, counts that disagree, ragged
/// lines, NaN or infinity, an empty set, a header that claims more than the file holds, bytes after the data.
pub fn load(source: &str) -> Result<Splits> {
    match source {
        "digits" => return bundled::digits(),
        "fashion" => return bundled::fashion(),
        _ => {}
    }
    let path = Path::new(source);
    let mut is_png = false;
    let mut splits = match fs::metadata(path) {
        Err(e) => return Err(missing(source, e)),
        Ok(metadata) if metadata.is_dir() => folder::read(path, source)?,
        Ok(_) => {
            let train;
            (train, is_png) = read_file(path, source)?;
            Splits { train, test: None }
        }
    };
    // Of a PNG it is known that 1 is nearly black.
    if !is_png {
        zero_one_as_bits(&mut splits)?;
    }
    Ok(splits)
}

/// What to say where there is no such path: a word without a dot or a slash was meant as a name.
fn missing(source: &str, e: std::io::Error) -> Error {
    let last = source.rsplit(['/', '\\']).next().unwrap_or_default();
    let fetch = matches!(last, "mnist" | "fashion-mnist")
        .then(|| format!("`scripts/fetch-data {last}` fetches {last} into downloads/{last}"));
    match (e.kind() == std::io::ErrorKind::NotFound, source.contains(['/', '\\', '.']), fetch) {
        (true, true, Some(fetch)) => {
            Error::data(format!("'{source}'"), format!("no such folder; {fetch}"))
        }
        (true, false, fetch) => {
            let mut detail = format!(
                "no bundled data set of that name, and no such file or folder; bundled are {}; otherwise pass a file \
                 (idx or .gz of it, .npy, .csv, .png) or a folder with train-images-idx3-ubyte",
                BUNDLED.join(" and ")
            );
            if let Some(fetch) = fetch {
                detail.push_str(&format!("; {fetch}"));
            }
            Error::data(format!("'{source}'"), detail)
        }
        _ => Error::io("read", source, e),
    }
}

/// By the file's name, or else by its first bytes; and whether it is a PNG.
fn read_file(path: &Path, name: &str) -> Result<(DataSet, bool)> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    let stem = file.strip_suffix(".gz").unwrap_or(&file);
    let extension = stem.rsplit_once('.').map_or("", |(_, extension)| extension);
    let input = Input::open(path)?;
    let is_png = extension == "png" || input.start() == png::MAGIC;
    let set = if extension == "npy" || input.start() == npy::MAGIC {
        npy::read(input, name)
    } else if is_png {
        png::read(input, name)
    } else if extension == "csv" {
        csv::read(input, name)
    } else if stem.ends_with("ubyte") || extension.starts_with("idx") || idx::is_idx(input.start())
    {
        idx::read(input, name)
    } else {
        let detail = format!(
            "neither its name nor its first bytes ({:02x?}) are those of a data file; expected idx (plain or .gz), .npy, .csv or .png",
            input.start()
        );
        Err(input.error(0, detail))
    };
    Ok((set?, is_png))
}

/// Bytes of 0 and 1 alone are binary data, not nearly black pictures; every part must be so.
fn zero_one_as_bits(splits: &mut Splits) -> Result<()> {
    let binary = |set: &DataSet| match set.cases.values() {
        Values::U8 { values, .. } => values.iter().all(|&x| x <= 1),
        _ => false,
    };
    let ones = |set: &DataSet| matches!(set.cases.values(), Values::U8 { values, .. } if values.contains(&1));
    if !binary(&splits.train) || !ones(&splits.train) || !splits.test.as_ref().is_none_or(binary) {
        return Ok(());
    }
    splits.train.notices.push(format!(
        "{}: the bytes are 0 and 1 alone, and are read as bits, not as x/255",
        splits.train.name
    ));
    for set in std::iter::once(&mut splits.train).chain(splits.test.as_mut()) {
        if let Values::U8 { values, .. } = set.cases.values() {
            let bits = Values::Bits(values.clone());
            set.cases = Cases::instead_of(&set.cases, bits, set.cases.width())?;
        }
    }
    Ok(())
}
