//! Element-wise arithmetic on a million elements; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::elementwise::{Elementwise, elementwise};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let dims = [1024, 1024];
        let x = support::random(&device, &dims, 1);
        let mut out = Tensor::for_output(&device, &dims).unwrap();
        for (name, y) in [
            ("add", support::random(&device, &dims, 2)),
            ("add a row", support::random(&device, &[1024], 2)),
        ] {
            support::bench(c, &device, ("elementwise", name), 1 << 20, || {
                elementwise(Elementwise::ADD, &x, Some(&y), &mut out).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
