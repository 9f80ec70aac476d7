//! Layers without parameters that keep the shape: an activation by itself, and dropout.

use super::{Backward, Layer, Pass};
use crate::error::Result;
use crate::kernels::activation::{Activation, activate};
use crate::kernels::activation_grad::activation_grad;
use crate::kernels::dropout::dropout;
use crate::tensor::Tensor;

/// y = f(x).
#[derive(Debug)]
pub struct ActivationLayer {
    f: Activation,
}

impl ActivationLayer {
    /// A layer of f.
    pub fn new(f: Activation) -> Self {
        ActivationLayer { f }
    }
}

impl Layer for ActivationLayer {
    fn forward(&self, x: &Tensor, y: &mut Tensor, _: &mut Option<Tensor>, _: Pass) -> Result<()> {
        activate(self.f, x, y)
    }

    fn backward(&self, step: Backward<'_>) -> Result<()> {
        let Some(dx) = step.dx else { return Ok(()) };
        activation_grad(self.f, step.y, step.dy)?;
        dx.copy_from(step.dy)
    }
}

/// Drops units in training, and scales those that stay; in evaluation y = x.
#[derive(Debug)]
pub struct Dropout {
    rate: f32,
}

impl Dropout {
    /// A layer that drops this share, in [0, 1).
    pub fn new(rate: f32) -> Self {
        Dropout { rate }
    }
}

impl Layer for Dropout {
    fn forward(
        &self,
        x: &Tensor,
        y: &mut Tensor,
        _: &mut Option<Tensor>,
        pass: Pass,
    ) -> Result<()> {
        match pass {
            Pass::Evaluate => y.copy_from(x),
            Pass::Train(draw) => dropout(x, self.rate, &draw, y),
        }
    }

    fn backward(&self, step: Backward<'_>) -> Result<()> {
        match (step.dx, step.pass) {
            (None, _) => Ok(()),
            (Some(dx), Pass::Evaluate) => dx.copy_from(step.dy),
            (Some(dx), Pass::Train(draw)) => dropout(step.dy, self.rate, &draw, dx),
        }
    }
}
