//! Words of an autoencoder's settings.

use crate::jobs::settings::words;
use crate::kernels::activation::Activation;
use crate::models::autoencoder::{Noise, ReconstructionLoss};
use crate::run::settings::{setting_values, settings_text};

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

/// What is trained of a classifier on the code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClassifierHow {
    /// The output layer alone.
    Code,
    /// All layers.
    All,
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
words!(
    ReconstructionLoss,
    [ReconstructionLoss::CrossEntropy, ReconstructionLoss::SquaredError],
    |loss| match loss {
        ReconstructionLoss::CrossEntropy => "cross-entropy",
        ReconstructionLoss::SquaredError => "squared-error",
    }
);
words!(ClassifierHow, [ClassifierHow::Code, ClassifierHow::All], |how| match how {
    ClassifierHow::Code => "code",
    ClassifierHow::All => "all",
});
settings_text!(LayerUnits, Pretraining, ClassifierHow);
setting_values!(LayerUnits, Pretraining, ClassifierHow, ReconstructionLoss, Noise);
