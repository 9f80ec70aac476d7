//! Convolution with bias and activation at LeNet-5's sizes and with 32 channels, batch 128; elements are FLOP.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::kernels::activation::Activation;
use harmonium::kernels::conv2d::{Convolution, conv2d};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for (name, channels, side, kernel) in support::CONVOLUTIONS {
            let ([x, k, mut y], work) = support::convolution(&device, channels, side, kernel);
            let bias = support::random(&device, &[channels[1]], 4);
            let options = Convolution::default();
            support::bench(c, &device, ("conv2d", name), work, || {
                conv2d(&x, &k, Some(&bias), &options, Activation::Relu, &mut y).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
