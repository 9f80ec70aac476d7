//! How many kernels a step takes on a GPU, counted on the loops that hardware runs: a step of a small machine on a large
//! card is bound by them.

use harmonium::data::{Cases, Values};
use harmonium::device::testing::made;
use harmonium::kernels::{Tiles, with_tiles};
use harmonium::layers::{ConvSpec, LayerSpec, LinearSpec, PoolKind, PoolSpec};
use harmonium::models::network::OutputSpec;
use harmonium::models::{Network, NetworkSpec, Rbm, Units, lenet5};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, CdConfig, CdTrainer, Learner, Optimizer, ResidentData,
    Treatment,
};
use harmonium::{Device, kernels::activation::Activation};

use crate::support::own_gpus;

const BATCH: usize = 10;

fn cases(device: &Device, batches: usize, side: usize) -> ResidentData {
    let count = BATCH * batches;
    let values = (0..count * side * side).map(|i| (i * 37 % 256) as u8).collect();
    let pixels = Values::U8 { values, scale: 1.0 / 255.0 };
    let cases = Cases::new(pixels, count, side * side).unwrap();
    ResidentData::new(device, &cases, Treatment::default()).unwrap()
}

/// What an epoch of three updates takes of something, and one of five, which costs as much around them.
fn of_epochs<L: Learner>(
    learner: &mut L,
    mut source: impl FnMut(usize) -> ResidentData,
    mut count: impl FnMut(&mut dyn FnMut()) -> u64,
) -> [u64; 2] {
    [3, 5].map(|batches| {
        let mut source = source(batches);
        // What is made once is made.
        learner.epoch(&mut source).unwrap();
        count(&mut || {
            learner.epoch(&mut source).unwrap();
        })
    })
}

/// Kernels that an update takes.
fn of_an_update<L: Learner>(
    device: &Device,
    learner: &mut L,
    source: impl FnMut(usize) -> ResidentData,
) -> f64 {
    let [few, many] = of_epochs(learner, source, |epoch| {
        device.start_profile().unwrap();
        epoch();
        device.stop_profile().unwrap();
        device.profile().unwrap().iter().map(|row| row.calls).sum::<u64>()
    });
    (many - few) as f64 / 2.0
}

#[test]
fn an_update_of_contrastive_divergence_takes_five() {
    for device in own_gpus() {
        with_tiles(Tiles::Medium, || {
            for (config, most) in [
                (CdConfig::default(), 5.0),
                // p(h | v) of the data, two half-steps of the chains, p(h | v) of these.
                (CdConfig::default().persistent(true), 6.0),
                // The batch's means, twice a bias that follows, and two offsets.
                (CdConfig::default().centered(true), 13.0),
            ] {
                let rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(20), 1).unwrap();
                let config = config.batch(BATCH);
                let mut trainer = CdTrainer::new(rbm, config.clone(), &[0.5; 64]).unwrap();
                let found = of_an_update(&device, &mut trainer, |n| cases(&device, n, 8));
                assert_eq!(found, most, "{config:?} on {}", device.info());
            }
        });
    }
}

/// LeNet-5 as it is compared.
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

fn pictures(device: &Device, batches: usize) -> ResidentData {
    let labels: Vec<u32> = (0..(BATCH * batches) as u32).map(|i| i % 10).collect();
    let source = cases(device, batches, 32).with_labels(&labels).unwrap();
    source.with_case_dims(&[1, 32, 32]).unwrap()
}

#[test]
fn a_step_of_lenet_5_takes_at_most_28() {
    let compared = compared();
    let published = lenet5::published(OutputSpec::Rbf { j: lenet5::J }, 10);
    for device in own_gpus() {
        with_tiles(Tiles::Medium, || {
            for (spec, optimizer, most) in [
                (&compared, Optimizer::sgd(0.9), 25.0),
                (&compared, Optimizer::adam(), 25.0),
                (&published, Optimizer::sgd(0.9), 28.0),
            ] {
                let config = BackpropagationConfig::default().batch(BATCH).optimizer(optimizer);
                let network = Network::new(&device, spec, 1).unwrap();
                let mut trainer = Backpropagation::new(network, config).unwrap();
                let found = of_an_update(&device, &mut trainer, |n| pictures(&device, n));
                assert!(found <= most, "{found} on {}", device.info());
            }
        });
    }
}

/// Whatever a driver is asked for costs the host microseconds, so an update asks for nothing but its kernels: what it binds was
/// bound before, and what it is told goes with its numbers. An epoch of five updates asks for no more than one of three.
#[test]
fn an_update_makes_no_buffer_and_binds_nothing_anew() {
    for device in own_gpus() {
        let asked = |epoch: &mut dyn FnMut()| {
            let before = made(&device);
            epoch();
            let after = made(&device);
            assert!(after.submissions > before.submissions, "nothing was counted");
            after.buffers - before.buffers + after.groups - before.groups
        };
        let plain = CdConfig::default;
        for config in [plain(), plain().steps(3), plain().persistent(true), plain().centered(true)]
        {
            let rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(20), 1).unwrap();
            let mut trainer = CdTrainer::new(rbm, config.clone().batch(BATCH), &[0.5; 64]).unwrap();
            let [few, many] = of_epochs(&mut trainer, |n| cases(&device, n, 8), asked);
            assert!(many <= few, "{many} and {few}: {config:?}");
        }
        for optimizer in [Optimizer::sgd(0.9), Optimizer::adam()] {
            let config = BackpropagationConfig::default().batch(BATCH).optimizer(optimizer.clone());
            let network = Network::new(&device, &compared(), 1).unwrap();
            let mut trainer = Backpropagation::new(network, config).unwrap();
            let [few, many] = of_epochs(&mut trainer, |n| pictures(&device, n), asked);
            assert!(many <= few, "{many} and {few}: LeNet-5 by {optimizer:?}");
        }
    }
}
