//! Kernels are recorded into one long compute pass and submitted when enough has gathered or when
//! somebody reads.
//!
//! Shapes, limits and aliasing are checked before anything is encoded: one invalid dispatch would
//! discard its whole encoder without a word. Where a submission fails all the same, everything it would
//! have written is poisoned.

use std::ops::Range;
use web_time::Instant;

use super::Cost;
use super::calls::Ready;
use super::check::{PARAMETERS, check, check_anew};
use super::command::{Bind, Command};
use super::driver::Driver;
use super::grid::{estimate, split};
use super::guard::{self, Guard};
use super::memory::GpuBuffer;
use super::profile::Timing;
use super::queries::{Queries, Timed};
use super::read::PendingRead;
use super::submissions::{Submissions, Written};
use crate::error::Result;

/// Parameter blocks, so kernels, of one submission at most.
const SLOTS: usize = 1024;
/// Estimated time of one submission at most, in seconds: drivers have watchdogs.
const SUBMISSION_SECONDS: f64 = 0.05;
pub(crate) struct Recorder {
    slot: usize,
    grid_height: u64,
    params: Vec<u8>,
    pub(super) params_buffer: Option<wgpu::Buffer>,
    /// What unused bindings get: one to read, two to write. Their names are 0, below any other.
    pub(super) dummies: Vec<wgpu::Buffer>,
    guard: Guard,
    encoder: Option<wgpu::CommandEncoder>,
    pub(super) pass: Option<wgpu::ComputePass<'static>>,
    seconds: f64,
    written: Written,
    submissions: Submissions,
    queries: Option<Queries>,
    timed: Timed,
}

impl Recorder {
    pub fn new(limits: &wgpu::Limits) -> Self {
        Recorder {
            slot: PARAMETERS.max(limits.min_uniform_buffer_offset_alignment as usize),
            grid_height: u64::from(limits.max_compute_workgroups_per_dimension),
            params: Vec::new(),
            params_buffer: None,
            dummies: Vec::new(),
            guard: Guard::default(),
            encoder: None,
            pass: None,
            seconds: 0.0,
            written: Vec::new(),
            submissions: Submissions::default(),
            queries: None,
            timed: Vec::new(),
        }
    }

    pub fn record(&mut self, driver: &Driver, command: Command<'_>) -> Result<()> {
        driver.check_alive()?;
        if command.groups == 0 {
            return Ok(());
        }
        let known = driver.calls().find(&command).cloned();
        let pipeline = match &known {
            Some(ready) => ready.pipeline.clone(),
            None => driver.pipeline(command.shader, command.constants)?,
        };
        if known.is_none() {
            check(driver, &command, &pipeline)?;
        }
        check_anew(driver, &command, self.grid_height)?;
        self.prepare(driver)?;
        let clock = driver.profile.is_on() && driver.timing() == Timing::Clock;
        if clock {
            self.flush(driver)?;
            self.submissions.wait_last(driver)?;
        }
        if self.params.len() == SLOTS * self.slot {
            self.flush(driver)?;
        }
        if guard::is_on() {
            self.guard(driver, &command)?;
        }
        // A browser has no such clock.
        let start = clock.then(Instant::now);
        let ready = match known {
            Some(ready) => ready,
            None => self.make_ready(driver, &command, pipeline)?,
        };
        self.encode(driver, &command, &ready)?;
        if let Some(start) = start {
            self.flush(driver)?;
            self.submissions.wait_last(driver)?;
            driver.profile.add(command.op, command.cost, start.elapsed().as_secs_f64());
        }
        self.seconds += estimate(driver, command.cost);
        if self.seconds > SUBMISSION_SECONDS {
            self.flush(driver)?;
        }
        Ok(())
    }

    /// The buffers that every submission needs.
    fn prepare(&mut self, driver: &Driver) -> Result<()> {
        if self.params_buffer.is_none() {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let bytes = (SLOTS * self.slot) as u64;
            self.params_buffer = Some(driver.create_buffer("parameters", bytes, usage)?);
        }
        while self.dummies.len() < 3 {
            let usage = wgpu::BufferUsages::STORAGE;
            self.dummies.push(driver.create_buffer("unused", 256, usage)?);
        }
        Ok(())
    }

    /// Fills what the kernel is to overwrite with the guard's word.
    fn guard(&mut self, driver: &Driver, command: &Command<'_>) -> Result<()> {
        let outputs = command.binds.iter().filter(|bind| matches!(bind, Bind::Write(_)));
        for buffer in outputs.flat_map(Bind::buffers) {
            let words = self.guard.words(driver)?;
            self.pass = None;
            guard::fill(self.encoder(driver), &words, buffer);
            buffer.state.guard(Some(command.op));
        }
        Ok(())
    }

    fn encode(&mut self, driver: &Driver, command: &Command<'_>, ready: &Ready) -> Result<()> {
        let offset = self.params.len() as u32;
        self.params.extend_from_slice(command.params);
        self.params.resize(offset as usize + self.slot, 0);

        let (x, y) = split(command.groups);
        self.open_pass(driver, command.op, command.cost)?;
        if let Some(pass) = &mut self.pass {
            pass.set_pipeline(&ready.pipeline.compute);
            pass.set_bind_group(0, &ready.group, &[offset]);
            pass.dispatch_workgroups(x, y, 1);
        }
        for bind in command.binds.iter().filter(|bind| bind.writes()) {
            for buffer in bind.buffers() {
                buffer.state.heal();
                self.written.push((buffer.state.clone(), command.op));
            }
        }
        Ok(())
    }

    pub(super) fn encoder(&mut self, driver: &Driver) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| {
            driver.device.create_command_encoder(&wgpu::CommandEncoderDescriptor {
                label: Some("harmonium"),
            })
        })
    }

    /// Opens a pass where none is open; in a profile with timestamps, one for this kernel alone.
    fn open_pass(&mut self, driver: &Driver, op: &'static str, cost: Cost) -> Result<()> {
        let timed = driver.profile.is_on() && driver.timing() == Timing::Timestamps;
        if timed {
            self.pass = None;
        }
        if self.pass.is_some() {
            return Ok(());
        }
        let mut writes = None;
        if timed {
            let queries = match self.queries.take() {
                Some(queries) => queries,
                None => Queries::new(driver, SLOTS)?,
            };
            let queries = self.queries.insert(queries);
            let first = self.timed.len() as u32 * 2;
            writes = Some((queries.set.clone(), first));
            self.timed.push((op, cost));
        }
        let encoder = self.encoder(driver);
        let timestamp_writes =
            writes.as_ref().map(|(set, first)| wgpu::ComputePassTimestampWrites {
                query_set: set,
                beginning_of_pass_write_index: Some(*first),
                end_of_pass_write_index: Some(first + 1),
            });
        let pass = encoder
            .begin_compute_pass(&wgpu::ComputePassDescriptor { label: None, timestamp_writes })
            .forget_lifetime();
        self.pass = Some(pass);
        Ok(())
    }

    pub fn upload(&mut self, driver: &Driver, to: &GpuBuffer, bytes: &[u8]) -> Result<()> {
        driver.check_alive()?;
        if bytes.is_empty() {
            return Ok(());
        }
        let staging = driver.create_staging("upload", bytes)?;
        let (target, at) = (to.raw().clone(), to.offset);
        self.pass = None;
        self.encoder(driver).copy_buffer_to_buffer(&staging, 0, &target, at, staging.size());
        self.wrote(driver, to, "upload", staging.size())
    }

    pub fn clear(&mut self, driver: &Driver, to: &GpuBuffer) -> Result<()> {
        driver.check_alive()?;
        let (target, at) = (to.raw().clone(), to.offset);
        self.pass = None;
        self.encoder(driver).clear_buffer(&target, at, Some(to.bytes));
        self.wrote(driver, to, "zeros", to.bytes)
    }

    pub fn copy(&mut self, driver: &Driver, from: &GpuBuffer, to: &GpuBuffer) -> Result<()> {
        self.copy_bytes(driver, from, 0..from.bytes.min(to.bytes), to, 0)
    }

    pub fn copy_part(
        &mut self,
        driver: &Driver,
        from: &GpuBuffer,
        part: Range<u64>,
        to: &GpuBuffer,
        at: u64,
    ) -> Result<()> {
        // What stays of it has to be sound.
        to.state.check()?;
        match part.is_empty() {
            true => driver.check_alive(),
            false => self.copy_bytes(driver, from, part, to, at),
        }
    }

    fn copy_bytes(
        &mut self,
        driver: &Driver,
        from: &GpuBuffer,
        part: Range<u64>,
        to: &GpuBuffer,
        at: u64,
    ) -> Result<()> {
        driver.check_alive()?;
        from.state.check()?;
        let (source, target) = (from.raw().clone(), to.raw().clone());
        let bytes = part.end - part.start;
        let (start, at) = (from.offset + part.start, to.offset + at);
        self.pass = None;
        if from.shares(to) {
            // Devices copy between two buffers.
            let between = driver.room("copy", bytes)?;
            let encoder = self.encoder(driver);
            encoder.copy_buffer_to_buffer(&source, start, between.raw(), 0, bytes);
            encoder.copy_buffer_to_buffer(between.raw(), 0, &target, at, bytes);
        } else {
            self.encoder(driver).copy_buffer_to_buffer(&source, start, &target, at, bytes);
        }
        self.wrote(driver, to, "copy", bytes)
    }

    fn wrote(
        &mut self,
        driver: &Driver,
        to: &GpuBuffer,
        op: &'static str,
        bytes: u64,
    ) -> Result<()> {
        to.state.heal();
        to.state.guard(None);
        self.written.push((to.state.clone(), op));
        self.seconds += estimate(driver, Cost { flops: 0, bytes: 2 * bytes });
        if self.seconds > SUBMISSION_SECONDS {
            self.flush(driver)?;
        }
        Ok(())
    }

    /// Submits what is recorded. Where that fails, all it would have written is poisoned.
    pub fn flush(&mut self, driver: &Driver) -> Result<()> {
        self.pass = None;
        let Some(mut encoder) = self.encoder.take() else { return driver.check_alive() };
        let written = std::mem::take(&mut self.written);
        let params = std::mem::take(&mut self.params);
        let timed = std::mem::take(&mut self.timed);
        self.seconds = 0.0;
        if let Some(queries) = self.queries.as_ref().filter(|_| !timed.is_empty()) {
            queries.resolve(&mut encoder, timed.len());
        }
        let params_buffer = self.params_buffer.as_ref().filter(|_| !params.is_empty());
        let work = || {
            let commands = encoder.finish();
            if let Some(buffer) = params_buffer {
                driver.queue.write_buffer(buffer, 0, &params);
            }
            driver.queue.submit([commands])
        };
        let submission = self.submissions.submit(driver, written, work)?;
        if let Some(queries) = self.queries.as_ref().filter(|_| !timed.is_empty()) {
            queries.collect(driver, Some(submission), &timed)?;
        }
        Ok(())
    }

    /// The last submission, where there was one.
    pub fn last(&self) -> Option<wgpu::SubmissionIndex> {
        self.submissions.last()
    }

    /// Submissions so far.
    pub fn submitted(&self) -> u64 {
        self.submissions.made()
    }

    pub fn start_read(
        &mut self,
        driver: &Driver,
        from: &GpuBuffer,
        bytes: u64,
    ) -> Result<PendingRead> {
        driver.check_alive()?;
        from.state.check()?;
        let size = bytes.next_multiple_of(4).max(4);
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let staging = driver.create_buffer("read", size, usage)?;
        let (source, at) = (from.raw().clone(), from.offset);
        self.pass = None;
        self.encoder(driver).copy_buffer_to_buffer(&source, at, &staging, 0, size);
        // A failed submission poisons `from` if it was to write it; if not, its own error tells.
        let flushed = self.flush(driver);
        driver.check_alive()?;
        from.state.check()?;
        flushed?;
        Ok(PendingRead { staging, bytes: bytes as usize, submission: self.last() })
    }

    /// Records a dispatch that wgpu refuses.
    pub fn record_invalid(&mut self, driver: &Driver) -> Result<()> {
        self.open_pass(driver, "invalid", Cost::default())?;
        if let Some(pass) = &mut self.pass {
            // No pipeline is set in a fresh pass, and the grid is too wide in any.
            pass.dispatch_workgroups(u32::MAX, 1, 1);
        }
        Ok(())
    }
}
