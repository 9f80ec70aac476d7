//! LeNet-5's trained subsampling: y = f(coefficient · sum of the window + bias).

use super::{Build, Layer, Parameter, Pass};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::activation_grad::activation_grad;
use crate::kernels::subsample::{Parameters, subsample};
use crate::kernels::subsample_grad_input::subsample_grad_input;
use crate::kernels::subsample_grad_parameters::subsample_grad_parameters;
use crate::tensor::Tensor;

/// `y[b, c] = f(coefficient[c] · Σ window + bias[c])` over windows side by side. The window's size is the
/// coefficient's fan-in.
pub struct Subsample {
    f: Activation,
    size: [usize; 2],
    parameters: Vec<Parameter>,
}

impl Subsample {
    /// A layer on `channels` maps.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(
        build: &Build<'_>,
        channels: usize,
        size: [usize; 2],
        f: Activation,
    ) -> Result<Self> {
        let window = size[0] * size[1];
        let coefficients = build.weights("subsample", &[channels], |_| [window, 1])?;
        Ok(Subsample {
            f,
            size,
            parameters: vec![
                build.parameter("coefficient", &[channels], &coefficients)?,
                build.parameter("bias", &[channels], &vec![0.0; channels])?,
            ],
        })
    }
}

impl Layer for Subsample {
    fn forward(&mut self, x: &Tensor, y: &mut Tensor, _: Pass) -> Result<()> {
        let [coefficient, bias] = [&self.parameters[0].value, &self.parameters[1].value];
        subsample(x, self.size, Parameters { coefficient, bias }, self.f, y)
    }

    fn backward(
        &mut self,
        x: &Tensor,
        y: &Tensor,
        dy: &mut Tensor,
        dx: Option<&mut Tensor>,
        _: Pass,
    ) -> Result<()> {
        if self.f != Activation::Identity {
            activation_grad(self.f, y, dy)?;
        }
        let (coefficient, bias) = self.parameters.split_at_mut(1);
        let (coefficient, bias) = (&mut coefficient[0], &mut bias[0]);
        subsample_grad_parameters(x, dy, self.size, &mut coefficient.gradient, &mut bias.gradient)?;
        match dx {
            Some(dx) => subsample_grad_input(dy, self.size, &coefficient.value, dx),
            None => Ok(()),
        }
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }
}
