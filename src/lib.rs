#![doc = include_str!("../README.md")]

#[cfg(not(target_arch = "wasm32"))]
pub mod benchmark;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod cli;
pub mod data;
pub mod device;
pub mod error;
pub mod evaluation;
pub mod interval;
pub mod jobs;
pub mod kernels;
pub mod layers;
pub mod models;
pub mod random;
pub mod ranks;
pub mod run;
pub mod shape;
pub mod tensor;
pub mod training;
pub mod verify;

pub use device::Device;
pub use error::{Error, Result};
pub use tensor::Tensor;
/// The version of wgpu that [`Device::from_wgpu`] and [`Tensor::wgpu_buffer`] speak of.
pub use wgpu;
