//! The settings of `train autoencoder`.

use toml::Table;

use super::kinds::{ClassifierHow, LayerUnits, Pretraining};
use crate::error::{Error, Result};
use crate::jobs::Data;
use crate::jobs::settings::{
    ARRAY, DATA, DEVICE, LABELS, LIMIT, MEMORY, Memory, REPRODUCIBLE, SCALE, SEED, STREAM,
    VALIDATION, Validation, WEIGHTS, flag, of_data, real, text, uses_sgd, word,
};
use crate::jobs::stack::settings::{
    AUGMENT, BATCH, EPOCHS, FREEZE, FROM, LEARNING_RATE, LEVEL_DATA, LINE_SEARCHES, MOMENTUM,
    OPTIMIZER, PRETRAIN_BATCH, PRETRAIN_CD, PRETRAIN_CENTERED, PRETRAIN_EPOCHS,
    PRETRAIN_LEARNING_RATE, PRETRAIN_MOMENTUM, PRETRAIN_PCD, PRETRAIN_WEIGHT_DECAY, WEIGHT_DECAY,
    fine_tuning, greedy, searches,
};
use crate::jobs::stack::{FineTuning, Greedy, Layers, LevelData, TunerName};
use crate::models::autoencoder::{AutoencoderSpec, Noise, Penalties, ReconstructionLoss};
use crate::run::settings::{Default, LastStage, Setting, Settings, settings};
use crate::training::{BackpropagationConfig, Distortion, Optimizer, Schedule, ranges};

settings! {
    /// The settings of a deep autoencoder's training.
    pub struct AutoencoderSettings {
        model: String = Setting { default: Default::Is("autoencoder"), ..Setting::NEW };
        data: Data = DATA;
        labels: Option<String> = LABELS;
        array: Option<String> = ARRAY;
        scale: Option<f32> = SCALE;
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<String> = WEIGHTS;
        layers: Layers = Setting {
            value: "SIZES",
            help: "Units of the encoder's layers, the code last; the decoder mirrors them",
            default: Default::Is("256,64,2"),
            ..Setting::NEW
        };
        hidden: LayerUnits = Setting {
            value: "UNITS",
            help: "Of the hidden layers but the code: sigmoid, tanh, relu or linear",
            choices: &["sigmoid", "tanh", "relu", "linear"],
            default: Default::Is("sigmoid"),
            ..Setting::NEW
        };
        code: LayerUnits = Setting {
            value: "UNITS",
            help: "Of the code: linear, sigmoid, tanh or relu",
            choices: &["sigmoid", "tanh", "relu", "linear"],
            default: Default::Is("linear"),
            ..Setting::NEW
        };
        loss: ReconstructionLoss = Setting {
            value: "LOSS",
            help: "cross-entropy (values in [0, 1], logistic outputs) or squared-error (any values, linear outputs)",
            choices: &["cross-entropy", "squared-error"],
            default: Default::Is("cross-entropy"),
            ..Setting::NEW
        };
        tied: bool = flag("The decoder's weights are the encoder's, transposed, and stay so");
        noise: Option<Noise> = Setting {
            value: "NOISE",
            help: "Denoising: mask:P (values become 0 with probability P), salt:P (0 or 1) or gaussian:DEVIATION; the \
                   loss is against the clean input",
            default: Default::None("none"),
            ..Setting::NEW
        };
        sparse: Option<f32> = Setting {
            value: "P",
            help: "Mean activity over a batch towards which the units of the encoder's sigmoid layers are drawn",
            range: Some(ranges::SPARSITY_TARGET),
            default: Default::None("none"),
            ..Setting::NEW
        };
        sparse_cost: Option<f32> = Setting {
            value: "X",
            help: "Weight of the divergence KL(P, activity), summed over units",
            default: Default::If("0.1", |t| t.contains_key("sparse")),
            range: Some(ranges::COST),
            requires: "sparse",
            ..Setting::NEW
        };
        contractive: Option<f32> = Setting {
            value: "X",
            help: "Weight of the squared derivatives of the first layer's sigmoid units by their inputs, summed",
            range: Some(ranges::COST),
            default: Default::None("none"),
            ..Setting::NEW
        };
        pretrain: Pretraining = Setting {
            value: "HOW",
            help: "Layer by layer, before the whole: rbm (sigmoid units are Bernoulli, linear ones Gaussian; other \
                   layers as autoencoders of one layer), autoencoder, or none",
            choices: &["rbm", "autoencoder", "none"],
            default: Default::Is("rbm"),
            ..Setting::NEW
        };
        from: Option<String> = Setting {
            help: "Take the first levels from a trained machine, deep belief net or autoencoder (of which the decoder is \
                   taken too), and pre-train the others",
            ..FROM
        };
        pretrain_epochs: u64 = Setting { idle: of_levels, ..PRETRAIN_EPOCHS };
        pretrain_batch: usize = Setting { idle: of_levels, ..PRETRAIN_BATCH };
        pretrain_learning_rate: Option<Schedule> = Setting {
            default: Default::None(
                "0.1 between bernoulli units, by pcd 0.05..0.002; beside gaussian ones 0.001, bundled digits 0.03; autoencoders 0.001, by adam",
            ),
            idle: of_levels,
            ..PRETRAIN_LEARNING_RATE
        };
        pretrain_momentum: Schedule = Setting { idle: of_machines, ..PRETRAIN_MOMENTUM };
        pretrain_weight_decay: f32 = Setting { idle: of_machines, ..PRETRAIN_WEIGHT_DECAY };
        pretrain_cd: Option<u64> = Setting { idle: of_machines, ..PRETRAIN_CD };
        pretrain_pcd: Option<u64> = Setting { idle: of_machines, ..PRETRAIN_PCD };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pretrain_centered: bool = Setting { idle: of_machines, ..PRETRAIN_CENTERED };
        level_data: LevelData = Setting { idle: of_levels, ..LEVEL_DATA };
        freeze: usize = FREEZE;
        epochs: u64 = EPOCHS;
        optimizer: TunerName = OPTIMIZER;
        batch: usize = BATCH;
        learning_rate: Option<Schedule> = Setting {
            default: Default::By("adam 0.002..0.0001, sgd 0.01..0.0005", |t| {
                match (searches(t), uses_sgd(t)) {
                    (true, _) => None,
                    (_, true) => word("0.01..0.0005"),
                    _ => word("0.002..0.0001"),
                }
            }),
            ..LEARNING_RATE
        };
        momentum: Option<Schedule> = MOMENTUM;
        line_searches: Option<usize> = LINE_SEARCHES;
        augment: Option<Distortion> = AUGMENT;
        weight_decay: f32 = Setting { default: Default::By("0", |_| real(0.0)), ..WEIGHT_DECAY };
        classifier: Option<ClassifierHow> = Setting {
            value: "WHAT",
            help: "Then put softmax units on the code and train them as classifiers are, with the same settings: code (the \
                   code stays as it is) or all (with all layers below) [WHAT: all]",
            choices: &["code", "all"],
            alone: Some("all"),
            default: Default::None("none"),
            ..Setting::NEW
        };
        validation: Validation = VALIDATION;
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stream: bool = STREAM;
        #[serde(default, skip_serializing_if = "Memory::is_default")]
        memory: Memory = MEMORY;
        limit: Option<usize> = LIMIT;
        seed: u64 = Setting { help: "Of weights, order, states and noise", ..SEED };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reproducible: bool = REPRODUCIBLE;
        device: String = DEVICE;
    }
}

of_data!(AutoencoderSettings);

/// Why what is of levels does nothing where none is trained.
fn of_levels(table: &Table) -> Option<String> {
    let none = text(table, "pretrain") == "none";
    none.then(|| "is of pre-training, and --pretrain none leaves that out; leave it out".into())
}

/// The same of what is of levels that are machines.
fn of_machines(table: &Table) -> Option<String> {
    let autoencoders = text(table, "pretrain") == "autoencoder";
    let why = "is of machines, and --pretrain autoencoder trains none; leave it out";
    of_levels(table).or_else(|| autoencoders.then(|| why.into()))
}

impl Settings for AutoencoderSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        // Of whatever width: the rest of it is checked here.
        self.spec(1).check()?;
        let layers = 2 * self.layers.0.len();
        if self.freeze >= layers {
            let detail = format!("{} of {layers} layers would leave none to train", self.freeze);
            return Err(Error::setting("freeze", detail));
        }
        if self.from.is_some() && self.pretrain == Pretraining::None {
            let detail = "gives levels that are pre-trained, and --pretrain none takes none";
            return Err(Error::setting("from", detail));
        }
        self.fine_tuning().check()
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn reproducible(&self) -> bool {
        self.reproducible
    }

    fn last_stage(&self) -> LastStage {
        let last = LastStage::of(self.epochs, self.fine_tuning().rate());
        // A classifier has as many as the stage before it.
        if self.classifier.is_some() { last.fixed() } else { last }
    }

    fn check_shared(&self) -> Result<()> {
        match self.sparse {
            None => Ok(()),
            Some(_) => {
                let detail = "its penalty is of a whole batch's mean activity, which is not shared among ranks: leave it out, \
                              or start it without mpirun and without --reproducible";
                Err(Error::setting("sparse", detail))
            }
        }
    }
}

impl AutoencoderSettings {
    /// The autoencoder of cases of so many values.
    pub fn spec(&self, inputs: usize) -> AutoencoderSpec {
        AutoencoderSpec::new(inputs, &self.layers.0)
            .hidden(self.hidden.activation())
            .code(self.code.activation())
            .loss(self.loss)
            .tied(self.tied)
            .noise(self.noise)
            .penalties(Penalties {
                sparse: self.sparse.zip(self.sparse_cost),
                contractive: self.contractive,
            })
    }

    /// How the whole is trained.
    pub(super) fn fine_tuning(&self) -> FineTuning<'_> {
        fine_tuning!(self, self.optimizer)
    }

    /// How a level is trained as a machine.
    pub(super) fn greedy(&self) -> Greedy<'_> {
        greedy!(self)
    }

    /// How a level is trained as an autoencoder.
    pub fn shallow_training(&self, level: u8) -> BackpropagationConfig {
        let rate = self.pretrain_learning_rate.clone().unwrap_or(Schedule::constant(1e-3));
        BackpropagationConfig {
            epochs: self.pretrain_epochs,
            batch: self.pretrain_batch,
            learning_rate: rate,
            optimizer: Optimizer::adam(),
            weight_decay: self.weight_decay,
            seed: self.seed,
            level,
            ..BackpropagationConfig::default()
        }
    }
}
