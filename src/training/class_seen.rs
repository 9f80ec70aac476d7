//! What the batch of a classification machine's learning says of its classes.

use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
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
    /// 1/n of a labelled case, else 0; and 1/m of the others; times the case's weight. `[B, 1]`.
    pub shares: [Tensor; 2],
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
        let share = |of: &Tensor| {
            let mut count = reduce(Reduction::Sum, Axis::All, 1.0, of)?;
            // Without such a case its share of nothing is 0.
            elementwise_in_place(Elementwise::Clamp(1.0, f32::MAX), &mut count, None)?;
            let mut share = Tensor::for_output(of.device(), &column)?;
            elementwise(Elementwise::Divide, of, Some(&count), &mut share)?;
            if let Some(weights) = weights {
                expect("train class-rbm", "the weights", weights, of.device(), &column)?;
                elementwise_in_place(Elementwise::Multiply, &mut share, Some(weights))?;
            }
            Ok::<_, Error>(share)
        };
        let shares = [share(&labelled)?, share(&unknown)?];
        let weights = weights.map(Tensor::try_clone).transpose()?;
        Ok(Seen { scores, p, known, shares, unknown, weights })
    }
}
