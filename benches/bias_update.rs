//! The bias update of 784 units with a batch of 100; elements are values read.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::bias_update::{BiasPhases, NEVER, bias_update};
use harmonium::kernels::cd_update::Step;

fn benches(c: &mut Criterion) {
    let (rows, n) = (100, 784);
    for device in support::devices() {
        let [x0, xk] = [1, 2].map(|s| support::random(&device, &[rows, n], s));
        let [mut bias, mut velocity] = [3, 4].map(|s| support::random(&device, &[n], s));
        let mut status = Tensor::from_u32(&device, &[1], &[NEVER]).unwrap();
        support::bench(c, &device, ("bias_update", "784"), 2 * rows * n, || {
            let phases = BiasPhases { x0: &x0, xk: &xk, scales: [0.01, 0.01] };
            let step = Step { rate: 1e-3, momentum: 0.5, decay: 0.0 };
            bias_update(&phases, step, &mut bias, &mut velocity, (&mut status, 0)).unwrap();
        });
    }
}

criterion_group!(group, benches);
criterion_main!(group);
