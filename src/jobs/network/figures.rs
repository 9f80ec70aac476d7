//! What is measured of a classifier.

use crate::training::{Better, Figure, LEARNING_RATE, Style, TRAIN_ERROR, TRAIN_LOSS, Told};

/// All, in the order in which they are told.
pub static FIGURES: [&Figure; 7] = [
    &LEARNING_RATE,
    &TRAIN_ERROR,
    &VALIDATION_ERROR,
    &TEST_ERROR,
    &TRAIN_LOSS,
    &VALIDATION_LOSS,
    &TEST_LOSS,
];

/// By what the best model is chosen.
pub static CHOSEN_BY: [&Figure; 2] = [&VALIDATION_ERROR, &VALIDATION_LOSS];

const ERROR: Figure = Figure {
    name: "error",
    unit: "wrong cases, %",
    told: Told::Always,
    style: Style::Percent,
    better: Better::Lower,
    ..Figure::NEW
};

const LOSS: Figure =
    Figure { name: "loss", unit: "mean per case", better: Better::Lower, ..Figure::NEW };

/// The share of the cases held out that are classified wrongly.
pub static VALIDATION_ERROR: Figure = Figure {
    key: "validation_error",
    of: "validation",
    says: "On the training cases held out.",
    column: "wrong in validation",
    ..ERROR
};

/// Their mean loss.
pub static VALIDATION_LOSS: Figure = Figure {
    key: "validation_loss",
    of: "validation",
    says: "The same mean, on the cases held out.",
    ..LOSS
};

/// The share of the test cases that are classified wrongly.
pub static TEST_ERROR: Figure = Figure {
    key: "test_error",
    of: "test",
    says: "The share of the test cases that are classified wrongly.",
    column: "wrong in test",
    ..ERROR
};

/// Their mean loss.
pub static TEST_LOSS: Figure = Figure {
    key: "test_loss",
    of: "test",
    says: "The same mean, on the test cases.",
    column: "test loss",
    ..LOSS
};
