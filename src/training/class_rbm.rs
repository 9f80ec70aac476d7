//! Learning of classification machines (Larochelle and Bengio 2008): the exact gradient of ln p(y | x), contrastive
//! divergence for ln p(x, y), and both together; of cases without a class ln p(x).
//!
//! With δ and α the factors of the objective, n the labelled cases of a batch and m the others, the gradient is
//! (1/n) Σ ∂(δ ln p(y|x) + α ln p(x, y)) + (α/m) Σ ∂ ln p(x). All data terms are exact and taken in one pass over the
//! classes: they are −Σ c ∂F(x, class) with the coefficients c = ((δ + α) onehot(y) − δ p)/n of a labelled case and
//! α p/m of another, p = p(·|x). The model's term comes from Gibbs steps at [x, y], where y is drawn from p(y|x) for a
//! case without a class, or from persistent chains. Of weighted cases each part of a sum counts with its case's weight, and
//! the model's term of persistent chains as much as the data's do.
//!
//! Both terms have the same sum of coefficients, α of all weights, so that the gradient around offsets μ and λ of the states
//! is theirs: ∂W − ∂b λᵀ − μ ∂aᵀ.

use crate::error::{Error, Result};
use crate::kernels::bias_update::NEVER;
use crate::kernels::cd_update::Step;
use crate::kernels::dropout::dropout;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::models::{ClassRbm, Model, Visit};
use crate::random::{ChainDraw, ChainStreams, Draw, stream};
use crate::tensor::Tensor;

use super::ascent::ascend;
use super::cd_config::learning_rate_setter;
use super::centring::Centring;
use super::class_config::ClassConfig;
use super::class_seen::Seen;
use super::figure::{LEARNING_RATE, MOMENTUM};
use super::learner::{Learner, Order, check_cases, rate};
use super::stands::stands;
use super::state::Clock;
use super::trainable::{TRAIN_ERROR, TRAIN_LOSS};
use super::{Batch, BatchSource, Figures, Shared, watch};

/// Trains a [`ClassRbm`].
///
/// ```
/// use harmonium::data;
/// use harmonium::models::ClassRbm;
/// use harmonium::training::{ClassConfig, ClassTrainer, Learner, ResidentData, Treatment};
/// let device = harmonium::Device::cpu();
/// let digits = data::load("digits")?.train.limit(300);
/// let mut batches = ResidentData::new(&device, &digits.cases, Treatment::default())?
///     .with_labels(digits.labels.as_deref().unwrap())?;
/// let machine = ClassRbm::new(&device, [64, 10], 30, 1)?;
/// let config = ClassConfig::default().batch(10).learning_rate(0.1);
/// let mut trainer = ClassTrainer::new(machine, config)?;
/// for _ in 0..10 {
///     trainer.epoch(&mut batches)?;
/// }
/// let report = trainer.epoch(&mut batches)?;
/// assert!(report.figures.get("train_error").unwrap() < 0.5);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct ClassTrainer {
    pub(super) machine: ClassRbm,
    pub(super) config: ClassConfig,
    /// Δ of W, b and a.
    velocity: [Tensor; 3],
    pub(super) centring: Option<Centring>,
    pub(super) chains: Option<Tensor>,
    /// Of the epoch's labelled cases, by their weights: the sum of −ln p(y|x), how many are wrong, and how many there are.
    sums: [Tensor; 3],
    pub(super) clock: Clock,
    /// Which row of the whole batch, or which chain, row 0 is, where ranks share them.
    pub(super) first: u32,
    /// Whether the cases of a batch that ranks share count differently.
    pub(super) weighted: bool,
}

crate::error::opaque!(ClassTrainer);

impl ClassTrainer {
    /// Starts training `machine` from its present parameters.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value out of range, [`Error::OutOfMemory`].
    pub fn new(machine: ClassRbm, config: ClassConfig) -> Result<Self> {
        config.check()?;
        let (device, joint) = (machine.device().clone(), machine.joint());
        let like = |tensor: &Tensor| Tensor::zeros(&device, tensor.shape().dims());
        let velocity =
            [like(joint.weights())?, like(joint.visible_bias())?, like(joint.hidden_bias())?];
        let none = || Tensor::zeros(&device, &[1]);
        let sums = [none()?, none()?, none()?];
        let centring = match config.centered {
            false => None,
            true => {
                // Where they are without each other.
                let lambda = vec![joint.hidden().kind().mean_at_rest(); joint.hidden_count()];
                let rest = Tensor::zeros(&device, &[1, joint.hidden_count()])?;
                let mu = joint.mean_v_from_h(&rest)?;
                let mu = mu.reshape(&[joint.visible_count()])?;
                Some(Centring { mu, lambda: Tensor::from_f32(&device, &[lambda.len()], &lambda)? })
            }
        };
        let (chains, clock) = (None, Clock::default());
        let (first, weighted) = (0, false);
        Ok(ClassTrainer {
            machine,
            config,
            velocity,
            centring,
            chains,
            sums,
            clock,
            first,
            weighted,
        })
    }

    /// The machine as it stands.
    pub fn machine(&self) -> &ClassRbm {
        &self.machine
    }

    /// The machine, training ended.
    pub fn into_machine(self) -> ClassRbm {
        self.machine
    }

    /// The settings.
    pub fn config(&self) -> &ClassConfig {
        &self.config
    }

    learning_rate_setter!();

    /// One update from the batch `x` `[B, I]` with its `classes` `[B]`. `epoch`, counted from 1, sets the schedules'
    /// values.
    ///
    /// # Errors
    /// [`Error::Data`] for no case, [`Error::Shape`]; device errors.
    pub fn update(&mut self, x: &Tensor, classes: &Tensor, epoch: u64) -> Result<()> {
        self.update_weighted(x, classes, None, epoch)
    }

    /// The same where cases count differently: `weights` `[B, 1]`, relative to their mean over all cases.
    ///
    /// # Errors
    /// As [`ClassTrainer::update`].
    pub fn update_weighted(
        &mut self,
        x: &Tensor,
        classes: &Tensor,
        weights: Option<&Tensor>,
        epoch: u64,
    ) -> Result<()> {
        let rows = x.shape().matrix("train class-rbm", "the batch")?[0];
        if rows == 0 {
            // The mean over nothing would make every parameter NaN.
            return Err(Error::data("the batch", "there is no case; pass at least one"));
        }
        let left = self.left(x)?;
        let x = left.as_ref().unwrap_or(x);
        let seen = Seen::new(&self.machine, x, classes, weights)?.divided()?;
        let tallied = self.tally(&seen, classes)?;
        self.add(&tallied)?;
        let mut gradient = self.data_term(x, &seen)?;
        let v0 = match self.config.is_generative() || self.centring.is_some() {
            true => Some(self.with_classes(x, &seen)?),
            false => None,
        };
        if let (true, Some(v0)) = (self.config.is_generative(), &v0) {
            let model = self.model_term(v0, &seen)?;
            for (gradient, model) in gradient.iter_mut().zip(&model) {
                elementwise_in_place(Elementwise::SUBTRACT, gradient, Some(model))?;
            }
        }
        let means = v0.map(|v0| self.means(&v0, &seen, 1.0 / rows as f32)).transpose()?;
        self.follow(gradient, means.flatten(), epoch)
    }

    /// The update along the gradients of W, b and a, which are means over the batch; `means` are those of the data's states,
    /// visible and hidden, where gradients are around them.
    pub(super) fn follow(
        &mut self,
        mut gradient: [Tensor; 3],
        means: Option<[Tensor; 2]>,
        epoch: u64,
    ) -> Result<()> {
        let step = Step {
            rate: self.config.learning_rate.at(epoch, self.config.epochs),
            momentum: self.config.momentum.at(epoch, self.config.epochs),
            decay: self.config.weight_decay,
        };
        if let Some(centring) = &self.centring {
            centring.around(&mut gradient)?;
        }
        if self.config.sparsity > 0.0 {
            let less = Elementwise::Affine(1.0, -self.config.sparsity);
            elementwise_in_place(less, &mut gradient[2], None)?;
        }
        let joint = &mut self.machine.joint;
        let parameters = [&mut joint.w, &mut joint.b, &mut joint.a];
        for (k, (parameter, velocity)) in parameters.into_iter().zip(&mut self.velocity).enumerate()
        {
            ascend(step, &gradient[k], k == 0, velocity, parameter)?;
        }
        if let (Some(centring), Some([v, h])) = (&mut self.centring, &means) {
            centring.follow([&mut joint.b, &mut joint.a], &self.velocity[0], [v, h])?;
        }
        self.clock.updates += 1;
        Ok(())
    }

    /// What dropout leaves of the batch; `None` where it takes nothing.
    pub(super) fn left(&self, x: &Tensor) -> Result<Option<Tensor>> {
        let rate = self.config.input_dropout;
        if rate == 0.0 {
            return Ok(None);
        }
        let mut left = Tensor::for_output(x.device(), x.shape().dims())?;
        let draw = Draw::new(self.config.seed, stream::DROPOUT).at(self.clock.updates);
        dropout(x, rate, &draw.from_case(self.first), &mut left)?;
        Ok(Some(left))
    }

    /// Adds to the epoch's sums.
    pub(super) fn add(&mut self, more: &[Tensor]) -> Result<()> {
        let pairs = self.sums.iter_mut().zip(more);
        pairs
            .into_iter()
            .try_for_each(|(sum, more)| elementwise_in_place(Elementwise::ADD, sum, Some(more)))
    }

    /// The numbers of Gibbs step `s` (0 is the data's own) of the present update.
    pub(super) fn draw(&self, s: u64) -> ChainDraw {
        ChainDraw::new(self.config.seed, ChainStreams::TRAINING).from_chain(self.first).at(self
            .clock
            .updates
            .wrapping_mul(self.config.steps + 1)
            .wrapping_add(s))
    }
}

impl Learner for ClassTrainer {
    stands!(machine);

    fn visit_memory(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        for (name, velocity) in ["dW", "db", "da"].into_iter().zip(&mut self.velocity) {
            visit.array(name, velocity)?;
        }
        for (name, sum) in ["loss", "wrong", "labelled"].into_iter().zip(&mut self.sums) {
            visit.array(&format!("epoch.{name}"), sum)?;
        }
        if let Some(centring) = &mut self.centring {
            visit.array("mu", &mut centring.mu)?;
            visit.array("lambda", &mut centring.lambda)?;
        }
        if self.config.persistent {
            visit.optional("chains", self.machine.device(), &mut self.chains)?;
        }
        Ok(())
    }

    fn shared(&mut self) -> Option<&mut dyn Shared> {
        Some(self)
    }

    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()> {
        source.contents().check_classes(self.machine.classes())?;
        check_cases("train class-rbm", source, self.machine.joint().visible().features())
    }

    fn update(&mut self, batch: Batch<'_>) -> Result<()> {
        let classes = batch.labelled()?;
        self.update_weighted(batch.cases, classes, batch.weights, self.clock.epoch())
    }

    fn end_epoch(&mut self) -> Result<Figures> {
        let device = self.machine.device().clone();
        let joint = self.machine.joint();
        // Gradients are there as tensors, so that no kernel watches the biases.
        let unwatched = Tensor::from_u32(&device, &[1], &[NEVER])?;
        let all = [joint.weights(), joint.visible_bias(), joint.hidden_bias()];
        watch::check(self.clock, &unwatched, all, "")?;
        let mut read = [0.0; 3];
        for (number, sum) in read.iter_mut().zip(&mut self.sums) {
            *number = sum.to_vec()?.first().copied().map_or(0.0, f64::from);
            *sum = Tensor::zeros(&device, &[1])?;
        }
        let [loss, wrong, labelled] = read;
        let mean = |sum: f64| Some(sum / labelled).filter(|_| labelled > 0.0);
        let (epoch, epochs) = (self.clock.epoch(), self.config.epochs);
        Ok(Figures::new()
            .with(&LEARNING_RATE, rate(self.config.learning_rate.at(epoch, epochs)))
            .with(&MOMENTUM, rate(self.config.momentum.at(epoch, epochs)))
            .with(&TRAIN_LOSS, mean(loss))
            .with(&TRAIN_ERROR, mean(wrong)))
    }
}
