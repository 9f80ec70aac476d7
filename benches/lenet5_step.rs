//! Training steps at batch 128 (one iteration: an epoch of ten updates and the read at its end): the network that
//! PyTorch was measured with (conv 6 → tanh → average pool → conv 16 → tanh → average pool → 120 → 84 → 10,
//! softmax, SGD with momentum), and LeNet-5 as published. Elements are cases.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use harmonium::data::{Cases, Values};
use harmonium::kernels::activation::Activation;
use harmonium::layers::{ConvSpec, LayerSpec, LinearSpec, PoolKind, PoolSpec};
use harmonium::models::network::OutputSpec;
use harmonium::models::{Network, NetworkSpec, lenet5};
use harmonium::random::{Draw, PhiloxRng};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, Optimizer, ResidentData, Schedule, Treatment,
};

const BATCH: usize = 128;
const UPDATES: usize = 10;

/// The network of the comparison.
fn compared() -> NetworkSpec {
    let conv = |maps| ConvSpec::new(maps, 5).activation(Activation::Tanh);
    let pool = || PoolSpec::new(PoolKind::Average, 2);
    NetworkSpec::new([1, 32, 32], 10)
        .layer(conv(6))
        .layer(pool())
        .layer(conv(16))
        .layer(pool())
        .layer(LayerSpec::linear(120, Activation::Tanh))
        .layer(LayerSpec::linear(84, Activation::Tanh))
        .layer(LinearSpec::new(10))
}

fn benches(c: &mut Criterion) {
    let cases = UPDATES * BATCH;
    let mut rng = PhiloxRng::new(Draw::new(1, 99));
    let pixels = (0..cases * 1024).map(|_| rng.word() as u8).collect();
    let labels: Vec<u32> = (0..cases).map(|_| rng.below(10)).collect();
    let values = Values::U8 { values: pixels, scale: 1.0 / 255.0 };
    let data = Cases::new(values, cases, 1024).unwrap();
    for device in support::devices() {
        let published = lenet5::published(OutputSpec::Rbf { j: lenet5::J }, 10);
        for (name, spec) in [("compared", compared()), ("published", published)] {
            let network = Network::new(&device, &spec, 1).unwrap();
            let config = BackpropagationConfig::default()
                .batch(BATCH)
                .learning_rate(Schedule::constant(1e-4))
                .optimizer(Optimizer::sgd(0.9));
            let mut trainer = Backpropagation::new(network, config).unwrap();
            let mut source = ResidentData::new(&device, &data, Treatment::default())
                .unwrap()
                .with_labels(&labels)
                .unwrap()
                .with_case_dims(&[1, 32, 32])
                .unwrap();
            // `support::bench` makes several calls an iteration.
            support::bench(c, &device, ("lenet5_step", name), cases, || {
                trainer.epoch_while(&mut source, |_, _| Ok(true)).unwrap();
            });
        }
    }
}

criterion_group!(group, benches);
criterion_main!(group);
