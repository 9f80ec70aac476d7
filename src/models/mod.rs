//! The models: states, energies and conditionals, in the notation of the papers.

mod bitmaps;
pub mod enumeration;
pub mod filters;
pub mod lenet5;
pub mod network;
pub mod rbm;
pub mod state;

pub use network::{Network, NetworkSpec};
pub use rbm::{Rbm, VisibleKind};
pub use state::{Arrays, HostArray, Model, Visit};
