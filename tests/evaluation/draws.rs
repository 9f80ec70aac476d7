//! Annealing with the numbers that trained the machine is biased; with its own it is not.

use harmonium::evaluation::ais::{AisConfig, Temperatures, ais, ais_drawing};
use harmonium::evaluation::partition::exact_log_partition;
use harmonium::models::{Rbm, Units};
use harmonium::random::ChainStreams;
use harmonium::training::{CdConfig, CdTrainer};
use harmonium::{Device, Result, Tensor};
use rayon::prelude::*;

const SEEDS: u64 = 6000;

/// A machine of 12 and 8 units after 20 updates at rate 1 on 20 cases.
fn trained(device: &Device, seed: u64) -> Rbm {
    let data: Vec<f32> = (0..20 * 12).map(|k| ((k * 5 + k / 12 * 7) % 7 % 2) as f32).collect();
    let v0 = Tensor::from_f32(device, &[20, 12], &data).unwrap();
    let rbm = Rbm::new(device, Units::bernoulli(12), Units::bernoulli(8), seed).unwrap();
    let config = CdConfig::default().learning_rate(1.0).batch(20).seed(seed);
    let mut trainer = CdTrainer::new(rbm, config, &[]).unwrap();
    (0..20).for_each(|_| trainer.update(&v0, 1).unwrap());
    trainer.into_rbm()
}

/// The mean of Ẑ/Z over machines and its standard error; 1 in expectation where the numbers are the annealing's own.
fn ratio(estimate: impl Fn(&Rbm, &AisConfig) -> Result<f64> + Sync, shift: u64) -> (f64, f64) {
    let device = Device::cpu();
    let ratios: Vec<f64> = (0..SEEDS)
        .into_par_iter()
        .map(|seed| {
            let rbm = trained(&device, seed);
            let config = AisConfig::new(vec![0.0; 12])
                .temperatures(Temperatures::linear(41).unwrap())
                .chains(20)
                .seed(seed ^ shift);
            (estimate(&rbm, &config).unwrap() - exact_log_partition(&rbm).unwrap()).exp()
        })
        .collect();
    let n = SEEDS as f64;
    let mean = ratios.iter().sum::<f64>() / n;
    let variance = ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0);
    (mean, (variance / n).sqrt())
}

#[test]
fn annealing_does_not_repeat_the_trainings_numbers() {
    // As it was: the streams of training under the training's seed.
    let of_training = |rbm: &Rbm, config: &AisConfig| {
        Ok(ais_drawing(rbm, config, ChainStreams::TRAINING, |_| ())?.log_partition)
    };
    let (before, error) = ratio(of_training, 0);
    println!("  the training's numbers: {before:.4} ± {error:.4}");
    assert!(before < 1.0 - 5.0 * error, "{before} ± {error}");
    // The bias came from the seed, not from the streams.
    let (other, error) = ratio(of_training, 1 << 40);
    println!("  another seed's: {other:.4} ± {error:.4}");
    assert!((other - 1.0).abs() < 4.0 * error, "{other} ± {error}");
    let own = |rbm: &Rbm, config: &AisConfig| Ok(ais(rbm, config, |_| ())?.log_partition);
    let (after, error) = ratio(own, 0);
    println!("  its own: {after:.4} ± {error:.4}");
    assert!((after - 1.0).abs() < 4.0 * error, "{after} ± {error}");
}
