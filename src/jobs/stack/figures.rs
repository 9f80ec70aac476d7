//! What is measured of a level while it is trained.

use crate::training::{Better, Figure, Told};

const LEVEL: Figure = Figure {
    name: "level's error",
    unit: "squared, summed over the level's inputs, mean per case",
    diagram: "While levels are trained one by one: how well the level gives back what it reads, by means. Levels read \
              different things, so each has its own scale.",
    told: Told::Meanwhile,
    better: Better::Lower,
    ..Figure::NEW
};

/// Of the level under way, on training cases.
pub static LEVEL_ERROR: Figure = Figure {
    key: "level_error",
    of: "training",
    says: "Of the last level, on the first 500 training cases.",
    ..LEVEL
};

/// Of the level under way, on the cases held out.
pub static VALIDATION_LEVEL_ERROR: Figure = Figure {
    key: "validation_level_error",
    of: "validation",
    says: "Of the last level, on the first 500 cases held out.",
    ..LEVEL
};
