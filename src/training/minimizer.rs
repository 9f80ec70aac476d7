//! Training by line searches on one batch after another.

use super::flattened::Flattened;
use super::learner::{Learner, Order};
use super::minimization::{Directions, Objective, Until, minimize};
use super::minimizer_config::MinimizerConfig;
use super::own_blocks::OwnBlocks;
use super::stands::stands;
use super::state::Clock;
use super::tallies::{Tallies, mean, weigh};
use super::trainable::Trainable;
use super::{Batch, BatchSource, Figure, Figures, Shared, Style};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::dot::dots;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::layers::{Pass, Workspace};
use crate::models::network::Tally;
use crate::models::{Model, Network, Visit};
use crate::random::{Draw, stream};
use crate::tensor::Tensor;

/// How often an epoch's line searches evaluated loss and gradient of a batch.
pub static EVALUATIONS: Figure = Figure {
    key: "evaluations",
    name: "evaluations",
    of: "training",
    unit: "passes over a batch per epoch",
    says: "How often line searches evaluated the loss and the gradient of a batch in the epoch.",
    diagram: "The work that line searches make: each evaluation is a pass through the network and back.",
    style: Style::Count,
    ..Figure::NEW
};

/// Trains a model of layers by a few line searches on each batch, as the deep autoencoders of 2006 were fine-tuned
/// (Hinton and Salakhutdinov, Reducing the dimensionality of data with neural networks, *Science* 313, 504–507):
/// conjugate gradients or L-BFGS make small the batch's mean loss, the model's penalties, and ½λ‖w‖².
///
/// All parameters that are not frozen lie one after another in a flat tensor, so that a step is one dispatch; tied weights
/// lie there once. The loss
/// has to be the same function in every evaluation: layers that drop units are refused, and whatever else a model
/// draws at random it draws alike during an update.
///
/// The host waits for losses and slopes: twice for an evaluation (once more each for weight decay and
/// for penalties), once or twice for a direction.
///
/// ```
/// use harmonium::kernels::activation::Activation;
/// use harmonium::layers::LayerSpec;
/// use harmonium::models::{Network, NetworkSpec};
/// use harmonium::training::{Learner, Minimizer, MinimizerConfig, ResidentData, Treatment};
/// use harmonium::{Device, data};
/// let device = Device::cpu();
/// let digits = data::load("digits")?.train.limit(200);
/// let mut source = ResidentData::new(&device, &digits.cases, Treatment::default())?
///     .with_labels(&digits.labels.unwrap_or_default())?
///     .with_case_dims(&[1, 8, 8])?;
/// let spec = NetworkSpec::new([1, 8, 8], 10)
///     .layer(LayerSpec::linear(20, Activation::Tanh))
///     .layer(LayerSpec::linear(10, Activation::Identity));
/// let mut trainer = Minimizer::new(Network::new(&device, &spec, 1)?, MinimizerConfig::default())?;
/// let first = trainer.epoch(&mut source)?.figures.get("train_loss");
/// let second = trainer.epoch(&mut source)?.figures.get("train_loss");
/// assert!(second < first);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct Minimizer<M = Network> {
    pub(super) network: M,
    pub(super) config: MinimizerConfig,
    directions: Box<dyn Directions>,
    flattened: Flattened,
    decay: Option<Decay>,
    pub(super) clock: Clock,
    pub(super) tallies: Tallies,
    /// In the epoch under way.
    evaluations: u64,
    space: Workspace,
}

crate::error::opaque!(Minimizer<M>);

/// The part of weight decay in the objective.
struct Decay {
    /// λ for weights, 0 for what does not decay.
    rates: Tensor,
    /// λw, made anew in each evaluation.
    slopes: Tensor,
}

impl<M: Trainable> Minimizer<M> {
    /// A trainer of `network`, before the first update.
    ///
    /// # Errors
    /// [`Error::Setting`] for a setting outside its range, where a layer drops units, and where nothing is trained;
    /// [`Error::OutOfMemory`].
    pub fn new(network: M, config: MinimizerConfig) -> Result<Self> {
        config.check()?;
        let layers = network.layers();
        let drops = |name: &str| name.trim_end_matches(|c: char| c.is_ascii_digit()) == "dropout";
        if let Some(stage) = layers.stages().find(|stage| drops(stage.name)) {
            let detail = format!(
                "{} drops other units in every pass, and a line search compares the losses of many passes; leave \
                 dropout out, or train by steepest descent or Adam",
                stage.name
            );
            return Err(Error::setting("layers", detail));
        }
        let flattened = Flattened::of(&network);
        if flattened.arena().is_empty() {
            return Err(Error::setting("layers", "none has a parameter that is trained"));
        }
        let decay = match config.weight_decay {
            0.0 => None,
            rate => Some(Decay::new(&flattened, &network, rate)?),
        };
        Ok(Minimizer {
            directions: config.method.directions()?,
            network,
            config,
            flattened,
            decay,
            clock: Clock::default(),
            tallies: Tallies::default(),
            evaluations: 0,
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
    pub fn config(&self) -> &MinimizerConfig {
        &self.config
    }

    /// Line searches on a batch, from where the parameters are.
    pub(super) fn search(&mut self, batch: Blocks<'_>) -> Result<()> {
        let device = self.network.layers().device().clone();
        let mut x = self.flattened.arena().tensor(&device)?;
        self.flattened.pack(&self.network, &mut x)?;
        if self.config.restart {
            self.directions.restart();
        }
        let draw = Draw::new(self.config.seed, stream::DROPOUT).at(self.clock.updates);
        let mut objective = BatchLoss {
            network: &mut self.network,
            device: device.clone(),
            flattened: &self.flattened,
            decay: self.decay.as_mut(),
            space: &mut self.space,
            batch,
            draw,
            epoch: self.tallies.at(self.clock.epoch_cases as usize)?,
            evaluations: 0,
        };
        let until = Until::searches(self.config.line_searches);
        let search = self.config.search();
        let rule = self.directions.as_mut();
        let done = minimize(rule, &search, &mut objective, &mut x, until);
        self.evaluations += objective.evaluations;
        // It holds the last point that was tried.
        self.flattened.unpack(&x, &mut self.network)?;
        let (epoch, step) = (self.clock.epoch(), self.clock.epoch_updates + 1);
        match done {
            Err(Error::Run { what, detail }) => {
                Err(Error::run(what, format!("{detail}; epoch {epoch}, step {step}")))
            }
            Err(Error::Diverged { what, .. }) => {
                let advice = ", or begin with smaller weights".into();
                Err(Error::Diverged { epoch, step, what, advice })
            }
            other => other.map(drop),
        }
    }
}

impl Decay {
    fn new(flattened: &Flattened, model: &impl Trainable, rate: f32) -> Result<Self> {
        let (arena, device) = (flattened.arena(), model.layers().device());
        let rates = flattened.decays(model, rate);
        let rates = Tensor::from_f32(device, &[arena.len()], &rates)?;
        Ok(Decay { rates, slopes: arena.tensor(device)? })
    }

    /// Adds λw to the gradient; gives ½λ‖w‖².
    fn add(&mut self, x: &Tensor, gradient: &mut Tensor) -> Result<f64> {
        elementwise(Elementwise::Multiply, &self.rates, Some(x), &mut self.slopes)?;
        elementwise_in_place(Elementwise::ADD, gradient, Some(&self.slopes))?;
        Ok(0.5 * dots(&[(&self.slopes, x)])?[0])
    }
}

/// What a batch's loss is made of.
pub(super) enum Blocks<'a> {
    /// The batch.
    Whole(Batch<'a>),
    /// This rank's blocks of one.
    Shared(OwnBlocks<'a>),
}

/// A batch's loss as a function of all parameters.
pub(super) struct BatchLoss<'a, M> {
    network: &'a mut M,
    device: Device,
    flattened: &'a Flattened,
    decay: Option<&'a mut Decay>,
    space: &'a mut Workspace,
    batch: Blocks<'a>,
    draw: Draw,
    /// Where losses and errors of the first evaluation go.
    epoch: Tally<'a>,
    evaluations: u64,
}

impl<M: Trainable> BatchLoss<'_, M> {
    /// The mean loss, with penalties, of cases that begin at this row of the batch, and its gradient.
    fn of_cases(&mut self, batch: Batch<'_>, from: usize, gradient: &mut Tensor) -> Result<f64> {
        let (rows, pass) = (batch.rows(), Pass::Train(self.draw.from_case(from as u32)));
        let new = || Tensor::for_output(&self.device, &[rows]);
        let [mut loss, mut error] = [new()?, new()?];
        let mut tally = Tally { loss: &mut loss, error: &mut error, row: 0 };
        self.network.gradient(batch, batch.cases, pass, &mut tally, self.space)?;
        self.flattened.pack_gradients(self.space, gradient)?;
        weigh(&mut loss, 0, batch.weights)?;
        weigh(&mut error, 0, batch.weights)?;
        let mean = mean(&loss.to_vec()?) + self.network.penalty(batch, pass)?;
        if self.evaluations == 0 {
            let Tally { loss: losses, error: errors, row } = &mut self.epoch;
            losses.copy_part(*row + from, &loss, 0..rows)?;
            errors.copy_part(*row + from, &error, 0..rows)?;
        }
        Ok(mean)
    }
}

impl<M: Trainable> Objective for BatchLoss<'_, M> {
    fn size(&self) -> usize {
        self.flattened.arena().len()
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn evaluate(&mut self, x: &Tensor, gradient: &mut Tensor) -> Result<f64> {
        self.flattened.unpack(x, self.network)?;
        let mut mean = match self.batch {
            Blocks::Whole(batch) => self.of_cases(batch, 0, gradient)?,
            Blocks::Shared(own) => own
                .sum(gradient, &mut |batch, from, gradient| self.of_cases(batch, from, gradient))?,
        };
        if let Some(decay) = &mut self.decay {
            mean += decay.add(x, gradient)?;
        }
        if self.evaluations == 0 && !mean.is_finite() {
            let (what, advice) = ("the loss".into(), String::new());
            return Err(Error::Diverged { epoch: 0, step: 0, what, advice });
        }
        self.evaluations += 1;
        Ok(mean)
    }
}

impl<M: Trainable> Learner for Minimizer<M> {
    stands!(network);

    fn visit_memory(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        let device = self.network.layers().device().clone();
        if !self.config.restart {
            self.directions.visit(&device, visit)?;
        }
        self.tallies.visit(self.clock, &device, visit)?;
        let mut evaluations = match visit.reads() && self.clock.epoch_updates == 0 {
            true => None,
            false => Some(Tensor::from_f32(&device, &[1], &[self.evaluations as f32])?),
        };
        visit.optional("epoch.evaluations", &device, &mut evaluations)?;
        if !visit.reads() {
            let values = evaluations.map(|e| e.to_vec()).transpose()?.unwrap_or_default();
            self.evaluations = values.first().map_or(0, |&e| e as u64);
        }
        Ok(())
    }

    fn shared(&mut self) -> Option<&mut dyn Shared> {
        Some(self)
    }

    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()> {
        self.network.check_contents(&source.contents())?;
        let device = self.network.layers().device();
        self.tallies.begin(device, source.cases())
    }

    fn update(&mut self, batch: Batch<'_>) -> Result<()> {
        self.search(Blocks::Whole(batch))?;
        self.clock.updates += 1;
        Ok(())
    }

    fn end_epoch(&mut self) -> Result<Figures> {
        // Scores of other batches come next.
        self.space.release();
        let what = self.network.figures();
        let figures = self.tallies.means(self.clock, self.config.batch, what)?;
        let evaluations = std::mem::take(&mut self.evaluations);
        Ok(figures.with(&EVALUATIONS, evaluations as f64))
    }
}
