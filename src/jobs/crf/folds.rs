//! What several folds come to.

use crate::evaluation::sequences::SequenceScore;
use crate::run::{Event, Observer};

/// What was found of a fold, once its field was trained.
pub struct Fold {
    pub number: Option<usize>,
    pub score: Option<SequenceScore>,
    /// The share of test labels that are read wrongly without a chain.
    pub unary: Option<f64>,
}

/// The mean over folds; `None` where one has no such figure.
pub fn mean(figures: impl Iterator<Item = Option<f64>>) -> Option<f64> {
    let figures: Option<Vec<f64>> = figures.collect();
    figures.filter(|f| !f.is_empty()).map(|f| f.iter().sum::<f64>() / f.len() as f64)
}

/// The standard deviation between folds.
pub fn spread(figures: &[f64]) -> Option<f64> {
    let n = figures.len() as f64;
    let centre = figures.iter().sum::<f64>() / n;
    let squares: f64 = figures.iter().map(|x| (x - centre).powi(2)).sum();
    (figures.len() > 1).then(|| (squares / (n - 1.0)).sqrt())
}

/// Says what each of several folds came to, and how far they lie apart.
pub fn told(folds: &[Fold], observer: &mut dyn Observer) {
    let mut errors = Vec::new();
    for fold in folds {
        let (Some(number), Some(score)) = (fold.number, fold.score) else { return };
        if folds.len() > 1 {
            let [error, sequences] = [score.error, score.sequence_error].map(|x| 100.0 * x);
            observer.see(Event::Note(&format!(
                "fold {number}: {error:.2} % of the labels wrong, {sequences:.2} % of the sequences"
            )));
        }
        errors.push(score.error);
    }
    if let (Some(mean), Some(spread)) = (mean(errors.iter().copied().map(Some)), spread(&errors)) {
        observer.see(Event::Note(&format!(
            "{} folds: {:.2} % of the labels wrong in the mean, standard deviation between folds {:.2}",
            errors.len(),
            100.0 * mean,
            100.0 * spread
        )));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mean_and_a_spread() {
        assert_eq!(mean([Some(1.0), Some(3.0), Some(8.0)].into_iter()), Some(4.0));
        assert_eq!(mean([Some(1.0), None].into_iter()), None);
        assert_eq!(mean(std::iter::empty()), None);
        // (9 + 1 + 16) / 2.
        assert_eq!(spread(&[1.0, 3.0, 8.0]), Some(13.0f64.sqrt()));
        assert_eq!(spread(&[1.0]), None);
    }
}
