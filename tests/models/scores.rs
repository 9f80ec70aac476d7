//! Scores against their definitions on enumerable machines.

use harmonium::Tensor;
use harmonium::data;
use harmonium::evaluation::scores::{
    BATCH_BYTES, affordable_turns, exact_pseudo_log_likelihood, hidden_activity, mean_free_energy,
    pseudo_log_likelihood, reconstruction_error, reconstruction_error_async,
};
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::random::Draw;

use super::exact::{Exact, normals, sigmoid, states};
use super::support::{matrix, on_each, on_every};

fn cases(visible: UnitKind) -> Vec<Vec<f64>> {
    match visible {
        UnitKind::Bernoulli => states(5),
        _ => normals(51, 5 * 23).chunks(5).map(<[f64]>::to_vec).collect(),
    }
}

fn rows(x: &[Vec<f64>]) -> Vec<Vec<f32>> {
    x.iter().map(|row| row.iter().map(|&x| x as f32).collect()).collect()
}

#[test]
fn scores_are_their_definitions() {
    for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
        let exact = Exact::random(visible, 5, 4, 1.5, 52);
        let all = cases(visible);
        let n = all.len() as f64;
        let mean_h = |v: &[f64]| exact.field_h(v).into_iter().map(sigmoid).collect::<Vec<f64>>();
        let error = |v: &Vec<f64>| {
            let mut back = exact.field_v(&mean_h(v));
            if visible == UnitKind::Bernoulli {
                back.iter_mut().for_each(|x| *x = sigmoid(*x));
            }
            v.iter().zip(back).map(|(x, y)| (x - y).powi(2)).sum::<f64>()
        };
        let error = all.iter().map(error).sum::<f64>() / n;
        let free = all.iter().map(|v| exact.free_energy(v)).sum::<f64>() / n;
        let activity: Vec<f64> =
            (0..exact.j).map(|j| all.iter().map(|v| mean_h(v)[j]).sum::<f64>() / n).collect();
        on_each(|device| {
            let (rbm, v) = (exact.to_rbm(device), matrix(device, &rows(&all)));
            let found = reconstruction_error(&rbm, &v).unwrap();
            assert!((found - error).abs() < 1e-5 * error, "{found} is not {error}");
            let without = pollster::block_on(reconstruction_error_async(&rbm, &v)).unwrap();
            assert_eq!(without, found, "without waiting");
            let found = mean_free_energy(&rbm, &v).unwrap();
            assert!((found - free).abs() < 2e-5, "{found} is not {free}");
            let found = hidden_activity(&rbm, &v).unwrap();
            assert!(
                super::support::worst(&found, &activity) < 4e-6,
                "{found:?} is not {activity:?}"
            );
        });
    }
}

#[test]
fn the_pseudo_likelihood_is_unbiased() {
    let exact = Exact::random(UnitKind::Bernoulli, 5, 4, 1.5, 53);
    // Not all states: over those, v and ṽ are each other's counterparts and a wrong sign would not show.
    let (all, p) = (states(5)[..11].to_vec(), exact.p_v());
    // ln p(v_i | the others) from the enumerated p(v); the estimate takes I of these at one i in each case.
    let conditional = |s: usize, i: usize| (p[s] / (p[s] + p[s ^ (1 << i)])).ln();
    let each: Vec<Vec<f64>> =
        (0..all.len()).map(|s| (0..5).map(|i| 5.0 * conditional(s, i)).collect()).collect();
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let expected = mean(&each.iter().map(|e| mean(e)).collect::<Vec<f64>>());
    let variance =
        |e: &Vec<f64>| mean(&e.iter().map(|x| (x - mean(e)).powi(2)).collect::<Vec<f64>>());
    let repeats = 1000;
    let error = (mean(&each.iter().map(variance).collect::<Vec<f64>>())
        / (repeats * all.len()) as f64)
        .sqrt();
    let many: Vec<Vec<f32>> = (0..repeats).flat_map(|_| rows(&all)).collect();
    on_each(|device| {
        let (rbm, v) = (exact.to_rbm(device), matrix(device, &many));
        let draw = Draw::new(3, 905);
        let found = pseudo_log_likelihood(&rbm, &v, 1, &draw).unwrap().unwrap().mean;
        println!("  {found:.4}, expected {expected:.4} ± {error:.4}");
        assert!((found - expected).abs() < 5.0 * error);
        let exact =
            exact_pseudo_log_likelihood(&rbm, &matrix(device, &rows(&all))).unwrap().unwrap();
        assert!((exact - expected).abs() < 1e-6, "{exact} is not {expected}");
        // A part of the cases with their own numbers is a part of the whole.
        let few = |from: usize| {
            let v = matrix(device, &many[from..from + 500]);
            let draw = draw.from_case(from as u32);
            pseudo_log_likelihood(&rbm, &v, 1, &draw).unwrap().unwrap().mean
        };
        let v = matrix(device, &many[..1000]);
        let whole = pseudo_log_likelihood(&rbm, &v, 1, &draw).unwrap().unwrap().mean;
        assert!((whole - 0.5 * (few(0) + few(500))).abs() < 1e-4);
    });
}

/// Over many draws the estimates spread as their standard errors say, and around the exact value.
#[test]
fn the_pseudo_likelihoods_standard_error_is_its_spread() {
    let exact = Exact::random(UnitKind::Bernoulli, 5, 4, 1.5, 53);
    let device = harmonium::Device::cpu();
    let (rbm, v) = (exact.to_rbm(&device), matrix(&device, &rows(&states(5)[..11])));
    let expected = exact_pseudo_log_likelihood(&rbm, &v).unwrap().unwrap();
    const DRAWS: u64 = 1000;
    for turns in [2, 3, 4] {
        let scores: Vec<_> = (0..DRAWS)
            .map(|step| {
                let draw = Draw::new(3, 908).at(step);
                pseudo_log_likelihood(&rbm, &v, turns, &draw).unwrap().unwrap()
            })
            .collect();
        let n = DRAWS as f64;
        let mean = scores.iter().map(|s| s.mean).sum::<f64>() / n;
        let spread = scores.iter().map(|s| (s.mean - mean).powi(2)).sum::<f64>() / (n - 1.0);
        let said = scores.iter().map(|s| s.std_error.unwrap().powi(2)).sum::<f64>() / n;
        assert!((mean - expected).abs() < 5.0 * (spread / n).sqrt(), "{mean} {expected}");
        // A variance from 1,000 numbers errs by √(2/1000), 4.5 %; these have heavier tails.
        assert!((said / spread - 1.0).abs() < 0.25, "{turns} turns: {said} for {spread}");
        assert!(scores.iter().all(|s| s.turned == turns));
    }
    for turns in [5, 6, 1000] {
        let score = pseudo_log_likelihood(&rbm, &v, turns, &Draw::new(3, 908)).unwrap().unwrap();
        assert!((score.mean - expected).abs() < 1e-5, "{score:?} {expected}");
        assert_eq!((score.std_error, score.turned), (None, 5));
    }
    let none = pseudo_log_likelihood(&rbm, &v, 0, &Draw::new(3, 908));
    assert!(none.unwrap_err().to_string().contains("turn at least 1"));
}

/// 150 cases and 64 units: with one unit a case the score jumped by many nats from epoch to epoch.
#[test]
fn the_pseudo_likelihood_of_a_small_set_does_not_jump() {
    // 500 cases of training and 150 held out: half of 4·500 + 3·150 passes.
    assert_eq!(affordable_turns(1225, 150, 64), 7);
    // At least two, and at most all.
    assert_eq!((affordable_turns(0, 500, 784), affordable_turns(1 << 40, 20, 64)), (2, 64));
    assert_eq!((affordable_turns(0, 9, 1), affordable_turns(10, 0, 5)), (1, 5));
    let device = harmonium::Device::cpu();
    let exact = Exact::random(UnitKind::Bernoulli, 64, 20, 0.5, 55);
    let rbm = exact.to_rbm(&device);
    let z = normals(56, 150 * 64);
    let v: Vec<f32> = z.iter().map(|&z| f32::from(u8::from(z > 0.5))).collect();
    let v = Tensor::from_f32(&device, &[150, 64], &v).unwrap();
    let spread = |turns: usize| {
        let scores: Vec<f64> = (0..40)
            .map(|epoch| {
                let draw = Draw::new(1, 909).at(epoch);
                pseudo_log_likelihood(&rbm, &v, turns, &draw).unwrap().unwrap().mean
            })
            .collect();
        let mean = scores.iter().sum::<f64>() / 40.0;
        (scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 39.0).sqrt()
    };
    let (one, now) = (spread(1), spread(7));
    println!("  deviation between epochs: {one:.2} nats with one unit, now {now:.2}");
    // √(1/7·(1 − 7/64)) = 0.36, with two deviations of 40 numbers each.
    assert!(now < 0.5 * one, "{now} of {one}");
}

#[test]
fn scores_do_not_depend_on_the_batches() {
    // 3,000 cases of 3,000 values are 36 MB: three batches.
    let (n, width) = (3000, 3000);
    assert!(4 * n * width > 2 * BATCH_BYTES);
    let values: Vec<f32> =
        (0..n * width).map(|k| f32::from(u8::from(k % 7 < 1 + k / width % 5))).collect();
    let device = harmonium::Device::cpu();
    let rbm = Rbm::new(&device, Units::bernoulli(width), Units::bernoulli(3), 1).unwrap();
    let part = |from: usize, to: usize| {
        let v = Tensor::from_f32(&device, &[to - from, width], &values[from * width..to * width])
            .unwrap();
        let draw = Draw::new(1, 906).from_case(from as u32);
        [
            reconstruction_error(&rbm, &v).unwrap(),
            mean_free_energy(&rbm, &v).unwrap(),
            pseudo_log_likelihood(&rbm, &v, 2, &draw).unwrap().unwrap().mean,
            hidden_activity(&rbm, &v).unwrap()[1],
        ]
    };
    let (whole, halves) = (part(0, n), [part(0, n / 2), part(n / 2, n)]);
    for k in 0..4 {
        let mean = 0.5 * (halves[0][k] + halves[1][k]);
        assert!((whole[k] - mean).abs() < 1e-5 * mean.abs(), "score {k}: {} and {mean}", whole[k]);
        assert!((halves[0][k] - halves[1][k]).abs() > 1e-9, "score {k} sees no difference");
    }
}

#[test]
fn scores_refuse_what_has_no_score() {
    on_each(|device| {
        let rbm = Rbm::new(device, Units::gaussian(4), Units::bernoulli(2), 1).unwrap();
        let v = Tensor::zeros(device, &[3, 4]).unwrap();
        assert!(pseudo_log_likelihood(&rbm, &v, 1, &Draw::new(1, 907)).unwrap().is_none());
        assert!(exact_pseudo_log_likelihood(&rbm, &v).unwrap().is_none());
        let none = Tensor::zeros(device, &[0, 4]).unwrap();
        assert!(reconstruction_error(&rbm, &none).unwrap_err().to_string().contains("no case"));
        let narrow = Tensor::zeros(device, &[3, 5]).unwrap();
        let message = mean_free_energy(&rbm, &narrow).unwrap_err().to_string();
        assert!(message.contains("[3, 5]") && message.contains("4 visible"), "{message}");
    });
}

#[test]
fn a_new_machine_is_as_its_documentation_says() {
    on_each(|device| {
        let mut rbm = Rbm::new(device, Units::bernoulli(300), Units::bernoulli(200), 8).unwrap();
        let w: Vec<f64> = rbm.weights().to_vec().unwrap().into_iter().map(f64::from).collect();
        let n = w.len() as f64;
        let mean = w.iter().sum::<f64>() / n;
        let deviation = (w.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt();
        // Standard errors of the mean and of the deviation: σ/√n and σ/√(2n).
        assert!(mean.abs() < 5.0 * 0.01 / n.sqrt(), "{mean}");
        assert!((deviation - 0.01).abs() < 5.0 * 0.01 / (2.0 * n).sqrt(), "{deviation}");
        assert!(
            rbm.hidden_bias()
                .to_vec()
                .unwrap()
                .iter()
                .chain(&rbm.visible_bias().to_vec().unwrap())
                .all(|&x| x == 0.0)
        );
        let means: Vec<f32> = (0..300).map(|i| [0.0, 0.001, 0.25, 0.995, 1.0][i % 5]).collect();
        rbm.set_visible_bias_from_means(&means).unwrap();
        let b = rbm.visible_bias().to_vec().unwrap();
        for (b, p) in b.iter().zip([0.01f64, 0.01, 0.25, 0.99, 0.99]) {
            assert!((f64::from(*b) - (p / (1.0 - p)).ln()).abs() < 1e-5, "{b} for {p}");
        }
        let mut rbm = Rbm::new(device, Units::gaussian(300), Units::bernoulli(2), 8).unwrap();
        rbm.set_visible_bias_from_means(&means).unwrap();
        assert_eq!(rbm.visible_bias().to_vec().unwrap(), means);
    });
}

#[test]
fn digits_score_alike_on_every_device() {
    let test = data::load("digits").unwrap().test.unwrap().cases;
    let on = |device: &harmonium::Device| {
        let mut rbm = Rbm::new(device, Units::bernoulli(64), Units::bernoulli(20), 3).unwrap();
        rbm.set_visible_bias_from_means(&test.means()).unwrap();
        let v = Tensor::from_f32(device, &[test.len(), 64], &test.to_f32()).unwrap();
        reconstruction_error(&rbm, &v).unwrap()
    };
    let expected = on(&harmonium::Device::cpu());
    on_every(|device| assert!((on(device) - expected).abs() < 1e-5 * expected));
}
