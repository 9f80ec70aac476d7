//! Contrastive divergence where ranks share the batches and the persistent chains.
//!
//! A block's part of the sums is its part of the gradient of W, b and a (each case counts 1/B, each chain 1/C), and where
//! means are needed, of the offsets or of the sparsity target, its part of ⟨v⟩ and ⟨p(h | v)⟩. The sparsity target's push
//! c is added once all cases' mean is known: c to a's gradient, (⟨v⟩ − μ) cᵀ to that of W, as if each case had had it.

use super::ascent::ascend;
use super::centring::push;
use super::contrastive_divergence::CdTrainer;
use super::shares::put_rows;
use super::start::repeated;
use super::weighing::Weighing;
use super::{Arena, Batch, BatchSource, Share, Shared, SharedBatch, Summed};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::bias_update::{BiasPhases, bias_gradient};
use crate::kernels::cd_update::{Phases, cd_gradient};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::ranks::part;
use crate::tensor::Tensor;

impl CdTrainer {
    /// Whether the means of a batch's units are summed too.
    fn needs_means(&self) -> bool {
        self.centring.is_some() || self.config.sparsity.is_some()
    }

    /// Room for the gradients of W, b and a, and where they are summed ⟨v⟩ and ⟨h⟩.
    fn summed(&mut self) -> Result<Vec<Tensor>> {
        if let Some(room) = self.summed.take() {
            return Ok(room);
        }
        let device = self.rbm.device();
        let (i, j) = (self.rbm.visible_count(), self.rbm.hidden_count());
        let means = if self.needs_means() { &[i, j][..] } else { &[] };
        let mut room = vec![Tensor::for_output(device, &[i, j])?];
        for &n in [i, j].iter().chain(means) {
            room.push(Tensor::for_output(device, &[n])?);
        }
        Ok(room)
    }

    /// The phases of a block's cases and chains, and what they add to the sums.
    fn block(&mut self, share: Share, batch: Option<Batch<'_>>) -> Result<Vec<Tensor>> {
        let none = Tensor::zeros(self.rbm.device(), &[0, self.rbm.visible_count()])?;
        let v0 = batch.as_ref().map_or(&none, |batch| batch.cases);
        let weights = batch.as_ref().and_then(|batch| batch.weights);
        let mut sums = self.summed()?;
        let rows = share.rows();
        let chains = if self.config.persistent { self.config.batch } else { share.batch };
        self.first = share.of(chains).start as u32;
        let own_chains = share.of(chains).len();
        let mut work = match self.work.take() {
            Some(work) if work.is_of(rows.len(), own_chains) => work,
            _ => self.workspace(rows.len(), own_chains)?,
        };
        self.data_phase(v0, &mut work)?;
        self.model_phase((v0, weights), &mut work)?;

        let scales = [1.0 / share.batch as f32, 1.0 / chains as f32];
        let offsets = self.centring.as_ref().map(|c| (&c.mu, &c.lambda));
        let [mu, lambda] = [offsets.map(|o| o.0), offsets.map(|o| o.1)];
        let of_chains = self.whole.filter(|_| self.config.persistent).map(|w| (own_chains, w));
        let weighing = match weights.is_some() || of_chains.is_some() {
            true => Some(Weighing::of_block((none.device(), weights), rows.len(), of_chains)?),
            false => None,
        };
        let counted =
            |x: &Tensor, offset| weighing.as_ref().map(|w| w.of_cases(x, offset)).transpose();
        let of_chains =
            |x: &Tensor, offset| weighing.as_ref().map(|w| w.of_chains(x, offset)).transpose();
        let vk = self.chains.as_ref().unwrap_or(&work.vk);
        let weighed = [
            counted(v0, mu)?,
            counted(&work.p0, lambda)?,
            of_chains(vk, mu)?,
            of_chains(&work.pk, lambda)?,
        ];
        let pick = |k: usize, plain| weighed[k].as_ref().unwrap_or(plain);
        let (x0, p0) = (pick(0, v0), pick(1, &work.p0));
        let (xk, pk) = (pick(2, vk), pick(3, &work.pk));
        if let [dw, db, da, means @ ..] = &mut sums[..] {
            cd_gradient(&Phases { v0, p0, vk, pk, scales, offsets }, dw)?;
            bias_gradient(&BiasPhases { x0, xk, scales }, db)?;
            bias_gradient(&BiasPhases { x0: p0, xk: pk, scales }, da)?;
            for (mean, of) in means.iter_mut().zip([x0, p0]) {
                *mean = reduce(Reduction::Sum, Axis::Columns, scales[0], of)?;
            }
        }
        drop(weighed);
        self.work = Some(work);
        Ok(sums)
    }
}

impl CdTrainer {
    /// Has a rank without any chain keep the ladder as the others do.
    fn keep_ladder(&mut self) -> Result<()> {
        if let (Some(chains), Some(below)) = (&self.chains, &self.below)
            && below.exchanges()
        {
            let none = chains.rows(0..0)?;
            self.rounds(none, 0)?;
        }
        Ok(())
    }
}

impl Shared for CdTrainer {
    fn device(&self) -> Device {
        self.rbm.device().clone()
    }

    fn check_shared(&self) -> Result<()> {
        self.config.check_shared()
    }

    fn prepare(&mut self, source: &mut dyn BatchSource) -> Result<bool> {
        if !self.config.persistent || self.chains.is_some() {
            return Ok(false);
        }
        let Some(batch) = source.next_batch(self.config.batch)? else { return Ok(true) };
        self.chains = Some(repeated(batch.cases, batch.weights, self.config.batch)?);
        Ok(true)
    }

    fn learn(&mut self, batch: &mut SharedBatch<'_>) -> Result<()> {
        let ranks = batch.ranks;
        if self.config.trajectory && ranks.are_mixed() {
            let detail = "the machines of a trajectory are kept by what chains on all ranks say, and rank 0 alone makes the \
                          updates of devices of different kinds: leave --trajectory out, or give all ranks one kind of \
                          device";
            return Err(Error::setting("mixed-devices", detail));
        }
        let (all, of) = (self.config.batch, ranks.blocks());
        let own = ranks.blocks_of(ranks.rank());
        if own.is_empty() {
            self.keep_ladder()?;
        }
        batch.summed(self)?;
        self.look_below(&mut |trainer| {
            if own.is_empty() {
                trainer.probe(0..0)?;
            }
            let mut blocks = Vec::new();
            for number in own.clone() {
                let exchanges = trainer.probe(part(all, of, number))?;
                // Whole numbers far below 2²⁴, so that their sum has no order.
                blocks.push(exchanges.into_iter().map(|x| x as f32).collect());
            }
            let sum = ranks.sum(blocks, trainer.trajectory().len())?;
            Ok(sum.into_iter().map(f64::from).collect())
        })
    }

    fn scattered(&mut self, see: &mut dyn FnMut(&mut Tensor, usize) -> Result<()>) -> Result<()> {
        if let Some(chains) = &mut self.chains {
            see(chains, self.config.batch)?;
        }
        self.below.as_mut().map_or(Ok(()), |below| below.scattered(see))
    }
}

impl Summed for CdTrainer {
    fn sums(&self) -> usize {
        let (i, j) = (self.rbm.visible_count(), self.rbm.hidden_count());
        i * j + (i + j) * if self.needs_means() { 2 } else { 1 }
    }

    fn weighs_batches(&self) -> bool {
        self.config.persistent || self.config.sparsity.is_some()
    }

    fn weigh(&mut self, mean: Option<f32>) {
        self.whole = mean;
    }

    fn part(&mut self, share: Share, batch: Option<Batch<'_>>, flat: &mut Tensor) -> Result<()> {
        let all = self.chains.take();
        if let Some(all) = &all {
            self.chains = Some(all.rows(share.of(self.config.batch))?);
        }
        let sums = self.block(share, batch);
        self.first = 0;
        let own = std::mem::replace(&mut self.chains, all);
        if let (Some(all), Some(own)) = (&mut self.chains, own) {
            put_rows(&own, all, share.of(self.config.batch).start)?;
        }
        let sums = sums?;
        Arena::of(&sums).pack(&sums, flat)?;
        self.summed = Some(sums);
        Ok(())
    }

    fn apply(&mut self, flat: &Tensor) -> Result<()> {
        let mut sums = self.summed()?;
        Arena::of(&sums).unpack(flat, &mut sums)?;
        let [dw, db, da, means @ ..] = &mut sums[..] else {
            return Err(Error::shape("train rbm", "sums without gradients"));
        };
        let means = if let [mean_v, mean_h] = means { Some((&*mean_v, &*mean_h)) } else { None };
        if let (Some(sparsity), Some(activity), Some((mean_v, mean_h))) =
            (self.config.sparsity, &mut self.activity, means)
        {
            let push = push(sparsity, activity, mean_h)?;
            let mut around = mean_v.try_clone()?;
            if let Some(centring) = &self.centring {
                elementwise_in_place(Elementwise::SUBTRACT, &mut around, Some(&centring.mu))?;
            }
            let (i, j) = (self.rbm.visible_count(), self.rbm.hidden_count());
            let (column, row) = (around.reshape(&[i, 1])?, push.reshape(&[1, j])?);
            let mut whole = Tensor::for_output(dw.device(), &[i, j])?;
            matmul(&column, &row, Transpose::NN, &Epilogue::default(), &mut whole)?;
            elementwise_in_place(Elementwise::ADD, dw, Some(&whole))?;
            // Each case's push counts as the case does.
            let counted = Elementwise::Combine(1.0, self.whole.unwrap_or(1.0));
            elementwise_in_place(counted, da, Some(&row.reshape(&[j])?))?;
        }
        let step = self.step(self.clock.epoch());
        let parameters = [&mut self.rbm.w, &mut self.rbm.b, &mut self.rbm.a];
        let own = self.velocity.iter_mut().zip(parameters).zip([dw, db, da]).enumerate();
        for (k, ((velocity, parameter), gradient)) in own {
            ascend(step, gradient, k == 0, velocity, parameter)?;
        }
        if let Some((mean_v, mean_h)) = means {
            self.follow(mean_v, mean_h)?;
        }
        self.summed = Some(sums);
        self.clock.updates += 1;
        self.take_into_average()
    }
}
