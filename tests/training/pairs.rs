//! Learning with every pair of kinds of units, against sums over all states.

use harmonium::models::{UnitKind, Units};
use harmonium::training::{CdConfig, CdTrainer, Learner};

use super::parameters;
use crate::models::exact::{to_f32, to_f64};
use crate::models::pairs::{Pair, mean_of, pairs};
use crate::models::support::{matrix, on_each};

fn plain(pair: &Pair) -> CdConfig {
    CdConfig::new(pair.visible, pair.hidden).learning_rate(1.0).momentum(0.0).weight_decay(0.0)
}

/// Three visible states, one of them twice.
fn data(pair: &Pair) -> Vec<Vec<f64>> {
    let some = pair.some_v();
    [0, 1, 1, some.len() - 1].map(|k| some[k].clone()).to_vec()
}

/// ⟨v p(h|v)ᵀ⟩, ⟨v⟩ and ⟨p(h|v)⟩ where v has these weights.
fn statistics<'a>(pair: &Pair, weighted: impl Iterator<Item = (f64, &'a Vec<f64>)>) -> Vec<f64> {
    let (i, j) = (pair.b.len(), pair.a.len());
    let mut sums = vec![0.0; i * j + i + j];
    for (weight, v) in weighted {
        let mean = mean_of(&pair.h_given_v(v), &pair.hs);
        let both = v.iter().flat_map(|v| mean.iter().map(move |h| v * h));
        let row = both.chain(v.iter().copied()).chain(mean.iter().copied());
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
    }
    sums
}

pub fn of_data(pair: &Pair) -> Vec<f64> {
    let data = data(pair);
    let share = 1.0 / data.len() as f64;
    statistics(pair, data.iter().map(|v| (share, v)))
}

#[test]
fn an_exact_update_is_the_gradient_of_the_log_likelihood() {
    for pair in pairs() {
        let [v, h, vh] = pair.moments(&pair.joint);
        let model = [vh, v, h].concat();
        let expected: Vec<f64> = of_data(&pair).iter().zip(model).map(|(d, m)| d - m).collect();
        on_each(|device| {
            let config = plain(&pair).exact_gradient(true);
            let mut trainer = CdTrainer::new(pair.to_rbm(device), config, &[]).unwrap();
            let before = to_f64(&parameters(&trainer));
            let rows: Vec<Vec<f32>> = data(&pair).iter().map(|v| to_f32(v)).collect();
            trainer.update(&matrix(device, &rows), 1).unwrap();
            let now = to_f64(&parameters(&trainer));
            for ((now, before), expected) in now.iter().zip(before).zip(&expected) {
                // States are below 5 and means below 12; products of them, a few sums and the new parameter round.
                let error = (now - before - expected).abs();
                assert!(error < 6e-5, "{}: {now} - {before}, expected {expected}", pair.name());
            }
        });
    }
}

/// The mean change of CD-1 over 12 × 8,192 cases; the chain's step by sums over all states.
#[test]
fn the_expected_update_of_cd_is_the_enumerated_one() {
    const CASES: usize = 8192;
    const SEEDS: u64 = 12;
    for pair in pairs() {
        // A transition matrix between the points of two Gaussian units has 10⁸ entries: one unit shows as much.
        if pair.vs.len() > 1000 || pair.hs.len() > 1000 {
            continue;
        }
        let data = data(&pair);
        let mut after = vec![0.0; pair.vs.len()];
        for v in &data {
            for (p, h) in pair.h_given_v(v).iter().zip(&pair.hs) {
                let back = pair.v_given_h(h);
                let share = p / data.len() as f64;
                after.iter_mut().zip(back).for_each(|(sum, q)| *sum += share * q);
            }
        }
        let model = statistics(&pair, after.iter().copied().zip(&pair.vs));
        let expected: Vec<f64> = of_data(&pair).iter().zip(model).map(|(d, m)| d - m).collect();
        on_each(|device| {
            let rows: Vec<Vec<f32>> = (0..CASES).map(|k| to_f32(&data[k % data.len()])).collect();
            let v0 = matrix(device, &rows);
            let changes: Vec<Vec<f64>> = (1..=SEEDS)
                .map(|seed| {
                    let config = plain(&pair).batch(CASES).seed(seed);
                    let mut trainer = CdTrainer::new(pair.to_rbm(device), config, &[]).unwrap();
                    let before = to_f64(&parameters(&trainer));
                    trainer.update(&v0, 1).unwrap();
                    let now = to_f64(&parameters(&trainer));
                    now.iter().zip(before).map(|(n, b)| n - b).collect()
                })
                .collect();
            for (k, expected) in expected.iter().enumerate() {
                let each = || changes.iter().map(|c| c[k]);
                let mean = each().sum::<f64>() / SEEDS as f64;
                let variance = each().map(|x| (x - mean).powi(2)).sum::<f64>() / (SEEDS - 1) as f64;
                // Twelve values give the error itself to a quarter: eight of it are six of the true one. Sums of
                // 8,192 numbers in f32 round as `gradient` says.
                let bound = 8.0 * (variance / SEEDS as f64).sqrt() + 5e-4;
                assert!((mean - expected).abs() < bound, "{} {k}: {mean} {expected}", pair.name());
            }
        });
    }
}

#[test]
fn defaults_follow_the_kinds() {
    let rate = |v, h| CdConfig::new(v, h).learning_rate.to_string();
    let [b, g, s] = [UnitKind::Bernoulli, UnitKind::Gaussian, UnitKind::Softmax(4)];
    assert_eq!((rate(b, b), rate(s, b), rate(b, s)), ("0.1".into(), "0.1".into(), "0.1".into()));
    assert_eq!((rate(g, b), rate(b, g)), ("0.001".into(), "0.001".into()));
    // A centred machine's offsets begin where its hidden units are without input.
    let device = harmonium::Device::cpu();
    for (hidden, offset) in
        [(Units::bernoulli(4), 0.5), (Units::gaussian(4), 0.0), (Units::softmax(1, 4), 0.25)]
    {
        let rbm = harmonium::models::Rbm::new(&device, Units::bernoulli(3), hidden, 1).unwrap();
        let mut trainer =
            CdTrainer::new(rbm, CdConfig::new(b, hidden.kind()).centered(true), &[0.5; 3]).unwrap();
        assert_eq!(trainer.state().unwrap().arrays["lambda"].values, [offset; 4]);
    }
}
