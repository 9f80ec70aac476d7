//! Whole steps: updates of training, and Gibbs chains.

use super::Part;
use crate::data::{Cases, Values};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::proof::Bench;
use crate::layers::{ConvSpec, LayerSpec, LinearSpec, PoolKind, PoolSpec};
use crate::models::network::OutputSpec;
use crate::models::{Autoencoder, AutoencoderSpec, Network, NetworkSpec, Rbm, Units, lenet5};
use crate::random::{Draw, PhiloxRng};
use crate::tensor::Tensor;
use crate::training::{
    Backpropagation, BackpropagationConfig, CdConfig, CdTrainer, Learner, Optimizer, ResidentData,
    Schedule, Treatment,
};

pub(super) static STEPS: [Part; 4] = [
    Part { name: "rbm_step", rates: &[("connections", 1.0)], cases: rbm_step },
    Part {
        name: "gibbs",
        rates: &[("unit updates", 1.0), ("connections", CONNECTIONS)],
        cases: gibbs,
    },
    Part { name: "lenet5_step", rates: &[("cases", 1.0)], cases: lenet5_step },
    Part { name: "autoencoder_step", rates: &[("cases", 1.0)], cases: autoencoder_step },
];

/// Visible and hidden units of the machine that most of this measures.
pub(super) const MACHINE: [usize; 2] = [784, 500];
/// Connections that a unit update passes: both ways of a Gibbs step, over both layers.
const CONNECTIONS: f64 = (2 * MACHINE[0] * MACHINE[1]) as f64 / (MACHINE[0] + MACHINE[1]) as f64;

/// Pixels that are 0 or 1, a quarter of them 1.
pub(super) fn bits(b: &Bench<'_>, dims: [usize; 2]) -> Result<Tensor> {
    let mut rng = PhiloxRng::new(Draw::new(1, 98));
    let bits = (0..dims[0] * dims[1]).map(|_| f32::from(u8::from(rng.below(4) == 0)));
    Tensor::from_f32(b.device, &dims, &bits.collect::<Vec<f32>>())
}

/// Updates of restricted Boltzmann machines by contrastive divergence; connections times cases.
fn rbm_step(b: &mut Bench<'_>) -> Result<()> {
    let plain = CdConfig::default;
    let large = MACHINE;
    for (name, [visible, hidden], batch, config) in [
        ("CD-1 64x100 B10", [64, 100], 10, plain()),
        ("CD-1 784x500 B10", large, 10, plain()),
        ("CD-1 784x500 B128", large, 128, plain()),
        ("CD-1 784x500 B1024", large, 1024, plain()),
        ("CD-1 784x500 B128 centred", large, 128, plain().centered(true)),
        ("PCD-1 784x500 B128", large, 128, plain().persistent(true)),
        ("CD-25 784x500 B128", large, 128, plain().steps(25)),
    ] {
        let v = bits(b, [batch, visible])?;
        let rbm = Rbm::new(b.device, Units::bernoulli(visible), Units::bernoulli(hidden), 1)?;
        let mut trainer = CdTrainer::new(rbm, config.batch(batch), &vec![0.25; visible])?;
        b.case(name, batch * visible * hidden, || trainer.update(&v, 1).map(drop))?;
    }
    Ok(())
}

/// Free chains; units updated.
fn gibbs(b: &mut Bench<'_>) -> Result<()> {
    let [visible, hidden] = MACHINE;
    let rbm = Rbm::new(b.device, Units::bernoulli(visible), Units::bernoulli(hidden), 1)?;
    for (name, count, steps) in
        [("100 chains x 10 steps", 100, 10), ("1000 chains x 10 steps", 1000, 10)]
    {
        let mut chains = rbm.chains(count, 1)?;
        let work = count * steps * (visible + hidden);
        b.case(name, work, || chains.step(steps as u64))?;
    }
    Ok(())
}

/// A step of the deep autoencoder of Hinton and Salakhutdinov (2006) by Adam; cases.
fn autoencoder_step(b: &mut Bench<'_>) -> Result<()> {
    const BATCH: usize = 1000;
    let spec = AutoencoderSpec::new(784, &[1000, 500, 250, 30]);
    let autoencoder = Autoencoder::new(b.device, &spec, 1)?;
    let mut rng = PhiloxRng::new(Draw::new(1, 97));
    let pixels = (0..BATCH * 784).map(|_| rng.word() as u8).collect();
    let data = Cases::new(Values::U8 { values: pixels, scale: 1.0 / 255.0 }, BATCH, 784)?;
    let config = BackpropagationConfig::default()
        .batch(BATCH)
        .learning_rate(Schedule::constant(1e-4))
        .optimizer(Optimizer::adam());
    let mut trainer = Backpropagation::new(autoencoder, config)?;
    let mut source = ResidentData::new(b.device, &data, Treatment::default())?;
    b.case("784-1000-500-250-30 B1000", BATCH, || trainer.epoch(&mut source).map(drop))
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
