//! The fully connected layer: y = f(xW + bias).

use super::build::Fans;
use super::{Backward, Build, Layer, LinearSpec, Parameter, Pass};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::matmul::{Epilogue, Sums, Transpose, matmul, matmul_sums};
use crate::tensor::Tensor;

/// `y = f(xW + bias)`: x `[B, N]`, W `[N, M]`, bias `[M]`, y `[B, M]`. With dz = dy·f′:
/// dW = xᵀdz, dbias = Σ_b dz, dx = dz·Wᵀ. A transposed one keeps Wᵀ, `[M, N]`.
#[derive(Debug)]
pub struct Linear {
    f: Activation,
    transposed: bool,
    parameters: Vec<Parameter>,
}

impl Linear {
    /// The layer that `spec` describes, of `inputs` values.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for too many weights,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::Limit`](crate::Error::Limit).
    pub fn new(build: &mut Build<'_>, spec: &LinearSpec, inputs: usize) -> Result<Self> {
        let units = spec.units;
        let fans = Fans { inputs, outputs: units };
        let dims = if spec.transposed { [units, inputs] } else { [inputs, units] };
        let mut parameters = vec![build.weights("weight", &dims, |_| Some(fans))?];
        if spec.bias {
            parameters.push(build.bias(&[units])?);
        }
        Ok(Linear { f: spec.activation, transposed: spec.transposed, parameters })
    }
}

impl Layer for Linear {
    fn forward(&self, x: &Tensor, y: &mut Tensor, _: &mut Option<Tensor>, _: Pass) -> Result<()> {
        let bias1 = self.parameters.get(1).map(|p| &p.value);
        let epilogue = Epilogue { bias1, activation: self.f, ..Epilogue::default() };
        let how = if self.transposed { Transpose::NT } else { Transpose::NN };
        matmul(x, &self.parameters[0].value, how, &epilogue, y)
    }

    fn backward(&self, mut step: Backward<'_>) -> Result<()> {
        step.descend(self.f)?;
        let Backward { x, dy, dx, below, gradients, .. } = step;
        let plain = Epilogue::default();
        let (dweight, dbias) = Backward::gradients(gradients)?;
        match (dbias, self.transposed) {
            (Some(dbias), true) => matmul_sums([dy, x], Sums::OfA, dweight, dbias)?,
            (Some(dbias), false) => matmul_sums([x, dy], Sums::OfB, dweight, dbias)?,
            (None, true) => matmul(dy, x, Transpose::TN, &plain, dweight)?,
            (None, false) => matmul(x, dy, Transpose::TN, &plain, dweight)?,
        }
        match dx {
            Some(dx) => {
                let how = if self.transposed { Transpose::NN } else { Transpose::NT };
                let slope = (below != Activation::Identity).then_some((below, x));
                let onward = Epilogue { slope, ..plain };
                matmul(dy, &self.parameters[0].value, how, &onward, dx)
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
