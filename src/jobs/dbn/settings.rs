//! The settings of `train dbn`.

use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::jobs::Data;
use crate::jobs::beside::reading_of_from;
use crate::jobs::settings::{
    ARRAY, BinarizeHow, DATA, DEVICE, LABELS, LIMIT, MEMORY, Memory, REPRODUCIBLE, SCALE, SEED,
    STREAM, VALIDATION, Validation, WEIGHTS, flag, is, of_data, real, uses_sgd, whole, word,
};
use crate::jobs::stack::settings::{
    AUGMENT, BATCH, BINARIZE, DROPOUT, EPOCHS, FREEZE, FROM, LEARNING_RATE, LEVEL_DATA,
    LINE_SEARCHES, MOMENTUM, OPTIMIZER, PRETRAIN_BATCH, PRETRAIN_CD, PRETRAIN_CENTERED,
    PRETRAIN_EPOCHS, PRETRAIN_LEARNING_RATE, PRETRAIN_MOMENTUM, PRETRAIN_PCD, PRETRAIN_TRANSPOSED,
    PRETRAIN_WEIGHT_DECAY, VISIBLE, WEIGHT_DECAY, fine_tuning, greedy, of_digits, searches,
};
use crate::jobs::stack::{FineTuning, Greedy, Layers, LevelData, Request, TunerName};
use crate::models::{Dropout, UnitKind};
use crate::run::settings::{Default, LastStage, Setting, Settings, settings};
use crate::training::{Distortion, Schedule, UpDownConfig, ranges};

/// The learning rate of up–down fine-tuning.
const UP_DOWN_RATE: &str = "0.01";

settings! {
    /// The settings of a deep belief net's training.
    pub struct DbnSettings {
        model: String = Setting { default: Default::Is("dbn"), ..Setting::NEW };
        data: Data = DATA;
        labels: Option<String> = LABELS;
        array: Option<String> = ARRAY;
        scale: Option<f32> = SCALE;
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<String> = WEIGHTS;
        layers: Layers = Setting {
            value: "SIZES",
            help: "Units of the hidden layers, from the data upwards",
            default: Default::By("500,500,2000; bundled digits 200,200,400", |t| {
                word(if of_digits(t) { "200,200,400" } else { "500,500,2000" })
            }),
            ..Setting::NEW
        };
        visible: Option<UnitKind> = VISIBLE;
        binarize: BinarizeHow = BINARIZE;
        no_classifier: bool = flag("Stop after the levels: a generative net without labels");
        join_labels: bool = flag(
            "Join the labels to the top level: a generative net of cases and classes, which classifies by free energies",
        );
        up_down: bool = flag(
            "Train the generative net as a whole by the up-down algorithm (contrastive wake-sleep) after the levels",
        );
        labelled: Option<usize> = Setting {
            value: "N",
            help: "Use the labels of N training cases only, as many of each class, those held out among them; all others \
                   serve to train the levels",
            range: Some(Interval::COUNT),
            default: Default::None("all"),
            ..Setting::NEW
        };
        compare_random: bool = flag(
            "Train the same classifier from random weights too, with the same settings, and report both",
        );
        from: Option<String> = Setting {
            help: "Take the first levels from a trained machine, deep belief net or autoencoder (of a generative net of the \
                   same layers all of it), and pre-train the others",
            ..FROM
        };
        pretrain_epochs: u64 = Setting {
            default: Default::By("10; bundled digits 100", |t| {
                whole(if of_digits(t) { 100 } else { 10 })
            }),
            ..PRETRAIN_EPOCHS
        };
        pretrain_batch: usize = PRETRAIN_BATCH;
        pretrain_weight_decay: f32 = PRETRAIN_WEIGHT_DECAY;
        pretrain_cd: Option<u64> = Setting {
            default: Default::By("1 for what becomes a classifier, and bundled digits", |t| {
                let otherwise = t.contains_key("pretrain_pcd") || is_generative_of_many(t);
                if otherwise { None } else { whole(1) }
            }),
            ..PRETRAIN_CD
        };
        pretrain_pcd: Option<u64> = Setting {
            // Chains that never go far from the data leave a net that dreams of what lies between them.
            default: Default::By("1 for a generative net but of bundled digits", |t| {
                let otherwise = t.contains_key("pretrain_cd") || !is_generative_of_many(t);
                if otherwise { None } else { whole(1) }
            }),
            ..PRETRAIN_PCD
        };
        pretrain_learning_rate: Option<Schedule> = Setting {
            default: Default::None(
                "0.1 between bernoulli units, by pcd 0.05..0.002; beside gaussian ones 0.001, bundled digits 0.03",
            ),
            ..PRETRAIN_LEARNING_RATE
        };
        pretrain_momentum: Schedule = Setting {
            default: Default::By("0.5,5:0.9; by pcd 0", |t| {
                word(if t.contains_key("pretrain_pcd") { "0" } else { "0.5,5:0.9" })
            }),
            ..PRETRAIN_MOMENTUM
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pretrain_centered: bool = PRETRAIN_CENTERED;
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        pretrain_transposed: bool = PRETRAIN_TRANSPOSED;
        level_data: LevelData = Setting { default: Default::Is("samples"), ..LEVEL_DATA };
        freeze: usize = Setting { idle: of_the_classifier, ..FREEZE };
        dropout: f32 = Setting { idle: of_the_classifier, ..DROPOUT };
        input_dropout: f32 = Setting {
            help: "Share of the input's values that are dropped when the classifier is trained",
            idle: of_the_classifier,
            ..DROPOUT
        };
        epochs: u64 = Setting { idle: |t| of_the_whole(t, "--pretrain-epochs are"), ..EPOCHS };
        optimizer: Option<TunerName> = Setting {
            default: Default::If("adam", |t| !is_generative(t)),
            ..OPTIMIZER
        };
        batch: usize = Setting { idle: |t| of_the_whole(t, "--pretrain-batch is"), ..BATCH };
        learning_rate: Option<Schedule> = Setting {
            default: Default::By("adam 0.001..0.00001, sgd 0.1..0.001; up-down 0.01", |t| {
                match (is_generative(t), searches(t), uses_sgd(t)) {
                    (true, ..) => is(t, "up_down").then(|| Value::String(UP_DOWN_RATE.into())),
                    (_, true, _) => None,
                    (_, _, true) => word("0.1..0.001"),
                    _ => word("0.001..0.00001"),
                }
            }),
            idle: |t| {
                of_the_whole(t, "--pretrain-learning-rate is").or_else(|| (LEARNING_RATE.idle)(t))
            },
            ..LEARNING_RATE
        };
        momentum: Option<Schedule> = Setting {
            idle: |t| of_the_whole(t, "--pretrain-momentum is").or_else(|| (MOMENTUM.idle)(t)),
            ..MOMENTUM
        };
        line_searches: Option<usize> = Setting {
            idle: |t| of_the_classifier(t).or_else(|| (LINE_SEARCHES.idle)(t)),
            ..LINE_SEARCHES
        };
        augment: Option<Distortion> = Setting {
            idle: |t| of_the_classifier(t).or_else(|| (AUGMENT.idle)(t)),
            ..AUGMENT
        };
        weight_decay: f32 = Setting {
            default: Default::By("0", |_| real(0.0)),
            idle: |t| of_the_whole(t, "--pretrain-weight-decay is"),
            ..WEIGHT_DECAY
        };
        steps: Option<u64> = Setting {
            value: "K",
            help: "Of up-down: Gibbs steps of the top between the way up and the way down",
            range: Some(ranges::STEPS),
            default: Default::If("3", |t| is(t, "up_down")),
            ..Setting::NEW
        };
        validation: Validation = VALIDATION;
        patience: u64 = Setting {
            value: "N",
            help: "Stop once so many epochs of the whole brought no better classifier on the cases held out; 0 never stops",
            default: Default::Is("0"),
            ..Setting::NEW
        };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        stream: bool = STREAM;
        #[serde(default, skip_serializing_if = "Memory::is_default")]
        memory: Memory = MEMORY;
        limit: Option<usize> = LIMIT;
        seed: u64 = Setting { help: "Of weights, order, states and dropped units", ..SEED };
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reproducible: bool = REPRODUCIBLE;
        device: String = DEVICE;
    }
}

/// Why what is about the classifier does nothing.
const NO_CLASSIFIER: &str = "is about the classifier, and --no-classifier, --join-labels and --up-down make none; leave it out";

fn levels_alone(theirs: &str) -> String {
    format!("is of the whole, and only the levels are trained: {theirs} theirs")
}

fn of_the_classifier(table: &Table) -> Option<String> {
    is_generative(table).then(|| NO_CLASSIFIER.into())
}

/// Why what is of the whole does nothing where there is none; `theirs` is what the levels have instead.
fn of_the_whole(table: &Table, theirs: &str) -> Option<String> {
    (is_generative(table) && !is(table, "up_down")).then(|| levels_alone(theirs))
}

fn is_generative(table: &Table) -> bool {
    ["no_classifier", "join_labels", "up_down"].iter().any(|key| is(table, key))
}

/// Whether it is a generative net of more cases than the bundled digits have: those are too few for chains that move
/// slowly.
fn is_generative_of_many(table: &Table) -> bool {
    is_generative(table) && !of_digits(table)
}

/// What a deep belief net is trained for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// To become a classifier.
    Classifier,
    /// To generate cases; with their classes, where labels are joined.
    Generative {
        /// Whether labels are joined to the top.
        labels: bool,
        /// Whether the whole is trained after the levels.
        up_down: bool,
    },
}

of_data!(DbnSettings);

impl Settings for DbnSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        let generative = self.purpose() != Purpose::Classifier;
        let refuse = |setting: &str, detail: &str| Err(Error::setting(setting, detail));
        let of_classifiers = [
            ("compare-random", self.compare_random),
            ("dropout", self.dropout > 0.0),
            ("input-dropout", self.input_dropout > 0.0),
            ("freeze", self.freeze > 0),
            ("optimizer", self.optimizer.is_some()),
            ("patience", self.patience > 0 && !self.join_labels),
        ];
        if let Some((setting, _)) = of_classifiers.iter().find(|(_, given)| generative && *given) {
            return refuse(setting, NO_CLASSIFIER);
        }
        if self.no_classifier && self.join_labels {
            let detail =
                "makes a net that knows classes, and --no-classifier one that does not; choose one";
            return refuse("join-labels", detail);
        }
        if self.steps.is_some() && !self.up_down {
            return refuse("steps", "belongs to --up-down; leave it out");
        }
        if self.labelled.is_some() && generative && !self.join_labels {
            return refuse("labelled", "chooses labels, and this net is trained without any");
        }
        if self.patience > 0 && self.validation == Validation::None {
            let detail = "stops by the error on cases held out, and --validation 0 holds out none";
            return refuse("patience", detail);
        }
        let layers = self.layers.0.len();
        if self.freeze > layers {
            let detail = format!("{}, and there are {layers} hidden layers", self.freeze);
            return Err(Error::setting("freeze", detail));
        }
        match self.purpose() {
            Purpose::Classifier => {
                self.fine_tuning().check_dropped([self.dropout, self.input_dropout])?;
                self.fine_tuning().check()
            }
            Purpose::Generative { up_down: true, .. } => self.up_down_training().check(),
            Purpose::Generative { .. } if self.learning_rate.is_some() => {
                refuse("learning-rate", &levels_alone("--pretrain-learning-rate is"))
            }
            Purpose::Generative { .. } => Ok(()),
        }
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn reproducible(&self) -> bool {
        self.reproducible
    }

    fn last_stage(&self) -> LastStage {
        match self.purpose() {
            Purpose::Classifier => {
                let last = LastStage::of(self.epochs, self.fine_tuning().rate());
                if self.compare_random { last.fixed() } else { last }
            }
            Purpose::Generative { up_down: true, .. } => {
                LastStage::of(self.epochs, Some(self.up_down_training().learning_rate))
            }
            Purpose::Generative { .. } => LastStage::of(self.pretrain_epochs, None).fixed(),
        }
    }
}

impl DbnSettings {
    /// What it is trained for.
    pub fn purpose(&self) -> Purpose {
        match self.no_classifier || self.join_labels || self.up_down {
            true => Purpose::Generative { labels: self.join_labels, up_down: self.up_down },
            false => Purpose::Classifier,
        }
    }

    /// What it asks of its data.
    pub(super) fn request(&self) -> Request<'_> {
        let without_labels = Purpose::Generative { labels: false, up_down: self.up_down };
        Request {
            data: &self.data,
            reading: self.reading().like(&reading_of_from(self.from.as_deref())),
            weights: self.weights.as_deref(),
            visible: self.visible,
            binarize: self.binarize.0,
            stream: self.stream,
            memory: self.memory,
            limit: self.limit,
            validation: self.validation,
            labelled: self.labelled,
            with_labels: self.purpose() != without_labels,
            seed: self.seed,
            what: "deep belief net",
            without_labels: Some("--no-classifier needs none"),
        }
    }

    /// What the classifier drops in training.
    pub fn dropped(&self) -> Dropout {
        Dropout { input: self.input_dropout, hidden: self.dropout }
    }

    /// How the classifier is trained.
    pub(super) fn fine_tuning(&self) -> FineTuning<'_> {
        fine_tuning!(self, self.optimizer.unwrap_or(TunerName::Adam))
    }

    /// How a level is trained.
    pub(super) fn greedy(&self) -> Greedy<'_> {
        Greedy { transposed: self.pretrain_transposed, ..greedy!(self) }
    }

    /// How the generative net is trained as a whole.
    pub fn up_down_training(&self) -> UpDownConfig {
        let plain = UpDownConfig::default();
        plain
            .learning_rate(self.learning_rate.clone().unwrap_or(plain_rate()))
            .momentum(self.momentum.clone().unwrap_or(Schedule::constant(0.0)))
            .weight_decay(self.weight_decay)
            .batch(self.batch)
            .epochs(self.epochs)
            .steps(self.steps.unwrap_or(3))
            .seed(self.seed)
    }
}

fn plain_rate() -> Schedule {
    UpDownConfig::default().learning_rate
}
