//! Learning of a deep Boltzmann machine where ranks share the batches and the persistent chains.
//!
//! A block's part of the sums is its part of the gradients of all weights and biases (each case counts 1/B, each chain
//! 1/C); where gradients are around offsets its part of the means of all layers under the data; and how many rounds its
//! cases' mean fields took.

use super::ascent::ascend;
use super::dbm::DbmTrainer;
use super::shares::put_rows;
use super::weighing::Weighing;
use super::{Arena, Batch, BatchSource, Share, Shared, SharedBatch, Summed};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::bias_update::{BiasPhases, bias_gradient};
use crate::kernels::cd_update::{Phases, cd_gradient};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::tensor::Tensor;

impl DbmTrainer {
    /// The gradients of W¹ …, then those of b, a¹ …, of cases `v` and of chains, each of which counts as `scales` say, and
    /// where cases count differently as `weights` do.
    fn gradients(
        &mut self,
        (v, weights): (&Tensor, Option<&Tensor>),
        chains: &mut [Tensor],
        scales: [f32; 2],
    ) -> Result<Vec<Tensor>> {
        let [rows, own] = [v, &chains[0]].map(|x| x.shape().dims()[0]);
        let mut work = self.workspace([rows, own])?;
        let of = (v.device(), weights);
        let weighing = self.whole.map(|whole| Weighing::of_block(of, rows, Some((own, whole))));
        let weighing = weighing.transpose()?;
        let rounds = self.phases((v, weighing.as_ref()), chains, &mut work)?;
        let counted = weighing.map(|weighing| self.counted(&weighing, (v, chains), &work));
        let counted = counted.transpose()?;
        let summed = |layer: usize| match &counted {
            None => [work.of_data(v, layer), work.of_model(chains, layer)],
            Some(counted) => [&counted[layer][0], &counted[layer][1]],
        };
        let mut sums = Vec::new();
        for above in 1..=self.dbm.hidden_layers() {
            let offsets = self.offsets.as_deref();
            let plain = work.of_weights((v, chains), above - 1, scales, offsets);
            let [p0, pk] = summed(above);
            let phases = Phases { p0, pk, ..plain };
            let dims = self.dbm.weights(above).shape().dims();
            let mut gradient = Tensor::for_output(v.device(), dims)?;
            cd_gradient(&phases, &mut gradient)?;
            sums.push(gradient);
        }
        for layer in 0..=self.dbm.hidden_layers() {
            let [x0, xk] = summed(layer);
            let dims = self.dbm.bias(layer).shape().dims();
            let mut gradient = Tensor::for_output(v.device(), dims)?;
            bias_gradient(&BiasPhases { x0, xk, scales }, &mut gradient)?;
            sums.push(gradient);
        }
        sums.extend(self.means(&|layer| summed(layer)[0], scales[0])?);
        sums.push(rounds);
        self.work = Some(work);
        Ok(sums)
    }

    /// Tensors like those that are summed.
    fn room(&self) -> Result<Vec<Tensor>> {
        let layers = self.dbm.hidden_layers();
        let weights = (1..=layers).map(|l| self.dbm.weights(l).shape());
        let biases = || (0..=layers).map(|l| self.dbm.bias(l).shape());
        let means = self.offsets.iter().flat_map(|_| biases());
        let all = weights.chain(biases()).chain(means).chain([self.rounds.shape()]);
        all.map(|shape| Tensor::for_output(self.dbm.device(), shape.dims())).collect()
    }
}

impl Shared for DbmTrainer {
    fn device(&self) -> Device {
        self.dbm.device().clone()
    }

    fn check_shared(&self) -> Result<()> {
        Ok(())
    }

    fn prepare(&mut self, source: &mut dyn BatchSource) -> Result<bool> {
        if self.chains.iter().all(Option::is_some) {
            return Ok(false);
        }
        let Some(batch) = source.next_batch(self.config.batch)? else { return Ok(true) };
        self.chains =
            self.take_chains((batch.cases, batch.weights))?.into_iter().map(Some).collect();
        Ok(true)
    }

    fn learn(&mut self, batch: &mut SharedBatch<'_>) -> Result<()> {
        batch.summed(self)
    }

    fn scattered(&mut self, see: &mut dyn FnMut(&mut Tensor, usize) -> Result<()>) -> Result<()> {
        self.chains.iter_mut().flatten().try_for_each(|chains| see(chains, self.config.batch))
    }
}

impl Summed for DbmTrainer {
    fn sums(&self) -> usize {
        let layers = self.dbm.hidden_layers();
        let weights: usize = (1..=layers).map(|l| self.dbm.weights(l).shape().len()).sum();
        let units: usize = (0..=layers).map(|l| self.dbm.units(l).count()).sum();
        weights + units * if self.offsets.is_some() { 2 } else { 1 } + 1
    }

    fn weighs_batches(&self) -> bool {
        true
    }

    fn weigh(&mut self, mean: Option<f32>) {
        self.whole = mean;
    }

    fn part(&mut self, share: Share, batch: Option<Batch<'_>>, flat: &mut Tensor) -> Result<()> {
        let none = Tensor::zeros(self.dbm.device(), &[0, self.dbm.visible_count()])?;
        let v = batch.as_ref().map_or(&none, |batch| batch.cases);
        let weights = batch.as_ref().and_then(|batch| batch.weights);
        let mut all: Vec<Tensor> = self.chains.iter_mut().filter_map(Option::take).collect();
        if all.len() != self.chains.len() {
            return Err(Error::run("train dbm", "its chains have not begun"));
        }
        let own = share.of(self.config.batch);
        let mut chains =
            all.iter().map(|layer| layer.rows(own.clone())).collect::<Result<Vec<_>>>()?;
        self.first = own.start as u32;
        let scales = [1.0 / share.batch as f32, 1.0 / self.config.batch as f32];
        let sums = self.gradients((v, weights), &mut chains, scales);
        self.first = 0;
        for (layer, own_chains) in all.iter_mut().zip(&chains) {
            put_rows(own_chains, layer, own.start)?;
        }
        self.chains = all.into_iter().map(Some).collect();
        let sums = sums?;
        Arena::of(&sums).pack(&sums, flat)
    }

    fn apply(&mut self, flat: &Tensor) -> Result<()> {
        let mut sums = self.room()?;
        Arena::of(&sums).unpack(flat, &mut sums)?;
        let step = self.step(self.clock.epoch());
        let (weights, biases) = self.dbm.arrays_mut();
        let arrays = weights.len() + biases.len();
        let decays = weights.len();
        let parameters = weights.iter_mut().chain(biases);
        let velocities = self.velocities.iter_mut().flatten();
        for (k, ((gradient, velocity), parameter)) in
            sums.iter().zip(velocities).zip(parameters).enumerate()
        {
            ascend(step, gradient, k < decays, velocity, parameter)?;
        }
        if let [means @ .., rounds] = &sums[arrays..] {
            self.move_offsets(means)?;
            elementwise_in_place(Elementwise::ADD, &mut self.rounds, Some(rounds))?;
        }
        self.clock.updates += 1;
        Ok(())
    }
}
