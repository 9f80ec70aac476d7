//! LeNet-5's loss with its gradient, of 10 classes and of 1,000; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::rbf_loss::rbf_loss;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for dims in [[128, 10], [10_000, 10], [1000, 1000]] {
            let x = support::random(&device, &dims, 1);
            let classes = Tensor::zeros(&device, &[dims[0]]).unwrap();
            let mut loss = Tensor::zeros(&device, &[dims[0]]).unwrap();
            let mut dx = Tensor::zeros(&device, &dims).unwrap();
            let name = format!("{}x{}", dims[0], dims[1]);
            support::bench(c, &device, ("rbf_loss", &name), dims[0] * dims[1], || {
                rbf_loss(&x, &classes, [0.1, 0.01], (&mut loss, 0), Some(&mut dx)).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
