//! A deep Boltzmann machine by the library alone: centred, from small weights; small enough that its likelihood is known
//! exactly, so that the bound and the annealing can be held against it.

use harmonium::data::{self, Binarize, Preprocessing};
use harmonium::evaluation::ais::{AisConfig, Temperatures};
use harmonium::evaluation::deep_ais::deep_ais;
use harmonium::evaluation::deep_bound::variational_bound;
use harmonium::models::dbm::exact::ExactDbm;
use harmonium::models::{DbmSpec, DeepBoltzmannMachine, MeanField};
use harmonium::training::{DbmConfig, DbmTrainer, Learner, ResidentData, Schedule, Treatment};
use harmonium::{Device, Result, Tensor};

/// Values of a digit, and the units of two hidden layers.
const SIZES: [usize; 3] = [64, 14, 10];

/// What is known of a machine, in nats; likelihoods are means over the test cases.
#[derive(Debug)]
pub struct Found {
    /// ln Z.
    pub log_partition: f64,
    /// The same by annealing.
    pub annealed: f64,
    /// Its standard error.
    pub annealed_error: f64,
    /// ln p(v).
    pub likelihood: f64,
    /// Its variational lower bound.
    pub bound: f64,
}

fn bits(cases: data::Cases, part: data::Part) -> Result<data::Cases> {
    let how =
        Preprocessing { binarize: Some(Binarize::Threshold(0.5)), ..Preprocessing::default() };
    how.apply_for_evaluation(cases, 1, part)
}

/// Trains on the bundled digits, as bits.
pub fn train(device: &Device, epochs: u64) -> Result<DeepBoltzmannMachine> {
    let cases = bits(data::load("digits")?.train.cases, data::Part::Train)?;
    let means = cases.means();
    let mut batches = ResidentData::new(device, &cases, Treatment::default())?;
    let mut dbm = DeepBoltzmannMachine::from_spec(device, &DbmSpec::new(SIZES), 1)?;
    dbm.set_visible_bias_from_means(&means)?;
    let config = DbmConfig::default()
        .epochs(epochs)
        .batch(50)
        .learning_rate(Schedule::Linear(0.05, 0.005))
        .centered(true);
    let mut trainer = DbmTrainer::new(dbm, config, &means)?;
    for _ in 0..epochs {
        trainer.epoch(&mut batches)?;
    }
    Ok(trainer.into_dbm())
}

/// Likelihood, bound and ln Z of the test cases.
pub fn evaluate(device: &Device, dbm: &DeepBoltzmannMachine) -> Result<Found> {
    let digits = data::load("digits")?;
    let test = bits(digits.test.unwrap_or(digits.train).cases, data::Part::Test)?;
    let v = Tensor::from_f32(device, &[test.len(), SIZES[0]], &test.to_f32())?;
    let exact = ExactDbm::new(dbm)?;
    let config = AisConfig::new(vec![0.0; SIZES[1]]).temperatures(Temperatures::linear(2000)?);
    let annealed = deep_ais(dbm, &config, |_| ())?;
    let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
    let log_partition = exact.log_partition();
    Ok(Found {
        log_partition,
        annealed: annealed.log_partition,
        annealed_error: annealed.std_error,
        likelihood: mean(exact.log_likelihoods(&v)?),
        bound: mean(variational_bound(dbm, &v, MeanField::default(), log_partition)?),
    })
}

fn main() -> Result<()> {
    let device = Device::auto();
    let dbm = train(&device, 100)?;
    let found = evaluate(&device, &dbm)?;
    println!(
        "log Z: {:.3}, by annealing {:.3} ± {:.3}",
        found.log_partition, found.annealed, found.annealed_error
    );
    println!(
        "mean log-likelihood of the test cases: {:.3}, its bound {:.3}",
        found.likelihood, found.bound
    );
    let mut chains = dbm.chains(3, 1)?;
    chains.step(500)?;
    println!("three samples, {:?} values", chains.means()?.shape().dims());
    Ok(())
}
