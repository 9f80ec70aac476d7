//! The pooling layer.

use super::{Backward, Layer, Pass};
use crate::error::Result;
use crate::kernels::activation_grad::Onward;
use crate::kernels::pool2d::{Pool, Pooled, Pooling, pool2d};
use crate::kernels::pool2d_grad_input::pool2d_grad_input;
use crate::tensor::Tensor;

/// The maximum or the average of each window. In training it keeps where the maxima stood.
#[derive(Debug)]
pub struct PoolLayer {
    pooling: Pooling,
}

impl PoolLayer {
    /// A layer with these windows.
    pub fn new(pooling: Pooling) -> Self {
        PoolLayer { pooling }
    }
}

impl Layer for PoolLayer {
    fn forward(
        &self,
        x: &Tensor,
        y: &mut Tensor,
        kept: &mut Option<Tensor>,
        pass: Pass,
    ) -> Result<()> {
        if self.pooling.pool != Pool::Maximum || pass == Pass::Evaluate {
            return pool2d(x, &self.pooling, Pooled::new(y));
        }
        let dims = y.shape().dims();
        let indices = match kept.take() {
            Some(indices) if indices.shape().dims() == dims => indices,
            _ => Tensor::for_indices(y.device(), dims)?,
        };
        pool2d(x, &self.pooling, Pooled::new(y).with_indices(kept.insert(indices)))
    }

    fn backward(&self, step: Backward<'_>) -> Result<()> {
        let Some(dx) = step.dx else { return Ok(()) };
        let again;
        let indices = match (self.pooling.pool, step.pass) {
            (Pool::Average { .. }, _) => None,
            (Pool::Maximum, Pass::Train(_)) => step.kept,
            // Scores keep nothing, so the maxima are looked for again.
            (Pool::Maximum, Pass::Evaluate) => {
                let (device, dims) = (step.y.device(), step.y.shape().dims());
                let mut y = Tensor::for_output(device, dims)?;
                let mut indices = Tensor::for_indices(device, dims)?;
                pool2d(step.x, &self.pooling, Pooled::new(&mut y).with_indices(&mut indices))?;
                again = indices;
                Some(&again)
            }
        };
        let onward = Onward::through(dx, step.below, step.x);
        pool2d_grad_input(step.dy, &self.pooling, indices, onward)
    }

    fn goes_on(&self) -> bool {
        true
    }
}
