//! One opened wgpu device with its limits, memory, pipelines and faults. Whatever is asked of wgpu goes
//! through here, and comes back as an [`Error`] where it failed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::calls::Calls;
use super::faults::{Caught, Faults, catch};
use super::memory::{GpuBuffer, Memory, PIECE, Span};
use super::pipeline::{Constants, Pipeline, PipelineCache};
#[cfg(not(target_arch = "wasm32"))]
use super::pipeline_file;
use super::policy::Policy;
use super::pool::Pool;
use super::profile::{Profile, Timing, lock};
use super::select::{self, Candidate};
use super::{DeviceInfo, DeviceKind, Shader};
use crate::error::{Error, Result};

pub(super) struct Driver {
    pub info: DeviceInfo,
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    pub limits: wgpu::Limits,
    pub faults: Arc<Faults>,
    pub memory: Arc<Memory>,
    /// The calls that are bound to buffers of the pool.
    calls: Arc<Mutex<Calls>>,
    pub profile: Profile,
    /// What decides between the matrix loops.
    pub policy: Mutex<Policy>,
    timestamps: bool,
    /// How many were made.
    buffers: AtomicU64,
    pipelines: Mutex<PipelineCache>,
    #[cfg(not(target_arch = "wasm32"))]
    kept: Option<pipeline_file::Kept>,
}

/// The environment variable that has the indices of all shaders checked.
const CHECKED_VARIABLE: &str = "HARMONIUM_CHECKED";

/// Browsers keep pipelines themselves.
const KEPT: wgpu::Features = if cfg!(target_arch = "wasm32") {
    wgpu::Features::empty()
} else {
    wgpu::Features::PIPELINE_CACHE
};

#[cfg(not(target_arch = "wasm32"))]
impl Drop for Driver {
    fn drop(&mut self) {
        // What a patched shader became is another program's business.
        if let Some(kept) = self.kept.as_ref().filter(|_| self.pipelines().kept.is_some()) {
            let _ = catch(|| kept.keep());
        }
    }
}

/// Whether somebody wants checks in all shaders, to see whether they are at fault.
fn wants_checks() -> bool {
    std::env::var(CHECKED_VARIABLE).is_ok_and(|value| !["", "0"].contains(&value.trim()))
}

impl Driver {
    /// Opens an adapter with all that it allows.
    pub async fn open(candidate: Candidate) -> Result<Self> {
        let Candidate { adapter, summary } = candidate;
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("harmonium"),
            required_features: adapter.features() & (wgpu::Features::TIMESTAMP_QUERY | KEPT),
            required_limits: adapter.limits(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        let opened = adapter.request_device(&descriptor).await;
        let (device, queue) = opened.map_err(|e| Error::Device {
            op: "open the device".into(),
            adapter: summary.info.to_string(),
            detail: e.to_string(),
        })?;
        #[allow(unused_mut)]
        let mut driver = Self::new(&adapter, summary.info, device, queue);
        #[cfg(not(target_arch = "wasm32"))]
        {
            driver.kept = pipeline_file::Kept::open(&driver.device, &adapter.get_info());
            driver.pipelines().kept = driver.kept.as_ref().map(|kept| kept.cache.clone());
        }
        let faults = driver.faults.clone();
        driver.device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            faults.note_uncaptured(error.to_string());
        }));
        Ok(driver)
    }

    /// Takes a device that somebody else opened, whose handler of uncaptured errors stays his.
    pub fn adopt(
        adapter: &wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Result<Self> {
        let info = select::info(adapter);
        select::require("from_wgpu", &info, adapter, &device.limits())?;
        Ok(Self::new(adapter, info, device, queue))
    }

    /// The calls of which everything is ready.
    pub fn calls(&self) -> std::sync::MutexGuard<'_, Calls> {
        lock(&self.calls)
    }

    fn new(
        adapter: &wgpu::Adapter,
        info: DeviceInfo,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Self {
        let faults = Arc::new(Faults::default());
        let for_lost = faults.clone();
        device.set_device_lost_callback(move |reason, text| {
            for_lost.lose(format!("{reason:?}: {text}"));
        });
        let calls = Arc::new(Mutex::new(Calls::default()));
        Driver {
            info,
            timestamps: device.features().contains(wgpu::Features::TIMESTAMP_QUERY),
            limits: device.limits(),
            device,
            queue,
            faults,
            memory: Arc::new(Memory::new(calls.clone())),
            calls,
            profile: Profile::default(),
            buffers: AtomicU64::new(0),
            policy: Mutex::new(Policy::of(select::device_type(&adapter.get_info()))),
            pipelines: Mutex::new(PipelineCache::new(wants_checks())),
            #[cfg(not(target_arch = "wasm32"))]
            kept: None,
        }
    }

    pub fn is_software(&self) -> bool {
        self.info.kind == DeviceKind::Software
    }

    pub fn timing(&self) -> Timing {
        if self.timestamps { Timing::Timestamps } else { Timing::Clock }
    }

    /// An error if the device is gone.
    pub fn check_alive(&self) -> Result<()> {
        match self.faults.lost() {
            Some(detail) => Err(Error::DeviceLost { adapter: self.info.to_string(), detail }),
            None => Ok(()),
        }
    }

    /// The error of a failed call. wgpu may know of a loss and not have told yet: it does when polled, once
    /// nothing is under way, be it another thread's.
    pub fn fault(&self, op: impl Into<String>, detail: impl Into<String>) -> Error {
        self.deliver_callbacks();
        if self.check_alive().is_ok()
            && let Err(panic) = catch(|| self.device.poll(wgpu::PollType::wait_indefinitely()))
        {
            self.faults.lose(panic);
        }
        match self.check_alive() {
            Err(lost) => lost,
            Ok(()) => self.refused(op.into(), detail.into()),
        }
    }

    fn refused(&self, op: String, detail: String) -> Error {
        Error::Device { op, adapter: self.info.to_string(), detail }
    }

    /// Polls the device; a panic in the driver is a loss.
    pub fn poll(&self, how: wgpu::PollType) -> Result<()> {
        match catch(|| self.device.poll(how)) {
            Ok(Ok(_)) => self.check_alive(),
            Ok(Err(error)) => Err(self.fault("wait", error.to_string())),
            Err(detail) => {
                self.faults.lose(detail);
                self.check_alive()
            }
        }
    }

    /// Waits for one submission; where there is none, for nothing. Browsers do not wait.
    pub fn wait(&self, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
        self.poll(match submission {
            None => wgpu::PollType::Poll,
            index => wgpu::PollType::Wait { submission_index: index, timeout: None },
        })
    }

    /// Lets wgpu call back without waiting for any work.
    pub fn deliver_callbacks(&self) {
        if let Err(detail) = catch(|| self.device.poll(wgpu::PollType::Poll)) {
            self.faults.lose(detail);
        }
    }

    /// Runs `work` under error scopes and returns what they caught.
    pub fn scoped<T>(&self, work: impl FnOnce() -> T) -> (T, Caught) {
        self.faults.scoped(&self.device, work)
    }

    /// As [`Driver::scoped`], with what was caught as the fault of `op`.
    pub fn checked<T>(&self, op: &'static str, work: impl FnOnce() -> T) -> Result<T> {
        let (value, caught) = self.scoped(work);
        match caught {
            Caught::Now(Some(error)) => Err(self.fault(op, error.to_string())),
            caught => {
                let adapter = self.info.to_string();
                let say = move |e: wgpu::Error| Error::Device {
                    op: op.into(),
                    adapter,
                    detail: e.to_string(),
                };
                self.faults.settle(caught, say).map(|()| value)
            }
        }
    }

    /// Memory of the pool for `bytes` bytes.
    pub fn room(&self, op: &'static str, bytes: u64) -> Result<GpuBuffer> {
        let mut lent = self.lend(op, &[bytes])?;
        lent.pop().ok_or_else(|| self.fault(op, "no memory was lent"))
    }

    /// Memory of the pool for tensors, one behind another in one buffer.
    pub fn lend(&self, op: &'static str, pieces: &[u64]) -> Result<Vec<GpuBuffer>> {
        let (last, before) = pieces.split_last().map_or((0, &[][..]), |(last, rest)| (*last, rest));
        let bytes = before.iter().map(|bytes| bytes.next_multiple_of(PIECE)).sum::<u64>() + last;
        let class = Pool::class(bytes, self.limits.max_buffer_size);
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        self.memory.lend(class, pieces, || self.create_buffer(op, class, usage))
    }

    /// Any buffer, with allocation failures as errors.
    pub fn create_buffer(
        &self,
        op: &'static str,
        size: u64,
        usage: wgpu::BufferUsages,
    ) -> Result<wgpu::Buffer> {
        self.create(&wgpu::BufferDescriptor {
            label: Some(op),
            size,
            usage,
            mapped_at_creation: false,
        })
    }

    /// A buffer with these first bytes, to copy from.
    pub fn create_staging(&self, op: &'static str, bytes: &[u8]) -> Result<wgpu::Buffer> {
        let staging = self.create(&wgpu::BufferDescriptor {
            label: Some(op),
            size: (bytes.len() as u64).next_multiple_of(4),
            usage: wgpu::BufferUsages::COPY_SRC,
            mapped_at_creation: true,
        })?;
        let mapped = catch(|| {
            staging.get_mapped_range_mut(..).map(|mut view| {
                view.slice(..bytes.len()).copy_from_slice(bytes);
            })
        });
        if !matches!(mapped, Ok(Ok(()))) {
            return Err(self.fault(op, "the staging buffer cannot be mapped"));
        }
        staging.unmap();
        Ok(staging)
    }

    fn create(&self, descriptor: &wgpu::BufferDescriptor<'static>) -> Result<wgpu::Buffer> {
        self.check_alive()?;
        self.buffers.fetch_add(1, Ordering::Relaxed);
        let (buffer, caught) = self.scoped(|| self.device.create_buffer(descriptor));
        if matches!(caught, Caught::Now(Some(_))) {
            self.check_alive()?;
        }
        // wgpu reports a buffer above the device's limit as a validation error.
        let (adapter, bytes) = (self.info.to_string(), descriptor.size);
        let op = descriptor.label.unwrap_or_default();
        let say =
            move |e: wgpu::Error| Error::OutOfMemory { op, bytes, adapter, detail: e.to_string() };
        self.faults.settle(caught, say)?;
        Ok(buffer)
    }

    /// The pipeline for a shader with these override constants, made now if it is new.
    pub fn pipeline(
        &self,
        shader: &'static Shader,
        constants: Constants<'_>,
    ) -> Result<Arc<Pipeline>> {
        let mut cache = lock(&self.pipelines);
        if let Some(found) = cache.find(shader, constants) {
            return Ok(found);
        }
        self.check_alive()?;
        let made = self.checked(shader.name, || cache.make(&self.device, shader, constants));
        if made.is_err() {
            cache.forget(shader);
        }
        made
    }

    /// The pipelines that there are.
    pub fn pipelines(&self) -> std::sync::MutexGuard<'_, PipelineCache> {
        lock(&self.pipelines)
    }

    /// Buffers made so far.
    pub fn buffers(&self) -> u64 {
        self.buffers.load(Ordering::Relaxed)
    }

    /// A bind group over a parameter buffer and storage buffers.
    pub fn bind_group(
        &self,
        op: &'static str,
        pipeline: &Pipeline,
        params: wgpu::BufferBinding<'_>,
        spans: &[Span<'_>],
    ) -> Result<wgpu::BindGroup> {
        let storage = spans.iter().map(|s| binding(s.raw, s.offset, s.bytes));
        let entries: Vec<_> = std::iter::once(params)
            .chain(storage)
            .zip(0..)
            .map(|(buffer, binding)| wgpu::BindGroupEntry {
                binding,
                resource: wgpu::BindingResource::Buffer(buffer),
            })
            .collect();
        let descriptor =
            wgpu::BindGroupDescriptor { label: None, layout: &pipeline.layout, entries: &entries };
        self.calls().count();
        self.checked(op, || self.device.create_bind_group(&descriptor))
    }
}

/// `bytes` bytes of a buffer from `offset` on.
pub(super) fn binding(buffer: &wgpu::Buffer, offset: u64, bytes: u64) -> wgpu::BufferBinding<'_> {
    wgpu::BufferBinding { buffer, offset, size: std::num::NonZeroU64::new(bytes) }
}
