//! Boltzmann machines and classic deep learning on any GPU, with hand-written WGSL kernels over wgpu,
//! each with a CPU path.

pub mod data;
pub mod device;
pub mod error;
pub mod evaluation;
pub mod kernels;
pub mod models;
pub mod random;
pub mod run;
pub mod shape;
pub mod tensor;
pub mod training;

pub use device::Device;
pub use error::{Error, Result};
pub use tensor::Tensor;
