//! The settings of a classifier's training.

use toml::{Table, Value};

use super::kinds::{NetworkKind, OptimizerName, OutputName};
use super::table::{NetworkTable, wrong_layer};
use crate::data::{PictureInput, Reading};
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::jobs::Data;
use crate::jobs::settings::{
    ARRAY, DATA, DEVICE, LABELS, LIMIT, MEMORY, Memory, REPRODUCIBLE, SCALE, SEED, STREAM,
    VALIDATION, Validation, WEIGHTS, of_optimizers, real, text, uses_sgd, whole, word,
};
use crate::kernels::activation::Activation;
use crate::layers::{Initialization, LayerSpec};
use crate::models::lenet5;
use crate::models::network::{NetworkSpec, OutputSpec};
use crate::run::settings::{Default, LastStage, Setting, Settings, defaults, settings};
use crate::training::{
    Augmentation, BackpropagationConfig, Distortion, Optimizer, Schedule, ranges,
};

settings! {
    /// The settings of a classifier's training.
    pub struct NetworkSettings {
        model: NetworkKind = Setting { default: Default::Is("lenet5"), ..Setting::NEW };
        data: Data = DATA;
        labels: Option<String> = LABELS;
        array: Option<String> = ARRAY;
        scale: Option<f32> = SCALE;
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<String> = WEIGHTS;
        output: Option<OutputName> = Setting {
            value: "UNITS",
            help: "What follows the last layer: rbf (Euclidean radial basis functions on bitmaps of the digits, as \
                   published) or softmax",
            choices: &["rbf", "softmax"],
            default: Default::By("lenet5 rbf, else softmax", |t| match text(t, "model") {
                "lenet5" => word("rbf"),
                "lenet5-modern" => word("softmax"),
                _ => None,
            }),
            ..Setting::NEW
        };
        rbf_j: Option<f32> = Setting {
            value: "J",
            help: "j of the radial basis functions' loss y_D + ln(e^-j + sum of e^-y_i)",
            default: Default::If("10", |t| text(t, "output") == "rbf"),
            idle: |t| {
                let softmax = text(t, "output") == "softmax";
                softmax.then(|| "belongs to --output rbf, and the output is softmax".into())
            },
            ..Setting::NEW
        };
        epochs: u64 = Setting {
            value: "N",
            help: "Passes over the training cases",
            // The bundled sets are small.
            default: Default::By("20; bundled digits 60, fashion 40", |t| match text(t, "data") {
                "digits" => whole(60),
                "fashion" => whole(40),
                _ => whole(20),
            }),
            range: Some(Interval::COUNT),
            grows: true,
            ..Setting::NEW
        };
        batch: usize = Setting {
            value: "N",
            help: "Cases per update",
            range: Some(ranges::BATCH),
            default: Default::Is("64"),
            ..Setting::NEW
        };
        optimizer: OptimizerName = Setting {
            value: "NAME",
            help: "How gradients change weights: sgd (steepest descent with momentum) or adam",
            choices: &["sgd", "adam"],
            default: Default::Is("adam"),
            ..Setting::NEW
        };
        learning_rate: Schedule = Setting {
            value: "X",
            help: "Of the mean gradient; or a schedule: 0.1,20:0.01 (0.01 after epoch 20), 0.1..0.001 (linear)",
            default: Default::By(
                "adam 0.002..0.00002, sgd 0.05..0.0005, with rbf outputs 0.0005..0.000005",
                |t| match text(t, "optimizer") {
                    "adam" => word("0.002..0.00002"),
                    // Squared distances of 84 units have gradients that are some hundred times as large.
                    _ if has_rbf(t) => word("0.0005..0.000005"),
                    _ => word("0.05..0.0005"),
                },
            ),
            range: Some(ranges::LEARNING_RATE),
            ..Setting::NEW
        };
        momentum: Option<Schedule> = Setting {
            value: "X",
            help: "Of sgd: a number or a schedule",
            default: Default::If("0.9", uses_sgd),
            range: Some(ranges::MEMORY),
            idle: |t| of_optimizers(t, &["sgd"], "--optimizer sgd"),
            ..Setting::NEW
        };
        nesterov: Option<bool> = Setting {
            value: "BOOL",
            help: "Nesterov's momentum, with sgd",
            alone: Some("true"),
            default: Default::By("", |t| uses_sgd(t).then(|| false.into())),
            idle: |t| of_optimizers(t, &["sgd"], "--optimizer sgd"),
            ..Setting::NEW
        };
        weight_decay: f32 = Setting {
            value: "X",
            help: "Decay of the weights, not of biases: of adam apart from the gradient, of sgd L2",
            default: Default::By("adam 0.05, sgd 5e-4", |t| {
                real(if uses_sgd(t) { 5e-4 } else { 0.05 })
            }),
            range: Some(ranges::WEIGHT_DECAY),
            ..Setting::NEW
        };
        augment: Option<Distortion> = Setting {
            value: "LIST",
            help: "Distort training pictures anew in each epoch: any of shift, rotate, scale, shear, with the largest \
                   amount where the default is not wanted: shift=2,rotate=10,scale=0.15,shear=0.15 (pixels, degrees, \
                   factor 1 +- that, pixels per row)",
            default: Default::None("none"),
            ..Setting::NEW
        };
        validation: Validation = Setting {
            help: "Hold out this fraction (below 1) or number of training cases; the model that is best on them is \
                   kept; 0 holds out none and keeps the last",
            ..VALIDATION
        };
        patience: u64 = Setting {
            value: "N",
            help: "Stop once so many epochs brought no better model on the cases held out (a lower error, or the same \
                   error with a lower loss); 0 never stops",
            default: Default::Is("0"),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stream: bool = STREAM;
        #[serde(default, skip_serializing_if = "Memory::is_default")]
        memory: Memory = MEMORY;
        limit: Option<usize> = LIMIT;
        seed: u64 = Setting { help: "Of weights, order, distortions and dropped units", ..SEED };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reproducible: bool = REPRODUCIBLE;
        device: String = DEVICE;
        input: Option<PictureInput> = Setting {
            default: Default::By("", |t| match text(t, "model") {
                "cnn" => None,
                _ => Value::try_from(PictureInput::lenet5()).ok(),
            }),
            ..Setting::NEW
        };
        network: Option<NetworkTable> = Setting { explain: wrong_layer, ..Setting::NEW };
    }
}

/// Whether the output units are radial basis functions.
fn has_rbf(table: &Table) -> bool {
    let own = table.get("network").and_then(|n| n.get("output")).and_then(|o| o.get("type"));
    text(table, "output") == "rbf" || own.and_then(Value::as_str) == Some("rbf")
}

impl NetworkSettings {
    /// The defaults of `lenet5` or `lenet5-modern` for some data: their name, or sets in memory. For layers of one's own
    /// (`cnn`) a settings file says them: [`read_file`](crate::run::settings::read_file).
    ///
    /// # Errors
    /// [`Error::Setting`] for `cnn`.
    pub fn of(model: NetworkKind, data: impl Into<Data>) -> Result<Self> {
        let data = data.into();
        let usual: Self = defaults([("model", model.name()), ("data", data.name())])?;
        Ok(NetworkSettings { data, ..usual })
    }
}

impl Settings for NetworkSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        self.check_network()?;
        self.input.as_ref().map_or(Ok(()), PictureInput::check)?;
        if self.patience > 0 && self.validation == Validation::None {
            let detail = "stops by the error on cases held out, and --validation 0 holds out none";
            return Err(Error::setting("patience", detail));
        }
        if self.optimizer == OptimizerName::Adam {
            let given =
                [("momentum", self.momentum.is_some()), ("nesterov", self.nesterov == Some(true))];
            if let Some((setting, _)) = given.iter().find(|(_, given)| *given) {
                let detail = "belongs to --optimizer sgd, and the optimizer is adam";
                return Err(Error::setting(*setting, detail));
            }
        }
        self.training().check()
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn reproducible(&self) -> bool {
        self.reproducible
    }

    fn last_stage(&self) -> LastStage {
        LastStage::of(self.epochs, Some(self.learning_rate.clone()))
    }

    fn of_0_1() -> &'static [&'static str] {
        &[
            "model",
            "data",
            "output",
            "rbf_j",
            "epochs",
            "batch",
            "optimizer",
            "learning_rate",
            "momentum",
            "nesterov",
            "weight_decay",
            "augment",
            "validation",
            "patience",
            "limit",
            "seed",
            "device",
            "input",
            "network",
        ]
    }
}

impl NetworkSettings {
    /// How the data are read.
    pub fn reading(&self) -> Reading {
        Reading::of(self.labels.clone(), self.array.clone(), self.scale)
    }

    /// How the network is trained.
    pub fn training(&self) -> BackpropagationConfig {
        let background = self.input.unwrap_or(PictureInput::lenet5()).background;
        let distorted = self.augment.filter(|d| *d != Distortion::default());
        BackpropagationConfig {
            epochs: self.epochs,
            batch: self.batch,
            learning_rate: self.learning_rate.clone(),
            optimizer: match self.optimizer {
                OptimizerName::Adam => Optimizer::adam(),
                OptimizerName::Sgd => Optimizer::Sgd {
                    momentum: self.momentum.clone().unwrap_or(Schedule::constant(0.9)),
                    nesterov: self.nesterov.unwrap_or(false),
                },
            },
            weight_decay: self.weight_decay,
            augment: distorted.map(|distortion| Augmentation {
                distortion,
                background,
                picture: None,
            }),
            seed: self.seed,
            level: 0,
        }
    }

    /// The network for pictures that become `input`, of so many classes.
    ///
    /// # Errors
    /// [`Error::Setting`] where a `cnn` has no description.
    pub fn spec(&self, input: &PictureInput, classes: usize) -> Result<NetworkSpec> {
        let mut spec = match (self.model, &self.network) {
            (NetworkKind::Lenet5, _) => lenet5::published(self.output_spec(), classes),
            (NetworkKind::Lenet5Modern, _) => lenet5::modern(classes),
            (NetworkKind::Cnn, Some(table)) => {
                let start = table.initialization.unwrap_or_else(|| by_layers(&table.layers));
                let spec = NetworkSpec::new(input.shape()?, classes);
                let spec = spec.initialization(start).output(table.output);
                table.layers.iter().cloned().fold(spec, NetworkSpec::layer)
            }
            (NetworkKind::Cnn, None) => return Err(no_network()),
        };
        spec.input = input.shape()?;
        Ok(spec)
    }

    fn output_spec(&self) -> OutputSpec {
        match self.output {
            Some(OutputName::Rbf) => OutputSpec::Rbf { j: self.rbf_j.unwrap_or(lenet5::J) },
            _ => OutputSpec::Softmax,
        }
    }

    fn check_network(&self) -> Result<()> {
        let units = self.output.is_some() || self.rbf_j.is_some();
        match (self.model, &self.network) {
            (NetworkKind::Cnn, None) => return Err(no_network()),
            (NetworkKind::Cnn, Some(table)) if table.layers.is_empty() => {
                let detail = "there is no layer; give at least one [[network.layers]]";
                return Err(Error::setting("network", detail));
            }
            (NetworkKind::Cnn, Some(_)) if units => {
                let detail =
                    "of cnn stand in its file: output = { type = \"softmax\" } in [network]";
                return Err(Error::setting("output and rbf-j", detail));
            }
            (NetworkKind::Lenet5 | NetworkKind::Lenet5Modern, Some(_)) => {
                let detail = format!("{} has its own layers; use train cnn", self.model.name());
                return Err(Error::setting("network", detail));
            }
            (NetworkKind::Lenet5Modern, _) if self.output == Some(OutputName::Rbf) => {
                let detail = "rbf is lenet5's; lenet5-modern has softmax units";
                return Err(Error::setting("output", detail));
            }
            _ => {}
        }
        match (self.output, self.rbf_j) {
            (Some(OutputName::Softmax), Some(_)) => {
                let detail = "belongs to --output rbf, and the output is softmax";
                Err(Error::setting("rbf-j", detail))
            }
            (_, Some(j)) if !j.is_finite() => {
                Err(Error::setting("rbf-j", format!("{j} is not finite")))
            }
            _ => Ok(()),
        }
    }
}

fn no_network() -> Error {
    Error::setting(
        "network",
        "train cnn needs a description of its layers: --config FILE.toml with [[network.layers]]; \
         recipes/cnn-fashion.toml is one",
    )
}

/// Normal weights for rectifiers, uniform ones for what squashes.
fn by_layers(layers: &[LayerSpec]) -> Initialization {
    let rectifies = |layer: &LayerSpec| layer.activation() == Some(Activation::Relu);
    match layers.iter().any(rectifies) {
        true => Initialization::He,
        false => Initialization::Glorot,
    }
}
