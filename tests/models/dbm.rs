//! Deep Boltzmann machines, against sums over all states.

use harmonium::models::dbm::exact::{ExactDbm, can_enumerate, enumerated_units};
use harmonium::models::dbm::{Neighbours, Parity};
use harmonium::models::{
    Arrays, DbmSpec, DeepBoltzmannMachine, DeepChains, MeanField, Model, Rbm, UnitKind, Units,
    state,
};
use harmonium::random::{ChainDraw, ChainStreams};
use harmonium::{Device, Tensor};

use super::deep::{Deep, log_sum, machines, some_v};
use super::exact::{Exact, dot, number, sigmoid, states, to_f32, to_f64};
use super::support::{matrix, monte_carlo_floor, on_each, total_variation, worst};

fn rows(x: &[Vec<f64>]) -> Vec<Vec<f32>> {
    x.iter().map(|row| to_f32(row)).collect()
}

fn values(t: &Tensor) -> Vec<f64> {
    to_f64(&t.to_vec().unwrap())
}

/// Fields are below 16 here: a few roundings of them, and of a sigmoid whose slope is at most ¼.
const BOUND: f64 = 4e-6;

/// p(a unit is 1 | all others) is the ratio of the joint of two states, whatever the layer.
#[test]
fn conditionals_are_ratios_of_the_joint() {
    for deep in machines().iter().filter(|deep| deep.visible == UnitKind::Bernoulli) {
        let all = deep.all();
        on_each(|device| {
            let dbm = deep.to_dbm(device);
            for layer in 0..deep.sizes.len() {
                let side = |l: Option<usize>| {
                    let l = l.filter(|&l| l < deep.sizes.len())?;
                    Some(matrix(
                        device,
                        &rows(&all.iter().map(|s| s[l].clone()).collect::<Vec<_>>()),
                    ))
                };
                let (below, above) = (side(layer.checked_sub(1)), side(Some(layer + 1)));
                let beside = Neighbours { below: below.as_ref(), above: above.as_ref() };
                let found =
                    values(&dbm.given(layer, beside).unwrap().conditional().mean().unwrap());
                let mut expected = Vec::new();
                for state in &all {
                    for unit in 0..deep.sizes[layer] {
                        let with = |x: f64| {
                            let mut state = state.clone();
                            state[layer][unit] = x;
                            -deep.energy(&state)
                        };
                        expected.push((with(1.0) - log_sum(&[with(0.0), with(1.0)])).exp());
                    }
                }
                let error = worst(&found, &expected);
                assert!(error < BOUND, "{:?} layer {layer}: {error}", deep.sizes);
            }
        });
    }
}

/// The energy is least at the mean of Gaussian data, and rises from there by half the square.
#[test]
fn gaussian_data_are_normal_around_what_the_layer_above_says() {
    for deep in machines().iter().filter(|deep| deep.visible == UnitKind::Gaussian) {
        let hidden = deep.states_of(1);
        on_each(|device| {
            let h1 = hidden.iter().map(|h| h[0].clone()).collect::<Vec<_>>();
            let means = values(&deep.to_dbm(device).mean_v(&matrix(device, &rows(&h1))).unwrap());
            for (h, mean) in hidden.iter().zip(means.chunks(deep.sizes[0])) {
                let energy = |v: &[f64]| deep.energy(&[vec![v.to_vec()], h.clone()].concat());
                let moved: Vec<f64> =
                    mean.iter().enumerate().map(|(i, m)| m + 0.5 + i as f64).collect();
                let expected: f64 = (0..mean.len()).map(|i| 0.5 * (0.5 + i as f64).powi(2)).sum();
                assert!((energy(&moved) - energy(mean) - expected).abs() < 1e-4);
            }
        });
    }
}

/// F of h¹ (and h³) is −ln of the sum, or the integral, over all states that share them.
#[test]
fn energies_are_those_of_the_definition() {
    for deep in machines() {
        on_each(|device| {
            let dbm = deep.to_dbm(device);
            let all: Vec<Vec<Vec<f64>>> = some_v(&deep)
                .iter()
                .flat_map(|v| deep.states_of(1).into_iter().map(|h| [vec![v.clone()], h].concat()))
                .collect();
            let layer = |l: usize| {
                matrix(device, &rows(&all.iter().map(|s| s[l].clone()).collect::<Vec<_>>()))
            };
            let on_device: Vec<Tensor> = (0..deep.sizes.len()).map(layer).collect();
            let expected: Vec<f64> = all.iter().map(|s| deep.energy(s)).collect();
            // Some forty terms, of magnitudes below 6, in f32.
            let error = worst(&values(&dbm.energy(&on_device).unwrap()), &expected);
            assert!(error < 1e-4, "{:?}: {error}", deep.sizes);
            let found = values(&dbm.odd_free_energy(&on_device).unwrap());
            for (state, found) in all.iter().zip(found) {
                let shares = |other: &Vec<Vec<f64>>| {
                    (1..state.len()).step_by(2).all(|l| other[l - 1] == state[l])
                };
                let same = deep.states_of(1).into_iter().filter(shares);
                let expected = match deep.visible {
                    UnitKind::Bernoulli => {
                        let of = |h: Vec<Vec<f64>>| {
                            states(deep.sizes[0])
                                .into_iter()
                                .map(move |v| [vec![v], h.clone()].concat())
                        };
                        -log_sum(&same.flat_map(of).map(|s| -deep.energy(&s)).collect::<Vec<_>>())
                    }
                    _ => {
                        let of = |h: Vec<Vec<f64>>| {
                            let all = [vec![vec![0.0; deep.sizes[0]]], h].concat();
                            let mean = deep.input(0, &all);
                            0.5 * dot(&mean, &mean) - deep.energy(&all)
                        };
                        let constant = 0.5 * deep.sizes[0] as f64 * std::f64::consts::TAU.ln();
                        -log_sum(&same.map(of).collect::<Vec<_>>()) - constant
                    }
                };
                assert!((found - expected).abs() < 1e-4, "{:?}: {found}, {expected}", deep.sizes);
            }
        });
    }
}

#[test]
fn the_enumerated_likelihood_is_the_sum_over_all_states() {
    // Two blocks of h¹'s states, and one.
    let mut all = machines();
    all.push(Deep::random(UnitKind::Bernoulli, &[2, 12, 2], 1.0, 1100));
    all.push(Deep::random(UnitKind::Gaussian, &[2, 11, 1, 2], 0.5, 1200));
    for deep in all {
        let dbm = deep.to_dbm(&Device::cpu());
        assert!(can_enumerate(&dbm));
        assert_eq!(enumerated_units(&dbm), deep.sizes.iter().skip(1).step_by(2).sum::<usize>());
        let exact = ExactDbm::new(&dbm).unwrap();
        let (found, expected) = (exact.log_partition(), deep.log_partition());
        assert!((found - expected).abs() < 1e-9, "{:?}: {found}, {expected}", deep.sizes);
        let v: Vec<Vec<f64>> = some_v(&deep);
        let found = exact.log_likelihoods(&matrix(&Device::cpu(), &rows(&v))).unwrap();
        let expected: Vec<f64> =
            v.iter().map(|v| deep.log_weight(v) - exact.log_partition()).collect();
        // Normal data are rounded to f32 on their way, on both sides.
        assert!(worst(&found, &expected) < 1e-9, "{:?}", deep.sizes);
    }
    let wide =
        DeepBoltzmannMachine::from_spec(&Device::cpu(), &DbmSpec::new([3, 25, 2]), 1).unwrap();
    let refused = ExactDbm::new(&wide).unwrap_err().to_string();
    assert!(refused.contains("25 units") && refused.contains("annealed"), "{refused}");
}

/// Weights that send a single factor past what f64 holds: nothing overflows on the way.
#[test]
fn enumeration_does_not_overflow() {
    let mut deep = Deep::random(UnitKind::Bernoulli, &[2, 3, 2], 1.0, 1300);
    deep.weights[0].iter_mut().for_each(|w| *w *= 1024.0);
    let exact = ExactDbm::new(&deep.to_dbm(&Device::cpu())).unwrap();
    let v = states(2);
    let found = exact.log_likelihoods(&matrix(&Device::cpu(), &rows(&v))).unwrap();
    let expected: Vec<f64> = v.iter().map(|v| deep.log_likelihood(v)).collect();
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found}, {expected}");
    }
}

#[test]
fn the_mean_field_is_a_fixed_point() {
    for deep in machines() {
        let v = some_v(&deep);
        on_each(|device| {
            let dbm = deep.to_dbm(device);
            let how = MeanField::default().rounds(400).tolerance(1e-7);
            let posterior = dbm.posterior(&matrix(device, &rows(&v)), how).unwrap();
            let layer = |l: usize| values(posterior.means(l));
            let means: Vec<Vec<f64>> = (1..deep.sizes.len()).map(layer).collect();
            for (case, v) in v.iter().enumerate() {
                let own = |(l, m): (usize, &Vec<f64>)| {
                    m[case * deep.sizes[l + 1]..][..deep.sizes[l + 1]].to_vec()
                };
                let all = [vec![v.clone()], means.iter().enumerate().map(own).collect()].concat();
                for l in 1..deep.sizes.len() {
                    let again: Vec<f64> = deep.input(l, &all).into_iter().map(sigmoid).collect();
                    let error = worst(&all[l], &again);
                    assert!(error < 1e-5, "{:?} layer {l}: {error}", deep.sizes);
                }
            }
        });
    }
}

/// Each round raises the bound; the start is not the end; and a case that settles keeps its values, whatever the others of
/// its batch do.
#[test]
fn rounds_climb_the_bound_and_a_case_stops_by_itself() {
    for deep in machines() {
        let v = some_v(&deep);
        on_each(|device| {
            let dbm = deep.to_dbm(device);
            let batch = matrix(device, &rows(&v));
            let bounds = |rounds: u64| -> Vec<f64> {
                let posterior = dbm
                    .posterior(&batch, MeanField::default().rounds(rounds).tolerance(0.0))
                    .unwrap();
                let means: Vec<Vec<f64>> =
                    (1..deep.sizes.len()).map(|l| values(posterior.means(l))).collect();
                if rounds > 0 {
                    let taken = posterior.rounds().to_vec().unwrap();
                    assert!(taken.iter().all(|&r| r == rounds as f32), "{taken:?}");
                }
                (0..v.len()).map(|case| bound(&deep, &v[case], &means, case)).collect()
            };
            let mut before = bounds(0);
            let start = before.clone();
            for rounds in 1..12 {
                let now = bounds(rounds);
                assert!(
                    now.iter().zip(&before).all(|(now, before)| now > &(before - 1e-5)),
                    "{rounds}"
                );
                before = now;
            }
            assert!(before.iter().zip(&start).any(|(end, start)| *end > start + 1e-3));
            // Ten cases that stop at their own time are what each is alone.
            let how = MeanField::default().rounds(60).tolerance(1e-3);
            let together = dbm.posterior(&batch, how).unwrap();
            let taken = together.rounds().to_vec().unwrap();
            let alike = taken.iter().all(|&r| r == taken[0]);
            assert!(!alike || deep.visible == UnitKind::Gaussian, "all take as long: {taken:?}");
            assert!(taken.iter().all(|&r| r < 60.0), "{taken:?}");
            for case in 0..v.len() {
                let alone = dbm.posterior(&matrix(device, &rows(&v[case..=case])), how).unwrap();
                assert_eq!(alone.rounds().to_vec().unwrap(), [taken[case]]);
                for l in 1..deep.sizes.len() {
                    let own = &values(together.means(l))[case * deep.sizes[l]..][..deep.sizes[l]];
                    assert!(worst(own, &values(alone.means(l))) < 1e-6);
                }
            }
        });
    }
}

/// E_q[−E] + H(q), without ln Z, in f64.
pub fn bound(deep: &Deep, v: &[f64], means: &[Vec<f64>], case: usize) -> f64 {
    let own =
        |(l, m): (usize, &Vec<f64>)| m[case * deep.sizes[l + 1]..][..deep.sizes[l + 1]].to_vec();
    let all = [vec![v.to_vec()], means.iter().enumerate().map(own).collect()].concat();
    // The energy is linear in each layer, so that its expectation is its value at the means.
    let entropy =
        |p: f64| if p > 0.0 && p < 1.0 { -p * p.ln() - (1.0 - p) * (1.0 - p).ln() } else { 0.0 };
    -deep.energy(&all) + all[1..].iter().flatten().map(|&p| entropy(p)).sum::<f64>()
}

/// Chains that ran long enough have the enumerated distribution of all layers.
#[test]
fn chains_have_the_enumerated_distribution() {
    for sizes in [[3, 2, 3, 0], [2, 3, 2, 2]] {
        let sizes: Vec<usize> = sizes.into_iter().filter(|&n| n > 0).collect();
        let deep = Deep::random(UnitKind::Bernoulli, &sizes, 1.0, 1400);
        let all = deep.all();
        let logs: Vec<f64> = all.iter().map(|s| -deep.energy(s)).collect();
        let z = log_sum(&logs);
        let p: Vec<f64> = logs.iter().map(|x| (x - z).exp()).collect();
        on_each(|device| {
            let dbm = deep.to_dbm(device);
            let n = 20_000;
            let mut chains = dbm.chains(n, 3).unwrap();
            chains.step(100).unwrap();
            let found: Vec<Vec<f32>> =
                chains.states().iter().map(|s| s.to_vec().unwrap()).collect();
            let mut seen = vec![0.0; all.len()];
            for chain in 0..n {
                let own = |l: usize| found[l][chain * sizes[l]..(chain + 1) * sizes[l]].to_vec();
                let state = (0..sizes.len()).flat_map(own).collect::<Vec<f32>>();
                seen[number(&state)] += 1.0 / n as f64;
            }
            let (off, floor) = (total_variation(&seen, &p), monte_carlo_floor(&p, n));
            assert!(off < floor, "{sizes:?}: {off}, {floor}");
        });
    }
}

#[test]
fn two_calls_step_as_one_and_data_start_chains() {
    let deep = &machines()[1];
    on_each(|device| {
        let dbm = deep.to_dbm(device);
        let draw = ChainDraw::new(7, ChainStreams::FREE);
        let v = matrix(device, &rows(&some_v(deep)));
        let run = |parts: &[u64]| {
            let mut chains = DeepChains::from_data(&dbm, v.try_clone().unwrap(), draw).unwrap();
            parts.iter().for_each(|&n| chains.step(n).unwrap());
            chains.into_states().iter().flat_map(|s| s.to_vec().unwrap()).collect::<Vec<f32>>()
        };
        assert_eq!(run(&[5]), run(&[2, 3]));
        assert_ne!(run(&[5]), run(&[4]));
        assert_eq!(run(&[])[..v.shape().len()], v.to_vec().unwrap());
        let mut states =
            DeepChains::from_data(&dbm, v.try_clone().unwrap(), draw).unwrap().into_states();
        let before: Vec<Vec<f32>> = states.iter().map(|s| s.to_vec().unwrap()).collect();
        dbm.draw_layers(Parity::Odd, &mut states, &draw, None).unwrap();
        for (layer, (state, before)) in states.iter().zip(before).enumerate() {
            // Of an odd layer some unit of many changes.
            assert_eq!(state.to_vec().unwrap() == before, layer % 2 == 0, "layer {layer}");
        }
    });
}

/// What a level made of h¹, of two copies of its other layer: ∝ exp(aᵀh) Πᵢ (1 + exp(bᵢ + Wᵢ·h))².
fn prior(own: &[f64], other: &[f64], weights: impl Fn(usize, usize) -> f64, h: &[f64]) -> f64 {
    let field =
        |i: usize| other[i] + h.iter().enumerate().map(|(j, h)| h * weights(i, j)).sum::<f64>();
    dot(own, h) + 2.0 * (0..other.len()).map(|i| field(i).exp().ln_1p()).sum::<f64>()
}

/// The composed prior of h¹ is √(p₁p₂), normalised.
#[test]
fn composed_levels_have_the_geometric_mean_of_both_priors() {
    let (first, top) = (
        Exact::random(UnitKind::Bernoulli, 4, 5, 2.0, 1500),
        Exact::random(UnitKind::Bernoulli, 5, 3, 1.5, 1501),
    );
    on_each(|device| {
        let dbm = DeepBoltzmannMachine::from_levels(vec![first.to_rbm(device), top.to_rbm(device)])
            .unwrap();
        let all = states(5);
        // Upwards the first level uses U, so that its copies have W = ½U; the top has its own.
        let ones = |h: &Vec<f64>| prior(&first.a, &first.b, |i, j| 0.5 * first.w[i * 5 + j], h);
        let twos = |h: &Vec<f64>| prior(&top.b, &top.a, |k, j| top.w[j * 3 + k], h);
        let expected: Vec<f64> = all.iter().map(|h| 0.5 * (ones(h) + twos(h))).collect();
        let z = log_sum(&expected);
        let expected: Vec<f64> = expected.iter().map(|x| (x - z).exp()).collect();
        let h1 = matrix(device, &rows(&all));
        let [v, h2] = [4, 3].map(|n| Tensor::zeros(device, &[all.len(), n]).unwrap());
        let found: Vec<f64> =
            values(&dbm.odd_free_energy(&[v, h1, h2]).unwrap()).iter().map(|f| -f).collect();
        let z = log_sum(&found);
        let found: Vec<f64> = found.iter().map(|x| (x - z).exp()).collect();
        assert!(worst(&found, &expected) < 1e-5, "{}", worst(&found, &expected));
        assert!(expected.iter().any(|p| *p > 3.0 / 32.0), "a flat prior shows nothing");
    });
}

/// Three levels: the weights between are halved too, and every hidden bias is the mean of two.
#[test]
fn three_levels_compose() {
    let level = |v, h, seed| Exact::random(UnitKind::Bernoulli, v, h, 1.0, seed);
    let levels = [level(3, 4, 1), level(4, 2, 2), level(2, 3, 3)];
    let device = Device::cpu();
    let dbm = DeepBoltzmannMachine::from_levels(levels.iter().map(|l| l.to_rbm(&device)).collect())
        .unwrap();
    for (number, (level, factor)) in levels.iter().zip([0.5, 0.5, 1.0]).enumerate() {
        let expected: Vec<f64> = level.w.iter().map(|w| factor * w).collect();
        assert_eq!(values(dbm.weights(number + 1)), expected);
    }
    assert_eq!(values(dbm.bias(0)), levels[0].b);
    assert_eq!(values(dbm.bias(3)), levels[2].a);
    let mean: Vec<f64> = levels[0].a.iter().zip(&levels[1].b).map(|(a, b)| 0.5 * (a + b)).collect();
    assert!(worst(&values(dbm.bias(1)), &mean) < 1e-6);
    let mean: Vec<f64> = levels[1].a.iter().zip(&levels[2].b).map(|(a, b)| 0.5 * (a + b)).collect();
    assert!(worst(&values(dbm.bias(2)), &mean) < 1e-6);
}

#[test]
fn what_is_no_deep_machine_is_refused() {
    let device = Device::cpu();
    let rbm = |v: Units, h: Units| Rbm::new(&device, v, h, 1).unwrap();
    let refused = |levels: Vec<Rbm>, words: &str| {
        let said = DeepBoltzmannMachine::from_levels(levels).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    };
    let b = Units::bernoulli;
    refused(vec![rbm(b(3), b(2))], "1 hidden; a deep Boltzmann machine has two or three");
    refused(
        vec![rbm(b(3), b(2)), rbm(b(4), b(2))],
        "level 2 has 4 bernoulli visible units above 2",
    );
    refused(vec![rbm(b(3), b(2)), rbm(b(2), Units::gaussian(2))], "gaussian hidden units");
    refused(vec![rbm(Units::softmax(1, 3), b(2)), rbm(b(2), b(2))], "use bernoulli or gaussian");
    let dbm = machines()[0].to_dbm(&device);
    let v = Tensor::zeros(&device, &[1, 4]).unwrap();
    for beside in
        [Neighbours { below: None, above: None }, Neighbours { below: Some(&v), above: Some(&v) }]
    {
        let said = dbm.given(0, beside).map(drop).unwrap_err().to_string();
        assert!(said.contains("without its own neighbours"), "{said}");
    }
    let endless = MeanField::default();
    for (how, words) in [
        (endless.rounds(u64::MAX).tolerance(0.0), "mean-field: 18446744073709551615 is too many"),
        (endless.tolerance(f32::NAN), "tolerance: NaN is outside"),
        (endless.tolerance(-1.0), "tolerance: -1 is outside"),
    ] {
        let said = dbm.posterior(&v, how).map(drop).unwrap_err().to_string();
        assert!(said.contains(words), "{said}");
    }
    assert!(dbm.chains(2, 1).unwrap().average(u64::MAX).is_err());
    assert!(dbm.energy(&[v]).is_err());
}

#[test]
fn its_arrays_come_and_go_by_name() {
    let device = Device::cpu();
    let mut dbm = machines()[1].to_dbm(&device);
    let arrays: Arrays = state::read(|visit| dbm.visit(visit)).unwrap();
    let names: Vec<&str> = arrays.keys().map(String::as_str).collect();
    assert_eq!(names, ["W1", "W2", "W3", "a1", "a2", "a3", "b"]);
    assert_eq!(arrays["W2"].shape, [4, 3]);
    let mut other = DeepBoltzmannMachine::from_spec(&device, &dbm.spec(), 9).unwrap();
    state::write(&arrays, |visit| other.visit(visit)).unwrap();
    assert_eq!(state::read(|visit| other.visit(visit)).unwrap(), arrays);
    assert_eq!(dbm.kind(), "dbm");
}
