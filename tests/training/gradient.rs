//! The expected update of contrastive divergence, over all paths of the chain, against the trainer's own
//! updates.

use harmonium::models::UnitKind;
use harmonium::training::{CdConfig, CdTrainer, Schedule};
use harmonium::{Device, Tensor};

use super::{parameters, plain};
use crate::models::exact::{Exact, dot, sigmoid, states, step, to_f64};
use crate::models::support::{matrix, on_each};

const CASES: usize = 8192;
const SEEDS: u64 = 12;

fn machine() -> Exact {
    Exact::random(UnitKind::Bernoulli, 4, 3, 2.5, 61)
}

/// States that the data repeat, all equally often.
const DATA: [usize; 4] = [1, 6, 7, 12];
const OTHER_DATA: [usize; 2] = [3, 8];

fn batch(device: &Device, data: &[usize], cases: usize) -> Tensor {
    let all = states(4);
    let row = |k: usize| all[data[k % data.len()]].iter().map(|&x| x as f32).collect();
    matrix(device, &(0..cases).map(row).collect::<Vec<Vec<f32>>>())
}

fn distribution(data: &[usize]) -> Vec<f64> {
    let share = |s| if data.contains(&s) { 1.0 / data.len() as f64 } else { 0.0 };
    (0..16).map(share).collect()
}

/// What one case adds to the update of W, b and a: v p(h|v)ᵀ, v, p(h|v); centred (Melchior, Fischer and Wiskott
/// 2016, eq. 15–17) it is S = (v − μ)(p − λ)ᵀ, v − Sλ, p − Sᵀμ.
fn statistics(exact: &Exact, v: &[f64], p: &[f64], offsets: Option<(&[f64], f64)>) -> Vec<f64> {
    let (mu, lambda) = offsets.map_or((vec![0.0; exact.i], 0.0), |(mu, l)| (mu.to_vec(), l));
    let lambda = vec![lambda; exact.j];
    let s: Vec<f64> = (0..exact.i * exact.j)
        .map(|k| (v[k / exact.j] - mu[k / exact.j]) * (p[k % exact.j] - lambda[k % exact.j]))
        .collect();
    let b = (0..exact.i).map(|i| v[i] - dot(&s[i * exact.j..(i + 1) * exact.j], &lambda));
    let a =
        (0..exact.j).map(|j| p[j] - (0..exact.i).map(|i| s[i * exact.j + j] * mu[i]).sum::<f64>());
    s.iter().copied().chain(b).chain(a).collect()
}

/// Mean and variance of the statistics where v has the distribution `q`.
fn moments(exact: &Exact, q: &[f64], offsets: Option<(&[f64], f64)>) -> (Vec<f64>, Vec<f64>) {
    let size = exact.i * exact.j + exact.i + exact.j;
    let (mut mean, mut square) = (vec![0.0; size], vec![0.0; size]);
    for (v, q) in states(exact.i).iter().zip(q) {
        let p: Vec<f64> = exact.field_h(v).into_iter().map(sigmoid).collect();
        for (k, s) in statistics(exact, v, &p, offsets).into_iter().enumerate() {
            mean[k] += q * s;
            square[k] += q * s * s;
        }
    }
    let variance = mean.iter().zip(square).map(|(m, s)| s - m * m).collect();
    (mean, variance)
}

fn after(exact: &Exact, start: &[f64], steps: usize) -> Vec<f64> {
    let transition = exact.transition();
    (0..steps).fold(start.to_vec(), |p, _| step(&p, &transition))
}

/// The mean over seeds of the change that `run` gives.
fn mean_change(
    device: &Device,
    config: &CdConfig,
    means: &[f64],
    run: impl Fn(&mut CdTrainer),
) -> Vec<f64> {
    let exact = machine();
    let means: Vec<f32> = means.iter().map(|&m| m as f32).collect();
    let mut sum = vec![0.0; exact.i * exact.j + exact.i + exact.j];
    for seed in 1..=SEEDS {
        let config = config.clone().seed(seed);
        let mut trainer = CdTrainer::new(exact.to_rbm(device), config, &means).unwrap();
        let before = to_f64(&parameters(&trainer));
        run(&mut trainer);
        let now = to_f64(&parameters(&trainer));
        sum.iter_mut().zip(now.iter().zip(before)).for_each(|(s, (n, b))| *s += n - b);
    }
    sum.into_iter().map(|s| s / SEEDS as f64).collect()
}

/// By how many standard errors `found` misses data − model at worst. Only the model's part is random; its
/// variance given each chain's start is below the variance over all of them. Sums of `CASES` numbers in [0, 1] in f32,
/// divided by their count, are within CASES·ε/2 of the exact mean, and mostly far closer.
fn deviation(found: &[f64], data: &[f64], model: &(Vec<f64>, Vec<f64>)) -> f64 {
    let n = (CASES as u64 * SEEDS) as f64;
    let rounding = f64::from(f32::EPSILON) * CASES as f64 / 8.0;
    found
        .iter()
        .zip(data.iter().zip(model.0.iter().zip(&model.1)))
        .map(|(found, (data, (model, variance)))| {
            let miss = ((found - (data - model)).abs() - rounding).max(0.0);
            miss / (variance / n).sqrt().max(1e-6)
        })
        .fold(0.0, f64::max)
}

/// Twenty normal deviates exceed five standard errors once in 10⁵ runs; seeds are fixed.
const DEVIATIONS: f64 = 5.0;

#[test]
fn the_expected_update_of_cd_k_is_the_enumerated_one() {
    let exact = machine();
    let start = distribution(&DATA);
    let (data, _) = moments(&exact, &start, None);
    for steps in [1, 2] {
        let config = plain(UnitKind::Bernoulli, 1.0).steps(steps as u64).batch(CASES);
        on_each(|device| {
            let v0 = batch(device, &DATA, CASES);
            let found = mean_change(device, &config, &[0.0; 4], |t| t.update(&v0, 1).unwrap());
            let of =
                |k| deviation(&found, &data, &moments(&exact, &after(&exact, &start, k), None));
            println!(
                "  CD-{steps}: {:.1} standard errors; as CD-{}: {:.0}",
                of(steps),
                3 - steps,
                of(3 - steps)
            );
            assert!(of(steps) < DEVIATIONS);
            // The test would see one step too many or too few, and the likelihood's own gradient.
            for wrong in [steps - 1, steps + 1, 1000] {
                assert!(of(wrong) > 2.0 * DEVIATIONS, "CD-{steps} passes for CD-{wrong}");
            }
        });
    }
}

#[test]
fn persistent_chains_go_on_where_they_were() {
    let exact = machine();
    // The first update moves the chains alone.
    let config = plain(UnitKind::Bernoulli, 1.0)
        .persistent(true)
        .batch(CASES)
        .learning_rate(Schedule::Steps(0.0, vec![(1, 1.0)]));
    let (data, _) = moments(&exact, &distribution(&OTHER_DATA), None);
    let chains = |steps| moments(&exact, &after(&exact, &distribution(&DATA), steps), None);
    on_each(|device| {
        let v0 = batch(device, &DATA, CASES);
        // A batch of another size than the number of chains.
        let other = batch(device, &OTHER_DATA, 250);
        let found = mean_change(device, &config, &[0.0; 4], |t| {
            t.update(&v0, 1).unwrap();
            t.update(&other, 2).unwrap();
        });
        let of = |k| deviation(&found, &data, &chains(k));
        println!(
            "  PCD-1, second update: {:.1} standard errors; with one step {:.0}, three {:.0}",
            of(2),
            of(1),
            of(3)
        );
        assert!(of(2) < DEVIATIONS);
        assert!(of(1) > 2.0 * DEVIATIONS && of(3) > 2.0 * DEVIATIONS);
        // Chains that were started again at the new batch.
        let again = moments(&exact, &after(&exact, &distribution(&OTHER_DATA), 1), None);
        assert!(deviation(&found, &data, &again) > 2.0 * DEVIATIONS);
    });
}

#[test]
fn the_centred_update_is_the_enhanced_gradient() {
    let exact = machine();
    let start = distribution(&DATA);
    let config = plain(UnitKind::Bernoulli, 1.0).centered(true).batch(CASES);
    let (mu, lambda) = ([0.25, 0.5, 0.875, 0.375], 0.5);
    let offsets = Some((&mu[..], lambda));
    let (data, _) = moments(&exact, &start, offsets);
    let model = moments(&exact, &after(&exact, &start, 1), offsets);
    on_each(|device| {
        let v0 = batch(device, &DATA, CASES);
        let found = mean_change(device, &config, &mu, |t| t.update(&v0, 1).unwrap());
        let centred = deviation(&found, &data, &model);
        println!("  centred CD-1: {centred:.1} standard errors");
        assert!(centred < DEVIATIONS);
        for wrong in [None, Some((&[0.0; 4][..], lambda)), Some((&mu[..], 0.0))] {
            let (data, _) = moments(&exact, &start, wrong);
            let model = moments(&exact, &after(&exact, &start, 1), wrong);
            assert!(deviation(&found, &data, &model) > 2.0 * DEVIATIONS);
        }
    });
}
