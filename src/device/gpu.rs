//! One opened GPU: its driver and its recorder.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use super::command::Command;
use super::driver::{Driver, binding};
use super::guard;
use super::memory::{GpuBuffer, PIECE};
use super::pipeline::{Constants, Pipeline, PipelineCache};
use super::pool::MemoryStats;
use super::profile::{Timing, lock};
use super::read::{self, PendingRead};
use super::recorder::Recorder;
use super::replay;
use super::select::Candidate;
use super::{DeviceInfo, Shader};
use crate::error::{Error, Result};

/// What a driver was asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Made {
    /// Buffers.
    pub buffers: u64,
    /// Groups of bindings.
    pub groups: u64,
    /// Submissions.
    pub submissions: u64,
}

pub(crate) struct Gpu {
    pub(super) driver: Driver,
    recorder: Mutex<Recorder>,
}

impl Gpu {
    pub async fn open(candidate: Candidate) -> Result<Arc<Self>> {
        Ok(Self::new(Driver::open(candidate).await?))
    }

    /// Takes a device that somebody else opened.
    pub fn adopt(
        adapter: &wgpu::Adapter,
        device: wgpu::Device,
        queue: wgpu::Queue,
    ) -> Result<Arc<Self>> {
        Ok(Self::new(Driver::adopt(adapter, device, queue)?))
    }

    fn new(driver: Driver) -> Arc<Self> {
        let recorder = Mutex::new(Recorder::new(&driver.limits));
        Arc::new(Gpu { driver, recorder })
    }

    pub fn info(&self) -> &DeviceInfo {
        &self.driver.info
    }

    pub fn is_software(&self) -> bool {
        self.driver.is_software()
    }

    pub fn max_tensor_bytes(&self) -> u64 {
        let limits = &self.driver.limits;
        limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
    }

    pub fn memory(&self) -> MemoryStats {
        self.driver.memory.stats()
    }

    pub fn timing(&self) -> Timing {
        self.driver.timing()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub fn profile_rows(&self) -> Vec<super::ProfileRow> {
        self.driver.profile.rows()
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub fn start_profile(&self) -> Result<()> {
        self.synchronize()?;
        self.driver.profile.start();
        Ok(())
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub fn stop_profile(&self) {
        self.driver.profile.stop();
    }

    /// A buffer for `bytes` bytes of tensor. Its contents are arbitrary.
    pub fn allocate(&self, op: &'static str, bytes: u64) -> Result<GpuBuffer> {
        self.driver.check_alive()?;
        let bytes = bytes.next_multiple_of(16).max(16);
        let limit = self.max_tensor_bytes();
        if bytes > limit {
            return Err(Error::Limit {
                op,
                what: "a tensor".into(),
                asked: bytes,
                limit,
                bytes: true,
                adapter: self.info().to_string(),
            });
        }
        self.allocate_unchecked(op, bytes)
    }

    /// Buffers for tensors of so many bytes, pieces of one where a kernel can bind all of it; else none.
    pub fn allocate_together(
        &self,
        op: &'static str,
        bytes: &[u64],
    ) -> Result<Option<Vec<GpuBuffer>>> {
        self.driver.check_alive()?;
        let pieces: Vec<u64> =
            bytes.iter().map(|bytes| bytes.next_multiple_of(16).max(16)).collect();
        let all: u64 = pieces.iter().map(|bytes| bytes.next_multiple_of(PIECE)).sum();
        if all > self.max_tensor_bytes() {
            return Ok(None);
        }
        self.lend(op, &pieces).map(Some)
    }

    pub(super) fn allocate_unchecked(&self, op: &'static str, bytes: u64) -> Result<GpuBuffer> {
        let lent = self.lend(op, &[bytes])?.pop();
        lent.ok_or_else(|| self.driver.fault(op, "no memory was lent"))
    }

    fn lend(&self, op: &'static str, pieces: &[u64]) -> Result<Vec<GpuBuffer>> {
        let driver = &self.driver;
        driver.lend(op, pieces).or_else(|_| {
            // Perhaps the free buffers stand in the way; they go when the device is done with them.
            driver.memory.trim();
            let last = self.flush()?;
            driver.wait(last)?;
            driver.lend(op, pieces)
        })
    }

    /// The pipeline for a shader with these override constants, made now if it is new.
    pub fn pipeline(
        &self,
        shader: &'static Shader,
        constants: Constants<'_>,
    ) -> Result<Arc<Pipeline>> {
        self.driver.pipeline(shader, constants)
    }

    /// A workgroup or tile size of `shader`.
    pub fn size(&self, shader: &Shader, name: &str) -> Result<u32> {
        shader.size(name).ok_or_else(|| {
            self.driver
                .fault(shader.name, format!("its shader declares no size {name} for the host"))
        })
    }

    /// How many pipelines of `shader` there are.
    pub fn variants(&self, shader: &Shader) -> usize {
        self.pipelines().variants(shader)
    }

    /// The pipelines that there are.
    pub(super) fn pipelines(&self) -> std::sync::MutexGuard<'_, PipelineCache> {
        self.driver.pipelines()
    }

    /// Records one kernel.
    pub fn record(&self, command: Command<'_>) -> Result<()> {
        lock(&self.recorder).record(&self.driver, command)
    }

    /// Overwrites the first bytes of `to`, in order with what is recorded.
    pub fn upload(&self, to: &GpuBuffer, bytes: &[u8]) -> Result<()> {
        lock(&self.recorder).upload(&self.driver, to, bytes)
    }

    /// Fills `to` with zeros, in order with what is recorded.
    pub fn clear(&self, to: &GpuBuffer) -> Result<()> {
        lock(&self.recorder).clear(&self.driver, to)
    }

    /// Copies the whole of `from`, in order with what is recorded.
    pub fn copy(&self, from: &GpuBuffer, to: &GpuBuffer) -> Result<()> {
        lock(&self.recorder).copy(&self.driver, from, to)
    }

    /// Copies the bytes `part` of `from` to those of `to` from `at` on, in order with what is recorded.
    pub fn copy_part(
        &self,
        from: &GpuBuffer,
        part: Range<u64>,
        to: &GpuBuffer,
        at: u64,
    ) -> Result<()> {
        lock(&self.recorder).copy_part(&self.driver, from, part, to, at)
    }

    /// Submits everything recorded: the last submission.
    fn flush(&self) -> Result<Option<wgpu::SubmissionIndex>> {
        let mut recorder = lock(&self.recorder);
        recorder.flush(&self.driver)?;
        Ok(recorder.last())
    }

    /// The part of a wgpu buffer, after everything recorded was submitted.
    pub fn share<'a>(&self, buffer: &'a GpuBuffer) -> Result<wgpu::BufferBinding<'a>> {
        let flushed = self.flush();
        buffer.state.check()?;
        flushed?;
        Ok(binding(buffer.raw(), buffer.offset, buffer.bytes))
    }

    /// Submits everything recorded and reads the first `bytes` bytes of `from`.
    pub async fn read_async(&self, from: &GpuBuffer, bytes: u64) -> Result<Vec<u8>> {
        let (pending, guarded) = self.start_read(from, bytes)?;
        let read = pending.arrive(&self.driver).await;
        self.hear(Some(from)).await?;
        self.unguard(guarded, read?, bytes)
    }

    /// As [`Gpu::read_async`], on this thread.
    pub fn read(&self, from: &GpuBuffer, bytes: u64) -> Result<Vec<u8>> {
        match self.read_in_a_pass(from, bytes) {
            Some(read) => read,
            None => self.read_here(from, bytes),
        }
    }

    /// Where work is done in passes, what this one gives of a read.
    fn read_in_a_pass(&self, from: &GpuBuffer, bytes: u64) -> Option<Result<Vec<u8>>> {
        let start = || Ok(self.start_read(from, bytes)?.0);
        Some(match replay::read(start)? {
            Ok(replay::Given::Started) => Ok(vec![0; bytes as usize]),
            Ok(replay::Given::Known(read)) => {
                let guarded = if guard::is_on() { from.state.guarded() } else { None };
                self.unguard(guarded, read, bytes)
            }
            Err(error) => Err(error),
        })
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn read_here(&self, from: &GpuBuffer, bytes: u64) -> Result<Vec<u8>> {
        let (pending, guarded) = self.start_read(from, bytes)?;
        let read = pending.wait(&self.driver);
        pollster::block_on(self.hear(Some(from)))?;
        self.unguard(guarded, read?, bytes)
    }

    /// With the kernel that was to write it, where that is under guard: then all of its memory is read.
    fn start_read(
        &self,
        from: &GpuBuffer,
        bytes: u64,
    ) -> Result<(PendingRead, Option<&'static str>)> {
        let guarded = if guard::is_on() { from.state.guarded() } else { None };
        let wanted = if guarded.is_some() { from.room } else { bytes };
        Ok((lock(&self.recorder).start_read(&self.driver, from, wanted)?, guarded))
    }

    /// The first `bytes` bytes of what was read, once the guard has seen all of it.
    fn unguard(
        &self,
        guarded: Option<&'static str>,
        mut read: Vec<u8>,
        bytes: u64,
    ) -> Result<Vec<u8>> {
        if let Some(op) = guarded {
            guard::check(op, self.info().to_string(), &read, bytes as usize)?;
            read.truncate(bytes as usize);
        }
        Ok(read)
    }

    /// A browser's thread cannot wait.
    #[cfg(target_arch = "wasm32")]
    fn read_here(&self, from: &GpuBuffer, _: u64) -> Result<Vec<u8>> {
        from.state.check()?;
        Err(self.cannot_wait("read"))
    }

    /// As [`Gpu::read`].
    #[cfg(target_arch = "wasm32")]
    pub fn synchronize(&self) -> Result<()> {
        Err(self.cannot_wait("wait"))
    }

    #[cfg(target_arch = "wasm32")]
    fn cannot_wait(&self, op: &'static str) -> Error {
        let detail = "a browser's thread cannot wait for its GPU; call the asynchronous form of this \
                      (`to_vec_async`, `synchronize_async`, …), or use the CPU";
        self.driver.fault(op, detail)
    }

    /// Submits everything recorded and waits for it.
    pub async fn synchronize_async(&self) -> Result<()> {
        let last = self.flush()?;
        let done = read::done(&self.driver, last).await;
        self.hear(None).await?;
        done
    }

    /// As [`Gpu::synchronize_async`], on this thread.
    #[cfg(not(target_arch = "wasm32"))]
    pub fn synchronize(&self) -> Result<()> {
        let last = self.flush()?;
        let done = self.driver.wait(last);
        pollster::block_on(self.hear(None))?;
        done
    }

    /// What error scopes told late; where that concerns `buffer`, in its words.
    async fn hear(&self, buffer: Option<&GpuBuffer>) -> Result<()> {
        let late = self.driver.faults.late().await;
        if let Some(buffer) = buffer {
            buffer.state.check()?;
        }
        late
    }

    /// What was asked of the driver so far.
    pub(super) fn made(&self) -> Made {
        Made {
            buffers: self.driver.buffers(),
            groups: self.driver.calls().made(),
            submissions: lock(&self.recorder).submitted(),
        }
    }

    /// Breaks what is recorded, for tests of what follows.
    pub(super) fn record_invalid(&self) -> Result<()> {
        lock(&self.recorder).record_invalid(&self.driver)
    }
}
