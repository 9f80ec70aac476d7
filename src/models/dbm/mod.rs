//! The deep Boltzmann machine (Salakhutdinov and Hinton 2009), of two or three hidden layers.
//!
//! p(v, h¹, …) = exp(−E)/Z with E = −vᵀW¹h¹ − h¹ᵀW²h² − … − bᵀv − a¹ᵀh¹ − a²ᵀh² − …; of Gaussian data, of unit variance,
//! ½‖v − b‖² in place of −bᵀv. Wˡ is `[N_{l−1}, N_l]` with N₀ = I, b `[I]`, aˡ `[N_l]`; all hidden units are Bernoulli.
//! Layers are counted from the data's, 0:
//!
//! | | |
//! |---|---|
//! | p(v \| h¹) | σ(W¹h¹ + b), or N(W¹h¹ + b, 1) |
//! | p(hˡ \| hˡ⁻¹, hˡ⁺¹) | σ(hˡ⁻¹ᵀWˡ + Wˡ⁺¹hˡ⁺¹ + aˡ) |
//! | p(hᴸ \| hᴸ⁻¹) | σ(hᴸ⁻¹ᵀWᴸ + aᴸ) |
//!
//! Layers of even number are independent given those of odd number, and the other way round: a sweep of
//! [`DeepChains`] is two steps. What h may be given v alone is not known in closed form; [`Posterior`] is the mean field
//! that stands for it. Z, and ln p(v) of small machines: `exact.rs`. What levels trained one by one become: `compose.rs`; what it becomes
//! with classes: `classifier.rs`.

mod chains;
mod classifier;
mod compose;
mod energy;
pub mod exact;
mod mean_field;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::conditional::Conditional;
use super::rbm::Rbm;
use super::state::{Model, Visit};
use super::units::{UnitKind, Units};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::expect;
use crate::kernels::matmul::{Epilogue, Transpose, matmul};
use crate::tensor::Tensor;

pub use chains::{DeepChains, Parity};
pub(crate) use compose::gain_down;
pub use mean_field::{MeanField, Posterior};

/// How many hidden layers there may be.
pub const HIDDEN_LAYERS: std::ops::RangeInclusive<usize> = 2..=3;

/// A deep Boltzmann machine as a model file describes it.
///
/// ```
/// use harmonium::models::{DbmSpec, DeepBoltzmannMachine};
/// let spec = DbmSpec::new([64, 30, 20]);
/// let dbm = DeepBoltzmannMachine::from_spec(&harmonium::Device::cpu(), &spec, 1)?;
/// assert_eq!((dbm.weights(2).shape().dims(), dbm.spec()), ([30, 20].as_slice(), spec));
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DbmSpec {
    /// What the data's units are.
    #[serde(default)]
    pub visible: UnitKind,
    /// N₀ … N_L: the data's units, and those of each hidden layer upwards.
    pub units: Vec<usize>,
}

impl DbmSpec {
    /// Bernoulli data.
    pub fn new(units: impl Into<Vec<usize>>) -> Self {
        DbmSpec { visible: UnitKind::Bernoulli, units: units.into() }
    }

    /// What the data's units are.
    pub fn visible(self, visible: UnitKind) -> Self {
        DbmSpec { visible, ..self }
    }
}

/// A deep Boltzmann machine on a device.
///
/// ```
/// use harmonium::models::{DbmSpec, DeepBoltzmannMachine, MeanField};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let dbm = DeepBoltzmannMachine::from_spec(&device, &DbmSpec::new([6, 4, 5]), 1)?;
/// let v = Tensor::from_f32(&device, &[1, 6], &[1., 0., 1., 0., 1., 0.])?;
/// let posterior = dbm.posterior(&v, MeanField::default())?;
/// assert_eq!(posterior.means(2).shape().dims(), [1, 5]);
/// // Weights are near 0: every mean is near ½.
/// assert!(dbm.reconstruct(&v)?.to_vec()?.iter().all(|p| (p - 0.5).abs() < 0.1));
/// let mut chains = dbm.chains(16, 1)?;
/// chains.step(100)?;
/// assert_eq!(chains.visible().shape().dims(), [16, 6]);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct DeepBoltzmannMachine {
    units: Vec<Units>,
    /// W¹ … Wᴸ.
    weights: Vec<Tensor>,
    /// b, a¹ … aᴸ.
    biases: Vec<Tensor>,
}

impl DeepBoltzmannMachine {
    /// A machine of given parameters on one device: W¹ … Wᴸ, and b, a¹ … aᴸ.
    ///
    /// # Errors
    /// [`Error::Setting`] where there are not two or three hidden layers, or data that are neither Bernoulli nor Gaussian;
    /// [`Error::Shape`], [`Error::DeviceMismatch`].
    pub fn from_parts(
        visible: UnitKind,
        weights: Vec<Tensor>,
        biases: Vec<Tensor>,
    ) -> Result<Self> {
        check_layers(weights.len())?;
        if !matches!(visible, UnitKind::Bernoulli | UnitKind::Gaussian) {
            let detail = format!(
                "{visible} units cannot be the data of a deep Boltzmann machine; use bernoulli or gaussian"
            );
            return Err(Error::setting("visible", detail));
        }
        if biases.len() != weights.len() + 1 {
            let detail =
                format!("{} weights and {} biases; one bias more", weights.len(), biases.len());
            return Err(Error::shape("dbm", detail));
        }
        let mut units = Vec::new();
        for (layer, bias) in biases.iter().enumerate() {
            let kind = if layer == 0 { visible } else { UnitKind::Bernoulli };
            units.push(Units::new(kind, bias.shape().len())?);
        }
        let device = weights[0].device();
        for (l, w) in weights.iter().enumerate() {
            let dims = [units[l].count(), units[l + 1].count()];
            expect("dbm", &format!("W{}", l + 1), w, device, &dims)?;
        }
        for (layer, bias) in biases.iter().enumerate() {
            expect("dbm", &bias_name(layer), bias, device, &[units[layer].count()])?;
        }
        Ok(DeepBoltzmannMachine { units, weights, biases })
    }

    /// A machine of this description: weights N(0, 0.01²) from `seed`, biases 0.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::from_parts`]; [`Error::Limit`], [`Error::OutOfMemory`].
    pub fn from_spec(device: &Device, spec: &DbmSpec, seed: u64) -> Result<Self> {
        check_layers(spec.units.len().saturating_sub(1))?;
        let (mut weights, mut biases) = (Vec::new(), Vec::new());
        for (l, pair) in spec.units.windows(2).enumerate() {
            let [below, above] = [pair[0], pair[1]].map(Units::bernoulli);
            let [w, b, a] = Rbm::new_at_level(device, below, above, seed, l as u8)?.into_parts();
            weights.push(w);
            biases.extend((l == 0).then_some(b));
            biases.push(a);
        }
        DeepBoltzmannMachine::from_parts(spec.visible, weights, biases)
    }

    /// Sets b from the data's means, as [`Units::bias_of_means`] says.
    ///
    /// # Errors
    /// [`Error::Shape`] where the number of means is not that of the data's units.
    pub fn set_visible_bias_from_means(&mut self, means: &[f32]) -> Result<()> {
        let bias = self.units[0].bias_of_means(means);
        self.biases[0].upload(&bias)
    }

    /// Its description.
    pub fn spec(&self) -> DbmSpec {
        let units: Vec<usize> = self.units.iter().map(Units::count).collect();
        DbmSpec::new(units).visible(self.units[0].kind())
    }

    /// L, the hidden layers.
    pub fn hidden_layers(&self) -> usize {
        self.weights.len()
    }

    /// The units of layer 0, the data, to L. Of a layer that there is not those of the top.
    pub fn units(&self, layer: usize) -> Units {
        self.units[layer.min(self.hidden_layers())]
    }

    /// I: values of a case.
    pub fn visible_count(&self) -> usize {
        self.units[0].count()
    }

    /// Wˡ `[N_{l−1}, N_l]`, l from 1 to L. Of a layer that there is not those of the nearest.
    pub fn weights(&self, layer: usize) -> &Tensor {
        &self.weights[layer.clamp(1, self.hidden_layers()) - 1]
    }

    /// b of layer 0, aˡ of layer l up to L. Of a layer that there is not that of the top.
    pub fn bias(&self, layer: usize) -> &Tensor {
        &self.biases[layer.min(self.hidden_layers())]
    }

    /// Where the parameters are.
    pub fn device(&self) -> &Device {
        self.weights[0].device()
    }

    /// W¹ … Wᴸ and b, a¹ … aᴸ, to be changed.
    pub(crate) fn arrays_mut(&mut self) -> (&mut [Tensor], &mut [Tensor]) {
        (&mut self.weights, &mut self.biases)
    }

    /// The layers of one number's parity, from the lowest.
    pub(crate) fn layers_of(&self, parity: Parity) -> impl Iterator<Item = usize> + use<> {
        (parity.first()..=self.hidden_layers()).step_by(2)
    }

    /// p(layer | its neighbours) for states `[B, N]` of the layers below and above it; the data have none below, the top
    /// none above. What both say comes in one dispatch of the conditional: the input from above is its product's C.
    ///
    /// # Errors
    /// [`Error::Setting`] where a neighbour is missing or too many; [`Error::Shape`], [`Error::DeviceMismatch`]; device
    /// errors.
    pub fn given<'a>(&'a self, layer: usize, neighbours: Neighbours<'a>) -> Result<Given<'a>> {
        let Neighbours { below, above } = neighbours;
        let top = self.hidden_layers();
        let wanted = [layer > 0, layer < top];
        if layer > top || [below.is_some(), above.is_some()] != wanted {
            let detail = format!(
                "{layer} of 0 to {top} without its own neighbours; give the states below (but of the data) and above (but of the top)"
            );
            return Err(Error::setting("layer", detail));
        }
        let (given, weights, transpose) = match (below, above) {
            (Some(below), _) => (below, &self.weights[layer - 1], Transpose::NN),
            (None, Some(above)) => (above, &self.weights[layer], Transpose::NT),
            // As is told above.
            (None, None) => return Err(Error::setting("layer", "has no neighbour")),
        };
        let fed = match (below, above) {
            (Some(_), Some(above)) => Some(self.fed_from_above(layer, above)?),
            _ => None,
        };
        let (units, bias) = (self.units[layer], &self.biases[layer]);
        Ok(Given { units, given, weights, transpose, bias, fed })
    }

    /// What the layer above says to a layer: Wˡ⁺¹hˡ⁺¹, `[B, N_l]`.
    fn fed_from_above(&self, layer: usize, above: &Tensor) -> Result<Tensor> {
        let rows = above.shape().matrix("dbm", "the states above")?[0];
        let mut fed = Tensor::for_output(self.device(), &[rows, self.units[layer].count()])?;
        let plain = Epilogue::default();
        matmul(above, &self.weights[layer], Transpose::NT, &plain, &mut fed)?;
        Ok(fed)
    }

    /// What the layer below says to layer `layer`, from 1 on: hˡ⁻¹ᵀWˡ, `[B, N_l]`.
    pub(crate) fn fed_from_below(&self, layer: usize, below: &Tensor) -> Result<Tensor> {
        let rows = below.shape().matrix("dbm", "the states below")?[0];
        let mut fed = Tensor::for_output(self.device(), &[rows, self.units(layer).count()])?;
        matmul(below, self.weights(layer), Transpose::NN, &Epilogue::default(), &mut fed)?;
        Ok(fed)
    }

    /// v → the mean field → the mean of p(v | μ¹), without noise.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::posterior`].
    pub fn reconstruct(&self, v: &Tensor) -> Result<Tensor> {
        let posterior = self.posterior(v, MeanField::default())?;
        self.mean_v(posterior.means(1))
    }

    /// The mean of p(v | h¹) for states or means of h¹, `[B, N₁]` → `[B, I]`.
    ///
    /// # Errors
    /// As [`DeepBoltzmannMachine::given`].
    pub fn mean_v(&self, h1: &Tensor) -> Result<Tensor> {
        self.given(0, Neighbours { below: None, above: Some(h1) })?.conditional().mean()
    }
}

/// The states of the layers beside one.
#[derive(Debug, Clone, Copy)]
pub struct Neighbours<'a> {
    /// Of the layer below, `[B, N_{l−1}]`.
    pub below: Option<&'a Tensor>,
    /// Of the layer above, `[B, N_{l+1}]`.
    pub above: Option<&'a Tensor>,
}

/// A layer given its neighbours.
#[derive(Debug)]
pub struct Given<'a> {
    units: Units,
    given: &'a Tensor,
    weights: &'a Tensor,
    transpose: Transpose,
    bias: &'a Tensor,
    /// From above, of a layer between two.
    fed: Option<Tensor>,
}

impl Given<'_> {
    /// Its means and samples.
    pub fn conditional(&self) -> Conditional<'_> {
        let Given { units, given, weights, transpose, bias, fed } = self;
        let input = Epilogue { bias1: Some(bias), c: fed.as_ref(), ..Epilogue::default() };
        Conditional { units: *units, given, weights, transpose: *transpose, input }
    }
}

fn check_layers(hidden: usize) -> Result<()> {
    match HIDDEN_LAYERS.contains(&hidden) {
        true => Ok(()),
        false => {
            let detail = format!(
                "{hidden} hidden; a deep Boltzmann machine has two or three here (of one it is a restricted machine)"
            );
            Err(Error::setting("layers", detail))
        }
    }
}

fn bias_name(layer: usize) -> String {
    if layer == 0 { "b".into() } else { format!("a{layer}") }
}

impl Model for DeepBoltzmannMachine {
    fn kind(&self) -> &'static str {
        "dbm"
    }

    fn description(&self) -> BTreeMap<String, String> {
        // A description is plain numbers and words: it always has a JSON form.
        let spec = serde_json::to_string(&self.spec()).unwrap_or_default();
        [("harmonium.dbm".into(), spec)].into()
    }

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        for (l, w) in (1..).zip(&mut self.weights) {
            visit.array(&format!("W{l}"), w)?;
        }
        for (layer, bias) in self.biases.iter_mut().enumerate() {
            visit.array(&bias_name(layer), bias)?;
        }
        Ok(())
    }
}
