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
use crate::kernels::cd_update::{Arrays, Phases, Step, cd_step, cd_update};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::models::exact::check_enumerable;
use crate::models::{Model, Rbm, UnitKind, Visit};
use crate::tensor::{Tensor, house};

use super::averaged::Averaged;
use super::cd_config::{CdConfig, learning_rate_setter};
use super::cd_workspace::Workspace;
use super::centring::{Centring, press};
use super::figure::{LEARNING_RATE, MOMENTUM};
use super::ladder::Below;
use super::learner::{Learner, Order, check_cases, rate};
use super::stands::stands;
use super::state::Clock;
use super::weighing::Weighing;
use super::{Batch, BatchSource, Figures, Shared, watch};

/// The most units of the smaller layer (beside a Gaussian layer: of the other) that each update of the exact gradient
/// enumerates.
pub const MOST_EXACT: usize = 20;

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
    pub(super) average: Option<Averaged>,
    pub(super) status: Tensor,
    pub(super) work: Option<Workspace>,
    /// What ranks sum, as tensors: kept from update to update.
    pub(super) summed: Option<Vec<Tensor>>,
    pub(super) clock: Clock,
    /// Which row of the whole batch row 0 is, where ranks share it.
    pub(super) first: u32,
    /// How much the cases of a batch that ranks share count on average, where they count differently.
    pub(super) whole: Option<f32>,
}

crate::error::opaque!(CdTrainer);

impl CdTrainer {
    /// Starts training `rbm` from its present parameters, which stay as they are until the first update,
    /// centred or not. `data_means` `[I]` are the centring's first offsets, and the lowest rung of a ladder (tempering, a
    /// trajectory) has them; plain training needs none, and takes an empty slice.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value out of range, [`Error::Shape`] for another number of means, [`Error::OutOfMemory`].
    pub fn new(mut rbm: Rbm, config: CdConfig, data_means: &[f32]) -> Result<Self> {
        config.check()?;
        if config.tempering.is_some() || config.trajectory {
            rbm.hidden().kind().check_energy()?;
        }
        if config.exact_gradient {
            check_enumerable(&rbm, MOST_EXACT, "exact-gradient", " at each update")?;
        }
        let device = rbm.device().clone();
        let (i, j) = (rbm.visible_count(), rbm.hidden_count());
        let plain = !config.centered && config.tempering.is_none() && !config.trajectory;
        if data_means.len() != i && !(plain && data_means.is_empty()) {
            let detail = format!("{} data means for {i} visible units", data_means.len());
            return Err(Error::shape("contrastive divergence", detail));
        }
        let mut velocity = [
            Tensor::zeros(&device, &[i, j])?,
            Tensor::zeros(&device, &[i])?,
            Tensor::zeros(&device, &[j])?,
        ];
        // So one dispatch changes all.
        house(vec![&mut rbm.w, &mut rbm.b, &mut rbm.a])?;
        house(velocity.iter_mut().collect())?;
        let centring = match config.centered {
            false => None,
            true => {
                let mut mu = Tensor::from_f32(&device, &[i], data_means)?;
                let lambda = vec![rbm.hidden().kind().mean_at_rest(); j];
                let mut lambda = Tensor::from_f32(&device, &[j], &lambda)?;
                house(vec![&mut mu, &mut lambda])?;
                Some(Centring { mu, lambda })
            }
        };
        let activity = match config.sparsity {
            None => None,
            Some(s) => Some(Tensor::from_f32(&device, &[j], &vec![s.target; j])?),
        };
        let below = Below::new(&rbm, &config, data_means)?;
        let average = config.average.then(|| Averaged::new(&rbm)).transpose()?;
        Ok(CdTrainer {
            status: Tensor::from_u32(&device, &[1], &[NEVER])?,
            rbm,
            config,
            velocity,
            centring,
            activity,
            chains: None,
            below,
            average,
            work: None,
            summed: None,
            clock: Clock::default(),
            first: 0,
            whole: None,
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

    learning_rate_setter!();

    /// One update from the batch `v0` `[B, I]`. `epoch`, counted from 1, sets the schedules' values.
    ///
    /// # Errors
    /// As [`Learner::epoch`], but divergence is not looked for.
    pub fn update(&mut self, v0: &Tensor, epoch: u64) -> Result<()> {
        self.update_weighted(v0, None, epoch)
    }

    /// The same where cases count differently: `weights` `[B, 1]`, relative to their mean over all cases.
    ///
    /// # Errors
    /// As [`CdTrainer::update`].
    pub fn update_weighted(
        &mut self,
        v0: &Tensor,
        weights: Option<&Tensor>,
        epoch: u64,
    ) -> Result<()> {
        let rows = v0.shape().matrix("train rbm", "the batch")?[0];
        if rows == 0 {
            // The mean over nothing would make every parameter NaN.
            return Err(Error::data("the batch", "there is no case; pass at least one"));
        }
        if self.config.exact_gradient {
            let result = self.exact_update(v0, weights, epoch);
            self.clock.updates += 1;
            return result.and_then(|()| self.climb());
        }
        let chains = if self.config.persistent { self.config.batch } else { rows };
        let mut work = match self.work.take() {
            Some(work) if work.is_of(rows, chains) => work,
            _ => self.workspace(rows, chains)?,
        };
        self.data_phase(v0, &mut work)?;
        let result = self.model_phase((v0, weights), &mut work);
        let result = result.and_then(|()| self.apply((v0, weights), &mut work, epoch));
        self.work = Some(work);
        self.clock.updates += 1;
        result.and_then(|()| self.climb())
    }

    /// What an update of so many cases and chains needs.
    pub(super) fn workspace(&self, rows: usize, chains: usize) -> Result<Workspace> {
        Workspace::new(&self.rbm, self.config.persistent, [rows, chains])
    }

    /// The step of an epoch's updates.
    pub(super) fn step(&self, epoch: u64) -> Step {
        Step {
            rate: self.config.learning_rate.at(epoch, self.config.epochs),
            momentum: self.config.momentum.at(epoch, self.config.epochs),
            decay: self.config.weight_decay,
        }
    }

    /// The machines of earlier updates that are kept, the first of independent units; none without
    /// [`CdConfig::trajectory`].
    pub fn trajectory(&self) -> &[Rbm] {
        self.below.as_ref().map_or(&[], Below::trajectory)
    }

    /// The machine of the averaged parameters; none without [`CdConfig::average`].
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn averaged(&self) -> Result<Option<Rbm>> {
        self.average.as_ref().map(|average| average.rbm(&self.rbm)).transpose()
    }

    /// Changes the parameters by the difference of the phases.
    fn apply(
        &mut self,
        (v0, weights): (&Tensor, Option<&Tensor>),
        work: &mut Workspace,
        epoch: u64,
    ) -> Result<()> {
        let vk = self.chains.as_ref().unwrap_or(&work.vk);
        let chains = vk.shape().matrix("train rbm", "the chains")?[0];
        let scales = [1.0 / work.rows as f32, 1.0 / chains as f32];
        let offsets = self.centring.as_ref().map(|c| (&c.mu, &c.lambda));
        let [mu, lambda] = [offsets.map(|o| o.0), offsets.map(|o| o.1)];
        let own = self.config.persistent.then_some(chains);
        let weighing = weights.map(|w| Weighing::new(w, work.rows, own)).transpose()?;
        let of_cases =
            |x: &Tensor, offset| weighing.as_ref().map(|w| w.of_cases(x, offset)).transpose();
        let mut p0 = of_cases(&work.p0, lambda)?;
        let mean_h = match self.centring.is_some() || self.config.sparsity.is_some() {
            true => {
                let counted = p0.as_ref().unwrap_or(&work.p0);
                Some(reduce(Reduction::Sum, Axis::Columns, scales[0], counted)?)
            }
            false => None,
        };
        if let (Some(sparsity), Some(activity), Some(now)) =
            (self.config.sparsity, &mut self.activity, &mean_h)
        {
            press(sparsity, activity, now, &mut work.p0)?;
            p0 = of_cases(&work.p0, lambda)?;
        }
        let p0 = p0.as_ref().unwrap_or(&work.p0);
        let of_chains =
            |x: &Tensor, offset| weighing.as_ref().map(|w| w.of_chains(x, offset)).transpose();
        let (pk, xk) = (of_chains(&work.pk, lambda)?, of_chains(vk, mu)?);
        let (pk, xk) = (pk.as_ref().unwrap_or(&work.pk), xk.as_ref().unwrap_or(vk));
        let x0 = of_cases(v0, mu)?;
        let x0 = x0.as_ref().unwrap_or(v0);
        let phases = Phases { v0, p0, vk, pk, scales, offsets };
        let step = self.step(epoch);
        let [dw, db, da] = &mut self.velocity;
        let Rbm { w, b, a, .. } = &mut self.rbm;
        let number = watch::number(self.clock);
        let status = &mut self.status;
        if weighing.is_none() {
            let (parameters, velocity) = (Arrays { w, b, a }, Arrays { w: dw, b: db, a: da });
            cd_step(&phases, step, parameters, velocity, Watch::new(status, number))?;
        } else {
            // The biases' visible statistics are weighed, the weights' are not.
            let (visible, hidden) =
                (BiasPhases { x0, xk, scales }, BiasPhases { x0: p0, xk: pk, scales });
            cd_update(&phases, step, w, dw)?;
            bias_update(&visible, step, b, db, Watch::new(status, number))?;
            bias_update(&hidden, step, a, da, Watch::new(status, number))?;
        }
        self.move_offsets(x0, mean_h, scales[0])
    }

    /// Ends a centred update.
    pub(super) fn move_offsets(
        &mut self,
        v0: &Tensor,
        mean_h: Option<Tensor>,
        scale: f32,
    ) -> Result<()> {
        let (Some(_), Some(mean_h)) = (&self.centring, mean_h) else { return Ok(()) };
        let mean_v = reduce(Reduction::Sum, Axis::Columns, scale, v0)?;
        self.follow(&mean_v, &mean_h)
    }

    /// The same from the means of a batch's units.
    pub(super) fn follow(&mut self, mean_v: &Tensor, mean_h: &Tensor) -> Result<()> {
        let Some(centring) = &mut self.centring else { return Ok(()) };
        let biases = [&mut self.rbm.b, &mut self.rbm.a];
        centring.follow(biases, &self.velocity[0], [mean_v, mean_h])
    }

    /// What to do against divergence, besides a lower rate.
    pub(super) fn advice(&self) -> &'static str {
        match self.rbm.visible().kind() {
            UnitKind::Gaussian => ", and standardise the data (--standardize) where they are not",
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
    stands!(rbm);

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
        self.average.as_mut().map_or(Ok(()), |average| average.visit(visit))?;
        self.below.as_mut().map_or(Ok(()), |below| below.visit(visit))
    }

    fn shared(&mut self) -> Option<&mut dyn Shared> {
        Some(self)
    }

    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()> {
        check_cases("train rbm", source, self.rbm.visible())
    }

    fn update(&mut self, batch: Batch<'_>) -> Result<()> {
        self.update_weighted(batch.cases, batch.weights, self.clock.epoch())
    }

    fn end_epoch(&mut self) -> Result<Figures> {
        watch::check(self.clock, &self.status, [&self.rbm.w], self.advice())?;
        self.figures()
    }
}
