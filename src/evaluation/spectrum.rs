//! The singular values of a machine's weights: which modes of the data it has learnt, and how many.
//!
//! Machines learn the principal modes of their data one after the other, each where its singular value leaves those of
//! the random start (Decelle, Fissore and Furtlehner 2017).

use nalgebra::DMatrix;

use crate::error::Result;
use crate::tensor::Tensor;

/// Of a matrix `[I, J]`, the largest first: min(I, J) values, none of a matrix without elements. They are found on the
/// host, in f64.
///
/// ```
/// use harmonium::evaluation::spectrum::singular_values;
/// use harmonium::{Device, Tensor};
/// let w = Tensor::from_f32(&Device::cpu(), &[2, 3], &[0.0, 3.0, 0.0, -4.0, 0.0, 0.0])?;
/// let found = singular_values(&w)?;
/// assert!((found[0] - 4.0).abs() < 1e-12 && (found[1] - 3.0).abs() < 1e-12);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for a tensor that is no matrix, [`Error::Data`](crate::Error::Data) where a
/// value is not finite, device errors.
pub fn singular_values(w: &Tensor) -> Result<Vec<f64>> {
    let [rows, columns] = w.shape().matrix("singular values", "w")?;
    let w: Vec<f64> = w.to_vec()?.into_iter().map(f64::from).collect();
    if let Some(bad) = w.iter().find(|x| !x.is_finite()) {
        let detail = format!("a weight is {bad}; the machine is broken");
        return Err(crate::Error::data("singular values", detail));
    }
    if w.is_empty() {
        return Ok(Vec::new()); // nalgebra takes no such matrix
    }
    let w = DMatrix::from_row_slice(rows, columns, &w);
    let mut values: Vec<f64> = w.singular_values().iter().copied().collect();
    values.sort_by(|x, y| y.total_cmp(x));
    Ok(values)
}

/// How many of some singular values count: exp of the entropy of their shares (Roy and Vetterli 2007), from 1 to their
/// number; 0 where all are 0.
///
/// ```
/// use harmonium::evaluation::spectrum::effective_rank;
/// assert!((effective_rank(&[2.0, 2.0, 2.0, 0.0]) - 3.0).abs() < 1e-12);
/// assert_eq!(effective_rank(&[0.0, 0.0]), 0.0);
/// ```
pub fn effective_rank(values: &[f64]) -> f64 {
    let sum: f64 = values.iter().sum();
    if sum <= 0.0 {
        return 0.0;
    }
    let shares = values.iter().map(|value| value / sum).filter(|&p| p > 0.0);
    shares.map(|p| -p * p.ln()).sum::<f64>().exp()
}
