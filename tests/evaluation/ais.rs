use harmonium::evaluation::ais::{AisConfig, Estimate, Temperatures, ais, reverse_ais};
use harmonium::evaluation::partition::exact_log_partition;
use harmonium::models::UnitKind;
use harmonium::random::{Draw, PhiloxRng};
use harmonium::{Device, Tensor};

use crate::models::exact::{Exact, normals, states};
use crate::models::support::{on_each, on_every};
use crate::training::ranks::on;

fn config(machine: &Exact, steps: usize, chains: usize, seed: u64) -> AisConfig {
    // Some base that is not the machine's own bias.
    AisConfig::new(machine.b.iter().map(|b| (0.5 * b) as f32).collect())
        .temperatures(Temperatures::linear(steps).unwrap())
        .chains(chains)
        .seed(seed)
}

/// Exact samples of v, `[count, I]`.
fn exact_samples(machine: &Exact, count: usize, seed: u64, device: &Device) -> Tensor {
    let mut rng = PhiloxRng::new(Draw::new(seed, 902));
    let mut uniform = || (f64::from(rng.word()) + 0.5) / 2f64.powi(32);
    let (all, weights): (Vec<Vec<f64>>, Vec<f64>) = match machine.visible {
        UnitKind::Bernoulli => {
            let all = states(machine.i);
            let weights = all.iter().map(|v| (-machine.free_energy(v)).exp()).collect();
            (all, weights)
        }
        // First h by its weight after the integral over v, then v ~ N(b + Wh, 1).
        _ => {
            let means: Vec<Vec<f64>> =
                states(machine.j).iter().map(|h| machine.field_v(h)).collect();
            let square = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>();
            let weights = states(machine.j)
                .iter()
                .zip(&means)
                .map(|(h, m)| {
                    let own: f64 = machine.a.iter().zip(h).map(|(a, h)| a * h).sum();
                    (own + 0.5 * (square(m) - square(&machine.b))).exp()
                })
                .collect();
            (means, weights)
        }
    };
    let total: f64 = weights.iter().sum();
    let noise = normals(seed, count * machine.i);
    let mut out = Vec::new();
    for chain in 0..count {
        let mut left = uniform() * total;
        let picked = weights.iter().position(|w| {
            left -= w;
            left <= 0.0
        });
        let state = &all[picked.unwrap_or(all.len() - 1)];
        for (i, x) in state.iter().enumerate() {
            let z = match machine.visible {
                UnitKind::Bernoulli => 0.0,
                _ => noise[chain * machine.i + i],
            };
            out.push((x + z) as f32);
        }
    }
    Tensor::from_f32(device, &[count, machine.i], &out).unwrap()
}

fn machines() -> [Exact; 2] {
    [
        Exact::random(UnitKind::Bernoulli, 9, 6, 0.8, 21),
        Exact::random(UnitKind::Gaussian, 5, 4, 0.5, 22),
    ]
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
    on_every(|device| {
        for machine in machines() {
            let rbm = machine.to_rbm(device);
            let exact = exact_log_partition(&rbm).unwrap();
            let forward = ais(&rbm, &config(&machine, 300, 200, 4), |_| ()).unwrap();
            assert_within(&forward, exact, "forward");
            assert!(forward.interval[0] < forward.log_partition);
            assert!(forward.interval[1] > forward.log_partition);
            let v = exact_samples(&machine, 200, 6, device);
            let reverse = reverse_ais(&rbm, &config(&machine, 300, 200, 5), v, |_| ()).unwrap();
            assert_within(&reverse, exact, "reverse");
        }
    });
}

/// The mean of exp(ln Ẑ − ln Z) over seeds is 1 (forwards), that of its inverse is 1 (backwards from exact
/// samples): few steps and chains, so that a biased weight would show.
#[test]
fn the_estimates_are_unbiased_over_seeds() {
    let device = Device::cpu();
    const SEEDS: u64 = 200;
    for machine in machines() {
        let rbm = machine.to_rbm(&device);
        let exact = exact_log_partition(&rbm).unwrap();
        let check = |ratios: Vec<f64>, what: &str| {
            let n = ratios.len() as f64;
            let mean = ratios.iter().sum::<f64>() / n;
            let deviation =
                (ratios.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
            let error = deviation / n.sqrt();
            assert!(error < 0.05 && (mean - 1.0).abs() < 4.0 * error, "{what}: {mean} ± {error}");
        };
        let forward = (0..SEEDS).map(|seed| {
            let estimate = ais(&rbm, &config(&machine, 10, 20, seed), |_| ()).unwrap();
            (estimate.log_partition - exact).exp()
        });
        check(forward.collect(), "forward");
        let reverse = (0..SEEDS).map(|seed| {
            let v = exact_samples(&machine, 20, 1000 + seed, &device);
            let config = config(&machine, 10, 20, 5000 + seed);
            let estimate = reverse_ais(&rbm, &config, v, |_| ()).unwrap();
            (exact - estimate.log_partition).exp()
        });
        check(reverse.collect(), "reverse");
    }
}

/// Annealing to other parameters than the model's must not pass for the model's: a transposed weight matrix
/// (of a square machine), a dropped hidden bias, biases a step old.
#[test]
fn wrong_parameters_are_caught() {
    let device = Device::cpu();
    let right = Exact::random(UnitKind::Bernoulli, 6, 6, 0.8, 31);
    let exact = exact_log_partition(&right.to_rbm(&device)).unwrap();
    let mut transposed = right.clone();
    for i in 0..6 {
        for j in 0..6 {
            transposed.w[i * 6 + j] = right.w[j * 6 + i];
        }
    }
    let mut no_hidden_bias = right.clone();
    no_hidden_bias.a.fill(0.0);
    let mut stale = right.clone();
    stale.b.iter_mut().for_each(|b| *b -= 0.1);
    for (wrong, what) in [(transposed, "W"), (no_hidden_bias, "a"), (stale, "b")] {
        let estimate = ais(&wrong.to_rbm(&device), &config(&wrong, 300, 200, 1), |_| ()).unwrap();
        let off = (estimate.log_partition - exact).abs();
        assert!(off > 4.0 * estimate.std_error, "{what}: {estimate:?}");
    }
}

#[test]
fn the_published_grid_has_its_temperatures() {
    let grid = Temperatures::salakhutdinov();
    let betas = grid.values();
    assert_eq!((grid.steps(), betas[0], betas[betas.len() - 1]), (14_500, 0.0, 1.0));
    assert!(betas.windows(2).all(|b| b[0] < b[1]));
    let near = |k: usize, beta: f64| (betas[k] - beta).abs() < 1e-12;
    assert!(near(1, 0.001) && near(500, 0.5) && near(501, 0.5001));
    assert!(near(4500, 0.9) && near(4501, 0.90001));
}

#[test]
fn the_same_seed_gives_the_same_bits_and_another_does_not() {
    let device = Device::cpu();
    let machine = &machines()[0];
    let rbm = machine.to_rbm(&device);
    let run = |seed| ais(&rbm, &config(machine, 300, 50, seed), |_| ()).unwrap().log_weights;
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn what_cannot_be_estimated_is_refused() {
    let device = Device::cpu();
    let machine = &machines()[0];
    let rbm = machine.to_rbm(&device);
    let good = config(machine, 10, 10, 1);
    let one = good.clone().chains(1);
    assert!(ais(&rbm, &one, |_| ()).unwrap_err().to_string().contains("use at least 2"));
    let short = AisConfig::new(vec![0.0; 2]);
    assert!(ais(&rbm, &short, |_| ()).unwrap_err().to_string().contains("2 values for 9 visible"));
    assert!(Temperatures::linear(0).is_err());
    let mut broken = machine.to_rbm(&device);
    let infinite = Tensor::from_f32(&device, &[9], &[f32::INFINITY; 9]).unwrap();
    broken.set_visible_bias(infinite).unwrap();
    assert!(ais(&broken, &good, |_| ()).unwrap_err().to_string().contains("not finite"));
}

/// A chain's draws belong to its number: whoever walks it, its weight has the same bits. Five ranks of four chains: one has
/// none.
#[test]
fn chains_shared_among_ranks_have_the_same_weights() {
    let machine = Exact::random(UnitKind::Bernoulli, 6, 5, 1.5, 31);
    on_each(|device| {
        for chains in [4, 10] {
            let config = config(&machine, 40, chains, 3);
            let v = exact_samples(&machine, chains, 8, device);
            let one = {
                let rbm = machine.to_rbm(device);
                let forward = ais(&rbm, &config, |_| ()).unwrap();
                (forward, reverse_ais(&rbm, &config, v.try_clone().unwrap(), |_| ()).unwrap())
            };
            for count in [2, 3, 5] {
                let found = on(count, |ranks| {
                    let (rbm, config) =
                        (machine.to_rbm(device), config.clone().ranks(ranks.clone()));
                    let forward = ais(&rbm, &config, |_| ())?;
                    let own = v.rows(ranks.own(chains))?;
                    Ok((forward, reverse_ais(&rbm, &config, own, |_| ())?))
                });
                for found in found {
                    assert_eq!(found.unwrap(), one, "{count} ranks, {}", device.info());
                }
            }
        }
    });
    // Of another number of chains than this rank's.
    let device = Device::cpu();
    for result in on(2, |ranks| {
        let config = config(&machine, 40, 4, 3).ranks(ranks.clone());
        let v = exact_samples(&machine, 4, 8, &device);
        reverse_ais(&machine.to_rbm(&device), &config, v, |_| ())
    }) {
        assert!(result.unwrap_err().to_string().contains("this rank's 2 chains"));
    }
}
