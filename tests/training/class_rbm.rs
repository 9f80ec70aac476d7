//! Classification machines learn: gradients against finite differences and sums over all states, few labels among many
//! cases, and that a run that goes on has the same bits.

use harmonium::data::{Cases, Values};
use harmonium::kernels::dropout::dropout;
use harmonium::models::{ClassRbm, Units};
use harmonium::random::{Draw, stream};
use harmonium::training::{
    BatchSource, ClassConfig, ClassObjective, ClassTrainer, FewLabels, Learner, ResidentData,
    Treatment,
};
use harmonium::{Device, Tensor};

use crate::models::exact::{states, to_f32, to_f64};
use crate::models::pairs::{Pair, mean_of};
use crate::models::support::{matrix, on_each};

const FEATURES: usize = 3;
const CLASSES: usize = 3;
const HIDDEN: usize = 3;

fn pair() -> Pair {
    Pair::new(Units::labelled(FEATURES, CLASSES), Units::bernoulli(HIDDEN), 1.5, 81)
}

/// Cases with their classes; −1 for none. As many with a class as without.
const DATA: [(usize, i32); 6] = [(1, 0), (6, 2), (3, 0), (5, -1), (1, -1), (2, -1)];

fn with_class(x: &[f64], class: usize) -> Vec<f64> {
    let label = (0..CLASSES).map(|k| f64::from(u8::from(k == class)));
    x.iter().copied().chain(label).collect()
}

fn config(objective: ClassObjective) -> ClassConfig {
    ClassConfig::default().objective(objective).learning_rate(1.0).momentum(0.0)
}

fn parameters(trainer: &ClassTrainer) -> Vec<f64> {
    let joint = trainer.machine().joint();
    let all = [joint.weights(), joint.visible_bias(), joint.hidden_bias()];
    to_f64(&all.map(|t| t.to_vec().unwrap()).concat())
}

/// The change of W, b and a in one update from these cases, repeated.
fn change(device: &Device, config: ClassConfig, data: &[(usize, i32)], rows: usize) -> Vec<f64> {
    weighted_change(device, config, (data, None), rows)
}

/// The same where cases count differently.
fn weighted_change(
    device: &Device,
    config: ClassConfig,
    (data, weights): (&[(usize, i32)], Option<&[f64]>),
    rows: usize,
) -> Vec<f64> {
    let machine = ClassRbm::from_joint(pair().to_rbm(device)).unwrap();
    let mut trainer = ClassTrainer::new(machine, config).unwrap();
    let before = parameters(&trainer);
    let row = |k: usize| data[k % data.len()];
    let x: Vec<Vec<f32>> = (0..rows).map(|k| to_f32(&states(FEATURES)[row(k).0])).collect();
    let classes: Vec<f32> = (0..rows).map(|k| row(k).1 as f32).collect();
    let classes = Tensor::from_f32(device, &[rows], &classes).unwrap();
    let weights = weights.map(|weights| {
        let own: Vec<f32> = (0..rows).map(|k| weights[k % data.len()] as f32).collect();
        Tensor::from_f32(device, &[rows, 1], &own).unwrap()
    });
    trainer.update_weighted(&matrix(device, &x), &classes, weights.as_ref(), 1).unwrap();
    parameters(&trainer).iter().zip(before).map(|(now, before)| now - before).collect()
}

/// p(class | x) from the energy of every state.
fn posterior(pair: &Pair, x: &[f64]) -> Vec<f64> {
    let weight =
        |k| pair.hs.iter().map(|h| (-pair.energy(&with_class(x, k), h)).exp()).sum::<f64>();
    let weights: Vec<f64> = (0..CLASSES).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.into_iter().map(|w| w / sum).collect()
}

/// The change that gradients of W, b and a make around the offsets with which a centred learner begins: where each layer's
/// units are without the other.
fn around(pair: &Pair, plain: &[f64]) -> Vec<f64> {
    let (i, j) = (pair.b.len(), pair.a.len());
    let (features, label) = pair.b.split_at(FEATURES);
    let z: f64 = label.iter().map(|b| b.exp()).sum();
    let mu = features.iter().map(|b| 1.0 / (1.0 + (-b).exp()));
    let mu: Vec<f64> = mu.chain(label.iter().map(|b| b.exp() / z)).collect();
    let lambda = 0.5;
    let (w, rest) = plain.split_at(i * j);
    let (b, a) = rest.split_at(i);
    let dw: Vec<f64> =
        (0..i * j).map(|n| w[n] - b[n / j] * lambda - mu[n / j] * a[n % j]).collect();
    let db = (0..i).map(|n| b[n] - dw[n * j..(n + 1) * j].iter().sum::<f64>() * lambda);
    let da = (0..j).map(|m| a[m] - (0..i).map(|n| dw[n * j + m] * mu[n]).sum::<f64>());
    let biases: Vec<f64> = db.chain(da).collect();
    dw.into_iter().chain(biases).collect()
}

#[test]
fn the_discriminative_update_is_the_slope_of_ln_p_of_the_class() {
    let labelled: Vec<(usize, i32)> = DATA.into_iter().filter(|(_, class)| *class >= 0).collect();
    let mean = |pair: &Pair| {
        let of = |&(state, class): &(usize, i32)| {
            posterior(pair, &states(FEATURES)[state])[class as usize].ln()
        };
        labelled.iter().map(of).sum::<f64>() / labelled.len() as f64
    };
    let mut ends = pair();
    let step = 1e-5;
    let slopes: Vec<f64> = (0..ends.w.len() + ends.b.len() + ends.a.len())
        .map(|k| {
            let mut at = |by: f64| {
                let (w, b) = (ends.w.len(), ends.b.len());
                let place = match k {
                    k if k < w => &mut ends.w[k],
                    k if k < w + b => &mut ends.b[k - w],
                    k => &mut ends.a[k - w - b],
                };
                let kept = *place;
                *place += by;
                let value = mean(&ends);
                match k {
                    k if k < w => ends.w[k] = kept,
                    k if k < w + b => ends.b[k - w] = kept,
                    k => ends.a[k - w - b] = kept,
                }
                value
            };
            (at(step) - at(-step)) / (2.0 * step)
        })
        .collect();
    // A bias of features moves no posterior.
    let of_features = &slopes[ends.w.len()..][..FEATURES];
    assert!(of_features.iter().all(|slope| slope.abs() < 1e-9));
    on_each(|device| {
        // Cases without a class are passed over.
        for data in [&labelled[..], &DATA] {
            let found = change(device, config(ClassObjective::Discriminative), data, data.len());
            for (k, (found, slope)) in found.iter().zip(&slopes).enumerate() {
                // Parameters below 4 round at 2⁻²³; sums of six products of probabilities a few times more.
                assert!((found - slope).abs() < 3e-6, "{k}: {found} is not {slope}");
            }
            let centred = config(ClassObjective::Discriminative).centered(true);
            let found = change(device, centred, data, data.len());
            for (k, (found, slope)) in found.iter().zip(around(&pair(), &slopes)).enumerate() {
                // Biases are moved by sums of such changes.
                assert!((found - slope).abs() < 1e-5, "centred, {k}: {found} is not {slope}");
            }
        }
        // As often as a case weighs: the first twice, the last never.
        let objective = config(ClassObjective::Discriminative);
        for centred in [false, true] {
            let config = objective.clone().centered(centred);
            let repeated = [labelled[0], labelled[0], labelled[1]];
            let expected = change(device, config.clone(), &repeated, 3);
            let weights = Some(&[2.0, 1.0, 0.0][..]);
            let found = weighted_change(device, config, (&labelled, weights), 3);
            for (k, (found, expected)) in found.iter().zip(&expected).enumerate() {
                assert!((found - expected).abs() < 1e-5, "{k}: {found} is not {expected}");
            }
        }
    });
}

/// It moves hidden biases and nothing else, whatever the objective.
#[test]
fn sparsity_draws_hidden_biases_down() {
    on_each(|device| {
        for objective in [ClassObjective::Discriminative, ClassObjective::Hybrid(0.5)] {
            for centred in [false, true] {
                let config = config(objective).centered(centred);
                let plain = change(device, config.clone(), &DATA, DATA.len());
                let sparse = change(device, config.sparsity(0.25), &DATA, DATA.len());
                let hidden = plain.len() - HIDDEN;
                let below = |k: usize| if k < hidden { 0.0 } else { 0.25 };
                for (k, (plain, sparse)) in plain.iter().zip(&sparse).enumerate() {
                    // Parameters below 4 round at 2⁻²³.
                    assert!((plain - sparse - below(k)).abs() < 1e-6, "{k}: {sparse} of {plain}");
                }
            }
        }
    });
}

/// An update of a batch some of whose values are dropped is that of what is left of it.
#[test]
fn dropped_values_are_not_learnt_from() {
    on_each(|device| {
        let rows: Vec<Vec<f32>> = (0..8).map(|k| to_f32(&states(FEATURES)[k % 8])).collect();
        let x = matrix(device, &rows);
        let classes = [0.0, 2.0, 1.0, 0.0, 2.0, 1.0, 1.0, 0.0];
        let classes = Tensor::from_f32(device, &[8], &classes).unwrap();
        let updated = |config: ClassConfig, x: &Tensor| {
            let machine = ClassRbm::from_joint(pair().to_rbm(device)).unwrap();
            let mut trainer = ClassTrainer::new(machine, config).unwrap();
            trainer.update(x, &classes, 1).unwrap();
            parameters(&trainer)
        };
        let config = config(ClassObjective::Hybrid(0.5));
        let mut left = Tensor::for_output(device, x.shape().dims()).unwrap();
        dropout(&x, 0.5, &Draw::new(config.seed, stream::DROPOUT), &mut left).unwrap();
        let dropped = updated(config.clone().input_dropout(0.5), &x);
        assert_eq!(dropped, updated(config.clone(), &left));
        assert_ne!(dropped, updated(config, &x));
    });
}

/// ⟨v p(h|v)ᵀ⟩, ⟨v⟩ and ⟨p(h|v)⟩ where v has these weights.
fn statistics<'a>(pair: &Pair, weighted: impl Iterator<Item = (f64, &'a Vec<f64>)>) -> Vec<f64> {
    let mut sums = vec![0.0; pair.w.len() + pair.b.len() + pair.a.len()];
    for (weight, v) in weighted {
        let mean = mean_of(&pair.h_given_v(v), &pair.hs);
        let both = v.iter().flat_map(|v| mean.iter().map(move |h| v * h));
        let row = both.chain(v.iter().copied()).chain(mean.iter().copied());
        sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
    }
    sums
}

/// How [x, y] is distributed where each case counts with its share: y of cases without a class by p(y|x).
fn of_data(pair: &Pair, weights: &[f64; DATA.len()]) -> Vec<(f64, Vec<f64>)> {
    let half = DATA.len() as f64 / 2.0;
    DATA.iter()
        .zip(weights)
        .flat_map(|(&(state, class), weight)| {
            let x = &states(FEATURES)[state];
            let p = match class {
                -1 => posterior(pair, x),
                class => (0..CLASSES).map(|k| f64::from(u8::from(k == class as usize))).collect(),
            };
            (0..CLASSES).map(|k| (weight * p[k] / half, with_class(x, k))).collect::<Vec<_>>()
        })
        .collect()
}

/// The expected update with the factors δ and α: by sums over all states, the chain's step among them.
fn expected(
    pair: &Pair,
    [delta, alpha]: [f64; 2],
    weights: &[f64; DATA.len()],
    persistent: bool,
) -> Vec<f64> {
    let data = of_data(pair, weights);
    let mut after = vec![0.0; pair.vs.len()];
    // Persistent chains begin alike at the cases that count, and count as much as these weigh together.
    let counting = weights.iter().filter(|weight| **weight > 0.0).count() as f64;
    let whole = weights.iter().sum::<f64>() / counting;
    let alike = of_data(pair, &weights.map(|weight| if weight > 0.0 { whole } else { 0.0 }));
    for (share, v) in if persistent { &alike } else { &data } {
        for (p, h) in pair.h_given_v(v).iter().zip(&pair.hs) {
            let back = pair.v_given_h(h);
            after.iter_mut().zip(back).for_each(|(sum, q)| *sum += share * p * q);
        }
    }
    let of_data = statistics(pair, data.iter().map(|(share, v)| (*share, v)));
    let of_model = statistics(pair, after.iter().copied().zip(&pair.vs));
    let half = DATA.len() as f64 / 2.0;
    let mut posteriors = Vec::new();
    let labelled = DATA.into_iter().zip(weights).filter(|((_, class), _)| *class >= 0);
    for ((state, class), weight) in labelled {
        let x = &states(FEATURES)[state];
        for (k, p) in posterior(pair, x).into_iter().enumerate() {
            let known = f64::from(u8::from(k == class as usize));
            posteriors.push((weight * (known - p) / half, with_class(x, k)));
        }
    }
    let of_class = statistics(pair, posteriors.iter().map(|(share, v)| (*share, v)));
    (0..of_data.len()).map(|k| delta * of_class[k] + alpha * (of_data[k] - of_model[k])).collect()
}

/// The mean change over 12 × 2,046 cases.
#[test]
fn the_expected_update_is_the_enumerated_one() {
    const CASES: usize = 2046;
    const SEEDS: u64 = 12;
    let pair = pair();
    let alike = [1.0; DATA.len()];
    let unlike = [2.0, 0.5, 1.0, 0.5, 0.0, 2.0];
    for (objective, factors, weights, centred) in [
        (ClassObjective::Generative, [0.0, 1.0], alike, false),
        (ClassObjective::Hybrid(0.5), [1.0, 0.5], alike, false),
        (ClassObjective::Hybrid(0.5), [1.0, 0.5], alike, true),
        (ClassObjective::Hybrid(0.5), [1.0, 0.5], unlike, false),
        (ClassObjective::Hybrid(0.5), [1.0, 0.5], unlike, true),
    ] {
        for persistent in [false, true] {
            let plain = expected(&pair, factors, &weights, persistent);
            let expected = if centred { around(&pair, &plain) } else { plain };
            let config = config(objective).unlabelled(true).persistent(persistent).batch(CASES);
            let config = config.centered(centred);
            let weights = (weights != alike).then_some(&weights[..]);
            on_each(|device| {
                let changes: Vec<Vec<f64>> = (1..=SEEDS)
                    .map(|seed| {
                        let config = config.clone().seed(seed);
                        weighted_change(device, config, (&DATA, weights), CASES)
                    })
                    .collect();
                for (k, expected) in expected.iter().enumerate() {
                    let each = || changes.iter().map(|c| c[k]);
                    let mean = each().sum::<f64>() / SEEDS as f64;
                    let variance =
                        each().map(|x| (x - mean).powi(2)).sum::<f64>() / (SEEDS - 1) as f64;
                    // As for plain machines: twelve values give the error itself to a quarter, and sums of 2,046
                    // numbers in f32 round.
                    let bound = 8.0 * (variance / SEEDS as f64).sqrt() + 5e-4;
                    assert!(
                        (mean - expected).abs() < bound,
                        "{objective}, persistent {persistent}, centred {centred}, {k}: {mean} {expected}"
                    );
                }
            });
        }
    }
}

fn resident(device: &Device, rows: usize, first: usize) -> ResidentData {
    let values: Vec<f32> = (0..rows * 4).map(|k| ((k / 4 + first) >> (k % 4) & 1) as f32).collect();
    let cases = Cases::new(Values::F32(values), rows, 4).unwrap();
    ResidentData::new(device, &cases, Treatment::default()).unwrap()
}

/// 5 cases with classes, 12 without.
fn few(device: &Device, batch: usize) -> FewLabels {
    let labelled = resident(device, 5, 0).with_labels(&[0, 1, 2, 0, 1]).unwrap();
    FewLabels::new(labelled, resident(device, 12, 3), batch).unwrap()
}

type Seen = (Vec<f32>, Vec<f32>);

fn all(source: &mut FewLabels, (epoch, skip): (u64, usize), rows: usize) -> Vec<Seen> {
    source.start_epoch(7, epoch).unwrap();
    source.skip(skip).unwrap();
    let mut found = Vec::new();
    while let Some(batch) = source.next_batch(rows).unwrap() {
        found.push((batch.cases.to_vec().unwrap(), batch.classes.unwrap().to_vec().unwrap()));
    }
    found
}

#[test]
fn batches_hold_few_labelled_cases_among_others() {
    on_each(|device| {
        let mut source = few(device, 6);
        let whole = all(&mut source, (1, 0), 6);
        // Three of each: four batches see every other case once.
        assert_eq!((whole.len(), source.cases()), (4, 24));
        for (_, classes) in &whole {
            assert!(classes[..3].iter().all(|c| *c >= 0.0) && classes[3..] == [-1.0; 3]);
        }
        let rows = |at: std::ops::Range<usize>| {
            let mut rows: Vec<Vec<u8>> = whole
                .iter()
                .flat_map(|(cases, _)| cases.chunks(4).collect::<Vec<_>>()[at.clone()].to_vec())
                .map(|row| row.iter().map(|&x| x as u8).collect())
                .collect();
            rows.sort();
            rows
        };
        let mut others: Vec<Vec<u8>> =
            (3..15u8).map(|n| (0..4).map(|k| n >> k & 1).collect()).collect();
        others.sort();
        assert_eq!(rows(3..6), others);
        // Twelve labelled places: each of the five twice, two of them three times.
        let mut counts = std::collections::BTreeMap::new();
        rows(0..3).into_iter().for_each(|row| *counts.entry(row).or_insert(0) += 1);
        assert_eq!(counts.len(), 5);
        assert!(counts.values().all(|n| [2, 3].contains(n)), "{counts:?}");
        // Each class goes with its case.
        for (cases, classes) in &whole {
            for (case, class) in cases.chunks(4).zip(classes).take(3) {
                let number = case.iter().rev().fold(0, |n, &x| 2 * n + x as usize);
                assert_eq!(*class, [0.0, 1.0, 2.0, 0.0, 1.0][number]);
            }
        }
        assert_ne!(whole, all(&mut source, (2, 0), 6));
        for batches in 1..4 {
            assert_eq!(all(&mut source, (1, 6 * batches), 6), whole[batches..]);
        }
        // The last batch may be short.
        let mut source = few(device, 10);
        let whole = all(&mut source, (1, 0), 100);
        let sizes = |batches: &[Seen]| batches.iter().map(|(_, c)| c.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&whole), [10, 10, 7]);
        assert_eq!(source.cases(), 27);
        // In parts, from any case on, it is the same.
        let joined = |batches: Vec<Seen>| {
            let (cases, classes): (Vec<_>, Vec<_>) = batches.into_iter().unzip();
            (cases.concat(), classes.concat())
        };
        assert_eq!(sizes(&all(&mut source, (1, 0), 4)), [4, 4, 2, 4, 4, 2, 4, 3]);
        let (cases, classes) = joined(whole);
        for at in 0..=27 {
            let found = joined(all(&mut source, (1, at), 4));
            assert_eq!(found, (cases[4 * at..].to_vec(), classes[at..].to_vec()), "{at}");
        }
    });
    let device = Device::cpu();
    let none = resident(&device, 5, 0);
    assert!(FewLabels::new(none, resident(&device, 2, 0), 1).is_err());
}

/// Stopped within an epoch and restored elsewhere, training goes on with the same bits.
#[test]
fn a_restored_learner_goes_on_with_the_same_bits() {
    on_each(|device| {
        for persistent in [false, true] {
            let config = ClassConfig::default().batch(6).unlabelled(true).persistent(persistent);
            let config = config.centered(persistent).input_dropout(0.2);
            let new = || {
                let machine = ClassRbm::new(device, [4, 3], 5, 3).unwrap();
                ClassTrainer::new(machine, config.clone()).unwrap()
            };
            let mut whole = new();
            let told: Vec<_> =
                (0..3).map(|_| whole.epoch(&mut few(device, 6)).unwrap().figures).collect();
            let mut first = new();
            first.epoch(&mut few(device, 6)).unwrap();
            let mut left = 2;
            let stopped = first.epoch_while(&mut few(device, 6), |_, _| {
                left -= 1;
                Ok(left > 0)
            });
            assert!(stopped.unwrap().is_none());
            let mut second = new();
            second.restore(&first.state().unwrap()).unwrap();
            let again: Vec<_> =
                (0..2).map(|_| second.epoch(&mut few(device, 6)).unwrap().figures).collect();
            assert_eq!(again, told[1..]);
            assert_eq!(second.state().unwrap().arrays, whole.state().unwrap().arrays);
        }
    });
}

#[test]
fn wrong_settings_are_refused() {
    for (text, words) in [
        ("hybrid", "none of generative"),
        ("hybrid:0", "ALPHA above 0"),
        ("hybrid:-1", "ALPHA above 0"),
        ("hybrid:inf", "ALPHA above 0"),
        ("discriminativ", "none of generative"),
    ] {
        let error = text.parse::<ClassObjective>().unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
    for text in ["generative", "discriminative", "hybrid:0.01"] {
        assert_eq!(text.parse::<ClassObjective>().unwrap().to_string(), text);
    }
    for alpha in [f32::NAN, -1.0, 0.0, f32::INFINITY] {
        let error = config(ClassObjective::Hybrid(alpha)).check().unwrap_err().to_string();
        assert!(error.contains(&format!("hybrid: {alpha} is outside (0, ∞)")), "{error}");
    }
    let error = config(ClassObjective::Discriminative).sparsity(-0.1).check().unwrap_err();
    assert!(error.to_string().contains("sparsity: -0.1 is outside [0, 1e6]"), "{error}");
    let error = config(ClassObjective::Discriminative).input_dropout(1.0).check().unwrap_err();
    assert!(error.to_string().contains("input-dropout: 1 is outside [0, 1)"), "{error}");
    let error = config(ClassObjective::Discriminative).unlabelled(true).check().unwrap_err();
    assert!(error.to_string().contains("no use for cases without a class"), "{error}");
    let device = Device::cpu();
    let machine = ClassRbm::new(&device, [4, 3], 5, 3).unwrap();
    let mut trainer = ClassTrainer::new(machine, ClassConfig::default()).unwrap();
    let error = trainer.epoch(&mut resident(&device, 5, 0)).unwrap_err().to_string();
    assert!(error.contains("no labels"), "{error}");
    let none = Tensor::zeros(&device, &[0, 4]).unwrap();
    let classes = Tensor::zeros(&device, &[0]).unwrap();
    assert!(trainer.update(&none, &classes, 1).unwrap_err().to_string().contains("no case"));
}
