//! Words of a classifier's settings: which model, which output units, which optimiser.

use crate::jobs::settings::words;
use crate::run::settings::{setting_values, settings_text};

/// What `train` trains, beside machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkKind {
    /// LeNet-5 as published in 1998.
    Lenet5,
    /// LeNet-5 as it is built today.
    Lenet5Modern,
    /// Any convolutional network.
    Cnn,
}

impl NetworkKind {
    const ALL: [NetworkKind; 3] =
        [NetworkKind::Lenet5, NetworkKind::Lenet5Modern, NetworkKind::Cnn];

    /// As `train` names it.
    pub fn name(self) -> &'static str {
        match self {
            NetworkKind::Lenet5 => "lenet5",
            NetworkKind::Lenet5Modern => "lenet5-modern",
            NetworkKind::Cnn => "cnn",
        }
    }
}

/// Output units by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutputName {
    /// Euclidean radial basis functions on bitmaps of the digits, as published.
    Rbf,
    /// Softmax.
    Softmax,
}

/// Optimisers by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptimizerName {
    /// Steepest descent with momentum.
    Sgd,
    /// Adam.
    Adam,
}

words!(NetworkKind, NetworkKind::ALL, NetworkKind::name);
words!(OutputName, [OutputName::Rbf, OutputName::Softmax], |name| match name {
    OutputName::Rbf => "rbf",
    OutputName::Softmax => "softmax",
});
words!(OptimizerName, [OptimizerName::Sgd, OptimizerName::Adam], |name| match name {
    OptimizerName::Sgd => "sgd",
    OptimizerName::Adam => "adam",
});
settings_text!(NetworkKind, OutputName, OptimizerName);
setting_values!(NetworkKind, OutputName, OptimizerName);
