//! Dropout of a fully connected layer and of a picture; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::dropout::dropout;
use harmonium::random::{Draw, stream};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for dims in [&[128, 1024][..], &[128, 6, 28, 28]] {
            let x = support::random(&device, dims, 1);
            let mut y = Tensor::for_output(&device, dims).unwrap();
            let draw = Draw::new(1, stream::DROPOUT);
            let count = dims.iter().product();
            support::bench(c, &device, ("dropout", &format!("{dims:?}")), count, || {
                dropout(&x, 0.5, &draw, &mut y).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
