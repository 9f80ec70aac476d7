//! The settings of a training run: from the command line, then a file, then the defaults.

use std::path::Path;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer, Serialize};

use super::args::TrainRbmOptions;
use crate::data::{Binarize, Holdout};
use crate::error::{Error, Result};
use crate::models::VisibleKind;
use crate::training::{CdConfig, Schedule, Sparsity};

/// Settings as they stand in a file, and as a run's `config.toml` records them: the options of
/// `train rbm`, with _ for -.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainFile {
    data: Option<String>,
    visible: Option<VisibleKind>,
    hidden: Option<usize>,
    cd: Option<u64>,
    pcd: Option<u64>,
    epochs: Option<u64>,
    batch: Option<usize>,
    learning_rate: Option<Schedule>,
    momentum: Option<Schedule>,
    weight_decay: Option<f32>,
    centered: Option<bool>,
    sparsity_target: Option<f32>,
    sparsity_cost: Option<f32>,
    binarize: Option<String>,
    standardize: Option<bool>,
    limit: Option<usize>,
    validation: Option<String>,
    seed: Option<u64>,
    device: Option<String>,
    /// What a run records beside its settings; not read.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "unread")]
    pub run: Option<RunRecord>,
}

/// Whatever stands there, in this version's words or another's.
fn unread<'de, D: Deserializer<'de>>(value: D) -> std::result::Result<Option<RunRecord>, D::Error> {
    IgnoredAny::deserialize(value).map(|_| None)
}

/// Where and with what a run was made.
#[derive(Debug, Clone, Serialize)]
pub struct RunRecord {
    /// harmonium's version.
    pub harmonium: String,
    /// The device's full name.
    pub device_name: String,
    /// Its backend.
    pub backend: String,
    /// Its driver.
    pub driver: String,
    /// Cases trained on.
    pub training_cases: usize,
    /// Cases held out.
    pub validation_cases: usize,
    /// Values of a case.
    pub visible_units: usize,
}

/// Every setting of a run, with a value.
#[derive(Debug, Clone)]
pub struct Settings {
    pub data: String,
    pub visible: VisibleKind,
    pub hidden: usize,
    pub training: CdConfig,
    pub binarize: Option<Binarize>,
    pub standardize: bool,
    pub limit: Option<usize>,
    /// Held out; `None` for none. Whether the user asked for it.
    pub validation: (Option<Holdout>, bool),
    pub device: String,
}

/// Hidden units where nothing else is said.
const HIDDEN: usize = 100;
/// The weight of a sparsity target where nothing else is said.
const SPARSITY_COST: f32 = 0.1;
/// Held out where nothing else is said.
const VALIDATION: &str = "0.1";

impl TrainFile {
    /// Reads a settings file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            Error::file(path, format!("line {line}"), e.message().replace('\n', "; "))
        })
    }
}

impl Settings {
    /// The settings that the command line asks for.
    pub fn resolve(options: &TrainRbmOptions) -> Result<Self> {
        let file = match &options.config {
            Some(path) => TrainFile::load(path)?,
            None => TrainFile::default(),
        };
        let data = options.data.clone().or(file.data).unwrap_or_else(|| "digits".into());
        let visible = options.visible.or(file.visible).unwrap_or_default();
        let mut training = CdConfig::for_visible(visible);
        // --cd and --pcd replace each other, wherever they come from.
        let asked = match (options.cd, options.pcd) {
            (None, None) => (file.cd, file.pcd),
            (cd, pcd) => (cd, pcd.map(|k| k.unwrap_or(1))),
        };
        (training.steps, training.persistent) = match asked {
            (Some(_), Some(_)) => {
                return Err(Error::setting("cd and pcd", "exclude each other; keep one"));
            }
            (Some(k), None) => (k, false),
            (None, Some(k)) => (k, true),
            (None, None) => (1, false),
        };
        training.epochs = options.epochs.or(file.epochs).unwrap_or_else(|| default_epochs(&data));
        let batch = options.batch.or(file.batch);
        training.batch = batch.unwrap_or(training.batch);
        let rate = options.learning_rate.clone().or(file.learning_rate);
        training.learning_rate = rate.unwrap_or(training.learning_rate);
        let momentum = options.momentum.clone().or(file.momentum);
        training.momentum = momentum.unwrap_or(training.momentum);
        let decay = options.weight_decay.or(file.weight_decay);
        training.weight_decay = decay.unwrap_or(training.weight_decay);
        training.centered = options.centered || file.centered.unwrap_or(false);
        training.seed = options.seed.or(file.seed).unwrap_or(training.seed);
        let cost = options.sparsity_cost.or(file.sparsity_cost).unwrap_or(SPARSITY_COST);
        training.sparsity = options
            .sparsity_target
            .or(file.sparsity_target)
            .map(|target| Sparsity { target, cost, decay: 0.9 });
        training.check()?;

        let hidden = options.hidden.or(file.hidden).unwrap_or(HIDDEN);
        let limit = options.limit.or(file.limit);
        for (name, value) in [
            ("hidden", hidden as u64),
            ("limit", limit.unwrap_or(1) as u64),
            ("epochs", training.epochs),
        ] {
            if value == 0 {
                return Err(Error::setting(name, "0 is too few; use at least 1"));
            }
        }
        if i64::try_from(training.seed).is_err() {
            return Err(Error::setting("seed", format!("{} is above 2^63 - 1", training.seed)));
        }
        let standardize = options.standardize.or(file.standardize);
        let binarize = match options.binarize.clone().or(file.binarize) {
            Some(how) => parse_binarize(&how)?,
            None => default_binarize(&data, visible),
        };
        check_units(visible, binarize, standardize)?;
        let validation = options.validation.clone().or(file.validation);
        let explicit = validation.is_some();
        let validation = validation.unwrap_or_else(|| VALIDATION.into());
        Ok(Settings {
            data,
            visible,
            hidden,
            training,
            binarize,
            standardize: standardize.unwrap_or(visible == VisibleKind::Gaussian),
            limit,
            validation: (parse_validation(&validation)?, explicit),
            device: options.device.clone().or(file.device).unwrap_or_else(|| "auto".into()),
        })
    }

    /// All settings as a file that `--config` reads.
    pub fn to_file(&self, run: RunRecord) -> TrainFile {
        let t = &self.training;
        TrainFile {
            data: Some(self.data.clone()),
            visible: Some(self.visible),
            hidden: Some(self.hidden),
            cd: (!t.persistent).then_some(t.steps),
            pcd: t.persistent.then_some(t.steps),
            epochs: Some(t.epochs),
            batch: Some(t.batch),
            learning_rate: Some(t.learning_rate.clone()),
            momentum: Some(t.momentum.clone()),
            weight_decay: Some(t.weight_decay),
            centered: Some(t.centered),
            sparsity_target: t.sparsity.map(|s| s.target),
            sparsity_cost: t.sparsity.map(|s| s.cost),
            binarize: Some(self.binarize.map_or("none".into(), |b| b.to_string())),
            standardize: Some(self.standardize),
            limit: self.limit,
            validation: Some(self.validation.0.map_or("0".into(), |h| h.to_string())),
            seed: Some(t.seed),
            device: Some(self.device.clone()),
            run: Some(run),
        }
    }
}

/// The bundled sets are small: more passes give about 3,000 updates.
fn default_epochs(data: &str) -> u64 {
    match data {
        "digits" => 200,
        "fashion" => 150,
        _ => 10,
    }
}

/// The bundled digits are near to black and white.
fn default_binarize(data: &str, visible: VisibleKind) -> Option<Binarize> {
    (data == "digits" && visible == VisibleKind::Bernoulli).then_some(Binarize::Threshold(0.5))
}

fn parse_binarize(text: &str) -> Result<Option<Binarize>> {
    match text.trim() {
        "none" => Ok(None),
        how => how.parse().map(Some).map_err(|_| {
            Error::setting(
                "binarize",
                format!("'{how}' is none of: a threshold in (0, 1], sample, resample, none"),
            )
        }),
    }
}

fn parse_validation(text: &str) -> Result<Option<Holdout>> {
    match text.trim().parse::<f64>() {
        Ok(0.0) => Ok(None),
        _ => text.trim().parse().map(Some),
    }
}

fn check_units(
    visible: VisibleKind,
    binarize: Option<Binarize>,
    standardize: Option<bool>,
) -> Result<()> {
    match (visible, binarize, standardize) {
        (VisibleKind::Gaussian, Some(b), _) => Err(Error::setting(
            "binarize",
            format!(
                "'{b}' makes bits, and the visible units are gaussian; use --visible bernoulli"
            ),
        )),
        (VisibleKind::Bernoulli, _, Some(true)) => Err(Error::setting(
            "standardize",
            "standardised values leave [0, 1], and the visible units are bernoulli; use --visible gaussian",
        )),
        _ => Ok(()),
    }
}
