//! The settings of `train rbm`.

use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::jobs::settings::{
    BinarizeHow, DEVICE, LIMIT, SEED, VALIDATION, Validation, at_least_one, check_seed, real, text,
    whole, word,
};
use crate::models::UnitKind;
use crate::run::settings::{Setting, Settings, resolve, settings};
use crate::training::{CdConfig, Schedule, Sparsity};

settings! {
    /// The settings of a restricted Boltzmann machine's training.
    pub struct RbmSettings {
        model: String = Setting { fill: |_| word("rbm"), ..Setting::NEW };
        data: String = Setting {
            value: "DATA",
            help: "digits or fashion (bundled), a folder in MNIST's naming, or a file: idx, idx.gz, npy, csv, png",
            default: "digits",
            fill: |_| word("digits"),
            ..Setting::NEW
        };
        visible: UnitKind = Setting {
            value: "KIND",
            help: "bernoulli (values in [0, 1]) or gaussian (real values, unit variance)",
            default: "bernoulli",
            fill: |_| word("bernoulli"),
            ..Setting::NEW
        };
        hidden: usize = Setting {
            value: "N",
            help: "Hidden units",
            default: "100",
            fill: |_| whole(100),
            ..Setting::NEW
        };
        cd: Option<u64> = Setting {
            value: "K",
            help: "CD-K: the model's term after K Gibbs steps from the data",
            default: "1",
            group: "model's term",
            fill: |t| {
                let exact = t.get("exact_gradient").and_then(Value::as_bool) == Some(true);
                if exact || t.contains_key("pcd") { None } else { whole(1) }
            },
            ..Setting::NEW
        };
        pcd: Option<u64> = Setting {
            value: "K",
            help: "PCD-K: persistent chains, as many as the batch, moved K steps an update [K: 1]",
            group: "model's term",
            alone: Some("1"),
            ..Setting::NEW
        };
        epochs: u64 = Setting {
            value: "N",
            help: "Passes over the training cases",
            default: "10; bundled digits 200, fashion 150",
            // The bundled sets are small: more passes give about 3,000 updates.
            fill: |t| match text(t, "data") {
                "digits" => whole(200),
                "fashion" => whole(150),
                _ => whole(10),
            },
            grows: true,
            ..Setting::NEW
        };
        batch: usize = Setting {
            value: "N",
            help: "Cases per update",
            default: "100",
            fill: |_| whole(100),
            ..Setting::NEW
        };
        learning_rate: Schedule = Setting {
            value: "X",
            help: "Per update, of mean gradients; or a schedule: 0.1,20:0.01 (0.01 after epoch 20), 0.1..0.001 \
                   (linear)",
            default: "0.1; gaussian 0.001",
            fill: |t| word(if is_gaussian(t) { "0.001" } else { "0.1" }),
            ..Setting::NEW
        };
        momentum: Schedule = Setting {
            value: "X",
            help: "In [0, 1), or a schedule",
            default: "0.5,5:0.9",
            fill: |_| word("0.5,5:0.9"),
            ..Setting::NEW
        };
        weight_decay: f32 = Setting {
            value: "X",
            help: "L2 decay of the weights",
            default: "1e-4",
            fill: |_| real(1e-4),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        exact_gradient: bool = Setting {
            value: "BOOL",
            help: "The exact gradient by enumeration instead of chains: up to 20 units in the smaller layer \
                   (gaussian: in the hidden one)",
            group: "model's term",
            alone: Some("true"),
            ..Setting::NEW
        };
        centered: bool = Setting {
            value: "BOOL",
            help: "Centre the units' states (Melchior et al. 2016)",
            alone: Some("true"),
            fill: |_| Some(false.into()),
            ..Setting::NEW
        };
        sparsity_target: Option<f32> = Setting {
            value: "P",
            help: "Mean activity towards which hidden units are drawn, in (0, 1)",
            default: "no target",
            ..Setting::NEW
        };
        sparsity_cost: Option<f32> = Setting {
            value: "X",
            help: "Weight of the sparsity target",
            default: "0.1",
            fill: |t| t.contains_key("sparsity_target").then(|| real(0.1)).flatten(),
            requires: "sparsity_target",
            ..Setting::NEW
        };
        binarize: BinarizeHow = Setting {
            value: "HOW",
            help: "0.5 (or any threshold: x >= it), sample (once, x is a probability), resample (in each epoch), or \
                   none: train on the values as probabilities",
            default: "none; bundled digits 0.5",
            // The bundled digits are near to black and white.
            fill: |t| word(match text(t, "data") {
                "digits" if !is_gaussian(t) => "0.5",
                _ => "none",
            }),
            ..Setting::NEW
        };
        standardize: bool = Setting {
            value: "BOOL",
            help: "Bring each column to mean 0 and deviation 1 over the training cases",
            default: "true for gaussian",
            alone: Some("true"),
            fill: |t| Some(is_gaussian(t).into()),
            ..Setting::NEW
        };
        limit: Option<usize> = LIMIT;
        validation: Validation = VALIDATION;
        score_every: Option<u64> = Setting {
            value: "N",
            help: "Put the log-likelihood of held out cases into metrics.jsonl every N epochs: exact up to 20 units \
                   in the smaller layer, else by annealed importance sampling (1000 temperature steps, 100 chains)",
            default: "never",
            ..Setting::NEW
        };
        seed: u64 = Setting { help: "Of weights, order, states and noise", ..SEED };
        device: String = DEVICE;
    }
}

fn is_gaussian(table: &Table) -> bool {
    text(table, "visible") == "gaussian"
}

impl Settings for RbmSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        at_least_one(&[
            ("hidden", self.hidden as u64),
            ("cd", self.cd.or(self.pcd).unwrap_or(1)),
            ("limit", self.limit.unwrap_or(1) as u64),
            ("epochs", self.epochs),
            ("score-every", self.score_every.unwrap_or(1)),
        ])?;
        check_seed(self.seed)?;
        if self.sparsity_cost.is_some() && self.sparsity_target.is_none() {
            return Err(Error::setting("sparsity-cost", "means nothing without sparsity-target"));
        }
        match (self.visible, self.binarize.0, self.standardize) {
            (kind @ UnitKind::Softmax(_), ..) => {
                let detail = format!(
                    "{kind} units are trained by the library alone; use bernoulli or gaussian"
                );
                return Err(Error::setting("visible", detail));
            }
            (UnitKind::Gaussian, Some(how), _) => {
                let detail = format!(
                    "'{how}' makes bits, and the visible units are gaussian; use --visible bernoulli"
                );
                return Err(Error::setting("binarize", detail));
            }
            (UnitKind::Bernoulli, _, true) => {
                let detail = "standardised values leave [0, 1], and the visible units are bernoulli; use --visible \
                              gaussian";
                return Err(Error::setting("standardize", detail));
            }
            _ => {}
        }
        self.training().check()
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn of_0_1() -> &'static [&'static str] {
        &[
            "data",
            "visible",
            "hidden",
            "cd",
            "pcd",
            "epochs",
            "batch",
            "learning_rate",
            "momentum",
            "weight_decay",
            "exact_gradient",
            "centered",
            "sparsity_target",
            "sparsity_cost",
            "binarize",
            "standardize",
            "limit",
            "validation",
            "score_every",
            "seed",
            "device",
        ]
    }
}

impl RbmSettings {
    /// The defaults for some data.
    ///
    /// # Errors
    /// None for the defaults.
    pub fn of(data: &str) -> Result<Self> {
        resolve(vec![Table::from_iter([("data".to_string(), data.into())])])
    }

    /// How the machine is trained.
    pub fn training(&self) -> CdConfig {
        let (target, cost) = (self.sparsity_target, self.sparsity_cost.unwrap_or(0.1));
        CdConfig::new(self.visible, UnitKind::Bernoulli)
            .learning_rate(self.learning_rate.clone())
            .momentum(self.momentum.clone())
            .weight_decay(self.weight_decay)
            .batch(self.batch)
            .epochs(self.epochs)
            .steps(self.cd.or(self.pcd).unwrap_or(1))
            .persistent(self.pcd.is_some())
            .centered(self.centered)
            .exact_gradient(self.exact_gradient)
            .sparsity(target.map(|target| Sparsity::new(target, cost)))
            .seed(self.seed)
    }
}
