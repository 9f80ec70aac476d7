//! The models: states, energies and conditionals, in the notation of the papers.

pub mod enumeration;
pub mod filters;
pub mod rbm;

pub use rbm::{Rbm, VisibleKind};
