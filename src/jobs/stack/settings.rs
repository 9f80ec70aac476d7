//! Settings of stacks.

use toml::{Table, Value};

use crate::interval::Interval;
use crate::jobs::settings::{flag, of_optimizers, real, text, uses_sgd, whole};
use crate::run::settings::{Default, Setting};
use crate::training::ranges;

/// Whether the data are the bundled digits: so few that more epochs and smaller batches suit them.
pub fn of_digits(table: &Table) -> bool {
    text(table, "data") == "digits"
}

/// One number for the bundled digits, another one for all else.
fn by_data(table: &Table, digits: i64, other: i64) -> Option<Value> {
    whole(if of_digits(table) { digits } else { other })
}

pub const VISIBLE: Setting = Setting {
    value: "KIND",
    help: "The data's units: bernoulli (values in [0, 1]) or gaussian (any values, which are standardised)",
    default: Default::None("by the values"),
    ..Setting::NEW
};

pub const BINARIZE: Setting = Setting {
    value: "HOW",
    help: "Make bits of values in [0, 1]: a threshold in (0, 1], sample (drawn once), resample (drawn in each epoch), none",
    default: Default::Is("none"),
    ..Setting::NEW
};

pub const PRETRAIN_EPOCHS: Setting = Setting {
    value: "N",
    help: "Of each level",
    default: Default::By("10; bundled digits 20", |t| by_data(t, 20, 10)),
    range: Some(Interval::COUNT),
    ..Setting::NEW
};

pub const PRETRAIN_BATCH: Setting = Setting {
    value: "N",
    help: "Cases per update of a level",
    default: Default::By("100; bundled digits 50", |t| by_data(t, 50, 100)),
    range: Some(ranges::BATCH),
    ..Setting::NEW
};

pub const PRETRAIN_LEARNING_RATE: Setting = Setting {
    value: "X",
    help: "Of every level: a number or a schedule",
    default: Default::None(
        "0.1 between bernoulli units, by pcd 0.05..0.002; beside gaussian ones 0.001, bundled digits 0.03",
    ),
    range: Some(ranges::LEARNING_RATE),
    ..Setting::NEW
};

pub const PRETRAIN_MOMENTUM: Setting = Setting {
    value: "X",
    help: "Of machines: a number or a schedule",
    default: Default::Is("0.5,5:0.9"),
    range: Some(ranges::MEMORY),
    ..Setting::NEW
};

pub const PRETRAIN_WEIGHT_DECAY: Setting = Setting {
    value: "X",
    help: "Of machines",
    default: Default::Is("2e-4"),
    range: Some(ranges::WEIGHT_DECAY),
    ..Setting::NEW
};

pub const PRETRAIN_CD: Setting = Setting {
    value: "K",
    help: "Machines learn by CD-K",
    default: Default::If("1", |t| !t.contains_key("pretrain_pcd")),
    range: Some(ranges::STEPS),
    group: "model's term",
    ..Setting::NEW
};

pub const PRETRAIN_PCD: Setting = Setting {
    value: "K",
    help: "Machines learn by PCD-K [K: 1]",
    range: Some(ranges::STEPS),
    group: "model's term",
    alone: Some("1"),
    ..Setting::NEW
};

pub const PRETRAIN_CENTERED: Setting =
    flag("Centre the units' states in the gradient of machines (Melchior et al. 2016)");

pub const PRETRAIN_TRANSPOSED: Setting = flag(
    "Begin each level where the one below ends, with its weights transposed, so that the bound of the likelihood goes on from \
     the net below (Hinton et al. 2006); it needs as many units as that level reads",
);

pub const LEVEL_DATA: Setting = Setting {
    value: "WHAT",
    help: "What a level learns from: means of the units below, or samples of their states, drawn in each epoch",
    choices: &["means", "samples"],
    default: Default::Is("means"),
    ..Setting::NEW
};

pub const EPOCHS: Setting = Setting {
    value: "N",
    help: "Passes over the training cases, of the whole",
    default: Default::By("20; bundled digits 100", |t| by_data(t, 100, 20)),
    range: Some(Interval::COUNT),
    grows: true,
    ..Setting::NEW
};

pub const OPTIMIZER: Setting = Setting {
    value: "NAME",
    help: "How the whole is trained: sgd (steepest descent with momentum), adam, or by line searches on each batch: cg \
           (conjugate gradients) or lbfgs",
    choices: &["sgd", "adam", "cg", "lbfgs"],
    default: Default::Is("adam"),
    ..Setting::NEW
};

/// After the optimiser.
pub const BATCH: Setting = Setting {
    value: "N",
    help: "Cases per update of the whole",
    default: Default::By("100; bundled digits 50; cg and lbfgs 1000", |t| match searches(t) {
        true => whole(1000),
        false => by_data(t, 50, 100),
    }),
    range: Some(ranges::BATCH),
    ..Setting::NEW
};

pub const LEARNING_RATE: Setting = Setting {
    value: "X",
    help: "Of the mean gradient; or a schedule: 0.1,20:0.01 (0.01 after epoch 20), 0.1..0.001 (linear)",
    range: Some(ranges::LEARNING_RATE),
    idle: |t| of_optimizers(t, &["sgd", "adam"], "--optimizer sgd and adam"),
    ..Setting::NEW
};

pub const MOMENTUM: Setting = Setting {
    value: "X",
    help: "Of sgd: a number or a schedule",
    default: Default::If("0.9", uses_sgd),
    range: Some(ranges::MEMORY),
    idle: |t| of_optimizers(t, &["sgd"], "--optimizer sgd"),
    ..Setting::NEW
};

pub const LINE_SEARCHES: Setting = Setting {
    value: "N",
    help: "Of cg and lbfgs, on each batch",
    default: Default::If("3", searches),
    range: Some(ranges::LINE_SEARCHES),
    idle: |t| of_optimizers(t, &["cg", "lbfgs"], "--optimizer cg and lbfgs"),
    ..Setting::NEW
};

pub const AUGMENT: Setting = Setting {
    value: "LIST",
    help: "Distort training pictures anew in each epoch while the whole is trained, not its levels: any of shift, rotate, \
           scale, shear, with the largest amount where the default is not wanted: \
           shift=2,rotate=10,scale=0.15,shear=0.15 (pixels, degrees, factor 1 +- that, pixels per row)",
    idle: |t| of_optimizers(t, &["sgd", "adam"], "--optimizer sgd and adam"),
    default: Default::None("none"),
    ..Setting::NEW
};

pub const WEIGHT_DECAY: Setting = Setting {
    value: "X",
    help: "Decay of the weights, not of biases: of adam apart from the gradient, else L2",
    range: Some(ranges::WEIGHT_DECAY),
    ..Setting::NEW
};

pub const DROPOUT: Setting = Setting {
    value: "P",
    help: "Share of each hidden layer's units that are dropped when the classifier is trained",
    range: Some(Interval::from(0.0).below(1.0)),
    default: Default::By("0", |_| real(0.0)),
    ..Setting::NEW
};

pub const FREEZE: Setting = Setting {
    value: "N",
    help: "Leave the first N layers as they are when the whole is trained",
    default: Default::Is("0"),
    ..Setting::NEW
};

pub const FROM: Setting = Setting {
    value: "RUN|MODEL",
    help: "Take the first levels from a trained machine, deep belief net or autoencoder, and pre-train the others",
    default: Default::None("none"),
    ..Setting::NEW
};

/// Whether the optimiser searches along lines.
pub fn searches(table: &Table) -> bool {
    matches!(text(table, "optimizer"), "cg" | "lbfgs")
}

/// How levels are trained as machines, by settings that every training has which goes through levels.
macro_rules! greedy {
    ($settings:ident) => {
        Greedy {
            learning_rate: $settings.pretrain_learning_rate.as_ref(),
            momentum: Some(&$settings.pretrain_momentum),
            weight_decay: $settings.pretrain_weight_decay,
            cd: $settings.pretrain_cd,
            pcd: $settings.pretrain_pcd,
            centered: $settings.pretrain_centered,
            ..Greedy::new(
                $settings.data.name(),
                $settings.pretrain_epochs,
                $settings.pretrain_batch,
                $settings.seed,
            )
        }
    };
}

/// How the whole is trained, by settings of their usual names.
macro_rules! fine_tuning {
    ($settings:ident, $optimizer:expr) => {
        FineTuning {
            optimizer: $optimizer,
            epochs: $settings.epochs,
            batch: $settings.batch,
            learning_rate: $settings.learning_rate.as_ref(),
            momentum: $settings.momentum.as_ref(),
            weight_decay: $settings.weight_decay,
            line_searches: $settings.line_searches,
            augment: None,
            seed: $settings.seed,
        }
    };
}

pub(in crate::jobs) use {fine_tuning, greedy};
