//! Words of an autoencoder's settings.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::jobs::settings::words;
use crate::kernels::activation::Activation;
use crate::models::autoencoder::{Noise, ReconstructionLoss};
use crate::run::settings::{setting_values, settings_text};

/// Sizes of layers: `256,64,2`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layers(pub Vec<usize>);

impl FromStr for Layers {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let sizes: std::result::Result<Vec<usize>, _> =
            text.split(',').map(|size| size.trim().parse()).collect();
        match sizes {
            Ok(sizes) if !sizes.contains(&0) && sizes.len() <= 100 => Ok(Layers(sizes)),
            _ => {
                let detail = format!("'{text}' is no list of up to 100 sizes, as 256,64,2");
                Err(Error::setting("layers", detail))
            }
        }
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sizes: Vec<String> = self.0.iter().map(usize::to_string).collect();
        f.write_str(&sizes.join(","))
    }
}

/// What the units of a layer compute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LayerUnits {
    /// 1 / (1 + exp(−x)).
    Sigmoid,
    /// tanh x.
    Tanh,
    /// max(0, x).
    Relu,
    /// x.
    Linear,
}

impl LayerUnits {
    /// As layers have it.
    pub fn activation(self) -> Activation {
        match self {
            LayerUnits::Sigmoid => Activation::Sigmoid,
            LayerUnits::Tanh => Activation::Tanh,
            LayerUnits::Relu => Activation::Relu,
            LayerUnits::Linear => Activation::Identity,
        }
    }
}

/// How levels are trained before the whole is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pretraining {
    /// Each level as a restricted Boltzmann machine, where its units are those of one.
    Rbm,
    /// Each level as an autoencoder of one layer.
    Autoencoder,
    /// Not at all.
    None,
}

/// What a level learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelData {
    /// The means of the units below.
    Means,
    /// States that are drawn from them anew in each epoch.
    Samples,
}

/// How gradients change weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FineTuning {
    /// Steepest descent with momentum.
    Sgd,
    /// Adam.
    Adam,
}

words!(
    LayerUnits,
    [LayerUnits::Sigmoid, LayerUnits::Tanh, LayerUnits::Relu, LayerUnits::Linear],
    |units| match units {
        LayerUnits::Sigmoid => "sigmoid",
        LayerUnits::Tanh => "tanh",
        LayerUnits::Relu => "relu",
        LayerUnits::Linear => "linear",
    }
);
words!(Pretraining, [Pretraining::Rbm, Pretraining::Autoencoder, Pretraining::None], |how| {
    match how {
        Pretraining::Rbm => "rbm",
        Pretraining::Autoencoder => "autoencoder",
        Pretraining::None => "none",
    }
});
words!(LevelData, [LevelData::Means, LevelData::Samples], |data| match data {
    LevelData::Means => "means",
    LevelData::Samples => "samples",
});
words!(FineTuning, [FineTuning::Sgd, FineTuning::Adam], |how| match how {
    FineTuning::Sgd => "sgd",
    FineTuning::Adam => "adam",
});
words!(
    ReconstructionLoss,
    [ReconstructionLoss::CrossEntropy, ReconstructionLoss::SquaredError],
    |loss| match loss {
        ReconstructionLoss::CrossEntropy => "cross-entropy",
        ReconstructionLoss::SquaredError => "squared-error",
    }
);
settings_text!(Layers, LayerUnits, Pretraining, LevelData, FineTuning);
setting_values!(Layers, LayerUnits, Pretraining, LevelData, FineTuning, ReconstructionLoss, Noise);
