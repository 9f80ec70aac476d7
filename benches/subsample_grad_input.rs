//! The gradient of LeNet-5's S2 for a batch of 128; elements are pixels of the input.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::subsample_grad_input::subsample_grad_input;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let dims = [128, 6, 28, 28];
        let dz = support::random(&device, &[128, 6, 14, 14], 1);
        let coefficient = support::random(&device, &[6], 2);
        let mut dx = Tensor::for_output(&device, &dims).unwrap();
        let count = dims.iter().product();
        support::bench(c, &device, ("subsample_grad_input", "6x28x28"), count, || {
            subsample_grad_input(&dz, [2, 2], &coefficient, &mut dx).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
