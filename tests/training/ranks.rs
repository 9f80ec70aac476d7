//! Ranks as threads: they have one model bit for bit, that of one rank within what sums in another order may differ by,
//! and where that is asked for bit for bit too.

use harmonium::data::{self, Cases, Values};
use harmonium::device::DeviceKind;
use harmonium::kernels::activation::Activation;
use harmonium::layers::LayerSpec;
use harmonium::models::network::NetworkSpec;
use harmonium::models::{Network, Rbm, UnitKind, Units};
use harmonium::ranks::{BLOCKS, Ranks, part, threads};
use harmonium::training::{
    Backpropagation, BackpropagationConfig, Batch, BatchSource, CdConfig, CdTrainer, Learner,
    ResidentData, Schedule, Sparsity, TrainerState, Treatment, collect, epoch_on, warm_up_on,
};
use harmonium::{Device, Error, Result};

use crate::models::support::on_turn;

/// Cases of the test data: no multiple of the batch, so that the last batch has fewer cases than there are ranks.
const CASES: usize = 42;
const BATCH: usize = 10;

fn digits(visible: UnitKind) -> Cases {
    let cases = data::load("digits").unwrap().train.cases.limit(CASES);
    match visible {
        UnitKind::Gaussian => Cases::new(Values::F32(cases.to_f32()), CASES, 64).unwrap(),
        _ => {
            let bits: Vec<u8> = cases.to_f32().iter().map(|&x| u8::from(x >= 0.5)).collect();
            Cases::new(Values::Bits(bits), CASES, 64).unwrap()
        }
    }
}

fn machine(device: &Device, visible: UnitKind, config: &CdConfig) -> (CdTrainer, ResidentData) {
    let rbm = Rbm::new(device, Units::new(visible, 64).unwrap(), Units::bernoulli(9), 1).unwrap();
    let source = ResidentData::new(device, &digits(visible), Treatment::default()).unwrap();
    (CdTrainer::new(rbm, config.clone(), &[0.25; 64]).unwrap(), source)
}

/// What each of `count` ranks has after its work.
pub(crate) fn on<T: Send>(
    count: usize,
    work: impl Fn(&Ranks) -> Result<T> + Sync,
) -> Vec<Result<T>> {
    std::thread::scope(|scope| {
        let work = &work;
        let ranks = threads(count).into_iter();
        let all: Vec<_> = ranks.map(|ranks| scope.spawn(move || work(&ranks))).collect();
        all.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// The states of ranks that train so many updates; all are the same.
pub(super) fn trained<L: Learner, S: BatchSource>(
    (count, reproducible): (usize, bool),
    updates: usize,
    make: impl Fn() -> (L, S) + Sync,
) -> TrainerState {
    let states = on(count, |ranks| {
        let ranks = ranks.clone().reproducible(reproducible);
        let (mut learner, mut source) = make();
        let mut left = updates;
        while left > 0 {
            let mut go_on = |_: &mut dyn Learner, _| {
                left -= 1;
                Ok(left > 0)
            };
            epoch_on(&ranks, &mut learner, &mut source, &mut go_on)?;
        }
        collect(&ranks, &mut learner)?;
        learner.state()
    });
    let states: Vec<TrainerState> = states.into_iter().map(|state| state.unwrap()).collect();
    for (rank, state) in states.iter().enumerate() {
        assert_eq!(*state, states[0], "rank {rank} of {count}");
    }
    states.into_iter().next().unwrap()
}

fn kinds() -> Vec<(&'static str, UnitKind, CdConfig)> {
    let bits = UnitKind::Bernoulli;
    let config = || CdConfig::new(bits, bits).batch(BATCH).weight_decay(0.01).learning_rate(0.05);
    let momentum = || config().momentum(Schedule::constant(0.75));
    let gaussian = CdConfig::new(UnitKind::Gaussian, bits).batch(BATCH);
    vec![
        ("CD-1", bits, momentum()),
        ("CD-3", bits, config().steps(3)),
        ("PCD-2, centred", bits, momentum().persistent(true).steps(2).centered(true)),
        ("PCD, more chains than cases", bits, config().persistent(true).batch(CASES + 7)),
        ("sparse, centred", bits, config().centered(true).sparsity(Sparsity::new(0.1, 0.5))),
        ("averaged, sparse", bits, config().average(true).sparsity(Sparsity::new(0.1, 0.5))),
        ("Gaussian", UnitKind::Gaussian, gaussian.persistent(true)),
        ("tempered", bits, momentum().persistent(true).steps(2).centered(true).tempering(3)),
        ("trajectory", bits, config().trajectory(true).learning_rate(0.5)),
        ("trajectory, PCD", bits, config().trajectory(true).persistent(true).learning_rate(0.5)),
        (
            "trajectory tempering",
            bits,
            config()
                .trajectory(true)
                .trajectory_tempering(true)
                .persistent(true)
                .learning_rate(0.5),
        ),
    ]
}

fn has_ladder(config: &CdConfig) -> bool {
    config.tempering.is_some() || config.trajectory
}

pub(super) fn is_cpu(device: &Device) -> bool {
    device.info().kind == DeviceKind::Cpu
}

#[test]
fn machines_of_ranks_are_the_same_and_reproducible_ones_do_not_depend_on_their_number() {
    for device in on_turn() {
        for (name, visible, config) in kinds() {
            let make = || machine(&device, visible, &config);
            // Past the end of an epoch, whose last batch has two cases.
            let updates = 2 * CASES.div_ceil(config.batch) + 2;
            let one = trained((1, true), updates, make);
            assert!(
                one.arrays["W"].values.iter().any(|w| w.abs() > 0.02),
                "{name}: nothing learnt"
            );
            if name.contains("traj") {
                assert!(one.arrays.contains_key("ladder.1.W"), "{name}: no rung");
            }
            // Of eleven ranks three have no block. Who has which is the host's; on a GPU, which may be a slow one, one number does.
            let counts: &[usize] = match (has_ladder(&config), is_cpu(&device)) {
                (true, true) => &[2, 3, 4, 11],
                (false, true) => &[2, 3, 4],
                (_, false) => &[3],
            };
            for &count in counts {
                let several = trained((count, true), updates, make);
                assert_eq!(several, one, "{name}, {count} ranks, {}", device.info());
                trained((count, false), updates, make);
            }
        }
    }
}

/// The same of cases that weigh nothing, as much as they are or twice as much. The bound is that of
/// [`one_update_agrees_with_one_rank_within_the_bound_of_summation`], of terms that are twice as large.
#[test]
fn machines_of_ranks_weigh_their_cases() {
    for device in on_turn() {
        for (name, visible, config) in kinds() {
            let make = || {
                let (trainer, _) = machine(&device, visible, &config);
                let weights = (0..CASES).map(|case| (case % 3) as f32).collect();
                let cases = digits(visible).with_weights(weights).unwrap();
                let source = ResidentData::new(&device, &cases, Treatment::default()).unwrap();
                (trainer, source)
            };
            if has_ladder(&config) && !is_cpu(&device) {
                continue;
            }
            let updates = CASES.div_ceil(config.batch) + 2;
            let one = trained((1, true), updates, make);
            for count in [2, 4] {
                assert_eq!(trained((count, true), updates, make), one, "{name}, {count} ranks");
            }
            if visible == UnitKind::Gaussian {
                continue;
            }
            let plain = {
                let (mut trainer, mut source) = make();
                trainer.epoch_while(&mut source, |_, _| Ok(false)).unwrap();
                trainer.state().unwrap()
            };
            let bound = 2.0 * 8.0 * config.batch as f64 * f64::from(f32::EPSILON);
            let several = trained((3, false), 1, make);
            close(&format!("{name}, weighted"), &several, &plain, bound);
        }
    }
}

/// A source that has weights and does not say so.
struct Silent(ResidentData);

impl BatchSource for Silent {
    fn cases(&self) -> usize {
        self.0.cases()
    }

    fn width(&self) -> usize {
        self.0.width()
    }

    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()> {
        self.0.start_epoch(seed, epoch)
    }

    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>> {
        self.0.next_batch(rows)
    }
}

#[test]
fn weights_that_a_source_does_not_tell_of_are_refused_beside_chains() {
    let (device, bits) = (Device::cpu(), UnitKind::Bernoulli);
    let config = CdConfig::new(bits, bits).batch(BATCH).persistent(true);
    for result in on(2, |ranks| {
        let (mut trainer, _) = machine(&device, bits, &config);
        let cases = digits(bits).with_weights((0..CASES).map(|case| case as f32).collect())?;
        let mut source = Silent(ResidentData::new(&device, &cases, Treatment::default())?);
        epoch_on(ranks, &mut trainer, &mut source, &mut |_, _| Ok(true))
    }) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("is_weighted"), "{error}");
    }
}

/// |a − b| ≤ c ε Σ|terms|, element by element: the two were summed in another order.
pub(super) fn close(name: &str, found: &TrainerState, expected: &TrainerState, bound: f64) {
    assert_eq!(found.clock.updates, expected.clock.updates, "{name}");
    for (key, array) in &expected.arrays {
        for (at, (a, b)) in found.arrays[key].values.iter().zip(&array.values).enumerate() {
            let far = f64::from((a - b).abs());
            assert!(far <= bound, "{name}: {key}[{at}] is {a}, of one rank {b}: {far} > {bound}");
        }
    }
}

/// One update from equal parameters: gradients are means of products of values in [0, 1], so that a sum of B + C terms
/// of at most 1/B in another order is off by (B + C)·ε·2 at most; the rate, what centring and the sparsity target add and
/// the velocity's own rounding come to no more than as much again. States must not flip: they are drawn from the same
/// parameters with the same numbers.
#[test]
fn one_update_agrees_with_one_rank_within_the_bound_of_summation() {
    for device in on_turn() {
        for (name, visible, config) in kinds() {
            if visible == UnitKind::Gaussian {
                continue;
            }
            let make = || machine(&device, visible, &config);
            let one = {
                let (mut trainer, mut source) = make();
                trainer.epoch_while(&mut source, |_, _| Ok(false)).unwrap();
                trainer.state().unwrap()
            };
            let terms = 2.0 * config.batch as f64;
            let bound = 4.0 * terms * f64::from(f32::EPSILON);
            for (count, reproducible) in [(2, false), (3, false), (4, false), (2, true)] {
                let several = trained((count, reproducible), 1, make);
                close(&format!("{name}, {count} ranks"), &several, &one, bound);
            }
        }
    }
}

fn network(device: &Device, weighted: bool) -> (Backpropagation, ResidentData) {
    let mut set = data::load("digits").unwrap().train.limit(CASES);
    if weighted {
        let weights = (0..CASES).map(|case| (1 + case % 3) as f32).collect();
        set.cases = set.cases.with_weights(weights).unwrap();
    }
    let spec = NetworkSpec::new([1, 8, 8], 10)
        .layer(LayerSpec::Flatten)
        .layer(LayerSpec::linear(12, Activation::Sigmoid))
        .layer(LayerSpec::Dropout { rate: 0.5 })
        .layer(LayerSpec::linear(10, Activation::Identity));
    let network = Network::new(device, &spec, 1).unwrap();
    let config = BackpropagationConfig::default().batch(BATCH);
    let source = ResidentData::new(device, &set.cases, Treatment::default()).unwrap();
    let source = source.with_labels(set.labels.as_ref().unwrap()).unwrap();
    let source = source.with_case_dims(&[1, 8, 8]).unwrap();
    (Backpropagation::new(network, config).unwrap(), source)
}

#[test]
fn nets_of_ranks_are_the_same_with_dropout_and_losses() {
    for (device, weighted) in on_turn().into_iter().flat_map(|d| [(d.clone(), false), (d, true)]) {
        let make = || network(&device, weighted);
        let one = trained((1, true), 7, make);
        assert_eq!(one.clock.epoch_updates, 2);
        assert!(one.arrays["epoch.loss"].values[..2 * BATCH].iter().all(|&x| x > 0.0));
        for count in [2, 4] {
            assert_eq!(trained((count, true), 7, make), one, "{count} ranks, {}", device.info());
        }
        let plain = {
            let (mut trainer, mut source) = make();
            trainer.epoch_while(&mut source, |_, _| Ok(false)).unwrap();
            trainer.state().unwrap()
        };
        // Losses to 5 (weights to 1.5), gradients of inputs to 1 through two layers of weights below 1: 64 terms each, 4 blocks.
        close("net", &trained((3, false), 1, make), &plain, 64.0 * 7.5 * f64::from(f32::EPSILON));
    }
}

/// Rank 0 on the CPU, another on a GPU: all have what rank 0 has, which one process has too within the bound of sums and of
/// what devices may differ by: activations of inputs below 8 to 1e-6, as the kernels' proofs hold them. A state that both
/// draw alike does not flip at this seed.
#[test]
fn devices_of_different_kinds_follow_rank_0() {
    let Some(gpu) = crate::support::gpus().first() else { return };
    let bits = UnitKind::Bernoulli;
    let base = || CdConfig::new(bits, bits).batch(BATCH).learning_rate(0.05);
    for (name, config) in [
        ("CD-1", base().momentum(Schedule::constant(0.75))),
        ("PCD, centred, averaged", base().persistent(true).centered(true).average(true)),
    ] {
        let run = |updates: usize| {
            let states = on(2, |ranks| {
                let device = if ranks.rank() == 0 { Device::cpu() } else { gpu.clone() };
                let ranks = ranks.clone().mixed(true);
                let (mut trainer, mut source) = machine(&device, bits, &config);
                warm_up_on(&ranks, &mut trainer, &mut source)?;
                let mut left = updates;
                while left > 0 {
                    let mut go_on = |_: &mut dyn Learner, _| {
                        left -= 1;
                        Ok(left > 0)
                    };
                    epoch_on(&ranks, &mut trainer, &mut source, &mut go_on)?;
                }
                collect(&ranks, &mut trainer)?;
                trainer.state()
            });
            let states: Vec<TrainerState> =
                states.into_iter().map(|state| state.unwrap()).collect();
            assert_eq!(states[0], states[1], "{name}");
            states.into_iter().next().unwrap()
        };
        // Past an epoch's end, where ranks compare what they have.
        run(CASES.div_ceil(BATCH) + 2);
        let one = {
            let (mut trainer, mut source) = machine(&Device::cpu(), bits, &config);
            trainer.epoch_while(&mut source, |_, _| Ok(false)).unwrap();
            trainer.state().unwrap()
        };
        let bound = 4.0 * 2.0 * BATCH as f64 * f64::from(f32::EPSILON) + 2e-6;
        close(name, &run(1), &one, bound);
    }
}

#[test]
fn a_run_goes_on_with_another_number_of_ranks() {
    let device = Device::cpu();
    let bits = UnitKind::Bernoulli;
    let plain = || CdConfig::new(bits, bits).batch(BATCH).persistent(true);
    let grown = plain().trajectory(true).trajectory_tempering(true).learning_rate(0.5);
    for config in [plain(), plain().tempering(3), grown] {
        let make = || machine(&device, bits, &config);
        let whole = trained((1, true), 9, make);
        let half = trained((4, true), 6, make);
        let rest = trained((3, true), 3, || {
            let (mut trainer, source) = make();
            trainer.restore(&half).unwrap();
            (trainer, source)
        });
        assert_eq!(rest, whole);
    }
}

#[test]
fn sums_go_from_block_to_block() {
    // In f32 the order matters: (2^24 + 1) + 1 = 2^24, and 2^24 + (1 + 1) is not.
    let big = 16_777_216.0f32;
    let blocks: Vec<f32> = vec![big, 1.0, 1.0, -big, 3.0, 0.5, 0.25, 0.125];
    let expected = blocks.iter().copied().reduce(|a, b| a + b).unwrap();
    assert_eq!(blocks.len(), BLOCKS);
    for count in [1, 2, 3, 5, 8, 11] {
        for len in [0, 1, 7] {
            let sums = on(count, |ranks| {
                let ranks = ranks.clone().reproducible(true);
                let own = ranks.blocks_of(ranks.rank());
                let own = own.map(|block| vec![blocks[block]; len]).collect();
                ranks.sum(own, len)
            });
            for sum in sums {
                assert_eq!(sum.unwrap(), vec![expected; len], "{count} ranks");
            }
        }
    }
    for (n, parts) in [(0, 3), (1, 4), (10, 3), (100, 8)] {
        let all: Vec<usize> = (0..parts).flat_map(|number| part(n, parts, number)).collect();
        assert_eq!(all, (0..n).collect::<Vec<_>>());
    }
}

#[test]
fn work_by_turns_comes_in_order_and_a_failure_ends_it_for_all() {
    for count in [1, 2, 3, 5] {
        for things in [0, 1, 4, 7] {
            let found = on(count, |ranks| {
                let (mut made, mut taken) = (Vec::new(), Vec::new());
                ranks.by_turns(
                    things,
                    &mut |thing| {
                        made.push(thing);
                        Ok(vec![thing as u8; thing])
                    },
                    &mut |thing, bytes| {
                        assert_eq!(bytes, vec![thing as u8; thing]);
                        taken.push(thing);
                        Ok(())
                    },
                )?;
                assert!(made.iter().all(|thing| thing % count == ranks.rank()), "{made:?}");
                ranks.ended(Ok(()))?;
                Ok(taken)
            });
            for taken in found {
                assert_eq!(taken.unwrap(), (0..things).collect::<Vec<_>>(), "{count} ranks");
            }
        }
    }
    // In the work, while others wait; behind it, alone; and before it.
    for place in ["making", "taking", "end", "begin"] {
        let found = on(3, |ranks| {
            let mine = |here| match place == here && ranks.rank() == 1 {
                true => Err(Error::data("rank 1", "its disk is gone")),
                false => Ok(()),
            };
            let work = || {
                mine("begin")?;
                let mut make = |thing| match thing {
                    4 => mine("making").map(|()| Vec::new()),
                    _ => Ok(Vec::new()),
                };
                ranks.by_turns(9, &mut make, &mut |thing, _| match thing {
                    2 => mine("taking"),
                    _ => Ok(()),
                })?;
                mine("end")
            };
            ranks.ended(work())
        });
        for (rank, result) in found.into_iter().enumerate() {
            let said = result.unwrap_err().to_string();
            assert!(said.contains("its disk is gone"), "{place}, rank {rank}: {said}");
            assert_eq!(said.contains("rank 1 of 3"), rank != 1, "{place}, rank {rank}: {said}");
        }
    }
}

/// Of a table of 5 columns, cut among ranks, some of which have none: the same table, whatever its rows.
#[test]
fn tables_of_ranks_lie_beside_each_other() {
    for (count, rows) in [(1, 3), (2, 3), (3, 1), (7, 2), (2, 0)] {
        let whole: Vec<f32> = (0..5 * rows).map(|k| k as f32).collect();
        let found = on(count, |ranks| {
            let own = |row: usize| whole[5 * row..][ranks.own(5)].to_vec();
            ranks.beside((0..rows).flat_map(own).collect(), rows)
        });
        for found in found {
            assert_eq!(found.unwrap(), whole, "{count} ranks, {rows} rows");
        }
    }
}

#[test]
fn wishes_reach_all_ranks_with_the_next_sum() {
    let found = on(3, |ranks| {
        let mine = [ranks.rank() == 1, false];
        let before = ranks.agree(mine);
        ranks.sum_one(vec![1.0])?;
        let after = ranks.agree([false; 2]);
        ranks.sum_one(vec![1.0])?;
        Ok([before, after, ranks.agree([false; 2])])
    });
    for found in found {
        assert_eq!(found.unwrap(), [[false, false], [true, false], [false, false]]);
    }
}

#[test]
fn what_cannot_be_shared_says_so_and_a_rank_that_fails_ends_the_others() {
    let device = Device::cpu();
    let bits = UnitKind::Bernoulli;
    let refused = CdConfig::new(bits, bits).exact_gradient(true);
    for result in on(2, |ranks| {
        let (mut trainer, mut source) = machine(&device, bits, &refused);
        epoch_on(ranks, &mut trainer, &mut source, &mut |_, _| Ok(true))
    }) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("exact-gradient") && error.contains("mpirun"), "{error}");
    }
    let mut results = on(2, |ranks| {
        let (mut trainer, mut source) = machine(&device, bits, &CdConfig::default().batch(BATCH));
        let mut updates = 0;
        epoch_on(ranks, &mut trainer, &mut source, &mut |_, _| {
            updates += 1;
            match (ranks.rank(), updates) {
                (1, 2) => {
                    ranks.abort(1);
                    Err(Error::data("rank 1", "its disk is gone"))
                }
                _ => Ok(true),
            }
        })
    });
    assert!(results.remove(1).unwrap_err().to_string().contains("its disk is gone"));
    let other = results.remove(0).unwrap_err().to_string();
    assert!(other.contains("rank 1 ended"), "{other}");
}

#[test]
fn models_that_differ_stop_the_run_with_the_ranks_named() {
    let device = Device::cpu();
    let bits = UnitKind::Bernoulli;
    let config = CdConfig::default().batch(BATCH);
    for result in on(4, |ranks| {
        let (mut trainer, mut source) = machine(&device, bits, &config);
        if ranks.rank() == 2 {
            let mut state = trainer.state()?;
            state.arrays.get_mut("W").unwrap().values[17] += 1e-7;
            trainer.restore(&state)?;
        }
        epoch_on(ranks, &mut trainer, &mut source, &mut |_, _| Ok(true))
    }) {
        let error = result.unwrap_err().to_string();
        assert!(error.contains("rank 2 is not that of rank 0"), "{error}");
    }
}
