//! The settings of a classifier's training: from the command line, then a file, then the model's defaults.

use std::path::Path;

use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::super::args::{HowOptions, whole};
use super::super::config::{RunRecord, recorded};
use super::super::resume::{check_same, check_schedules};
use super::file::load;
use crate::data::{Holdout, PictureInput};
use crate::device::DEVICE_VARIABLE;
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::layers::{Initialization, LayerSpec};
use crate::models::lenet5;
use crate::models::network::{NetworkSpec, OutputSpec};
use crate::training::{BackpropagationConfig, Distortion, Optimizer, Schedule};

/// What `train` trains, beside machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NetworkKind {
    #[serde(rename = "lenet5")]
    Lenet5,
    #[serde(rename = "lenet5-modern")]
    Lenet5Modern,
    #[serde(rename = "cnn")]
    Cnn,
}

impl NetworkKind {
    pub fn name(self) -> &'static str {
        match self {
            NetworkKind::Lenet5 => "lenet5",
            NetworkKind::Lenet5Modern => "lenet5-modern",
            NetworkKind::Cnn => "cnn",
        }
    }
}

/// Output units by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OutputName {
    /// Euclidean radial basis functions on bitmaps of the digits, as published
    Rbf,
    /// Softmax
    Softmax,
}

/// Optimisers by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OptimizerName {
    /// Steepest descent with momentum
    Sgd,
    /// Adam
    Adam,
}

/// A network in a settings file, `[network]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkTable {
    /// Where weights start; by the activations, where it is not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    initialization: Option<Initialization>,
    #[serde(default)]
    output: OutputSpec,
    layers: Vec<LayerSpec>,
}

/// Every setting is optional here: what is not given comes from --config, then from the defaults. The same
/// names stand in a settings file, with _ for -.
#[derive(Args, Debug, Clone, Default, Serialize, Deserialize)]
#[command(allow_negative_numbers = true)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkOptions {
    /// Which model; recorded, not read from the command line.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<NetworkKind>,
    /// digits or fashion (bundled), a folder in MNIST's naming with labels
    /// [default: digits]
    #[arg(long, value_name = "DATA")]
    pub data: Option<String>,
    /// What follows the last layer [default: lenet5 rbf, else softmax]
    #[arg(long, value_enum, value_name = "UNITS")]
    pub output: Option<OutputName>,
    /// j of the radial basis functions' loss y_D + ln(e^-j + sum of e^-y_i) [default: 10]
    #[arg(long, value_name = "J")]
    pub rbf_j: Option<f32>,
    /// Passes over the training cases [default: 20; bundled digits 60, fashion 40]
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub epochs: Option<u64>,
    /// Cases per update [default: 64]
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub batch: Option<usize>,
    /// How gradients change weights [default: adam]
    #[arg(long, value_enum, value_name = "NAME")]
    pub optimizer: Option<OptimizerName>,
    /// Of the mean gradient; or a schedule: 0.1,20:0.01 (0.01 after epoch 20), 0.1..0.001 (linear)
    /// [default: adam 0.002..0.00002, sgd 0.05..0.0005, with rbf outputs 0.0005..0.000005]
    #[arg(long, value_name = "X")]
    pub learning_rate: Option<Schedule>,
    /// Of sgd, in [0, 1), or a schedule [default: 0.9]
    #[arg(long, value_name = "X")]
    pub momentum: Option<Schedule>,
    /// Nesterov's momentum, with sgd
    #[arg(long, num_args = 0..=1, default_missing_value = "true", value_name = "BOOL")]
    pub nesterov: Option<bool>,
    /// Decay of the weights, not of biases: of adam apart from the gradient, of sgd L2
    /// [default: adam 0.05, sgd 5e-4]
    #[arg(long, value_name = "X")]
    pub weight_decay: Option<f32>,
    /// Distort training pictures anew in each epoch: any of shift, rotate, scale, shear, with the largest
    /// amount where the default is not wanted: shift=2,rotate=10,scale=0.15,shear=0.15 (pixels, degrees,
    /// factor 1 +- that, pixels per row) [default: none]
    #[arg(long, value_name = "LIST")]
    pub augment: Option<Distortion>,
    /// Hold out this fraction (below 1) or number of training cases; the model that is best on them is kept;
    /// 0 holds out none and keeps the last [default: 0.1]
    #[arg(long, value_name = "X")]
    pub validation: Option<String>,
    /// Stop once so many epochs brought no better error on the cases held out; 0 never stops [default: 0]
    #[arg(long, value_name = "N", value_parser = whole::<u64>)]
    pub patience: Option<u64>,
    /// Use the first N training cases only
    #[arg(long, value_name = "N", value_parser = whole::<usize>)]
    pub limit: Option<usize>,
    /// Of weights, order, distortions and dropped units [default: 1]
    #[arg(long, value_name = "S", value_parser = whole::<u64>)]
    pub seed: Option<u64>,
    /// auto (a hardware GPU, else the CPU), cpu, vulkan, gl, metal, dx12, an index of `harmonium devices`,
    /// or a part of an adapter's name [default: auto]
    #[arg(long, value_name = "DEVICE", env = DEVICE_VARIABLE)]
    pub device: Option<String>,
    /// What is done to pictures first, `[input]` of a settings file.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub input: Option<PictureInput>,
    /// The network of `cnn`, `[network]` of a settings file.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkTable>,
    /// What a run records beside its settings; no setting.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "recorded")]
    pub run: Option<RunRecord>,
    #[command(flatten)]
    #[serde(skip)]
    pub how: HowOptions,
}

/// Every setting of a run, with a value.
#[derive(Debug, Clone)]
pub struct Settings {
    pub kind: NetworkKind,
    pub data: String,
    pub training: BackpropagationConfig,
    pub output: OutputSpec,
    pub input: Option<PictureInput>,
    pub network: Option<NetworkTable>,
    /// Held out; `None` for none. Whether the user asked for it.
    pub validation: (Option<Holdout>, bool),
    /// Epochs without a better error before training stops; 0 for never.
    pub patience: u64,
    pub limit: Option<usize>,
    pub device: String,
    /// All of it as a file that `--config` reads.
    file: NetworkOptions,
}

impl NetworkOptions {
    fn table(&self) -> Result<toml::Table> {
        toml::Table::try_from(self).map_err(|e| Error::setting("settings", e.to_string()))
    }

    /// These settings, and where they say nothing those of `other`.
    fn over(&self, other: &NetworkOptions) -> Result<Self> {
        let mut table = other.table()?;
        table.extend(self.table()?);
        let merged: NetworkOptions =
            table.try_into().map_err(|e| Error::setting("settings", e.to_string()))?;
        Ok(NetworkOptions { how: self.how.clone(), ..merged })
    }

    fn asked(&self) -> Result<Self> {
        match &self.how.config {
            None => Ok(self.clone()),
            Some(path) => {
                let mut file: Self = load(path)?;
                file.run = None;
                self.over(&file)
            }
        }
    }
}

impl Settings {
    /// The settings that the command line asks for.
    pub fn resolve(kind: NetworkKind, options: &NetworkOptions) -> Result<Self> {
        Self::from_options(kind, options.asked()?)
    }

    /// The settings of the run in `path`, what it recorded, and whether its epochs grow. What the command
    /// line asks for may not differ from it, the epochs excepted.
    pub fn resume(
        kind: NetworkKind,
        options: &NetworkOptions,
        path: &Path,
    ) -> Result<(Self, Option<RunRecord>, bool)> {
        let mut file = load::<NetworkOptions>(&path.join(crate::run::CONFIG))?;
        let record = file.run.take();
        let old = Self::from_options(kind, file.clone())?;
        let mut new = Self::from_options(kind, options.asked()?.over(&file)?)?;
        let (before, now) = (old.file.table()?, new.file.table()?);
        let epochs = (old.training.epochs, new.training.epochs);
        check_same(path, (&before, &now), epochs)?;
        let mut schedules = vec![("learning-rate", &new.training.learning_rate)];
        if let Optimizer::Sgd { momentum, .. } = &new.training.optimizer {
            schedules.push(("momentum", momentum));
        }
        check_schedules(path, epochs, &schedules)?;
        // A set too small to be split is not split now either.
        new.validation.1 = record.as_ref().is_none_or(|r| r.validation_cases > 0);
        Ok((new, record, epochs.0 != epochs.1))
    }

    /// All settings as a file that `--config` reads.
    pub fn to_file(&self, run: Option<RunRecord>) -> NetworkOptions {
        NetworkOptions { run, ..self.file.clone() }
    }

    /// A fingerprint of all settings but the epochs.
    pub fn fingerprint(&self) -> Result<String> {
        let mut table = self.file.table()?;
        table.remove("epochs");
        Ok(crate::run::checkpoint::fingerprint(&table.to_string()))
    }

    fn from_options(kind: NetworkKind, o: NetworkOptions) -> Result<Self> {
        if let Some(recorded) = o.model
            && recorded != kind
        {
            let of = recorded.name();
            let detail =
                format!("the settings are of {of}, not of {}; use train {of}", kind.name());
            return Err(Error::setting("model", detail));
        }
        check_network(kind, &o)?;
        let data = o.data.clone().unwrap_or_else(|| "digits".into());
        let optimizer_name = o.optimizer.unwrap_or(OptimizerName::Adam);
        let output = output(kind, &o)?;
        let rbf = match &o.network {
            Some(table) => matches!(table.output, OutputSpec::Rbf { .. }),
            None => matches!(output, OutputSpec::Rbf { .. }),
        };
        let (optimizer, default_rate) = optimizer(optimizer_name, &o, rbf)?;
        let input = o.input.or(match kind {
            NetworkKind::Cnn => None,
            _ => Some(PictureInput::lenet5()),
        });
        input.as_ref().map_or(Ok(()), PictureInput::check)?;
        let background = input.map_or(PictureInput::lenet5().background, |i| i.background);
        let distorted = o.augment.filter(|d| *d != Distortion::default());
        let training = BackpropagationConfig {
            epochs: o.epochs.unwrap_or(default_epochs(&data)),
            batch: o.batch.unwrap_or(64),
            learning_rate: o.learning_rate.clone().unwrap_or(default_rate),
            optimizer,
            weight_decay: o.weight_decay.unwrap_or(match optimizer_name {
                OptimizerName::Adam => 0.05,
                OptimizerName::Sgd => 5e-4,
            }),
            augment: distorted.map(|d| (d, background)),
            seed: o.seed.unwrap_or(1),
        };
        training.check()?;
        for (name, value) in [("epochs", training.epochs), ("limit", o.limit.unwrap_or(1) as u64)] {
            if value == 0 {
                return Err(Error::setting(name, "0 is too few; use at least 1"));
            }
        }
        if i64::try_from(training.seed).is_err() {
            let detail = format!("{} is above 2^63 - 1", training.seed);
            return Err(Error::setting("seed", detail));
        }
        let held_out = o.validation.clone().unwrap_or_else(|| "0.1".into());
        let validation = match held_out.trim().parse::<f64>() {
            Ok(0.0) => None,
            _ => Some(held_out.trim().parse()?),
        };
        let patience = o.patience.unwrap_or(0);
        if patience > 0 && validation.is_none() {
            let detail = "stops by the error on cases held out, and --validation 0 holds out none";
            return Err(Error::setting("patience", detail));
        }
        let device = o.device.clone().unwrap_or_else(|| "auto".into());
        let (momentum, nesterov) = match &training.optimizer {
            Optimizer::Sgd { momentum, nesterov } => (Some(momentum.clone()), Some(*nesterov)),
            Optimizer::Adam { .. } => (None, None),
        };
        let (output_name, rbf_j) = match (kind, output) {
            (NetworkKind::Cnn, _) => (None, None),
            (_, OutputSpec::Softmax) => (Some(OutputName::Softmax), None),
            (_, OutputSpec::Rbf { j }) => (Some(OutputName::Rbf), Some(j)),
        };
        let file = NetworkOptions {
            model: Some(kind),
            data: Some(data.clone()),
            output: output_name,
            rbf_j,
            epochs: Some(training.epochs),
            batch: Some(training.batch),
            optimizer: Some(optimizer_name),
            learning_rate: Some(training.learning_rate.clone()),
            momentum,
            nesterov,
            weight_decay: Some(training.weight_decay),
            augment: distorted,
            validation: Some(held_out),
            patience: Some(patience),
            limit: o.limit,
            seed: Some(training.seed),
            device: Some(device.clone()),
            input,
            network: o.network.clone(),
            run: None,
            how: HowOptions::default(),
        };
        Ok(Settings {
            kind,
            data,
            training,
            output,
            input,
            network: o.network,
            validation: (validation, o.validation.is_some()),
            patience,
            limit: o.limit,
            device,
            file,
        })
    }

    /// The network for pictures that become `input`, of so many classes.
    pub fn spec(&self, input: &PictureInput, classes: usize) -> Result<NetworkSpec> {
        let mut spec = match (self.kind, &self.network) {
            (NetworkKind::Lenet5, _) => lenet5::published(self.output, classes),
            (NetworkKind::Lenet5Modern, _) => lenet5::modern(classes),
            (NetworkKind::Cnn, Some(table)) => NetworkSpec {
                input: input.shape()?,
                classes,
                initialization: table.initialization.unwrap_or_else(|| by_layers(&table.layers)),
                output: table.output,
                layers: table.layers.clone(),
            },
            (NetworkKind::Cnn, None) => return Err(no_network()),
        };
        spec.input = input.shape()?;
        Ok(spec)
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
    let rectifies = |layer: &LayerSpec| match layer {
        LayerSpec::Linear { activation, .. }
        | LayerSpec::Conv { activation, .. }
        | LayerSpec::Subsample { activation, .. } => *activation == Activation::Relu,
        LayerSpec::Activation { function } => *function == Activation::Relu,
        _ => false,
    };
    match layers.iter().any(rectifies) {
        true => Initialization::He,
        false => Initialization::Glorot,
    }
}

fn check_network(kind: NetworkKind, o: &NetworkOptions) -> Result<()> {
    match (kind, &o.network) {
        (NetworkKind::Cnn, None) => Err(no_network()),
        (NetworkKind::Cnn, Some(_)) if o.output.is_some() || o.rbf_j.is_some() => {
            let detail = "of cnn stand in its file: output = { type = \"softmax\" } in [network]";
            Err(Error::setting("output and rbf-j", detail))
        }
        (NetworkKind::Lenet5 | NetworkKind::Lenet5Modern, Some(_)) => {
            let detail = format!("{} has its own layers; use train cnn", kind.name());
            Err(Error::setting("network", detail))
        }
        (NetworkKind::Lenet5Modern, _) if o.output == Some(OutputName::Rbf) => {
            Err(Error::setting("output", "rbf is lenet5's; lenet5-modern has softmax units"))
        }
        _ => Ok(()),
    }
}

fn output(kind: NetworkKind, o: &NetworkOptions) -> Result<OutputSpec> {
    let name = o.output.unwrap_or(match kind {
        NetworkKind::Lenet5 => OutputName::Rbf,
        _ => OutputName::Softmax,
    });
    match (name, o.rbf_j) {
        (OutputName::Softmax, Some(_)) => {
            Err(Error::setting("rbf-j", "belongs to --output rbf, and the output is softmax"))
        }
        (OutputName::Softmax, None) => Ok(OutputSpec::Softmax),
        (OutputName::Rbf, Some(j)) if !j.is_finite() => {
            Err(Error::setting("rbf-j", format!("{j} is not finite")))
        }
        (OutputName::Rbf, j) => Ok(OutputSpec::Rbf { j: j.unwrap_or(lenet5::J) }),
    }
}

fn optimizer(name: OptimizerName, o: &NetworkOptions, rbf: bool) -> Result<(Optimizer, Schedule)> {
    match name {
        OptimizerName::Adam => {
            for (setting, given) in
                [("momentum", o.momentum.is_some()), ("nesterov", o.nesterov == Some(true))]
            {
                if given {
                    let detail = "belongs to --optimizer sgd, and the optimizer is adam";
                    return Err(Error::setting(setting, detail));
                }
            }
            Ok((Optimizer::adam(), Schedule::Linear(2e-3, 2e-5)))
        }
        OptimizerName::Sgd => {
            let momentum = o.momentum.clone().unwrap_or(Schedule::constant(0.9));
            let nesterov = o.nesterov.unwrap_or(false);
            // Squared distances of 84 units have gradients that are some hundred times as large.
            let default = match rbf {
                true => Schedule::Linear(5e-4, 5e-6),
                false => Schedule::Linear(0.05, 5e-4),
            };
            Ok((Optimizer::Sgd { momentum, nesterov }, default))
        }
    }
}

/// The bundled sets are small.
fn default_epochs(data: &str) -> u64 {
    match data {
        "digits" => 60,
        "fashion" => 40,
        _ => 20,
    }
}
