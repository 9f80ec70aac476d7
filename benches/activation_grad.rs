//! Gradients of activations of a million elements; elements are elements.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::evaluation::verify::activation::ACTIVATIONS;
use harmonium::kernels::activation::Activation;
use harmonium::kernels::activation_grad::activation_grad;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let y = support::random(&device, &[1024, 1024], 1);
        let mut dy = support::random(&device, &[1024, 1024], 2);
        for f in ACTIVATIONS.into_iter().filter(|f| *f != Activation::Identity) {
            support::bench(c, &device, ("activation_grad", &format!("{f:?}")), 1 << 20, || {
                activation_grad(f, &y, &mut dy).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
