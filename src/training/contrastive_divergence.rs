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
use crate::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::models::{Rbm, VisibleKind};
use crate::random::{Draw, stream};
use crate::tensor::Tensor;

use super::Schedule;
use super::exact::check_enumerable;

/// A penalty that draws the mean activity of each hidden unit towards a target: q ← decay·q +
/// (1 − decay)·⟨p(h|v)⟩, and cost·(target − q) is added to the unit's part of the data statistics, for
/// its bias and its weights alike (Hinton 2010, section 11).
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sparsity {
    /// The wanted mean activity, in (0, 1); 0.01 to 0.1 is usual.
    pub target: f32,
    /// The weight of the penalty, ≥ 0; 0.1 is a start.
    pub cost: f32,
    /// How slowly the running mean forgets, in [0, 1): 0.9 unless said otherwise.
    #[serde(default = "sparsity_decay")]
    pub decay: f32,
}

fn sparsity_decay() -> f32 {
    0.9
}

/// How to train. The defaults are those of Hinton's *A Practical Guide to Training Restricted Boltzmann
/// Machines* (2010) in spirit; [`CdConfig::for_visible`] gives them.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CdConfig {
    /// η per update, of gradients that are means over the batch: 0.1; Gaussian units 0.001.
    pub learning_rate: Schedule,
    /// In [0, 1): 0.5, and 0.9 after epoch 5.
    pub momentum: Schedule,
    /// L2, of the weights only: 1e-4.
    pub weight_decay: f32,
    /// Cases per update: 100.
    pub batch: usize,
    /// Passes over the data: 10.
    pub epochs: u64,
    /// Gibbs steps per update, k: 1.
    pub steps: u64,
    /// PCD, with as many chains as the batch has cases: false.
    pub persistent: bool,
    /// Centring: false. Offsets start at the data's mean and ½ and follow the data at rate 0.01.
    pub centered: bool,
    /// The model's term by enumeration instead of chains, for machines of up to 20 units in the smaller layer
    /// (Gaussian: the hidden one): false.
    #[serde(default)]
    pub exact_gradient: bool,
    /// None unless asked for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sparsity: Option<Sparsity>,
    /// Of weights, order, states and noise: 1.
    pub seed: u64,
}

/// How fast the offsets of a centred machine follow the data.
const OFFSET_RATE: f32 = 0.01;

impl CdConfig {
    /// The defaults for these visible units.
    pub fn for_visible(visible: VisibleKind) -> Self {
        CdConfig {
            learning_rate: Schedule::constant(match visible {
                VisibleKind::Bernoulli => 0.1,
                VisibleKind::Gaussian => 0.001,
            }),
            momentum: Schedule::Steps(0.5, vec![(5, 0.9)]),
            weight_decay: 1e-4,
            batch: 100,
            epochs: 10,
            steps: 1,
            persistent: false,
            centered: false,
            exact_gradient: false,
            sparsity: None,
            seed: 1,
        }
    }

    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the setting, its value and its range.
    pub fn check(&self) -> Result<()> {
        self.learning_rate.check("learning-rate", 0.0, 1e6)?;
        self.momentum.check("momentum", 0.0, 0.999_999)?;
        let range = |name: &str, value: f32, low: f32, high: f32| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(Error::setting(name, format!("{value} is outside [{low}, {high}]")))
            }
        };
        range("weight-decay", self.weight_decay, 0.0, 1e6)?;
        for (name, value) in [("batch", self.batch as u64), ("cd steps", self.steps)] {
            if value == 0 {
                return Err(Error::setting(name, "0 is too few; use at least 1"));
            }
        }
        if let Some(s) = self.sparsity {
            range("sparsity-target", s.target, 1e-6, 1.0 - 1e-6)?;
            range("sparsity-cost", s.cost, 0.0, 1e6)?;
            range("sparsity-decay", s.decay, 0.0, 0.999_999)?;
        }
        Ok(())
    }
}

/// Trains an [`Rbm`]. Between [`CdTrainer::epoch`] calls the model can be read and sampled.
///
/// ```
/// use harmonium::data;
/// use harmonium::models::{Rbm, VisibleKind};
/// use harmonium::training::{CdConfig, CdTrainer, ResidentData, Treatment};
/// use harmonium::Device;
/// let device = Device::cpu();
/// let train = data::load("digits")?.train.cases;
/// let mut rbm = Rbm::new(&device, VisibleKind::Bernoulli, train.width(), 32, 1)?;
/// rbm.set_visible_bias_from_means(&train.means())?;
/// let mut batches = ResidentData::new(&device, &train, Treatment::default())?;
/// let config = CdConfig { epochs: 1, ..CdConfig::for_visible(VisibleKind::Bernoulli) };
/// let mut trainer = CdTrainer::new(rbm, config, &train.means())?;
/// let report = trainer.epoch(&mut batches, |_| ())?;
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
    status: Tensor,
    work: Option<Workspace>,
    pub(super) epochs_done: u64,
    pub(super) updates_done: u64,
    /// Updates and cases of the epoch under way.
    pub(super) epoch_updates: u64,
    pub(super) epoch_cases: u64,
}

/// The offsets μ `[I]` and λ `[J]`. The machine itself is kept uncentred (b = b_c − Wλ, a = a_c − Wᵀμ), so
/// that moving the offsets changes nothing but later gradients.
pub(super) struct Centring {
    pub(super) mu: Tensor,
    pub(super) lambda: Tensor,
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
            check_enumerable(&rbm)?;
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
                Some(Centring { mu, lambda: Tensor::from_f32(&device, &[j], &vec![0.5; j])? })
            }
        };
        let activity = match config.sparsity {
            None => None,
            Some(s) => Some(Tensor::from_f32(&device, &[j], &vec![s.target; j])?),
        };
        Ok(CdTrainer {
            status: Tensor::from_u32(&device, &[1], &[NEVER])?,
            rbm,
            config,
            velocity,
            centring,
            activity,
            chains: None,
            work: None,
            epochs_done: 0,
            updates_done: 0,
            epoch_updates: 0,
            epoch_cases: 0,
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

    /// Epochs done so far.
    pub fn epochs_done(&self) -> u64 {
        self.epochs_done
    }

    /// One update from the batch `v0` `[B, I]`. `epoch`, counted from 1, sets the schedules' values.
    ///
    /// # Errors
    /// As [`CdTrainer::epoch`], but divergence is not looked for.
    pub fn update(&mut self, v0: &Tensor, epoch: u64) -> Result<()> {
        let rows = v0.shape().matrix("train rbm", "the batch")?[0];
        if rows == 0 {
            // The mean over nothing would make every parameter NaN.
            return Err(Error::data("the batch", "there is no case; pass at least one"));
        }
        if self.config.exact_gradient {
            let result = self.exact_update(v0, epoch);
            self.updates_done += 1;
            return result;
        }
        let mut work = self.workspace(rows)?;
        self.data_phase(v0, &mut work)?;
        let result = self.model_phase(v0, &mut work);
        let result = result.and_then(|()| self.apply(v0, &mut work, epoch));
        self.work = Some(work);
        self.updates_done += 1;
        result
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

    /// The draw of Gibbs step `s` (0 is the data's own) of the present update.
    fn draw(&self, purpose: u16, s: u64) -> Draw {
        Draw::new(self.config.seed, purpose)
            .at(self.updates_done.wrapping_mul(self.config.steps + 1).wrapping_add(s))
    }

    /// p(h | v0), and for CD a sample of it.
    fn data_phase(&self, v0: &Tensor, work: &mut Workspace) -> Result<()> {
        if self.config.persistent {
            return self.rbm.mean_h_from_v_into(v0, &mut work.p0);
        }
        let draw = self.draw(stream::HIDDEN, 0);
        self.rbm.sample_h_from_v(v0, &draw, Some(&mut work.p0), &mut work.h)
    }

    /// k Gibbs steps, then p(h | vk).
    fn model_phase(&mut self, v0: &Tensor, work: &mut Workspace) -> Result<()> {
        if self.config.persistent {
            let mut chains = match self.chains.take() {
                Some(chains) => chains,
                None => self.start_chains(v0)?,
            };
            let moved = self.rbm.gibbs(
                &mut chains,
                &mut work.h,
                self.config.steps,
                &self.draw(stream::HIDDEN, 1),
            );
            let read = moved.and_then(|()| self.rbm.mean_h_from_v_into(&chains, &mut work.pk));
            self.chains = Some(chains);
            return read;
        }
        for s in 1..=self.config.steps {
            let draw = self.draw(stream::VISIBLE, s);
            self.rbm.sample_v_from_h(&work.h, &draw, None, &mut work.vk)?;
            if s < self.config.steps {
                let draw = self.draw(stream::HIDDEN, s);
                self.rbm.sample_h_from_v(&work.vk, &draw, None, &mut work.h)?;
            }
        }
        self.rbm.mean_h_from_v_into(&work.vk, &mut work.pk)
    }

    /// The chains begin at the first batch's cases, repeated where the batch is short.
    fn start_chains(&self, v0: &Tensor) -> Result<Tensor> {
        let rows = v0.shape().matrix("train rbm", "the batch")?[0];
        let device = self.rbm.device();
        let order: Vec<u32> = (0..self.config.batch).map(|c| (c % rows.max(1)) as u32).collect();
        let indices = Tensor::from_u32(device, &[order.len()], &order)?;
        let mut chains =
            Tensor::for_output(device, &[self.config.batch, self.rbm.visible_count()])?;
        use crate::kernels::gather::{Selection, Transform, gather};
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
        let number = (self.updates_done.min(u64::from(NEVER) - 1)) as u32;
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

    /// Reads the watch that the updates kept over the biases, and looks at the weights: those that the
    /// epoch's last update broke have not reached a bias, and infinite ones of one sign never need to.
    pub(super) fn check_divergence(&self, epoch: u64, first_update: u64) -> Result<()> {
        let broken = reduce(Reduction::NonFinite, Axis::All, 1.0, &self.rbm.w)?;
        let found = self.status.to_words()?.first().copied().unwrap_or(NEVER);
        let (step, what) = match broken.to_vec()?.first() {
            _ if found != NEVER => (u64::from(found).saturating_sub(first_update) + 1, "a bias"),
            Some(&weights) if weights != 0.0 => (self.updates_done - first_update, "a weight"),
            _ => return Ok(()),
        };
        let advice = match self.rbm.visible() {
            VisibleKind::Gaussian => ", and standardise the data (--standardize)",
            VisibleKind::Bernoulli => "",
        };
        Err(Error::Diverged { epoch, step, what: what.into(), advice: advice.into() })
    }
}

/// bias −= W·offset (`NT`, the visible bias) or offset·W (`NN`, the hidden one).
fn shift(bias: &mut Tensor, w: &Tensor, offset: &Tensor, transpose: Transpose) -> Result<()> {
    let mut moved = Tensor::for_output(bias.device(), &[1, bias.shape().len()])?;
    matmul(offset, w, transpose, &Epilogue::default(), &mut moved)?;
    elementwise_in_place(Elementwise::SUBTRACT, bias, Some(&moved))
}

/// Moves the running mean activity and adds cost·(target − activity) to every case's hidden statistics.
pub(super) fn press(
    sparsity: Sparsity,
    activity: &mut Tensor,
    p0: &mut Tensor,
    scale: f32,
) -> Result<()> {
    let now = reduce(Reduction::Sum, Axis::Columns, scale, p0)?;
    let follow = Elementwise::Combine(sparsity.decay, 1.0 - sparsity.decay);
    elementwise_in_place(follow, activity, Some(&now))?;
    let mut push = Tensor::for_output(activity.device(), activity.shape().dims())?;
    let towards = Elementwise::Affine(-sparsity.cost, sparsity.cost * sparsity.target);
    elementwise(towards, activity, None, &mut push)?;
    elementwise_in_place(Elementwise::ADD, p0, Some(&push))
}
