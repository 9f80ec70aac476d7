//! Ranks that train deep machines and classification machines: one model bit for bit, that of one rank within what sums in
//! another order may differ by, and where that is asked for bit for bit too.

use harmonium::Device;
use harmonium::data::{self, Cases, Values};
use harmonium::models::autoencoder::{Noise, Penalties};
use harmonium::models::{
    Autoencoder, AutoencoderSpec, ClassRbm, DbmSpec, DbnSpec, DeepBeliefNet, DeepBoltzmannMachine,
};
use harmonium::training::{
    BatchSource, ClassConfig, ClassObjective, ClassTrainer, DbmConfig, DbmTrainer, FewLabels,
    Learner, Method, Minimizer, MinimizerConfig, ResidentData, TrainerState, Treatment, UpDown,
    UpDownConfig,
};

use super::ranks::{close, is_cpu, trained};
use crate::models::support::on_turn;

/// No multiple of the batch, so that the last batch has fewer cases than there are ranks.
const CASES: usize = 42;
const BATCH: usize = 10;

fn bits(first: usize, count: usize) -> (Cases, Vec<u32>) {
    let set = data::load("digits").unwrap().train.limit(first + count);
    let bits: Vec<u8> = set.cases.to_f32().iter().map(|&x| u8::from(x >= 0.5)).collect();
    let cases = Cases::new(Values::Bits(bits[64 * first..].to_vec()), count, 64).unwrap();
    (cases, set.labels.unwrap()[first..].to_vec())
}

/// The same, of which some weigh nothing and some twice as much.
fn weighted(cases: Cases) -> Cases {
    let weights = (0..cases.len()).map(|k| (k % 3) as f32).collect();
    cases.with_weights(weights).unwrap()
}

fn resident(device: &Device, cases: &Cases) -> ResidentData {
    ResidentData::new(device, cases, Treatment::default()).unwrap()
}

/// The state after one update as one process makes it.
fn plain<L: Learner, S: BatchSource>(make: impl Fn() -> (L, S)) -> TrainerState {
    let (mut learner, mut source) = make();
    learner.epoch_while(&mut source, |_, _| Ok(false)).unwrap();
    learner.state().unwrap()
}

/// Whatever is asked of ranks: `bound` is what one update may differ by from that of one rank.
fn holds<L: Learner, S: BatchSource>(
    device: &Device,
    name: &str,
    bound: f64,
    make: impl Fn() -> (L, S) + Sync,
) {
    let name = format!("{name}, {}", device.info());
    let updates = 2 * CASES.div_ceil(BATCH) + 2;
    let one = trained((1, true), updates, &make);
    let (mut begins, _) = make();
    let begins = begins.state().unwrap();
    let moved = one.arrays.iter().any(|(key, array)| {
        let before = begins.arrays.get(key).map(|array| &array.values);
        before.is_some_and(|before| {
            array.values.iter().zip(before).any(|(a, b)| (a - b).abs() > 0.02)
        })
    });
    assert!(moved, "{name}: nothing learnt");
    // Who has which block is the host's; on a GPU, which may be a slow one, one number does.
    let counts: &[usize] = if is_cpu(device) { &[2, 3, 4] } else { &[3] };
    for &count in counts {
        assert_eq!(trained((count, true), updates, &make), one, "{name}, {count} ranks");
        trained((count, false), updates, &make);
    }
    let plain = plain(&make);
    for (count, reproducible) in [(2, false), (3, false), (4, false), (2, true)] {
        let several = trained((count, reproducible), 1, &make);
        close(&format!("{name}, {count} ranks"), &several, &plain, bound);
    }
    // On another number of ranks from within an epoch.
    let half = trained((4, true), 6, &make);
    let rest = trained((3, true), updates - 6, || {
        let (mut learner, source) = make();
        learner.restore(&half).unwrap();
        (learner, source)
    });
    assert_eq!(rest, one, "{name}: what goes on");
}

/// Gradients are means of products of values in [0, 1], of B cases and C chains; the rate is below 1.
const BOUND: f64 = 4.0 * 2.0 * BATCH as f64 * f32::EPSILON as f64;

#[test]
fn deep_machines_of_ranks_are_the_same() {
    for device in on_turn() {
        for (name, centered, units) in
            [("plain", false, vec![64, 9, 5]), ("centred", true, vec![64, 9, 6, 4])]
        {
            let make = || {
                let (cases, _) = bits(0, CASES);
                let spec = DbmSpec::new(units.clone());
                let dbm = DeepBoltzmannMachine::from_spec(&device, &spec, 1).unwrap();
                let config = DbmConfig::default().batch(BATCH).learning_rate(0.1).momentum(0.5);
                let config = config.steps(2).mean_field(8).centered(centered);
                (DbmTrainer::new(dbm, config, &cases.means()).unwrap(), resident(&device, &cases))
            };
            holds(&device, name, BOUND, make);
            // Rounds are told of all ranks' cases.
            let rounds = trained((3, true), 3, make).arrays["epoch.rounds"].values[0];
            assert_eq!(rounds, plain_rounds(3, make), "{name}, {}", device.info());
        }
    }
}

/// The mean field's rounds of so many updates in one process.
fn plain_rounds<S: BatchSource>(updates: usize, make: impl Fn() -> (DbmTrainer, S)) -> f32 {
    let (mut learner, mut source) = make();
    let mut left = updates;
    let mut go_on = |_: &mut dyn Learner, _| {
        left -= 1;
        Ok(left > 0)
    };
    learner.epoch_while(&mut source, &mut go_on).unwrap();
    learner.state().unwrap().arrays["epoch.rounds"].values[0]
}

fn classes() -> Vec<(&'static str, ClassConfig)> {
    let config = |objective| ClassConfig::default().objective(objective).batch(BATCH);
    let hybrid = || config(ClassObjective::Hybrid(0.1)).learning_rate(0.1);
    vec![
        ("hybrid", hybrid()),
        ("discriminative, centred", config(ClassObjective::Discriminative).centered(true)),
        ("generative, PCD", config(ClassObjective::Generative).persistent(true).steps(2)),
        ("hybrid, centred, decaying", hybrid().centered(true).weight_decay(0.01)),
        ("hybrid, sparse, values dropped", hybrid().sparsity(0.1).input_dropout(0.3)),
    ]
}

#[test]
fn classification_machines_of_ranks_are_the_same() {
    for device in on_turn() {
        for (name, config) in classes() {
            let make = || {
                let (cases, labels) = bits(0, CASES);
                let machine = ClassRbm::new(&device, [64, 10], 9, 1).unwrap();
                let source = resident(&device, &cases).with_labels(&labels).unwrap();
                (ClassTrainer::new(machine, config.clone()).unwrap(), source)
            };
            holds(&device, name, BOUND, make);
        }
    }
}

/// How many cases of a batch have a class is known to no rank before all have counted. Gradients of both kinds of cases are
/// added: twice the bound.
#[test]
fn few_labels_among_many_cases_are_shared_too() {
    for device in on_turn() {
        for persistent in [false, true] {
            let make = || {
                let (few, labels) = bits(0, 7);
                let few = resident(&device, &few).with_labels(&labels).unwrap();
                let others = resident(&device, &bits(7, CASES - 7).0);
                let source = FewLabels::new(few, others, BATCH).unwrap();
                let config = ClassConfig::default().objective(ClassObjective::Hybrid(0.5));
                let config = config.batch(BATCH).unlabelled(true).learning_rate(0.1);
                let config = config.persistent(persistent).centered(!persistent);
                let machine = ClassRbm::new(&device, [64, 10], 9, 1).unwrap();
                (ClassTrainer::new(machine, config).unwrap(), source)
            };
            holds(&device, &format!("persistent {persistent}"), 2.0 * BOUND, make);
        }
    }
}

/// Every array is a mean over cases of products in [−1, 1], which may count twice.
#[test]
fn up_down_on_ranks_is_that_of_one() {
    for (device, alike) in on_turn().into_iter().flat_map(|d| [(d.clone(), true), (d, false)]) {
        let make = || {
            let (cases, labels) = bits(0, CASES);
            let cases = if alike { cases } else { weighted(cases) };
            let spec = DbnSpec::new([64, 9, 6]).classes(10);
            let net = DeepBeliefNet::from_spec(&device, &spec, 1).unwrap();
            let config = UpDownConfig::default().batch(BATCH).learning_rate(0.3).momentum(0.5);
            let config = config.weight_decay(0.01);
            let source = resident(&device, &cases).with_labels(&labels).unwrap();
            (UpDown::new(net, config).unwrap(), source)
        };
        let bound = if alike { BOUND } else { 2.0 * BOUND };
        holds(&device, &format!("up-down, alike {alike}"), bound, make);
    }
}

/// A line search's step is a quotient of differences of losses, each known to 1e-7 of itself, and such a difference is a
/// thousandth of a loss and more: steps of ranks agree to 1e-3 of what they change.
#[test]
fn line_searches_on_ranks_go_the_same_way() {
    for device in on_turn() {
        for (name, method, alike) in [
            ("cg", Method::ConjugateGradient, true),
            ("lbfgs", Method::Lbfgs { pairs: 5 }, true),
            ("cg, weighted", Method::ConjugateGradient, false),
        ] {
            let make = || {
                let (cases, _) = bits(0, CASES);
                let cases = if alike { cases } else { weighted(cases) };
                let penalties = Penalties { sparse: None, contractive: Some(0.2) };
                let spec = AutoencoderSpec::new(64, &[12, 4]).tied(true).penalties(penalties);
                let spec = spec.noise(Noise::Mask(0.3));
                let model = Autoencoder::new(&device, &spec, 3).unwrap();
                let config = MinimizerConfig::default().method(method).batch(BATCH);
                let config = config.line_searches(2).weight_decay(0.01);
                (Minimizer::new(model, config).unwrap(), resident(&device, &cases))
            };
            let start = make().0.state().unwrap();
            let after = plain(make);
            let change = |key: &String| {
                let [before, after] = [&start, &after].map(|state| state.arrays.get(key));
                let pairs =
                    before.into_iter().zip(after).flat_map(|(a, b)| a.values.iter().zip(&b.values));
                pairs.map(|(a, b)| f64::from((a - b).abs())).fold(0.0, f64::max)
            };
            let largest = start.arrays.keys().map(change).fold(0.0, f64::max);
            assert!(largest > 0.02, "{name}: {largest}");
            holds(&device, name, 1e-3 * largest, make);
        }
    }
}

/// Cases that weigh nothing, and twice as much, count so on ranks, beside persistent chains too.
#[test]
fn weighted_cases_of_a_classification_machine_are_shared() {
    let device = Device::cpu();
    for persistent in [false, true] {
        holds(&device, &format!("weighted, persistent {persistent}"), 2.0 * BOUND, || {
            let (cases, labels) = bits(0, CASES);
            let source = resident(&device, &weighted(cases));
            let objective = ClassObjective::Hybrid(0.5);
            let config = ClassConfig::default().batch(BATCH).objective(objective);
            let config = config.persistent(persistent).learning_rate(0.1);
            let machine = ClassRbm::new(&device, [64, 10], 9, 1).unwrap();
            let trainer = ClassTrainer::new(machine, config).unwrap();
            (trainer, source.with_labels(&labels).unwrap())
        });
    }
}

#[test]
fn weighted_cases_of_a_deep_machine_are_shared() {
    for device in on_turn() {
        for centered in [false, true] {
            holds(&device, &format!("weighted dbm, centred {centered}"), 2.0 * BOUND, || {
                let cases = weighted(bits(0, CASES).0);
                let spec = DbmSpec::new([64, 9, 5]);
                let dbm = DeepBoltzmannMachine::from_spec(&device, &spec, 1).unwrap();
                let config = DbmConfig::default().batch(BATCH).centered(centered);
                let config = config.learning_rate(0.1);
                let trainer = DbmTrainer::new(dbm, config, &cases.means()).unwrap();
                (trainer, resident(&device, &cases))
            });
        }
    }
}
