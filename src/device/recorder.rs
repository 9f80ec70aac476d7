//! Kernels are recorded into one long compute pass and submitted when enough has gathered or when
//! somebody reads.
//!
//! Shapes, limits and aliasing are checked before anything is encoded: one invalid dispatch would
//! discard its whole encoder without a word. Where a submission fails all the same, everything it would
//! have written is poisoned.

use std::ops::Range;
use web_time::Instant;

use super::Cost;
use super::command::{Bind, Command};
use super::driver::{Driver, binding};
use super::grid::{GRID_WIDTH, estimate, split};
use super::guard::{self, Guard};
use super::memory::GpuBuffer;
use super::pipeline::Pipeline;
use super::profile::Timing;
use super::queries::{Queries, Timed};
use super::read::PendingRead;
use super::submissions::{Submissions, Written};
use crate::error::{Error, Result};

/// Bytes of one parameter block; devices want dynamic offsets to be multiples of it.
const SLOT: usize = 256;
/// Parameter blocks, so kernels, of one submission at most.
const SLOTS: usize = 1024;
/// Estimated time of one submission at most, in seconds: drivers have watchdogs.
const SUBMISSION_SECONDS: f64 = 0.05;
/// The most iterations of an invocation's loops. Mesa's software adapters end them after 65,535 in all without
/// a word (`LP_MAX_TGSI_LOOP_ITERATIONS` in gallivm/lp_bld_limits.h); the rest is for loops of a fixed length.
pub(crate) const SOFTWARE_LOOPS: u64 = 64_000;

pub(crate) struct Recorder {
    slot: usize,
    grid_height: u64,
    params: Vec<u8>,
    params_buffer: Option<wgpu::Buffer>,
    /// What unused bindings get: one to read, two to write. Their names are 0, below any other.
    dummies: Vec<wgpu::Buffer>,
    guard: Guard,
    encoder: Option<wgpu::CommandEncoder>,
    pass: Option<wgpu::ComputePass<'static>>,
    seconds: f64,
    written: Written,
    submissions: Submissions,
    queries: Option<Queries>,
    timed: Timed,
}

impl Recorder {
    pub fn new(limits: &wgpu::Limits) -> Self {
        Recorder {
            slot: SLOT.max(limits.min_uniform_buffer_offset_alignment as usize),
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
        let pipeline = driver.pipeline(command.shader, command.constants)?;
        self.check(driver, &command, &pipeline)?;
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
        self.encode(driver, &command, &pipeline)?;
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

    /// Everything that wgpu would refuse after the fact.
    fn check(&self, driver: &Driver, command: &Command<'_>, pipeline: &Pipeline) -> Result<()> {
        let op = command.op;
        let declared = &pipeline.writes;
        let fits = command.binds.len() == declared.len()
            && command.binds.iter().zip(declared).all(|(bind, &writes)| writes || !bind.writes());
        if !fits || command.params.len() > SLOT {
            return Err(driver.fault(op, "the call does not fit its shader"));
        }
        for (i, bind) in command.binds.iter().enumerate() {
            let Some(buffer) = bind.buffer() else { continue };
            if !matches!(bind, Bind::Write(_)) {
                buffer.state.check()?;
            }
            let alias = command.binds.iter().enumerate().any(|(j, other)| {
                i != j
                    && other.buffer().is_some_and(|o| o.id == buffer.id)
                    // The binding's declared kind counts, not what this variant does with it.
                    && (declared[i] || declared[j])
            });
            if alias {
                return Err(Error::shape(op, "a tensor is both output and another argument"));
            }
        }
        if driver.is_software() && command.loops > SOFTWARE_LOOPS {
            return Err(Error::Limit {
                op,
                what: "a loop in one invocation of its kernel (use smaller sizes or --device cpu)"
                    .into(),
                asked: command.loops,
                limit: SOFTWARE_LOOPS,
                bytes: false,
                adapter: driver.info.to_string(),
            });
        }
        let height = command.groups.div_ceil(GRID_WIDTH);
        if height > self.grid_height {
            return Err(Error::Limit {
                op,
                what: "the grid of workgroups".into(),
                asked: command.groups,
                limit: self.grid_height * GRID_WIDTH,
                bytes: false,
                adapter: driver.info.to_string(),
            });
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
        for buffer in outputs.filter_map(Bind::buffer) {
            let words = self.guard.words(driver)?;
            self.pass = None;
            guard::fill(self.encoder(driver), &words, buffer.raw()?);
            buffer.state.guard(Some(command.op));
        }
        Ok(())
    }

    fn encode(
        &mut self,
        driver: &Driver,
        command: &Command<'_>,
        pipeline: &Pipeline,
    ) -> Result<()> {
        let Some(params_buffer) = self.params_buffer.clone() else { return Ok(()) };
        let mut writable_dummies = self.dummies.iter().skip(1);
        let mut buffers = Vec::with_capacity(command.binds.len());
        for (bind, &writes) in command.binds.iter().zip(&pipeline.writes) {
            match bind.buffer() {
                Some(b) => buffers.push((b.raw()?, b.id, b.bytes)),
                None => {
                    let dummy = if writes { writable_dummies.next() } else { self.dummies.first() };
                    let dummy =
                        dummy.ok_or_else(|| driver.fault(command.op, "too many unused outputs"))?;
                    buffers.push((dummy, 0, 256));
                }
            }
        }
        let params = binding(&params_buffer, SLOT as u64);
        let group = driver.bind_group(command.op, pipeline, params, &buffers)?;
        let offset = self.params.len() as u32;
        self.params.extend_from_slice(command.params);
        self.params.resize(offset as usize + self.slot, 0);

        let (x, y) = split(command.groups);
        self.open_pass(driver, command.op, command.cost)?;
        if let Some(pass) = &mut self.pass {
            pass.set_pipeline(&pipeline.compute);
            pass.set_bind_group(0, &group, &[offset]);
            pass.dispatch_workgroups(x, y, 1);
        }
        for bind in command.binds {
            if let Some(buffer) = bind.buffer().filter(|_| bind.writes()) {
                buffer.state.heal();
                self.written.push((buffer.state.clone(), command.op));
            }
        }
        Ok(())
    }

    fn encoder(&mut self, driver: &Driver) -> &mut wgpu::CommandEncoder {
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
        let target = to.raw()?.clone();
        self.pass = None;
        self.encoder(driver).copy_buffer_to_buffer(&staging, 0, &target, 0, staging.size());
        self.wrote(driver, to, "upload", staging.size())
    }

    pub fn clear(&mut self, driver: &Driver, to: &GpuBuffer) -> Result<()> {
        driver.check_alive()?;
        let target = to.raw()?.clone();
        self.pass = None;
        self.encoder(driver).clear_buffer(&target, 0, Some(to.bytes));
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
        let (source, target) = (from.raw()?.clone(), to.raw()?.clone());
        let bytes = part.end - part.start;
        self.pass = None;
        let encoder = self.encoder(driver);
        encoder.copy_buffer_to_buffer(&source, part.start, &target, at, bytes);
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
        let source = from.raw()?.clone();
        self.pass = None;
        self.encoder(driver).copy_buffer_to_buffer(&source, 0, &staging, 0, size);
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
