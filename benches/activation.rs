//! Activations of a million elements; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::evaluation::verify::activation::ACTIVATIONS;
use harmonium::kernels::activation::activate;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let x = support::random(&device, &[1024, 1024], 1);
        let mut y = Tensor::for_output(&device, &[1024, 1024]).unwrap();
        for f in ACTIVATIONS {
            support::bench(c, &device, ("activation", &format!("{f:?}")), 1 << 20, || {
                activate(f, &x, &mut y).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
