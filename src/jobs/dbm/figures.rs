//! What is measured of a deep Boltzmann machine.

use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::stack::figures::{
    AGAIN, LEVEL_ERROR, TEST_AGAIN, VALIDATION_AGAIN, VALIDATION_LEVEL_ERROR,
};
use crate::training::{
    EVALUATIONS, Figure, LEARNING_RATE, MEAN_FIELD_ROUNDS, MOMENTUM, TRAIN_ERROR, TRAIN_LOSS,
};

/// All, in the order in which they are told.
pub static FIGURES: [&Figure; 15] = [
    &LEARNING_RATE,
    &MOMENTUM,
    &LEVEL_ERROR,
    &VALIDATION_LEVEL_ERROR,
    &MEAN_FIELD_ROUNDS,
    &RECONSTRUCTION,
    &VALIDATION_RECONSTRUCTION,
    &TEST_RECONSTRUCTION,
    &TRAIN_ERROR,
    &VALIDATION_ERROR,
    &TEST_ERROR,
    &TRAIN_LOSS,
    &VALIDATION_LOSS,
    &TEST_LOSS,
    &EVALUATIONS,
];

const DIAGRAM: &str = "How well the machine gives a case back: the mean field of its hidden layers, and the mean of the data given \
              that of the first.";

/// On training cases.
pub static RECONSTRUCTION: Figure = Figure {
    key: "reconstruction_error",
    of: "training",
    says: "By the mean field and back, on at most 500 training cases.",
    diagram: DIAGRAM,
    ..AGAIN
};

/// The same on the cases held out.
pub static VALIDATION_RECONSTRUCTION: Figure = Figure { diagram: DIAGRAM, ..VALIDATION_AGAIN };

/// The same on the test cases.
pub static TEST_RECONSTRUCTION: Figure = Figure { diagram: DIAGRAM, ..TEST_AGAIN };
