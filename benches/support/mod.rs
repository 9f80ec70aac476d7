//! What the benches share: devices, random data, and a measured region that ends when the device is done.
#![allow(dead_code)]

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput};
use harmonium::kernels::sample;
use harmonium::random::Draw;
use harmonium::{Device, Tensor};

/// Kernel calls between two waits: a GPU is not waited for after each kernel in use either.
pub const CALLS: u64 = 8;

/// LeNet-5's convolutions on 128 images and one of 32 channels: name, channels C and O, image and kernel.
pub const CONVOLUTIONS: [(&str, [usize; 2], usize, usize); 4] = [
    ("1 to 6, 5x5 on 32x32", [1, 6], 32, 5),
    ("6 to 16, 5x5 on 14x14", [6, 16], 14, 5),
    ("16 to 120, 5x5 on 5x5", [16, 120], 5, 5),
    ("32 to 32, 5x5 on 28x28", [32, 32], 28, 5),
];

/// The three tensors of a convolution of [`CONVOLUTIONS`], and its work in FLOP.
pub fn convolution(
    device: &Device,
    [c, o]: [usize; 2],
    side: usize,
    kernel: usize,
) -> ([Tensor; 3], usize) {
    let places = side - kernel + 1;
    let pictures = |[n, c, side]: [usize; 3], stream| {
        random(device, &[n, c * side * side], stream).reshape(&[n, c, side, side]).unwrap()
    };
    let x = pictures([128, c, side], 1);
    let k = pictures([o, c, kernel], 2);
    let y = pictures([128, o, places], 3);
    ([x, k, y], 2 * 128 * o * places * places * c * kernel * kernel)
}

/// The CPU path and every adapter that opens, or the one that `HARMONIUM_DEVICE` names.
pub fn devices() -> Vec<Device> {
    if std::env::var_os(harmonium::device::DEVICE_VARIABLE).is_some() {
        return Device::from_env().into_iter().collect();
    }
    let mut all = vec![Device::cpu()];
    all.extend(Device::all_gpus().into_iter().flatten());
    all
}

/// Uniform numbers in [0, 1), another set for every `stream`.
pub fn random(device: &Device, dims: &[usize], stream: u16) -> Tensor {
    let count: usize = dims.iter().product();
    let rows = dims.first().map_or(1, |&n| n.max(1));
    let mut tensor = Tensor::for_output(device, &[rows, count / rows]).unwrap();
    sample::uniform(&Draw::new(1, stream), &mut tensor).unwrap();
    tensor.reshape(dims).unwrap()
}

/// Benches `call` on `device`; `work` is what one call does (FLOP, connections or elements).
pub fn bench(
    c: &mut Criterion,
    device: &Device,
    (kernel, case): (&str, &str),
    work: usize,
    mut call: impl FnMut(),
) {
    let mut group = c.benchmark_group(kernel);
    group
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .throughput(Throughput::Elements(work as u64 * CALLS));
    group.bench_function(BenchmarkId::new(device.info().to_string(), case), |b| {
        b.iter(|| {
            (0..CALLS).for_each(|_| call());
            device.synchronize().unwrap();
        });
    });
    group.finish();
}
