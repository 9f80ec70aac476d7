//! Every kernel of the catalogue and whole training steps, on the CPU path and every adapter that opens, or
//! on the device that `HARMONIUM_DEVICE` names: `cargo bench -- matmul`. `cargo bench -- host` times what the host does
//! for each kernel of a step.

mod host;

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use harmonium::benchmark::{Part, parts};
use harmonium::device::DeviceKind;
use harmonium::kernels::proof::Bench;
use harmonium::{Device, Result};

/// Calls between two waits: a GPU is not waited for after each kernel in use either.
const CALLS: u64 = 8;

/// A second's work of a software adapter on two cores, about. Such cases differ from smaller ones in their sizes alone, so
/// nothing is learnt from trying whether they run there.
const LONG: usize = 1 << 30;

fn devices() -> Vec<Device> {
    if std::env::var_os(harmonium::device::DEVICE_VARIABLE).is_some() {
        return vec![Device::from_env().unwrap()];
    }
    let mut all = vec![Device::cpu()];
    all.extend(Device::all_gpus().into_iter().flatten());
    all
}

/// The command's filters, of which criterion knows what they mean.
fn filters() -> impl Iterator<Item = String> {
    std::env::args().skip(1).filter(|argument| !argument.starts_with('-'))
}

/// Whether a filter asks for what the host does.
fn wants_host() -> bool {
    filters().any(|filter| filter.starts_with(host::NAME))
}

/// All parts, or, where a filter is in the name of some, those alone, and none where it asks for what the host does:
/// the others would prepare their data for nothing.
fn wanted() -> Vec<Part> {
    let mut parts = parts();
    let named = |part: &Part| filters().any(|filter| part.name.contains(&filter));
    if wants_host() || parts.iter().any(named) {
        parts.retain(named);
    }
    parts
}

/// Measures the cases of one part; the device has done all work when the clock stops.
fn measure(c: &mut Criterion, device: &Device, part: Part) {
    let mut group = c.benchmark_group(part.name);
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2));
    let adapter = device.info().to_string();
    // Where it is only tried whether each case runs, once is enough. Else criterion takes at least twenty samples.
    let tried = std::env::args().any(|word| word == "--test");
    let (calls, longest) = if tried { (1, LONG) } else { (CALLS, Bench::HUGE) };
    let mut measure = |case: &str, work: usize, call: &mut dyn FnMut() -> Result<()>| {
        if work >= longest && device.info().kind != DeviceKind::Hardware {
            return Ok(());
        }
        group.throughput(Throughput::Elements(work as u64 * calls));
        group.bench_function(BenchmarkId::new(&adapter, case), |b| {
            b.iter(|| {
                (0..calls).for_each(|_| call().unwrap());
                device.synchronize().unwrap();
            });
        });
        Ok(())
    };
    (part.cases)(&mut Bench::new(device, &mut measure)).unwrap();
    group.finish();
}

fn benches(c: &mut Criterion) {
    let parts = wanted();
    if !parts.is_empty() {
        for device in devices() {
            parts.iter().for_each(|part| measure(c, &device, *part));
        }
    }
    if wants_host() || filters().next().is_none() {
        host::benches(c);
    }
}

criterion_group!(group, benches);
criterion_main!(group);
