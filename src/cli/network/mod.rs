//! What is done with trained classifiers.

mod eval;
mod features;
mod open;
mod predict;

pub use eval::run as eval;
pub use features::run as features;
pub use predict::run as predict;
