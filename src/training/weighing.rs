//! Cases that count differently: their statistics before they are summed.
//!
//! With weights w whose mean over all cases is 1, the gradient of a batch of B is (1/B) Σ w_b ∂_b less as much of the
//! model's term: that of the same cases' chains, each with its case's weight, or, of persistent chains and of the
//! expectation itself, (1/B) Σ w_b times. Its expectation is the gradient of cases that are repeated as often as they
//! weigh; a case of weight 0 adds nothing.

use crate::device::Device;
use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::expect;
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::tensor::Tensor;

/// The weights of a batch's cases, and those of the chains.
pub(super) struct Weighing<'a> {
    cases: Option<&'a Tensor>,
    /// None: they are the cases'.
    chains: Option<Tensor>,
}

impl<'a> Weighing<'a> {
    /// Of weights `[B, 1]`; of so many persistent chains each has the weights' mean.
    pub fn new(weights: &'a Tensor, rows: usize, chains: Option<usize>) -> Result<Self> {
        expect("train", "the weights", weights, weights.device(), &[rows, 1])?;
        let chains = chains.map(|count| {
            let mean = reduce(Reduction::Sum, Axis::All, 1.0 / rows as f32, weights)?;
            let mut own = Tensor::from_f32(weights.device(), &[count, 1], &vec![1.0; count])?;
            elementwise_in_place(Elementwise::Multiply, &mut own, Some(&mean))?;
            Ok::<_, crate::Error>(own)
        });
        Ok(Weighing { cases: Some(weights), chains: chains.transpose()? })
    }

    /// Of a block of a batch, whose cases have the weights `[rows, 1]`, if it has any; of so many persistent chains each
    /// has the mean weight of the whole batch.
    pub fn of_block(
        (device, weights): (&Device, Option<&'a Tensor>),
        rows: usize,
        chains: Option<(usize, f32)>,
    ) -> Result<Self> {
        if let Some(weights) = weights {
            expect("train", "the weights", weights, device, &[rows, 1])?;
        }
        let own = |(count, mean)| Tensor::from_f32(device, &[count, 1], &vec![mean; count]);
        Ok(Weighing { cases: weights, chains: chains.map(own).transpose()? })
    }

    /// Of the cases: as [`weighed`].
    pub fn of_cases(&self, x: &Tensor, offset: Option<&Tensor>) -> Result<Tensor> {
        match self.cases {
            Some(weights) => weighed(x, weights, offset),
            None => x.try_clone(),
        }
    }

    /// Of the chains: as [`weighed`].
    pub fn of_chains(&self, x: &Tensor, offset: Option<&Tensor>) -> Result<Tensor> {
        match &self.chains {
            Some(weights) => weighed(x, weights, offset),
            None => self.of_cases(x, offset),
        }
    }
}

/// w ⊙ (x − offset) + offset, row by row: sums around the offset are then weighted.
fn weighed(x: &Tensor, weights: &Tensor, offset: Option<&Tensor>) -> Result<Tensor> {
    let mut out = x.try_clone()?;
    if let Some(offset) = offset {
        elementwise_in_place(Elementwise::SUBTRACT, &mut out, Some(offset))?;
    }
    elementwise_in_place(Elementwise::Multiply, &mut out, Some(weights))?;
    if let Some(offset) = offset {
        elementwise_in_place(Elementwise::ADD, &mut out, Some(offset))?;
    }
    Ok(out)
}
