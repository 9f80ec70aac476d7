//! The log weights of annealed chains, gathered on their device.

use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::Place;
use crate::tensor::Tensor;

/// Temperatures between two readings of the weights.
const ROWS: usize = 256;

/// The chains' log weights: increments gather on the device, and are added in f64.
pub(super) struct Weights {
    increments: Tensor,
    filled: usize,
    log_weights: Vec<f64>,
    /// What no state changes.
    pub constant: f64,
}

impl Weights {
    /// The most chains: their increments are one tensor.
    pub const MOST: usize = i32::MAX as usize / ROWS;

    pub fn new(device: &Device, chains: usize) -> Result<Self> {
        let increments = Tensor::zeros(device, &[ROWS, chains])?;
        Ok(Weights { increments, filled: 0, log_weights: vec![0.0; chains], constant: 0.0 })
    }

    /// Adds what `write` puts into a row.
    pub fn add(&mut self, write: impl FnOnce(Place<'_>) -> Result<()>) -> Result<()> {
        write(Place::at(&mut self.increments, self.filled))?;
        self.filled += 1;
        if self.filled == ROWS { self.collect() } else { Ok(()) }
    }

    /// Adds the increments since the last reading.
    fn collect(&mut self) -> Result<()> {
        let increments = self.increments.to_vec()?;
        let count = self.log_weights.len();
        for row in increments.chunks(count).take(self.filled) {
            self.log_weights.iter_mut().zip(row).for_each(|(w, &x)| *w += f64::from(x));
        }
        self.filled = 0;
        Ok(())
    }

    pub fn finish(mut self) -> Result<Vec<f64>> {
        self.collect()?;
        let constant = self.constant;
        self.log_weights.iter_mut().for_each(|w| *w += constant);
        match self.log_weights.iter().all(|w| w.is_finite()) {
            true => Ok(self.log_weights),
            false => Err(Error::data(
                "ais",
                "a chain's weight is not finite; the model's parameters are too large or not finite",
            )),
        }
    }
}
