//! What stacks of layers share, whatever they become: settings of their training level by level and of the whole, the
//! levels as far as they are trained, and what trains the whole.

mod cost;
mod data;
mod drawings;
mod evaluation;
pub mod figures;
mod given;
mod kinds;
mod levels;
pub mod report;
pub mod settings;
mod training;
mod transposed;
mod tuner;

pub use cost::Cost;
pub use data::{Prepared, Request, without};
pub use drawings::levels as draw_levels;
pub(super) use evaluation::Measured;
pub use evaluation::{Bounded, Evaluated, Scored};
pub use given::{NONE_TO_COMPARE_ON, Wanted, same_preparation};
pub use kinds::{Layers, LevelData, TunerName};
pub use levels::{Levels, SCORED, Trained};
pub use training::{FineTuning, Greedy, augmentation};
pub use transposed::check_transposed;
pub use tuner::{Tuner, freeze};
