//! The settings of `train rbm`.

use toml::{Table, Value};

use crate::data::Binarize;
use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::jobs::Data;
use crate::jobs::settings::{
    ARRAY, BinarizeHow, DATA, DEVICE, LABELS, LIMIT, MACHINE_DECAY, MACHINE_RATE, MEMORY, Memory,
    PCD, REPRODUCIBLE, SCALE, SEED, STREAM, VALIDATION, Validation, WEIGHTS, of_data, text, whole,
    word,
};
use crate::models::UnitKind;
use crate::run::settings::{Default, LastStage, Setting, Settings, settings};
use crate::training::{CdConfig, Schedule, Sparsity, ranges};

settings! {
    /// The settings of a restricted Boltzmann machine's training.
    pub struct RbmSettings {
        model: String = Setting { default: Default::Is("rbm"), ..Setting::NEW };
        data: Data = DATA;
        labels: Option<String> = LABELS;
        array: Option<String> = ARRAY;
        scale: Option<f32> = SCALE;
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<String> = WEIGHTS;
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reweight: Option<f32> = Setting {
            value: "SHARE",
            help: "A training case counts 1/n where n cases (itself too) have at least this share of their columns in common \
                   with it: 0.8 is usual of aligned sequences",
            range: Some(Interval::above(0.0).up_to(1.0)),
            default: Default::None("all alike"),
            ..Setting::NEW
        };
        visible: UnitKind = Setting {
            value: "KIND",
            help: "bernoulli (values in [0, 1]), gaussian (real values, unit variance), spin (-1 and 1; bits 0 and 1 become \
                   these) or softmax:STATES (Potts units: columns of whole numbers below STATES, or of STATES ones and \
                   zeros each; aligned FASTA: softmax:21)",
            default: Default::Is("bernoulli"),
            ..Setting::NEW
        };
        hidden: usize = Setting {
            value: "N",
            help: "Hidden units",
            range: Some(Interval::COUNT),
            default: Default::Is("100"),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "is_usual")]
        hidden_units: UnitKind = Setting {
            value: "KIND",
            help: "bernoulli, or rectified: max(0, N(x, sigmoid(x))) of the input x (Nair and Hinton 2010), any number from 0 on, \
                   with which a machine reconstructs and transforms but has no likelihood",
            choices: &["bernoulli", "rectified"],
            default: Default::Is("bernoulli"),
            ..Setting::NEW
        };
        cd: Option<u64> = Setting {
            value: "K",
            help: "CD-K: the model's term after K Gibbs steps from the data",
            default: Default::If("1", |t| {
                t.get("exact_gradient").and_then(Value::as_bool) != Some(true) && !t.contains_key("pcd")
            }),
            range: Some(ranges::STEPS),
            group: "model's term",
            ..Setting::NEW
        };
        pcd: Option<u64> = PCD;
        pt: Option<usize> = Setting {
            value: "R",
            help: "Parallel tempering: the chains of --pcd exchange their states with others at R - 1 lower inverse \
                   temperatures, in equal steps from 0 (independent units)",
            range: Some(ranges::RUNGS),
            default: Default::None("chains of the machine alone"),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        trajectory: bool = Setting {
            value: "BOOL",
            help: "Keep machines of earlier updates as the rungs of a ladder (ladder.safetensors), from independent units on, \
                   of which neighbours exchange some 0.4 of their states (fewer where the learning rate is high): for \
                   sample --ptt and eval --ladder",
            alone: Some("true"),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        ptt: bool = Setting {
            value: "BOOL",
            help: "Parallel trajectory tempering: the chains of --pcd exchange their states along the trajectory; with \
                   --trajectory",
            alone: Some("true"),
            ..Setting::NEW
        };
        epochs: u64 = Setting {
            value: "N",
            help: "Passes over the training cases",
            // The bundled sets are small: more passes give about 3,000 updates.
            default: Default::By("10; bundled digits 200, fashion 150", |t| match text(t, "data") {
                "digits" => whole(200),
                "fashion" => whole(150),
                _ => whole(10),
            }),
            range: Some(Interval::COUNT),
            grows: true,
            ..Setting::NEW
        };
        batch: usize = Setting {
            value: "N",
            help: "Cases per update",
            range: Some(ranges::BATCH),
            default: Default::Is("100"),
            ..Setting::NEW
        };
        learning_rate: Schedule = Setting {
            default: Default::By("0.1; gaussian 0.001; rectified 0.003, bundled digits 0.03", |t| {
                let rectified = text(t, "hidden_units") == "rectified";
                word(match (is_gaussian(t), rectified, text(t, "data") == "digits") {
                    (true, ..) => "0.001",
                    (_, true, true) => "0.03",
                    (_, true, false) => "0.003",
                    _ => "0.1",
                })
            }),
            ..MACHINE_RATE
        };
        momentum: Schedule = Setting {
            value: "X",
            help: "A number or a schedule",
            range: Some(ranges::MEMORY),
            default: Default::Is("0.5,5:0.9"),
            ..Setting::NEW
        };
        weight_decay: f32 = Setting { default: Default::Is("1e-4"), ..MACHINE_DECAY };
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
            default: Default::By("", |_| Some(false.into())),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        average: bool = Setting {
            value: "BOOL",
            help: "Average the parameters over the updates, late ones counting more (averaged.safetensors), and score both",
            alone: Some("true"),
            ..Setting::NEW
        };
        sparsity_target: Option<f32> = Setting {
            value: "P",
            help: "Mean activity towards which hidden units are drawn",
            range: Some(ranges::SPARSITY_TARGET),
            default: Default::None("no target"),
            ..Setting::NEW
        };
        sparsity_cost: Option<f32> = Setting {
            value: "X",
            help: "Weight of the sparsity target",
            default: Default::If("0.1", |t| t.contains_key("sparsity_target")),
            range: Some(ranges::COST),
            requires: "sparsity_target",
            ..Setting::NEW
        };
        binarize: BinarizeHow = Setting {
            value: "HOW",
            help: "0.5 (or any threshold: x >= it), sample (once, x is a probability), resample (in each epoch), or \
                   none: train on the values as probabilities",
            // The bundled digits are near to black and white.
            default: Default::By("none; bundled digits 0.5", |t| match text(t, "data") {
                "digits" if !is_gaussian(t) && !text(t, "visible").starts_with("softmax") => {
                    word("0.5")
                }
                _ => word("none"),
            }),
            ..Setting::NEW
        };
        standardize: bool = Setting {
            value: "BOOL",
            help: "Bring each column to mean 0 and deviation 1 over the training cases",
            default: Default::By("true for gaussian", |t| Some(is_gaussian(t).into())),
            alone: Some("true"),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stream: bool = STREAM;
        #[serde(default, skip_serializing_if = "Memory::is_default")]
        memory: Memory = MEMORY;
        limit: Option<usize> = LIMIT;
        validation: Validation = VALIDATION;
        score_every: Option<u64> = Setting {
            value: "N",
            help: "Put the log-likelihood of held out cases into metrics.jsonl every N epochs: exact up to 20 units \
                   in the smaller layer, else by annealed importance sampling (1000 temperature steps, 100 chains)",
            default: Default::None("never"),
            range: Some(Interval::COUNT),
            ..Setting::NEW
        };
        seed: u64 = Setting { help: "Of weights, order, states and noise", ..SEED };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reproducible: bool = REPRODUCIBLE;
        device: String = DEVICE;
    }
}

fn is_usual(kind: &UnitKind) -> bool {
    *kind == UnitKind::Bernoulli
}

fn is_gaussian(table: &Table) -> bool {
    text(table, "visible") == "gaussian"
}

of_data!(RbmSettings);

impl Settings for RbmSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        match (self.visible, self.binarize.0, self.standardize) {
            (kind @ UnitKind::Labelled(_), ..) => {
                let detail = format!("{kind} units are those of train class-rbm; use bernoulli");
                return Err(Error::setting("visible", detail));
            }
            (kind @ UnitKind::Softmax(_), Some(how), _) => {
                let detail = format!("'{how}' makes bits, and the visible units are {kind}");
                return Err(Error::setting("binarize", detail));
            }
            (UnitKind::Spin, Some(Binarize::Resample), _) => {
                let detail = "bits that are drawn in each epoch are for bernoulli units; use sample or a threshold";
                return Err(Error::setting("binarize", detail));
            }
            (kind @ (UnitKind::Softmax(_) | UnitKind::Spin), _, true) => {
                let detail = format!(
                    "standardised values are real numbers, and the visible units are {kind}"
                );
                return Err(Error::setting("standardize", detail));
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
            (kind @ UnitKind::Rectified, ..) => {
                let detail = format!("{kind} units are hidden ones: --hidden-units {kind}");
                return Err(Error::setting("visible", detail));
            }
            _ => {}
        }
        let of_energies = [
            ("pt", self.pt.is_some()),
            ("trajectory", self.trajectory),
            ("ptt", self.ptt),
            ("exact-gradient", self.exact_gradient),
            ("score-every", self.score_every.is_some()),
        ];
        let asked = of_energies.iter().find(|(_, asked)| *asked && !self.hidden_units.has_energy());
        if let Some((setting, _)) = asked {
            let detail =
                "needs the machine's energy, and rectified hidden units come of none; leave it out";
            return Err(Error::setting(*setting, detail));
        }
        if self.sparsity_target.is_some() && !is_usual(&self.hidden_units) {
            let detail = "is a probability, and rectified hidden units have none; leave it out";
            return Err(Error::setting("sparsity-target", detail));
        }
        if self.weights.is_some() && self.reweight.is_some() {
            let detail = "gives weights that --weights gives too; use one";
            return Err(Error::setting("reweight", detail));
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

    fn check_shared(&self) -> Result<()> {
        self.training().check_shared()
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
    /// How the machine is trained.
    pub fn training(&self) -> CdConfig {
        CdConfig::new(self.visible, self.hidden_units)
            .learning_rate(self.learning_rate.clone())
            .momentum(self.momentum.clone())
            .weight_decay(self.weight_decay)
            .batch(self.batch)
            .epochs(self.epochs)
            .steps(self.cd.or(self.pcd).unwrap_or(1))
            .persistent(self.pcd.is_some())
            .centered(self.centered)
            .exact_gradient(self.exact_gradient)
            .tempering(self.pt)
            .trajectory(self.trajectory)
            .trajectory_tempering(self.ptt)
            .average(self.average)
            .sparsity(
                self.sparsity_target.zip(self.sparsity_cost).map(|(p, c)| Sparsity::new(p, c)),
            )
            .seed(self.seed)
    }
}
