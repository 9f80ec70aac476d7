//! Likelihoods of deep Boltzmann machines, against enumeration.

use harmonium::evaluation::ais::{AisConfig, Estimate, Temperatures};
use harmonium::evaluation::deep_ais::{deep_ais, deep_reverse_ais};
use harmonium::evaluation::deep_bound::variational_bound;
use harmonium::models::dbm::exact::ExactDbm;
use harmonium::models::{MeanField, UnitKind};
use harmonium::random::{Draw, PhiloxRng};
use harmonium::{Device, Tensor};

use crate::models::dbm::bound;
use crate::models::deep::{Deep, log_sum, machines, some_v};
use crate::models::exact::{normals, to_f32, to_f64};
use crate::models::support::{matrix, on_each, on_every};
use crate::training::ranks::on;

fn rows(x: &[Vec<f64>]) -> Vec<Vec<f32>> {
    x.iter().map(|row| to_f32(row)).collect()
}

/// From some base that is not the machine's own biases.
fn config(deep: &Deep, steps: usize, chains: usize, seed: u64) -> AisConfig {
    let odd = deep.biases.iter().skip(1).step_by(2).flatten();
    AisConfig::new(odd.map(|a| (0.5 * a) as f32).collect())
        .temperatures(Temperatures::linear(steps).unwrap())
        .chains(chains)
        .seed(seed)
}

/// Exact samples of all layers.
fn exact_samples(deep: &Deep, count: usize, seed: u64, device: &Device) -> Vec<Tensor> {
    let mut rng = PhiloxRng::new(Draw::new(seed, 902));
    let none = vec![0.0; deep.sizes[0]];
    // h by its weight after the sum or the integral over v, then v given h¹.
    let all = deep.states_of(1);
    let log_weight = |h: &Vec<Vec<f64>>| {
        let all = [vec![none.clone()], h.clone()].concat();
        let input = deep.input(0, &all);
        let summed: f64 = match deep.visible {
            UnitKind::Bernoulli => input.iter().map(|x| x.exp().ln_1p()).sum(),
            _ => 0.5 * input.iter().map(|x| x * x).sum::<f64>(),
        };
        summed - deep.energy(&all)
    };
    let logs: Vec<f64> = all.iter().map(log_weight).collect();
    let z = log_sum(&logs);
    let noise = normals(seed, count * deep.sizes[0]);
    let mut states: Vec<Vec<f32>> = vec![Vec::new(); deep.sizes.len()];
    for chain in 0..count {
        let mut uniform = || (f64::from(rng.word()) + 0.5) / 2f64.powi(32);
        let mut left = uniform();
        let picked = logs.iter().position(|log| {
            left -= (log - z).exp();
            left <= 0.0
        });
        let h = &all[picked.unwrap_or(all.len() - 1)];
        let input = deep.input(0, &[vec![none.clone()], h.clone()].concat());
        for (i, x) in input.iter().enumerate() {
            states[0].push(match deep.visible {
                UnitKind::Bernoulli => f32::from(u8::from(uniform() < 1.0 / (1.0 + (-x).exp()))),
                _ => (x + noise[chain * deep.sizes[0] + i]) as f32,
            });
        }
        for (layer, h) in states[1..].iter_mut().zip(h) {
            layer.extend(to_f32(h));
        }
    }
    let layers = states.iter().zip(&deep.sizes);
    layers.map(|(s, &n)| Tensor::from_f32(device, &[count, n], s).unwrap()).collect()
}

#[track_caller]
fn assert_within(estimate: &Estimate, exact: f64, what: &str) {
    let off = (estimate.log_partition - exact).abs();
    assert!(
        off < 4.0 * estimate.std_error && estimate.std_error < 0.2,
        "{what}: {} ± {}, exact {exact}",
        estimate.log_partition,
        estimate.std_error
    );
}

#[test]
fn both_directions_find_log_z_on_every_device() {
    for deep in machines() {
        let exact = deep.log_partition();
        on_every(|device| {
            let dbm = deep.to_dbm(device);
            let forward = deep_ais(&dbm, &config(&deep, 300, 200, 4), |_| ()).unwrap();
            assert_within(&forward, exact, &format!("{:?} forward", deep.sizes));
            let states = exact_samples(&deep, 200, 6, device);
            let reverse =
                deep_reverse_ais(&dbm, &config(&deep, 300, 2, 5), states, |_| ()).unwrap();
            assert_within(&reverse, exact, &format!("{:?} reverse", deep.sizes));
        });
    }
}

/// The mean of exp(ln Ẑ − ln Z) over seeds is 1 (forwards), that of its inverse is 1 (backwards from exact samples): few
/// steps and chains, so that a biased weight would show.
#[test]
fn the_estimates_are_unbiased_over_seeds() {
    let device = Device::cpu();
    const SEEDS: u64 = 200;
    for deep in machines() {
        let (dbm, exact) = (deep.to_dbm(&device), deep.log_partition());
        let check = |ratios: Vec<f64>, what: &str| {
            let n = ratios.len() as f64;
            let mean = ratios.iter().sum::<f64>() / n;
            let deviation =
                (ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let error = deviation / n.sqrt();
            let off = (mean - 1.0).abs();
            assert!(error < 0.05 && off < 4.0 * error, "{:?} {what}: {mean} ± {error}", deep.sizes);
        };
        let forward = (0..SEEDS).map(|seed| {
            let estimate = deep_ais(&dbm, &config(&deep, 20, 50, seed), |_| ()).unwrap();
            (estimate.log_partition - exact).exp()
        });
        check(forward.collect(), "forward");
        let reverse = (0..SEEDS).map(|seed| {
            let states = exact_samples(&deep, 50, 1000 + seed, &device);
            let config = config(&deep, 20, 2, 5000 + seed);
            let estimate = deep_reverse_ais(&dbm, &config, states, |_| ()).unwrap();
            (exact - estimate.log_partition).exp()
        });
        check(reverse.collect(), "reverse");
    }
}

/// Annealing to other parameters than the machine's must not pass for the machine's.
#[test]
fn wrong_parameters_are_caught() {
    let device = Device::cpu();
    let right = Deep::random(UnitKind::Bernoulli, &[4, 4, 4], 1.0, 31);
    let exact = right.log_partition();
    for l in 0..2 {
        let mut transposed = right.clone();
        for i in 0..4 {
            for j in 0..4 {
                transposed.weights[l][i * 4 + j] = right.weights[l][j * 4 + i];
            }
        }
        let mut without = right.clone();
        without.biases[l + 1].fill(0.0);
        for (wrong, what) in [(transposed, "W"), (without, "a")] {
            let estimate =
                deep_ais(&wrong.to_dbm(&device), &config(&wrong, 300, 400, 1), |_| ()).unwrap();
            let off = (estimate.log_partition - exact).abs();
            assert!(off > 4.0 * estimate.std_error, "{what}{}: {estimate:?}", l + 1);
        }
    }
}

/// The bound is −E + H at the means that are found, below ln p(v), and not far below.
#[test]
fn the_bound_lies_below_the_likelihood() {
    for deep in machines() {
        let v = some_v(&deep);
        on_each(|device| {
            let dbm = deep.to_dbm(device);
            let batch = matrix(device, &rows(&v));
            let z = deep.log_partition();
            for rounds in [0, 1, 100] {
                let how = MeanField::default().rounds(rounds);
                let found = variational_bound(&dbm, &batch, how, z).unwrap();
                let posterior = dbm.posterior(&batch, how).unwrap();
                let layer = |l: usize| to_f64(&posterior.means(l).to_vec().unwrap());
                let means: Vec<Vec<f64>> = (1..deep.sizes.len()).map(layer).collect();
                for (case, v) in v.iter().enumerate() {
                    let expected = bound(&deep, v, &means, case) - z;
                    // Products of a few means in f32.
                    assert!((found[case] - expected).abs() < 1e-5, "{} {expected}", found[case]);
                    let exact = deep.log_likelihood(v);
                    assert!(found[case] < exact + 1e-5, "{}, ln p is {exact}", found[case]);
                }
                let exact: f64 = v.iter().map(|v| deep.log_likelihood(v)).sum();
                let gap = (exact - found.iter().sum::<f64>()) / v.len() as f64;
                assert!(rounds < 100 || gap < 1.5, "{:?}: a gap of {gap}", deep.sizes);
            }
        });
    }
}

#[test]
fn what_cannot_be_estimated_is_refused() {
    let device = Device::cpu();
    let deep = &machines()[1];
    let dbm = deep.to_dbm(&device);
    let good = config(deep, 10, 10, 1);
    let said = |found: harmonium::Result<Estimate>| found.unwrap_err().to_string();
    assert!(said(deep_ais(&dbm, &good.clone().chains(1), |_| ())).contains("use at least 2"));
    let short = AisConfig::new(vec![0.0; 4]);
    assert!(said(deep_ais(&dbm, &short, |_| ())).contains("4 values for 6 units"));
    let few = exact_samples(deep, 5, 1, &device).into_iter().take(2).collect();
    assert!(
        said(deep_reverse_ais(&dbm, &good, few, |_| ()))
            .contains("of 2 layers, expected those of 4")
    );
    let mut broken = deep.clone();
    broken.biases[0][0] = f64::INFINITY;
    assert!(said(deep_ais(&broken.to_dbm(&device), &good, |_| ())).contains("not finite"));
    assert!(ExactDbm::new(&broken.to_dbm(&device)).unwrap_err().to_string().contains("not finite"));
    let v = Tensor::zeros(&device, &[0, 3]).unwrap();
    let none = variational_bound(&dbm, &v, MeanField::default(), 0.0).unwrap_err().to_string();
    assert!(none.contains("no case"), "{none}");
}

/// As for plain machines.
#[test]
fn chains_shared_among_ranks_have_the_same_weights() {
    let deep = Deep::random(UnitKind::Bernoulli, &[3, 2, 3], 1.0, 40);
    on_each(|device| {
        let config = config(&deep, 30, 4, 3);
        let states = exact_samples(&deep, 4, 9, device);
        let part = |own: std::ops::Range<usize>| -> harmonium::Result<Vec<Tensor>> {
            states.iter().map(|layer| layer.rows(own.clone())).collect()
        };
        let dbm = deep.to_dbm(device);
        let forward = deep_ais(&dbm, &config, |_| ()).unwrap();
        let reverse = deep_reverse_ais(&dbm, &config, part(0..4).unwrap(), |_| ()).unwrap();
        for count in [2, 3, 5] {
            let found = on(count, |ranks| {
                let (dbm, config) = (deep.to_dbm(device), config.clone().ranks(ranks.clone()));
                let own = part(ranks.own(4))?;
                let forward = deep_ais(&dbm, &config, |_| ())?;
                Ok((forward, deep_reverse_ais(&dbm, &config, own, |_| ())?))
            });
            for found in found {
                let one = (forward.clone(), reverse.clone());
                assert_eq!(found.unwrap(), one, "{count} ranks, {}", device.info());
            }
        }
    });
}
