//! The best parameters of a training: those of the lowest error on held out cases.

use super::backpropagation::Backpropagation;
use crate::error::Result;
use crate::tensor::Tensor;

/// The parameters of an epoch and what was measured with them. The figures are f32, so that a checkpoint
/// holds them to the bit.
pub(super) struct Best {
    pub epoch: u64,
    pub error: f32,
    pub loss: f32,
    pub values: Vec<Tensor>,
}

impl Backpropagation {
    /// Keeps the present parameters where they are the best so far: their `error` (the share of held out
    /// cases that are classified wrongly) is lower than any before, or as low with a lower `loss`. Says
    /// whether they are.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), other device errors.
    pub fn consider(&mut self, error: f64, loss: f64) -> Result<bool> {
        let (error, loss) = (error as f32, loss as f32);
        let better = |best: &Best| error < best.error || (error == best.error && loss < best.loss);
        if !self.best.as_ref().is_none_or(better) {
            return Ok(false);
        }
        let parameters = self.network.layers().parameters();
        let values = parameters.map(|p| p.value.try_clone()).collect::<Result<_>>()?;
        self.best = Some(Best { epoch: self.epochs_done, error, loss, values });
        Ok(true)
    }

    /// The epoch of the best parameters; `None` where nothing was [considered](Backpropagation::consider).
    pub fn best_epoch(&self) -> Option<u64> {
        self.best.as_ref().map(|best| best.epoch)
    }

    /// Exchanges the network's parameters with the best ones; a second call brings the last ones back. Nothing
    /// happens where nothing was [considered](Backpropagation::consider).
    pub fn exchange_best(&mut self) {
        if let Some(best) = &mut self.best {
            let parameters = self.network.layers_mut().parameters_mut();
            for (parameter, value) in parameters.zip(&mut best.values) {
                std::mem::swap(&mut parameter.value, value);
            }
        }
    }
}
