//! Wrong cases of 10 classes and of 1,000; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::argmax::Extreme;
use harmonium::kernels::error_count::error_count;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for dims in [[10_000, 10], [1000, 1000]] {
            let x = support::random(&device, &dims, 1);
            let classes = Tensor::zeros(&device, &[dims[0]]).unwrap();
            let mut wrong = Tensor::for_output(&device, &[dims[0]]).unwrap();
            let name = format!("{}x{}", dims[0], dims[1]);
            support::bench(c, &device, ("error_count", &name), dims[0] * dims[1], || {
                error_count(&x, &classes, Extreme::Largest, (&mut wrong, 0)).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
