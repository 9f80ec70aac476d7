//! What is measured of a classification machine.

use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::training::{Figure, LEARNING_RATE, MOMENTUM, TRAIN_ERROR, TRAIN_LOSS};

/// All, in the order in which they are told.
pub static FIGURES: [&Figure; 8] = [
    &LEARNING_RATE,
    &MOMENTUM,
    &TRAIN_ERROR,
    &VALIDATION_ERROR,
    &TEST_ERROR,
    &TRAIN_LOSS,
    &VALIDATION_LOSS,
    &TEST_LOSS,
];
