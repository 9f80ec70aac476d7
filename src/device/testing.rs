//! Faults on purpose, for the tests of what follows them. Not part of the public interface.

use super::{Backend, Device};
use crate::error::Result;

/// Records an invalid dispatch, so that the next submission fails.
pub fn break_next_submission(device: &Device) -> Result<()> {
    match device.backend() {
        Backend::Cpu(_) => Ok(()),
        Backend::Gpu(gpu) => gpu.record_invalid(),
    }
}

/// Asks the driver for a buffer of this size, past harmonium's own check.
pub fn allocate_unchecked(device: &Device, bytes: u64) -> Result<()> {
    match device.backend() {
        Backend::Cpu(_) => Ok(()),
        Backend::Gpu(gpu) => gpu.allocate_unchecked("allocate", bytes).map(drop),
    }
}

/// Destroys the device under everybody's feet.
pub fn destroy(device: &Device) {
    if let Backend::Gpu(gpu) = device.backend() {
        gpu.device.destroy();
    }
}
