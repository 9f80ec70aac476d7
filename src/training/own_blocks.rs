//! A rank's blocks of a batch, kept while their loss is evaluated again and again, or until all know how much they count.

use super::{Batch, Share, SharedBatch, Summed};
use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::ranks::Ranks;
use crate::tensor::Tensor;

/// A block's cases.
pub(super) struct Block {
    share: Share,
    cases: Tensor,
    classes: Option<Tensor>,
    lengths: Option<Tensor>,
    weights: Option<Tensor>,
}

impl Block {
    /// A copy, which stays while the source goes on.
    pub fn of(share: Share, batch: Batch<'_>) -> Result<Self> {
        let copy = |tensor: Option<&Tensor>| tensor.map(Tensor::try_clone).transpose();
        Ok(Block {
            share,
            cases: batch.cases.try_clone()?,
            classes: copy(batch.classes)?,
            lengths: copy(batch.lengths)?,
            weights: copy(batch.weights)?,
        })
    }

    /// Its cases again.
    pub fn batch(&self) -> Batch<'_> {
        Batch {
            cases: &self.cases,
            classes: self.classes.as_ref(),
            lengths: self.lengths.as_ref(),
            weights: self.weights.as_ref(),
        }
    }
}

impl SharedBatch<'_> {
    /// This rank's blocks of a batch whose cases count differently, kept until all know how much they count together.
    pub(super) fn weighed(
        &mut self,
        learner: &mut dyn Summed,
    ) -> Result<Vec<(Share, Option<Block>)>> {
        let (mut blocks, mut sums) = (Vec::new(), Vec::new());
        self.each(&mut |share, batch| {
            let weights = batch.as_ref().and_then(|batch| batch.weights);
            let weights = weights.map(Tensor::to_vec).transpose()?.unwrap_or_default();
            sums.push(vec![weights.iter().sum::<f32>()]);
            blocks.push((share, batch.map(|batch| Block::of(share, batch)).transpose()?));
            Ok(())
        })?;
        let sum = self.ranks.sum(sums, 1)?;
        learner.weigh(sum.first().map(|sum| sum / self.rows as f32));
        Ok(blocks)
    }
}

/// This rank's blocks of a batch; none for one that has no row.
#[derive(Clone, Copy)]
pub(super) struct OwnBlocks<'a> {
    ranks: &'a Ranks,
    blocks: &'a [Option<Block>],
}

/// The mean loss of cases that begin at a row of the batch, and its gradient.
type OfCases<'a> = dyn FnMut(Batch<'_>, usize, &mut Tensor) -> Result<f64> + 'a;

impl<'a> OwnBlocks<'a> {
    /// Those of `ranks`' own.
    pub fn new(ranks: &'a Ranks, blocks: &'a [Option<Block>]) -> Self {
        OwnBlocks { ranks, blocks }
    }

    /// The mean loss of all ranks' cases, and its gradient, from those of blocks: the gradient summed in f32 from block to
    /// block, the loss in f64.
    pub fn sum(&self, gradient: &mut Tensor, of_cases: &mut OfCases<'_>) -> Result<f64> {
        let (mut sums, mut losses) = (Vec::new(), Vec::new());
        for block in self.blocks {
            let Some(block) = block else {
                sums.push(vec![0.0; gradient.shape().len()]);
                losses.push(0.0);
                continue;
            };
            let rows = block.share.rows();
            let weight = rows.len() as f64 / block.share.batch as f64;
            losses.push(weight * of_cases(block.batch(), rows.start, gradient)?);
            elementwise_in_place(Elementwise::Affine(weight as f32, 0.0), gradient, None)?;
            sums.push(gradient.to_vec()?);
        }
        let total = self.ranks.sum(sums, gradient.shape().len())?;
        gradient.upload(&total)?;
        let all = self.ranks.gather(bytemuck::cast_slice::<f64, u8>(&losses))?;
        let all = all.iter().flat_map(|own| bytemuck::pod_collect_to_vec::<u8, f64>(own));
        Ok(all.sum())
    }
}
