//! The gradient of a convolution's input at LeNet-5's sizes and with 32 channels, batch 128; elements are FLOP.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::kernels::conv2d::Convolution;
use harmonium::kernels::conv2d_grad_input::conv2d_grad_input;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for (name, channels, side, kernel) in support::CONVOLUTIONS {
            let ([mut dx, k, dy], work) = support::convolution(&device, channels, side, kernel);
            let options = Convolution::default();
            support::bench(c, &device, ("conv2d_grad_input", name), work, || {
                conv2d_grad_input(&dy, &k, &options, &mut dx).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
