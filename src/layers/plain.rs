//! Layers without parameters that keep the shape: an activation by itself, and dropout.

use super::{Layer, Pass};
use crate::error::Result;
use crate::kernels::activation::{Activation, activate};
use crate::kernels::activation_grad::activation_grad;
use crate::kernels::dropout::dropout;
use crate::tensor::Tensor;

/// y = f(x).
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
    fn forward(&mut self, x: &Tensor, y: &mut Tensor, _: Pass) -> Result<()> {
        activate(self.f, x, y)
    }

    fn backward(
        &mut self,
        _: &Tensor,
        y: &Tensor,
        dy: &mut Tensor,
        dx: Option<&mut Tensor>,
        _: Pass,
    ) -> Result<()> {
        let Some(dx) = dx else { return Ok(()) };
        activation_grad(self.f, y, dy)?;
        dx.copy_from(dy)
    }
}

/// Drops units in training, and scales those that stay; in evaluation y = x.
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
    fn forward(&mut self, x: &Tensor, y: &mut Tensor, pass: Pass) -> Result<()> {
        match pass {
            Pass::Evaluate => y.copy_from(x),
            Pass::Train(draw) => dropout(x, self.rate, &draw, y),
        }
    }

    fn backward(
        &mut self,
        _: &Tensor,
        _: &Tensor,
        dy: &mut Tensor,
        dx: Option<&mut Tensor>,
        pass: Pass,
    ) -> Result<()> {
        match (dx, pass) {
            (None, _) => Ok(()),
            (Some(dx), Pass::Evaluate) => dx.copy_from(dy),
            (Some(dx), Pass::Train(draw)) => dropout(dy, self.rate, &draw, dx),
        }
    }
}
