//! Where tensors live and kernels run: the CPU, or a GPU through wgpu.
//!
//! This room chooses an adapter, keeps to its limits, pools buffers, caches pipelines, records
//! dispatches and turns every failure into an [`Error`]. It knows no kernel.

mod bindings;
#[cfg(target_arch = "wasm32")]
mod browser;
mod calls;
mod check;
mod command;
mod cpu;
mod driver;
mod faults;
mod gpu;
mod grid;
mod guard;
mod info;
mod memory;
mod pipeline;
#[cfg(not(target_arch = "wasm32"))]
mod pipeline_file;
mod policed;
mod policy;
mod pool;
mod product;
mod profile;
mod queries;
mod raw;
mod read;
mod recorder;
mod replay;
mod scoped;
mod select;
mod submissions;
#[doc(hidden)]
pub mod testing;

use std::fmt;
use std::sync::Arc;

pub(crate) use check::SOFTWARE_LOOPS;
pub(crate) use command::{Bind, Command};
pub(crate) use cpu::{
    Cpu, HostBuffer, add_dots_here, add_windows_here, multiply_here, multiply_placed_here,
};
pub(crate) use gpu::Gpu;
#[doc(hidden)]
pub use guard::with_guard;
pub(crate) use info::name_of_bits;
pub use info::{DeviceInfo, DeviceKind};
pub(crate) use memory::{GpuBuffer, PIECE};
#[doc(hidden)]
pub use pipeline::{Shader, shader_source};
pub(crate) use policy::Fit;
pub use policy::Policy;
#[doc(hidden)]
pub use policy::Tiles;
pub use pool::MemoryStats;
pub(crate) use product::{Rows, Strided, Term, Windows};
pub use profile::{ProfileRow, Timing};
pub(crate) use replay::in_passes;
pub(crate) use scoped::choosing;
#[cfg(not(target_arch = "wasm32"))]
pub use select::adapters;
pub use select::{AdapterSummary, adapters_async, auto_choice};

use crate::error::{Error, Result};

/// The environment variable that names the device where nothing else does.
pub const DEVICE_VARIABLE: &str = "HARMONIUM_DEVICE";

/// The one that names the file of a [`Policy`].
pub const POLICY_VARIABLE: &str = "HARMONIUM_POLICY";

/// The arithmetic and traffic of one kernel call, for submission sizes and profiles.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Floating-point operations (a multiplication and an addition are two).
    pub flops: u64,
    /// Bytes read and written at least once.
    pub bytes: u64,
}

/// A device: cheap to clone, `Send` and `Sync`. All clones share one queue, pool and recorder.
///
/// ```
/// use harmonium::Device;
/// let device = Device::cpu();
/// assert_eq!(device.info().backend, "cpu");
/// ```
#[derive(Clone)]
pub struct Device {
    backend: Backend,
    notices: Arc<[String]>,
}

#[derive(Clone)]
pub(crate) enum Backend {
    Cpu(Arc<Cpu>),
    Gpu(Arc<Gpu>),
}

impl Device {
    /// A hardware GPU if there is one that opens, else the CPU. Software adapters are never chosen.
    /// [`Device::notices`] says why a hardware GPU was passed over.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn auto() -> Self {
        pollster::block_on(Self::auto_async())
    }

    /// As [`Device::auto`], for asynchronous callers.
    pub async fn auto_async() -> Self {
        Self::first_of(select::hardware().await, Self::open).await
    }

    /// The first candidate that opens, else the CPU, with what is to be said of those passed over.
    async fn first_of(
        candidates: Vec<select::Candidate>,
        open: impl AsyncFnMut(select::Candidate) -> Result<Self>,
    ) -> Self {
        let (opened, notices) = select::first_that_opens(candidates, open).await;
        Device { notices: notices.into(), ..opened.unwrap_or_else(Self::cpu) }
    }

    fn new(backend: Backend) -> Self {
        Device { backend, notices: Arc::default() }
    }

    /// The CPU path, on as many threads as rayon's global pool has (`RAYON_NUM_THREADS`).
    pub fn cpu() -> Self {
        Self::new(Backend::Cpu(Arc::new(Cpu::new())))
    }

    /// A GPU by index (as `harmonium devices` counts them), backend (`vulkan`, `metal`, `dx12`, `gl`)
    /// or part of its name, in any case of letters. Software adapters are found too; hardware goes
    /// first.
    ///
    /// # Errors
    /// [`Error::NoAdapter`] with a list of what there is.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn gpu(selector: &str) -> Result<Self> {
        pollster::block_on(Self::gpu_async(selector))
    }

    /// As [`Device::gpu`], for asynchronous callers.
    ///
    /// # Errors
    /// As [`Device::gpu`].
    pub async fn gpu_async(selector: &str) -> Result<Self> {
        Self::open(select::find(selector).await?).await
    }

    /// `auto`, `cpu`, or a selector of [`Device::gpu`].
    ///
    /// # Errors
    /// As [`Device::gpu`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn select(selector: &str) -> Result<Self> {
        pollster::block_on(Self::select_async(selector))
    }

    /// As [`Device::select`], for asynchronous callers.
    ///
    /// # Errors
    /// As [`Device::gpu`].
    pub async fn select_async(selector: &str) -> Result<Self> {
        match selector.trim().to_ascii_lowercase().as_str() {
            "auto" | "" => Ok(Self::auto_async().await),
            "cpu" => Ok(Self::cpu()),
            _ => Self::gpu_async(selector).await,
        }
    }

    /// What the environment variable `HARMONIUM_DEVICE` selects; [`Device::auto`] where it is unset.
    ///
    /// # Errors
    /// As [`Device::gpu`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn from_env() -> Result<Self> {
        Self::select(&std::env::var(DEVICE_VARIABLE).unwrap_or_default())
    }

    /// Every adapter that opens, in the order of `harmonium devices`, without the CPU path.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn all_gpus() -> Vec<Result<Self>> {
        let all = pollster::block_on(select::candidates()).into_iter();
        all.map(|candidate| pollster::block_on(Self::open(candidate))).collect()
    }

    /// A wgpu device that the program has opened, of the version of [`crate::wgpu`]. Both may go on using
    /// it: harmonium submits to the same queue, which keeps the order of what both submit, and a tensor's
    /// buffer is to be had with [`Tensor::wgpu_buffer`](crate::Tensor::wgpu_buffer).
    ///
    /// The device needs no feature (with `TIMESTAMP_QUERY` profiles take the device's own times) and
    /// `wgpu::Limits::default()` or more: 8 storage buffers per stage, 256 invocations in a workgroup and
    /// along its x, 16 KiB of workgroup memory, 65,535 workgroups in a dimension. A tensor may be as large
    /// as its `max_storage_buffer_binding_size`, so ask for the adapter's.
    ///
    /// harmonium catches the errors of its own calls in error scopes and leaves the device's
    /// `on_uncaptured_error` handler alone. It does set the device's lost callback, since nothing else
    /// tells of a loss: a program that wants its own sets it afterwards, and calls
    /// [`Device::report_loss`] from there.
    ///
    /// ```
    /// # use harmonium::wgpu;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let instance =
    /// #     wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
    /// # let wanted = wgpu::RequestAdapterOptions::default();
    /// # let Ok(adapter) = pollster::block_on(instance.request_adapter(&wanted)) else { return Ok(()) };
    /// let descriptor = wgpu::DeviceDescriptor::default();
    /// let (device, queue) = pollster::block_on(adapter.request_device(&descriptor))?;
    /// let ours = harmonium::Device::from_wgpu(&adapter, device.clone(), queue.clone())?;
    /// let x = harmonium::Tensor::from_f32(&ours, &[2], &[1.0, 2.0])?;
    /// // What was recorded is submitted; the program's own passes over the buffer come after it.
    /// assert!(x.wgpu_buffer()?.is_some_and(|part| part.offset == 0 && part.buffer.size() >= 8));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`Error::Limit`] naming the limit that is too low, [`Error::NoAdapter`] for an adapter without
    /// compute shaders.
    pub fn from_wgpu(
        adapter: &wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Result<Self> {
        Ok(Self::new(Backend::Gpu(Gpu::adopt(adapter, device, queue)?)))
    }

    /// Tells harmonium that the wgpu device is lost, where the program's own callback has taken the place
    /// of harmonium's; the first reason counts. Every later call on the device gives
    /// [`Error::DeviceLost`]. Nothing happens on the CPU.
    pub fn report_loss(&self, reason: &str) {
        if let Backend::Gpu(gpu) = &self.backend {
            gpu.driver.faults.lose(reason.into());
        }
    }

    async fn open(candidate: select::Candidate) -> Result<Self> {
        Ok(Self::new(Backend::Gpu(Gpu::open(candidate).await?)))
    }

    pub(crate) fn backend(&self) -> &Backend {
        &self.backend
    }

    /// What the device is called.
    pub fn info(&self) -> &DeviceInfo {
        match &self.backend {
            Backend::Cpu(cpu) => cpu.info(),
            Backend::Gpu(gpu) => gpu.info(),
        }
    }

    /// What a user should be told of how the device was chosen: each hardware GPU that
    /// [`Device::auto`] passed over, and why. Empty where nothing was passed over.
    pub fn notices(&self) -> &[String] {
        &self.notices
    }

    /// The largest tensor, in bytes: a storage binding on a GPU, 8 GiB (the range of 32-bit element
    /// indices) on the CPU.
    pub fn max_tensor_bytes(&self) -> u64 {
        match &self.backend {
            Backend::Cpu(_) => 1 << 33,
            Backend::Gpu(gpu) => gpu.max_tensor_bytes(),
        }
    }

    /// Whether both are the same opened device.
    pub fn same(&self, other: &Device) -> bool {
        match (&self.backend, &other.backend) {
            // Host memory is one place, whoever opened it.
            (Backend::Cpu(_), Backend::Cpu(_)) => true,
            (Backend::Gpu(a), Backend::Gpu(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Submits what is recorded and waits until the device has done it. In a browser no call can wait for a GPU:
    /// this and every other form that is not asynchronous serve the CPU there, and say so of a GPU.
    ///
    /// # Errors
    /// What the failed work was, or [`Error::DeviceLost`]; in a browser [`Error::Device`].
    pub fn synchronize(&self) -> Result<()> {
        match &self.backend {
            Backend::Cpu(_) => Ok(()),
            Backend::Gpu(gpu) => gpu.synchronize(),
        }
    }

    /// As [`Device::synchronize`], for asynchronous callers: the thread is free while the device works.
    /// (Recording waits by itself where more than three submissions are under way; in a browser it never
    /// does.)
    ///
    /// # Errors
    /// As [`Device::synchronize`]; in a browser, which tells of failed allocations and submissions late,
    /// also [`Error::OutOfMemory`] and [`Error::Device`] of earlier calls.
    pub async fn synchronize_async(&self) -> Result<()> {
        match &self.backend {
            Backend::Cpu(_) => Ok(()),
            Backend::Gpu(gpu) => gpu.synchronize_async().await,
        }
    }

    /// Bytes in use and in the pool.
    pub fn memory(&self) -> MemoryStats {
        match &self.backend {
            Backend::Cpu(cpu) => cpu.memory(),
            Backend::Gpu(gpu) => gpu.memory(),
        }
    }

    /// Times every kernel call from now on. The GPU then waits after every submission, so the whole is
    /// slower; each kernel's own time is measured by the device's timestamps where it has them.
    ///
    /// # Errors
    /// [`Error::DeviceLost`], or a failed submission of what was recorded before.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn start_profile(&self) -> Result<()> {
        match &self.backend {
            Backend::Cpu(cpu) => {
                cpu.profile().start();
                Ok(())
            }
            Backend::Gpu(gpu) => gpu.start_profile(),
        }
    }

    /// Times no kernel any more; [`Device::profile`] still tells what there was.
    ///
    /// # Errors
    /// As [`Device::synchronize`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn stop_profile(&self) -> Result<()> {
        self.synchronize()?;
        match &self.backend {
            Backend::Cpu(cpu) => cpu.profile().stop(),
            Backend::Gpu(gpu) => gpu.stop_profile(),
        }
        Ok(())
    }

    /// Calls, time and traffic per kernel since [`Device::start_profile`], longest first.
    ///
    /// # Errors
    /// As [`Device::synchronize`].
    #[cfg(not(target_arch = "wasm32"))]
    pub fn profile(&self) -> Result<Vec<ProfileRow>> {
        self.synchronize()?;
        Ok(match &self.backend {
            Backend::Cpu(cpu) => cpu.profile().rows(),
            Backend::Gpu(gpu) => gpu.profile_rows(),
        })
    }

    /// How a profile's times were taken.
    pub fn timing(&self) -> Timing {
        match &self.backend {
            Backend::Cpu(_) => Timing::Clock,
            Backend::Gpu(gpu) => gpu.timing(),
        }
    }

    /// The GPU, of a tensor that lies on one.
    pub(crate) fn gpu_backend(&self) -> Result<&Gpu> {
        match &self.backend {
            Backend::Gpu(gpu) => Ok(gpu),
            Backend::Cpu(_) => Err(Error::shape("kernel", "the CPU, expected a GPU")),
        }
    }

    /// Checks that two tensors of one operation share a device.
    pub(crate) fn require_same(&self, op: &'static str, other: &Device) -> Result<()> {
        if self.same(other) {
            return Ok(());
        }
        let [left, right] = [self, other].map(|device| device.info().to_string());
        Err(Error::DeviceMismatch { op, left, right })
    }
}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Device({})", self.info())
    }
}
