//! Distorted pictures: a batch of 128 of 28x28; elements are pixels.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::evaluation::verify::affine::{Maps, maps};
use harmonium::kernels::affine::affine;

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        let dims = [128, 1, 28, 28];
        let x = support::random(&device, &dims, 1);
        let mut y = Tensor::for_output(&device, &dims).unwrap();
        let all = maps(Maps::Distortions, 128);
        let all = Tensor::from_f32(&device, &[128, 6], &all).unwrap();
        support::bench(c, &device, ("affine", "128x28x28"), dims.iter().product(), || {
            affine(&x, &all, 0.0, &mut y).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
