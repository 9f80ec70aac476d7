//! Steps of a bias, of LeNet-5's largest layer and of a million weights; elements are weights.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::sgd::{Sgd, sgd};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for n in [120, 48_000, 1 << 20] {
            let gradient = support::random(&device, &[n], 1);
            let mut velocity = Tensor::zeros(&device, &[n]).unwrap();
            let mut w = support::random(&device, &[n], 2);
            // Without a rate the numbers stay ordinary, however often the step is taken.
            let step =
                Sgd { learning_rate: 0.0, momentum: 0.9, nesterov: true, weight_decay: 1e-4 };
            support::bench(c, &device, ("sgd", &n.to_string()), n, || {
                sgd(&step, &gradient, &mut velocity, &mut w).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
