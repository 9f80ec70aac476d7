//! How much each case of a training part counts.

use std::path::Path;

use super::{Cases, DataSet, read_array};
use crate::error::{Error, Result};

/// Weights of cases from a `.npy` file, a number each: `[N]`, `[N, 1]` or `[1, N]`.
///
/// # Errors
/// Those of [`read_array`]; [`Error::File`] for another shape.
pub fn read_weights(path: &Path) -> Result<Vec<f32>> {
    let array = read_array(path)?;
    let some: Vec<usize> = array.dims.iter().copied().filter(|&d| d != 1).collect();
    if array.dims.is_empty() || some.len() > 1 {
        let detail = format!("an array of {:?}; weights are one number a case, [N]", array.dims);
        return Err(Error::file(path, "the header", detail));
    }
    Ok(array.values)
}

impl DataSet {
    /// The same cases with weights, one for each.
    ///
    /// # Errors
    /// As [`Cases::with_weights`], naming the data.
    pub fn with_weights(self, weights: Vec<f32>) -> Result<DataSet> {
        let name = self.name.clone();
        let cases = self.cases.with_weights(weights).map_err(|e| match e {
            Error::Data { detail, .. } => Error::data(format!("weights of {name}"), detail),
            e => e,
        })?;
        Ok(DataSet { cases, ..self })
    }
}

impl Cases {
    /// The same cases, each of which counts `weights` times as much as one without a weight: means, deviations, learning
    /// and scores are those of cases that are repeated so often. A selection keeps the weights of its cases.
    ///
    /// ```
    /// use harmonium::data::{Cases, Values};
    /// let cases = Cases::new(Values::Bits(vec![0, 0, 1]), 3, 1)?.with_weights(vec![1.0, 0.0, 3.0])?;
    /// assert_eq!(cases.means(), [0.75]);
    /// assert_eq!(cases.select(&[2, 0])?.weights(), Some(vec![1.5, 0.5]));
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::Data`] where there is not one for each case, one is negative or not finite, or all are 0.
    pub fn with_weights(self, weights: Vec<f32>) -> Result<Cases> {
        let wrong = |detail: String| Err(Error::data("weights", detail));
        if weights.len() != self.len() {
            let detail =
                format!("{} weights for {} cases; give one for each", weights.len(), self.len());
            return wrong(detail);
        }
        if let Some(case) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
            let detail = format!(
                "case {case} has the weight {}; weights are 0 or above, and finite",
                weights[case]
            );
            return wrong(detail);
        }
        if weights.iter().all(|&w| w == 0.0) {
            return wrong("every weight is 0, so that no case counts".into());
        }
        Ok(self.weighted(weights))
    }

    /// The cases' weights relative to their mean, which is 1: `None` where they have none. Of cases that all weigh 0,
    /// zeros.
    pub fn weights(&self) -> Option<Vec<f32>> {
        self.has_weights().then(|| {
            let own: Vec<f64> = (0..self.len()).map(|i| self.weight(i)).collect();
            let sum: f64 = own.iter().sum();
            let scale = if sum > 0.0 { own.len() as f64 / sum } else { 0.0 };
            own.into_iter().map(|w| (w * scale) as f32).collect()
        })
    }
}
