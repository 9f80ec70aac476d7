//! What the host does for each kernel that is recorded and submitted: steps on wgpu's backend that does nothing. A time is
//! one kernel's.

use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion};
use harmonium::benchmark::parts;
use harmonium::kernels::proof::Bench;
use harmonium::{Device, Result};

#[path = "../tests/support/idle.rs"]
mod idle;

/// What all of this is called.
pub const NAME: &str = "host";
/// The steps of which each kernel is timed.
const STEPS: [&str; 3] = ["rbm_step", "gibbs", "lenet5_step"];
/// Calls between two waits, as between two reads of a training's epoch.
const CALLS: u32 = 64;

/// The kernels of one call.
fn kernels(device: &Device, call: &mut dyn FnMut() -> Result<()>) -> Result<u32> {
    call()?;
    device.start_profile()?;
    call()?;
    let calls: u64 = device.profile()?.iter().map(|row| row.calls).sum();
    device.stop_profile()?;
    Ok(calls as u32)
}

pub fn benches(c: &mut Criterion) {
    let device = idle::idle_device();
    for part in parts().into_iter().filter(|part| STEPS.contains(&part.name)) {
        let mut group = c.benchmark_group(NAME);
        group.sample_size(20).warm_up_time(Duration::from_millis(500));
        group.measurement_time(Duration::from_secs(2));
        let mut measure = |case: &str, _: usize, call: &mut dyn FnMut() -> Result<()>| {
            let kernels = kernels(&device, call)?;
            group.bench_function(BenchmarkId::new(part.name, case), |b| {
                b.iter_custom(|rounds| {
                    let start = Instant::now();
                    for _ in 0..rounds {
                        (0..CALLS).for_each(|_| call().unwrap());
                        device.synchronize().unwrap();
                    }
                    start.elapsed() / (CALLS * kernels)
                });
            });
            Ok(())
        };
        (part.cases)(&mut Bench::new(&device, &mut measure)).unwrap();
        group.finish();
    }
}
