//! Contrastive divergence (Hinton 2002) and persistent contrastive divergence (Tieleman 2008), with
//! momentum, weight decay, centring (Melchior, Fischer and Wiskott 2016) and a sparsity target (Hinton
//! 2010, section 11).
//!
//! The gradient of the log-likelihood is ⟨v hᵀ⟩_data − ⟨v hᵀ⟩_model. The model term is estimated after k
//! Gibbs steps: started at the data (CD-k, biased towards the data), or at the chains' last states
//! (PCD-k, whose bias falls with the learning rate). Both phases use p(h | v) in the statistics; h is
//! sampled to drive the chain, and so is v.

use crate::error::{Error, Result};
use crate::kernels::bias_update::{BiasPhases, NEVER, Watch, bias_update};
use crate::kernels::cd_update::{Phases, Step, cd_update};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::gather::{Selection, Transform, gather};
use crate::kernels::matmul::Transpose;
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::models::exact::check_enumerable;
use crate::models::{Model, Rbm, UnitKind, Visit};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

use super::cd_config::CdConfig;
use super::centring::{Centring, press, shift};
use super::figure::{LEARNING_RATE, MOMENTUM};
use super::ladder::Below;
use super::learner::{Learner, Order, check_width, rate};
use super::state::Clock;
use super::{Batch, BatchSource, Figures, watch};

/// The most units of the smaller layer (beside a Gaussian layer: of the other) that each update of the exact gradient
/// enumerates.
pub const MOST_EXACT: usize = 20;

/// How fast the offsets of a centred machine follow the data.
const OFFSET_RATE: f32 = 0.01;

/// Trains an [`Rbm`]. Between epochs the model can be read and sampled.
///
/// ```
/// use harmonium::data;
/// use harmonium::models::{Rbm, Units};
/// use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData, Treatment};
/// use harmonium::Device;
/// let device = Device::cpu();
/// let train = data::load("digits")?.train.cases;
/// let mut rbm = Rbm::new(&device, Units::bernoulli(train.width()), Units::bernoulli(32), 1)?;
/// rbm.set_visible_bias_from_means(&train.means())?;
/// let mut batches = ResidentData::new(&device, &train, Treatment::default())?;
/// let config = CdConfig::default().epochs(1);
/// let mut trainer = CdTrainer::new(rbm, config, &train.means())?;
/// let report = trainer.epoch(&mut batches)?;
/// assert_eq!(report.cases, 1500);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct CdTrainer {
    pub(super) rbm: Rbm,
    pub(super) config: CdConfig,
    /// Δ of W, b and a.
    pub(super) velocity: [Tensor; 3],
    pub(super) centring: Option<Centring>,
    /// q of the sparsity target, `[J]`.
    pub(super) activity: Option<Tensor>,
    pub(super) chains: Option<Tensor>,
    pub(super) below: Option<Below>,
    pub(super) status: Tensor,
    work: Option<Workspace>,
    pub(super) clock: Clock,
}

/// Tensors of one batch size.
struct Workspace {
    rows: usize,
    p0: Tensor,
    h: Tensor,
    vk: Tensor,
    pk: Tensor,
}

/// The values of schedules in one epoch.
#[derive(Clone, Copy)]
struct Rates {
    rate: f32,
    momentum: f32,
}

impl CdTrainer {
    /// Starts training `rbm` from its present parameters, which stay as they are until the first update,
    /// centred or not. `data_means` `[I]` are the centring's first offsets; plain training does not use
    /// them.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value out of range, [`Error::OutOfMemory`].
    pub fn new(rbm: Rbm, config: CdConfig, data_means: &[f32]) -> Result<Self> {
        config.check()?;
        if config.exact_gradient {
            check_enumerable(&rbm, MOST_EXACT, "exact-gradient", " at each update")?;
        }
        let device = rbm.device().clone();
        let (i, j) = (rbm.visible_count(), rbm.hidden_count());
        let velocity = [
            Tensor::zeros(&device, &[i, j])?,
            Tensor::zeros(&device, &[i])?,
            Tensor::zeros(&device, &[j])?,
        ];
        let centring = match config.centered {
            false => None,
            true => {
                let mu = Tensor::from_f32(&device, &[i], data_means)?;
                let lambda = vec![rbm.hidden().kind().mean_at_rest(); j];
                Some(Centring { mu, lambda: Tensor::from_f32(&device, &[j], &lambda)? })
            }
        };
        let activity = match config.sparsity {
            None => None,
            Some(s) => Some(Tensor::from_f32(&device, &[j], &vec![s.target; j])?),
        };
        let below = Below::new(&rbm, &config, data_means)?;
        Ok(CdTrainer {
            status: Tensor::from_u32(&device, &[1], &[NEVER])?,
            rbm,
            config,
            velocity,
            centring,
            activity,
            chains: None,
            below,
            work: None,
            clock: Clock::default(),
        })
    }

    /// The machine as it stands.
    pub fn rbm(&self) -> &Rbm {
        &self.rbm
    }

    /// The machine, training ended.
    pub fn into_rbm(self) -> Rbm {
        self.rbm
    }

    /// The settings.
    pub fn config(&self) -> &CdConfig {
        &self.config
    }

    /// One update from the batch `v0` `[B, I]`. `epoch`, counted from 1, sets the schedules' values.
    ///
    /// # Errors
    /// As [`Learner::epoch`], but divergence is not looked for.
    pub fn update(&mut self, v0: &Tensor, epoch: u64) -> Result<()> {
        let rows = v0.shape().matrix("train rbm", "the batch")?[0];
        if rows == 0 {
            // The mean over nothing would make every parameter NaN.
            return Err(Error::data("the batch", "there is no case; pass at least one"));
        }
        if self.config.exact_gradient {
            let result = self.exact_update(v0, epoch);
            self.clock.updates += 1;
            return result.and_then(|()| self.climb());
        }
        let mut work = self.workspace(rows)?;
        self.data_phase(v0, &mut work)?;
        let result = self.model_phase(v0, &mut work);
        let result = result.and_then(|()| self.apply(v0, &mut work, epoch));
        self.work = Some(work);
        self.clock.updates += 1;
        result.and_then(|()| self.climb())
    }

    /// Looks whether the machine becomes a rung of its trajectory.
    fn climb(&mut self) -> Result<()> {
        let Some(below) = &mut self.below else { return Ok(()) };
        let updates = self.clock.updates;
        let counts = [updates, updates * self.config.steps];
        below.after_update(&self.rbm, counts, &mut self.chains, &self.config)
    }

    /// The machines of earlier updates that are kept, the first of independent units; none without
    /// [`CdConfig::trajectory`].
    pub fn trajectory(&self) -> &[Rbm] {
        self.below.as_ref().map_or(&[], Below::trajectory)
    }

    fn workspace(&mut self, rows: usize) -> Result<Workspace> {
        match self.work.take() {
            Some(work) if work.rows == rows => return Ok(work),
            _ => {}
        }
        let device = self.rbm.device().clone();
        let (i, j) = (self.rbm.visible_count(), self.rbm.hidden_count());
        let chains = if self.config.persistent { self.config.batch } else { rows };
        Ok(Workspace {
            rows,
            p0: Tensor::for_output(&device, &[rows, j])?,
            h: Tensor::for_output(&device, &[chains, j])?,
            vk: Tensor::for_output(&device, &[if self.config.persistent { 0 } else { rows }, i])?,
            pk: Tensor::for_output(&device, &[chains, j])?,
        })
    }

    /// The numbers of Gibbs step `s` (0 is the data's own) of the present update.
    fn draw(&self, s: u64) -> ChainDraw {
        ChainDraw::new(self.config.seed, ChainStreams::TRAINING)
            .at_level(self.config.level)
            .at(self.clock.updates.wrapping_mul(self.config.steps + 1).wrapping_add(s))
    }

    /// The mean of p(h | v0), and for CD a sample of it.
    fn data_phase(&self, v0: &Tensor, work: &mut Workspace) -> Result<()> {
        let h = self.rbm.h_from_v(v0);
        if self.config.persistent {
            return h.mean_into(&mut work.p0);
        }
        h.sample_and_mean_into(&self.draw(0).hidden(), &mut work.p0, &mut work.h)
    }

    /// k Gibbs steps, then the mean of p(h | vk).
    fn model_phase(&mut self, v0: &Tensor, work: &mut Workspace) -> Result<()> {
        let steps = self.config.steps;
        if self.config.persistent {
            let mut chains = match self.chains.take() {
                Some(chains) => chains,
                None => self.start_chains(v0)?,
            };
            if self.below.as_ref().is_some_and(Below::exchanges) {
                return self.exchange(chains, work);
            }
            let moved = self.rbm.gibbs(&mut chains, &mut work.h, steps, &self.draw(1));
            let read = moved.and_then(|()| self.rbm.h_from_v(&chains).mean_into(&mut work.pk));
            self.chains = Some(chains);
            return read;
        }
        for s in 1..=steps {
            let draw = self.draw(s);
            self.rbm.v_from_h(&work.h).sample_into(&draw.visible(), &mut work.vk)?;
            if s < steps {
                self.rbm.h_from_v(&work.vk).sample_into(&draw.hidden(), &mut work.h)?;
            }
        }
        self.rbm.h_from_v(&work.vk).mean_into(&mut work.pk)
    }

    /// The same on a ladder.
    fn exchange(&mut self, chains: Tensor, work: &mut Workspace) -> Result<()> {
        let steps = self.config.steps;
        let first = self.clock.updates * steps;
        // Round n is Gibbs step n − first + 1 of this update.
        let begin = self.draw(1);
        let draw = |number: u64| begin.at(begin.step() + number - first);
        let Some(below) = &mut self.below else { return Ok(()) };
        let chains = below.rounds(&self.rbm, chains, first..first + steps, draw)?;
        self.rbm.h_from_v(&chains).mean_into(&mut work.pk)?;
        self.chains = Some(chains);
        Ok(())
    }

    /// The chains begin at the first batch's cases, repeated where the batch is short.
    fn start_chains(&self, v0: &Tensor) -> Result<Tensor> {
        let rows = v0.shape().matrix("train rbm", "the batch")?[0];
        let device = self.rbm.device();
        let order: Vec<u32> = (0..self.config.batch).map(|c| (c % rows.max(1)) as u32).collect();
        let indices = Tensor::from_u32(device, &[order.len()], &order)?;
        let mut chains =
            Tensor::for_output(device, &[self.config.batch, self.rbm.visible_count()])?;
        let pick = Selection { indices: &indices, first_index: 0, rows: order.len(), first_row: 0 };
        gather(v0, pick, &Transform::default(), &mut chains)?;
        Ok(chains)
    }

    /// Changes the parameters by the difference of the phases.
    fn apply(&mut self, v0: &Tensor, work: &mut Workspace, epoch: u64) -> Result<()> {
        let rates = Rates {
            rate: self.config.learning_rate.at(epoch, self.config.epochs),
            momentum: self.config.momentum.at(epoch, self.config.epochs),
        };
        let vk = self.chains.as_ref().unwrap_or(&work.vk);
        let chains = vk.shape().matrix("train rbm", "the chains")?[0];
        let scales = [1.0 / work.rows as f32, 1.0 / chains as f32];
        let mean_h = match self.centring {
            Some(_) => Some(reduce(Reduction::Sum, Axis::Columns, scales[0], &work.p0)?),
            None => None,
        };
        if let (Some(sparsity), Some(activity)) = (self.config.sparsity, &mut self.activity) {
            press(sparsity, activity, &mut work.p0, scales[0])?;
        }
        let offsets = self.centring.as_ref().map(|c| (&c.mu, &c.lambda));
        let phases = Phases { v0, p0: &work.p0, vk, pk: &work.pk, scales, offsets };
        let step =
            Step { rate: rates.rate, momentum: rates.momentum, decay: self.config.weight_decay };
        let [dw, db, da] = &mut self.velocity;
        cd_update(&phases, step, &mut self.rbm.w, dw)?;
        let number = watch::number(self.clock);
        let watch = Watch::new(&mut self.status, number);
        let visible = BiasPhases { x0: v0, xk: vk, scales };
        bias_update(&visible, step, &mut self.rbm.b, db, watch)?;
        let hidden = BiasPhases { x0: &work.p0, xk: &work.pk, scales };
        bias_update(&hidden, step, &mut self.rbm.a, da, Watch::new(&mut self.status, number))?;
        self.move_offsets(v0, mean_h, scales[0])
    }

    /// Ends a centred update: W changed by Δ at fixed offsets, so b = b_c − Wλ and a = a_c − Wᵀμ follow; then the
    /// offsets move towards the batch's means, which changes nothing but later gradients.
    pub(super) fn move_offsets(
        &mut self,
        v0: &Tensor,
        mean_h: Option<Tensor>,
        scale: f32,
    ) -> Result<()> {
        let (Some(centring), Some(mean_h)) = (&mut self.centring, mean_h) else { return Ok(()) };
        let dw = &self.velocity[0];
        shift(&mut self.rbm.b, dw, &centring.lambda, Transpose::NT)?;
        shift(&mut self.rbm.a, dw, &centring.mu, Transpose::NN)?;
        let mean_v = reduce(Reduction::Sum, Axis::Columns, scale, v0)?;
        let follow = Elementwise::Combine(1.0 - OFFSET_RATE, OFFSET_RATE);
        elementwise_in_place(follow, &mut centring.mu, Some(&mean_v))?;
        elementwise_in_place(follow, &mut centring.lambda, Some(&mean_h))
    }

    /// What to do against divergence, besides a lower rate.
    pub(super) fn advice(&self) -> &'static str {
        match self.rbm.visible().kind() {
            UnitKind::Gaussian => ", and standardise the data (--standardize)",
            _ => "",
        }
    }

    /// What is told of the epoch under way.
    pub(super) fn figures(&self) -> Result<Figures> {
        let (epoch, epochs) = (self.clock.epoch(), self.config.epochs);
        let mut figures = Figures::new()
            .with(&LEARNING_RATE, rate(self.config.learning_rate.at(epoch, epochs)))
            .with(&MOMENTUM, rate(self.config.momentum.at(epoch, epochs)));
        if let Some(below) = &self.below {
            figures.extend(&below.figures(self.clock.updates * self.config.steps)?);
        }
        Ok(figures)
    }
}

impl Learner for CdTrainer {
    fn clock(&self) -> Clock {
        self.clock
    }

    fn clock_mut(&mut self) -> &mut Clock {
        &mut self.clock
    }

    fn order(&self) -> Order {
        Order { seed: self.config.seed, batch: self.config.batch }
    }

    fn model(&mut self) -> &mut dyn Model {
        &mut self.rbm
    }

    fn visit_memory(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        for (name, velocity) in ["dW", "db", "da"].into_iter().zip(&mut self.velocity) {
            visit.array(name, velocity)?;
        }
        if let Some(centring) = &mut self.centring {
            visit.array("mu", &mut centring.mu)?;
            visit.array("lambda", &mut centring.lambda)?;
        }
        if let Some(activity) = &mut self.activity {
            visit.array("activity", activity)?;
        }
        if self.config.persistent {
            visit.optional("chains", self.rbm.device(), &mut self.chains)?;
        }
        self.below.as_mut().map_or(Ok(()), |below| below.visit(visit))
    }

    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()> {
        check_width("train rbm", source, self.rbm.visible_count())
    }

    fn update(&mut self, batch: Batch<'_>) -> Result<()> {
        CdTrainer::update(self, batch.cases, self.clock.epoch())
    }

    fn end_epoch(&mut self) -> Result<Figures> {
        watch::check(self.clock, &self.status, [&self.rbm.w], self.advice())?;
        self.figures()
    }
}
