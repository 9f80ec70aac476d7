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
use crate::kernels::argmax::Extreme;
use crate::kernels::bias_update::NEVER;
use crate::kernels::cd_update::Step;
use crate::kernels::cross_entropy::cross_entropy;
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::error_count::error_count;
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::kernels::{Losses, Place, categorical};
use crate::models::labels::join;
use crate::models::{ClassRbm, Model, Visit};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

use super::ascent::ascend;
use super::centring::Centring;
use super::class_config::ClassConfig;
use super::class_seen::Seen;
use super::figure::{LEARNING_RATE, MOMENTUM};
use super::learner::{Learner, Order, check_width, rate};
use super::stands::stands;
use super::start::repeated;
use super::state::Clock;
use super::trainable::{TRAIN_ERROR, TRAIN_LOSS};
use super::weighing::Weighing;
use super::{Batch, BatchSource, Figures, watch};

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
    machine: ClassRbm,
    config: ClassConfig,
    /// Δ of W, b and a.
    velocity: [Tensor; 3],
    centring: Option<Centring>,
    chains: Option<Tensor>,
    /// Of the epoch's labelled cases, by their weights: the sum of −ln p(y|x), how many are wrong, and how many there are.
    sums: [Tensor; 3],
    clock: Clock,
}

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
        Ok(ClassTrainer { machine, config, velocity, centring, chains, sums, clock })
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
        let seen = Seen::new(&self.machine, x, classes, weights)?;
        self.tally(&seen, classes)?;
        let mut gradient = self.data_term(x, &seen)?;
        let v0 = match self.config.objective.factors()[1] > 0.0 || self.centring.is_some() {
            true => Some(self.with_classes(x, &seen)?),
            false => None,
        };
        if let (true, Some(v0)) = (self.config.objective.factors()[1] > 0.0, &v0) {
            let model = self.model_term(v0, &seen)?;
            for (gradient, model) in gradient.iter_mut().zip(&model) {
                elementwise_in_place(Elementwise::SUBTRACT, gradient, Some(model))?;
            }
        }
        let step = Step {
            rate: self.config.learning_rate.at(epoch, self.config.epochs),
            momentum: self.config.momentum.at(epoch, self.config.epochs),
            decay: self.config.weight_decay,
        };
        if let Some(centring) = &self.centring {
            centring.around(&mut gradient)?;
        }
        let means = v0.map(|v0| self.means(&v0, &seen)).transpose()?.flatten();
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

    /// The means of the data's states, visible and hidden, where gradients are around them.
    fn means(&self, v0: &Tensor, seen: &Seen) -> Result<Option<[Tensor; 2]>> {
        let Some(Centring { mu, lambda }) = &self.centring else { return Ok(None) };
        let rows = v0.shape().dims()[0];
        let hidden = self.machine.joint().mean_h_from_v(v0)?;
        let mean = |states: &Tensor, offset: &Tensor| {
            let weighed = match &seen.weights {
                Some(w) => Some(Weighing::new(w, rows, None)?.of_cases(states, Some(offset))?),
                None => None,
            };
            let states = weighed.as_ref().unwrap_or(states);
            reduce(Reduction::Sum, Axis::Columns, 1.0 / rows as f32, states)
        };
        Ok(Some([mean(v0, mu)?, mean(&hidden, lambda)?]))
    }

    /// Adds the batch to the epoch's sums.
    fn tally(&mut self, seen: &Seen, classes: &Tensor) -> Result<()> {
        let (device, rows) = (classes.device(), classes.shape().len());
        // A case without a class counts nothing, whichever it is compared with.
        let mut some = classes.try_clone()?;
        elementwise_in_place(Elementwise::Clamp(0.0, f32::MAX), &mut some, None)?;
        let [mut loss, mut wrong] =
            [Tensor::for_output(device, &[rows])?, Tensor::for_output(device, &[rows])?];
        cross_entropy(&seen.scores, &some, Losses::at(&mut loss, 0))?;
        error_count(&seen.scores, &some, Extreme::Largest, Place::at(&mut wrong, 0))?;
        let mut labelled = reduce(Reduction::Sum, Axis::Rows, 1.0, &seen.known)?;
        if let Some(weights) = &seen.weights {
            let own = weights.try_clone()?.reshape(labelled.shape().dims())?;
            elementwise_in_place(Elementwise::Multiply, &mut labelled, Some(&own))?;
        }
        for numbers in [&mut loss, &mut wrong] {
            elementwise_in_place(Elementwise::Multiply, numbers, Some(&labelled))?;
        }
        for (sum, numbers) in self.sums.iter_mut().zip([&loss, &wrong, &labelled]) {
            let more = reduce(Reduction::Sum, Axis::All, 1.0, numbers)?;
            elementwise_in_place(Elementwise::ADD, sum, Some(&more))?;
        }
        Ok(())
    }

    fn data_term(&self, x: &Tensor, seen: &Seen) -> Result<[Tensor; 3]> {
        let [discriminative, generative] = self.config.objective.factors();
        let [labelled, others] = &seen.shares;
        let mut coefficients = seen.p.try_clone()?;
        let both = Elementwise::Combine(-discriminative, discriminative + generative);
        elementwise_in_place(both, &mut coefficients, Some(&seen.known))?;
        elementwise_in_place(Elementwise::Multiply, &mut coefficients, Some(labelled))?;
        if self.config.unlabelled {
            let mut own = seen.p.try_clone()?;
            elementwise_in_place(Elementwise::Multiply, &mut own, Some(others))?;
            let more = Elementwise::Combine(1.0, generative);
            elementwise_in_place(more, &mut coefficients, Some(&own))?;
        }
        self.machine.joint().class_gradient(x, &coefficients)
    }

    /// The numbers of Gibbs step `s` (0 is the data's own) of the present update.
    fn draw(&self, s: u64) -> ChainDraw {
        ChainDraw::new(self.config.seed, ChainStreams::TRAINING).at(self
            .clock
            .updates
            .wrapping_mul(self.config.steps + 1)
            .wrapping_add(s))
    }

    /// α ⟨v hᵀ⟩, α ⟨v⟩ and α ⟨h⟩ of the model, as often as there are means in the data's term.
    fn model_term(&mut self, v0: &Tensor, seen: &Seen) -> Result<[Tensor; 3]> {
        let (steps, unlabelled) = (self.config.steps, self.config.unlabelled);
        let generative = self.config.objective.factors()[1];
        let (device, joint) = (v0.device(), self.machine.joint());
        let hidden = joint.hidden_count();
        let (vk, weight) = if self.config.persistent {
            let chains = self.config.batch;
            let mut v = match self.chains.take() {
                Some(chains) => chains,
                None => repeated(v0, seen.weights.as_ref(), chains)?,
            };
            let mut h = Tensor::for_output(device, &[chains, hidden])?;
            joint.gibbs(&mut v, &mut h, steps, &self.draw(1))?;
            let means = if unlabelled { 2.0 } else { 1.0 };
            let weight = vec![generative * means / chains as f32; chains];
            let mut weight = Tensor::from_f32(device, &[chains, 1], &weight)?;
            if seen.weights.is_some() {
                let [labelled, others] = &seen.shares;
                let mut all = Tensor::for_output(device, labelled.shape().dims())?;
                let other = if unlabelled { 1.0 } else { 0.0 };
                elementwise(Elementwise::Combine(1.0, other), labelled, Some(others), &mut all)?;
                let whole = reduce(Reduction::Sum, Axis::All, 1.0 / means, &all)?;
                elementwise_in_place(Elementwise::Multiply, &mut weight, Some(&whole))?;
            }
            (self.chains.insert(v).try_clone()?, weight)
        } else {
            let rows = v0.shape().dims()[0];
            let mut h = Tensor::for_output(device, &[rows, hidden])?;
            joint.h_from_v(v0).sample_into(&self.draw(0).hidden(), &mut h)?;
            let mut v = Tensor::for_output(device, v0.shape().dims())?;
            for s in 1..=steps {
                joint.v_from_h(&h).sample_into(&self.draw(s).visible(), &mut v)?;
                if s < steps {
                    joint.h_from_v(&v).sample_into(&self.draw(s).hidden(), &mut h)?;
                }
            }
            let [labelled, others] = &seen.shares;
            let mut weight = Tensor::for_output(device, &[rows, 1])?;
            let other = if unlabelled { generative } else { 0.0 };
            let both = Elementwise::Combine(generative, other);
            elementwise(both, labelled, Some(others), &mut weight)?;
            (v, weight)
        };
        let mut pk = joint.mean_h_from_v(&vk)?;
        elementwise_in_place(Elementwise::Multiply, &mut pk, Some(&weight))?;
        let mut w = Tensor::for_output(device, &[joint.visible_count(), hidden])?;
        matmul(&vk, &pk, Transpose::TN, &Epilogue::default(), &mut w)?;
        let mut weighted = vk;
        elementwise_in_place(Elementwise::Multiply, &mut weighted, Some(&weight))?;
        let b = reduce(Reduction::Sum, Axis::Columns, 1.0, &weighted)?;
        Ok([w, b, reduce(Reduction::Sum, Axis::Columns, 1.0, &pk)?])
    }

    /// [x, y], with y drawn where it is not known.
    fn with_classes(&self, x: &Tensor, seen: &Seen) -> Result<Tensor> {
        if !self.config.unlabelled {
            return join(x, &seen.known);
        }
        let mut y = Tensor::for_output(x.device(), seen.known.shape().dims())?;
        let draw = self.draw(0).visible().of_label();
        categorical::sample(&seen.scores, self.machine.classes(), &draw, &mut y)?;
        elementwise_in_place(Elementwise::Multiply, &mut y, Some(&seen.unknown))?;
        elementwise_in_place(Elementwise::ADD, &mut y, Some(&seen.known))?;
        join(x, &y)
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

    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()> {
        check_width("train class-rbm", source, self.machine.features())
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
