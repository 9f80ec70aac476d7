//! What a classifier takes for what, and its worst mistakes, as people see them.

use std::path::Path;

use super::labelled::Labelled;
use super::outcome::Outcome;
use super::shown::Shown;
use crate::error::Result;
use crate::evaluation::classification::Predictions;

/// Writes what is taken for what, as a picture and as a table, and the cases that are most wrong.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) and [`Error::Data`](crate::Error::Data) where predictions, cases and names do not belong together;
/// [`Error::Io`](crate::Error::Io).
pub fn confusion_and_mistakes(
    folder: &Path,
    shown: &Shown<'_>,
    part: &Labelled,
    found: &Predictions,
) -> Result<()> {
    let mut outcome = Outcome::new(shown.classes);
    outcome.add(&part.cases, &part.labels, found)?;
    outcome.save(folder, shown)
}
