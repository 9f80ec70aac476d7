//! What the batch of a classification machine's learning says of its classes.

use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::expect;
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::kernels::softmax::softmax;
use crate::models::ClassRbm;
use crate::models::labels::one_hot;
use crate::tensor::Tensor;

/// What a batch says of its classes.
pub(super) struct Seen {
    /// ln p(y|x) but for a constant of each case, `[B, K]`.
    pub scores: Tensor,
    /// p(y|x).
    pub p: Tensor,
    /// A one and zeros; zeros alone without a class.
    pub known: Tensor,
    /// 1 of a labelled case, else 0; and the same of the others, `[B, 1]`. [`Seen::weighed`] makes them the cases' weights,
    /// [`Seen::divided`] 1/n and 1/m times those.
    pub shares: [Tensor; 2],
    /// How many cases have a class, and how many have none, `[1]` each.
    pub counts: [Tensor; 2],
    /// 1 of a case without a class, `[B, 1]`.
    pub unknown: Tensor,
    /// The cases' weights.
    pub weights: Option<Tensor>,
}

impl Seen {
    /// Of cases `[B, I]` with their classes `[B]`, and how much each counts, `[B, 1]`.
    pub fn new(
        machine: &ClassRbm,
        x: &Tensor,
        classes: &Tensor,
        weights: Option<&Tensor>,
    ) -> Result<Self> {
        let mut scores = machine.joint().class_free_energies(x)?;
        elementwise_in_place(Elementwise::Affine(-1.0, 0.0), &mut scores, None)?;
        let mut p = Tensor::for_output(x.device(), scores.shape().dims())?;
        softmax(&scores, &mut p)?;
        let known = one_hot(classes, machine.classes())?;
        let column = [known.shape().dims()[0], 1];
        let labelled = reduce(Reduction::Sum, Axis::Rows, 1.0, &known)?.reshape(&column)?;
        let mut unknown = labelled.try_clone()?;
        elementwise_in_place(Elementwise::Affine(-1.0, 1.0), &mut unknown, None)?;
        let count = |of: &Tensor| reduce(Reduction::Sum, Axis::All, 1.0, of);
        let counts = [count(&labelled)?, count(&unknown)?];
        if let Some(weights) = weights {
            expect("train class-rbm", "the weights", weights, x.device(), &column)?;
        }
        let weights = weights.map(Tensor::try_clone).transpose()?;
        let shares = [labelled, unknown.try_clone()?];
        Ok(Seen { scores, p, known, shares, counts, unknown, weights })
    }

    /// The same, with shares that make means of sums over the batch.
    pub fn divided(mut self) -> Result<Self> {
        for (share, count) in self.shares.iter_mut().zip(&self.counts) {
            elementwise_in_place(Elementwise::Divide, share, Some(&at_least_one(count)?))?;
        }
        self.weighed()
    }

    /// The same, with shares that are the cases' weights.
    pub fn weighed(mut self) -> Result<Self> {
        if let Some(weights) = &self.weights {
            for share in &mut self.shares {
                elementwise_in_place(Elementwise::Multiply, share, Some(weights))?;
            }
        }
        Ok(self)
    }
}

/// How many there are to divide by: without such a case its share of nothing is 0.
pub(super) fn at_least_one(count: &Tensor) -> Result<Tensor> {
    let mut count = count.try_clone()?;
    elementwise_in_place(Elementwise::Clamp(1.0, f32::MAX), &mut count, None)?;
    Ok(count)
}
