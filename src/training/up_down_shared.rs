//! Up–down where ranks share the batches: the gradients of all arrays are means over cases, and those are summed.

use super::ascent::ascend;
use super::up_down::{Term, UpDown, terms};
use super::weighing::Weighing;
use super::{Arena, Batch, Share, Shared, SharedBatch, Summed};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::bias_update::bias_gradient;
use crate::kernels::cd_update::cd_gradient;
use crate::tensor::Tensor;

impl Shared for UpDown {
    fn device(&self) -> Device {
        self.net.device().clone()
    }

    fn check_shared(&self) -> Result<()> {
        Ok(())
    }

    fn learn(&mut self, batch: &mut SharedBatch<'_>) -> Result<()> {
        batch.summed(self)
    }

    fn scattered(&mut self, _: &mut dyn FnMut(&mut Tensor, usize) -> Result<()>) -> Result<()> {
        Ok(())
    }
}

impl Summed for UpDown {
    fn sums(&self) -> usize {
        let of = |(below, rbm): (usize, &crate::models::Rbm)| {
            let generative = self.net.generative_weights(below + 1);
            let own = [rbm.weights(), rbm.visible_bias(), rbm.hidden_bias()];
            own.into_iter().chain(generative).map(|array| array.shape().len()).sum::<usize>()
        };
        self.net.levels().iter().enumerate().map(of).sum()
    }

    fn part(&mut self, share: Share, batch: Option<Batch<'_>>, flat: &mut Tensor) -> Result<()> {
        let Some(batch) = batch else { return flat.set_zero() };
        self.first = share.rows().start as u32;
        let passes = self.passes(batch.cases, batch.classes);
        self.first = 0;
        let (top, directed) = passes?;
        let mut terms = terms(batch.cases, &directed, &top, 1.0 / share.batch as f32).into_iter();
        let weighing = batch.weights.map(|w| Weighing::new(w, batch.rows(), None)).transpose()?;
        let mut gradients = Vec::new();
        self.each(&mut |array, _| {
            let mut gradient = Tensor::for_output(array.device(), array.shape().dims())?;
            Term::next_of(&mut terms)?.counted(weighing.as_ref(), &mut |term| match term {
                Term::Weights(phases) => cd_gradient(&phases, &mut gradient),
                Term::Bias(phases) => bias_gradient(&phases, &mut gradient),
            })?;
            gradients.push(gradient);
            Ok(())
        })?;
        Arena::of(&gradients).pack(&gradients, flat)
    }

    fn apply(&mut self, sums: &Tensor) -> Result<()> {
        let step = self.step(self.clock.epoch());
        let mut at = 0;
        self.each(&mut |array, velocity| {
            let mut gradient = Tensor::for_output(array.device(), array.shape().dims())?;
            let len = array.shape().len();
            gradient.copy_part(0, sums, at..at + len)?;
            at += len;
            let weights = array.shape().dims().len() == 2;
            ascend(step, &gradient, weights, velocity, array)
        })?;
        self.clock.updates += 1;
        Ok(())
    }
}
