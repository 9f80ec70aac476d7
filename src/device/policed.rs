//! The policy that a device has: the built-in one, or one that was given.

use super::gpu::Gpu;
use super::policy::Policy;
use super::profile::lock;
use super::{Backend, Device};

impl Gpu {
    /// What decides between the matrix loops.
    pub fn policy(&self) -> Policy {
        *lock(&self.driver.policy)
    }
}

impl Device {
    /// What decides between the matrix loops of a GPU; `None` on the CPU, which has one.
    pub fn policy(&self) -> Option<Policy> {
        match self.backend() {
            Backend::Cpu(_) => None,
            Backend::Gpu(gpu) => Some(gpu.policy()),
        }
    }

    /// Decides by another policy from now on, on this device and all its clones. Nothing happens on the CPU.
    pub fn set_policy(&self, policy: Policy) {
        if let Backend::Gpu(gpu) = self.backend() {
            *lock(&gpu.driver.policy) = policy;
        }
    }
}
