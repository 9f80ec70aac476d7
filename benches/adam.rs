//! Steps of a bias, of LeNet-5's largest layer and of a million weights; elements are weights.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::Tensor;
use harmonium::kernels::adam::{Adam, adam};

fn benches(c: &mut Criterion) {
    for device in support::devices() {
        for n in [120, 48_000, 1 << 20] {
            let gradient = support::random(&device, &[n], 1);
            let [mut m, mut v] = [0; 2].map(|_| Tensor::zeros(&device, &[n]).unwrap());
            let mut w = support::random(&device, &[n], 2);
            // Without a rate the numbers stay ordinary, however often the step is taken.
            let step = Adam {
                learning_rate: 0.0,
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay: 0.01,
                update: 10,
            };
            support::bench(c, &device, ("adam", &n.to_string()), n, || {
                adam(&step, &gradient, &mut m, &mut v, &mut w).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
