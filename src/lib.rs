//! Boltzmann machines and classic deep learning on any GPU, with hand-written WGSL kernels over wgpu,
//! each with a CPU path.

pub mod data;
pub mod error;
pub mod random;
pub mod run;
pub mod shape;

pub use error::{Error, Result};
