//! The deep belief net (Hinton, Osindero and Teh 2006).
//!
//! p(v, h¹ … hᴸ) = p(v | h¹) … p(hᴸ⁻² | hᴸ⁻¹)·p(hᴸ⁻¹, hᴸ): directed layers below a restricted Boltzmann machine. Each
//! level l = 1 … L is a machine ([`Rbm`]) with Wˡ `[N_{l−1}, N_l]`, visible bias bˡ and hidden bias aˡ, level 1
//! nearest the data, and h⁰ = v:
//!
//! | | |
//! |---|---|
//! | generation, l < L | p(hˡ⁻¹ \| hˡ) with mean σ(bˡ + Gˡhˡ); of Gaussian data v \| h¹ ~ N(b¹ + G¹h¹, 1) |
//! | the top | p(hᴸ⁻¹, hᴸ) ∝ exp(−E), the machine of level L |
//! | recognition | q(hˡ \| hˡ⁻¹) with mean σ(aˡ + hˡ⁻¹ᵀWˡ), in place of p(hˡ \| hˡ⁻¹ …) |
//!
//! Gˡ = Wˡ until up–down fine-tuning unties them; the top has one W always. All hidden units are Bernoulli, the data's
//! are Bernoulli or Gaussian. With labels joined the top's visible layer is [hᴸ⁻¹, class] ([`Units::labelled`]).
//!
//! How states pass through it: `passes.rs`. What it dreams: `dreams.rs`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::conditional::Conditional;
use super::rbm::Rbm;
use super::state::{Model, Visit};
use super::units::{UnitKind, Units};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The most levels: their numbers tell draws apart.
pub const MOST_LEVELS: usize = 127;

/// A deep belief net as a model file describes it.
///
/// ```
/// use harmonium::models::{DbnSpec, DeepBeliefNet};
/// // 64 values, two hidden layers, and ten classes joined to the first of them.
/// let spec = DbnSpec::new([64, 30, 50]).classes(10);
/// let net = DeepBeliefNet::from_spec(&harmonium::Device::cpu(), &spec, 1)?;
/// assert_eq!(net.top().weights().shape().dims(), [40, 50]);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DbnSpec {
    /// What the data's units are.
    #[serde(default)]
    pub visible: UnitKind,
    /// N₀ … N_L: the data's units, and those of each hidden layer upwards.
    pub units: Vec<usize>,
    /// The classes that are joined to the top's visible layer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// Whether generation has weights of its own.
    #[serde(default)]
    pub untied: bool,
}

impl DbnSpec {
    /// Bernoulli data, no labels, tied weights.
    pub fn new(units: impl Into<Vec<usize>>) -> Self {
        let (visible, classes) = (UnitKind::Bernoulli, None);
        DbnSpec { visible, units: units.into(), classes, untied: false }
    }

    /// What the data's units are.
    pub fn visible(self, visible: UnitKind) -> Self {
        DbnSpec { visible, ..self }
    }

    /// Joins labels of so many classes to the top.
    pub fn classes(self, classes: impl Into<Option<usize>>) -> Self {
        DbnSpec { classes: classes.into(), ..self }
    }
}

/// A deep belief net on a device.
///
/// ```
/// use harmonium::models::{DeepBeliefNet, Rbm, Units};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let level = |v, h| Rbm::new(&device, Units::bernoulli(v), Units::bernoulli(h), 42);
/// let net = DeepBeliefNet::new(vec![level(6, 4)?, level(4, 5)?])?;
/// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
/// assert_eq!(net.up_means(&v, 2)?.shape().dims(), [1, 5]);
/// // Weights are near 0: every mean is near ½.
/// assert!(net.reconstruct(&v)?.to_vec()?.iter().all(|p| (p - 0.5).abs() < 0.1));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct DeepBeliefNet {
    levels: Vec<Rbm>,
    /// G of the levels below the top; none where it is W.
    generative: Vec<Option<Tensor>>,
}

/// A level's arrays while they learn: W, b and a, and G of a directed level that is untied.
pub(crate) struct LevelArrays<'a> {
    pub w: &'a mut Tensor,
    pub b: &'a mut Tensor,
    pub a: &'a mut Tensor,
    pub generative: Option<&'a mut Tensor>,
}

impl DeepBeliefNet {
    /// A net of machines from the data upwards, the last one its top. Generation has their weights.
    ///
    /// # Errors
    /// [`Error::Setting`] for no level or more than [`MOST_LEVELS`], hidden units that are not Bernoulli, data that are
    /// neither Bernoulli nor Gaussian, and a visible layer above the first that is not the hidden one below it (the
    /// top's with or without a label); [`Error::DeviceMismatch`].
    pub fn new(levels: Vec<Rbm>) -> Result<Self> {
        let wrong = |detail: String| Err(Error::setting("levels", detail));
        let Some(top) = levels.last() else {
            return wrong("a deep belief net without a level; give at least one machine".into());
        };
        if levels.len() > MOST_LEVELS {
            return wrong(format!("{} levels, {MOST_LEVELS} is the most", levels.len()));
        }
        let mut below: Option<Units> = None;
        for (number, level) in (1..).zip(&levels) {
            top.device().require_same("dbn", level.device())?;
            let (visible, hidden) = (level.visible(), level.hidden());
            if hidden.kind() != UnitKind::Bernoulli {
                let kind = hidden.kind();
                return wrong(format!("level {number} has {kind} hidden units; use bernoulli"));
            }
            let labelled = number == levels.len() && visible.classes().is_some();
            let features = if labelled { visible.features() } else { visible };
            match below {
                None if matches!(features.kind(), UnitKind::Bernoulli | UnitKind::Gaussian) => {}
                None => {
                    let kind = features.kind();
                    return wrong(format!(
                        "level 1 has {kind} visible units; use bernoulli or gaussian"
                    ));
                }
                Some(below) if below == features => {}
                Some(below) => {
                    let (count, kind) = (visible.count(), visible.kind());
                    return wrong(format!(
                        "level {number} has {count} {kind} visible units above {} hidden ones; a level's visible \
                         units are the hidden ones below it, and a label joins the last level alone",
                        below.count()
                    ));
                }
            }
            below = Some(hidden);
        }
        let generative = levels.iter().skip(1).map(|_| None).collect();
        Ok(DeepBeliefNet { levels, generative })
    }

    /// A net of this description with initial weights, those of level l as [`Rbm::new_at_level`] gives them for l − 1.
    ///
    /// # Errors
    /// As [`DeepBeliefNet::new`]; [`Error::Limit`], [`Error::OutOfMemory`].
    pub fn from_spec(device: &Device, spec: &DbnSpec, seed: u64) -> Result<Self> {
        let last = spec.units.len().saturating_sub(2);
        if last >= MOST_LEVELS {
            let detail = format!("{} levels, {MOST_LEVELS} is the most", last + 1);
            return Err(Error::setting("levels", detail));
        }
        let level = |(l, pair): (usize, &[usize])| {
            let visible = match (l, spec.classes.filter(|_| l == last)) {
                (0, Some(_)) if spec.visible != UnitKind::Bernoulli => {
                    let detail =
                        format!("labels beside {} data units; use more levels", spec.visible);
                    return Err(Error::setting("classes", detail));
                }
                (_, Some(classes)) => Units::labelled(pair[0], classes),
                (0, None) => Units::new(spec.visible, pair[0])?,
                (_, None) => Units::bernoulli(pair[0]),
            };
            Rbm::new_at_level(device, visible, Units::bernoulli(pair[1]), seed, l as u8)
        };
        let levels = spec.units.windows(2).enumerate().map(level).collect::<Result<_>>()?;
        let mut net = DeepBeliefNet::new(levels)?;
        if spec.untied {
            net.untie()?;
        }
        Ok(net)
    }

    /// Its description.
    pub fn spec(&self) -> DbnSpec {
        let visible = self.units(0);
        let units = (0..=self.levels.len()).map(|level| self.units(level).count());
        DbnSpec {
            visible: visible.kind(),
            units: units.collect(),
            classes: self.classes(),
            untied: self.generative.iter().any(Option::is_some),
        }
    }

    /// Gives the directed levels generative weights of their own, equal to W at first; those that have some keep them.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn untie(&mut self) -> Result<()> {
        for (level, generative) in self.levels.iter().zip(&mut self.generative) {
            if generative.is_none() {
                *generative = Some(level.weights().try_clone()?);
            }
        }
        Ok(())
    }

    /// The machines from the data upwards. Of a directed level W and a are recognition's, b is generation's.
    pub fn levels(&self) -> &[Rbm] {
        &self.levels
    }

    /// The machines, each with its W: generative weights go.
    pub fn into_levels(self) -> Vec<Rbm> {
        self.levels
    }

    /// The generative weights Gˡ of level `level` from 1 on, `[N_{l−1}, N_l]`; none where they are W.
    pub fn generative_weights(&self, level: usize) -> Option<&Tensor> {
        self.generative.get(level.checked_sub(1)?)?.as_ref()
    }

    /// Gives the directed level `level`, from 1 on, generative weights of its own.
    ///
    /// # Errors
    /// [`Error::Setting`] where there is no such directed level, [`Error::Shape`] where its weights have another shape,
    /// [`Error::DeviceMismatch`].
    pub fn set_generative_weights(&mut self, level: usize, weights: Tensor) -> Result<()> {
        let found = level.checked_sub(1).and_then(|at| self.generative.get_mut(at));
        let Some(generative) = found else {
            let detail = format!("level {level} of {} is no directed one", self.levels.len());
            return Err(Error::setting("level", detail));
        };
        let own = self.levels[level - 1].weights();
        if weights.shape() != own.shape() {
            let detail =
                format!("{} generative weights, and W is {}", weights.shape(), own.shape());
            return Err(Error::shape("dbn", detail));
        }
        own.device().require_same("dbn", weights.device())?;
        *generative = Some(weights);
        Ok(())
    }

    /// The machine at the top.
    pub fn top(&self) -> &Rbm {
        // `new` takes no empty list.
        &self.levels[self.levels.len() - 1]
    }

    /// The classes of the labels that are joined to the top, if they are.
    pub fn classes(&self) -> Option<usize> {
        self.top().visible().classes()
    }

    /// The units of h of level `level`, without labels; those of the data for 0.
    pub fn units(&self, level: usize) -> Units {
        match level.checked_sub(1).and_then(|l| self.levels.get(l)) {
            Some(rbm) => rbm.hidden(),
            None => self.levels[0].visible().features(),
        }
    }

    /// N₀: values of a case.
    pub fn visible_count(&self) -> usize {
        self.units(0).count()
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.top().device()
    }

    pub(super) fn level(&self, level: usize) -> Result<&Rbm> {
        let found = level.checked_sub(1).and_then(|l| self.levels.get(l));
        found.ok_or_else(|| {
            let detail = format!("{level}, and the levels are 1 to {}", self.levels.len());
            Error::setting("level", detail)
        })
    }

    /// q(hˡ | hˡ⁻¹) of level `level` from 1 on, for `below` `[B, N_{l−1}]`; of a top with labels they are part of it.
    ///
    /// # Errors
    /// [`Error::Setting`] for a level that there is not.
    pub fn recognition<'a>(&'a self, level: usize, below: &'a Tensor) -> Result<Conditional<'a>> {
        Ok(self.level(level)?.h_from_v(below))
    }

    /// p(hˡ⁻¹ | hˡ) of level `level` from 1 on, for `above` `[B, N_l]`; the top's is a step of its Gibbs chain, and
    /// gives labels too.
    ///
    /// # Errors
    /// [`Error::Setting`] for a level that there is not.
    pub fn generation<'a>(&'a self, level: usize, above: &'a Tensor) -> Result<Conditional<'a>> {
        let tied = self.level(level)?.v_from_h(above);
        Ok(match self.generative_weights(level) {
            Some(weights) => Conditional { weights, ..tied },
            None => tied,
        })
    }

    /// The arrays of level `level` from 1 on.
    pub(crate) fn arrays_mut(&mut self, level: usize) -> Result<LevelArrays<'_>> {
        self.level(level)?;
        let rbm = &mut self.levels[level - 1];
        let generative = self.generative.get_mut(level - 1).and_then(Option::as_mut);
        Ok(LevelArrays { w: &mut rbm.w, b: &mut rbm.b, a: &mut rbm.a, generative })
    }
}

impl Model for DeepBeliefNet {
    fn kind(&self) -> &'static str {
        "dbn"
    }

    fn description(&self) -> BTreeMap<String, String> {
        // A description is plain numbers and words: it always has a JSON form.
        let spec = serde_json::to_string(&self.spec()).unwrap_or_default();
        [("harmonium.dbn".into(), spec)].into()
    }

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        let device = self.device().clone();
        for (number, rbm) in (1..).zip(&mut self.levels) {
            visit.array(&format!("level{number}.W"), &mut rbm.w)?;
            visit.array(&format!("level{number}.b"), &mut rbm.b)?;
            visit.array(&format!("level{number}.a"), &mut rbm.a)?;
        }
        for (number, generative) in (1..).zip(&mut self.generative) {
            visit.optional(&format!("level{number}.generative.W"), &device, generative)?;
        }
        Ok(())
    }
}
