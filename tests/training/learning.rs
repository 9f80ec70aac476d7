//! Learning itself: likelihoods by enumeration, scores that agree between devices, bits that repeat.

use harmonium::data::{self, Cases, Values};
use harmonium::evaluation::scores::{hidden_activity, reconstruction_error};
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::training::{
    BatchSource, CdConfig, CdTrainer, Learner, ResidentData, Sparsity, Treatment,
};
use harmonium::{Device, Tensor};
use rayon::prelude::*;

use super::{parameters, plain};
use crate::examples::exact_sets::bars_and_stripes;
use crate::models::exact::{Exact, to_f64};
use crate::models::support::{on_each, on_every};

/// Σ ln p(v) over the rows, with ln Z by enumeration.
fn log_likelihood(rbm: &Rbm, rows: &[Vec<f32>]) -> f64 {
    let exact = Exact::of(rbm);
    let free = rows.iter().map(|v| exact.free_energy_by_units(&to_f64(v))).sum::<f64>();
    -free - rows.len() as f64 * exact.log_z()
}

const OPTIMUM: f64 = -41.59;

/// The likelihoods after every hundred updates with 4 hidden units at the rate 0.1, all rows in each.
fn learn_bars(device: &Device, config: &CdConfig, updates: u64) -> Vec<f64> {
    let rows = bars_and_stripes(3).rows;
    let rbm = Rbm::new(device, Units::bernoulli(9), Units::bernoulli(4), config.seed).unwrap();
    let mut trainer = CdTrainer::new(rbm, config.clone(), &[0.5; 9]).unwrap();
    let v0 = crate::models::support::matrix(device, &rows);
    let mut likelihoods = vec![log_likelihood(trainer.rbm(), &rows)];
    for _ in 0..updates / 100 {
        (0..100).for_each(|_| trainer.update(&v0, 1).unwrap());
        likelihoods.push(log_likelihood(trainer.rbm(), &rows));
    }
    likelihoods
}

fn bars_config(seed: u64) -> CdConfig {
    plain(UnitKind::Bernoulli, 0.1).batch(16).seed(seed)
}

fn best(likelihoods: &[f64]) -> f64 {
    likelihoods.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

#[test]
fn bars_and_stripes_are_learnt_and_never_beyond_the_optimum() {
    // The optimum: 14 pictures, two of them twice.
    let exact: f64 = 12.0 * (1.0f64 / 16.0).ln() + 4.0 * (2.0f64 / 16.0).ln();
    assert!((exact - OPTIMUM).abs() < 0.005);
    for (name, change) in [("CD-1", false), ("centred CD-1", true)] {
        let mut sum = 0.0;
        for seed in 1..=4 {
            let config = bars_config(seed).centered(change);
            let found = learn_bars(&Device::cpu(), &config, 10_000);
            // Near 9 fair coins at the start.
            assert!((found[0] - 16.0 * 9.0 * 0.5f64.ln()).abs() < 0.5, "{}", found[0]);
            assert!(best(&found) <= exact, "{} is above the optimum", best(&found));
            sum += best(&found) / 4.0;
        }
        println!("{name}: mean of the best {sum:.2}; the optimum is {OPTIMUM}");
        assert!(sum > -75.0, "{name}: {sum}");
    }
}

#[test]
fn bars_and_stripes_on_every_device() {
    on_every(|device| {
        let found = learn_bars(device, &bars_config(1), 2000);
        println!("  {:.2} to {:.2}", found[0], best(&found));
        assert!(best(&found) > found[0] + 10.0 && best(&found) <= OPTIMUM + 0.005);
    });
}

/// The figure in the literature's setting: 20,000 updates, 25 trials, the mean of each trial's best: CD-1 −63.81,
/// centred −60.76, PCD-1 −59.60, centred −57.53.
#[test]
fn bars_and_stripes_as_published() {
    for (persistent, centered, published) in
        [(false, false, -63.81), (false, true, -60.76), (true, false, -59.60), (true, true, -57.53)]
    {
        let trial = |seed| {
            let config = bars_config(seed).persistent(persistent).centered(centered);
            best(&learn_bars(&Device::cpu(), &config, 20_000))
        };
        let trials: Vec<f64> = (1..=25u64).into_par_iter().map(trial).collect();
        let mean = trials.iter().sum::<f64>() / 25.0;
        let variance = trials.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 24.0;
        let error = (variance / 25.0).sqrt();
        println!(
            "persistent {persistent}, centred {centered}: {mean:.2} ± {error:.2} (deviation {:.2}), published {published}",
            variance.sqrt()
        );
        // Both are means of 25 trials; better is no fault, beyond the optimum is.
        assert!(mean > published - 3.0 * error, "{mean}, published {published}");
        assert!(trials.iter().all(|&x| x < OPTIMUM + 0.005));
    }
}

fn digits() -> Cases {
    data::load("digits").unwrap().train.cases.limit(730)
}

/// Five epochs of digits: parameters, reconstruction error, machine. 730 cases are no multiple of 12.
fn learn_digits(device: &Device, change: impl Fn(CdConfig) -> CdConfig) -> (Vec<f32>, f64, Rbm) {
    let cases = digits();
    let base = CdConfig::default();
    let config = change(base.epochs(5).batch(12));
    let mut rbm =
        Rbm::new(device, Units::bernoulli(64), Units::bernoulli(24), config.seed).unwrap();
    rbm.set_visible_bias_from_means(&cases.means()).unwrap();
    let mut data = ResidentData::new(device, &cases, Treatment::default()).unwrap();
    let mut trainer = CdTrainer::new(rbm, config, &cases.means()).unwrap();
    for epoch in 1..=trainer.config().epochs {
        let mut seen = 0;
        let counted = trainer.epoch_while(&mut data, |_, rows| {
            seen += rows;
            Ok(true)
        });
        let report = counted.unwrap().unwrap();
        let batch = trainer.config().batch as u64;
        assert_eq!((report.epoch, report.cases, seen), (epoch, 730, 730));
        assert_eq!(report.updates, 730u64.div_ceil(batch));
    }
    let v = data.head(data.cases()).unwrap();
    let error = reconstruction_error(trainer.rbm(), &v).unwrap();
    (parameters(&trainer), error, trainer.into_rbm())
}

#[test]
fn every_device_reaches_the_same_score() {
    for persistent in [false, true] {
        let with = |seed| move |config: CdConfig| config.seed(seed).persistent(persistent);
        let seeds: Vec<f64> = (1..=6).map(|s| learn_digits(&Device::cpu(), with(s)).1).collect();
        let mean = seeds.iter().sum::<f64>() / 6.0;
        let noise = (seeds.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 5.0).sqrt();
        let start = learn_digits(&Device::cpu(), |c| c.epochs(0)).1;
        println!("before training {start:.3}, after {mean:.3} ± {noise:.3}");
        assert!(mean < start - 5.0 * noise, "nothing was learnt");
        on_every(|device| {
            let score = learn_digits(device, with(1)).1;
            println!("  {score:.3}, on the CPU {:.3}", seeds[0]);
            // Rounding flips a draw now and then, after which the runs are two of one distribution.
            assert!(
                (score - seeds[0]).abs() < 4.0 * noise,
                "{score} is not {} ± {noise}",
                seeds[0]
            );
        });
    }
}

#[test]
fn a_seed_repeats_its_bits_on_one_device() {
    let variants: [fn(CdConfig) -> CdConfig; 3] = [
        |c| c,
        |c| c.persistent(true).centered(true),
        |c| c.steps(2).sparsity(Some(Sparsity::new(0.1, 0.1).decay(0.9))),
    ];
    on_each(|device| {
        for change in variants {
            let bits = |c: &Vec<f32>| c.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            let first = bits(&learn_digits(device, change).0);
            assert_eq!(first, bits(&learn_digits(device, change).0));
            let other = |c: CdConfig| change(c).seed(2);
            assert_ne!(first, bits(&learn_digits(device, other).0));
        }
    });
}

#[test]
fn a_sparsity_target_draws_the_activity_to_it() {
    let target = 0.4;
    on_each(|device| {
        // The mean distance of a unit's activity from the target.
        let distance = |cost: f32| {
            let sparsity = (cost > 0.0).then_some(Sparsity::new(target, cost).decay(0.9));
            let (_, _, rbm) = learn_digits(device, |c| c.sparsity(sparsity));
            let v = Tensor::from_f32(device, &[730, 64], &digits().to_f32()).unwrap();
            let q = hidden_activity(&rbm, &v).unwrap();
            q.iter().map(|q| (q - f64::from(target)).abs()).sum::<f64>() / q.len() as f64
        };
        let (free, some, strong) = (distance(0.0), distance(0.1), distance(1.0));
        println!("  mean distance {free:.3}, with cost 0.1 {some:.3}, with cost 1 {strong:.3}");
        assert!(some < 0.8 * free && strong < 0.5 * free);
    });
}

/// The last part of the data is not lost: a case that is in no full batch teaches too.
#[test]
fn the_last_partial_batch_is_used() {
    on_each(|device| {
        // 7 cases in batches of 4, at a rate that shows each update.
        let values: Vec<u8> = (0..7 * 5).map(|k| (k % 3 % 2) as u8).collect();
        let cases = Cases::new(Values::Bits(values), 7, 5).unwrap();
        for persistent in [false, true] {
            let config = plain(UnitKind::Bernoulli, 0.5).batch(4).persistent(persistent);
            let new = || {
                let rbm = Rbm::new(device, Units::bernoulli(5), Units::bernoulli(3), 1).unwrap();
                let data = ResidentData::new(device, &cases, Treatment::default()).unwrap();
                (CdTrainer::new(rbm, config.clone(), &[]).unwrap(), data)
            };
            let (mut whole, mut data) = new();
            let mut sizes = Vec::new();
            let seen = whole.epoch_while(&mut data, |_, rows| {
                sizes.push(rows);
                Ok(true)
            });
            let report = seen.unwrap().unwrap();
            assert_eq!((report.updates, report.cases, &sizes[..]), (2, 7, &[4, 3][..]));
            let (mut by_hand, mut data) = new();
            data.start_epoch(config.seed, 1).unwrap();
            by_hand.update(data.next_batch(4).unwrap().unwrap().cases, 1).unwrap();
            let before = parameters(&by_hand);
            by_hand.update(data.next_batch(4).unwrap().unwrap().cases, 1).unwrap();
            assert_eq!(parameters(&by_hand), parameters(&whole));
            assert_ne!(before, parameters(&whole));
        }
    });
}

/// The yardstick, in the literature's setting: exact gradient, mean of the best of 25 trials −55.65 with deviation
/// 5.65, centred −52.42 with 1.58.
#[test]
fn the_exact_gradient_reaches_its_published_likelihood() {
    for (centered, published) in [(false, -55.65), (true, -52.42)] {
        let trial = |seed| {
            let config = bars_config(seed).exact_gradient(true).centered(centered);
            best(&learn_bars(&Device::cpu(), &config, 20_000))
        };
        let trials: Vec<f64> = (1..=25u64).into_par_iter().map(trial).collect();
        let mean = trials.iter().sum::<f64>() / 25.0;
        let variance = trials.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 24.0;
        let error = (variance / 25.0).sqrt();
        println!("exact, centred {centered}: {mean:.2} ± {error:.2}, published {published}");
        assert!(mean > published - 3.0 * error, "{mean} ± {error}, published {published}");
        assert!(trials.iter().all(|&x| x < OPTIMUM + 0.005));
    }
}
