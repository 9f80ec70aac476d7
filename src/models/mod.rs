//! The models: states, energies and conditionals, in the notation of the papers.

pub mod autoencoder;
mod bitmaps;
mod chains;
mod conditional;
mod enumeration;
pub mod exact;
pub mod filters;
pub(crate) mod gaussian;
pub mod lenet5;
pub mod network;
pub mod rbm;
pub mod state;
pub mod units;

pub use autoencoder::{Autoencoder, AutoencoderSpec};
pub use chains::Chains;
pub use conditional::Conditional;
pub use network::{Network, NetworkSpec};
pub use rbm::Rbm;
pub use state::{Arrays, HostArray, Model, Visit};
pub use units::{UnitKind, Units};
