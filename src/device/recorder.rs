//! Kernels are recorded into one long compute pass and submitted when enough has gathered or when
//! somebody reads.
//!
//! Shapes, limits and aliasing are checked before anything is encoded: one invalid dispatch would
//! discard its whole encoder without a word. Where a submission fails all the same, everything it would
//! have written is poisoned.

use std::time::Instant;

use super::Cost;
use super::command::{Bind, Command};
use super::driver::{Driver, binding};
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
/// The widest row of a grid.
const GRID_WIDTH: u64 = super::select::GRID_WIDTH as u64;

pub(crate) struct Recorder {
    slot: usize,
    grid_height: u64,
    params: Vec<u8>,
    params_buffer: Option<wgpu::Buffer>,
    /// What unused bindings get: one to read, two to write. Their names are 0, below any other.
    dummies: Vec<wgpu::Buffer>,
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
        driver.check_alive()?;
        from.state.check()?;
        let (source, target) = (from.raw()?.clone(), to.raw()?.clone());
        let bytes = from.bytes.min(to.bytes);
        self.pass = None;
        self.encoder(driver).copy_buffer_to_buffer(&source, 0, &target, 0, bytes);
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

/// `groups` workgroups as a grid of rows of one length, with fewer idle ones than rows.
fn split(groups: u64) -> (u32, u32) {
    let rows = groups.div_ceil(GRID_WIDTH).max(1);
    (groups.div_ceil(rows) as u32, rows as u32)
}

/// A rough time, for the size of submissions only.
fn estimate(driver: &Driver, cost: Cost) -> f64 {
    let (flops, bytes, each) =
        if driver.is_software() { (8e9, 4e9, 2e-5) } else { (1e12, 1e11, 2e-6) };
    cost.flops as f64 / flops + cost.bytes as f64 / bytes + each
}

#[cfg(test)]
mod tests {
    use super::{GRID_WIDTH, split};

    #[test]
    fn grids_cover_every_group_and_little_more() {
        let around = |groups: u64| groups - 1..=groups + 1;
        let many = [2, GRID_WIDTH, 2 * GRID_WIDTH, 3 * GRID_WIDTH + 7, GRID_WIDTH * GRID_WIDTH - 1];
        for groups in many.into_iter().flat_map(around) {
            let (x, y) = split(groups);
            let (x, y) = (u64::from(x), u64::from(y));
            assert!(x <= GRID_WIDTH && y <= GRID_WIDTH, "{groups} are {x} by {y}");
            assert!((groups..groups + y).contains(&(x * y)), "{groups} are {x} by {y}");
        }
    }
}
