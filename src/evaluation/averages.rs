//! Means, and how far they may be off.

use crate::error::{Error, Result};

/// The mean; 0 of nothing.
pub fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The mean where each value counts as much as its weight says; without weights the plain one.
pub fn weighted_mean(values: &[f64], weights: Option<&[f32]>) -> f64 {
    let Some(weights) = weights else { return mean(values) };
    let sum: f64 = values.iter().zip(weights).map(|(x, w)| x * f64::from(*w)).sum();
    sum / weights.iter().map(|&w| f64::from(w)).sum::<f64>()
}

/// Refuses other than one weight for each case.
pub(super) fn check_weights(weights: Option<&[f32]>, cases: usize) -> Result<()> {
    match weights.map(<[f32]>::len).filter(|&found| found != cases) {
        None => Ok(()),
        Some(found) => Err(Error::data("weights", format!("{found} for {cases} cases"))),
    }
}

/// The mean, and its standard error over the values: of weighted ones √(Σ w²(x − mean)²) / Σ w, with n/(n − 1) as without
/// weights, n = (Σ w)²/Σ w² being how many equally weighted values would tell as much. A single value tells nothing of how far others lie from it.
pub(crate) fn weighted_mean_with_error(
    values: &[f64],
    weights: Option<&[f32]>,
) -> (f64, Option<f64>) {
    let mean = weighted_mean(values, weights);
    let counts = |weights: &[f32]| weights.iter().filter(|&&w| w > 0.0).count();
    if weights.map_or(values.len(), counts) < 2 {
        return (mean, None);
    }
    let Some(weights) = weights else {
        let n = values.len() as f64;
        let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
        return (mean, Some((squares / (n - 1.0) / n).sqrt()));
    };
    let weights = || weights.iter().map(|&w| f64::from(w));
    let (sum, squares) = (weights().sum::<f64>(), weights().map(|w| w * w).sum::<f64>());
    let spread: f64 = values.iter().zip(weights()).map(|(x, w)| (w * (x - mean)).powi(2)).sum();
    let n = sum * sum / squares;
    (mean, Some((spread * n / (n - 1.0).max(1.0)).sqrt() / sum))
}

/// Mean and spread of numbers that come one by one (Welford 1962).
#[derive(Clone, Copy, Default)]
pub(super) struct Moments {
    count: f64,
    pub mean: f64,
    squares: f64,
}

impl Moments {
    pub fn add(&mut self, x: f64) {
        self.count += 1.0;
        let off = x - self.mean;
        self.mean += off / self.count;
        self.squares += off * (x - self.mean);
    }

    /// 0 of a single number.
    pub fn variance(&self) -> f64 {
        self.squares / (self.count - 1.0).max(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::weighted_mean_with_error;

    #[test]
    fn a_single_value_has_no_standard_error() {
        assert_eq!(weighted_mean_with_error(&[3.0], None), (3.0, None));
        assert_eq!(weighted_mean_with_error(&[3.0], Some(&[2.0])), (3.0, None));
        assert_eq!(weighted_mean_with_error(&[3.0, 5.0], Some(&[2.0, 0.0])), (3.0, None));
        assert_eq!(weighted_mean_with_error(&[1.0, 3.0], None), (2.0, Some(1.0)));
        assert_eq!(weighted_mean_with_error(&[1.0, 3.0], Some(&[2.0, 2.0])), (2.0, Some(1.0)));
    }
}
