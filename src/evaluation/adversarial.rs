//! Nearest-neighbour adversarial accuracy (Yale et al. 2020): can one tell samples from data by their neighbours?
//!
//! Of as many data as samples it is the share of data whose nearest other datum is nearer than the nearest sample, and the
//! share of samples whose nearest other sample is nearer than the nearest datum, by Euclidean distance. ½ each where both
//! are of one distribution; near 1 where the samples lie elsewhere, the second one alone where they are too alike, and
//! below ½ where they repeat the data.

use crate::error::{Error, Result};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::ranks::Ranks;
use crate::tensor::Tensor;

/// Rows whose distances are taken at once.
const ROWS: usize = 512;

/// The two shares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adversarial {
    /// Of data whose nearest neighbour is of the data.
    pub data: f64,
    /// Of samples whose nearest neighbour is a sample.
    pub samples: f64,
}

/// The shares for `data` and `samples`, `[N, I]` each. A tie counts as half.
///
/// # Errors
/// [`Error::Shape`] where the two are not alike or are of fewer than 2 cases, [`Error::Data`] for a distance that is not
/// finite, device errors.
pub fn adversarial_accuracy(data: &Tensor, samples: &Tensor) -> Result<Adversarial> {
    adversarial_accuracy_on(&Ranks::alone(), data, samples)
}

/// The same, with the rows dealt to ranks.
///
/// # Errors
/// As [`adversarial_accuracy`], at any rank.
pub fn adversarial_accuracy_on(
    ranks: &Ranks,
    data: &Tensor,
    samples: &Tensor,
) -> Result<Adversarial> {
    let op = "adversarial accuracy";
    let [cases, _] = data.shape().matrix(op, "the data")?;
    if data.shape() != samples.shape() || cases < 2 {
        let detail = format!(
            "data {} and samples {}; give as many of both, 2 at least",
            data.shape(),
            samples.shape()
        );
        return Err(Error::shape(op, detail));
    }
    let nearest = |from: &Tensor, to: &Tensor, alike| nearest(ranks, from, to, alike);
    let own = |of: &Tensor| nearest(of, of, true);
    let share = |own: Vec<f64>, other: Vec<f64>| -> f64 {
        let won = own.iter().zip(&other).map(|(own, other)| match other.total_cmp(own) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        });
        won.sum::<f64>() / cases as f64
    };
    Ok(Adversarial {
        data: share(own(data)?, nearest(data, samples, false)?),
        samples: share(own(samples)?, nearest(samples, data, false)?),
    })
}

/// The squared distance of each row of `from` to the nearest row of `to`; its own number is skipped where they are
/// `alike`. By ‖x‖² + ‖y‖² − 2xᵀy, exact for bits.
fn nearest(ranks: &Ranks, from: &Tensor, to: &Tensor, alike: bool) -> Result<Vec<f64>> {
    let [count, width] = from.shape().matrix("adversarial accuracy", "cases")?;
    let norms = |of: &Tensor| -> Result<Vec<f64>> {
        let square = |row: &[f32]| row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        Ok(of.to_vec()?.chunks(width.max(1)).map(square).collect())
    };
    let (own, other) = (norms(from)?, norms(to)?);
    let values = from.to_vec()?;
    let found = ranks.numbers(count.div_ceil(ROWS), &mut |piece| {
        let mut found = Vec::with_capacity(ROWS);
        let first = piece * ROWS;
        let rows = ROWS.min(count - first);
        let part = &values[first * width..(first + rows) * width];
        let part = Tensor::from_f32(from.device(), &[rows, width], part)?;
        let mut products = Tensor::for_output(from.device(), &[rows, count])?;
        matmul(&part, to, Transpose::NT, &Epilogue::default(), &mut products)?;
        for (row, products) in products.to_vec()?.chunks(count).enumerate() {
            let at = first + row;
            let distances = products.iter().enumerate().filter(|(k, _)| !(alike && *k == at));
            let least = distances
                .map(|(k, &product)| own[at] + other[k] - 2.0 * f64::from(product))
                .fold(f64::INFINITY, f64::min);
            if !least.is_finite() {
                return Err(Error::data("adversarial accuracy", "a distance is not finite"));
            }
            found.push(least);
        }
        Ok(found)
    })?;
    Ok(found.concat())
}
