//! What a device can do at most: a copy of much memory, and products and sums on numbers that stay in registers.

use serde::{Deserialize, Serialize};

use super::timing::{BenchConfig, Timed, sampled};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::elementwise::{Elementwise, elementwise};
use crate::kernels::multiply_add::{MultiplyAdd, multiply_add};
use crate::tensor::Tensor;

/// The fastest of several runs each.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Ceilings {
    /// Floating-point operations a second, a product and a sum being two.
    pub flops: f64,
    /// Bytes read and written a second by a copy of [`Ceilings::copied`] bytes.
    pub bytes: f64,
    /// Bytes of the tensor that was copied: caches do not hold it.
    pub copied: u64,
}

impl Ceilings {
    /// The part of either that a case comes to, the larger one, and whether that is arithmetic's. Of memory more than 1
    /// where caches hold the data.
    pub fn reached(&self, timed: &Timed) -> (f64, bool) {
        let (flops, bytes) = (timed.flop_rate() / self.flops, timed.byte_rate() / self.bytes);
        if flops >= bytes { (flops, true) } else { (bytes, false) }
    }
}

/// Elements copied: 64 MiB.
const COPIED: usize = 1 << 24;
/// Elements that are multiplied and added to, and how often in a call.
const COMPUTED: usize = 1 << 20;
const TIMES: u32 = 2048;

/// Measures both.
///
/// # Errors
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::Limit`](crate::Error::Limit), device errors.
pub fn ceilings(device: &Device, config: &BenchConfig) -> Result<Ceilings> {
    let fastest = |call: &mut dyn FnMut() -> Result<()>| -> Result<f64> {
        let (samples, _) = sampled(device, config, call)?;
        Ok(samples.into_iter().fold(f64::INFINITY, f64::min))
    };
    let x = Tensor::zeros(device, &[COPIED])?;
    let mut y = Tensor::zeros(device, &[COPIED])?;
    let seconds = fastest(&mut || elementwise(Elementwise::Affine(1.0, 0.0), &x, None, &mut y))?;
    let copied = 4 * COPIED as u64;
    let bytes = 2.0 * copied as f64 / seconds;
    let mut x = Tensor::zeros(device, &[COMPUTED])?;
    let what = MultiplyAdd { factor: 0.999, summand: 1e-3, times: TIMES };
    let seconds = fastest(&mut || multiply_add(what, &mut x))?;
    let flops = 2.0 * COMPUTED as f64 * f64::from(TIMES) / seconds;
    Ok(Ceilings { flops, bytes, copied })
}
