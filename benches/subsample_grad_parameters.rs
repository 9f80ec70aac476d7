//! The gradients of LeNet-5's S2 for a batch of 128; elements are pixels of the input.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::subsample_grad_parameters::subsample_grad_parameters;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let dims = [128, 6, 28, 28];
        let x = support::random(&device, &dims, 1);
        let dz = support::random(&device, &[128, 6, 14, 14], 2);
        let [mut dc, mut db] = [(); 2].map(|()| Tensor::for_output(&device, &[6]).unwrap());
        let count = dims.iter().product();
        support::bench(c, &device, ("subsample_grad_parameters", "6x28x28"), count, || {
            subsample_grad_parameters(&x, &dz, [2, 2], &mut dc, &mut db).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
