//! Training by backpropagation: of classifiers, autoencoders, whatever is layers with a loss.

use super::backpropagation_config::{Augmentation, BackpropagationConfig, Optimizer};
use super::cd_config::learning_rate_setter;
use super::figure::LEARNING_RATE;
use super::learner::{Learner, Order, rate};
use super::shares::check_cases;
use super::stands::stands;
use super::state::Clock;
use super::tallies::Tallies;
use super::trainable::Trainable;
use super::{Arena, Batch, BatchSource, Figures, Share, Shared, SharedBatch, Summed};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::adam::{Adam, adam_all};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::moved::Moved;
use crate::kernels::sgd::{Sgd, sgd_all};
use crate::layers::{Parameter, Pass, Workspace};
use crate::models::{Model, Network, Visit};
use crate::random::{Draw, stream};
use crate::tensor::{Tensor, house};

/// Trains a model of layers by steepest descent with momentum or by Adam. Where cases count differently, the gradient of a
/// batch of B is (1/B) Σ w_b ∂_b, and the epoch's figures are weighted means.
pub struct Backpropagation<M = Network> {
    network: M,
    config: BackpropagationConfig,
    /// For each parameter what the optimiser keeps.
    memories: Vec<Vec<Tensor>>,
    clock: Clock,
    tallies: Tallies,
    distorted: Option<Tensor>,
    space: Workspace,
}

crate::error::opaque!(Backpropagation<M>);

impl<M: Trainable> Backpropagation<M> {
    /// A trainer of `network`, before the first update.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for a setting outside its range,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(mut network: M, config: BackpropagationConfig) -> Result<Self> {
        config.check()?;
        let zeros = |p: &Parameter| {
            let names = config.optimizer.memories().iter();
            names.map(|_| Tensor::zeros(p.value.device(), p.value.shape().dims())).collect()
        };
        let mut memories =
            network.parameters().into_iter().map(zeros).collect::<Result<Vec<_>>>()?;
        let places = places(&network);
        house(picked(network.parameters_mut().into_iter().map(|p| &mut p.value), &places))?;
        for n in 0..config.optimizer.memories().len() {
            house(picked(memories.iter_mut().map(|kept: &mut Vec<Tensor>| &mut kept[n]), &places))?;
        }
        Ok(Backpropagation {
            network,
            config,
            memories,
            clock: Clock::default(),
            tallies: Tallies::default(),
            distorted: None,
            space: Workspace::new(),
        })
    }

    /// The network as trained so far.
    pub fn network(&self) -> &M {
        &self.network
    }

    /// The network.
    pub fn into_network(self) -> M {
        self.network
    }

    /// The settings.
    pub fn config(&self) -> &BackpropagationConfig {
        &self.config
    }

    learning_rate_setter!();

    /// The gradient of a batch, or of the part of one that begins at its row `from`, through distortions where there are
    /// any.
    fn gradient(&mut self, batch: Batch<'_>, from: usize) -> Result<()> {
        let x = batch.cases;
        let (seed, clock) = (self.config.seed, self.clock);
        let draw = Draw::new(seed, stream::DROPOUT).at_level(self.config.level);
        let pass = Pass::Train(draw.at(clock.updates).from_case(from as u32));
        let first = clock.epoch_cases as usize + from;
        let mut tally = self.tallies.at(first)?;
        let Some(Augmentation { distortion, background, picture }) = self.config.augment else {
            self.network.gradient(batch, x, pass, &mut tally, &mut self.space)?;
            return self.tallies.weigh(first, batch.weights);
        };
        let dims = x.shape().dims();
        let mut distorted = match self.distorted.take() {
            Some(tensor) if tensor.shape().dims() == dims => tensor,
            _ => Tensor::for_output(x.device(), dims)?,
        };
        let draw = Draw::new(seed, stream::AUGMENT).at(clock.epoch()).from_case(first as u32);
        match picture {
            None => distortion.apply(x, &draw, background, &mut distorted)?,
            Some(picture) => {
                distortion.apply_to_rows(x, picture, &draw, background, &mut distorted)?
            }
        }
        self.network.gradient(batch, &distorted, pass, &mut tally, &mut self.space)?;
        self.distorted = Some(distorted);
        self.tallies.weigh(first, batch.weights)
    }

    /// A step along gradients that are given, else along those in the workspace.
    fn step(&mut self, epoch: u64, given: Option<Vec<Tensor>>) -> Result<()> {
        let config = &self.config;
        let learning_rate = config.learning_rate.at(epoch, config.epochs);
        let weight_decay = config.weight_decay;
        let places = places(&self.network);
        let gradients: Vec<&Tensor> = match &given {
            Some(gradients) => gradients.iter().collect(),
            None => {
                house(picked(self.space.gradients_mut(), &places))?;
                self.space.gradients().collect()
            }
        };
        let state = gradients.into_iter().zip(&mut self.memories);
        let all = self.network.parameters_mut().into_iter().zip(state);
        let moved = all.map(|(parameter, (gradient, memories))| Moved {
            gradient,
            memories: memories.iter_mut().collect(),
            value: &mut parameter.value,
            decays: parameter.decays,
        });
        let mut moved = picked(moved, &places);
        match &config.optimizer {
            Optimizer::Sgd { momentum, nesterov } => {
                let momentum = momentum.at(epoch, config.epochs);
                let step = Sgd { learning_rate, momentum, nesterov: *nesterov, weight_decay };
                sgd_all(&step, &mut moved)
            }
            Optimizer::Adam { beta1, beta2, epsilon } => {
                let step = Adam {
                    learning_rate,
                    beta1: *beta1,
                    beta2: *beta2,
                    epsilon: *epsilon,
                    weight_decay,
                    update: self.clock.updates,
                };
                adam_all(&step, &mut moved)
            }
        }
    }
}

/// The places of the parameters that are trained, those that decay first: so they lie in memory, and one dispatch moves
/// all of them.
fn places(network: &impl Trainable) -> Vec<usize> {
    let parameters = network.parameters();
    let of = |decays: bool| {
        let chosen = move |(_, p): &(usize, &&Parameter)| !p.frozen && p.decays == decays;
        parameters.iter().enumerate().filter(chosen).map(|(i, _)| i).collect::<Vec<_>>()
    };
    [of(true), of(false)].concat()
}

/// What stands at these places, in their order.
fn picked<T>(all: impl Iterator<Item = T>, places: &[usize]) -> Vec<T> {
    let mut all: Vec<Option<T>> = all.map(Some).collect();
    places.iter().filter_map(|&i| all.get_mut(i)?.take()).collect()
}

impl<M: Trainable> Learner for Backpropagation<M> {
    stands!(network);

    fn visit_memory(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        let names = self.config.optimizer.memories();
        let parameters = self.network.parameters();
        for (p, memories) in parameters.into_iter().zip(&mut self.memories) {
            for (name, memory) in names.iter().zip(memories) {
                visit.array(&format!("{}.{name}", p.name), memory)?;
            }
        }
        self.tallies.visit(self.clock, self.network.layers().device(), visit)
    }

    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()> {
        self.network.check_contents(&source.contents())?;
        self.tallies.begin(self.network.layers().device(), source.cases())
    }

    fn update(&mut self, batch: Batch<'_>) -> Result<()> {
        self.gradient(batch, 0)?;
        self.clock.updates += 1;
        self.step(self.clock.epoch(), None)
    }

    fn shared(&mut self) -> Option<&mut dyn Shared> {
        Some(self)
    }

    fn end_epoch(&mut self) -> Result<Figures> {
        // Scores of other batches come next.
        self.space.release();
        let learning_rate = self.config.learning_rate.at(self.clock.epoch(), self.config.epochs);
        let mut figures = Figures::new().with(&LEARNING_RATE, rate(learning_rate));
        let what = self.network.figures();
        figures.extend(&self.tallies.means(self.clock, self.config.batch, what)?);
        Ok(figures)
    }
}

impl<M: Trainable> Shared for Backpropagation<M> {
    fn device(&self) -> Device {
        self.network.layers().device().clone()
    }

    fn check_shared(&self) -> Result<()> {
        check_cases(self.network.couples_cases())
    }

    fn learn(&mut self, batch: &mut SharedBatch<'_>) -> Result<()> {
        batch.summed(self)
    }

    fn scattered(&mut self, see: &mut dyn FnMut(&mut Tensor, usize) -> Result<()>) -> Result<()> {
        self.tallies.each(&mut |tally| see(tally, self.config.batch))
    }
}

impl<M: Trainable> Summed for Backpropagation<M> {
    fn sums(&self) -> usize {
        self.network.parameters().into_iter().map(|p| p.value.shape().len()).sum()
    }

    /// The gradient of the block's mean loss, times its share of the batch.
    fn part(&mut self, share: Share, batch: Option<Batch<'_>>, flat: &mut Tensor) -> Result<()> {
        let Some(batch) = batch else { return flat.set_zero() };
        let weight = batch.rows() as f32 / share.batch as f32;
        self.gradient(batch, share.rows().start)?;
        Arena::of(self.space.gradients()).pack(self.space.gradients(), flat)?;
        elementwise_in_place(Elementwise::Affine(weight, 0.0), flat, None)
    }

    fn apply(&mut self, sums: &Tensor) -> Result<()> {
        self.clock.updates += 1;
        let parameters = self.network.parameters();
        let room = |p: &Parameter| Tensor::for_output(p.value.device(), p.value.shape().dims());
        let mut gradients = parameters.into_iter().map(room).collect::<Result<Vec<_>>>()?;
        Arena::of(&gradients).unpack(sums, &mut gradients)?;
        self.step(self.clock.epoch(), Some(gradients))
    }
}
