//! The settings of `train autoencoder`.

use toml::Table;

use super::kinds::{FineTuning, LayerUnits, Layers, LevelData, Pretraining};
use crate::data::Reading;
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::jobs::settings::{
    ARRAY, DATA, DEVICE, LABELS, LIMIT, SCALE, SEED, VALIDATION, Validation, real, text, whole,
    word,
};
use crate::models::UnitKind;
use crate::models::autoencoder::{AutoencoderSpec, Noise, Penalties, ReconstructionLoss};
use crate::run::settings::{Default, Setting, Settings, resolve, settings};
use crate::training::{BackpropagationConfig, CdConfig, Optimizer, Schedule, ranges};

settings! {
    /// The settings of a deep autoencoder's training.
    pub struct AutoencoderSettings {
        model: String = Setting { default: Default::Is("autoencoder"), ..Setting::NEW };
        data: String = DATA;
        labels: Option<String> = LABELS;
        array: Option<String> = ARRAY;
        scale: Option<f32> = SCALE;
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
        tied: bool = Setting {
            value: "BOOL",
            help: "The decoder's weights are the encoder's, transposed, and stay so",
            alone: Some("true"),
            default: Default::By("", |_| Some(false.into())),
            ..Setting::NEW
        };
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
        pretrain_epochs: u64 = Setting {
            value: "N",
            help: "Of each level",
            default: Default::By("10; bundled digits 20", |t| {
                whole(if text(t, "data") == "digits" { 20 } else { 10 })
            }),
            range: Some(Interval::COUNT),
            ..Setting::NEW
        };
        pretrain_learning_rate: Option<Schedule> = Setting {
            value: "X",
            help: "Of every level: a number or a schedule",
            default: Default::None(
                "0.1 between bernoulli units; beside gaussian ones 0.001, bundled digits 0.03; autoencoders 0.001, by adam",
            ),
            range: Some(ranges::LEARNING_RATE),
            ..Setting::NEW
        };
        pretrain_momentum: Schedule = Setting {
            value: "X",
            help: "Of machines: a number or a schedule",
            default: Default::Is("0.5,5:0.9"),
            range: Some(ranges::MEMORY),
            ..Setting::NEW
        };
        pretrain_weight_decay: f32 = Setting {
            value: "X",
            help: "Of machines",
            default: Default::Is("2e-4"),
            range: Some(ranges::WEIGHT_DECAY),
            ..Setting::NEW
        };
        pretrain_cd: Option<u64> = Setting {
            value: "K",
            help: "Machines learn by CD-K",
            default: Default::If("1", |t| !t.contains_key("pretrain_pcd")),
            range: Some(ranges::STEPS),
            group: "model's term",
            ..Setting::NEW
        };
        pretrain_pcd: Option<u64> = Setting {
            value: "K",
            help: "Machines learn by PCD-K [K: 1]",
            range: Some(ranges::STEPS),
            group: "model's term",
            alone: Some("1"),
            ..Setting::NEW
        };
        level_data: LevelData = Setting {
            value: "WHAT",
            help: "What a level learns from: means of the units below, or samples of their states, drawn in each epoch",
            choices: &["means", "samples"],
            default: Default::Is("means"),
            ..Setting::NEW
        };
        epochs: u64 = Setting {
            value: "N",
            help: "Passes over the training cases, of the whole",
            default: Default::By("20; bundled digits 100", |t| {
                whole(if text(t, "data") == "digits" { 100 } else { 20 })
            }),
            range: Some(Interval::COUNT),
            grows: true,
            ..Setting::NEW
        };
        batch: usize = Setting {
            value: "N",
            help: "Cases per update",
            default: Default::By("100; bundled digits 50", |t| {
                whole(if text(t, "data") == "digits" { 50 } else { 100 })
            }),
            range: Some(ranges::BATCH),
            ..Setting::NEW
        };
        optimizer: FineTuning = Setting {
            value: "NAME",
            help: "How gradients change weights: sgd (steepest descent with momentum) or adam",
            choices: &["sgd", "adam"],
            default: Default::Is("adam"),
            ..Setting::NEW
        };
        learning_rate: Schedule = Setting {
            value: "X",
            help: "Of the mean gradient; or a schedule: 0.1,20:0.01 (0.01 after epoch 20), 0.1..0.001 (linear)",
            default: Default::By("adam 0.002..0.0001, sgd 0.01..0.0005", |t| {
                word(if uses_sgd(t) { "0.01..0.0005" } else { "0.002..0.0001" })
            }),
            range: Some(ranges::LEARNING_RATE),
            ..Setting::NEW
        };
        momentum: Option<Schedule> = Setting {
            value: "X",
            help: "Of sgd: a number or a schedule",
            default: Default::If("0.9", uses_sgd),
            range: Some(ranges::MEMORY),
            ..Setting::NEW
        };
        weight_decay: f32 = Setting {
            value: "X",
            help: "Decay of the weights, not of biases: of adam apart from the gradient, of sgd L2",
            default: Default::By("0", |_| real(0.0)),
            range: Some(ranges::WEIGHT_DECAY),
            ..Setting::NEW
        };
        validation: Validation = VALIDATION;
        limit: Option<usize> = LIMIT;
        seed: u64 = Setting { help: "Of weights, order, states and noise", ..SEED };
        device: String = DEVICE;
    }
}

fn uses_sgd(table: &Table) -> bool {
    text(table, "optimizer") == "sgd"
}

impl Settings for AutoencoderSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        if self.optimizer == FineTuning::Adam && self.momentum.is_some() {
            let detail = "belongs to --optimizer sgd, and the optimizer is adam";
            return Err(Error::setting("momentum", detail));
        }
        // Of whatever width: the rest of it is checked here.
        self.spec(1).check()?;
        self.training().check()
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn of_0_1() -> &'static [&'static str] {
        &[]
    }
}

impl AutoencoderSettings {
    /// How the data are read.
    pub fn reading(&self) -> Reading {
        Reading::of(self.labels.clone(), self.array.clone(), self.scale)
    }

    /// The defaults for some data.
    ///
    /// # Errors
    /// None for the defaults.
    pub fn of(data: &str) -> Result<Self> {
        resolve(vec![Table::from_iter([("data".to_string(), data.into())])])
    }

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
    pub fn training(&self) -> BackpropagationConfig {
        let optimizer = match &self.momentum {
            Some(momentum) => Optimizer::Sgd { momentum: momentum.clone(), nesterov: false },
            None => Optimizer::adam(),
        };
        BackpropagationConfig {
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate.clone(),
            optimizer,
            weight_decay: self.weight_decay,
            seed: self.seed,
            ..BackpropagationConfig::default()
        }
    }

    /// How a level is trained as a machine of these units.
    pub fn machine_training(&self, units: [UnitKind; 2], level: u8) -> CdConfig {
        let [visible, hidden] = units;
        let plain = CdConfig::new(visible, hidden);
        let rate = match (&self.pretrain_learning_rate, self.data.as_str()) {
            (Some(rate), _) => rate.clone(),
            // The bundled set is small: at 0.001 its few updates would leave Gaussian units where they began.
            (None, "digits") if units.contains(&UnitKind::Gaussian) => Schedule::constant(0.03),
            (None, _) => plain.learning_rate.clone(),
        };
        plain
            .learning_rate(rate)
            .momentum(self.pretrain_momentum.clone())
            .weight_decay(self.pretrain_weight_decay)
            .batch(self.batch)
            .epochs(self.pretrain_epochs)
            .steps(self.pretrain_cd.or(self.pretrain_pcd).unwrap_or(1))
            .persistent(self.pretrain_pcd.is_some())
            .seed(self.seed)
            .level(level)
    }

    /// How a level is trained as an autoencoder.
    pub fn shallow_training(&self, level: u8) -> BackpropagationConfig {
        let rate = self.pretrain_learning_rate.clone().unwrap_or(Schedule::constant(1e-3));
        BackpropagationConfig {
            epochs: self.pretrain_epochs,
            learning_rate: rate,
            level,
            ..self.training()
        }
        .optimizer(Optimizer::adam())
    }
}
