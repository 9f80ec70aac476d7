//! A pass over the data, which may be stopped within and gone on with.

use crate::error::{Error, Result};

use super::{BatchSource, CdTrainer};

/// What an epoch did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EpochReport {
    /// Which, counted from 1.
    pub epoch: u64,
    /// Updates in it.
    pub updates: u64,
    /// Cases in it.
    pub cases: u64,
}

impl CdTrainer {
    /// One pass over the data, or the rest of one that was stopped; `progress` gets the number of cases of
    /// each batch once it is recorded.
    ///
    /// # Errors
    /// [`Error::Diverged`] where a parameter left the finite numbers, [`Error::Shape`] where the source
    /// does not fit the machine, [`Error::Data`] where it is empty, device errors.
    pub fn epoch(
        &mut self,
        source: &mut dyn BatchSource,
        mut progress: impl FnMut(usize),
    ) -> Result<EpochReport> {
        self.run_epoch(source, &mut |_, cases| {
            progress(cases);
            Ok(true)
        })?;
        Ok(self.end_epoch(source))
    }

    /// As [`CdTrainer::epoch`], asking `go_on` after each update, with the trainer and the number of the
    /// batch's cases. Where it says no, the epoch stops there and gives `None`; a later call, or one of a
    /// trainer with this one's [state](CdTrainer::state), goes on with the next batch.
    ///
    /// # Errors
    /// As [`CdTrainer::epoch`], and those of `go_on`.
    pub fn epoch_while(
        &mut self,
        source: &mut dyn BatchSource,
        mut go_on: impl FnMut(&CdTrainer, usize) -> Result<bool>,
    ) -> Result<Option<EpochReport>> {
        let whole = self.run_epoch(source, &mut go_on)?;
        Ok(whole.then(|| self.end_epoch(source)))
    }

    /// Whether the epoch came to its end.
    fn run_epoch(
        &mut self,
        source: &mut dyn BatchSource,
        go_on: &mut dyn FnMut(&CdTrainer, usize) -> Result<bool>,
    ) -> Result<bool> {
        if source.width() != self.rbm.visible_count() {
            return Err(Error::shape(
                "train rbm",
                format!(
                    "the data have {} values a case, the machine {} visible units",
                    source.width(),
                    self.rbm.visible_count()
                ),
            ));
        }
        if source.cases() == 0 {
            return Err(Error::data("training data", "there is no case; nothing can be learnt"));
        }
        let epoch = self.epochs_done + 1;
        let first_update = self.updates_done - self.epoch_updates;
        source.start_epoch(self.config.seed, epoch)?;
        source.skip(self.epoch_cases as usize)?;
        while let Some(batch) = source.next_batch(self.config.batch)? {
            let rows = batch.shape().dims()[0];
            self.update(batch, epoch)?;
            self.epoch_updates += 1;
            self.epoch_cases += rows as u64;
            if !go_on(self, rows)? {
                return Ok(false);
            }
        }
        self.check_divergence(epoch, first_update)?;
        Ok(true)
    }

    fn end_epoch(&mut self, source: &dyn BatchSource) -> EpochReport {
        self.epochs_done += 1;
        let updates = std::mem::take(&mut self.epoch_updates);
        self.epoch_cases = 0;
        EpochReport { epoch: self.epochs_done, updates, cases: source.cases() as u64 }
    }
}
