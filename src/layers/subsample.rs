//! LeNet-5's trained subsampling: y = f(coefficient · sum of the window + bias).

use super::build::Fans;
use super::{Backward, Build, Layer, Parameter, Pass};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::activation_grad::Onward;
use crate::kernels::subsample::{Parameters, subsample};
use crate::kernels::subsample_grad_input::subsample_grad_input;
use crate::kernels::subsample_grad_parameters::subsample_grad_parameters;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y[b, c] = f(coefficient[c] · Σ window + bias[c])` over windows side by side. The window's size is the
/// coefficient's fan-in.
#[derive(Debug)]
pub struct Subsample {
    f: Activation,
    size: [usize; 2],
    parameters: Vec<Parameter>,
}

impl Subsample {
    /// A layer on `channels` maps.
    ///
    /// # Errors
    /// [`Error::Shape`] for too large a window, [`Error::OutOfMemory`].
    pub fn new(
        build: &mut Build<'_>,
        channels: usize,
        size: [usize; 2],
        f: Activation,
    ) -> Result<Self> {
        let inputs = Shape::checked(&size, "subsample")?.len();
        let fans = Fans { inputs, outputs: 1 };
        let coefficient = build.weights("coefficient", &[channels], |_| Some(fans))?;
        Ok(Subsample { f, size, parameters: vec![coefficient, build.bias(&[channels])?] })
    }
}

impl Layer for Subsample {
    fn forward(&self, x: &Tensor, y: &mut Tensor, _: &mut Option<Tensor>, _: Pass) -> Result<()> {
        let [coefficient, bias] = [&self.parameters[0].value, &self.parameters[1].value];
        subsample(x, self.size, Parameters { coefficient, bias }, self.f, y)
    }

    fn backward(&self, mut step: Backward<'_>) -> Result<()> {
        step.descend(self.f)?;
        let Backward { x, dy, dx, below, gradients, .. } = step;
        let (dcoefficient, Some(dbias)) = Backward::gradients(gradients)? else {
            return Err(Error::shape("subsample", "there is no gradient for the bias"));
        };
        subsample_grad_parameters(x, dy, self.size, dcoefficient, dbias)?;
        match dx {
            Some(dx) => {
                let onward = Onward::through(dx, below, x);
                subsample_grad_input(dy, self.size, &self.parameters[0].value, onward)
            }
            None => Ok(()),
        }
    }

    fn activation(&self) -> Activation {
        self.f
    }

    fn goes_on(&self) -> bool {
        true
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }
}
