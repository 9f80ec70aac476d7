//! The mean squared error with its gradient; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::squared_error::squared_error;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for dims in [[100, 784], [1000, 784]] {
            let [x, t] = [1, 2].map(|stream| support::random(&device, &dims, stream));
            let mut loss = Tensor::zeros(&device, &[dims[0]]).unwrap();
            let mut dx = Tensor::zeros(&device, &dims).unwrap();
            let name = format!("{}x{}", dims[0], dims[1]);
            support::bench(c, &device, ("squared_error", &name), dims[0] * dims[1], || {
                squared_error(&x, &t, 0.01, (&mut loss, 0), Some(&mut dx)).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
