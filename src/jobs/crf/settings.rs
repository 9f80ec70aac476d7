//! The settings of `train crf`.

use std::fmt;
use std::str::FromStr;
use std::sync::LazyLock;

use toml::Table;

use crate::data::{ImageShape, SequenceSplits, WORDS};
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::jobs::Data;
use crate::jobs::Layers;
use crate::jobs::autoencoder::LayerUnits;
use crate::jobs::network::{NetworkTable, wrong_layer};
use crate::jobs::settings::{
    DEVICE, LIMIT, REPRODUCIBLE, SEED, VALIDATION, Validation, flag, is, real, text, uses_sgd,
    whole, word,
};
use crate::jobs::stack::settings::{
    DROPOUT, FROM, LEARNING_RATE, LINE_SEARCHES, MOMENTUM, OPTIMIZER, PRETRAIN_BATCH,
    PRETRAIN_EPOCHS, PRETRAIN_LEARNING_RATE, WEIGHT_DECAY, fine_tuning, searches,
};
use crate::jobs::stack::{FineTuning, Greedy, TunerName};
use crate::kernels::activation::Activation;
use crate::layers::{Initialization, LayerSpec};
use crate::models::{CrfSpec, Dropout, Pairwise};
use crate::run::settings::{
    Default, LastStage, Setting, Settings, setting_values, settings, settings_text,
};
use crate::training::{Schedule, ranges};

/// Of machines, as those of a deep belief net.
static PRETRAINING_MOMENTUM: LazyLock<Schedule> =
    LazyLock::new(|| Schedule::Steps(0.5, vec![(5, 0.9)]));
const PRETRAINING_DECAY: f32 = 2e-4;

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
setting_values!(HiddenLayers, Pairwise);

settings! {
    /// The settings of a conditional random field's training.
    pub struct CrfSettings {
        model: String = Setting { default: Default::Is("crf"), ..Setting::NEW };
        data: Data<SequenceSplits> = Setting {
            value: "DATA",
            help: "Sequences: words (bundled: words of 8x8 digits that follow a Markov chain), a letter.data, \
                   items with attributes as CRFsuite reads them (both also .gz), or a .npz of x, y and starts",
            default: Default::Is("words"),
            ..Setting::NEW
        };
        fold: Option<usize> = Setting {
            value: "K",
            help: "Test on this fold of the data, and train on all others",
            default: Default::None("the data's own test part, if there is one"),
            group: "what is tested",
            ..Setting::NEW
        };
        folds: Option<usize> = Setting {
            value: "N",
            help: "Test on each of the data's first N folds in turn, each time trained on all others from the beginning, and \
                   report the mean",
            default: Default::None("none"),
            range: Some(Interval::from(2.0).up_to(10.0)),
            group: "what is tested",
            ..Setting::NEW
        };
        network: Option<NetworkTable> = Setting { explain: wrong_layer, ..Setting::NEW };
        layers: HiddenLayers = Setting {
            value: "SIZES",
            help: "Units of the hidden layers, the same for every position; none is a linear chain. A file of settings may \
                   have [[network.layers]] instead, as those of cnn",
            default: Default::By("400,200; words 64", |t| {
                word(match (t.contains_key("network"), text(t, "data") == WORDS) {
                    (true, _) => "none",
                    (_, true) => "64",
                    _ => "400,200",
                })
            }),
            ..Setting::NEW
        };
        from: Option<String> = Setting {
            help: "Begin with the first layers of a trained machine, deep belief net or autoencoder",
            ..FROM
        };
        pretrain: bool = Setting {
            value: "BOOL",
            help: "Train the hidden layers one by one as machines first, without labels; those of --from are taken as they are",
            alone: Some("true"),
            default: Default::By("", |_| Some(false.into())),
            ..Setting::NEW
        };
        unlabelled: Option<String> = Setting {
            value: "DATA",
            help: "Sequences that --pretrain learns from too; their labels are not looked at",
            default: Default::None("none"),
            requires: "pretrain",
            ..Setting::NEW
        };
        pretrain_epochs: Option<u64> = Setting {
            default: Default::If("10", pretrains),
            requires: "pretrain",
            ..PRETRAIN_EPOCHS
        };
        pretrain_batch: Option<usize> = Setting {
            default: Default::If("100", pretrains),
            help: "Positions per update of a layer that is trained as a machine",
            requires: "pretrain",
            ..PRETRAIN_BATCH
        };
        pretrain_learning_rate: Option<Schedule> = Setting {
            default: Default::If("0.1", pretrains),
            requires: "pretrain",
            ..PRETRAIN_LEARNING_RATE
        };
        hidden: LayerUnits = Setting {
            value: "UNITS",
            help: "Of the hidden layers: relu, tanh, sigmoid or linear",
            choices: &["sigmoid", "tanh", "relu", "linear"],
            default: Default::By("relu; with --pretrain and --from sigmoid", |t| {
                word(if pretrains(t) || t.contains_key("from") { "sigmoid" } else { "relu" })
            }),
            idle: of_hidden,
            ..Setting::NEW
        };
        pairwise: Pairwise = Setting {
            value: "HOW",
            help: "Scores of transitions: constant, or features: each position also adds its own for every pair of labels, \
                   from what the last hidden layer makes of it",
            choices: &["constant", "features"],
            default: Default::Is("constant"),
            ..Setting::NEW
        };
        stages: usize = Setting {
            value: "N",
            help: "With 2 a second field, trained after the first, reads that one's probabilities of each label beside a \
                   position's values; and so on",
            default: Default::Is("1"),
            range: Some(Interval::COUNT.up_to(8.0)),
            ..Setting::NEW
        };
        dropout: f32 = Setting {
            help: "Share of each hidden layer's units that are dropped in training",
            idle: of_hidden,
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
        compare_unary: bool =
            flag("Also train the same net without a chain, and say what it reads wrongly");
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
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reproducible: bool = REPRODUCIBLE;
        device: String = DEVICE;
    }
}

/// Why what is of hidden layers does nothing where there are none.
fn of_hidden(table: &Table) -> Option<String> {
    let none = text(table, "layers") == "none";
    none.then(|| "is of the hidden --layers, and there are none; leave it out".into())
}

fn pretrains(table: &Table) -> bool {
    is(table, "pretrain")
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
        if self.network.is_some() {
            let stands = "stand in its file ([[network.layers]])";
            let given = [
                ("layers", !self.layers.0.is_empty()),
                ("dropout", self.dropout > 0.0),
                ("input-dropout", self.input_dropout > 0.0),
            ];
            if let Some((setting, _)) = given.iter().find(|(_, given)| *given) {
                let detail = format!(
                    "is about layers that options describe, and these {stands}; leave it out"
                );
                return Err(Error::setting(*setting, detail));
            }
            if self.stages > 1 {
                let detail = format!(
                    "puts probabilities beside a row of values, and layers that {stands} take pictures; use --layers"
                );
                return Err(Error::setting("stages", detail));
            }
        }
        let starts = [("pretrain", self.pretrain), ("from", self.from.is_some())];
        for (setting, _) in starts.into_iter().filter(|(_, asked)| *asked) {
            if self.layers.0.is_empty() {
                let detail = "is about hidden layers, and --layers none has none; leave it out";
                return Err(Error::setting(setting, detail));
            }
        }
        if self.pretrain && self.hidden != LayerUnits::Sigmoid {
            let detail =
                format!("{}, and --pretrain trains machines, whose units are sigmoid", self.hidden);
            return Err(Error::setting("hidden", detail));
        }
        self.training().check_dropped([self.dropout, self.input_dropout])?;
        self.training().check()
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn reproducible(&self) -> bool {
        self.reproducible
    }

    fn last_stage(&self) -> LastStage {
        let last = LastStage::of(self.epochs, self.training().rate());
        let others = self.compare_unary || self.stages > 1 || self.folds.is_some();
        if others { last.fixed() } else { last }
    }
}

impl CrfSettings {
    /// The defaults for some data: `words`, a file of sequences, or sequences in memory.
    ///
    /// # Errors
    /// None for the defaults.
    pub fn of(data: impl Into<Data<SequenceSplits>>) -> Result<Self> {
        let data = data.into();
        let usual: Self = crate::run::settings::defaults([("data", data.name())])?;
        Ok(CrfSettings { data, ..usual })
    }

    /// The sizes of a position: one row of values, or where the layers stand in a file those of a picture, with a window one
    /// of each neighbour.
    ///
    /// # Errors
    /// [`Error::Setting`] where layers stand in a file and positions are no pictures.
    pub fn input(&self, width: usize, image: Option<ImageShape>) -> Result<Vec<usize>> {
        match (&self.network, image) {
            (None, _) => Ok(vec![width]),
            (Some(_), Some(ImageShape { height, width })) => {
                Ok(vec![2 * self.window + 1, height, width])
            }
            (Some(_), None) => {
                let detail = format!(
                    "its layers take pictures, and the positions of {} are none",
                    self.data
                );
                Err(Error::setting("network", detail))
            }
        }
    }

    /// The field of the first stage, for positions of these sizes.
    ///
    /// # Errors
    /// [`Error::Setting`] for layers in a file that no chain can follow.
    pub fn spec(
        &self,
        input: Vec<usize>,
        labels: usize,
        forbidden: Vec<[usize; 2]>,
    ) -> Result<CrfSpec> {
        let spec = CrfSpec { input, ..CrfSpec::linear(0, labels) }.forbidden(forbidden);
        if let Some(network) = &self.network {
            let (layers, start) = network.scoring()?;
            let start = start.unwrap_or(Initialization::He);
            let spec = spec.layers(layers.to_vec()).initialization(start);
            return Ok(spec.pairwise(self.pairwise));
        }
        let dropped = Dropout { input: self.input_dropout, hidden: self.dropout };
        let mut layers = dropped.layers(&self.layers.0, self.hidden.activation());
        layers.push(LayerSpec::linear(labels, Activation::Identity));
        // Units that there are not make no difference.
        let rectified = self.hidden == LayerUnits::Relu || self.layers.0.is_empty();
        let start = if rectified { Initialization::He } else { Initialization::Glorot };
        Ok(spec.layers(layers).initialization(start).pairwise(self.pairwise))
    }

    /// How hidden layers are trained as machines.
    pub(super) fn greedy(&self) -> Greedy<'_> {
        let (epochs, batch) = (self.pretrain_epochs.unwrap_or(0), self.pretrain_batch.unwrap_or(1));
        Greedy {
            learning_rate: self.pretrain_learning_rate.as_ref(),
            momentum: Some(&*PRETRAINING_MOMENTUM),
            weight_decay: PRETRAINING_DECAY,
            cd: Some(1),
            ..Greedy::new(self.data.name(), epochs, batch, self.seed)
        }
    }

    /// How it is trained.
    pub(super) fn training(&self) -> FineTuning<'_> {
        fine_tuning!(self, self.optimizer)
    }
}
