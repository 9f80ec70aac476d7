//! One file, by what it is.

use std::path::Path;

use super::input::Input;
use super::kind::{self, Kind};
use super::labels::{Labels, RawPart, check_count};
use super::reading::Reading;
use super::{csv, fasta, idx, npy, npz, picture};
use crate::error::{Error, Result};

/// Opens a file and looks at what it is.
pub(super) fn open(path: &Path) -> Result<(Input<'static>, Kind)> {
    known(Input::open(path)?)
}

/// What an open file is.
fn known(input: Input<'static>) -> Result<(Input<'static>, Kind)> {
    let name = input.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
    match kind::of(&name, input.start()) {
        Ok(kind) => Ok((input, kind)),
        Err(what) => Err(input.error(0, what)),
    }
}

/// The cases of a file, and those for testing where it has some.
pub(super) fn read(
    path: &Path,
    name: &str,
    reading: &Reading,
) -> Result<(RawPart, Option<RawPart>)> {
    let (input, kind) = open(path)?;
    if kind == Kind::Npz {
        drop(input);
        return npz(path, name, reading);
    }
    Ok((one_part((input, kind), name, reading)?, None))
}

/// The cases of a file whose contents are in memory.
pub(super) fn read_bytes(path: &Path, bytes: Vec<u8>, reading: &Reading) -> Result<RawPart> {
    let opened = known(Input::of_bytes(path, bytes)?)?;
    if opened.1 == Kind::Npz {
        let detail = "an archive of arrays is read from a file alone; np.save the one that is wanted as .npy";
        return Err(Error::file(path, "byte 0", detail));
    }
    one_part(opened, &path.display().to_string(), reading)
}

/// The cases of a file that has one part.
fn one_part((input, kind): (Input<'_>, Kind), name: &str, reading: &Reading) -> Result<RawPart> {
    let path = input.path().to_path_buf();
    let no_arrays = "only a .npz holds several arrays";
    let mut part = match kind {
        Kind::Text => return csv::read(input, name, reading),
        Kind::Fasta => fasta::read(input, name, reading)?,
        Kind::Png | Kind::Jpeg => {
            reading.refuse(&["array"], "a picture", no_arrays)?;
            picture::read(input, name)?
        }
        Kind::Idx => {
            reading.refuse(&["array"], "an idx file", no_arrays)?;
            idx::read(input, name)?
        }
        Kind::Npy => {
            reading.refuse(&["array"], "a .npy file", no_arrays)?;
            npy::read(input, name)?
        }
        Kind::Npz => return Err(input.error(0, "this is an archive, which has several parts")),
    };
    label(&mut part, &path, reading)?;
    Ok(part)
}

/// An archive, whose labels may stand in another file.
fn npz(path: &Path, name: &str, reading: &Reading) -> Result<(RawPart, Option<RawPart>)> {
    match reading.labels.as_deref().filter(|labels| Path::new(labels).is_file()) {
        None => npz::read(path, name, reading),
        Some(_) => {
            let without = Reading { labels: Some("none".into()), ..reading.clone() };
            let (mut train, test) = npz::read(path, name, &without)?;
            label(&mut train, path, reading)?;
            Ok((train, test))
        }
    }
}

/// Takes the labels from the file that the user names.
fn label(part: &mut RawPart, path: &Path, reading: &Reading) -> Result<()> {
    let Some(labels) = reading.labels.as_deref().filter(|_| !reading.no_labels()) else {
        return Ok(());
    };
    let file = Path::new(labels);
    if !file.is_file() {
        let detail = format!(
            "'{labels}' is no file; {} has no columns with names, so its labels stand in a file of their own (idx, .npy, \
             .npz, or a csv of one column)",
            path.display()
        );
        return Err(Error::setting("labels", detail));
    }
    let (found, cases) = (read_labels(file)?, part.set.cases.len());
    let found = match found {
        Labels::Words(mut words) if words.len() == cases + 1 && !words[1..].contains(&words[0]) => {
            let name = words.remove(0);
            part.set.notices.push(format!(
                "{labels}: the first line, '{name}', is taken for the column's name"
            ));
            Labels::from_words(words)
        }
        other => other,
    };
    check_count(file, found.len(), path, cases)?;
    part.set.notices.push(format!("the labels are those of {labels}"));
    if let Labels::Words(words) = &found
        && let Some((first, others)) = words.split_first()
        && others.len() > 1
        && !others.contains(first)
    {
        part.set.notices.push(format!(
            "{labels}: no other case has the first label, '{first}'; if it is the column's name, a label is missing"
        ));
    }
    part.labels = Some(found);
    Ok(())
}

/// A file of labels.
pub(super) fn read_labels(path: &Path) -> Result<Labels> {
    let input = Input::open(path)?;
    // Words, a label a line, need no number to be known for text.
    let is_text = str::from_utf8(input.start()).is_ok_and(|text| !text.contains('\0'));
    let (input, kind) = match known(input) {
        Err(_) if is_text => (Input::open(path)?, Kind::Text),
        known => known?,
    };
    match kind {
        Kind::Idx => idx::read_labels(input),
        Kind::Npy => npy::read_labels(input),
        Kind::Npz => npz::read_labels(path),
        Kind::Text => csv::read_labels(input),
        Kind::Png | Kind::Jpeg => Err(input.error(0, "this is a picture; expected labels")),
        Kind::Fasta => Err(input.error(0, "these are sequences; expected labels")),
    }
}
