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
use super::slices::with_slices;
pub(crate) use crate::device::{Device, Gpu, Shader};
pub(crate) use crate::error::Result;
pub(crate) use crate::random::Draw;
pub(crate) use crate::tensor::Tensor;

/// Longer than the loops of one invocation get on Mesa's software adapters (65,535 iterations).
pub const LONG: usize = 90_000;

/// A case on long rows in several slices. Teams of 64 pass over four million columns before their loops are
/// as long as [`LONG`], so the slices are made shorter instead.
pub(crate) fn long_rows<T>(case: impl FnOnce() -> T) -> T {
    with_slices(512, case)
}

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
    /// A case whose kernel did not write all of its result.
    pub(crate) fn unfinished(kernel: &'static str, detail: String) -> Self {
        let case = "every element is written".into();
        Outcome { kernel, case, worst: f64::INFINITY, detail: Some(detail) }
    }

    /// Whether its numbers are not finite or subnormal: WGSL lets a device assume that there are none of the former, and
    /// flush the latter.
    pub(crate) fn left_to_devices(&self) -> bool {
        [Values::NonFinite, Values::Subnormal]
            .iter()
            .any(|v| self.case.ends_with(&format!("{v:?}")))
    }

    /// Whether every element was within its tolerance.
    pub fn passed(&self) -> bool {
        self.worst <= 1.0
    }
}

/// A case's numbers from the CPU path and from the device.
pub(crate) fn both<T>(device: &Device, run: impl Fn(&Device) -> Result<T>) -> Result<(T, T)> {
    Ok((run(&Device::cpu())?, run(device)?))
}
