//! Faults on purpose, for the tests of what follows them. Not part of the public interface.

pub use super::gpu::Made;
use super::{Backend, Bind, Command, Cost, Device, Gpu, GpuBuffer, Shader, select};
use crate::error::{Error, Result};

/// Records an invalid dispatch, so that the next submission fails.
pub fn break_next_submission(device: &Device) -> Result<()> {
    match device.backend() {
        Backend::Cpu(_) => Ok(()),
        Backend::Gpu(gpu) => gpu.record_invalid(),
    }
}

/// Asks the driver (the allocator, on the CPU) for a buffer of this size, past harmonium's own check.
pub fn allocate_unchecked(device: &Device, bytes: u64) -> Result<()> {
    match device.backend() {
        Backend::Cpu(cpu) => cpu.allocate("allocate", (bytes / 4) as usize).map(drop),
        Backend::Gpu(gpu) => gpu.allocate_unchecked("allocate", bytes).map(drop),
    }
}

/// Destroys the device under everybody's feet.
pub fn destroy(device: &Device) {
    if let Backend::Gpu(gpu) = device.backend() {
        gpu.driver.device.destroy();
    }
}

/// [`Device::auto`] as if every adapter were hardware and the first `failing` of them did not open.
pub fn auto_after(failing: usize) -> Device {
    let mut failed = 0;
    pollster::block_on(async {
        let open = async |candidate: select::Candidate| {
            failed += 1;
            if failed > failing {
                return Device::open(candidate).await;
            }
            let adapter = candidate.summary.info.to_string();
            Err(Error::Device { op: "open".into(), adapter, detail: "out of order".into() })
        };
        Device::first_of(select::candidates().await, open).await
    })
}

/// From now on error scopes answer late, as in a browser.
pub fn answer_late(device: &Device) {
    if let Backend::Gpu(gpu) = device.backend() {
        gpu.driver.faults.all_late.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

static COPY: Shader = Shader::new(
    "copy",
    &["@group(0) @binding(0) var<uniform> params: vec4<u32>;\n\
              @group(0) @binding(1) var<storage, read> x: array<f32>;\n\
              @group(0) @binding(2) var<storage, read_write> y: array<f32>;\n\
              @compute @workgroup_size(1) fn main() { y[0] = x[0] + f32(params.x); }"],
    &[],
);

/// Asks for a kernel that reads and writes one and the same buffer.
pub fn record_aliased(device: &Device) -> Result<()> {
    let Backend::Gpu(gpu) = device.backend() else { return Ok(()) };
    let buffer = gpu.allocate("aliased", 16)?;
    record_copy(gpu, "aliased", [&buffer, &buffer], 0)
}

/// Asks for a kernel whose loops are so many iterations long.
pub fn record_loops(device: &Device, loops: u64) -> Result<()> {
    let Backend::Gpu(gpu) = device.backend() else { return Ok(()) };
    let [x, y] = [gpu.allocate("loops", 16)?, gpu.allocate("loops", 16)?];
    record_copy(gpu, "loops", [&x, &y], loops)
}

fn record_copy(gpu: &Gpu, op: &'static str, [x, y]: [&GpuBuffer; 2], loops: u64) -> Result<()> {
    gpu.record(Command {
        op,
        shader: &COPY,
        constants: &[],
        params: &[0; 16],
        binds: &[Bind::Read(x), Bind::Write(y)],
        loops,
        groups: 1,
        cost: Cost::default(),
    })
}

/// Pipelines made so far; 0 on the CPU.
pub fn pipelines(device: &Device) -> usize {
    match device.backend() {
        Backend::Cpu(_) => 0,
        Backend::Gpu(gpu) => gpu.pipelines().count(),
    }
}

/// Those that there are, by shader and override constants; none on the CPU.
pub fn pipeline_names(device: &Device) -> Vec<String> {
    match device.backend() {
        Backend::Cpu(_) => Vec::new(),
        Backend::Gpu(gpu) => gpu.pipelines().names(),
    }
}

/// What was asked of the driver so far; nothing on the CPU.
pub fn made(device: &Device) -> Made {
    match device.backend() {
        Backend::Cpu(_) => Made::default(),
        Backend::Gpu(gpu) => gpu.made(),
    }
}

/// Sends every shader of a GPU through `patch` on its way to the driver: kernels that are wrong on purpose.
pub fn patch_shaders(device: &Device, patch: fn(&str, String) -> String) {
    if let Backend::Gpu(gpu) = device.backend() {
        gpu.pipelines().patch(patch);
        gpu.driver.calls().clear();
    }
}
