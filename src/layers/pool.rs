//! The pooling layer.

use super::{Layer, Pass};
use crate::error::Result;
use crate::kernels::pool2d::{Pool, Pooled, Pooling, pool2d};
use crate::kernels::pool2d_grad_input::pool2d_grad_input;
use crate::tensor::Tensor;

/// The maximum or the average of each window. It remembers where the maxima of its last training pass
/// stood.
pub struct PoolLayer {
    pooling: Pooling,
    indices: Option<Tensor>,
}

impl PoolLayer {
    /// A layer with these windows.
    pub fn new(pooling: Pooling) -> Self {
        PoolLayer { pooling, indices: None }
    }
}

impl Layer for PoolLayer {
    fn forward(&mut self, x: &Tensor, y: &mut Tensor, pass: Pass) -> Result<()> {
        if self.pooling.pool != Pool::Maximum || pass == Pass::Evaluate {
            return pool2d(x, &self.pooling, Pooled::new(y));
        }
        let dims = y.shape().dims();
        let indices = match self.indices.take() {
            Some(indices) if indices.shape().dims() == dims => indices,
            _ => Tensor::for_indices(y.device(), dims)?,
        };
        pool2d(x, &self.pooling, Pooled::new(y).with_indices(self.indices.insert(indices)))
    }

    fn backward(
        &mut self,
        _: &Tensor,
        _: &Tensor,
        dy: &mut Tensor,
        dx: Option<&mut Tensor>,
        _: Pass,
    ) -> Result<()> {
        match dx {
            Some(dx) => pool2d_grad_input(dy, &self.pooling, self.indices.as_ref(), dx),
            None => Ok(()),
        }
    }
}
