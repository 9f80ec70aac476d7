//! Cases that count differently are cases that are repeated; averages of parameters; centring of every kind of unit.

use harmonium::data::{Cases, Values};
use harmonium::evaluation::scores;
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::random::Draw;
use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData, Sparsity, Treatment};
use harmonium::{Device, Tensor};

use super::parameters;
use crate::models::exact::{states, to_f32, to_f64};
use crate::models::pairs::{Pair, pairs};
use crate::models::support::{matrix, on_each, worst};

/// Weights of six cases, whole numbers, and none of the second.
const WEIGHTS: [usize; 6] = [2, 0, 1, 4, 1, 1];
const STATES: [usize; 6] = [1, 14, 7, 8, 11, 2];

fn row(state: usize) -> Vec<f32> {
    to_f32(&states(4)[state])
}

/// The cases as they are, with weights of mean 1; or each as often as it weighs.
fn batch(device: &Device, repeated: bool) -> (Tensor, Option<Tensor>) {
    let pairs = STATES.iter().zip(WEIGHTS);
    if repeated {
        let rows: Vec<Vec<f32>> =
            pairs.flat_map(|(&state, weight)| vec![row(state); weight]).collect();
        return (matrix(device, &rows), None);
    }
    let rows: Vec<Vec<f32>> = STATES.iter().map(|&state| row(state)).collect();
    let mean = WEIGHTS.iter().sum::<usize>() as f32 / 6.0;
    let weights: Vec<f32> = WEIGHTS.iter().map(|&w| w as f32 / mean).collect();
    (matrix(device, &rows), Some(Tensor::from_f32(device, &[6, 1], &weights).unwrap()))
}

fn machine(device: &Device) -> Rbm {
    Pair::new(Units::bernoulli(4), Units::bernoulli(3), 1.0, 95).to_rbm(device)
}

fn plain() -> CdConfig {
    CdConfig::default().learning_rate(0.5).momentum(0.5).weight_decay(0.01)
}

/// Three updates.
fn trained(device: &Device, config: &CdConfig, repeated: bool) -> Vec<f64> {
    let mut trainer =
        CdTrainer::new(machine(device), config.clone(), &[0.3, 0.6, 0.4, 0.7]).unwrap();
    let (v, weights) = batch(device, repeated);
    for _ in 0..3 {
        trainer.update_weighted(&v, weights.as_ref(), 1).unwrap();
    }
    to_f64(&parameters(&trainer))
}

#[test]
fn the_exact_gradient_of_weighted_cases_is_that_of_repeated_ones() {
    for centered in [false, true] {
        for sparsity in [None, Some(Sparsity::new(0.2, 0.5))] {
            let config = plain().exact_gradient(true).centered(centered).sparsity(sparsity);
            on_each(|device| {
                let off = worst(&trained(device, &config, false), &trained(device, &config, true));
                // Sums of nine numbers below 1 in two orders, and parameters below 4, three times over.
                assert!(off < 5e-6, "centred {centered}, {sparsity:?}: {off}");
            });
        }
    }
    // The test would see weights that are not looked at.
    let device = Device::cpu();
    let mut trainer = CdTrainer::new(machine(&device), plain().exact_gradient(true), &[]).unwrap();
    (0..3).for_each(|_| trainer.update(&batch(&device, false).0, 1).unwrap());
    let without = to_f64(&parameters(&trainer));
    let config = plain().exact_gradient(true);
    assert!(worst(&without, &trained(&device, &config, true)) > 1e-2);
}

/// The mean change of many chains: repeated cases have chains of their own, weighted ones share one.
#[test]
fn contrastive_divergence_agrees_in_expectation() {
    const SEEDS: u64 = 20;
    const COPIES: usize = 60;
    let changes = |device: &Device, repeated: bool, centered: bool| -> Vec<Vec<f64>> {
        let (v, weights) = batch(device, repeated);
        let (v, rows) = (v.to_vec().unwrap().repeat(COPIES), v.shape().dims()[0] * COPIES);
        let v = Tensor::from_f32(device, &[rows, 4], &v).unwrap();
        let weights = weights.map(|w| {
            let all = w.to_vec().unwrap().repeat(COPIES);
            Tensor::from_f32(device, &[rows, 1], &all).unwrap()
        });
        let change = |seed| {
            let config = CdConfig::default().learning_rate(1.0).momentum(0.0).weight_decay(0.0);
            let config = config.centered(centered).batch(rows).seed(seed);
            let mut trainer =
                CdTrainer::new(machine(device), config, &[0.3, 0.6, 0.4, 0.7]).unwrap();
            let before = to_f64(&parameters(&trainer));
            trainer.update_weighted(&v, weights.as_ref(), 1).unwrap();
            let now = to_f64(&parameters(&trainer));
            now.iter().zip(before).map(|(now, before)| now - before).collect()
        };
        (1..=SEEDS).map(change).collect()
    };
    for centered in [false, true] {
        on_each(|device| {
            let (one, other) = (changes(device, false, centered), changes(device, true, centered));
            for k in 0..one[0].len() {
                let of = |changes: &[Vec<f64>]| {
                    let n = changes.len() as f64;
                    let mean = changes.iter().map(|c| c[k]).sum::<f64>() / n;
                    let square = changes.iter().map(|c| (c[k] - mean).powi(2)).sum::<f64>();
                    (mean, square / (n - 1.0) / n)
                };
                let ((a, va), (b, vb)) = (of(&one), of(&other));
                // Twenty values give the errors to a sixth; nineteen numbers in four settings exceed six of them once
                // in 10⁶ runs.
                let bound = 6.0 * (va + vb).sqrt() + 1e-5;
                assert!((a - b).abs() < bound, "centred {centered}, {k}: {a} {b} ± {bound}");
            }
        });
    }
}

/// With chains that are where the model's distribution is, the persistent update is that of the exact gradient.
#[test]
fn persistent_chains_count_as_much_as_the_cases_of_the_batch() {
    const CHAINS: usize = 40_000;
    let exact = plain().momentum(0.0).exact_gradient(true);
    let pcd = plain().momentum(0.0).persistent(true).steps(60).batch(CHAINS);
    let device = Device::cpu();
    let (v, _) = batch(&device, false);
    // All cases weigh half as much as the mean over others that are not in the batch.
    let weights = Tensor::from_f32(&device, &[6, 1], &[0.5, 0.0, 1.0, 0.25, 0.75, 0.5]).unwrap();
    let after = |config: &CdConfig| {
        let mut trainer = CdTrainer::new(machine(&device), config.clone(), &[]).unwrap();
        trainer.update_weighted(&v, Some(&weights), 1).unwrap();
        to_f64(&parameters(&trainer))
    };
    // Half of a mean over 40,000 chains: five standard errors are 0.5·0.5·5·½/200.
    let off = worst(&after(&exact), &after(&pcd));
    assert!(off < 4e-3, "{off}");
    let unweighted = {
        let mut trainer = CdTrainer::new(machine(&device), exact.clone(), &[]).unwrap();
        trainer.update(&v, 1).unwrap();
        to_f64(&parameters(&trainer))
    };
    assert!(worst(&unweighted, &after(&exact)) > 2e-2);
}

fn cases(repeated: bool) -> Cases {
    let rows = STATES.iter().zip(WEIGHTS);
    let rows: Vec<f32> = match repeated {
        true => rows.flat_map(|(&state, weight)| row(state).repeat(weight)).collect(),
        false => STATES.iter().flat_map(|&state| row(state)).collect(),
    };
    let cases = Cases::new(Values::F32(rows.clone()), rows.len() / 4, 4).unwrap();
    match repeated {
        true => cases,
        false => cases.with_weights(WEIGHTS.iter().map(|&w| w as f32 / 7.0).collect()).unwrap(),
    }
}

#[test]
fn means_and_scores_of_weighted_cases_are_those_of_repeated_ones() {
    let (weighted, repeated) = (cases(false), cases(true));
    let off = |a: Vec<f32>, b: Vec<f32>| worst(&to_f64(&a), &to_f64(&b));
    assert!(off(weighted.means(), repeated.means()) < 1e-7);
    assert!(off(weighted.deviations(), repeated.deviations()) < 1e-6);
    let weights = weighted.weights().unwrap();
    assert!((weights.iter().sum::<f32>() - 6.0).abs() < 1e-5);
    on_each(|device| {
        let rbm = machine(device);
        let upload =
            |cases: &Cases| Tensor::from_f32(device, &[cases.len(), 4], &cases.to_f32()).unwrap();
        let (v, all) = (upload(&weighted), upload(&repeated));
        let of = |values: Vec<f64>| scores::weighted_mean(&values, Some(&weights));
        for (what, found, expected) in [
            (
                "error",
                of(scores::reconstruction_errors(&rbm, &v).unwrap()),
                scores::reconstruction_error(&rbm, &all).unwrap(),
            ),
            (
                "free energy",
                of(scores::free_energies(&rbm, &v).unwrap()),
                scores::mean_free_energy(&rbm, &all).unwrap(),
            ),
            (
                "pseudo-likelihood",
                of(scores::exact_pseudo_log_likelihoods(&rbm, &v).unwrap().unwrap()),
                scores::exact_pseudo_log_likelihood(&rbm, &all).unwrap().unwrap(),
            ),
        ] {
            // Cases' own numbers are equal but for the batch; their means are taken in f64, weights are f32.
            assert!((found - expected).abs() < 2e-6, "{what}: {found} {expected}");
        }
        let found = scores::hidden_activity_of(&rbm, &v, Some(&weights)).unwrap();
        assert!(worst(&found, &scores::hidden_activity(&rbm, &all).unwrap()) < 1e-6);
        // All units turned: no choice, and so the exact one.
        let draw = Draw::new(1, 300);
        let turned =
            scores::pseudo_log_likelihood_of(&rbm, &v, 4, &draw, Some(&weights)).unwrap().unwrap();
        let exact = scores::exact_pseudo_log_likelihood(&rbm, &all).unwrap().unwrap();
        assert!((turned.mean - exact).abs() < 1e-4 && turned.std_error.is_none(), "{turned:?}");
    });
}

#[test]
fn weights_stay_with_their_cases() {
    let picked = cases(false).select(&[3, 1, 0]).unwrap();
    assert_eq!(picked.weights(), Some(vec![2.0, 0.0, 1.0]));
    assert_eq!(picked.clone().limit(1).weights(), Some(vec![1.0]));
    // Weights that their places would not give.
    let picked = cases(false).select(&[4, 3, 5]).unwrap();
    assert_eq!(picked.weights(), Some(vec![0.5, 2.0, 0.5]));
    // Of some of the cases: relative to the weights of those.
    assert_eq!(scores::weighted_mean(&[1.0, 3.0], Some(&[1.0, 3.0])), 2.5);
    let device = Device::cpu();
    let mut source = ResidentData::new(&device, &cases(false), Treatment::default()).unwrap();
    use harmonium::training::BatchSource;
    source.start_epoch(3, 1).unwrap();
    let mut seen = Vec::new();
    while let Some(batch) = source.next_batch(4).unwrap() {
        let rows = batch.cases.to_vec().unwrap();
        let weights = batch.weights.unwrap().to_vec().unwrap();
        seen.extend(rows.chunks(4).map(<[f32]>::to_vec).zip(weights));
    }
    assert_eq!(seen.len(), 6);
    for (case, weight) in seen {
        let at = STATES.iter().position(|&state| row(state) == case).unwrap();
        assert!((weight - WEIGHTS[at] as f32 * 6.0 / 9.0).abs() < 1e-6, "{weight}");
    }
    for (weights, words) in [
        (vec![1.0; 5], "5 weights for 9 cases"),
        (vec![0.0; 9], "every weight is 0"),
        ([vec![1.0; 8], vec![-1.0]].concat(), "case 8 has the weight -1"),
        ([vec![f32::NAN], vec![1.0; 8]].concat(), "case 0 has the weight NaN"),
    ] {
        let text = cases(true).with_weights(weights).unwrap_err().to_string();
        assert!(text.contains(words), "{text}");
    }
}

/// The averages against their definition: θ̄_t = Σ of parameters with the weights that (η + 1)/(t + η) gives.
#[test]
fn averages_are_those_of_the_definition_and_are_restored() {
    on_each(|device| {
        let config = plain().average(true).batch(6);
        let new = || CdTrainer::new(machine(device), config.clone(), &[]).unwrap();
        let mut trainer = new();
        let mut expected = vec![0.0; 19];
        for t in 1..=8 {
            trainer.update(&batch(device, false).0, 1).unwrap();
            let share = 4.0 / (f64::from(t) + 3.0);
            for (mean, now) in expected.iter_mut().zip(to_f64(&parameters(&trainer))) {
                *mean += share * (now - *mean);
            }
        }
        let averaged = trainer.averaged().unwrap().unwrap();
        let all = [averaged.weights(), averaged.visible_bias(), averaged.hidden_bias()];
        let found = to_f64(&all.map(|t| t.to_vec().unwrap()).concat());
        assert!(worst(&found, &expected) < 3e-6, "{}", worst(&found, &expected));
        assert!(worst(&found, &to_f64(&parameters(&trainer))) > 1e-3);
        let mut again = new();
        again.restore(&trainer.state().unwrap()).unwrap();
        for both in [&mut trainer, &mut again] {
            both.update(&batch(device, false).0, 1).unwrap();
        }
        assert_eq!(trainer.state().unwrap(), again.state().unwrap());
    });
    let trainer = CdTrainer::new(machine(&Device::cpu()), plain(), &[]).unwrap();
    assert!(trainer.averaged().unwrap().is_none());
}

/// ΔW = ∇W − μ∇aᵀ − ∇b λᵀ, then b moves by ∇b − ΔW λ and a by ∇a − ΔWᵀμ, whatever the units; ∇ by sums over all
/// states.
#[test]
fn a_centred_update_is_the_enhanced_gradient_for_every_kind() {
    for pair in pairs() {
        let (i, j) = (pair.b.len(), pair.a.len());
        let some = pair.some_v();
        let data = [0, 1, 1, some.len() - 1].map(|k| some[k].clone());
        let [v, h, vh] = pair.moments(&pair.joint);
        let model = [vh, v, h].concat();
        let mut plain_gradient = super::pairs::of_data(&pair);
        plain_gradient.iter_mut().zip(model).for_each(|(d, m)| *d -= m);
        let (w, rest) = plain_gradient.split_at(i * j);
        let (b, a) = rest.split_at(i);
        let mu: Vec<f64> = (0..i).map(|k| 0.125 * (k % 5) as f64).collect();
        let lambda = match pair.hidden {
            UnitKind::Gaussian => 0.0,
            UnitKind::Softmax(states) => f64::from(1.0 / states as f32),
            _ => 0.5,
        };
        let dw: Vec<f64> =
            (0..i * j).map(|k| w[k] - mu[k / j] * a[k % j] - b[k / j] * lambda).collect();
        let db: Vec<f64> =
            (0..i).map(|k| b[k] - lambda * dw[k * j..(k + 1) * j].iter().sum::<f64>()).collect();
        let da: Vec<f64> =
            (0..j).map(|k| a[k] - (0..i).map(|n| mu[n] * dw[n * j + k]).sum::<f64>()).collect();
        let expected = [dw, db, da].concat();
        on_each(|device| {
            let config = CdConfig::new(pair.visible, pair.hidden)
                .learning_rate(1.0)
                .momentum(0.0)
                .weight_decay(0.0)
                .centered(true)
                .exact_gradient(true);
            let mut trainer = CdTrainer::new(pair.to_rbm(device), config, &to_f32(&mu)).unwrap();
            let before = to_f64(&parameters(&trainer));
            let rows: Vec<Vec<f32>> = data.iter().map(|v| to_f32(v)).collect();
            trainer.update(&matrix(device, &rows), 1).unwrap();
            let now = to_f64(&parameters(&trainer));
            let found: Vec<f64> = now.iter().zip(before).map(|(n, b)| n - b).collect();
            // As an uncentred one, with a few products more.
            let off = worst(&found, &expected);
            assert!(off < 2e-4, "{}: {off}", pair.name());
        });
    }
}
