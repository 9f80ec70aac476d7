//! The settings of `train crf`.

use std::fmt;
use std::str::FromStr;

use crate::data::WORDS;
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::jobs::Layers;
use crate::jobs::autoencoder::LayerUnits;
use crate::jobs::settings::{
    DEVICE, LIMIT, SEED, VALIDATION, Validation, real, text, uses_sgd, whole, word,
};
use crate::jobs::stack::settings::{
    DROPOUT, LEARNING_RATE, LINE_SEARCHES, MOMENTUM, OPTIMIZER, WEIGHT_DECAY, searches,
};
use crate::jobs::stack::{FineTuning, TunerName};
use crate::kernels::activation::Activation;
use crate::layers::{Initialization, LayerSpec};
use crate::models::{CrfSpec, Dropout};
use crate::run::settings::{Default, Setting, Settings, setting_values, settings, settings_text};
use crate::training::{Schedule, ranges};

/// Sizes of the hidden layers; none is a linear chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HiddenLayers(pub Vec<usize>);

impl FromStr for HiddenLayers {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text.trim() {
            "none" => Ok(HiddenLayers(Vec::new())),
            sizes => sizes.parse().map(|Layers(sizes)| HiddenLayers(sizes)),
        }
    }
}

impl fmt::Display for HiddenLayers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.is_empty() {
            true => f.write_str("none"),
            false => Layers(self.0.clone()).fmt(f),
        }
    }
}

settings_text!(HiddenLayers);
setting_values!(HiddenLayers);

settings! {
    /// The settings of a conditional random field's training.
    pub struct CrfSettings {
        model: String = Setting { default: Default::Is("crf"), ..Setting::NEW };
        data: String = Setting {
            value: "DATA",
            help: "Sequences: words (bundled: words of 8x8 digits that follow a Markov chain), a letter.data or \
                   letter.data.gz, or a .npz of x, y and starts",
            default: Default::Is("words"),
            ..Setting::NEW
        };
        fold: Option<usize> = Setting {
            value: "K",
            help: "Test on this fold of the data, and train on all others",
            default: Default::None("the data's own test part, if there is one"),
            ..Setting::NEW
        };
        layers: HiddenLayers = Setting {
            value: "SIZES",
            help: "Units of the hidden layers, the same for every position; none is a linear chain",
            default: Default::By("400,200; words 64", |t| {
                word(if text(t, "data") == WORDS { "64" } else { "400,200" })
            }),
            ..Setting::NEW
        };
        hidden: LayerUnits = Setting {
            value: "UNITS",
            help: "Of the hidden layers: relu, tanh, sigmoid or linear",
            choices: &["sigmoid", "tanh", "relu", "linear"],
            default: Default::Is("relu"),
            ..Setting::NEW
        };
        dropout: f32 = Setting {
            help: "Share of each hidden layer's units that are dropped in training",
            ..DROPOUT
        };
        input_dropout: f32 = Setting {
            help: "Share of a position's values that are dropped in training",
            ..DROPOUT
        };
        window: usize = Setting {
            value: "W",
            help: "The net of a position sees so many neighbours on each side too",
            default: Default::Is("0"),
            ..Setting::NEW
        };
        forbid: Option<String> = Setting {
            value: "FILE",
            help: "Transitions that must not be: a line each, the label before and the label after; ^ before a label that \
                   must not come first, and $ after one that must not come last",
            default: Default::None("none"),
            ..Setting::NEW
        };
        compare_unary: bool = Setting {
            value: "BOOL",
            help: "Also train the same net without a chain, and say what it reads wrongly",
            alone: Some("true"),
            default: Default::By("", |_| Some(false.into())),
            ..Setting::NEW
        };
        epochs: u64 = Setting {
            value: "N",
            help: "Passes over the training sequences",
            range: Some(Interval::COUNT),
            default: Default::Is("30"),
            grows: true,
            ..Setting::NEW
        };
        optimizer: TunerName = OPTIMIZER;
        batch: usize = Setting {
            value: "N",
            help: "Sequences per update; an update of cg and lbfgs is some line searches on them",
            default: Default::By("16; cg and lbfgs 1000", |t| whole(if searches(t) { 1000 } else { 16 })),
            range: Some(ranges::BATCH),
            ..Setting::NEW
        };
        learning_rate: Option<Schedule> = Setting {
            default: Default::By("adam 0.002..0.0001, words 0.01..0.001; sgd 0.05..0.0005", |t| {
                match (searches(t), uses_sgd(t), text(t, "data") == WORDS) {
                    (true, ..) => None,
                    (_, true, _) => word("0.05..0.0005"),
                    // The bundled set is small.
                    (.., true) => word("0.01..0.001"),
                    _ => word("0.002..0.0001"),
                }
            }),
            ..LEARNING_RATE
        };
        momentum: Option<Schedule> = MOMENTUM;
        line_searches: Option<usize> = LINE_SEARCHES;
        weight_decay: f32 = Setting {
            help: "Decay of weights and transitions, not of biases: of adam apart from the gradient, else L2 beside the mean \
                   over sequences",
            default: Default::By("0", |_| real(0.0)),
            ..WEIGHT_DECAY
        };
        validation: Validation = Setting {
            help: "Hold out this fraction (below 1) or number of training sequences; the model that is best on them is \
                   kept; 0 holds out none and keeps the last",
            ..VALIDATION
        };
        patience: u64 = Setting {
            value: "N",
            help: "Stop once so many epochs brought no better model on the sequences held out; 0 never stops",
            default: Default::Is("0"),
            ..Setting::NEW
        };
        limit: Option<usize> = Setting { help: "Use the first N training sequences only", ..LIMIT };
        seed: u64 = Setting { help: "Of weights, order and dropped units", ..SEED };
        device: String = DEVICE;
    }
}

impl Settings for CrfSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        if self.patience > 0 && self.validation == Validation::None {
            let detail =
                "stops by the error on sequences held out, and --validation 0 holds out none";
            return Err(Error::setting("patience", detail));
        }
        self.training().check_dropped([self.dropout, self.input_dropout])?;
        self.training().check()
    }

    fn device(&self) -> &str {
        &self.device
    }
}

impl CrfSettings {
    /// The field for positions of so many values.
    pub fn spec(&self, inputs: usize, labels: usize, forbidden: Vec<[usize; 2]>) -> CrfSpec {
        let dropped = Dropout { input: self.input_dropout, hidden: self.dropout };
        let mut layers = dropped.layers(&self.layers.0, self.hidden.activation());
        layers.push(LayerSpec::linear(labels, Activation::Identity));
        let rectified = self.hidden == LayerUnits::Relu;
        let start = if rectified { Initialization::He } else { Initialization::Glorot };
        CrfSpec::linear(inputs, labels).layers(layers).initialization(start).forbidden(forbidden)
    }

    /// How it is trained.
    pub(super) fn training(&self) -> FineTuning<'_> {
        FineTuning {
            optimizer: self.optimizer,
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate.as_ref(),
            momentum: self.momentum.as_ref(),
            weight_decay: self.weight_decay,
            line_searches: self.line_searches,
            seed: self.seed,
        }
    }
}
