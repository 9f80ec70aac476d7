//! The weights' update of a 784-500 machine with a batch of 100; elements are FLOP.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::kernels::cd_update::{Phases, Step, cd_gradient, cd_update};

fn benches(c: &mut Criterion) {
    let (rows, i, j) = (100, 784, 500);
    for device in support::devices() {
        let [v0, vk] = [1, 2].map(|s| support::random(&device, &[rows, i], s));
        let [p0, pk] = [3, 4].map(|s| support::random(&device, &[rows, j], s));
        let mut weights = support::random(&device, &[i, j], 5);
        let mut velocity = support::random(&device, &[i, j], 6);
        let phases =
            Phases { v0: &v0, p0: &p0, vk: &vk, pk: &pk, scales: [0.01, 0.01], offsets: None };
        let work = 4 * rows * i * j;
        support::bench(c, &device, ("cd_update", "784x500 update"), work, || {
            let step = Step { rate: 1e-3, momentum: 0.5, decay: 1e-4 };
            cd_update(&phases, step, &mut weights, &mut velocity).unwrap();
        });
        support::bench(c, &device, ("cd_update", "784x500 gradient"), work, || {
            cd_gradient(&phases, &mut velocity).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
