//! The models: states, energies and conditionals, in the notation of the papers.

mod bitmaps;
mod chains;
mod classes;
mod conditional;
mod enumeration;
pub mod exact;
pub mod filters;
pub(crate) mod gaussian;
pub mod labels;
pub mod lenet5;
pub mod network;
pub mod rbm;
pub mod state;
pub mod units;

pub use chains::Chains;
pub use conditional::Conditional;
pub use network::{Network, NetworkSpec};
pub use rbm::Rbm;
pub use state::{Arrays, HostArray, Model, Visit};
pub use units::{UnitKind, Units};
