//! Where tensors live and kernels run: the CPU, or a GPU through wgpu.
//!
//! This room chooses an adapter, keeps to its limits, pools buffers, caches pipelines, records
//! dispatches and turns every failure into an [`Error`]. It knows no kernel.

mod cpu;
mod gpu;
mod pipeline;
mod pool;
mod profile;
mod raw;
mod read;
mod recorder;
mod select;
#[doc(hidden)]
pub mod testing;

use std::fmt;
use std::sync::Arc;

pub(crate) use cpu::{Cpu, GemmOperand, GemmOutput, HostBuffer, gemm_here};
pub(crate) use gpu::{Gpu, GpuBuffer};
#[doc(hidden)]
pub use pipeline::{Shader, shader_source};
pub use pool::MemoryStats;
pub use profile::{ProfileRow, Timing};
pub(crate) use recorder::{Bind, Command};
pub use select::{AdapterSummary, adapters, auto_choice};

use crate::error::{Error, Result};

/// The environment variable that names the device where nothing else does.
pub const DEVICE_VARIABLE: &str = "HARMONIUM_DEVICE";

/// What kind of machine a device is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    /// The CPU path of this crate.
    Cpu,
    /// A GPU.
    Hardware,
    /// A driver that runs shaders on the CPU (llvmpipe, SwiftShader, WARP).
    Software,
}

/// The arithmetic and traffic of one kernel call, for submission sizes and profiles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Floating-point operations (a multiplication and an addition are two).
    pub flops: u64,
    /// Bytes read and written at least once.
    pub bytes: u64,
}

/// What a device is called.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
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

/// A device: cheap to clone, `Send` and `Sync`. All clones share one queue, pool and recorder.
///
/// ```
/// use harmonium::Device;
/// let device = Device::cpu();
/// assert_eq!(device.info().backend, "cpu");
/// ```
#[derive(Clone)]
pub struct Device(Backend);

#[derive(Clone)]
pub(crate) enum Backend {
    Cpu(Arc<Cpu>),
    Gpu(Arc<Gpu>),
}

impl Device {
    /// A hardware GPU if there is one that opens, else the CPU. Software adapters are never chosen.
    pub fn auto() -> Self {
        let opened = select::hardware().into_iter().find_map(|c| Self::open(c).ok());
        opened.unwrap_or_else(Self::cpu)
    }

    /// The CPU path, on as many threads as rayon's global pool has (`RAYON_NUM_THREADS`).
    pub fn cpu() -> Self {
        Device(Backend::Cpu(Arc::new(Cpu::new())))
    }

    /// A GPU by index (as `harmonium devices` counts them), backend (`vulkan`, `metal`, `dx12`, `gl`)
    /// or part of its name, in any case of letters. Software adapters are found too; hardware goes
    /// first.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] with a list of what there is.
    pub fn gpu(selector: &str) -> Result<Self> {
        Self::open(select::find(selector)?)
    }

    /// `auto`, `cpu`, or a selector of [`Device::gpu`].
    ///
    /// # Errors
    /// As [`Device::gpu`].
    pub fn select(selector: &str) -> Result<Self> {
        match selector.trim().to_ascii_lowercase().as_str() {
            "auto" | "" => Ok(Self::auto()),
            "cpu" => Ok(Self::cpu()),
            _ => Self::gpu(selector),
        }
    }

    /// What the environment variable `HARMONIUM_DEVICE` selects; [`Device::auto`] where it is unset.
    ///
    /// # Errors
    /// As [`Device::gpu`].
    pub fn from_env() -> Result<Self> {
        Self::select(&std::env::var(DEVICE_VARIABLE).unwrap_or_default())
    }

    /// Every adapter that opens, in the order of `harmonium devices`, without the CPU path.
    pub fn all_gpus() -> Vec<Result<Self>> {
        select::candidates().into_iter().map(Self::open).collect()
    }

    fn open(candidate: select::Candidate) -> Result<Self> {
        Ok(Device(Backend::Gpu(Gpu::open(candidate)?)))
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.0
    }

    /// What the device is called.
    pub fn info(&self) -> &DeviceInfo {
        match &self.0 {
            Backend::Cpu(cpu) => cpu.info(),
            Backend::Gpu(gpu) => gpu.info(),
        }
    }

    /// The largest tensor, in bytes: a storage binding on a GPU, 8 GiB (the range of 32-bit element
    /// indices) on the CPU.
    pub fn max_tensor_bytes(&self) -> u64 {
        match &self.0 {
            Backend::Cpu(_) => 1 << 33,
            Backend::Gpu(gpu) => gpu.max_tensor_bytes(),
        }
    }

    /// Whether both are the same opened device.
    pub fn same(&self, other: &Device) -> bool {
        match (&self.0, &other.0) {
            // Host memory is one place, whoever opened it.
            (Backend::Cpu(_), Backend::Cpu(_)) => true,
            (Backend::Gpu(a), Backend::Gpu(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Submits what is recorded and waits until the device has done it.
    ///
    /// # Errors
    /// What the failed work was, or [`Error::DeviceLost`].
    pub fn synchronize(&self) -> Result<()> {
        match &self.0 {
            Backend::Cpu(_) => Ok(()),
            Backend::Gpu(gpu) => gpu.synchronize(),
        }
    }

    /// Bytes in use and in the pool.
    pub fn memory(&self) -> MemoryStats {
        match &self.0 {
            Backend::Cpu(cpu) => cpu.memory(),
            Backend::Gpu(gpu) => gpu.memory(),
        }
    }

    /// Times every kernel call from now on. The GPU then waits after every submission, so the whole is
    /// slower; each kernel's own time is measured by the device's timestamps where it has them.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], or a failed submission of what was recorded before.
    pub fn start_profile(&self) -> Result<()> {
        match &self.0 {
            Backend::Cpu(cpu) => {
                cpu.profile().start();
                Ok(())
            }
            Backend::Gpu(gpu) => gpu.start_profile(),
        }
    }

    /// Calls, time and traffic per kernel since [`Device::start_profile`], longest first.
    ///
    /// # Errors
    /// As [`Device::synchronize`].
    pub fn profile(&self) -> Result<Vec<ProfileRow>> {
        self.synchronize()?;
        Ok(match &self.0 {
            Backend::Cpu(cpu) => cpu.profile().rows(),
            Backend::Gpu(gpu) => gpu.profile_rows(),
        })
    }

    /// How a profile's times were taken.
    pub fn timing(&self) -> Timing {
        match &self.0 {
            Backend::Cpu(_) => Timing::Clock,
            Backend::Gpu(gpu) => gpu.timing(),
        }
    }

    /// Checks that two tensors of one operation share a device.
    pub(crate) fn require_same(&self, op: &'static str, other: &Device) -> Result<()> {
        if self.same(other) {
            return Ok(());
        }
        Err(Error::DeviceMismatch {
            op,
            left: self.info().to_string(),
            right: other.info().to_string(),
        })
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.info())
    }
}
