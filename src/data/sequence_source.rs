//! Where sequences come from: the bundled words, files of letters, archives of arrays.

use std::path::Path;

use super::given::is_gone;
use super::input::Input;
use super::labels::Labels;
use super::listing::entries;
use super::reading::Reading;
use super::sequences::{SequenceSplits, Sequences, WORDS};
use super::set::DataSet;
use super::{items, letters, npz, text, words};
use crate::error::{Error, Result};

/// Reads sequences: `words`, the bundled ones; a file of letters in Taskar's form, `letter.data`; items with
/// attributes as CRFsuite's text files have them (both plain or gzipped); a `.npz` of positions (`x`), their labels (`y`) and
/// the positions at which sequences begin (`starts`).
///
/// ```
/// let words = harmonium::data::load_sequences("words")?;
/// assert_eq!((words.train.len(), words.train.cases.width()), (600, 64));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Data`] for what is no file, [`Error::Io`], [`Error::File`] with the line for wrong contents.
pub fn load_sequences(source: &str) -> Result<SequenceSplits> {
    if source == WORDS {
        return words::words();
    }
    let path = Path::new(source);
    if path.is_dir() {
        return Err(Error::data(source, in_folder(path)));
    }
    if !path.is_file() {
        if let Some(gone) = is_gone(source) {
            return Err(gone);
        }
        let detail = format!(
            "there is no such file; sequences are read from letter.data (scripts/fetch-data letters), from items as \
             CRFsuite reads them, from a .npz of x, y and starts, and '{WORDS}' are bundled"
        );
        return Err(Error::data(source, detail));
    }
    let mut input = Input::open(path)?;
    if input.start().starts_with(b"PK") {
        return archive(path, source);
    }
    let text = text::read(&mut input)?;
    let train = match letters::are_in(&text) {
        true => letters::read(&text, path, source)?,
        false => items::read(&text, path, source)?,
    };
    Ok(SequenceSplits { train, test: None })
}

/// That a folder is no source, and what may be one in it.
fn in_folder(folder: &Path) -> String {
    let files = entries(folder).into_iter().filter(|path| path.is_file());
    let mut files: Vec<String> = files.map(|path| path.display().to_string()).collect();
    let most = 5;
    let more = if files.len() > most { ", …" } else { "" };
    files.truncate(most);
    match files.is_empty() {
        true => "it is a folder without files; sequences are read from one file: give that".into(),
        false => format!(
            "it is a folder, and sequences are read from one file; give one of those in it: {}{more}",
            files.join(", ")
        ),
    }
}

/// An archive: cases and labels as in any, and where sequences begin.
fn archive(path: &Path, name: &str) -> Result<SequenceSplits> {
    let Some(starts) = npz::numbers(path, "starts")? else {
        let detail = "has no array 'starts', the positions at which sequences begin; np.savez(path, x=…, y=…, \
                      starts=…) writes one";
        return Err(Error::data(name, detail));
    };
    let wrong = |detail: String| Error::file(path, "starts", detail);
    let Labels::Numbers(starts) = starts else {
        return Err(wrong("words, expected whole numbers".into()));
    };
    let set = super::load_with(name, &Reading::default())?.train;
    let positions = set.cases.len();
    let mut places = Vec::with_capacity(starts.len() + 1);
    for start in starts {
        let place = usize::try_from(start).ok().filter(|&place| place <= positions);
        let at = || format!("{start} is no position of {positions}");
        places.push(place.ok_or_else(|| wrong(at()))?);
    }
    if places.last() != Some(&positions) {
        places.push(positions);
    }
    let DataSet { cases, image, labels, classes, notices, .. } = set;
    let sequences = Sequences::new(name, cases, places)?;
    Ok(SequenceSplits {
        train: Sequences { image, labels, classes, notices, ..sequences },
        test: None,
    })
}
