//! Learning of classification machines where ranks share the batches and the persistent chains.
//!
//! How many cases of a batch have a class is known once all ranks have counted, so gradients travel as sums: those of cases
//! with a class, which are divided by n, those of the others, by m, and the model's of persistent chains, which are a mean
//! already. With them go the sums of the epoch's figures and, where gradients are around offsets, the means of the data's
//! states. All of it is linear in the cases; what is not, the offsets' own part, follows when all is summed.

use super::class_rbm::ClassTrainer;
use super::class_seen::{Seen, at_least_one};
use super::shares::put_rows;
use super::start::repeated;
use super::{Arena, Batch, BatchSource, Share, Shared, SharedBatch, Summed};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::tensor::Tensor;

/// Sums that are one number: n and m; of the labelled cases the losses, the wrong ones and the weights; the others' weights.
const NUMBERS: usize = 6;

/// Whose gradients are summed.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    Labelled,
    Others,
    Chains,
}

impl ClassTrainer {
    /// Whose gradients there are.
    fn groups(&self) -> impl Iterator<Item = Of> + use<> {
        let chains = self.config.persistent && self.config.is_generative();
        let all =
            [(Of::Labelled, true), (Of::Others, self.config.unlabelled), (Of::Chains, chains)];
        all.into_iter().filter(|(_, there)| *there).map(|(of, _)| of)
    }

    /// Numbers of a gradient, and of the means of the data's states.
    fn sizes(&self) -> [usize; 2] {
        let joint = self.machine.joint();
        let (i, j) = (joint.visible_count(), joint.hidden_count());
        [i * j + i + j, if self.centring.is_some() { i + j } else { 0 }]
    }

    /// What a block's cases add: their gradients, group by group, the means of their states, and the numbers.
    fn of_cases(&mut self, share: Share, batch: Batch<'_>) -> Result<Vec<Tensor>> {
        let (x, classes) = (batch.cases, batch.labelled()?);
        self.first = share.rows().start as u32;
        let left = self.left(x)?;
        let x = left.as_ref().unwrap_or(x);
        let seen = Seen::new(&self.machine, x, classes, batch.weights)?.weighed()?;
        let tallied = self.tally(&seen, classes)?;
        let v0 = match self.config.is_generative() || self.centring.is_some() {
            true => Some(self.with_classes(x, &seen)?),
            false => None,
        };
        let vk = match &v0 {
            Some(v0) if self.config.is_generative() && !self.config.persistent => {
                Some(self.reached(v0)?)
            }
            _ => None,
        };
        let generative = self.config.objective.factors()[1];
        let mut sums = Vec::new();
        for of in self.groups() {
            let (mut coefficients, cases) = match of {
                Of::Labelled => (self.of_labelled(&seen)?, &seen.shares[0]),
                Of::Others => (self.of_others(&seen)?, &seen.shares[1]),
                Of::Chains => continue,
            };
            if of == Of::Others {
                let factor = Elementwise::Affine(generative, 0.0);
                elementwise_in_place(factor, &mut coefficients, None)?;
            }
            let mut gradient = self.machine.joint().class_gradient(x, &coefficients)?;
            if let Some(vk) = &vk {
                let mut weight = cases.try_clone()?;
                elementwise_in_place(Elementwise::Affine(generative, 0.0), &mut weight, None)?;
                let model = self.statistics(vk.try_clone()?, &weight)?;
                for (gradient, model) in gradient.iter_mut().zip(&model) {
                    elementwise_in_place(Elementwise::SUBTRACT, gradient, Some(model))?;
                }
            }
            sums.extend(gradient);
        }
        let means = v0.map(|v0| self.means(&v0, &seen, 1.0 / share.batch as f32)).transpose()?;
        sums.extend(means.flatten().into_iter().flatten());
        let others = reduce(Reduction::Sum, Axis::All, 1.0, &seen.shares[1])?;
        let Seen { counts, .. } = seen;
        sums.extend(counts.into_iter().chain(tallied).chain([others]));
        Ok(sums)
    }

    /// How much the model's term counts beside cases that count differently: the mean of what they count, `[1]`.
    fn of_the_model(&self, numbers: &[Tensor]) -> Result<Tensor> {
        let mut whole = numbers[4].try_clone()?;
        elementwise_in_place(Elementwise::Divide, &mut whole, Some(&at_least_one(&numbers[0])?))?;
        if self.config.unlabelled {
            let mut others = numbers[5].try_clone()?;
            let count = at_least_one(&numbers[1])?;
            elementwise_in_place(Elementwise::Divide, &mut others, Some(&count))?;
            elementwise_in_place(Elementwise::Combine(0.5, 0.5), &mut whole, Some(&others))?;
        }
        Ok(whole)
    }

    /// What a block's persistent chains add.
    fn of_chains(&mut self, share: Share) -> Result<[Tensor; 3]> {
        let own = share.of(self.config.batch);
        let Some(mut all) = self.chains.take() else {
            return Err(Error::run("train class-rbm", "its chains have not begun"));
        };
        self.first = own.start as u32;
        self.chains = Some(all.rows(own.clone())?);
        let moved = self.moved_chains((&all, None));
        self.chains = None;
        if let Ok(moved) = &moved {
            put_rows(moved, &mut all, own.start)?;
        }
        self.chains = Some(all);
        self.statistics(moved?, &self.of_a_chain(own.len())?)
    }
}

impl Shared for ClassTrainer {
    fn device(&self) -> Device {
        self.machine.device().clone()
    }

    fn check_shared(&self) -> Result<()> {
        Ok(())
    }

    fn prepare(&mut self, source: &mut dyn BatchSource) -> Result<bool> {
        let chains = self.groups().any(|of| of == Of::Chains);
        if !chains || self.chains.is_some() {
            return Ok(false);
        }
        let Some(batch) = source.next_batch(self.config.batch)? else { return Ok(true) };
        let classes = batch.labelled()?;
        let seen = Seen::new(&self.machine, batch.cases, classes, batch.weights)?;
        let starts = self.with_classes(batch.cases, &seen)?;
        self.chains = Some(repeated(&starts, batch.weights, self.config.batch)?);
        Ok(true)
    }

    fn learn(&mut self, batch: &mut SharedBatch<'_>) -> Result<()> {
        batch.summed(self)
    }

    fn scattered(&mut self, see: &mut dyn FnMut(&mut Tensor, usize) -> Result<()>) -> Result<()> {
        match &mut self.chains {
            Some(chains) => see(chains, self.config.batch),
            None => Ok(()),
        }
    }
}

impl Summed for ClassTrainer {
    fn sums(&self) -> usize {
        let [gradient, means] = self.sizes();
        self.groups().count() * gradient + means + NUMBERS
    }

    fn weighs_batches(&self) -> bool {
        self.groups().any(|of| of == Of::Chains)
    }

    fn weigh(&mut self, mean: Option<f32>) {
        self.weighted = mean.is_some();
    }

    fn part(&mut self, share: Share, batch: Option<Batch<'_>>, flat: &mut Tensor) -> Result<()> {
        flat.set_zero()?;
        let [gradient, _] = self.sizes();
        let mut put = |at: usize, tensors: &[Tensor]| {
            let mut at = at;
            tensors.iter().try_for_each(|tensor| {
                let len = tensor.shape().len();
                at += len;
                flat.copy_part(at - len, tensor, 0..len)
            })
        };
        let mut at = 0;
        if let Some(batch) = batch {
            let sums = self.of_cases(share, batch);
            self.first = 0;
            let sums = sums?;
            let groups = self.groups().filter(|of| *of != Of::Chains).count();
            put(0, &sums[..3 * groups])?;
            put(self.groups().count() * gradient, &sums[3 * groups..])?;
        }
        for of in self.groups() {
            // Ranks beyond the chains have none.
            if of == Of::Chains && !share.of(self.config.batch).is_empty() {
                let sums = self.of_chains(share);
                self.first = 0;
                put(at, &sums?)?;
            }
            at += gradient;
        }
        Ok(())
    }

    fn apply(&mut self, flat: &Tensor) -> Result<()> {
        let device = Shared::device(self);
        let [len, means] = self.sizes();
        let mut at = 0;
        let mut taken = |n: usize| {
            let mut own = Tensor::for_output(&device, &[n, 1])?;
            own.copy_part(0, flat, at..at + n)?;
            at += n;
            Ok::<_, Error>(own)
        };
        let groups = self.groups().map(|of| Ok((of, taken(len)?))).collect::<Result<Vec<_>>>()?;
        let means = if means == 0 { None } else { Some(taken(means)?) };
        let numbers = (0..NUMBERS).map(|_| taken(1)?.reshape(&[1])).collect::<Result<Vec<_>>>()?;
        let mut whole = Tensor::zeros(&device, &[len, 1])?;
        for (of, mut sum) in groups {
            let sign = if of == Of::Chains { Elementwise::SUBTRACT } else { Elementwise::ADD };
            let count = match of {
                Of::Labelled => Some(&numbers[0]),
                Of::Others => Some(&numbers[1]),
                Of::Chains => None,
            };
            if of == Of::Chains && self.weighted {
                let whole = self.of_the_model(&numbers)?;
                elementwise_in_place(Elementwise::Multiply, &mut sum, Some(&whole))?;
            }
            if let Some(count) = count {
                let count = at_least_one(count)?;
                elementwise_in_place(Elementwise::Divide, &mut sum, Some(&count))?;
            }
            elementwise_in_place(sign, &mut whole, Some(&sum))?;
        }
        let joint = self.machine.joint();
        let (i, j) = (joint.visible_count(), joint.hidden_count());
        let room = |dims: &[usize]| Tensor::for_output(&device, dims);
        let mut gradient = [room(&[i, j])?, room(&[i])?, room(&[j])?];
        Arena::of(&gradient).unpack(&whole.reshape(&[len])?, &mut gradient)?;
        let means = match means {
            None => None,
            Some(both) => {
                let mut means = [room(&[i])?, room(&[j])?];
                Arena::of(&means).unpack(&both.reshape(&[i + j])?, &mut means)?;
                Some(means)
            }
        };
        self.add(&numbers[2..5])?;
        self.follow(gradient, means, self.clock.epoch())
    }
}
