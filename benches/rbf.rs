//! Distances to LeNet-5's 10 centres of 84, and to 500 of 784; elements are B·N·D.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::rbf::rbf;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for [b, n, d] in [[128, 10, 84], [100, 500, 784]] {
            let x = support::random(&device, &[b, d], 1);
            let w = support::random(&device, &[n, d], 2);
            let mut y = Tensor::for_output(&device, &[b, n]).unwrap();
            let name = format!("{b}x{n}x{d}");
            support::bench(c, &device, ("rbf", &name), b * n * d, || {
                rbf(&x, &w, &mut y).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
