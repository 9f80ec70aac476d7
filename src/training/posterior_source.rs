//! What the classifier of a deep Boltzmann machine learns from: the cases, each with the mean field's means of h² behind it.

use crate::error::Result;
use crate::models::{DeepBoltzmannMachine, MeanField};
use crate::tensor::Tensor;

use super::source::{Batch, BatchSource};

/// The cases of a source as [v, μ²(v)], computed on the device batch by batch and never kept.
#[derive(Debug)]
pub struct PosteriorSource<S> {
    source: S,
    dbm: DeepBoltzmannMachine,
    how: MeanField,
    batch: Option<Tensor>,
}

impl<S: BatchSource> PosteriorSource<S> {
    /// The cases of `source` as `dbm` sees them.
    pub fn new(source: S, dbm: DeepBoltzmannMachine, how: MeanField) -> Self {
        PosteriorSource { source, dbm, how, batch: None }
    }

    /// The machine.
    pub fn dbm(&self) -> &DeepBoltzmannMachine {
        &self.dbm
    }

    /// The machine, to be written.
    pub fn dbm_mut(&mut self) -> &mut DeepBoltzmannMachine {
        &mut self.dbm
    }
}

impl<S: BatchSource> BatchSource for PosteriorSource<S> {
    fn cases(&self) -> usize {
        self.source.cases()
    }

    fn width(&self) -> usize {
        self.dbm.visible_count() + self.dbm.units(2).count()
    }

    fn is_weighted(&self) -> bool {
        self.source.is_weighted()
    }

    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()> {
        self.source.start_epoch(seed, epoch)
    }

    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>> {
        let PosteriorSource { source, dbm, how, batch: kept } = self;
        let Some(batch) = source.next_batch(rows)? else { return Ok(None) };
        let seen = dbm.with_posterior(batch.cases, *how)?;
        let dims = [batch.rows(), 1, 1, seen.shape().len() / batch.rows().max(1)];
        let cases = kept.insert(seen.reshape(&dims)?);
        Ok(Some(Batch { cases, ..batch }))
    }

    fn skip(&mut self, cases: usize) -> Result<()> {
        self.source.skip(cases)
    }
}
