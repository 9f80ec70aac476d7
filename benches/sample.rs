//! Random numbers, a million of them; elements are draws.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::sample;
use harmonium::random::Draw;

fn benches(c: &mut Criterion) {
    let draw = Draw::new(1, 1);
    for device in support::devices() {
        let dims = [1024, 1024];
        let p = support::random(&device, &dims, 2);
        let mut out = Tensor::for_output(&device, &dims).unwrap();
        support::bench(c, &device, ("sample", "uniform"), 1 << 20, || {
            sample::uniform(&draw, &mut out).unwrap();
        });
        support::bench(c, &device, ("sample", "bernoulli"), 1 << 20, || {
            sample::bernoulli(&draw, &p, &mut out).unwrap();
        });
        support::bench(c, &device, ("sample", "gaussian"), 1 << 20, || {
            sample::gaussian(&draw, None, 1.0, &mut out).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
