//! Line searches where ranks share the batches: each evaluation of a batch's loss is a sum over all blocks, so that every
//! rank sees the same loss and the same slope, and goes the same way.

use super::minimizer::{Blocks, Minimizer};
use super::own_blocks::{Block, OwnBlocks};
use super::shares::check_cases;
use super::trainable::Trainable;
use super::{Shared, SharedBatch};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

impl<M: Trainable> Shared for Minimizer<M> {
    fn device(&self) -> Device {
        self.network.layers().device().clone()
    }

    fn check_shared(&self) -> Result<()> {
        check_cases(self.network.couples_cases())
    }

    fn learn(&mut self, batch: &mut SharedBatch<'_>) -> Result<()> {
        let (ranks, mut blocks) = (batch.ranks, Vec::new());
        if ranks.are_mixed() {
            let detail = "the ranks of a line search go one way, and slopes of devices of different kinds differ in the last \
                          bits: train by sgd or adam, or give all ranks one kind of device";
            return Err(Error::setting("mixed-devices", detail));
        }
        batch.each(&mut |share, batch| {
            blocks.push(batch.map(|batch| Block::of(share, batch)).transpose()?);
            Ok::<_, Error>(())
        })?;
        self.search(Blocks::Shared(OwnBlocks::new(ranks, &blocks)))?;
        self.clock.updates += 1;
        Ok(())
    }

    fn scattered(&mut self, see: &mut dyn FnMut(&mut Tensor, usize) -> Result<()>) -> Result<()> {
        self.tallies.each(&mut |tally| see(tally, self.config.batch))
    }
}
