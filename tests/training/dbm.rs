//! Learning of deep Boltzmann machines, against sums over all states.

use harmonium::models::Visit;
use harmonium::training::{DbmConfig, DbmTrainer, Learner, Schedule};
use harmonium::{Device, Tensor};

use crate::models::deep::{Deep, log_sum, some_v};
use crate::models::exact::{dot, sigmoid, to_f32, to_f64};
use crate::models::support::{matrix, on_each};
use harmonium::models::UnitKind::{self, Bernoulli, Gaussian};

fn plain() -> DbmConfig {
    DbmConfig::default().learning_rate(1.0).weight_decay(0.0).mean_field(200)
}

/// W¹ …, b, a¹ … of a learner's machine, one after the other.
fn parameters(trainer: &mut DbmTrainer) -> Vec<f64> {
    let mut all = Vec::new();
    let mut each = |_: &str, t: &mut Tensor| {
        all.extend(to_f64(&t.to_vec()?));
        Ok(())
    };
    trainer.model().visit(&mut Visit::each(&mut each)).unwrap();
    all
}

/// ⟨s sᵀ⟩ of neighbouring layers, then ⟨s⟩ of each, for weighted values of all layers.
fn statistics<'a>(
    deep: &Deep,
    weighted: impl Iterator<Item = (f64, &'a Vec<Vec<f64>>)>,
) -> Vec<f64> {
    let joint: usize = deep.sizes.windows(2).map(|p| p[0] * p[1]).sum();
    let mut sums = vec![0.0; joint + deep.sizes.iter().sum::<usize>()];
    for (weight, layers) in weighted {
        let pairs = layers
            .windows(2)
            .flat_map(|p| p[0].iter().flat_map(|x| p[1].iter().map(move |y| x * y)));
        let all = pairs.chain(layers.iter().flatten().copied());
        sums.iter_mut().zip(all).for_each(|(sum, x)| *sum += weight * x);
    }
    sums
}

/// v and the means of the fixed point, by iteration in f64 from where the machine begins.
fn mean_field(deep: &Deep, v: &[f64]) -> Vec<Vec<f64>> {
    let mut all = vec![v.to_vec()];
    for l in 1..deep.sizes.len() {
        let twice = if l + 1 < deep.sizes.len() { 2.0 } else { 1.0 };
        let unit = |j: usize| {
            let n = deep.sizes[l];
            let fed: f64 = all[l - 1]
                .iter()
                .enumerate()
                .map(|(i, s)| s * deep.weights[l - 1][i * n + j])
                .sum();
            sigmoid(twice * fed + deep.biases[l][j])
        };
        let layer = (0..deep.sizes[l]).map(unit).collect();
        all.push(layer);
    }
    for _ in 0..500 {
        for l in 1..deep.sizes.len() {
            all[l] = deep.input(l, &all).into_iter().map(sigmoid).collect();
        }
    }
    all
}

fn deep_machines() -> [Deep; 3] {
    [
        Deep::random(Bernoulli, &[3, 2, 2], 1.0, 40),
        Deep::random(Bernoulli, &[2, 3, 2, 2], 0.8, 50),
        Deep::random(Gaussian, &[2, 2, 2], 0.5, 60),
    ]
}

fn data(deep: &Deep) -> Vec<Vec<f64>> {
    let some = some_v(deep);
    [0, 1, 1, some.len() - 1].map(|k| some[k].clone()).to_vec()
}

fn of_data(deep: &Deep) -> Vec<f64> {
    let data: Vec<Vec<Vec<f64>>> = data(deep).iter().map(|v| mean_field(deep, v)).collect();
    let share = 1.0 / data.len() as f64;
    statistics(deep, data.iter().map(|all| (share, all)))
}

/// What the machine expects of its states. Gaussian data: E[v | h] = b + W¹h¹ under the weight of h.
fn of_model(deep: &Deep) -> Vec<f64> {
    let hidden = deep.states_of(1);
    let none = vec![0.0; deep.sizes[0]];
    let states: Vec<Vec<Vec<f64>>> = match deep.visible {
        UnitKind::Bernoulli => deep.all(),
        _ => hidden
            .iter()
            .map(|h| {
                let input = deep.input(0, &[vec![none.clone()], h.clone()].concat());
                [vec![input], h.clone()].concat()
            })
            .collect(),
    };
    let logs: Vec<f64> = states
        .iter()
        .map(|s| match deep.visible {
            UnitKind::Bernoulli => -deep.energy(s),
            _ => {
                let still = [vec![none.clone()], s[1..].to_vec()].concat();
                0.5 * dot(&s[0], &s[0]) - deep.energy(&still)
            }
        })
        .collect();
    let z = log_sum(&logs);
    statistics(deep, logs.iter().map(|x| (x - z).exp()).zip(&states))
}

/// Chains that have run to the model's distribution give its expectations: the mean change over many chains and seeds is
/// the gradient of the bound at the fixed point.
#[test]
fn the_expected_update_is_the_gradient_of_the_bound() {
    const CHAINS: usize = 2048;
    const SEEDS: u64 = 8;
    for deep in deep_machines() {
        let expected: Vec<f64> =
            of_data(&deep).iter().zip(of_model(&deep)).map(|(d, m)| d - m).collect();
        let means = deep.sizes[0];
        on_each(|device| {
            let data = data(&deep);
            let rows: Vec<Vec<f32>> = (0..CHAINS).map(|k| to_f32(&data[k % data.len()])).collect();
            let v = matrix(device, &rows);
            let changes: Vec<Vec<f64>> = (1..=SEEDS)
                .map(|seed| {
                    let config = plain().batch(CHAINS).steps(20).seed(seed);
                    let mut trainer =
                        DbmTrainer::new(deep.to_dbm(device), config, &vec![0.0; means]).unwrap();
                    let before = parameters(&mut trainer);
                    DbmTrainer::update(&mut trainer, &v, 1).unwrap();
                    let now = parameters(&mut trainer);
                    now.iter().zip(before).map(|(n, b)| n - b).collect()
                })
                .collect();
            for (k, expected) in expected.iter().enumerate() {
                let each = || changes.iter().map(|c| c[k]);
                let mean = each().sum::<f64>() / SEEDS as f64;
                let variance = each().map(|x| (x - mean).powi(2)).sum::<f64>() / (SEEDS - 1) as f64;
                // Eight values give the error itself to a quarter: eight of it are six of the true one. Sums of 2,048
                // numbers below 4 in f32, and what twenty sweeps leave of the start.
                let bound = 8.0 * (variance / SEEDS as f64).sqrt() + 5e-4;
                assert!(
                    (mean - expected).abs() < bound,
                    "{:?} {k}: {mean} {expected} {bound}",
                    deep.sizes
                );
            }
        });
    }
}

/// One batch, three updates at a small rate: a centred machine's step is that of the centred parameters. With E written in
/// x − λ, ΔW = ⟨(x − λ)(y − μ)ᵀ⟩ − the same of the model, and the centred biases change by the differences of the means; in
/// the plain parameters the change of a bias is Δa_c − ΔWᵀλ_below − ΔWλ_above.
#[test]
fn a_centred_update_is_that_of_the_centred_parameters() {
    let deep = &deep_machines()[1];
    let offset_of_data = [0.3f32, 0.6];
    on_each(|device| {
        let run = |centered: bool| {
            let config = plain().batch(64).steps(2).centered(centered);
            let mut trainer =
                DbmTrainer::new(deep.to_dbm(device), config, &offset_of_data).unwrap();
            let rows: Vec<Vec<f32>> = (0..64).map(|k| to_f32(&data(deep)[k % 4])).collect();
            let before = parameters(&mut trainer);
            DbmTrainer::update(&mut trainer, &matrix(device, &rows), 1).unwrap();
            let now = parameters(&mut trainer);
            now.iter().zip(before).map(|(n, b)| n - b).collect::<Vec<f64>>()
        };
        // The chains and the means of a first update do not know of centring: the plain one tells all statistics.
        let (plain, centred) = (run(false), run(true));
        let mut offsets: Vec<Vec<f64>> = deep.sizes.iter().map(|&n| vec![0.5; n]).collect();
        offsets[0] = offset_of_data.iter().map(|&x| f64::from(x)).collect();
        let joint: Vec<usize> = deep.sizes.windows(2).map(|p| p[0] * p[1]).collect();
        let mut at = joint.iter().sum::<usize>();
        let mut of_bias = Vec::new();
        for &n in &deep.sizes {
            of_bias.push(plain[at..at + n].to_vec());
            at += n;
        }
        let (mut start, mut of_weights) = (0, Vec::new());
        for (l, &size) in joint.iter().enumerate() {
            let n = deep.sizes[l + 1];
            let change = |k: usize| {
                let (i, j) = (k / n, k % n);
                plain[start + k]
                    - offsets[l][i] * of_bias[l + 1][j]
                    - of_bias[l][i] * offsets[l + 1][j]
            };
            of_weights.push((0..size).map(change).collect::<Vec<f64>>());
            start += size;
        }
        let mut expected = of_weights.concat();
        for (l, bias) in of_bias.iter().enumerate() {
            for (unit, change) in bias.iter().enumerate() {
                let below = l.checked_sub(1).map_or(0.0, |b| {
                    let n = deep.sizes[l];
                    (0..deep.sizes[b]).map(|i| offsets[b][i] * of_weights[b][i * n + unit]).sum()
                });
                let above = offsets.get(l + 1).map_or(0.0, |offset| {
                    let n = offset.len();
                    dot(&of_weights[l][unit * n..(unit + 1) * n], offset)
                });
                expected.push(change - below - above);
            }
        }
        for (k, (found, expected)) in centred.iter().zip(&expected).enumerate() {
            assert!((found - expected).abs() < 1e-5, "{k}: {found} {expected}");
        }
        assert!(plain.iter().zip(&centred).any(|(p, c)| (p - c).abs() > 0.01));
    });
}

/// A learner that is taken up within an epoch goes on bit for bit, centred or not, with chains and momentum.
#[test]
fn a_state_goes_on_bit_for_bit() {
    use harmonium::data;
    use harmonium::models::{DbmSpec, DeepBoltzmannMachine};
    use harmonium::training::{ResidentData, Treatment};
    let train = data::load("digits").unwrap().train.cases.limit(230);
    on_each(|device| {
        for centered in [false, true] {
            let config =
                DbmConfig::default().batch(50).momentum(0.5).mean_field(5).centered(centered);
            let new = || {
                let dbm =
                    DeepBoltzmannMachine::from_spec(device, &DbmSpec::new([64, 12, 8]), 1).unwrap();
                DbmTrainer::new(dbm, config.clone(), &train.means()).unwrap()
            };
            let mut batches = ResidentData::new(device, &train, Treatment::default()).unwrap();
            let mut whole = new();
            let figures = (0..2).map(|_| whole.epoch(&mut batches).unwrap().figures).last();
            let mut first = new();
            first.epoch(&mut batches).unwrap();
            let mut left = 3;
            let stopped = first.epoch_while(&mut batches, |_, _| {
                left -= 1;
                Ok(left > 0)
            });
            assert!(stopped.unwrap().is_none());
            let state = first.state().unwrap();
            assert!(state.arrays.keys().any(|name| name == "chains2"));
            let mut second = new();
            second.restore(&state).unwrap();
            assert_eq!(Some(second.epoch(&mut batches).unwrap().figures), figures);
            assert_eq!(second.state().unwrap(), whole.state().unwrap());
        }
    });
}

/// Bars of four pixels: a few hundred updates raise ln p(v) from nearly nothing known to what is worth having.
#[test]
fn it_learns() {
    use harmonium::models::dbm::exact::ExactDbm;
    use harmonium::models::{DbmSpec, DeepBoltzmannMachine};
    let device = Device::cpu();
    let bars: Vec<Vec<f32>> = (0..8)
        .map(|k| {
            (0..16)
                .map(|p| f32::from(u8::from(if k < 4 { p / 4 == k } else { p % 4 == k - 4 })))
                .collect()
        })
        .collect();
    let rows: Vec<Vec<f32>> = (0..64).map(|k| bars[k % 8].clone()).collect();
    let v = matrix(&device, &rows);
    let means = vec![0.25; 16];
    for (sizes, centered) in
        [(vec![16, 8, 4], true), (vec![16, 8, 4], false), (vec![16, 8, 6, 4], true)]
    {
        let mut dbm =
            DeepBoltzmannMachine::from_spec(&device, &DbmSpec::new(sizes.clone()), 3).unwrap();
        dbm.set_visible_bias_from_means(&means).unwrap();
        let config = DbmConfig::default()
            .learning_rate(Schedule::constant(0.1))
            .batch(64)
            .centered(centered);
        let mut trainer = DbmTrainer::new(dbm, config, &means).unwrap();
        let likelihood = |trainer: &DbmTrainer| {
            let exact = ExactDbm::new(trainer.dbm()).unwrap();
            exact.log_likelihoods(&v).unwrap().iter().sum::<f64>() / 64.0
        };
        let start = likelihood(&trainer);
        for _ in 0..1500 {
            DbmTrainer::update(&mut trainer, &v, 1).unwrap();
        }
        let end = likelihood(&trainer);
        println!("{sizes:?} centred {centered}: {start} to {end}");
        // Independent pixels: −16·H(¼) = −9.0; knowing all: ln ⅛ = −2.08.
        assert!((start + 9.0).abs() < 0.1 && end > -5.0, "{sizes:?} {centered}: {start} to {end}");
    }
}

#[test]
fn what_cannot_be_trained_is_refused() {
    let device = Device::cpu();
    let deep = &deep_machines()[0];
    let new =
        |config: DbmConfig| DbmTrainer::new(deep.to_dbm(&device), config, &[0.5; 3]).map(drop);
    for (config, word) in [
        (plain().learning_rate(-1.0), "learning-rate"),
        (plain().momentum(1.0), "momentum"),
        (plain().batch(0), "batch"),
        (plain().steps(0), "pcd steps"),
        (plain().mean_field(0), "mean-field"),
    ] {
        let said = new(config).unwrap_err().to_string();
        assert!(said.contains(word), "{said}");
    }
    let mut trainer = DbmTrainer::new(deep.to_dbm(&device), plain(), &[0.5; 3]).unwrap();
    let none = Tensor::zeros(&device, &[0, 3]).unwrap();
    assert!(
        DbmTrainer::update(&mut trainer, &none, 1).unwrap_err().to_string().contains("no case")
    );
    assert!(DbmTrainer::new(deep.to_dbm(&device), plain().centered(true), &[0.5; 2]).is_err());
}

/// The states of a learner's chains, layer by layer.
fn chains(trainer: &mut DbmTrainer) -> Vec<Vec<f32>> {
    let mut found = Vec::new();
    let mut each = |name: &str, t: &mut Tensor| {
        if name.starts_with("chain") {
            found.push(t.to_vec()?);
        }
        Ok(())
    };
    trainer.visit_memory(&mut Visit::each(&mut each)).unwrap();
    found
}

/// Units without weights are drawn by their biases alone: numbers that came again would give the same states.
#[test]
fn every_update_draws_with_numbers_of_its_own() {
    let deep = Deep::random(Bernoulli, &[6, 5, 4], 0.0, 70);
    on_each(|device| {
        let config = plain().learning_rate(1e-6).batch(40).steps(1);
        let mut trainer = DbmTrainer::new(deep.to_dbm(device), config, &[0.5; 6]).unwrap();
        let v = matrix(device, &vec![vec![0.0; 6]; 40]);
        let mut states = || {
            trainer.update(&v, 1).unwrap();
            chains(&mut trainer)
        };
        let (first, second) = (states(), states());
        assert_eq!(first.len(), 3);
        for (a, b) in first.iter().zip(&second) {
            let moved = a.iter().zip(b).filter(|(a, b)| a != b).count();
            assert!(10 * moved > a.len(), "{moved} of {}", a.len());
        }
    });
}
