//! The gradient of distances to LeNet-5's 10 centres of 84, and to 500 of 784; elements are B·N·D.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::rbf_grad_input::rbf_grad_input;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for [b, n, d] in [[128, 10, 84], [100, 500, 784]] {
            let dy = support::random(&device, &[b, n], 3);
            let x = support::random(&device, &[b, d], 1);
            let w = support::random(&device, &[n, d], 2);
            let mut dx = Tensor::for_output(&device, &[b, d]).unwrap();
            let name = format!("{b}x{n}x{d}");
            support::bench(c, &device, ("rbf_grad_input", &name), b * n * d, || {
                rbf_grad_input(&dy, &x, &w, &mut dx).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
