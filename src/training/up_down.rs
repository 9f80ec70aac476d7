//! Up–down fine-tuning of a deep belief net: contrastive wake–sleep (Hinton, Osindero and Teh 2006, appendix B).
//!
//! Up (wake): h¹ … hᴸ⁻¹ are sampled by recognition from the case, h⁰. Generation of each directed layer l learns to
//! make what was there, ΔGˡ = (hˡ⁻¹ − p)hˡᵀ and Δbˡ = hˡ⁻¹ − p with p the mean of p(hˡ⁻¹ | hˡ). The top machine learns
//! by CD-k from hᴸ⁻¹, joined to the case's label where the net has labels. Down (sleep): from the chain's last state
//! sᴸ⁻¹ states are sampled by generation, the data's as means. Recognition learns to find what they came from,
//! ΔWˡ = sˡ⁻¹(sˡ − q)ᵀ and Δaˡ = sˡ − q with q the mean of q(hˡ | sˡ⁻¹). All are means over the batch, taken before
//! anything changes.
//!
//! As in the paper the pass down begins at the top's chain and not at a fantasy. The top's statistics use p(hᴸ | ·) in
//! place of its samples, which changes no expectation.

use crate::error::{Error, Result};
use crate::kernels::bias_update::{BiasPhases, NEVER, Watch, bias_update};
use crate::kernels::cd_update::{Phases, Step, cd_update};
use crate::models::labels::{features, join, one_hot};
use crate::models::{DeepBeliefNet, Model, Visit};
use crate::random::{ChainDraw, ChainStreams};
use crate::tensor::Tensor;

use super::cd_config::learning_rate_setter;
use super::figure::{LEARNING_RATE, MOMENTUM};
use super::learner::{Learner, Order, check_cases, rate};
use super::stands::stands;
use super::state::Clock;
use super::up_down_config::UpDownConfig;
use super::weighing::Weighing;
use super::{Batch, BatchSource, Figures, Shared, watch};

/// Fine-tunes a [`DeepBeliefNet`], whose generation gets weights of its own.
///
/// ```
/// use harmonium::data;
/// use harmonium::models::{DbnSpec, DeepBeliefNet};
/// use harmonium::training::{Learner, ResidentData, Treatment, UpDown, UpDownConfig};
/// let device = harmonium::Device::cpu();
/// let train = data::load("digits")?.train.cases;
/// let net = DeepBeliefNet::from_spec(&device, &DbnSpec::new([64, 20, 30]), 1)?;
/// let mut batches = ResidentData::new(&device, &train, Treatment::default())?;
/// let mut learner = UpDown::new(net, UpDownConfig::default().epochs(1))?;
/// assert_eq!(learner.epoch(&mut batches)?.cases, 1500);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct UpDown {
    pub(super) net: DeepBeliefNet,
    config: UpDownConfig,
    velocity: Vec<Velocity>,
    status: Tensor,
    pub(super) clock: Clock,
    /// Which row of the whole batch row 0 is, where ranks share it.
    pub(super) first: u32,
}

crate::error::opaque!(UpDown);

/// The last changes of a level's arrays.
struct Velocity {
    w: Tensor,
    b: Tensor,
    a: Tensor,
    generative: Option<Tensor>,
}

/// The directed layers' states in both passes, and what the other direction would have made of them.
pub(super) struct Directed {
    /// h¹ … hᴸ⁻¹.
    wake: Vec<Tensor>,
    /// The means of p(hˡ⁻¹ | hˡ).
    generated: Vec<Tensor>,
    /// s⁰ … sᴸ⁻¹.
    sleep: Vec<Tensor>,
    /// The means of q(hˡ | sˡ⁻¹).
    recognized: Vec<Tensor>,
}

/// The top's statistics.
pub(super) struct Top {
    v0: Tensor,
    p0: Tensor,
    vk: Tensor,
    pk: Tensor,
}

impl UpDown {
    /// Starts fine-tuning `net` from its present parameters.
    ///
    /// # Errors
    /// [`Error::Setting`] for a value out of range, [`Error::OutOfMemory`].
    pub fn new(mut net: DeepBeliefNet, config: UpDownConfig) -> Result<Self> {
        config.check()?;
        net.untie()?;
        let device = net.device().clone();
        let of = |like: &Tensor| Tensor::zeros(&device, like.shape().dims());
        let velocity = (1..=net.levels().len()).map(|level| {
            let rbm = &net.levels()[level - 1];
            Ok(Velocity {
                w: of(rbm.weights())?,
                b: of(rbm.visible_bias())?,
                a: of(rbm.hidden_bias())?,
                generative: net.generative_weights(level).map(of).transpose()?,
            })
        });
        Ok(UpDown {
            velocity: velocity.collect::<Result<_>>()?,
            status: Tensor::from_u32(&device, &[1], &[NEVER])?,
            net,
            config,
            clock: Clock::default(),
            first: 0,
        })
    }

    /// The net as it stands.
    pub fn net(&self) -> &DeepBeliefNet {
        &self.net
    }

    /// The net, training ended.
    pub fn into_net(self) -> DeepBeliefNet {
        self.net
    }

    /// The settings.
    pub fn config(&self) -> &UpDownConfig {
        &self.config
    }

    learning_rate_setter!();

    /// One update from the batch `v` `[B, N₀]`, with its classes `[B]` where the net has labels. `epoch`, counted from
    /// 1, sets the schedules' values.
    ///
    /// # Errors
    /// [`Error::Data`] for no case, or no classes where they are needed; [`Error::Shape`]; device errors.
    pub fn update(&mut self, v: &Tensor, classes: Option<&Tensor>, epoch: u64) -> Result<()> {
        self.update_weighted(v, classes, None, epoch)
    }

    /// The same where cases count differently: `weights` `[B, 1]`, relative to their mean over all cases. What a case's passes
    /// and its chain give counts as the case does.
    ///
    /// # Errors
    /// As [`UpDown::update`].
    pub fn update_weighted(
        &mut self,
        v: &Tensor,
        classes: Option<&Tensor>,
        weights: Option<&Tensor>,
        epoch: u64,
    ) -> Result<()> {
        let rows = v.shape().matrix("up-down", "the batch")?[0];
        if rows == 0 {
            // The mean over nothing would make every parameter NaN.
            return Err(Error::data("the batch", "there is no case; pass at least one"));
        }
        let (top, directed) = self.passes(v, classes)?;
        let step = self.step(epoch);
        let weighing = weights.map(|w| Weighing::new(w, rows, None)).transpose()?;
        let terms = terms(v, &directed, &top, 1.0 / rows as f32);
        let result = self.apply(terms, weighing.as_ref(), step);
        self.clock.updates += 1;
        result
    }

    /// The step of an epoch's updates.
    pub(super) fn step(&self, epoch: u64) -> Step {
        Step {
            rate: self.config.learning_rate.at(epoch, self.config.epochs),
            momentum: self.config.momentum.at(epoch, self.config.epochs),
            decay: self.config.weight_decay,
        }
    }

    /// Both passes, with the parameters as they are.
    pub(super) fn passes(&self, v: &Tensor, classes: Option<&Tensor>) -> Result<(Top, Directed)> {
        let (net, directed) = (&self.net, self.net.levels().len() - 1);
        let draw = ChainDraw::new(self.config.seed, ChainStreams::UP_DOWN).from_chain(self.first);
        let own = draw.at(self.clock.updates);
        let (mut wake, mut generated) = (Vec::new(), Vec::new());
        for level in 1..=directed {
            let below = wake.last().unwrap_or(v);
            let numbers = own.at_level(level as u8).hidden();
            let above = net.recognition(level, below)?.sample(&numbers)?;
            generated.push(net.generation(level, &above)?.mean()?);
            wake.push(above);
        }
        let top = wake.last().unwrap_or(v);
        let top = self.top(top, classes, draw.at_level(directed as u8 + 1))?;
        // The states from the top down, turned round at the end.
        let (mut sleep, mut recognized) =
            (vec![features(net.top().visible(), &top.vk)?], Vec::new());
        for level in (1..=directed).rev() {
            let generation = net.generation(level, &sleep[directed - level])?;
            let below = match level {
                1 => generation.mean()?,
                _ => generation.sample(&own.at_level(level as u8).visible())?,
            };
            recognized.push(net.recognition(level, &below)?.mean()?);
            sleep.push(below);
        }
        sleep.reverse();
        recognized.reverse();
        Ok((top, Directed { wake, generated, sleep, recognized }))
    }

    /// CD-k in the top machine; `draw` is at its level.
    fn top(&self, h: &Tensor, classes: Option<&Tensor>, draw: ChainDraw) -> Result<Top> {
        let (top, steps) = (self.net.top(), self.config.steps);
        let v0 = match (self.net.classes(), classes) {
            (None, _) => h.try_clone()?,
            (Some(count), Some(classes)) => join(h, &one_hot(classes, count)?)?,
            (Some(_), None) => {
                let detail = "the cases have no labels, and the net has labels joined to its top";
                return Err(Error::data("training data", detail));
            }
        };
        let p0 = top.mean_h_from_v(&v0)?;
        let mut vk = v0.try_clone()?;
        let mut states = Tensor::for_output(self.net.device(), p0.shape().dims())?;
        let first = self.clock.updates.saturating_mul(steps);
        top.gibbs(&mut vk, &mut states, steps, &draw.at(first))?;
        let pk = top.mean_h_from_v(&vk)?;
        Ok(Top { v0, p0, vk, pk })
    }

    fn apply(
        &mut self,
        terms: Vec<Term<'_>>,
        weighing: Option<&Weighing<'_>>,
        step: Step,
    ) -> Result<()> {
        let number = watch::number(self.clock);
        let mut status = Tensor::from_u32(self.net.device(), &[1], &[NEVER])?;
        std::mem::swap(&mut status, &mut self.status);
        let mut terms = terms.into_iter();
        let result = self.each(&mut |array, velocity| {
            Term::next_of(&mut terms)?.counted(weighing, &mut |term| match term {
                Term::Weights(phases) => cd_update(&phases, step, array, velocity),
                Term::Bias(phases) => {
                    bias_update(&phases, step, array, velocity, Watch::new(&mut status, number))
                }
            })
        });
        self.status = status;
        result
    }

    /// Shows every array with its last change, in the order of [`terms`].
    pub(super) fn each(
        &mut self,
        see: &mut dyn FnMut(&mut Tensor, &mut Tensor) -> Result<()>,
    ) -> Result<()> {
        for (level, velocity) in (1..).zip(&mut self.velocity) {
            let arrays = self.net.arrays_mut(level)?;
            if let (Some(weights), Some(velocity)) = (arrays.generative, &mut velocity.generative) {
                see(weights, velocity)?;
            }
            see(arrays.b, &mut velocity.b)?;
            see(arrays.w, &mut velocity.w)?;
            see(arrays.a, &mut velocity.a)?;
        }
        Ok(())
    }
}

/// The statistics of an array in both phases.
pub(super) enum Term<'a> {
    Weights(Phases<'a>),
    Bias(BiasPhases<'a>),
}

impl<'a> Term<'a> {
    /// Those of the next array.
    pub fn next_of(terms: &mut impl Iterator<Item = Term<'a>>) -> Result<Self> {
        terms.next().ok_or_else(|| Error::shape("up-down", "an array without statistics"))
    }

    /// Shows them as sums over cases take them, which may count differently: of two neighbours in a product one counts as
    /// its case does.
    pub fn counted(
        self,
        weighing: Option<&Weighing<'_>>,
        see: &mut dyn FnMut(Term<'_>) -> Result<()>,
    ) -> Result<()> {
        let Some(weighing) = weighing else { return see(self) };
        let of = |x: &Tensor| weighing.of_cases(x, None);
        match self {
            Term::Weights(phases) => {
                let [p0, pk] = [of(phases.p0)?, of(phases.pk)?];
                see(Term::Weights(Phases { p0: &p0, pk: &pk, ..phases }))
            }
            Term::Bias(phases) => {
                let [x0, xk] = [of(phases.x0)?, of(phases.xk)?];
                see(Term::Bias(BiasPhases { x0: &x0, xk: &xk, ..phases }))
            }
        }
    }
}

/// Those of all arrays: of each directed level, from the lowest, of generation's weights, b, recognition's weights and a;
/// then of the top's b, weights and a. `scale` is a case's share.
pub(super) fn terms<'a>(
    v: &'a Tensor,
    directed: &'a Directed,
    top: &'a Top,
    scale: f32,
) -> Vec<Term<'a>> {
    let (scales, offsets) = ([scale; 2], None);
    let mut terms = Vec::new();
    for (at, above) in directed.wake.iter().enumerate() {
        let generated = &directed.generated[at];
        let below = at.checked_sub(1).map_or(v, |under| &directed.wake[under]);
        let phases = Phases { v0: below, p0: above, vk: generated, pk: above, scales, offsets };
        terms.push(Term::Weights(phases));
        terms.push(Term::Bias(BiasPhases { x0: below, xk: generated, scales }));
        let (below, above) = (&directed.sleep[at], &directed.sleep[at + 1]);
        let recognized = &directed.recognized[at];
        let phases = Phases { v0: below, p0: above, vk: below, pk: recognized, scales, offsets };
        terms.push(Term::Weights(phases));
        terms.push(Term::Bias(BiasPhases { x0: above, xk: recognized, scales }));
    }
    let Top { v0, p0, vk, pk } = top;
    terms.push(Term::Bias(BiasPhases { x0: v0, xk: vk, scales }));
    terms.push(Term::Weights(Phases { v0, p0, vk, pk, scales, offsets }));
    terms.push(Term::Bias(BiasPhases { x0: p0, xk: pk, scales }));
    terms
}

impl Learner for UpDown {
    stands!(net);

    fn visit_memory(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        for (velocity, level) in self.velocity.iter_mut().zip(1..) {
            visit.array(&format!("level{level}.dW"), &mut velocity.w)?;
            visit.array(&format!("level{level}.db"), &mut velocity.b)?;
            visit.array(&format!("level{level}.da"), &mut velocity.a)?;
            if let Some(generative) = &mut velocity.generative {
                visit.array(&format!("level{level}.generative.dW"), generative)?;
            }
        }
        Ok(())
    }

    fn shared(&mut self) -> Option<&mut dyn Shared> {
        Some(self)
    }

    fn begin_epoch(&mut self, source: &dyn BatchSource) -> Result<()> {
        if let Some(classes) = self.net.classes() {
            source.contents().check_classes(classes)?;
        }
        check_cases("up-down", source, self.net.units(0))
    }

    fn update(&mut self, batch: Batch<'_>) -> Result<()> {
        self.update_weighted(batch.cases, batch.classes, batch.weights, self.clock.epoch())
    }

    fn end_epoch(&mut self) -> Result<Figures> {
        let levels = self.net.levels().iter().enumerate();
        let weights = levels.flat_map(|(below, rbm)| {
            std::iter::once(rbm.weights()).chain(self.net.generative_weights(below + 1))
        });
        watch::check(self.clock, &self.status, weights, "")?;
        let (epoch, epochs) = (self.clock.epoch(), self.config.epochs);
        Ok(Figures::new()
            .with(&LEARNING_RATE, rate(self.config.learning_rate.at(epoch, epochs)))
            .with(&MOMENTUM, rate(self.config.momentum.at(epoch, epochs))))
    }
}
