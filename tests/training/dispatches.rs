//! How many kernels a step takes on a GPU, counted on the loops that hardware runs: a step of a small machine on a large
//! card is bound by them.

use harmonium::data::{Cases, Values};
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

/// Kernels that an update takes: those of an epoch of five less those of one of three, which cost as much around them.
fn of_an_update<L: Learner>(
    device: &Device,
    learner: &mut L,
    mut source: impl FnMut(usize) -> ResidentData,
) -> f64 {
    let mut count = |batches: usize| {
        let mut source = source(batches);
        // What is made once is made.
        learner.epoch(&mut source).unwrap();
        device.start_profile().unwrap();
        learner.epoch(&mut source).unwrap();
        device.stop_profile().unwrap();
        device.profile().unwrap().iter().map(|row| row.calls).sum::<u64>()
    };
    let [few, many] = [3, 5].map(&mut count);
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

#[test]
fn a_step_of_lenet_5_takes_at_most_28() {
    let conv = |maps| ConvSpec::new(maps, 5).activation(Activation::Tanh);
    let pool = || PoolSpec::new(PoolKind::Average, 2);
    let compared = NetworkSpec::new([1, 32, 32], 10)
        .layer(conv(6))
        .layer(pool())
        .layer(conv(16))
        .layer(pool())
        .layer(LayerSpec::linear(120, Activation::Tanh))
        .layer(LayerSpec::linear(84, Activation::Tanh))
        .layer(LinearSpec::new(10));
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
                let found = of_an_update(&device, &mut trainer, |n| {
                    let labels: Vec<u32> = (0..BATCH as u32 * n as u32).map(|i| i % 10).collect();
                    let source = cases(&device, n, 32).with_labels(&labels).unwrap();
                    source.with_case_dims(&[1, 32, 32]).unwrap()
                });
                assert!(found <= most, "{found} on {}", device.info());
            }
        });
    }
}
