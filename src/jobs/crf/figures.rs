//! What is measured of a conditional random field.

use crate::jobs::stack::figures::{LEVEL_ERROR, VALIDATION_LEVEL_ERROR};
use crate::training::{
    Better, Figure, LEARNING_RATE, Style, TRAIN_SEQUENCE_LOSS, TRAIN_WRONG, Told,
};

/// All, in the order in which they are told.
pub static FIGURES: [&Figure; 11] = [
    &LEARNING_RATE,
    &LEVEL_ERROR,
    &VALIDATION_LEVEL_ERROR,
    &TRAIN_SEQUENCE_LOSS,
    &TRAIN_WRONG,
    &VALIDATION_ERROR,
    &TEST_ERROR,
    &TEST_SEQUENCE_ERROR,
    &VALIDATION_LOG_LIKELIHOOD,
    &TEST_LOG_LIKELIHOOD,
    &UNARY_TEST_ERROR,
];

/// By what the best model is chosen.
pub static CHOSEN_BY: [&Figure; 1] = [&VALIDATION_ERROR];

const ERROR: Figure = Figure {
    name: "error",
    unit: "wrong labels, %",
    told: Told::Always,
    style: Style::Percent,
    better: Better::Lower,
    ..Figure::NEW
};

const LIKELIHOOD: Figure = Figure {
    name: "log-likelihood",
    unit: "nats per sequence",
    better: Better::Higher,
    ..Figure::NEW
};

/// The share of labels of the sequences held out that are read wrongly.
pub static VALIDATION_ERROR: Figure = Figure {
    key: "validation_error",
    of: "validation",
    says: "Positions of the sequences held out whose label is read wrongly.",
    diagram: "The share of positions whose label is read wrongly.",
    column: "wrong in validation",
    ..ERROR
};

/// Of the test sequences.
pub static TEST_ERROR: Figure = Figure {
    key: "test_error",
    of: "test",
    says: "Positions of the test sequences whose label is read wrongly.",
    column: "wrong in test",
    ..ERROR
};

/// The share of test sequences with a wrong label.
pub static TEST_SEQUENCE_ERROR: Figure = Figure {
    key: "test_sequence_error",
    name: "sequence error",
    of: "test",
    unit: "sequences with a wrong label, %",
    says: "The share of test sequences with at least one wrong label.",
    ..ERROR
};

/// The mean ln p of the sequences held out.
pub static VALIDATION_LOG_LIKELIHOOD: Figure = Figure {
    key: "validation_log_likelihood",
    of: "validation",
    says: "ln p of a sequence's labels, the mean over those held out.",
    diagram: "ln p of a sequence's labels: it falls where the field is too sure of itself.",
    ..LIKELIHOOD
};

/// The mean ln p of the test sequences.
pub static TEST_LOG_LIKELIHOOD: Figure = Figure {
    key: "test_log_likelihood",
    of: "test",
    says: "ln p of a sequence's labels, the mean over the test sequences.",
    ..LIKELIHOOD
};

/// What the same net does without a chain.
pub static UNARY_TEST_ERROR: Figure = Figure {
    key: "unary_test_error",
    name: "error without a chain",
    of: "test",
    says: "Of the same net, trained alike with each position by itself.",
    ..ERROR
};
