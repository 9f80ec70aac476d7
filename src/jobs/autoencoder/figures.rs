//! What is measured of an autoencoder.

use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::stack::figures::{LEVEL_ERROR, VALIDATION_LEVEL_ERROR};
use crate::training::{
    Better, EVALUATIONS, Figure, LEARNING_RATE, MOMENTUM, TRAIN_ERROR, TRAIN_LOSS,
    TRAIN_RECONSTRUCTION, TRAIN_SQUARED_ERROR, Told,
};

/// All, in the order in which they are told.
pub static FIGURES: [&Figure; 18] = [
    &LEARNING_RATE,
    &MOMENTUM,
    &LEVEL_ERROR,
    &VALIDATION_LEVEL_ERROR,
    &TRAIN_SQUARED_ERROR,
    &VALIDATION_SQUARED_ERROR,
    &TEST_SQUARED_ERROR,
    &PCA_SQUARED_ERROR,
    &TRAIN_RECONSTRUCTION,
    &VALIDATION_RECONSTRUCTION,
    &TEST_CROSS_ENTROPY,
    &TRAIN_ERROR,
    &VALIDATION_ERROR,
    &TEST_ERROR,
    &TRAIN_LOSS,
    &VALIDATION_LOSS,
    &TEST_LOSS,
    &EVALUATIONS,
];

/// By what the best model is chosen.
pub static CHOSEN_BY: [&Figure; 1] = [&VALIDATION_RECONSTRUCTION];

const SQUARED: Figure = Figure {
    name: "squared error",
    unit: "summed over values, mean per case",
    told: Told::Always,
    better: Better::Lower,
    ..Figure::NEW
};

/// On the cases held out.
pub static VALIDATION_SQUARED_ERROR: Figure = Figure {
    key: "validation_squared_error",
    of: "validation",
    says: "On the training cases held out.",
    column: "squared error in validation",
    ..SQUARED
};

/// On the test cases.
pub static TEST_SQUARED_ERROR: Figure = Figure {
    key: "test_squared_error",
    of: "test",
    says: "On the test cases, in the data's own units.",
    column: "squared error in test",
    ..SQUARED
};

/// Of principal components, as many as the code has units, fitted to the training cases.
pub static PCA_SQUARED_ERROR: Figure = Figure {
    key: "pca_squared_error",
    of: "PCA",
    says: "On the same cases, by as many principal components of the training cases as the code has units.",
    column: "of PCA",
    told: Told::AtTheEnd,
    ..SQUARED
};

/// Mean loss of the cases held out.
pub static VALIDATION_RECONSTRUCTION: Figure = Figure {
    key: "validation_reconstruction_loss",
    name: "reconstruction loss",
    of: "validation",
    unit: "summed over values, mean per case",
    says: "On the training cases held out; by it the best epoch is chosen.",
    better: Better::Lower,
    ..Figure::NEW
};

/// Mean cross-entropy of the test cases.
pub static TEST_CROSS_ENTROPY: Figure = Figure {
    key: "test_cross_entropy",
    name: "cross-entropy",
    of: "test",
    unit: "nats, summed over values, mean per case",
    says: "On the test cases, where the loss is cross-entropy.",
    better: Better::Lower,
    told: Told::AtTheEnd,
    ..Figure::NEW
};
