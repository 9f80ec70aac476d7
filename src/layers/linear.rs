//! The fully connected layer: y = f(xW + bias).

use super::{Build, Layer, Parameter, Pass};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::activation_grad::activation_grad;
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::tensor::Tensor;

/// `y = f(xW + bias)`: x `[B, N]`, W `[N, M]`, bias `[M]`, y `[B, M]`. With dz = dy·f′:
/// dW = xᵀdz, dbias = Σ_b dz, dx = dz·Wᵀ.
pub struct Linear {
    f: Activation,
    parameters: Vec<Parameter>,
}

impl Linear {
    /// A layer from `inputs` values to `units`.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for too many weights,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::Limit`](crate::Error::Limit).
    pub fn new(
        build: &Build<'_>,
        [inputs, units]: [usize; 2],
        bias: bool,
        f: Activation,
    ) -> Result<Self> {
        let weights = build.weights("linear", &[inputs, units], |_| [inputs, units])?;
        let mut parameters = vec![build.parameter("weight", &[inputs, units], &weights)?];
        if bias {
            parameters.push(build.parameter("bias", &[units], &vec![0.0; units])?);
        }
        Ok(Linear { f, parameters })
    }
}

impl Layer for Linear {
    fn forward(&mut self, x: &Tensor, y: &mut Tensor, _: Pass) -> Result<()> {
        let bias1 = self.parameters.get(1).map(|p| &p.value);
        let epilogue = Epilogue { bias1, activation: self.f, ..Epilogue::default() };
        matmul(x, &self.parameters[0].value, Transpose::NN, &epilogue, y)
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
        let plain = Epilogue::default();
        matmul(x, dy, Transpose::TN, &plain, &mut self.parameters[0].gradient)?;
        if let Some(bias) = self.parameters.get_mut(1) {
            bias.gradient = reduce(Reduction::Sum, Axis::Columns, 1.0, dy)?;
        }
        match dx {
            Some(dx) => matmul(dy, &self.parameters[0].value, Transpose::NT, &plain, dx),
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
