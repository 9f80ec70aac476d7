//! Autoencoders as they are described: in a settings file, in a model file, in Rust.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::kernels::activation::Activation;
use crate::layers::{LayerSpec, LinearSpec};

/// What an autoencoder makes small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReconstructionLoss {
    /// −Σ [x ln y + (1 − x) ln(1 − y)] over the values of a case, in nats; y are logistic units, x lies in [0, 1].
    #[default]
    CrossEntropy,
    /// Σ (y − x)² over the values of a case; y are linear units.
    SquaredError,
}

/// What training takes from its inputs; the loss is against the whole ones.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Noise {
    /// Each value becomes 0 with this probability.
    Mask(f32),
    /// Each value becomes 0 or 1, evenly, with this probability.
    Salt(f32),
    /// Normal noise of this standard deviation is added.
    Gaussian(f32),
}

impl Noise {
    fn check(self) -> Result<()> {
        match self {
            Noise::Mask(p) | Noise::Salt(p) => Interval::from(0.0).below(1.0).check("noise", p),
            Noise::Gaussian(deviation) => Interval::from(0.0).up_to(1e6).check("noise", deviation),
        }
    }
}

impl fmt::Display for Noise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Noise::Mask(p) => write!(f, "mask:{p}"),
            Noise::Salt(p) => write!(f, "salt:{p}"),
            Noise::Gaussian(deviation) => write!(f, "gaussian:{deviation}"),
        }
    }
}

impl From<Noise> for String {
    fn from(noise: Noise) -> Self {
        noise.to_string()
    }
}

impl TryFrom<String> for Noise {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for Noise {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let kind = |(kind, amount): (&str, &str)| {
            let amount = amount.trim().parse().ok()?;
            match kind.trim() {
                "mask" => Some(Noise::Mask(amount)),
                "salt" => Some(Noise::Salt(amount)),
                "gaussian" => Some(Noise::Gaussian(amount)),
                _ => None,
            }
        };
        let Some(noise) = text.split_once(':').and_then(kind) else {
            let detail = format!("'{text}' is none of mask:P, salt:P, gaussian:DEVIATION");
            return Err(Error::setting("noise", detail));
        };
        noise.check().map(|()| noise)
    }
}

/// Penalties that training adds to the loss, besides decay of the weights.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Penalties {
    /// ρ and β of β Σ_j KL(ρ‖ρ̂_j) over the units of each sigmoid layer of the encoder, ρ̂_j a unit's mean over the
    /// batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sparse: Option<(f32, f32)>,
    /// λ of λ Σ_j (h_j(1 − h_j))² Σ_i W_ij², the squared norm of ∂h/∂x of the encoder's first layer, whose units are
    /// sigmoid; the mean over the batch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub contractive: Option<f32>,
}

/// An autoencoder, described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct AutoencoderSpec {
    /// Values of a case.
    pub inputs: usize,
    /// Units of the hidden layers up to the code, which is the last.
    pub layers: Vec<usize>,
    /// Of the hidden layers but the code.
    pub hidden: Activation,
    /// Of the code.
    pub code: Activation,
    /// What is made small.
    pub loss: ReconstructionLoss,
    /// Whether the decoder's weights are the encoder's, transposed.
    #[serde(default)]
    pub tied: bool,
    /// What training takes from its inputs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// What is added to the loss.
    #[serde(default)]
    pub penalties: Penalties,
}

impl AutoencoderSpec {
    /// Sigmoid layers of these sizes with a linear code, cross-entropy, weights of their own either way.
    pub fn new(inputs: usize, layers: &[usize]) -> Self {
        AutoencoderSpec {
            inputs,
            layers: layers.to_vec(),
            hidden: Activation::Sigmoid,
            code: Activation::Identity,
            loss: ReconstructionLoss::CrossEntropy,
            tied: false,
            noise: None,
            penalties: Penalties::default(),
        }
    }

    /// Of the hidden layers but the code.
    pub fn hidden(self, hidden: Activation) -> Self {
        AutoencoderSpec { hidden, ..self }
    }

    /// Of the code.
    pub fn code(self, code: Activation) -> Self {
        AutoencoderSpec { code, ..self }
    }

    /// What is made small.
    pub fn loss(self, loss: ReconstructionLoss) -> Self {
        AutoencoderSpec { loss, ..self }
    }

    /// Whether the decoder's weights are the encoder's, transposed.
    pub fn tied(self, tied: bool) -> Self {
        AutoencoderSpec { tied, ..self }
    }

    /// What training takes from its inputs.
    pub fn noise(self, noise: impl Into<Option<Noise>>) -> Self {
        AutoencoderSpec { noise: noise.into(), ..self }
    }

    /// What is added to the loss.
    pub fn penalties(self, penalties: Penalties) -> Self {
        AutoencoderSpec { penalties, ..self }
    }

    /// f of the encoder's layer `number`, counted from 0.
    pub fn activation(&self, number: usize) -> Activation {
        if number + 1 < self.layers.len() { self.hidden } else { self.code }
    }

    /// The layers, encoder first. The decoder keeps its weights as the encoder's layer has them, and its last layer
    /// gives what the loss takes.
    pub fn layer_specs(&self) -> Vec<LayerSpec> {
        let n = self.layers.len();
        let encoder = (0..n).map(|i| LayerSpec::linear(self.layers[i], self.activation(i)));
        let decoder = (0..n).rev().map(|i| {
            let units = if i == 0 { self.inputs } else { self.layers[i - 1] };
            let f = if i == 0 { Activation::Identity } else { self.activation(i - 1) };
            LayerSpec::Linear(LinearSpec::new(units).activation(f).transposed(true))
        });
        encoder.chain(decoder).collect()
    }

    /// That there is such an autoencoder.
    ///
    /// # Errors
    /// [`Error::Setting`].
    pub fn check(&self) -> Result<()> {
        if self.layers.is_empty() || self.layers.contains(&0) {
            return Err(Error::setting("layers", "give one or more sizes of at least 1: 256,64,2"));
        }
        self.noise.map_or(Ok(()), Noise::check)?;
        let sigmoid = |i: usize| self.activation(i) == Activation::Sigmoid;
        if let Some((target, cost)) = self.penalties.sparse {
            Interval::above(0.0).below(1.0).check("sparse", target)?;
            Interval::from(0.0).up_to(1e6).check("sparse-cost", cost)?;
            if !(0..self.layers.len()).any(sigmoid) {
                let detail = "is of sigmoid units, and the encoder has none";
                return Err(Error::setting("sparse", detail));
            }
        }
        if let Some(weight) = self.penalties.contractive {
            Interval::from(0.0).up_to(1e6).check("contractive", weight)?;
            if !sigmoid(0) {
                let detail = "is of a first layer of sigmoid units, and this one's are others";
                return Err(Error::setting("contractive", detail));
            }
        }
        Ok(())
    }
}
