//! What stacks of layers share, whatever they become: settings of their training level by level and of the whole, the
//! levels as far as they are trained, and what trains the whole.

mod bounded;
mod cost;
mod data;
mod drawings;
pub mod figures;
mod given;
mod kinds;
mod levels;
pub mod settings;
mod tuner;

pub use bounded::Bounded;
pub use cost::Cost;
pub use data::{Prepared, Request, without};
pub use drawings::levels as draw_levels;
pub use given::Wanted;
pub use kinds::{Layers, LevelData, TunerName};
pub use levels::{Levels, SCORED, Trained};
pub use settings::{FineTuning, Greedy};
pub use tuner::{Tuner, freeze};
