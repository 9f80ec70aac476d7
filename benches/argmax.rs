//! The largest of 10 columns and of 1,000; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::argmax::{Extreme, argmax};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for dims in [[10_000, 10], [1000, 1000]] {
            let x = support::random(&device, &dims, 1);
            let mut chosen = Tensor::for_indices(&device, &[dims[0]]).unwrap();
            let name = format!("{}x{}", dims[0], dims[1]);
            support::bench(c, &device, ("argmax", &name), dims[0] * dims[1], || {
                argmax(&x, Extreme::Largest, (&mut chosen, 0)).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
