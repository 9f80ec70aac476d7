//! What is measured of a deep belief net.

use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::stack::figures::{
    AGAIN, LEVEL_ERROR, TEST_AGAIN, VALIDATION_AGAIN, VALIDATION_LEVEL_ERROR,
};
use crate::training::{
    Better, EVALUATIONS, Figure, LEARNING_RATE, MOMENTUM, Style, TRAIN_ERROR, TRAIN_LOSS, Told,
};

/// All, in the order in which they are told.
pub static FIGURES: [&Figure; 15] = [
    &LEARNING_RATE,
    &MOMENTUM,
    &LEVEL_ERROR,
    &VALIDATION_LEVEL_ERROR,
    &RECONSTRUCTION,
    &VALIDATION_RECONSTRUCTION,
    &TEST_RECONSTRUCTION,
    &TRAIN_ERROR,
    &VALIDATION_ERROR,
    &TEST_ERROR,
    &RANDOM_TEST_ERROR,
    &TRAIN_LOSS,
    &VALIDATION_LOSS,
    &TEST_LOSS,
    &EVALUATIONS,
];

/// By what the best classifier is chosen.
pub static CHOSEN_BY: [&Figure; 2] = [&VALIDATION_ERROR, &VALIDATION_LOSS];

const DIAGRAM: &str =
    "How well the whole net gives a case back: upwards and downwards through all layers, by means.";

/// Of the whole generative net.
pub static RECONSTRUCTION: Figure = Figure {
    key: "reconstruction_error",
    of: "training",
    says: "Up and down through all layers, on at most 500 training cases.",
    diagram: DIAGRAM,
    ..AGAIN
};

/// The same on the cases held out.
pub static VALIDATION_RECONSTRUCTION: Figure = Figure { diagram: DIAGRAM, ..VALIDATION_AGAIN };

/// The same on the test cases.
pub static TEST_RECONSTRUCTION: Figure = Figure { diagram: DIAGRAM, ..TEST_AGAIN };

/// The share of the test cases that the net from random weights gets wrong.
pub static RANDOM_TEST_ERROR: Figure = Figure {
    key: "random_test_error",
    name: "error",
    of: "test, from random weights",
    unit: "wrong cases, %",
    says: "Of the same net, trained with the same settings from random weights.",
    column: "wrong in test from random weights",
    told: Told::AtTheEnd,
    style: Style::Percent,
    better: Better::Lower,
    ..Figure::NEW
};
