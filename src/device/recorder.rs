//! Kernels are recorded into one long compute pass and submitted when enough has gathered or when
//! somebody reads.
//!
//! Shapes, limits and aliasing are checked before anything is encoded: one invalid dispatch would
//! discard its whole encoder without a word. Where a submission fails all the same, everything it would
//! have written is poisoned.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::gpu::{Gpu, GpuBuffer, WriteState};
use super::pipeline::{Constants, Pipeline};
use super::profile::Timing;
use super::read::{PendingRead, catch, poll};
use super::{Cost, Shader};
use crate::error::{Error, Result};

/// How a kernel uses a buffer.
pub(crate) enum Bind<'a> {
    /// It is read.
    Read(&'a GpuBuffer),
    /// All of it is overwritten.
    Write(&'a GpuBuffer),
    /// It is read and written, or only a part of it is written.
    Update(&'a GpuBuffer),
    /// This variant of the kernel does not touch the binding.
    Unused,
}

impl<'a> Bind<'a> {
    fn buffer(&self) -> Option<&'a GpuBuffer> {
        match *self {
            Bind::Read(b) | Bind::Write(b) | Bind::Update(b) => Some(b),
            Bind::Unused => None,
        }
    }

    fn writes(&self) -> bool {
        matches!(self, Bind::Write(_) | Bind::Update(_))
    }
}

/// One kernel call.
pub(crate) struct Command<'a> {
    pub op: &'static str,
    pub shader: &'static Shader,
    pub constants: Constants<'a>,
    /// The parameter block, 256 bytes at most.
    pub params: &'a [u8],
    /// Storage bindings 1, 2, …
    pub binds: &'a [Bind<'a>],
    /// Workgroups in all; the shader numbers them `wid.x + wid.y * groups.x`.
    pub groups: u64,
    pub cost: Cost,
}

/// Bytes of one parameter block; devices want dynamic offsets to be multiples of it.
const SLOT: usize = 256;
/// Parameter blocks, so kernels, of one submission at most.
const SLOTS: usize = 1024;
/// Estimated time of one submission at most, in seconds: drivers have watchdogs.
const SUBMISSION_SECONDS: f64 = 0.05;
/// Submissions under way at most.
const IN_FLIGHT: usize = 3;
/// The widest row of a grid.
const GRID_WIDTH: u64 = 65_535;

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
    written: Vec<(Arc<WriteState>, &'static str)>,
    in_flight: VecDeque<wgpu::SubmissionIndex>,
    queries: Option<Queries>,
    timed: Vec<(&'static str, Cost)>,
}

struct Queries {
    set: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readable: wgpu::Buffer,
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
            in_flight: VecDeque::new(),
            queries: None,
            timed: Vec::new(),
        }
    }

    pub fn record(&mut self, gpu: &Gpu, command: Command<'_>) -> Result<()> {
        gpu.check_alive()?;
        if command.groups == 0 {
            return Ok(());
        }
        let pipeline = gpu.pipeline(command.shader, command.constants)?;
        self.check(gpu, &command, &pipeline)?;
        self.prepare(gpu)?;
        let clock = gpu.profile().is_on() && gpu.timing() == Timing::Clock;
        if clock {
            self.flush(gpu)?;
            self.wait_all(gpu)?;
        }
        if self.params.len() == SLOTS * self.slot {
            self.flush(gpu)?;
        }
        let start = Instant::now();
        self.encode(gpu, &command, &pipeline)?;
        if clock {
            self.flush(gpu)?;
            self.wait_all(gpu)?;
            gpu.profile().add(command.op, command.cost, start.elapsed().as_secs_f64());
        }
        self.seconds += estimate(gpu, command.cost);
        if self.seconds > SUBMISSION_SECONDS {
            self.flush(gpu)?;
        }
        Ok(())
    }

    /// Everything that wgpu would refuse after the fact.
    fn check(&self, gpu: &Gpu, command: &Command<'_>, pipeline: &Pipeline) -> Result<()> {
        let op = command.op;
        let declared = &pipeline.writes;
        let fits = command.binds.len() == declared.len()
            && command.binds.iter().zip(declared).all(|(bind, &writes)| writes || !bind.writes());
        if !fits || command.params.len() > SLOT {
            return Err(gpu.fault(op, "the call does not fit its shader"));
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
                adapter: gpu.info().to_string(),
            });
        }
        Ok(())
    }

    /// The buffers that every submission needs.
    fn prepare(&mut self, gpu: &Gpu) -> Result<()> {
        if self.params_buffer.is_none() {
            let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
            let bytes = (SLOTS * self.slot) as u64;
            self.params_buffer = Some(gpu.create_raw("parameters", bytes, usage, false)?);
        }
        while self.dummies.len() < 3 {
            self.dummies.push(gpu.create_raw("unused", 256, wgpu::BufferUsages::STORAGE, false)?);
        }
        Ok(())
    }

    fn encode(&mut self, gpu: &Gpu, command: &Command<'_>, pipeline: &Pipeline) -> Result<()> {
        let Some(params_buffer) = self.params_buffer.clone() else { return Ok(()) };
        let mut writable_dummies = self.dummies.iter().skip(1);
        let mut buffers = Vec::with_capacity(command.binds.len());
        for (bind, &writes) in command.binds.iter().zip(&pipeline.writes) {
            match bind.buffer() {
                Some(b) => buffers.push((b.raw()?, b.id, b.bytes)),
                None => {
                    let dummy = if writes { writable_dummies.next() } else { self.dummies.first() };
                    let dummy =
                        dummy.ok_or_else(|| gpu.fault(command.op, "too many unused outputs"))?;
                    buffers.push((dummy, 0, 256));
                }
            }
        }
        let group = gpu.bind_group(pipeline, &params_buffer, SLOT as u64, &buffers);
        let offset = self.params.len() as u32;
        self.params.extend_from_slice(command.params);
        self.params.resize(offset as usize + self.slot, 0);

        let (x, y) = split(command.groups);
        self.open_pass(gpu, command.op, command.cost);
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

    fn encoder(&mut self, gpu: &Gpu) -> &mut wgpu::CommandEncoder {
        self.encoder.get_or_insert_with(|| {
            gpu.device.create_command_encoder(&wgpu::CommandEncoderDescriptor {
                label: Some("harmonium"),
            })
        })
    }

    /// Opens a pass where none is open; in a profile with timestamps, one for this kernel alone.
    fn open_pass(&mut self, gpu: &Gpu, op: &'static str, cost: Cost) {
        let timed = gpu.profile().is_on() && gpu.timing() == Timing::Timestamps;
        if timed {
            self.pass = None;
        }
        if self.pass.is_some() {
            return;
        }
        let mut writes = None;
        if timed {
            let queries = self.queries.get_or_insert_with(|| Queries::new(&gpu.device));
            let first = self.timed.len() as u32 * 2;
            writes = Some((queries.set.clone(), first));
            self.timed.push((op, cost));
        }
        let encoder = self.encoder(gpu);
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
    }

    pub fn upload(&mut self, gpu: &Gpu, to: &GpuBuffer, bytes: &[u8]) -> Result<()> {
        gpu.check_alive()?;
        if bytes.is_empty() {
            return Ok(());
        }
        let size = (bytes.len() as u64).next_multiple_of(4);
        let usage = wgpu::BufferUsages::COPY_SRC;
        let staging = gpu.create_raw("upload", size, usage, true)?;
        let mapped = catch(|| {
            staging.get_mapped_range_mut(..).map(|mut view| {
                view.slice(..bytes.len()).copy_from_slice(bytes);
            })
        });
        if !matches!(mapped, Ok(Ok(()))) {
            return Err(gpu.fault("upload", "the staging buffer cannot be mapped"));
        }
        staging.unmap();
        let target = to.raw()?.clone();
        self.pass = None;
        self.encoder(gpu).copy_buffer_to_buffer(&staging, 0, &target, 0, size);
        self.wrote(gpu, to, "upload", size)
    }

    pub fn clear(&mut self, gpu: &Gpu, to: &GpuBuffer) -> Result<()> {
        gpu.check_alive()?;
        let target = to.raw()?.clone();
        self.pass = None;
        self.encoder(gpu).clear_buffer(&target, 0, Some(to.bytes));
        self.wrote(gpu, to, "zeros", to.bytes)
    }

    pub fn copy(&mut self, gpu: &Gpu, from: &GpuBuffer, to: &GpuBuffer) -> Result<()> {
        gpu.check_alive()?;
        from.state.check()?;
        let (source, target) = (from.raw()?.clone(), to.raw()?.clone());
        let bytes = from.bytes.min(to.bytes);
        self.pass = None;
        self.encoder(gpu).copy_buffer_to_buffer(&source, 0, &target, 0, bytes);
        self.wrote(gpu, to, "copy", bytes)
    }

    fn wrote(&mut self, gpu: &Gpu, to: &GpuBuffer, op: &'static str, bytes: u64) -> Result<()> {
        to.state.heal();
        self.written.push((to.state.clone(), op));
        self.seconds += estimate(gpu, Cost { flops: 0, bytes: 2 * bytes });
        if self.seconds > SUBMISSION_SECONDS {
            self.flush(gpu)?;
        }
        Ok(())
    }

    /// Submits what is recorded. Where that fails, all it would have written is poisoned.
    pub fn flush(&mut self, gpu: &Gpu) -> Result<()> {
        self.pass = None;
        let Some(mut encoder) = self.encoder.take() else { return gpu.check_alive() };
        let written = std::mem::take(&mut self.written);
        let params = std::mem::take(&mut self.params);
        let timed = std::mem::take(&mut self.timed);
        self.seconds = 0.0;
        if let Some(queries) = self.queries.as_ref().filter(|_| !timed.is_empty()) {
            queries.resolve(&mut encoder, timed.len());
        }
        let params_buffer = self.params_buffer.as_ref();
        let (submitted, error) = gpu.scoped(|| {
            let (commands, invalid) = gpu.scoped(|| encoder.finish());
            if let Some(error) = invalid {
                return Err(error.to_string());
            }
            if let Some(buffer) = params_buffer.filter(|_| !params.is_empty()) {
                gpu.queue.write_buffer(buffer, 0, &params);
            }
            catch(|| gpu.queue.submit([commands]))
        });
        let error = error.map(|e| e.to_string()).or_else(|| gpu.faults.take_uncaptured());
        let failure = match (submitted, error) {
            (Ok(index), None) => {
                self.in_flight.push_back(index);
                self.keep_few_in_flight(gpu)
            }
            (Err(detail), _) | (Ok(_), Some(detail)) => {
                Err(gpu.fault(written.first().map_or("submit", |w| w.1), detail))
            }
        };
        if let Err(error) = &failure {
            let why = error.to_string();
            for (state, op) in &written {
                state.poison(op, &why);
            }
        }
        failure?;
        if !timed.is_empty() {
            self.collect_times(gpu, &timed)?;
        }
        Ok(())
    }

    fn keep_few_in_flight(&mut self, gpu: &Gpu) -> Result<()> {
        if self.in_flight.len() <= IN_FLIGHT {
            return gpu.check_alive();
        }
        let oldest = self.in_flight.pop_front();
        poll(gpu, wgpu::PollType::Wait { submission_index: oldest, timeout: None })
    }

    pub fn wait_all(&mut self, gpu: &Gpu) -> Result<()> {
        self.in_flight.clear();
        poll(gpu, wgpu::PollType::wait_indefinitely())
    }

    fn collect_times(&mut self, gpu: &Gpu, timed: &[(&'static str, Cost)]) -> Result<()> {
        let Some(queries) = &self.queries else { return Ok(()) };
        let pending = PendingRead { staging: queries.readable.clone(), bytes: timed.len() * 16 };
        let bytes = pollster::block_on(pending.finish(gpu))?;
        let ticks: Vec<u64> = bytemuck::pod_collect_to_vec(&bytes);
        let period = f64::from(gpu.queue.get_timestamp_period()) * 1e-9;
        for (pair, &(op, cost)) in ticks.chunks_exact(2).zip(timed) {
            gpu.profile().add(op, cost, pair[1].saturating_sub(pair[0]) as f64 * period);
        }
        Ok(())
    }

    pub fn start_read(&mut self, gpu: &Gpu, from: &GpuBuffer, bytes: u64) -> Result<PendingRead> {
        gpu.check_alive()?;
        from.state.check()?;
        let size = bytes.next_multiple_of(4).max(4);
        let usage = wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ;
        let staging = gpu.create_raw("read", size, usage, false)?;
        let source = from.raw()?.clone();
        self.pass = None;
        self.encoder(gpu).copy_buffer_to_buffer(&source, 0, &staging, 0, size);
        // A failed submission poisons `from` if it was to write it; if not, its own error tells.
        let flushed = self.flush(gpu);
        gpu.check_alive()?;
        from.state.check()?;
        flushed?;
        Ok(PendingRead { staging, bytes: bytes as usize })
    }

    /// Records a dispatch that wgpu refuses.
    pub fn record_invalid(&mut self, gpu: &Gpu) -> Result<()> {
        self.open_pass(gpu, "invalid", Cost::default());
        if let Some(pass) = &mut self.pass {
            // No pipeline is set in a fresh pass, and the grid is too wide in any.
            pass.dispatch_workgroups(u32::MAX, 1, 1);
        }
        Ok(())
    }
}

impl Queries {
    fn new(device: &wgpu::Device) -> Self {
        let count = (SLOTS * 2) as u32;
        let buffer = |usage| {
            device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("timestamps"),
                size: u64::from(count) * 8,
                usage,
                mapped_at_creation: false,
            })
        };
        Queries {
            set: device.create_query_set(&wgpu::QuerySetDescriptor {
                label: Some("timestamps"),
                ty: wgpu::QueryType::Timestamp,
                count,
            }),
            resolved: buffer(wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC),
            readable: buffer(wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::MAP_READ),
        }
    }

    fn resolve(&self, encoder: &mut wgpu::CommandEncoder, kernels: usize) {
        let count = kernels as u32 * 2;
        encoder.resolve_query_set(&self.set, 0..count, &self.resolved, 0);
        encoder.copy_buffer_to_buffer(&self.resolved, 0, &self.readable, 0, u64::from(count) * 8);
    }
}

/// `groups` workgroups as a grid of rows of one length, with fewer idle ones than rows.
fn split(groups: u64) -> (u32, u32) {
    let rows = groups.div_ceil(GRID_WIDTH).max(1);
    (groups.div_ceil(rows) as u32, rows as u32)
}

/// A rough time, for the size of submissions only.
fn estimate(gpu: &Gpu, cost: Cost) -> f64 {
    let (flops, bytes, each) =
        if gpu.is_software() { (8e9, 4e9, 2e-5) } else { (1e12, 1e11, 2e-6) };
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
