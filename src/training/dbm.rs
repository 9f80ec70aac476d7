//! Learning of a deep Boltzmann machine (Salakhutdinov and Hinton 2009): the mean field for the data's term, persistent
//! chains for the model's; centred in every layer where that is asked for (Montavon and Müller 2012; Melchior, Fischer
//! and Wiskott 2016).
//!
//! ΔWˡ = ⟨μˡ⁻¹ μˡᵀ⟩ − ⟨s̃ˡ⁻¹ s̃ˡᵀ⟩ and Δaˡ = ⟨μˡ⟩ − ⟨s̃ˡ⟩, with μ⁰ = v: the gradient of the lower bound of ln p(v) at
//! fixed μ. The chains' layers of odd number enter as their means given the others, which changes no expectation: every
//! weight joins an odd layer and an even one.

use crate::error::{Error, Result};
use crate::kernels::bias_update::{BiasPhases, NEVER, Watch, bias_update};
use crate::kernels::cd_update::{Phases, Step, cd_update};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::matmul::Transpose;
use crate::kernels::reduce::{Axis, Reduction, reduce};
use crate::models::dbm::Parity;
use crate::models::{DeepBoltzmannMachine, Model, UnitKind, Visit};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

use super::cd_config::learning_rate_setter;
use super::centring::{OFFSET_RATE, shift};
use super::dbm_config::DbmConfig;
use super::dbm_workspace::Workspace;
use super::figure::{Figure, LEARNING_RATE, MOMENTUM, Style};
use super::learner::{Learner, Order, check_cases, rate};
use super::stands::stands;
use super::start::repeated;
use super::state::Clock;
use super::weighing::Weighing;
use super::{Batch, BatchSource, Figures, Shared, watch};

/// Rounds that the mean field took.
pub static MEAN_FIELD_ROUNDS: Figure = Figure {
    key: "mean_field_rounds",
    name: "rounds of the mean field",
    unit: "mean per case",
    says: "Until a case's means changed by less than 0.0001, or as many as are allowed.",
    diagram: "How many rounds the mean field took until a case's means changed by less than 0.0001, or as many as are \
              allowed.",
    style: Style::Plain,
    ..Figure::NEW
};

/// Trains a [`DeepBoltzmannMachine`].
///
/// ```
/// use harmonium::data;
/// use harmonium::models::{DbmSpec, DeepBoltzmannMachine};
/// use harmonium::training::{DbmConfig, DbmTrainer, Learner, ResidentData, Treatment};
/// let device = harmonium::Device::cpu();
/// let train = data::load("digits")?.train.cases;
/// let mut dbm = DeepBoltzmannMachine::from_spec(&device, &DbmSpec::new([64, 20, 10]), 1)?;
/// dbm.set_visible_bias_from_means(&train.means())?;
/// let mut batches = ResidentData::new(&device, &train, Treatment::default())?;
/// let mut learner = DbmTrainer::new(dbm, DbmConfig::default().epochs(1).centered(true), &train.means())?;
/// assert_eq!(learner.epoch(&mut batches)?.cases, 1500);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct DbmTrainer {
    pub(super) dbm: DeepBoltzmannMachine,
    pub(super) config: DbmConfig,
    /// The last changes of W¹ … and of b, a¹ ….
    pub(super) velocities: [Vec<Tensor>; 2],
    /// Of every layer; none where nothing is centred.
    pub(super) offsets: Option<Vec<Tensor>>,
    /// The states of all layers, once there are some.
    pub(super) chains: Vec<Option<Tensor>>,
    /// The epoch's rounds of the mean field, summed over its cases, `[1]`.
    pub(super) rounds: Tensor,
    status: Tensor,
    pub(super) work: Option<Workspace>,
    pub(super) clock: Clock,
    /// Which chain row 0 is, where ranks share them.
    pub(super) first: u32,
    /// How much the cases of a batch that ranks share count on average, where they count differently.
    pub(super) whole: Option<f32>,
}

crate::error::opaque!(DbmTrainer);

impl DbmTrainer {
    /// Starts training `dbm` from its present parameters. `data_means` `[I]` are the first offsets of centring; plain
    /// training does not use them.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value out of range, [`Error::Shape`] for means of another number, [`Error::OutOfMemory`].
    pub fn new(dbm: DeepBoltzmannMachine, config: DbmConfig, data_means: &[f32]) -> Result<Self> {
        config.check()?;
        let (device, top) = (dbm.device().clone(), dbm.hidden_layers());
        let zeros = |like: &Tensor| Tensor::zeros(&device, like.shape().dims());
        let velocities = [
            (1..=top).map(|l| zeros(dbm.weights(l))).collect::<Result<_>>()?,
            (0..=top).map(|l| zeros(dbm.bias(l))).collect::<Result<_>>()?,
        ];
        let offset = |layer: usize| {
            let units = dbm.units(layer);
            let rest = vec![units.kind().mean_at_rest(); units.count()];
            let values = if layer == 0 { data_means } else { &rest };
            Tensor::from_f32(&device, &[units.count()], values)
        };
        let offsets = match config.centered {
            true => Some((0..=top).map(offset).collect::<Result<_>>()?),
            false => None,
        };
        Ok(DbmTrainer {
            velocities,
            offsets,
            chains: (0..=top).map(|_| None).collect(),
            rounds: Tensor::zeros(&device, &[1])?,
            status: Tensor::from_u32(&device, &[1], &[NEVER])?,
            dbm,
            config,
            work: None,
            clock: Clock::default(),
            first: 0,
            whole: None,
        })
    }

    /// The machine as it stands.
    pub fn dbm(&self) -> &DeepBoltzmannMachine {
        &self.dbm
    }

    /// The machine, training ended.
    pub fn into_dbm(self) -> DeepBoltzmannMachine {
        self.dbm
    }

    /// The settings.
    pub fn config(&self) -> &DbmConfig {
        &self.config
    }

    learning_rate_setter!();

    /// One update from the batch `v` `[B, I]`. `epoch`, counted from 1, sets the schedules' values.
    ///
    /// # Errors
    /// [`Error::Data`] for no case; [`Error::Shape`]; device errors.
    pub fn update(&mut self, v: &Tensor, epoch: u64) -> Result<()> {
        self.update_weighted(v, None, epoch)
    }

    /// The same where cases count differently: `weights` `[B, 1]`, relative to their mean over all cases.
    ///
    /// # Errors
    /// As [`DbmTrainer::update`].
    pub fn update_weighted(
        &mut self,
        v: &Tensor,
        weights: Option<&Tensor>,
        epoch: u64,
    ) -> Result<()> {
        let rows = v.shape().matrix("train dbm", "the batch")?[0];
        if rows == 0 {
            // The mean over nothing would make every parameter NaN.
            return Err(Error::data("the batch", "there is no case; pass at least one"));
        }
        let weighing = weights.map(|w| Weighing::new(w, rows, Some(self.config.batch)));
        let weighing = weighing.transpose()?;
        let cases = (v, weighing.as_ref());
        let mut work = self.workspace([rows, self.config.batch])?;
        let mut chains = self.take_chains((v, weights))?;
        let result = self.phases(cases, &mut chains, &mut work).and_then(|taken| {
            elementwise_in_place(Elementwise::ADD, &mut self.rounds, Some(&taken))?;
            self.apply(cases, &chains, &work, epoch)
        });
        self.chains = chains.into_iter().map(Some).collect();
        self.work = Some(work);
        self.clock.updates += 1;
        result
    }

    /// What an update of so many cases and chains needs.
    pub(super) fn workspace(&mut self, size: [usize; 2]) -> Result<Workspace> {
        match self.work.take() {
            Some(work) if work.is_of(size) => Ok(work),
            _ => Workspace::new(&self.dbm, size),
        }
    }

    /// The step of an epoch's updates.
    pub(super) fn step(&self, epoch: u64) -> Step {
        Step {
            rate: self.config.learning_rate.at(epoch, self.config.epochs),
            momentum: self.config.momentum.at(epoch, self.config.epochs),
            decay: self.config.weight_decay,
        }
    }

    /// The numbers of sweep `s` of the present update.
    fn draw(&self, s: u64) -> ChainDraw {
        let sweep = self.clock.updates.wrapping_mul(self.config.steps).wrapping_add(s);
        ChainDraw::new(self.config.seed, ChainStreams::DEEP_TRAINING)
            .from_chain(self.first)
            .at(sweep)
    }

    /// The chains; the first begin at the first batch's cases.
    pub(super) fn take_chains(
        &mut self,
        (v, weights): (&Tensor, Option<&Tensor>),
    ) -> Result<Vec<Tensor>> {
        let found: Vec<Tensor> = self.chains.iter_mut().filter_map(Option::take).collect();
        if found.len() == self.chains.len() {
            return Ok(found);
        }
        let start = repeated(v, weights, self.config.batch)?;
        self.dbm.states_from(start, &self.draw(0))
    }

    /// The mean field of the data, then the chains' sweeps; the rounds of the mean field, summed over the cases, `[1]`.
    pub(super) fn phases(
        &mut self,
        (v, weighing): (&Tensor, Option<&Weighing<'_>>),
        chains: &mut [Tensor],
        work: &mut Workspace,
    ) -> Result<Tensor> {
        work.posterior.find(&self.dbm, v, self.config.means())?;
        let rounds = work.posterior.rounds();
        let counted = match weighing {
            None => None,
            Some(weighing) => {
                let own = rounds.try_clone()?.reshape(&[work.rows, 1])?;
                Some(weighing.of_cases(&own, None)?)
            }
        };
        let taken = reduce(Reduction::Sum, Axis::All, 1.0, counted.as_ref().unwrap_or(rounds))?;
        for s in 0..self.config.steps {
            let draw = self.draw(s);
            self.dbm.draw_layers(Parity::Even, chains, &draw, None)?;
            let means = (s + 1 == self.config.steps).then_some(work.means.as_mut_slice());
            self.dbm.draw_layers(Parity::Odd, chains, &draw, means)?;
        }
        Ok(taken)
    }

    /// Changes the parameters by the difference of the phases.
    fn apply(
        &mut self,
        (v, weighing): (&Tensor, Option<&Weighing<'_>>),
        chains: &[Tensor],
        work: &Workspace,
        epoch: u64,
    ) -> Result<()> {
        let step = self.step(epoch);
        let scales = [1.0 / work.rows as f32, 1.0 / self.config.batch as f32];
        let counted = match weighing {
            None => None,
            Some(weighing) => Some(self.counted(weighing, (v, chains), work)?),
        };
        // What is summed over cases and over chains: of two neighbours in a product one counts as its case does.
        let summed = |layer: usize| match &counted {
            None => [work.of_data(v, layer), work.of_model(chains, layer)],
            Some(counted) => [&counted[layer][0], &counted[layer][1]],
        };
        let number = watch::number(self.clock);
        let (weights, biases) = self.dbm.arrays_mut();
        let [of_weights, of_biases] = &mut self.velocities;
        for (below, (w, velocity)) in weights.iter_mut().zip(of_weights).enumerate() {
            let [p0, pk] = summed(below + 1);
            let plain = work.of_weights((v, chains), below, scales, self.offsets.as_deref());
            let phases = Phases { p0, pk, ..plain };
            cd_update(&phases, step, w, velocity)?;
        }
        for (layer, (bias, velocity)) in biases.iter_mut().zip(of_biases).enumerate() {
            let [x0, xk] = summed(layer);
            let phases = BiasPhases { x0, xk, scales };
            let watch = Watch::new(&mut self.status, number);
            bias_update(&phases, step, bias, velocity, watch)?;
        }
        self.move_offsets(&self.means(&|layer| summed(layer)[0], scales[0])?)
    }

    /// Each layer's states of the data and of the model, as sums over cases that count differently take them.
    pub(super) fn counted(
        &self,
        weighing: &Weighing<'_>,
        (v, chains): (&Tensor, &[Tensor]),
        work: &Workspace,
    ) -> Result<Vec<[Tensor; 2]>> {
        let layer = |layer: usize| {
            let offset = self.offsets.as_ref().map(|offsets| &offsets[layer]);
            let data = weighing.of_cases(work.of_data(v, layer), offset)?;
            Ok([data, weighing.of_chains(work.of_model(chains, layer), offset)?])
        };
        (0..=self.dbm.hidden_layers()).map(layer).collect()
    }

    /// The means of each layer under the data, where gradients are around offsets; `scale` is a case's share of them.
    pub(super) fn means<'a>(
        &self,
        of_data: &dyn Fn(usize) -> &'a Tensor,
        scale: f32,
    ) -> Result<Vec<Tensor>> {
        let layers = self.offsets.as_ref().map_or(0, Vec::len);
        let mean = |layer: usize| reduce(Reduction::Sum, Axis::Columns, scale, of_data(layer));
        (0..layers).map(mean).collect()
    }

    /// Ends a centred update: weights changed by Δ at fixed offsets, so the biases of the plain energy follow; then the
    /// offsets move towards the batch's means, which changes nothing but later gradients.
    pub(super) fn move_offsets(&mut self, means: &[Tensor]) -> Result<()> {
        let Some(offsets) = &mut self.offsets else { return Ok(()) };
        let (_, biases) = self.dbm.arrays_mut();
        for (below, change) in self.velocities[0].iter().enumerate() {
            shift(&mut biases[below], change, &offsets[below + 1], Transpose::NT)?;
            shift(&mut biases[below + 1], change, &offsets[below], Transpose::NN)?;
        }
        let follow = Elementwise::Combine(1.0 - OFFSET_RATE, OFFSET_RATE);
        for (offset, mean) in offsets.iter_mut().zip(means) {
            elementwise_in_place(follow, offset, Some(mean))?;
        }
        Ok(())
    }
}

impl Learner for DbmTrainer {
    stands!(dbm);

    fn visit_memory(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        let [weights, biases] = &mut self.velocities;
        for (l, velocity) in (1..).zip(weights) {
            visit.array(&format!("dW{l}"), velocity)?;
        }
        for (layer, velocity) in biases.iter_mut().enumerate() {
            visit.array(&format!("bias{layer}.change"), velocity)?;
        }
        for (layer, offset) in self.offsets.iter_mut().flatten().enumerate() {
            visit.array(&format!("offset{layer}"), offset)?;
        }
        for (layer, chains) in self.chains.iter_mut().enumerate() {
            visit.optional(&format!("chains{layer}"), self.dbm.device(), chains)?;
        }
        visit.array("epoch.rounds", &mut self.rounds)
    }

    fn shared(&mut self) -> Option<&mut dyn Shared> {
        Some(self)
    }

    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()> {
        check_cases("train dbm", source, self.dbm.units(0))
    }

    fn update(&mut self, batch: Batch<'_>) -> Result<()> {
        self.update_weighted(batch.cases, batch.weights, self.clock.epoch())
    }

    fn end_epoch(&mut self) -> Result<Figures> {
        let advice = match self.dbm.units(0).kind() {
            UnitKind::Gaussian => ", and standardise the data where they are not",
            _ => "",
        };
        let weights = (1..=self.dbm.hidden_layers()).map(|l| self.dbm.weights(l));
        watch::check(self.clock, &self.status, weights, advice)?;
        let rounds = self.rounds.to_vec()?.first().map(|&sum| f64::from(sum));
        self.rounds.upload(&[0.0])?;
        let (epoch, epochs) = (self.clock.epoch(), self.config.epochs);
        let cases = self.clock.epoch_cases.max(1) as f64;
        Ok(Figures::new()
            .with(&LEARNING_RATE, rate(self.config.learning_rate.at(epoch, epochs)))
            .with(&MOMENTUM, rate(self.config.momentum.at(epoch, epochs)))
            .with(&MEAN_FIELD_ROUNDS, rounds.map(|sum| sum / cases)))
    }
}
