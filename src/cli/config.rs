//! The settings of a training run: from the command line, then a file, then the defaults.

use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use super::args::TrainRbmOptions;
use super::resume::{check_same, check_schedules};
use crate::data::{Binarize, Cases, Holdout};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::UnitKind;
use crate::run::checkpoint::fingerprint;
use crate::training::{CdConfig, Schedule, Sparsity};

/// Settings as they stand in a file, and as a run's `config.toml` records them: the options of
/// `train rbm`, with _ for -.
#[derive(Debug, Default, Clone, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TrainFile {
    data: Option<String>,
    visible: Option<UnitKind>,
    hidden: Option<usize>,
    cd: Option<u64>,
    pcd: Option<u64>,
    epochs: Option<u64>,
    batch: Option<usize>,
    learning_rate: Option<Schedule>,
    momentum: Option<Schedule>,
    weight_decay: Option<f32>,
    exact_gradient: Option<bool>,
    centered: Option<bool>,
    sparsity_target: Option<f32>,
    sparsity_cost: Option<f32>,
    binarize: Option<String>,
    standardize: Option<bool>,
    limit: Option<usize>,
    validation: Option<String>,
    score_every: Option<u64>,
    seed: Option<u64>,
    device: Option<String>,
    /// What a run records beside its settings; no setting.
    #[serde(skip_serializing_if = "Option::is_none", deserialize_with = "recorded")]
    pub run: Option<RunRecord>,
}

/// What an older run recorded; `None` where it is in another version's words.
pub fn recorded<'de, D: Deserializer<'de>>(
    value: D,
) -> std::result::Result<Option<RunRecord>, D::Error> {
    Ok(toml::Value::deserialize(value)?.try_into().ok())
}

/// Where and with what a run was made.
#[derive(Debug, Clone, Serialize, Deserialize)]
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
    /// Of values and labels; older runs have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_checksum: Option<String>,
}

impl RunRecord {
    /// The record of a run on training cases and cases held out, each with their labels if there are some.
    pub fn new(device: &Device, parts: [Option<(&Cases, &[u32])>; 2]) -> Self {
        let info = device.info();
        let [train, held_out] =
            parts.map(|part| part.map_or([0, 0], |(c, _)| [c.len(), c.width()]));
        let sums =
            parts.map(|part| part.map(|(cases, labels)| (cases.values().checksum(), labels)));
        RunRecord {
            harmonium: env!("CARGO_PKG_VERSION").into(),
            device_name: info.name.clone(),
            backend: info.backend.clone(),
            driver: info.driver.clone(),
            training_cases: train[0],
            validation_cases: held_out[0],
            visible_units: train[1],
            data_checksum: Some(fingerprint(&format!("{sums:?}"))),
        }
    }
}

/// Every setting of a run, with a value.
#[derive(Debug, Clone)]
pub struct Settings {
    pub data: String,
    pub visible: UnitKind,
    pub hidden: usize,
    pub training: CdConfig,
    pub binarize: Option<Binarize>,
    pub standardize: bool,
    /// Epochs between two likelihoods.
    pub score_every: Option<u64>,
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
    /// These settings, and where they say nothing those of `other`.
    fn over(self, other: TrainFile) -> Self {
        // --cd and --pcd replace each other, wherever they come from.
        let (cd, pcd) = match (self.cd, self.pcd) {
            (None, None) => (other.cd, other.pcd),
            asked => asked,
        };
        TrainFile {
            data: self.data.or(other.data),
            visible: self.visible.or(other.visible),
            hidden: self.hidden.or(other.hidden),
            cd,
            pcd,
            epochs: self.epochs.or(other.epochs),
            batch: self.batch.or(other.batch),
            learning_rate: self.learning_rate.or(other.learning_rate),
            momentum: self.momentum.or(other.momentum),
            weight_decay: self.weight_decay.or(other.weight_decay),
            exact_gradient: self.exact_gradient.or(other.exact_gradient),
            centered: self.centered.or(other.centered),
            sparsity_target: self.sparsity_target.or(other.sparsity_target),
            sparsity_cost: self.sparsity_cost.or(other.sparsity_cost),
            binarize: self.binarize.or(other.binarize),
            standardize: self.standardize.or(other.standardize),
            limit: self.limit.or(other.limit),
            validation: self.validation.or(other.validation),
            score_every: self.score_every.or(other.score_every),
            seed: self.seed.or(other.seed),
            device: self.device.or(other.device),
            run: None,
        }
    }

    /// Reads a settings file.
    pub fn load(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        toml::from_str(&text).map_err(|e| {
            let line = e.span().map_or(0, |span| text[..span.start].matches('\n').count() + 1);
            Error::file(path, format!("line {line}"), e.message().replace('\n', "; "))
        })
    }
}

/// What the command line asks for, then what the file that it names does.
fn asked(options: &TrainRbmOptions) -> Result<TrainFile> {
    let o = options.clone();
    let given = TrainFile {
        data: o.data,
        visible: o.visible,
        hidden: o.hidden,
        cd: o.cd,
        pcd: o.pcd.map(|k| k.unwrap_or(1)),
        epochs: o.epochs,
        batch: o.batch,
        learning_rate: o.learning_rate,
        momentum: o.momentum,
        weight_decay: o.weight_decay,
        exact_gradient: o.exact_gradient.then_some(true),
        centered: o.centered.then_some(true),
        sparsity_target: o.sparsity_target,
        sparsity_cost: o.sparsity_cost,
        binarize: o.binarize,
        standardize: o.standardize,
        limit: o.limit,
        validation: o.validation,
        score_every: o.score_every,
        seed: o.seed,
        device: o.device,
        run: None,
    };
    match &options.how.config {
        Some(path) => Ok(given.over(TrainFile::load(path)?)),
        None => Ok(given),
    }
}

impl Settings {
    /// The settings that the command line asks for.
    pub fn resolve(options: &TrainRbmOptions) -> Result<Self> {
        Self::from_file(asked(options)?)
    }

    /// The settings of an older run, of which `recorded` is the file, and whether its epochs grow. What
    /// the command line asks for may not differ from it, the epochs excepted.
    pub fn resume(
        options: &TrainRbmOptions,
        recorded: TrainFile,
        path: &Path,
    ) -> Result<(Self, bool)> {
        let old = Self::from_file(recorded.clone())?;
        let new = Self::from_file(asked(options)?.over(recorded))?;
        let (before, now) = (old.to_table(path)?, new.to_table(path)?);
        let epochs = (old.training.epochs, new.training.epochs);
        check_same(path, (&before, &now), epochs)?;
        let t = &old.training;
        let schedules = [("learning-rate", &t.learning_rate), ("momentum", &t.momentum)];
        check_schedules(path, epochs, &schedules)?;
        Ok((new, epochs.0 != epochs.1))
    }

    /// A fingerprint of all settings but the epochs.
    pub fn fingerprint(&self, path: &Path) -> Result<String> {
        let mut table = self.to_table(path)?;
        table.remove("epochs");
        Ok(fingerprint(&table.to_string()))
    }

    fn to_table(&self, path: &Path) -> Result<toml::Table> {
        toml::Table::try_from(self.to_file(None))
            .map_err(|e| Error::file(path, "settings", e.to_string()))
    }

    fn from_file(file: TrainFile) -> Result<Self> {
        let data = file.data.unwrap_or_else(|| "digits".into());
        let visible = file.visible.unwrap_or_default();
        let mut training = CdConfig::new(visible, UnitKind::Bernoulli);
        (training.steps, training.persistent) = match (file.cd, file.pcd) {
            (Some(_), Some(_)) => {
                return Err(Error::setting("cd and pcd", "exclude each other; keep one"));
            }
            (Some(k), None) => (k, false),
            (None, Some(k)) => (k, true),
            (None, None) => (1, false),
        };
        training.epochs = file.epochs.unwrap_or_else(|| default_epochs(&data));
        training.batch = file.batch.unwrap_or(training.batch);
        training.learning_rate = file.learning_rate.unwrap_or(training.learning_rate);
        training.momentum = file.momentum.unwrap_or(training.momentum);
        training.weight_decay = file.weight_decay.unwrap_or(training.weight_decay);
        training.centered = file.centered.unwrap_or(false);
        training.exact_gradient = file.exact_gradient.unwrap_or(false);
        training.seed = file.seed.unwrap_or(training.seed);
        let cost = file.sparsity_cost.unwrap_or(SPARSITY_COST);
        training.sparsity =
            file.sparsity_target.map(|target| Sparsity { target, cost, decay: 0.9 });
        training.check()?;

        let hidden = file.hidden.unwrap_or(HIDDEN);
        let limit = file.limit;
        for (name, value) in [
            ("hidden", hidden as u64),
            ("limit", limit.unwrap_or(1) as u64),
            ("epochs", training.epochs),
            ("score-every", file.score_every.unwrap_or(1)),
        ] {
            if value == 0 {
                return Err(Error::setting(name, "0 is too few; use at least 1"));
            }
        }
        if i64::try_from(training.seed).is_err() {
            return Err(Error::setting("seed", format!("{} is above 2^63 - 1", training.seed)));
        }
        let standardize = file.standardize;
        let binarize = match file.binarize {
            Some(how) => parse_binarize(&how)?,
            None => default_binarize(&data, visible),
        };
        check_units(visible, binarize, standardize)?;
        let validation = file.validation;
        let explicit = validation.is_some();
        let validation = validation.unwrap_or_else(|| VALIDATION.into());
        Ok(Settings {
            data,
            visible,
            hidden,
            training,
            binarize,
            standardize: standardize.unwrap_or(visible == UnitKind::Gaussian),
            limit,
            score_every: file.score_every,
            validation: (parse_validation(&validation)?, explicit),
            device: file.device.unwrap_or_else(|| "auto".into()),
        })
    }

    /// All settings as a file that `--config` reads.
    pub fn to_file(&self, run: Option<RunRecord>) -> TrainFile {
        let t = &self.training;
        TrainFile {
            data: Some(self.data.clone()),
            visible: Some(self.visible),
            hidden: Some(self.hidden),
            cd: (!t.persistent && !t.exact_gradient).then_some(t.steps),
            pcd: (t.persistent && !t.exact_gradient).then_some(t.steps),
            epochs: Some(t.epochs),
            batch: Some(t.batch),
            learning_rate: Some(t.learning_rate.clone()),
            momentum: Some(t.momentum.clone()),
            weight_decay: Some(t.weight_decay),
            exact_gradient: t.exact_gradient.then_some(true),
            centered: Some(t.centered),
            sparsity_target: t.sparsity.map(|s| s.target),
            sparsity_cost: t.sparsity.map(|s| s.cost),
            binarize: Some(self.binarize.map_or("none".into(), |b| b.to_string())),
            standardize: Some(self.standardize),
            limit: self.limit,
            validation: Some(self.validation.0.map_or("0".into(), |h| h.to_string())),
            score_every: self.score_every,
            seed: Some(t.seed),
            device: Some(self.device.clone()),
            run,
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
fn default_binarize(data: &str, visible: UnitKind) -> Option<Binarize> {
    (data == "digits" && visible == UnitKind::Bernoulli).then_some(Binarize::Threshold(0.5))
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
    visible: UnitKind,
    binarize: Option<Binarize>,
    standardize: Option<bool>,
) -> Result<()> {
    match (visible, binarize, standardize) {
        (UnitKind::Softmax(_), ..) => Err(Error::setting(
            "visible",
            format!("{visible} units are trained by the library alone; use bernoulli or gaussian"),
        )),
        (UnitKind::Gaussian, Some(b), _) => Err(Error::setting(
            "binarize",
            format!(
                "'{b}' makes bits, and the visible units are gaussian; use --visible bernoulli"
            ),
        )),
        (UnitKind::Bernoulli, _, Some(true)) => Err(Error::setting(
            "standardize",
            "standardised values leave [0, 1], and the visible units are bernoulli; use --visible gaussian",
        )),
        _ => Ok(()),
    }
}
