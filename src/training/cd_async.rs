//! Contrastive divergence for asynchronous callers: where no thread may wait, as in a browser.

use super::learner::{Learner, finish, updates};
use super::{BatchSource, CdTrainer, EpochReport, watch};
use crate::error::{Error, Result};
use crate::ranks::Ranks;

impl CdTrainer {
    /// As [`Learner::epoch`], for asynchronous callers: the thread is free while the device works.
    ///
    /// # Errors
    /// As there.
    pub async fn epoch_async(&mut self, source: &mut dyn BatchSource) -> Result<EpochReport> {
        match self.epoch_while_async(source, |_, _| Ok(true)).await? {
            Some(report) => Ok(report),
            // Nothing stops it.
            None => Err(Error::run("epoch", "stopped without being asked to")),
        }
    }

    /// As [`Learner::epoch_while`], for asynchronous callers. A page that trains some updates at a time stays
    /// responsive: where `go_on` said no, the next call goes on with the next batch.
    ///
    /// ```
    /// use harmonium::data;
    /// use harmonium::models::{Rbm, Units};
    /// use harmonium::training::{CdConfig, CdTrainer, ResidentData, Treatment};
    /// # pollster::block_on(async {
    /// let device = harmonium::Device::cpu();
    /// let train = data::digits()?.train.cases;
    /// let rbm = Rbm::new(&device, Units::bernoulli(train.width()), Units::bernoulli(8), 1)?;
    /// let mut batches = ResidentData::new(&device, &train, Treatment::default())?;
    /// let mut trainer = CdTrainer::new(rbm, CdConfig::default(), &train.means())?;
    /// let report = loop {
    ///     let mut left = 5;
    ///     let go_on = |_: &mut dyn harmonium::training::Learner, _| {
    ///         left -= 1;
    ///         Ok(left > 0)
    ///     };
    ///     if let Some(report) = trainer.epoch_while_async(&mut batches, go_on).await? {
    ///         break report;
    ///     }
    /// };
    /// assert_eq!(report.cases, 1500);
    /// # Ok::<(), harmonium::Error>(())
    /// # }).unwrap();
    /// ```
    ///
    /// # Errors
    /// As there. A machine with a trajectory reads its figures as others do, which a browser's GPU does not let it.
    pub async fn epoch_while_async(
        &mut self,
        source: &mut dyn BatchSource,
        mut go_on: impl FnMut(&mut dyn Learner, usize) -> Result<bool>,
    ) -> Result<Option<EpochReport>> {
        if !updates(&Ranks::alone(), self, source, &mut go_on)? {
            return Ok(None);
        }
        watch::check_async(self.clock, &self.status, [&self.rbm.w], self.advice()).await?;
        let figures = self.figures()?;
        Ok(Some(finish(self, figures)))
    }
}
