//! States of softmax groups, 10,000 of 10; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::categorical::sample;
use harmonium::random::Draw;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let x = support::random(&device, &[1000, 100], 1);
        let mut state = Tensor::for_output(&device, &[1000, 100]).unwrap();
        support::bench(c, &device, ("categorical", "1000 x 10 of 10"), 100_000, || {
            sample(&x, 10, &Draw::new(1, 1), &mut state).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
