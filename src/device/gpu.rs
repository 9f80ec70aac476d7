//! One opened GPU: its buffers, its recorder and what became of it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use super::pipeline::{Constants, Pipeline, PipelineCache};
use super::pool::{MemoryStats, Pool};
use super::profile::{Profile, ProfileRow, Timing, lock};
use super::read;
use super::recorder::{Command, Recorder};
use super::select::Candidate;
use super::{DeviceInfo, DeviceKind, Shader};
use crate::error::{Error, Result};

/// Bind groups kept; past that all are made anew.
const BIND_GROUPS: usize = 4096;

pub(crate) struct Gpu {
    info: DeviceInfo,
    pub(super) device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    pub(super) limits: wgpu::Limits,
    timestamps: bool,
    pub(super) faults: Arc<Faults>,
    pool: Mutex<Pool>,
    pipelines: Mutex<PipelineCache>,
    bind_groups: Mutex<HashMap<BindKey, wgpu::BindGroup>>,
    recorder: Mutex<Recorder>,
    profile: Profile,
}

/// Pipeline, and (buffer, bytes) of each storage binding.
type BindKey = (usize, Vec<(u64, u64)>);

/// What went wrong outside any call.
#[derive(Default)]
pub(crate) struct Faults {
    lost: Mutex<Option<String>>,
    uncaptured: Mutex<Option<String>>,
}

impl Faults {
    pub fn lose(&self, why: String) {
        lock(&self.lost).get_or_insert(why);
    }

    pub fn take_uncaptured(&self) -> Option<String> {
        lock(&self.uncaptured).take()
    }
}

/// Whether the contents of a buffer were ever computed: where a submission fails, what it would have
/// written is poisoned.
#[derive(Default)]
pub(crate) struct WriteState(Mutex<Option<(String, String)>>);

impl WriteState {
    pub fn poison(&self, op: &str, why: &str) {
        *lock(&self.0) = Some((op.into(), why.into()));
    }

    pub fn heal(&self) {
        *lock(&self.0) = None;
    }

    pub fn check(&self) -> Result<()> {
        match &*lock(&self.0) {
            Some((op, detail)) => Err(Error::Poisoned { op: op.clone(), detail: detail.clone() }),
            None => Ok(()),
        }
    }
}

/// A pooled buffer; dropping it gives it back. What was recorded before runs before whatever uses it
/// next, because the queue keeps the order.
pub(crate) struct GpuBuffer {
    gpu: Arc<Gpu>,
    raw: Option<wgpu::Buffer>,
    /// The buffer's name; it stays the same when the buffer is reused.
    pub(super) id: u64,
    /// The bytes that are bound; the buffer may be larger.
    pub(super) bytes: u64,
    class: u64,
    pub(super) state: Arc<WriteState>,
}

impl GpuBuffer {
    pub(super) fn raw(&self) -> Result<&wgpu::Buffer> {
        self.raw.as_ref().ok_or_else(|| Error::shape("buffer", "already given back"))
    }

    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }
}

impl Drop for GpuBuffer {
    fn drop(&mut self) {
        let Some(raw) = self.raw.take() else { return };
        let mut pool = lock(&self.gpu.pool);
        if pool.give_back(self.class, self.id, raw) {
            pool.trim();
            lock(&self.gpu.bind_groups).clear();
        }
    }
}

impl Gpu {
    pub fn open(candidate: Candidate) -> Result<Arc<Self>> {
        let Candidate { adapter, summary } = candidate;
        let wanted = wgpu::Features::TIMESTAMP_QUERY;
        let features = adapter.features() & wanted;
        let limits = adapter.limits();
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("harmonium"),
            required_features: features,
            required_limits: limits.clone(),
            experimental_features: wgpu::ExperimentalFeatures::disabled(),
            memory_hints: wgpu::MemoryHints::Performance,
            trace: wgpu::Trace::Off,
        };
        let (device, queue) =
            pollster::block_on(adapter.request_device(&descriptor)).map_err(|e| Error::Device {
                op: "open the device".into(),
                adapter: summary.info.to_string(),
                detail: e.to_string(),
            })?;
        let faults = Arc::new(Faults::default());
        let for_lost = faults.clone();
        device.set_device_lost_callback(move |reason, text| {
            for_lost.lose(format!("{reason:?}: {text}"));
        });
        let for_errors = faults.clone();
        device.on_uncaptured_error(Arc::new(move |error: wgpu::Error| {
            lock(&for_errors.uncaptured).get_or_insert(error.to_string());
        }));
        Ok(Arc::new(Gpu {
            info: summary.info,
            timestamps: features.contains(wgpu::Features::TIMESTAMP_QUERY),
            recorder: Mutex::new(Recorder::new(&limits)),
            device,
            queue,
            limits,
            faults,
            pool: Mutex::default(),
            pipelines: Mutex::default(),
            bind_groups: Mutex::default(),
            profile: Profile::default(),
        }))
    }

    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    pub fn is_software(&self) -> bool {
        self.info.kind == DeviceKind::Software
    }

    pub fn max_tensor_bytes(&self) -> u64 {
        self.limits.max_storage_buffer_binding_size.min(self.limits.max_buffer_size)
    }

    pub fn memory(&self) -> MemoryStats {
        lock(&self.pool).stats()
    }

    pub fn timing(&self) -> Timing {
        if self.timestamps { Timing::Timestamps } else { Timing::Clock }
    }

    pub(super) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub fn profile_rows(&self) -> Vec<ProfileRow> {
        self.profile.rows()
    }

    pub fn start_profile(&self) -> Result<()> {
        self.synchronize()?;
        self.profile.start();
        Ok(())
    }

    /// An error if the device is gone.
    pub fn check_alive(&self) -> Result<()> {
        match &*lock(&self.faults.lost) {
            Some(detail) => {
                Err(Error::DeviceLost { adapter: self.info.to_string(), detail: detail.clone() })
            }
            None => Ok(()),
        }
    }

    /// The error of a failed call. wgpu may know of a loss and not have told yet: it does when polled.
    pub(super) fn fault(&self, op: impl Into<String>, detail: impl Into<String>) -> Error {
        read::deliver_callbacks(self);
        match self.check_alive() {
            Err(lost) => lost,
            Ok(()) => Error::Device {
                op: op.into(),
                adapter: self.info.to_string(),
                detail: detail.into(),
            },
        }
    }

    /// Runs `work` under error scopes and returns what they caught.
    pub(super) fn scoped<T>(&self, work: impl FnOnce() -> T) -> (T, Option<wgpu::Error>) {
        let guards = [
            self.device.push_error_scope(wgpu::ErrorFilter::Internal),
            self.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory),
            self.device.push_error_scope(wgpu::ErrorFilter::Validation),
        ];
        let value = work();
        // Scopes pop innermost first.
        let mut caught = None;
        for guard in guards.into_iter().rev() {
            let error = pollster::block_on(guard.pop());
            caught = caught.or(error);
        }
        (value, caught)
    }

    /// A buffer for `bytes` bytes of tensor. Its contents are arbitrary.
    pub fn allocate(self: &Arc<Self>, op: &'static str, bytes: u64) -> Result<GpuBuffer> {
        self.check_alive()?;
        let bytes = bytes.next_multiple_of(16).max(16);
        let limit = self.max_tensor_bytes();
        if bytes > limit {
            return Err(Error::Limit {
                op,
                what: "a tensor".into(),
                asked: bytes,
                limit,
                adapter: self.info.to_string(),
            });
        }
        self.allocate_unchecked(op, bytes)
    }

    pub(super) fn allocate_unchecked(
        self: &Arc<Self>,
        op: &'static str,
        bytes: u64,
    ) -> Result<GpuBuffer> {
        let class = Pool::class(bytes, self.limits.max_buffer_size);
        let found = lock(&self.pool).take(class);
        let (id, raw) = match found {
            Some(found) => found,
            None => {
                let raw = self.create(op, class).or_else(|_| {
                    // Perhaps the free buffers stand in the way.
                    lock(&self.pool).trim();
                    lock(&self.bind_groups).clear();
                    self.synchronize()?;
                    self.create(op, class)
                })?;
                (lock(&self.pool).adopt(class), raw)
            }
        };
        Ok(GpuBuffer { gpu: self.clone(), raw: Some(raw), id, bytes, class, state: Arc::default() })
    }

    fn create(&self, op: &'static str, bytes: u64) -> Result<wgpu::Buffer> {
        let usage = wgpu::BufferUsages::STORAGE
            | wgpu::BufferUsages::COPY_SRC
            | wgpu::BufferUsages::COPY_DST;
        self.create_raw(op, bytes, usage, false)
    }

    /// Any buffer, with allocation failures as errors.
    pub(super) fn create_raw(
        &self,
        op: &'static str,
        bytes: u64,
        usage: wgpu::BufferUsages,
        mapped: bool,
    ) -> Result<wgpu::Buffer> {
        self.check_alive()?;
        let descriptor = wgpu::BufferDescriptor {
            label: Some(op),
            size: bytes,
            usage,
            mapped_at_creation: mapped,
        };
        let (buffer, error) = self.scoped(|| self.device.create_buffer(&descriptor));
        match error {
            None => Ok(buffer),
            // wgpu reports a buffer above the device's limit as a validation error.
            Some(error) => {
                self.check_alive()?;
                Err(Error::OutOfMemory {
                    op,
                    bytes,
                    adapter: self.info.to_string(),
                    detail: error.to_string(),
                })
            }
        }
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
        let (pipeline, error) = self.scoped(|| cache.make(&self.device, shader, constants));
        match error {
            None => Ok(pipeline),
            Some(error) => {
                cache.forget(shader);
                Err(self.fault(shader.name, error.to_string()))
            }
        }
    }

    /// The pipelines that there are.
    pub(super) fn pipelines(&self) -> std::sync::MutexGuard<'_, PipelineCache> {
        lock(&self.pipelines)
    }

    /// The bind group over a parameter buffer and storage buffers, cached.
    pub(super) fn bind_group(
        &self,
        pipeline: &Pipeline,
        params: &wgpu::Buffer,
        params_bytes: u64,
        buffers: &[(&wgpu::Buffer, u64, u64)],
    ) -> wgpu::BindGroup {
        let key: BindKey = (pipeline.id, buffers.iter().map(|&(_, id, n)| (id, n)).collect());
        let mut cache = lock(&self.bind_groups);
        if let Some(group) = cache.get(&key) {
            return group.clone();
        }
        let whole = |buffer, bytes| {
            wgpu::BindingResource::Buffer(wgpu::BufferBinding {
                buffer,
                offset: 0,
                size: std::num::NonZeroU64::new(bytes),
            })
        };
        let mut entries =
            vec![wgpu::BindGroupEntry { binding: 0, resource: whole(params, params_bytes) }];
        for (i, &(buffer, _, bytes)) in buffers.iter().enumerate() {
            entries.push(wgpu::BindGroupEntry {
                binding: i as u32 + 1,
                resource: whole(buffer, bytes),
            });
        }
        let group = self.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: None,
            layout: &pipeline.layout,
            entries: &entries,
        });
        if cache.len() >= BIND_GROUPS {
            cache.clear();
        }
        cache.insert(key, group.clone());
        group
    }

    /// Records one kernel.
    pub fn record(self: &Arc<Self>, command: Command<'_>) -> Result<()> {
        lock(&self.recorder).record(self, command)
    }

    /// Overwrites the first bytes of `to`, in order with what is recorded.
    pub fn upload(&self, to: &GpuBuffer, bytes: &[u8]) -> Result<()> {
        lock(&self.recorder).upload(self, to, bytes)
    }

    /// Fills `to` with zeros, in order with what is recorded.
    pub fn clear(&self, to: &GpuBuffer) -> Result<()> {
        lock(&self.recorder).clear(self, to)
    }

    /// Copies the whole of `from`, in order with what is recorded.
    pub fn copy(&self, from: &GpuBuffer, to: &GpuBuffer) -> Result<()> {
        lock(&self.recorder).copy(self, from, to)
    }

    /// Submits everything recorded and reads the first `bytes` bytes of `from`.
    pub async fn read(&self, from: &GpuBuffer, bytes: u64) -> Result<Vec<u8>> {
        let pending = lock(&self.recorder).start_read(self, from, bytes)?;
        pending.finish(self).await
    }

    /// Submits everything recorded and waits for it.
    pub fn synchronize(&self) -> Result<()> {
        let mut recorder = lock(&self.recorder);
        recorder.flush(self)?;
        recorder.wait_all(self)
    }

    /// Breaks what is recorded, for tests of what follows.
    pub(super) fn record_invalid(&self) -> Result<()> {
        lock(&self.recorder).record_invalid(self)
    }
}
