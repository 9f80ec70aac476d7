//! The names of what a run writes.

/// All resolved settings of the run.
pub const CONFIG: &str = "config.toml";
/// One JSON object per line and report.
pub const METRICS: &str = "metrics.jsonl";
/// The final figures.
pub const SUMMARY: &str = "summary.json";
/// The trained model.
pub const MODEL: &str = "model.safetensors";
/// A network's parameters after the last epoch, where [`MODEL`] has those of its best one.
pub const LAST_MODEL: &str = "last.safetensors";
/// The stack that a classifier was made of, as it was before the whole was trained.
pub const DBN: &str = "dbn.safetensors";
/// How training went on from a pre-trained stack and from random weights.
pub const PRETRAINING: &str = "pretraining.svg";
/// What classes are taken for what, as a picture and as a table.
pub const CONFUSION: &str = "confusion.png";
/// The table.
pub const CONFUSION_TABLE: &str = "confusion.csv";
/// The cases that a classifier gets most wrong.
pub const MISTAKES: &str = "mistakes.png";
/// What `harmonium eval` found.
pub const EVAL: &str = "eval.json";
/// The hidden units' weights as images.
pub const FILTERS: &str = "filters.png";
/// What the units of every level of a stack answer to.
pub const LEVELS: &str = "levels.png";
/// What the model dreams.
pub const SAMPLES: &str = "samples.png";
/// Cases above their reconstructions.
pub const RECONSTRUCTIONS: &str = "reconstructions.png";
/// What a decoder makes of a plane of codes.
pub const PLANE: &str = "plane.png";
/// The codes of two units of cases, by their classes.
pub const CODES: &str = "codes.png";
/// A classifier on an autoencoder's code.
pub const CLASSIFIER: &str = "classifier.safetensors";
/// A machine of parameters averaged over its updates.
pub const AVERAGED: &str = "averaged.safetensors";
/// The machines that a training kept on its way.
pub const LADDER: &str = "ladder.safetensors";
/// What happened between the rungs of a ladder in its evaluation.
pub const LADDER_PICTURE: &str = "ladder.svg";
/// Sequences with what a field reads in them, those with the most mistakes first.
pub const READINGS: &str = "readings.png";
/// The models of folds, where each of some is tested once.
pub const FOLDS: [&str; 10] = [
    "fold-0.safetensors",
    "fold-1.safetensors",
    "fold-2.safetensors",
    "fold-3.safetensors",
    "fold-4.safetensors",
    "fold-5.safetensors",
    "fold-6.safetensors",
    "fold-7.safetensors",
    "fold-8.safetensors",
    "fold-9.safetensors",
];
/// Metrics over epochs.
pub const CURVES: &str = "curves.svg";
/// Free energies of data and samples, and the singular values of the weights.
pub const DIAGNOSTICS: &str = "diagnostics.svg";
/// All of it on one page.
pub const REPORT: &str = "report.html";

/// The two checkpoints, written in turns.
pub const CHECKPOINTS: [&str; 2] = ["checkpoint-a.safetensors", "checkpoint-b.safetensors"];

/// What a run writes; all that `force` ever removes.
pub(super) const FILES: &[&str] = &[
    CONFIG,
    METRICS,
    SUMMARY,
    EVAL,
    DIAGNOSTICS,
    REPORT,
    MODEL,
    FILTERS,
    LEVELS,
    SAMPLES,
    RECONSTRUCTIONS,
    PLANE,
    CODES,
    CLASSIFIER,
    CURVES,
    AVERAGED,
    LADDER,
    LADDER_PICTURE,
    LAST_MODEL,
    DBN,
    PRETRAINING,
    CONFUSION,
    CONFUSION_TABLE,
    MISTAKES,
    READINGS,
    CHECKPOINTS[0],
    CHECKPOINTS[1],
    FOLDS[0],
    FOLDS[1],
    FOLDS[2],
    FOLDS[3],
    FOLDS[4],
    FOLDS[5],
    FOLDS[6],
    FOLDS[7],
    FOLDS[8],
    FOLDS[9],
];
