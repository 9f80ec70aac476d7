//! Softmax of 10 classes and of 1,000; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::softmax::softmax;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for dims in [[10_000, 10], [1000, 1000]] {
            let x = support::random(&device, &dims, 1);
            let mut y = Tensor::for_output(&device, &dims).unwrap();
            let name = format!("{}x{}", dims[0], dims[1]);
            support::bench(c, &device, ("softmax", &name), dims[0] * dims[1], || {
                softmax(&x, &mut y).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
