//! Layers: each has an explicit forward and backward pass, checked by finite differences. There is no
//! tape.
//!
//! A layer is its parameters and reads them alone: what flows between layers, the gradients and what a layer
//! keeps for its backward pass lie in the caller's [`Workspace`].

mod build;
mod conv;
mod linear;
mod plain;
mod pool;
mod sequential;
mod spec;
mod stage;
mod subsample;
mod windows;
mod words;
mod workspace;

pub use build::{Build, Initialization};
pub use conv::Conv;
pub use linear::Linear;
pub use plain::{ActivationLayer, Dropout};
pub use pool::PoolLayer;
pub use sequential::{Sequential, StageView};
pub use spec::{LayerSpec, LinearSpec};
pub use subsample::Subsample;
pub use windows::{ConvSpec, PoolKind, PoolSpec, Size};
pub use workspace::{Outgoing, Workspace};

use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::activation_grad::activation_grad;
use crate::random::Draw;
use crate::tensor::Tensor;

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pass {
    /// Scores: nothing is dropped.
    Evaluate,
    /// Training: layers that draw random numbers use these; the step must differ from update to update.
    Train(Draw),
}

/// Numbers that are trained.
#[derive(Debug)]
pub struct Parameter {
    /// `kernel`, `weight`, `bias` or `coefficient`; within a network with its layer, `conv1.kernel`.
    pub name: String,
    /// The numbers.
    pub value: Tensor,
    /// How many of the numbers are trained: fewer than there are where a table disconnects some.
    pub trained: usize,
    /// Whether weight decay applies: to weights, not to biases and coefficients.
    pub decays: bool,
    /// Whether training leaves it as it is.
    pub frozen: bool,
}

/// A step of a network with an explicit backward pass.
pub trait Layer: Send + Sync {
    /// `y = f(x)`, for a batch. What the backward pass needs besides x and y goes into `kept`, which holds what
    /// this layer kept before.
    ///
    /// # Errors
    /// Those of its kernels.
    fn forward(
        &self,
        x: &Tensor,
        y: &mut Tensor,
        kept: &mut Option<Tensor>,
        pass: Pass,
    ) -> Result<()>;

    /// The gradients that `step` asks for.
    ///
    /// # Errors
    /// Those of its kernels; [`Error::Shape`] where there is no gradient for a parameter.
    fn backward(&self, step: Backward<'_>) -> Result<()>;

    /// The activation that y went through last, whose slope y tells.
    fn activation(&self) -> Activation {
        Activation::Identity
    }

    /// Whether its backward pass can take ∂L/∂x on through the activation below.
    fn goes_on(&self) -> bool {
        false
    }

    /// Its parameters, in the order of the paper: weights, then biases.
    fn parameters(&self) -> &[Parameter] {
        &[]
    }

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut []
    }
}

/// A layer's part of a backward pass: what there is, and what it fills.
#[derive(Debug)]
pub struct Backward<'a> {
    /// What the forward pass before was given.
    pub x: &'a Tensor,
    /// What it gave.
    pub y: &'a Tensor,
    /// ∂L/∂y, which may be overwritten.
    pub dy: &'a mut Tensor,
    /// Whether dy has gone on through this layer's [`Layer::activation`] already.
    pub through: bool,
    /// ∂L/∂x, where it is asked for.
    pub dx: Option<&'a mut Tensor>,
    /// What dx goes on through, an activation of which x is the output; of a layer that [goes on](Layer::goes_on).
    pub below: Activation,
    /// ∂L/∂ of each parameter.
    pub gradients: &'a mut [Tensor],
    /// What the layer kept.
    pub kept: Option<&'a Tensor>,
    /// Which pass it was.
    pub pass: Pass,
}

impl Backward<'_> {
    /// dy goes on through the layer's own activation, where it has not yet.
    fn descend(&mut self, f: Activation) -> Result<()> {
        match std::mem::replace(&mut self.through, true) {
            true => Ok(()),
            false => activation_grad(f, self.y, self.dy),
        }
    }

    /// The first parameter's gradient and, where there is one, the second's.
    fn gradients(gradients: &mut [Tensor]) -> Result<(&mut Tensor, Option<&mut Tensor>)> {
        match gradients.split_first_mut() {
            Some((first, rest)) => Ok((first, rest.first_mut())),
            None => Err(Error::shape("backward pass", "there is no gradient for the parameters")),
        }
    }
}
