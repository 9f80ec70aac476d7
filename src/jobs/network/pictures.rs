//! What a classifier takes for what, and its worst mistakes, as people see them.

use std::path::Path;

use super::labelled::Labelled;
use crate::data::Preprocessing;
use crate::error::{Error, Result};
use crate::evaluation::classification::Predictions;
use crate::run::mistakes::{Mistake, mistakes};
use crate::run::{self, Confusion};

/// How a classifier's cases are shown to people.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Height and width of a case.
    pub image: (usize, usize),
    /// A name for each class.
    pub classes: &'a [String],
    /// What was done to values first.
    pub preprocessing: &'a Preprocessing,
}

/// Writes what is taken for what, as a picture and as a table, and the cases that are most wrong.
///
/// # Errors
/// [`Error::Shape`] and [`Error::Data`] where predictions, cases and names do not belong together;
/// [`Error::Io`].
pub fn confusion_and_mistakes(
    folder: &Path,
    shown: &Shown<'_>,
    part: &Labelled,
    found: &Predictions,
) -> Result<()> {
    let names = shown.classes;
    if part.cases.len() != part.labels.len() {
        let detail = format!("{} labels for {} cases", part.labels.len(), part.cases.len());
        return Err(Error::data("labels", detail));
    }
    let mut confusion = Confusion::new(names.to_vec());
    for (&truth, &predicted) in part.labels.iter().zip(&found.predicted) {
        match (predicted as usize) < names.len() {
            true => confusion.count(&[truth], &[predicted])?,
            false => confusion.count_unclassified(truth)?,
        }
    }
    confusion.picture()?.save(folder.join(run::CONFUSION))?;
    confusion.save_csv(folder.join(run::CONFUSION_TABLE))?;
    let wrong = found.mistakes(&part.labels)?;
    let mut pictures: Vec<Vec<f32>> = wrong.iter().map(|&case| part.cases.row(case)).collect();
    pictures.iter_mut().try_for_each(|values| shown.preprocessing.undo(values))?;
    let range = match shown.preprocessing.std {
        None => (0.0, 1.0),
        Some(_) => run::robust_range(&pictures.concat()),
    };
    let wrong: Vec<Mistake<'_>> = wrong
        .iter()
        .zip(&pictures)
        .map(|(&case, values)| {
            let predicted = found.predicted[case] as usize;
            Mistake {
                values,
                truth: &names[part.labels[case] as usize],
                predicted: names.get(predicted).map_or("none", String::as_str),
                probability: found
                    .probabilities
                    .get(case * found.classes + predicted)
                    .copied()
                    .unwrap_or(f32::NAN),
            }
        })
        .collect();
    mistakes(&wrong, Some(shown.image), range)?.save(folder.join(run::MISTAKES))
}
