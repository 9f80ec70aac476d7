//! What every kernel's `proof` is made with: random inputs, comparisons with derived tolerances, and
//! the frame of what is measured. A kernel's cases stand at the foot of its own file, and the
//! catalogue lists them.

mod bench;
mod compare;
mod inputs;

pub use bench::Bench;
pub use compare::{Check, EPSILON, FLUSH};
pub use inputs::{Inputs, Values};

pub(crate) use super::catalogue::{Entry, Variant};
pub(crate) use crate::device::{Device, Gpu, Shader};
pub(crate) use crate::error::Result;
pub(crate) use crate::random::Draw;
pub(crate) use crate::tensor::Tensor;

/// The result of one comparison.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Outcome {
    /// The kernel.
    pub kernel: &'static str,
    /// Its variant, sizes and kind of numbers.
    pub case: String,
    /// The worst error over its tolerance: up to 1 passes. Where bits must agree it is 0 or infinite.
    pub worst: f64,
    /// Where and how it failed, if it did.
    pub detail: Option<String>,
}

impl Outcome {
    /// Whether every element was within its tolerance.
    pub fn passed(&self) -> bool {
        self.worst <= 1.0
    }
}

/// A case's numbers from the CPU path and from the device.
pub(crate) fn both<T>(device: &Device, run: impl Fn(&Device) -> Result<T>) -> Result<(T, T)> {
    Ok((run(&Device::cpu())?, run(device)?))
}
