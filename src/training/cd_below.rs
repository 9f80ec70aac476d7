//! What follows an update of contrastive divergence: the average of the parameters, and whether the machine becomes a rung
//! of its trajectory.

use std::ops::Range;

use super::contrastive_divergence::CdTrainer;
use super::shares::put_rows;
use crate::error::Result;

impl CdTrainer {
    /// After an update that one rank made alone.
    pub(super) fn climb(&mut self) -> Result<()> {
        self.take_into_average()?;
        self.look_below(&mut |trainer| trainer.probe(0..trainer.config.batch))
    }

    /// Takes the machine into its average.
    pub(super) fn take_into_average(&mut self) -> Result<()> {
        let updates = self.clock.updates;
        self.average.as_mut().map_or(Ok(()), |average| average.take(&self.rbm, updates))
    }

    /// Whether the machine becomes a rung, by the exchanges that `probe` finds of all chains.
    pub(super) fn look_below(
        &mut self,
        probe: &mut dyn FnMut(&mut Self) -> Result<Vec<f64>>,
    ) -> Result<()> {
        let updates = self.clock.updates;
        if !self.below.as_ref().is_some_and(|below| below.looks_after(updates)) {
            return Ok(());
        }
        let exchanges = probe(self)?;
        let Some(below) = &mut self.below else { return Ok(()) };
        let chains = self.chains.as_ref().filter(|_| below.exchanges());
        below.grow((&self.rbm, updates * self.config.steps), &exchanges, chains)
    }

    /// The exchanges that some of the chains make along the trajectory in a few rounds, of each pair of neighbours.
    pub(super) fn probe(&mut self, own: Range<usize>) -> Result<Vec<f64>> {
        let Some(below) = &mut self.below else { return Ok(Vec::new()) };
        let chains = self.chains.as_ref().filter(|_| below.exchanges());
        let top = chains.map(|chains| chains.rows(own.clone())).transpose()?;
        let now = (&self.rbm, self.clock.updates);
        let (found, top) = below.probe(now, (top, own.clone()), &self.config)?;
        if let (Some(chains), Some(top)) = (&mut self.chains, top) {
            put_rows(&top, chains, own.start)?;
        }
        Ok(found)
    }
}
