//! What is measured of a deep Boltzmann machine.

use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::stack::figures::{LEVEL_ERROR, VALIDATION_LEVEL_ERROR};
use crate::training::{
    Better, EVALUATIONS, Figure, LEARNING_RATE, MEAN_FIELD_ROUNDS, MOMENTUM, TRAIN_ERROR,
    TRAIN_LOSS, Told,
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

const AGAIN: Figure = Figure {
    name: "reconstruction error",
    unit: "squared, summed over the values of a case, mean per case",
    diagram: "How well the machine gives a case back: the mean field of its hidden layers, and the mean of the data given \
              that of the first.",
    told: Told::Always,
    better: Better::Lower,
    ..Figure::NEW
};

/// On training cases.
pub static RECONSTRUCTION: Figure = Figure {
    key: "reconstruction_error",
    of: "training",
    says: "By the mean field and back, on the first 500 training cases.",
    ..AGAIN
};

/// On the cases held out.
pub static VALIDATION_RECONSTRUCTION: Figure = Figure {
    key: "validation_reconstruction_error",
    of: "validation",
    says: "On the first 500 cases held out.",
    ..AGAIN
};

/// On the test cases.
pub static TEST_RECONSTRUCTION: Figure = Figure {
    key: "test_reconstruction_error",
    of: "test",
    says: "On the test cases.",
    column: "reconstruction in test",
    ..AGAIN
};
