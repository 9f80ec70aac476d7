//! Whole training steps.

use harmonium::Result;
use harmonium::data::{Cases, Values};
use harmonium::kernels::activation::Activation;
use harmonium::kernels::proof::Bench;
use harmonium::layers::{ConvSpec, LayerSpec, LinearSpec, PoolKind, PoolSpec};
use harmonium::models::network::OutputSpec;
use harmonium::models::{Network, NetworkSpec, Rbm, Units, lenet5};
use harmonium::random::{Draw, PhiloxRng};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, CdConfig, CdTrainer, Learner, Optimizer, ResidentData,
    Schedule, Treatment,
};

pub const PARTS: [super::Part; 2] = [("rbm_step", rbm_step), ("lenet5_step", lenet5_step)];

/// CD-1 updates of restricted Boltzmann machines, batch 100; elements are connections times cases.
fn rbm_step(b: &mut Bench<'_>) -> Result<()> {
    for (name, visible, hidden, centered) in [
        ("64-100", 64, 100, false),
        ("784-500", 784, 500, false),
        ("784-500 centred", 784, 500, true),
    ] {
        let v = b.random(&[100, visible], 1)?;
        let rbm = Rbm::new(b.device, Units::bernoulli(visible), Units::bernoulli(hidden), 1)?;
        let config = CdConfig::default().centered(centered);
        let mut trainer = CdTrainer::new(rbm, config, &vec![0.5; visible])?;
        b.case(name, 100 * visible * hidden, || trainer.update(&v, 1).map(drop))?;
    }
    Ok(())
}

const BATCH: usize = 128;
const UPDATES: usize = 10;

/// The network that PyTorch was measured with: conv 6 → tanh → average pool → conv 16 → tanh → average pool →
/// 120 → 84 → 10, softmax.
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

/// Epochs of ten updates at batch 128 and the read at the end, SGD with momentum, of that network and of LeNet-5 as
/// published; elements are cases.
fn lenet5_step(b: &mut Bench<'_>) -> Result<()> {
    let cases = UPDATES * BATCH;
    let mut rng = PhiloxRng::new(Draw::new(1, 99));
    let pixels = (0..cases * 1024).map(|_| rng.word() as u8).collect();
    let labels: Vec<u32> = (0..cases).map(|_| rng.below(10)).collect();
    let data = Cases::new(Values::U8 { values: pixels, scale: 1.0 / 255.0 }, cases, 1024)?;
    let published = lenet5::published(OutputSpec::Rbf { j: lenet5::J }, 10);
    for (name, spec) in [("compared", compared()), ("published", published)] {
        let config = BackpropagationConfig::default()
            .batch(BATCH)
            .learning_rate(Schedule::constant(1e-4))
            .optimizer(Optimizer::sgd(0.9));
        let mut trainer = Backpropagation::new(Network::new(b.device, &spec, 1)?, config)?;
        let mut source = ResidentData::new(b.device, &data, Treatment::default())?
            .with_labels(&labels)?
            .with_case_dims(&[1, 32, 32])?;
        b.case(name, cases, || trainer.epoch(&mut source).map(drop))?;
    }
    Ok(())
}
