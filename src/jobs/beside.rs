//! Which of a run folder's models is meant, and how its data were read.

use std::path::{Path, PathBuf};

use super::file::Training;
use crate::data::Reading;
use crate::run::{CLASSIFIER, DBN, ModelFile, resolve_model};

/// How the data were read that the model was trained on which the setting `from` names. Nothing is known of one that cannot
/// be read: who opens it says why.
pub(super) fn reading_of_from(from: Option<&str>) -> Reading {
    let read = |path: &str| ModelFile::load(resolve_model(&stack_of(Path::new(path))).ok()?).ok();
    let file = from.and_then(read);
    file.map_or_else(Reading::default, |mut file| Training::take(&mut file).reading)
}

/// A run folder's stack, where its model is what became of it; else the path itself.
pub fn stack_of(path: &Path) -> PathBuf {
    Some(path.join(DBN)).filter(|file| file.is_file()).unwrap_or_else(|| path.into())
}

/// A run folder's classifier, where one lies beside its model; else the path itself.
pub fn classifier_of(path: &Path) -> PathBuf {
    Some(path.join(CLASSIFIER)).filter(|file| file.is_file()).unwrap_or_else(|| path.into())
}
