//! What a device is.

use std::fmt;

/// What kind of machine a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// The CPU path of this crate.
    Cpu,
    /// A GPU.
    Hardware,
    /// A driver that runs shaders on the CPU (llvmpipe, SwiftShader, WARP).
    Software,
}

/// What a device is called.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct DeviceInfo {
    /// The adapter's name, or the processor's.
    pub name: String,
    /// `cpu`, `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// Driver and version; empty for the CPU.
    pub driver: String,
    /// CPU, hardware or software adapter.
    pub kind: DeviceKind,
}

impl fmt::Display for DeviceInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DeviceKind::Cpu => write!(f, "CPU ({})", self.name),
            DeviceKind::Hardware => write!(f, "{} ({})", self.name, self.backend),
            DeviceKind::Software => write!(f, "{} ({}, software)", self.name, self.backend),
        }
    }
}

/// A device's name without what its bits do not depend on: a processor's threads.
pub(crate) fn name_of_bits<'a>(name: &'a str, backend: &str) -> &'a str {
    match backend {
        "cpu" => name.rsplit_once(", ").map_or(name, |(name, _)| name),
        _ => name,
    }
}
