//! What a classifier's answers come to, of cases that come piece by piece.

use std::path::Path;

use super::shown::Shown;
use crate::data::Cases;
use crate::error::{Error, Result};
use crate::evaluation::classification::{ClassificationScore, Predictions};
use crate::run::mistakes::{MOST, Mistake, surest};
use crate::run::{self, Confusion};

/// How a classifier does on cases: what it takes for what, losses, and the mistakes that it was surest about.
#[derive(Debug, Clone)]
pub struct Outcome {
    confusion: Confusion,
    classes: usize,
    wrong: u64,
    /// Of each case.
    each: Vec<f32>,
    /// Of the losses and of the wrong cases, by the cases' weights, 1 where they have none.
    losses: f64,
    errors: f64,
    /// Of the weights.
    whole: f64,
    /// As many as are drawn, in the order in which they are.
    worst: Vec<Worst>,
}

/// A case that was taken for another class than its own.
#[derive(Debug, Clone)]
struct Worst {
    values: Vec<f32>,
    truth: u32,
    predicted: u32,
    /// The probability of its own class, and of that which it was taken for.
    own: f32,
    sure: f32,
}

impl Worst {
    /// The surest first; among those of which it was as sure the ones whose own class was least probable. What is no number
    /// counts as none.
    fn compare(&self, other: &Self) -> std::cmp::Ordering {
        let known = |p: f32| if p.is_nan() { -1.0 } else { p };
        known(other.sure)
            .total_cmp(&known(self.sure))
            .then(known(self.own).total_cmp(&known(other.own)))
    }
}

impl Outcome {
    /// Of no case yet; `names` are the classes'.
    pub fn new(names: &[String]) -> Self {
        let confusion = Confusion::new(names.to_vec());
        let (losses, errors, whole) = (0.0, 0.0, 0.0);
        let (classes, each, worst) = (names.len(), Vec::new(), Vec::new());
        Outcome { confusion, classes, wrong: 0, each, losses, errors, whole, worst }
    }

    /// Adds cases of these classes, and what is said of them.
    ///
    /// # Errors
    /// [`Error::Data`] where predictions, cases and labels do not belong together.
    pub fn add(&mut self, cases: &Cases, labels: &[u32], found: &Predictions) -> Result<()> {
        if cases.len() != labels.len() {
            let detail = format!("{} labels for {} cases", labels.len(), cases.len());
            return Err(Error::data("labels", detail));
        }
        let wrong = found.wrong(labels)?;
        for (&truth, &predicted) in labels.iter().zip(&found.predicted) {
            match (predicted as usize) < self.classes {
                true => self.confusion.count(&[truth], &[predicted])?,
                false => self.confusion.count_unclassified(truth)?,
            }
        }
        self.whole += (0..labels.len()).map(|case| cases.weight(case)).sum::<f64>();
        self.wrong += wrong.len() as u64;
        self.errors += wrong.iter().map(|&case| cases.weight(case)).sum::<f64>();
        for (case, &loss) in found.losses.iter().enumerate() {
            self.losses += cases.weight(case) * f64::from(loss);
        }
        self.each.extend(&found.losses);
        let rows: Vec<&[f32]> = found.probabilities.chunks(found.classes.max(1)).collect();
        for case in wrong {
            let (truth, predicted) = (labels[case], found.predicted[case]);
            let given = |class: u32| {
                let row = rows.get(case).copied().unwrap_or_default();
                row.get(class as usize).copied().unwrap_or(f32::NAN)
            };
            let (own, sure) = (given(truth), given(predicted));
            let mut mistake = Worst { values: vec![], truth, predicted, own, sure };
            // Of those alike the first stay.
            let place = self.worst.partition_point(|w| w.compare(&mistake).is_le());
            if place < MOST {
                cases.row_f32(case, &mut mistake.values);
                self.worst.insert(place, mistake);
                self.worst.truncate(MOST);
            }
        }
        Ok(())
    }

    /// The loss of each case.
    pub fn losses(&self) -> Vec<f64> {
        self.each.iter().map(|&loss| f64::from(loss)).collect()
    }

    /// How good that is.
    ///
    /// # Errors
    /// [`Error::Data`] where there is no case.
    pub fn score(&self) -> Result<ClassificationScore> {
        if self.whole == 0.0 {
            return Err(Error::data("labels", "nothing can be scored: there is no case"));
        }
        let (loss, error) = (self.losses / self.whole, self.errors / self.whole);
        Ok(ClassificationScore { loss, error, wrong: self.wrong })
    }

    /// Writes what is taken for what, as a picture and as a table, and the mistakes that it was surest about.
    ///
    /// # Errors
    /// [`Error::Shape`] where cases are not of the size that is shown; [`Error::Io`].
    pub fn save(&self, folder: &Path, shown: &Shown<'_>) -> Result<()> {
        self.confusion.picture()?.save(folder.join(run::CONFUSION))?;
        self.confusion.save_csv(folder.join(run::CONFUSION_TABLE))?;
        let names = shown.classes;
        let mut pictures: Vec<Vec<f32>> = self.worst.iter().map(|w| w.values.clone()).collect();
        pictures.iter_mut().try_for_each(|values| shown.preprocessing.undo(values))?;
        let range = match shown.preprocessing.std {
            None => (0.0, 1.0),
            Some(_) => run::robust_range(&pictures.concat()),
        };
        let name = |class: u32| names.get(class as usize).map_or("none", String::as_str);
        let mistake = |(worst, values): (&Worst, _)| Mistake {
            values,
            truth: name(worst.truth),
            predicted: name(worst.predicted),
            probability: worst.sure,
        };
        let pictures = pictures.iter().map(Vec::as_slice);
        let mistakes: Vec<Mistake<'_>> = self.worst.iter().zip(pictures).map(mistake).collect();
        surest(&mistakes, self.wrong as usize, Some(shown.image), range)?
            .save(folder.join(run::MISTAKES))
    }
}
