//! The models: states, energies and conditionals, in the notation of the papers.

pub mod autoencoder;
mod bitmaps;
mod chains;
mod clamp;
mod classes;
mod classifier;
mod conditional;
pub mod crf;
pub mod dbn;
mod dreams;
mod enumeration;
pub mod exact;
pub mod filters;
pub(crate) mod gaussian;
pub mod labels;
mod ladder;
pub mod lenet5;
pub mod network;
mod passes;
pub mod rbm;
pub mod state;
pub mod units;

pub use autoencoder::{Autoencoder, AutoencoderSpec};
pub use chains::Chains;
pub use clamp::Clamp;
pub use classifier::Dropout;
pub use conditional::Conditional;
pub use crf::{Crf, CrfSpec, Decoding};
pub use dbn::{DbnSpec, DeepBeliefNet};
pub use dreams::Dreams;
pub use ladder::{Ladder, LadderChains, Replicas, Swaps};
pub use network::{Network, NetworkSpec};
pub use passes::Pass;
pub use rbm::Rbm;
pub use state::{Arrays, HostArray, Model, Visit};
pub use units::{UnitKind, Units};
