//! What moves the units' means: the offsets of a centred machine, and the sparsity target.

use super::cd_config::Sparsity;
use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::tensor::Tensor;

/// How fast the offsets of a centred machine follow the data.
pub(super) const OFFSET_RATE: f32 = 0.01;

/// The offsets μ `[I]` and λ `[J]`. The machine itself is kept uncentred (b = b_c − Wλ, a = a_c − Wᵀμ), so
/// that moving the offsets changes nothing but later gradients.
pub(super) struct Centring {
    pub(super) mu: Tensor,
    pub(super) lambda: Tensor,
}

impl Centring {
    /// What the gradients of W, b and a are around the offsets: that of W less what its means alone give.
    pub(super) fn around(&self, [w, b, a]: &mut [Tensor; 3]) -> Result<()> {
        let mut means = Tensor::for_output(w.device(), w.shape().dims())?;
        for [visible, hidden] in [[&*b, &self.lambda], [&self.mu, &*a]] {
            matmul(visible, hidden, Transpose::TN, &Epilogue::default(), &mut means)?;
            elementwise_in_place(Elementwise::SUBTRACT, w, Some(&means))?;
        }
        Ok(())
    }

    /// Ends an update: W changed by Δ at fixed offsets, so b = b_c − Wλ and a = a_c − Wᵀμ follow; then the offsets move
    /// towards the means of the batch, visible and hidden, which changes nothing but later gradients.
    pub(super) fn follow(
        &mut self,
        [b, a]: [&mut Tensor; 2],
        dw: &Tensor,
        means: [&Tensor; 2],
    ) -> Result<()> {
        shift(b, dw, &self.lambda, Transpose::NT)?;
        shift(a, dw, &self.mu, Transpose::NN)?;
        let follow = Elementwise::Combine(1.0 - OFFSET_RATE, OFFSET_RATE);
        for (offset, mean) in [&mut self.mu, &mut self.lambda].into_iter().zip(means) {
            elementwise_in_place(follow, offset, Some(mean))?;
        }
        Ok(())
    }
}

/// bias −= W·offset (`NT`, the visible bias) or offset·W (`NN`, the hidden one).
pub(super) fn shift(
    bias: &mut Tensor,
    w: &Tensor,
    offset: &Tensor,
    transpose: Transpose,
) -> Result<()> {
    let mut moved = Tensor::for_output(bias.device(), &[1, bias.shape().len()])?;
    matmul(offset, w, transpose, &Epilogue::default(), &mut moved)?;
    elementwise_in_place(Elementwise::SUBTRACT, bias, Some(&moved))
}

/// Moves the running mean activity towards the batch's and adds cost·(target − activity) to every case's hidden
/// statistics.
pub(super) fn press(
    sparsity: Sparsity,
    activity: &mut Tensor,
    now: &Tensor,
    p0: &mut Tensor,
) -> Result<()> {
    let push = push(sparsity, activity, now)?;
    elementwise_in_place(Elementwise::ADD, p0, Some(&push))
}

/// Moves the running mean activity towards the batch's: cost·(target − activity).
pub(super) fn push(sparsity: Sparsity, activity: &mut Tensor, now: &Tensor) -> Result<Tensor> {
    let follow = Elementwise::Combine(sparsity.decay, 1.0 - sparsity.decay);
    elementwise_in_place(follow, activity, Some(now))?;
    let mut push = Tensor::for_output(activity.device(), activity.shape().dims())?;
    let towards = Elementwise::Affine(-sparsity.cost, sparsity.cost * sparsity.target);
    elementwise(towards, activity, None, &mut push)?;
    Ok(push)
}
