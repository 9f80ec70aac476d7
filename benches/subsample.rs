//! LeNet-5's S2 for a batch of 128; elements are pixels of the input.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::activation::Activation;
use harmonium::kernels::subsample::subsample;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let dims = [128, 6, 28, 28];
        let x = support::random(&device, &dims, 1);
        let coefficient = support::random(&device, &[6], 2);
        let bias = support::random(&device, &[6], 3);
        let mut y = Tensor::for_output(&device, &[128, 6, 14, 14]).unwrap();
        let f = Activation::ScaledTanh;
        support::bench(c, &device, ("subsample", "6x28x28"), dims.iter().product(), || {
            subsample(&x, [2, 2], &coefficient, &bias, f, &mut y).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
