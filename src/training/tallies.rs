//! Losses and errors of an epoch's cases, kept on the device until its end.

use super::state::Clock;
use super::{Figure, Figures};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::models::Visit;
use crate::models::network::Tally;
use crate::tensor::Tensor;

/// Loss and error of each case of the epoch under way.
#[derive(Default)]
pub(super) struct Tallies([Option<Tensor>; 2]);

impl Tallies {
    /// Makes room for an epoch of so many cases. What a stopped one has left stays.
    pub fn begin(&mut self, device: &Device, cases: usize) -> Result<()> {
        for tally in &mut self.0 {
            if tally.as_ref().is_none_or(|t| t.shape().dims() != [cases]) {
                *tally = Some(Tensor::zeros(device, &[cases])?);
            }
        }
        Ok(())
    }

    /// Where those of the batch from `row` on go.
    pub fn at(&mut self, row: usize) -> Result<Tally<'_>> {
        match &mut self.0 {
            [Some(loss), Some(error)] => Ok(Tally { loss, error, row }),
            _ => Err(Error::run("training", "an update before an epoch began")),
        }
    }

    /// Lets those of the batch from `row` on count as much as their cases.
    pub fn weigh(&mut self, row: usize, weights: Option<&Tensor>) -> Result<()> {
        self.each(&mut |tally| weigh(tally, row, weights))
    }

    /// Calls `see` for both.
    pub fn each(&mut self, see: &mut dyn FnMut(&mut Tensor) -> Result<()>) -> Result<()> {
        self.0.iter_mut().flatten().try_for_each(see)
    }

    /// Shows them within an epoch: between epochs they tell nothing that is still to be used.
    pub fn visit(&mut self, clock: Clock, device: &Device, visit: &mut Visit<'_>) -> Result<()> {
        let mut none = [None, None];
        let tallies = match visit.reads() && clock.epoch_updates == 0 {
            true => &mut none,
            false => &mut self.0,
        };
        for (name, tally) in ["epoch.loss", "epoch.wrong"].into_iter().zip(tallies) {
            visit.optional(name, device, tally)?;
        }
        Ok(())
    }

    /// The epoch's means of both; the device is waited for. The first case whose loss is not finite tells the update of
    /// `batch` cases that diverged.
    pub fn means(&self, clock: Clock, batch: usize, what: [&'static Figure; 2]) -> Result<Figures> {
        let read = |tally: &Option<Tensor>| tally.as_ref().map_or(Ok(Vec::new()), Tensor::to_vec);
        let (losses, errors) = (read(&self.0[0])?, read(&self.0[1])?);
        if let Some(case) = losses.iter().position(|x| !x.is_finite()) {
            return Err(Error::Diverged {
                epoch: clock.epoch(),
                step: (case / batch) as u64 + 1,
                what: "the loss".into(),
                advice: String::new(),
            });
        }
        let [loss, error] = what;
        Ok(Figures::new().with(loss, mean(&losses)).with(error, mean(&errors)))
    }
}

/// Multiplies the numbers of a batch's cases, from `row` on, by the cases' weights `[B, 1]`, whose mean over an epoch is 1.
pub(super) fn weigh(tally: &mut Tensor, row: usize, weights: Option<&Tensor>) -> Result<()> {
    let Some(weights) = weights else { return Ok(()) };
    let count = weights.shape().len();
    let mut own = Tensor::for_output(tally.device(), &[count, 1])?;
    own.copy_part(0, tally, row..row + count)?;
    elementwise_in_place(Elementwise::Multiply, &mut own, Some(weights))?;
    tally.copy_part(row, &own, 0..count)
}

/// Summed in f64; 0 of nothing.
pub(super) fn mean(values: &[f32]) -> f64 {
    values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len().max(1) as f64
}
