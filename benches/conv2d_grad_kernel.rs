//! The gradient of a convolution's kernel and bias at LeNet-5's sizes and with 32 channels, batch 128; elements are FLOP.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::conv2d::Convolution;
use harmonium::kernels::conv2d_grad_kernel::conv2d_grad_kernel;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for (name, channels, side, kernel) in support::CONVOLUTIONS {
            let ([x, mut dk, dy], work) = support::convolution(&device, channels, side, kernel);
            let mut db = Tensor::for_output(&device, &[channels[1]]).unwrap();
            let options = Convolution::default();
            support::bench(c, &device, ("conv2d_grad_kernel", name), work, || {
                conv2d_grad_kernel(&x, &dy, &options, &mut dk, Some(&mut db)).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
