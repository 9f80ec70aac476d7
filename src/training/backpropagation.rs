//! Training of classifiers by backpropagation.

use super::BatchSource;
use super::backpropagation_config::{Augmentation, BackpropagationConfig, Optimizer};
use super::best::Best;
use crate::device::DeviceKind;
use crate::error::{Error, Result};
use crate::kernels::adam::{Adam, adam};
use crate::kernels::sgd::{Sgd, sgd};
use crate::layers::{Pass, Workspace};
use crate::models::Network;
use crate::models::network::Tally;
use crate::random::{Draw, stream};
use crate::tensor::Tensor;

/// What an epoch did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrainedEpoch {
    /// Which, counted from 1.
    pub epoch: u64,
    /// Updates in it.
    pub updates: u64,
    /// Cases in it.
    pub cases: u64,
    /// The mean loss of its cases, each with the parameters of its batch's turn and as distorted.
    pub loss: f64,
    /// The share of its cases that were classified wrongly then, in [0, 1].
    pub error: f64,
}

/// Trains a [`Network`].
pub struct Backpropagation {
    pub(super) network: Network,
    pub(super) config: BackpropagationConfig,
    /// For each parameter what the optimiser keeps.
    pub(super) memories: Vec<Vec<Tensor>>,
    pub(super) epochs_done: u64,
    pub(super) updates_done: u64,
    pub(super) epoch_updates: u64,
    pub(super) epoch_cases: u64,
    /// Loss and error of each case of the epoch under way.
    pub(super) tallies: Option<[Tensor; 2]>,
    pub(super) best: Option<Best>,
    distorted: Option<Tensor>,
    space: Workspace,
}

impl Backpropagation {
    /// A trainer of `network`, before the first update.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting outside its range, [`Error::OutOfMemory`].
    pub fn new(network: Network, config: BackpropagationConfig) -> Result<Self> {
        config.check()?;
        let zeros = |p: &crate::layers::Parameter| {
            let names = config.optimizer.memories().iter();
            names.map(|_| Tensor::zeros(p.value.device(), p.value.shape().dims())).collect()
        };
        let memories = network.layers().parameters().map(zeros).collect::<Result<_>>()?;
        Ok(Backpropagation {
            network,
            config,
            memories,
            epochs_done: 0,
            updates_done: 0,
            epoch_updates: 0,
            epoch_cases: 0,
            tallies: None,
            best: None,
            distorted: None,
            space: Workspace::new(),
        })
    }

    /// The network as trained so far.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// The network.
    pub fn into_network(self) -> Network {
        self.network
    }

    /// The settings.
    pub fn config(&self) -> &BackpropagationConfig {
        &self.config
    }

    /// Epochs done.
    pub fn epochs_done(&self) -> u64 {
        self.epochs_done
    }

    /// Updates done.
    pub fn updates_done(&self) -> u64 {
        self.updates_done
    }

    /// Compiles the kernels of a training pass, so that the first epoch does not wait for it. Nothing on the CPU;
    /// no parameter changes.
    ///
    /// # Errors
    /// [`Error::Device`] where the driver refuses a shader, [`Error::DeviceLost`].
    pub fn warm_up(&mut self) -> Result<()> {
        let device = self.network.device().clone();
        if device.info().kind == DeviceKind::Cpu {
            return Ok(());
        }
        let dims = [&[self.config.batch][..], &self.network.spec().input].concat();
        let x = Tensor::zeros(&device, &dims)?;
        let classes = Tensor::zeros(&device, &[self.config.batch])?;
        let [mut loss, mut wrong] = [classes.try_clone()?, classes.try_clone()?];
        let mut tally = Tally { loss: &mut loss, wrong: &mut wrong, row: 0 };
        let pass = Pass::Train(Draw::new(self.config.seed, stream::DROPOUT));
        self.network.gradient(&x, &classes, pass, &mut tally, &mut self.space)?;
        if let Some(Augmentation { distortion, background }) = self.config.augment {
            let mut distorted = Tensor::for_output(&device, &dims)?;
            distortion.apply(&x, (self.config.seed, 0, 0), background, &mut distorted)?;
        }
        device.synchronize()
    }

    /// One pass over the data, or the rest of one that was stopped; `go_on` is asked after each update with
    /// the trainer and the number of the batch's cases. Where it says no, the epoch stops there and gives
    /// `None`; a later call, or one of a trainer with this one's [state](Backpropagation::state), goes on with
    /// the next batch.
    ///
    /// # Errors
    /// [`Error::Diverged`] where a loss left the finite numbers, [`Error::Shape`] where the source does not
    /// fit the network, [`Error::Data`] where it is empty or has no labels, device errors, those of `go_on`.
    pub fn epoch_while(
        &mut self,
        source: &mut dyn BatchSource,
        mut go_on: impl FnMut(&Backpropagation, usize) -> Result<bool>,
    ) -> Result<Option<TrainedEpoch>> {
        let (cases, epoch) = (source.cases(), self.epochs_done + 1);
        if cases == 0 {
            return Err(Error::data("training data", "there is no case; nothing can be learnt"));
        }
        let device = self.network.device().clone();
        let mut tallies = match self.tallies.take() {
            Some(tallies) if tallies[0].shape().dims() == [cases] => tallies,
            _ => [Tensor::zeros(&device, &[cases])?, Tensor::zeros(&device, &[cases])?],
        };
        source.start_epoch(self.config.seed, epoch)?;
        source.skip(self.epoch_cases as usize)?;
        while let Some((x, classes)) = source.next_labelled(self.config.batch)? {
            let rows = x.shape().dims()[0];
            self.update((x, classes), epoch, &mut tallies)?;
            self.epoch_updates += 1;
            self.epoch_cases += rows as u64;
            // What `go_on` may save has to be whole.
            self.tallies = Some(tallies);
            let more = go_on(self, rows)?;
            if !more {
                return Ok(None);
            }
            let Some(again) = self.tallies.take() else { return Ok(None) };
            tallies = again;
        }
        let losses = tallies[0].to_vec()?;
        let wrong = tallies[1].to_vec()?;
        self.tallies = Some(tallies);
        self.check_losses(&losses, epoch)?;
        let mean = |values: &[f32]| {
            values.iter().map(|&x| f64::from(x)).sum::<f64>() / values.len().max(1) as f64
        };
        let report = TrainedEpoch {
            epoch,
            updates: self.epoch_updates,
            cases: cases as u64,
            loss: mean(&losses),
            error: mean(&wrong),
        };
        self.epochs_done = epoch;
        // Scores of other batches come next.
        self.space.release();
        (self.epoch_updates, self.epoch_cases) = (0, 0);
        Ok(Some(report))
    }

    fn update(
        &mut self,
        (x, classes): (&Tensor, &Tensor),
        epoch: u64,
        [loss, wrong]: &mut [Tensor; 2],
    ) -> Result<()> {
        let seed = self.config.seed;
        let row = self.epoch_cases as usize;
        let pass = Pass::Train(Draw::new(seed, stream::DROPOUT).at(self.updates_done));
        let mut tally = Tally { loss, wrong, row };
        match self.config.augment {
            None => self.network.gradient(x, classes, pass, &mut tally, &mut self.space)?,
            Some(Augmentation { distortion, background }) => {
                let dims = x.shape().dims();
                let mut distorted = match self.distorted.take() {
                    Some(tensor) if tensor.shape().dims() == dims => tensor,
                    _ => Tensor::for_output(x.device(), dims)?,
                };
                distortion.apply(x, (seed, epoch, self.epoch_cases), background, &mut distorted)?;
                self.network.gradient(&distorted, classes, pass, &mut tally, &mut self.space)?;
                self.distorted = Some(distorted);
            }
        }
        self.updates_done += 1;
        self.apply(epoch)
    }

    fn apply(&mut self, epoch: u64) -> Result<()> {
        let config = &self.config;
        let learning_rate = config.learning_rate.at(epoch, config.epochs);
        let parameters = self.network.layers_mut().parameters_mut();
        let gradients = self.space.gradients().zip(&mut self.memories);
        for (parameter, (gradient, memories)) in parameters.zip(gradients) {
            let weight_decay = if parameter.decays { config.weight_decay } else { 0.0 };
            let value = &mut parameter.value;
            match (&config.optimizer, memories.as_mut_slice()) {
                (Optimizer::Sgd { momentum, nesterov }, [velocity]) => {
                    let momentum = momentum.at(epoch, config.epochs);
                    let nesterov = *nesterov;
                    let step = Sgd { learning_rate, momentum, nesterov, weight_decay };
                    sgd(&step, gradient, velocity, value)?;
                }
                (Optimizer::Adam { beta1, beta2, epsilon }, [m, v]) => {
                    let step = Adam {
                        learning_rate,
                        beta1: *beta1,
                        beta2: *beta2,
                        epsilon: *epsilon,
                        weight_decay,
                        update: self.updates_done,
                    };
                    adam(&step, gradient, m, v, value)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The first case whose loss is not finite tells the update that diverged.
    fn check_losses(&self, losses: &[f32], epoch: u64) -> Result<()> {
        match losses.iter().position(|x| !x.is_finite()) {
            None => Ok(()),
            Some(case) => Err(Error::Diverged {
                epoch,
                step: (case / self.config.batch) as u64 + 1,
                what: "the loss".into(),
                advice: String::new(),
            }),
        }
    }

    /// Names of all that training changes, with the optimiser's memories: `conv1.kernel`,
    /// `conv1.kernel.velocity`.
    pub(super) fn named(&self) -> Vec<(String, &Tensor)> {
        let names = self.config.optimizer.memories();
        let mut named = Vec::new();
        for (p, memories) in self.network.layers().parameters().zip(&self.memories) {
            named.push((p.name.clone(), &p.value));
            for (name, memory) in names.iter().zip(memories) {
                named.push((format!("{}.{name}", p.name), memory));
            }
        }
        named
    }

    /// As [`Backpropagation::named`], to be changed.
    pub(super) fn named_mut(&mut self) -> Vec<(String, &mut Tensor)> {
        let names = self.config.optimizer.memories();
        let mut named = Vec::new();
        let parameters = self.network.layers_mut().parameters_mut();
        for (p, memories) in parameters.zip(&mut self.memories) {
            let name = p.name.clone();
            named.push((name.clone(), &mut p.value));
            for (suffix, memory) in names.iter().zip(memories) {
                named.push((format!("{name}.{suffix}"), memory));
            }
        }
        named
    }
}
