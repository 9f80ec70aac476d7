//! What an update of contrastive divergence needs beside the machine.

use crate::error::Result;
use crate::models::Rbm;
use crate::tensor::Tensor;

/// Tensors of one batch size.
pub(super) struct Workspace {
    pub rows: usize,
    pub p0: Tensor,
    pub h: Tensor,
    pub vk: Tensor,
    pub pk: Tensor,
}

impl Workspace {
    /// Whether it is of so many cases and chains.
    pub fn is_of(&self, rows: usize, chains: usize) -> bool {
        self.rows == rows && self.h.shape().dims()[0] == chains
    }

    /// Of so many cases and chains.
    pub fn new(rbm: &Rbm, persistent: bool, [rows, chains]: [usize; 2]) -> Result<Self> {
        let device = rbm.device();
        let (i, j) = (rbm.visible_count(), rbm.hidden_count());
        Ok(Workspace {
            rows,
            p0: Tensor::for_output(device, &[rows, j])?,
            h: Tensor::for_output(device, &[chains, j])?,
            vk: Tensor::for_output(device, &[if persistent { 0 } else { rows }, i])?,
            pk: Tensor::for_output(device, &[chains, j])?,
        })
    }
}
