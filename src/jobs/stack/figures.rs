//! What is measured of a level while it is trained, and of how a whole gives cases back.

use crate::training::{Better, Figure, Told};

const LEVEL: Figure = Figure {
    name: "level's error",
    unit: "squared, summed over the level's inputs, mean per case",
    diagram: "While levels are trained one by one: how well the level gives back what it reads, by means. Levels read \
              different things, so each has its own scale.",
    by_stage: true,
    told: Told::Meanwhile,
    better: Better::Lower,
    ..Figure::NEW
};

/// Of the level under way, on training cases.
pub static LEVEL_ERROR: Figure = Figure {
    key: "level_error",
    of: "training",
    says: "Of the last level, on at most 500 training cases.",
    ..LEVEL
};

/// Of the level under way, on the cases held out.
pub static VALIDATION_LEVEL_ERROR: Figure = Figure {
    key: "validation_level_error",
    of: "validation",
    says: "Of the last level, on at most 500 cases held out.",
    ..LEVEL
};

/// How well a whole gives a case back.
pub const AGAIN: Figure = Figure {
    name: "reconstruction error",
    unit: "squared, summed over the values of a case, mean per case",
    told: Told::Always,
    better: Better::Lower,
    ..Figure::NEW
};

/// The same on the cases held out.
pub const VALIDATION_AGAIN: Figure = Figure {
    key: "validation_reconstruction_error",
    of: "validation",
    says: "On at most 500 cases held out.",
    ..AGAIN
};

/// The same on the test cases.
pub const TEST_AGAIN: Figure = Figure {
    key: "test_reconstruction_error",
    of: "test",
    says: "On the test cases.",
    column: "reconstruction in test",
    ..AGAIN
};
