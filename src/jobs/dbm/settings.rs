//! The settings of `train dbm`.

use toml::{Table, Value};

use crate::error::{Error, Result};
use crate::interval::Interval;
use crate::jobs::Data;
use crate::jobs::beside::reading_of_from;
use crate::jobs::settings::{
    ARRAY, BinarizeHow, DATA, DEVICE, LABELS, LIMIT, MEMORY, Memory, REPRODUCIBLE, SCALE, SEED,
    STREAM, VALIDATION, Validation, WEIGHTS, flag, is, of_data, of_optimizers, real, uses_sgd,
    whole, word,
};
use crate::jobs::stack::settings::{
    BINARIZE, DROPOUT, FROM, LEVEL_DATA, LINE_SEARCHES, MOMENTUM, OPTIMIZER, PRETRAIN_BATCH,
    PRETRAIN_EPOCHS, PRETRAIN_MOMENTUM, PRETRAIN_WEIGHT_DECAY, VISIBLE, of_digits, searches,
};
use crate::jobs::stack::{FineTuning, Greedy, Layers, LevelData, Request, TunerName};
use crate::models::{Dropout, UnitKind, dbm::HIDDEN_LAYERS};
use crate::run::settings::{Default, LastStage, Setting, Settings, settings};
use crate::training::{DbmConfig, Schedule, ranges};

settings! {
    /// The settings of a deep Boltzmann machine's training.
    pub struct DbmSettings {
        model: String = Setting { default: Default::Is("dbm"), ..Setting::NEW };
        data: Data = DATA;
        labels: Option<String> = LABELS;
        array: Option<String> = ARRAY;
        scale: Option<f32> = SCALE;
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weights: Option<String> = WEIGHTS;
        layers: Layers = Setting {
            value: "SIZES",
            help: "Units of the two or three hidden layers, from the data upwards",
            default: Default::By("500,1000; bundled digits 100,50", |t| {
                word(if of_digits(t) { "100,50" } else { "500,1000" })
            }),
            ..Setting::NEW
        };
        visible: Option<UnitKind> = VISIBLE;
        binarize: BinarizeHow = BINARIZE;
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from: Option<String> = Setting {
            help: "Begin with another deep machine of these layers, instead of small weights",
            ..FROM
        };
        pretrain: bool = flag(
            "Train the levels one by one first, as machines whose missing neighbours are made up for by doubled inputs",
        );
        centered: bool = Setting {
            default: Default::By("without --pretrain", |t| Some(Value::Boolean(!is(t, "pretrain")))),
            ..flag("Centre the states of every layer in the gradient, which needs no pre-training")
        };
        pretrain_epochs: Option<u64> = Setting {
            default: Default::By("with --pretrain 10; bundled digits 30", |t| {
                of_levels(t, whole(if of_digits(t) { 30 } else { 10 }))
            }),
            ..PRETRAIN_EPOCHS
        };
        pretrain_batch: Option<usize> = Setting {
            default: Default::By("with --pretrain 100; bundled digits 50", |t| {
                of_levels(t, whole(if of_digits(t) { 50 } else { 100 }))
            }),
            ..PRETRAIN_BATCH
        };
        pretrain_learning_rate: Option<Schedule> = Setting {
            value: "X",
            help: "Of every level: a number or a schedule",
            default: Default::None("0.1 between bernoulli units; beside gaussian ones 0.001, bundled digits 0.03"),
            range: Some(ranges::LEARNING_RATE),
            ..Setting::NEW
        };
        pretrain_momentum: Option<Schedule> = Setting {
            default: Default::By("with --pretrain 0.5,5:0.9", |t| of_levels(t, word("0.5,5:0.9"))),
            ..PRETRAIN_MOMENTUM
        };
        pretrain_weight_decay: Option<f32> = Setting {
            default: Default::By("with --pretrain 2e-4", |t| of_levels(t, real(2e-4))),
            ..PRETRAIN_WEIGHT_DECAY
        };
        pretrain_cd: Option<u64> = Setting {
            value: "K",
            help: "Levels learn by CD-K",
            default: Default::By("with --pretrain 1", |t| of_levels(t, whole(1))),
            range: Some(ranges::STEPS),
            ..Setting::NEW
        };
        level_data: Option<LevelData> = Setting {
            default: Default::By("with --pretrain samples", |t| of_levels(t, word("samples"))),
            ..LEVEL_DATA
        };
        epochs: u64 = Setting {
            value: "N",
            help: "Passes over the training cases, of the whole machine",
            default: Default::By("20; bundled digits 300, with --pretrain 100", |t| {
                whole(match (of_digits(t), is(t, "pretrain")) {
                    (false, _) => 20,
                    (true, false) => 300,
                    (true, true) => 100,
                })
            }),
            range: Some(Interval::COUNT),
            grows: true,
            ..Setting::NEW
        };
        batch: usize = Setting {
            value: "N",
            help: "Cases per update, and persistent chains",
            default: Default::By("100; bundled digits 50", |t| whole(if of_digits(t) { 50 } else { 100 })),
            range: Some(ranges::BATCH),
            ..Setting::NEW
        };
        learning_rate: Option<Schedule> = Setting {
            value: "X",
            help: "Of the mean gradient; or a schedule: 0.1,20:0.01 (0.01 after epoch 20), 0.02..0.0005 (linear)",
            default: Default::None(
                "0.05..0.0005, with --pretrain 0.005..0.0001, of gaussian data 0.002..0.0001; bundled digits 0.2..0.005, \
                 with --pretrain or gaussian 0.05..0.002",
            ),
            range: Some(ranges::LEARNING_RATE),
            ..Setting::NEW
        };
        momentum: Schedule = Setting {
            value: "X",
            help: "A number or a schedule",
            default: Default::Is("0"),
            range: Some(ranges::MEMORY),
            ..Setting::NEW
        };
        weight_decay: f32 = Setting {
            value: "X",
            help: "L2, of the weights",
            default: Default::By("1e-4", |_| real(1e-4)),
            range: Some(ranges::WEIGHT_DECAY),
            ..Setting::NEW
        };
        mean_field: u64 = Setting {
            value: "N",
            help: "Rounds of the mean field at most; a case whose means change by less than 0.0001 stops before",
            default: Default::Is("30"),
            range: Some(ranges::MEAN_FIELD),
            ..Setting::NEW
        };
        pcd: u64 = Setting {
            value: "K",
            help: "Sweeps of the persistent chains per update",
            default: Default::Is("5"),
            range: Some(ranges::STEPS),
            ..Setting::NEW
        };
        classifier: bool = flag(
            "Then train a network on the cases and the means of the second hidden layer, which begins with the machine's \
             weights and tells the cases' classes",
        );
        classifier_epochs: Option<u64> = Setting {
            value: "N",
            help: "Passes over the training cases, of the classifier",
            default: Default::By("with --classifier 20; bundled digits 50", |t| {
                of_classes(t, whole(if of_digits(t) { 50 } else { 20 }))
            }),
            range: Some(Interval::COUNT),
            grows: true,
            ..Setting::NEW
        };
        optimizer: Option<TunerName> = Setting {
            default: Default::By("with --classifier adam", |t| of_classes(t, word("adam"))),
            ..OPTIMIZER
        };
        classifier_batch: Option<usize> = Setting {
            value: "N",
            help: "Cases per update of the classifier",
            default: Default::By("with --classifier 100; bundled digits 50; cg and lbfgs 1000", |t| {
                of_classes(t, whole(if searches(t) { 1000 } else if of_digits(t) { 50 } else { 100 }))
            }),
            range: Some(ranges::BATCH),
            ..Setting::NEW
        };
        classifier_learning_rate: Option<Schedule> = Setting {
            value: "X",
            help: "Of the classifier: a number or a schedule",
            default: Default::By("adam 0.001..0.00001, sgd 0.1..0.001", |t| {
                match (searches(t), uses_sgd(t)) {
                    (true, _) => None,
                    (_, true) => of_classes(t, word("0.1..0.001")),
                    _ => of_classes(t, word("0.001..0.00001")),
                }
            }),
            idle: |t| of_optimizers(t, &["sgd", "adam"], "--optimizer sgd and adam"),
            range: Some(ranges::LEARNING_RATE),
            ..Setting::NEW
        };
        classifier_momentum: Option<Schedule> = MOMENTUM;
        line_searches: Option<usize> = LINE_SEARCHES;
        dropout: f32 = DROPOUT;
        input_dropout: f32 = Setting {
            help: "Share of the classifier's input that is dropped when it is trained",
            ..DROPOUT
        };
        validation: Validation = VALIDATION;
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

/// A default where levels are trained one by one.
fn of_levels(table: &Table, value: Option<Value>) -> Option<Value> {
    value.filter(|_| is(table, "pretrain"))
}

/// A default where there is a classifier.
fn of_classes(table: &Table, value: Option<Value>) -> Option<Value> {
    value.filter(|_| is(table, "classifier"))
}

of_data!(DbmSettings);

impl Settings for DbmSettings {
    fn declared() -> &'static [Setting] {
        Self::SETTINGS
    }

    fn check(&self) -> Result<()> {
        let layers = self.layers.0.len();
        if !HIDDEN_LAYERS.contains(&layers) {
            let detail = format!(
                "{}: a deep Boltzmann machine has two or three hidden layers; of one it is a restricted machine (train \
                 rbm)",
                self.layers
            );
            return Err(Error::setting("layers", detail));
        }
        let of_levels = [
            ("pretrain-epochs", self.pretrain_epochs.is_some()),
            ("pretrain-batch", self.pretrain_batch.is_some()),
            ("pretrain-learning-rate", self.pretrain_learning_rate.is_some()),
            ("pretrain-momentum", self.pretrain_momentum.is_some()),
            ("pretrain-weight-decay", self.pretrain_weight_decay.is_some()),
            ("pretrain-cd", self.pretrain_cd.is_some()),
            ("level-data", self.level_data.is_some()),
        ];
        let of_classifiers = [
            ("classifier-epochs", self.classifier_epochs.is_some()),
            ("optimizer", self.optimizer.is_some()),
            ("classifier-batch", self.classifier_batch.is_some()),
            ("classifier-learning-rate", self.classifier_learning_rate.is_some()),
            ("classifier-momentum", self.classifier_momentum.is_some()),
            ("line-searches", self.line_searches.is_some()),
            ("dropout", self.dropout > 0.0),
            ("input-dropout", self.input_dropout > 0.0),
        ];
        let given = |list: &[(&'static str, bool)]| {
            list.iter().find(|(_, given)| *given).map(|(name, _)| *name)
        };
        if let Some(setting) = given(&of_levels).filter(|_| !self.pretrain) {
            let detail =
                "is about levels that are trained one by one: add --pretrain, or leave it out";
            return Err(Error::setting(setting, detail));
        }
        if let Some(setting) = given(&of_classifiers).filter(|_| !self.classifier) {
            return Err(Error::setting(
                setting,
                "is about the classifier: add --classifier, or leave it out",
            ));
        }
        if self.from.is_some() && self.pretrain {
            let detail = "gives the machine to begin with, and --pretrain trains its levels: leave one of both out";
            return Err(Error::setting("from", detail));
        }
        if self.classifier {
            self.fine_tuning().check_dropped([self.dropout, self.input_dropout])?;
            self.fine_tuning().check()?;
        }
        self.training(UnitKind::Bernoulli).check()
    }

    fn device(&self) -> &str {
        &self.device
    }

    fn reproducible(&self) -> bool {
        self.reproducible
    }

    fn last_stage(&self) -> LastStage {
        match self.classifier {
            true => {
                let tuning = self.fine_tuning();
                LastStage {
                    grows: Some("classifier_epochs"),
                    ..LastStage::of(tuning.epochs, tuning.rate())
                }
            }
            false => {
                let rate = self.training(self.visible.unwrap_or(UnitKind::Bernoulli)).learning_rate;
                LastStage::of(self.epochs, Some(rate))
            }
        }
    }
}

impl DbmSettings {
    /// What it asks of its data.
    pub(super) fn request(&self) -> Request<'_> {
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
            labelled: None,
            with_labels: self.classifier,
            seed: self.seed,
            what: "deep Boltzmann machine",
            without_labels: Some("leaving --classifier out needs none"),
        }
    }

    /// How a level is trained.
    pub(super) fn greedy(&self) -> Greedy<'_> {
        let (epochs, batch) =
            (self.pretrain_epochs.unwrap_or(10), self.pretrain_batch.unwrap_or(100));
        Greedy {
            learning_rate: self.pretrain_learning_rate.as_ref(),
            momentum: self.pretrain_momentum.as_ref(),
            weight_decay: self.pretrain_weight_decay.unwrap_or(2e-4),
            cd: self.pretrain_cd,
            ..Greedy::new(self.data.name(), epochs, batch, self.seed)
        }
    }

    /// How the whole is trained, for data of these units.
    pub fn training(&self, visible: UnitKind) -> DbmConfig {
        let digits = self.data.name() == "digits";
        let rate = match (&self.learning_rate, visible, self.pretrain) {
            (Some(rate), ..) => rate.clone(),
            // The bundled set is small: its few updates go far, so that the machine moves at all.
            (None, UnitKind::Gaussian, _) if digits => Schedule::Linear(0.05, 0.002),
            (None, _, true) if digits => Schedule::Linear(0.05, 0.002),
            (None, _, false) if digits => Schedule::Linear(0.2, 0.005),
            (None, UnitKind::Gaussian, _) => Schedule::Linear(0.002, 0.0001),
            (None, _, true) => Schedule::Linear(0.005, 0.0001),
            (None, _, false) => Schedule::Linear(0.05, 0.0005),
        };
        DbmConfig::default()
            .learning_rate(rate)
            .momentum(self.momentum.clone())
            .weight_decay(self.weight_decay)
            .batch(self.batch)
            .epochs(self.epochs)
            .steps(self.pcd)
            .mean_field(self.mean_field)
            .centered(self.centered)
            .seed(self.seed)
    }

    /// What the classifier drops in training.
    pub fn dropped(&self) -> Dropout {
        Dropout { input: self.input_dropout, hidden: self.dropout }
    }

    /// How the classifier is trained.
    pub(super) fn fine_tuning(&self) -> FineTuning<'_> {
        FineTuning {
            optimizer: self.optimizer.unwrap_or(TunerName::Adam),
            epochs: self.classifier_epochs.unwrap_or(20),
            batch: self.classifier_batch.unwrap_or(100),
            learning_rate: self.classifier_learning_rate.as_ref(),
            momentum: self.classifier_momentum.as_ref(),
            weight_decay: 0.0,
            line_searches: self.line_searches,
            // It reads a machine's states beside the values.
            augment: None,
            seed: self.seed,
        }
    }
}
