//! Host arrays of cases, checked when read: idx, npy, npz, csv, pictures, folders of them and the bundled sets.
//!
//! [`load`] takes the name of a bundled set, a file or a folder, and gives a training part and, where the
//! source has one, a test part. Values are held as their source holds them, without loss:
//!
//! | source | held as | value |
//! |---|---|---|
//! | `digits` | u8, scale 1/16 | x/16 in [0, 1] |
//! | `fashion`, idx and npy of u8 | u8, scale 1/255 | x/255 in [0, 1] |
//! | u8 of nothing but 0 and 1 | bits, with a notice | 0 or 1 |
//! | npy of bool; other numbers of nothing but 0 and 1 | bits | 0 or 1 |
//! | idx and npy of f16, f32 and other integers, csv | f32 | as it stands |
//! | idx and npy of f64 | f32, with a notice | rounded |
//! | pictures of 8 bits or fewer, without colours and transparency | u8, scale 1/255 | x/255 in [0, 1] |
//! | other pictures | f32 | brightness in [0, 1] |
//!
//! `docs/data.md` has a table of all that is read and how it is taken.
//!
//! Nothing in a file is believed: a header is held against the file's length before anything large is
//! allocated, and what does not fit is an error with the path and the byte or line.
//!
//! What is fitted to the training part ([`Preprocessing`]) is stored with the model and applied again.

mod array;
mod bundled;
mod cases;
mod csv;
mod fasta;
mod file;
mod folder;
mod gallery;
mod given;
mod gzip;
mod idx;
mod images;
mod input;
mod items;
mod jpeg;
mod kind;
mod labels;
mod layout;
mod letters;
mod listing;
mod means;
mod npy;
mod npz;
mod numbers;
mod picture;
mod picture_input;
mod pixels;
mod png;
mod preprocessing;
mod range;
mod reading;
mod sequence_source;
mod sequences;
mod set;
mod shards;
mod streams;
mod text;
mod values;
mod weights;
mod words;

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

pub use bundled::digits;
pub use cases::Cases;
pub use folder::is_part_name;
pub use given::IN_MEMORY;
pub use images::{pad, resize};
pub(crate) use kind::seems;
pub(crate) use means::ColumnMeans;
pub use npy::{NpyArray, NpyMatrix, read_array, read_matrix};
pub use picture::{Image, from_png};
pub use picture_input::PictureInput;
pub use preprocessing::{Binarize, Part, Preprocessing, epoch_draw};
pub use reading::Reading;
pub use sequence_source::load_sequences;
pub use sequences::{SequenceSplits, Sequences, WORDS};
pub use set::{DataSet, Holdout, ImageShape, Splits};
pub use streams::{Found, Stream, Streamed, Streaming};
pub(crate) use streams::{Window, WindowReader};
pub use values::Values;
pub(crate) use values::reserved;
pub use weights::read_weights;

/// The names of the bundled data sets.
pub const BUNDLED: [&str; 2] = ["digits", "fashion"];

/// Reads a data set.
///
/// `source` is one of
///
/// - `digits`: the test set of UCI's optdigits, 8×8 pixels in 0 … 16, held as x/16; the first 1,500 cases
///   are the training part and the last 297 the test part, with labels;
/// - `fashion`: the first 2,000 training and the first 500 test images of Fashion-MNIST, 28×28, with labels;
/// - a folder: in MNIST's naming, `train-images-idx3-ubyte` and, where there are some, `train-labels-idx1-ubyte`,
///   `t10k-images-idx3-ubyte`, `t10k-labels-idx1-ubyte`, each plain or `.gz`, and in that of other sets
///   (`emnist-letters-train-…`; of several, `folder/emnist-letters`); with `train.csv` and `test.csv`; with a folder of
///   pictures for each class; or one that has such a folder in it;
/// - an idx or `.npy` file of any number, plain or gzipped: the first size counts the cases, `[N, D]`, `[N, H, W]`,
///   `[N, H, W, 1]` or `[N, 1, H, W]`; three channels are read as their brightness;
/// - a `.npz` file with one array, or with `x_train` and `y_train`, `x` and `y`, and other names that are known;
/// - a `.csv` file, one case per line: names of columns, an index and labels are found and left out of the data;
/// - a PNG or JPEG picture of any kind: one case, its brightness in [0, 1] ([`from_png`]).
///
/// A bundled name wins over a path: write `./digits` for a folder of that name. What is taken for what is said in the
/// set's notices.
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
    load_with(source, &Reading::default())
}

/// The same, where the source does not say all itself.
///
/// # Errors
/// As [`load`]; [`Error::Setting`] for a column or an array that there is not, a scale that is none, and what means
/// nothing for such a source.
pub fn load_with(source: &str, reading: &Reading) -> Result<Splits> {
    reading.check()?;
    if BUNDLED.contains(&source) {
        let why = "bundled data have labels and a scale of their own";
        reading.refuse(&["labels", "array", "scale"], source, why)?;
        let splits = if source == "digits" { bundled::digits() } else { bundled::fashion() }?;
        return Ok(if reading.no_labels() { splits.without_labels() } else { splits });
    }
    let path = Path::new(source);
    let (mut train, mut test) = match fs::metadata(path) {
        Err(e) => match one_of_a_folder(path) {
            Some((folder, set)) => folder::read(folder, Some(&set), source, reading)?,
            None => return Err(missing(source, e)),
        },
        Ok(metadata) if metadata.is_dir() => folder::read(path, None, source, reading)?,
        Ok(_) => file::read(path, source, reading)?,
    };
    if let Some(test) = &mut test {
        same_pictures(&train.set, &mut test.set)?;
    }
    range::settle(&mut train, test.as_mut(), reading)?;
    labels::join(train, test)
}

/// Reads a data set from memory: the contents of one file (idx, .npy or csv, each plain or .gz, PNG or JPEG) under the
/// name that it has. As [`load_with`] reads that file, without any other beside it.
///
/// ```
/// use harmonium::data::{Reading, load_bytes};
/// let set = load_bytes("two.csv", b"0.5,1\n0,0.25\n".to_vec(), &Reading::default())?.train;
/// assert_eq!((set.cases.len(), set.cases.row(1)), (2, vec![0.0, 0.25]));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`load_with`]; [`Error::File`] for a `.npz`, which is read from a file alone.
pub fn load_bytes(name: &str, bytes: Vec<u8>, reading: &Reading) -> Result<Splits> {
    reading.check()?;
    let mut part = file::read_bytes(Path::new(name), bytes, reading)?;
    range::settle(&mut part, None, reading)?;
    labels::join(part, None)
}

/// `folder/emnist-letters`, where the folder is there and that is no file.
fn one_of_a_folder(path: &Path) -> Option<(&Path, String)> {
    let (folder, set) = (path.parent()?, path.file_name()?.to_str()?);
    // A dot is a file's.
    (folder.is_dir() && !folder.as_os_str().is_empty() && !set.contains('.'))
        .then(|| (folder, set.to_string()))
}

/// That the pictures of both parts are of one size.
fn same_pictures(train: &DataSet, test: &mut DataSet) -> Result<()> {
    let shape = |set: &DataSet| match set.image {
        Some(image) => format!("{image} pixels"),
        None => format!("{} values", set.cases.width()),
    };
    if train.cases.width() == test.cases.width() && train.image == test.image {
        return Ok(());
    }
    let detail = format!(
        "a case of the test part has {}, one of the training part {}; both must be of one size",
        shape(test),
        shape(train)
    );
    Err(Error::data(&train.name, detail))
}

/// What to say where there is no such path: a word without a dot or a slash was meant as a name.
fn missing(source: &str, e: std::io::Error) -> Error {
    if let Some(gone) = given::is_gone(source) {
        return gone;
    }
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
