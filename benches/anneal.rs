//! One temperature of annealed importance sampling, 100 chains of a 784-500 machine; elements are hidden
//! units times chains.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::anneal::{Chains, Hidden, anneal};
use harmonium::random::Draw;

fn benches(c: &mut Criterion) {
    let (count, i, j) = (100, 784, 500);
    for device in support::devices() {
        let field = support::random(&device, &[count, j], 1);
        let v = support::random(&device, &[count, i], 2);
        let tilt = support::random(&device, &[i], 3);
        let mut increments = Tensor::zeros(&device, &[1, count]).unwrap();
        let mut h = Tensor::for_output(&device, &[count, j]).unwrap();
        support::bench(c, &device, ("anneal", "100 chains, 784-500"), count * j, || {
            let chains = Chains { field: &field, v: &v, tilt: &tilt, hidden: Hidden::Bernoulli };
            let sample = Some((0.9, &Draw::new(1, 1), &mut h));
            anneal(&chains, [0.9, 0.901], (&mut increments, 0), sample).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
