//! Words of a stack's settings.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};
use crate::jobs::settings::words;
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

/// What a level learns from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LevelData {
    /// The means of the units below.
    Means,
    /// States that are drawn from them anew in each epoch.
    Samples,
}

/// Optimisers by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TunerName {
    /// Steepest descent with momentum.
    Sgd,
    /// Adam.
    Adam,
    /// Conjugate gradients.
    Cg,
    /// L-BFGS.
    Lbfgs,
}

impl TunerName {
    const ALL: [TunerName; 4] = [TunerName::Sgd, TunerName::Adam, TunerName::Cg, TunerName::Lbfgs];

    /// As `--optimizer` takes it.
    pub fn name(self) -> &'static str {
        match self {
            TunerName::Sgd => "sgd",
            TunerName::Adam => "adam",
            TunerName::Cg => "cg",
            TunerName::Lbfgs => "lbfgs",
        }
    }

    /// In words, for people.
    pub fn words(self) -> &'static str {
        match self {
            TunerName::Sgd => "SGD",
            TunerName::Adam => "Adam",
            TunerName::Cg => "conjugate gradients",
            TunerName::Lbfgs => "L-BFGS",
        }
    }

    /// Whether it searches along lines, and needs no learning rate.
    pub fn searches(self) -> bool {
        matches!(self, TunerName::Cg | TunerName::Lbfgs)
    }
}

words!(LevelData, [LevelData::Means, LevelData::Samples], |data| match data {
    LevelData::Means => "means",
    LevelData::Samples => "samples",
});
words!(TunerName, TunerName::ALL, TunerName::name);
settings_text!(Layers, LevelData, TunerName);
setting_values!(Layers, LevelData, TunerName);
