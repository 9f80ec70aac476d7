//! Ladders in training: the model's term where plain persistent chains miss a mode, machines kept on the way, and states
//! that go on bit for bit.

use harmonium::data::{self, Cases, Values};
use harmonium::evaluation::ladder::{LadderConfig, climb};
use harmonium::evaluation::partition::exact_log_partition;
use harmonium::models::{Ladder, Rbm, UnitKind, Units};
use harmonium::random::{Draw, PhiloxRng};
use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData, Schedule, Treatment};
use harmonium::{Device, Tensor};

use super::plain;
use crate::models::exact::{Exact, number, states, to_f64};
use crate::models::ladder::two_modes;
use crate::models::support::{monte_carlo_floor, on_each, total_variation};

const CHAINS: usize = 1024;

/// After updates that move the chains alone, one update by the data's means less the model's. Data of one mode: plain
/// chains never hear of the other, whose weight is 0.7.
#[test]
fn the_models_term_has_the_mode_that_no_data_are_in() {
    let exact = two_modes(4);
    let p = exact.p_v();
    let mean = |i: usize| -> f64 { states(4).iter().zip(&p).map(|(v, p)| p * v[i]).sum() };
    let expected: Vec<f64> = (0..4).map(|i| -mean(i)).collect();
    // Means of independent numbers in [0, 1]: Hoeffding, of four one once in 10⁸ runs; and 0.01 for what the chains still
    // remember of their start.
    let bound = 0.01 + (8e8f64.ln() / (2.0 * CHAINS as f64)).sqrt();
    let config = plain(UnitKind::Bernoulli, 1.0)
        .batch(CHAINS)
        .persistent(true)
        .learning_rate(Schedule::Steps(0.0, vec![(1, 1.0)]));
    let miss = |device: &Device, config: CdConfig| -> f64 {
        let mut trainer = CdTrainer::new(exact.to_rbm(device), config, &[0.5; 4]).unwrap();
        let v0 = Tensor::zeros(device, &[CHAINS, 4]).unwrap();
        (0..250).for_each(|_| trainer.update(&v0, 1).unwrap());
        let bias = |trainer: &CdTrainer| to_f64(&trainer.rbm().visible_bias().to_vec().unwrap());
        let before = bias(&trainer);
        trainer.update(&v0, 2).unwrap();
        let change = bias(&trainer).into_iter().zip(before).map(|(now, before)| now - before);
        change.zip(&expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f64::max)
    };
    on_each(|device| {
        let tempered = miss(device, config.clone().tempering(6));
        let alone = miss(device, config.clone());
        println!("  off by {tempered:.4}, plain chains {alone:.4}, bound {bound:.4}");
        assert!(tempered < bound && alone > 0.5);
    });
}

fn ladders() -> [CdConfig; 3] {
    let persistent = CdConfig::default().batch(16).epochs(2).persistent(true);
    [
        persistent.clone().tempering(3).steps(2).centered(true),
        persistent.clone().trajectory(true).trajectory_tempering(true).learning_rate(0.5),
        CdConfig::default().batch(16).epochs(2).trajectory(true).learning_rate(0.5),
    ]
}

/// A state taken within an epoch goes on bit for bit, its rungs and their chains too.
#[test]
fn a_state_with_a_ladder_goes_on_bit_for_bit() {
    let cases = data::load("digits").unwrap().train.cases.limit(100);
    on_each(|device| {
        for config in ladders() {
            let trainer = || {
                let rbm = Rbm::new(device, Units::bernoulli(64), Units::bernoulli(20), 1).unwrap();
                CdTrainer::new(rbm, config.clone(), &cases.means()).unwrap()
            };
            let source = || ResidentData::new(device, &cases, Treatment::default()).unwrap();
            let (mut whole, mut batches) = (trainer(), source());
            let reports = [0, 1].map(|_| whole.epoch(&mut batches).unwrap());
            for stop in [1, 5, 10] {
                let (mut first, mut batches) = (trainer(), source());
                let mut left = stop;
                while first.clock().epochs < 2 {
                    let go_on = |_: &mut dyn Learner, _| {
                        left -= 1;
                        Ok(left > 0)
                    };
                    if first.epoch_while(&mut batches, go_on).unwrap().is_none() {
                        break;
                    }
                }
                let state = first.state().unwrap();
                assert_eq!(state.clock.updates, stop);
                let (mut second, mut batches) = (trainer(), source());
                second.restore(&state).unwrap();
                let mut last = None;
                while second.clock().epochs < 2 {
                    last = Some(second.epoch(&mut batches).unwrap());
                }
                assert!(second.state().unwrap() == whole.state().unwrap(), "stopped after {stop}");
                assert_eq!(last.unwrap().figures, reports[1].figures);
            }
            let figures = &reports[1].figures;
            println!("  {figures:?}");
            match (config.tempering, config.trajectory_tempering) {
                (None, false) => assert_eq!(figures.get("swap_acceptance"), None),
                // None where the ladder has just changed.
                _ => {
                    assert!(figures.get("swap_acceptance").is_none_or(|a| (0.0..=1.0).contains(&a)))
                }
            }
            assert_eq!(figures.get("rungs").is_some(), config.trajectory);
        }
    });
}

/// A machine trained along its trajectory: the lowest rung has independent units of the data's means, neighbours exchange
/// often enough, and the ladder's log Z is the enumerated one.
#[test]
fn the_machines_of_a_trajectory_are_a_ladder() {
    let device = Device::cpu();
    let cases = data::load("digits").unwrap().train.cases;
    let mut source = ResidentData::new(&device, &cases, Treatment::default()).unwrap();
    for exchanging in [false, true] {
        let config = plain(UnitKind::Bernoulli, 0.05)
            .batch(50)
            .epochs(60)
            .persistent(true)
            .trajectory(true)
            .trajectory_tempering(exchanging);
        let mut rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(16), 1).unwrap();
        rbm.set_visible_bias_from_means(&cases.means()).unwrap();
        let mut trainer = CdTrainer::new(rbm, config, &cases.means()).unwrap();
        let reports: Vec<_> = (0..60).map(|_| trainer.epoch(&mut source).unwrap()).collect();
        let kept = trainer.trajectory();
        let bottom = &kept[0];
        assert!(bottom.weights().to_vec().unwrap().iter().all(|&w| w == 0.0));
        let bias = Units::bernoulli(64).bias_of_means(&cases.means());
        assert_eq!(bottom.visible_bias().to_vec().unwrap(), bias);
        assert_eq!(reports[59].figures.get("rungs"), Some((kept.len() + 1) as f64));
        let rungs = kept.iter().chain([trainer.rbm()]).map(|rbm| rbm.try_clone().unwrap());
        let ladder = Ladder::new(rungs.collect()).unwrap();
        let found =
            climb(&ladder, &LadderConfig::default().chains(50).rounds(200, 400), |_| ()).unwrap();
        let exact = exact_log_partition(trainer.rbm()).unwrap();
        let off = (found.log_partition - exact).abs();
        println!(
            "  {} rungs, {:?}, off by {off:.4} ± {:.4}",
            kept.len() + 1,
            found.swaps,
            found.std_error
        );
        assert!((2..20).contains(&kept.len()), "{}", kept.len());
        assert!(found.swaps.acceptance.iter().all(|a| (0.1..1.0).contains(a)), "{:?}", found.swaps);
        assert!(off < 4.0 * found.std_error && found.std_error < 0.2);
    }
}

/// Two clusters of ten bits, 0.8 and 0.2 of the cases, of which a case has each bit wrong once in fifty.
fn clusters() -> Cases {
    let mut rng = PhiloxRng::new(Draw::new(7, 902));
    let rows = (0..400).flat_map(|case| (0..10).map(move |bit| (case % 5 < 4) == (bit < 5)));
    let values = rows.map(|on| f32::from(u8::from(on != (rng.below(50) == 0)))).collect();
    Cases::new(Values::F32(values), 400, 10).unwrap()
}

/// A machine trained on two clusters: chains along its trajectory have the enumerated distribution, plain ones of the same
/// length stay where they began and have not.
#[test]
fn a_machine_of_two_clusters_is_sampled_along_its_trajectory_alone() {
    let device = Device::cpu();
    let cases = clusters();
    let mut source = ResidentData::new(&device, &cases, Treatment::default()).unwrap();
    let config = plain(UnitKind::Bernoulli, 0.1).batch(50).epochs(150).steps(5).trajectory(true);
    let mut rbm = Rbm::new(&device, Units::bernoulli(10), Units::bernoulli(4), 1).unwrap();
    rbm.set_visible_bias_from_means(&cases.means()).unwrap();
    let mut trainer = CdTrainer::new(rbm, config, &cases.means()).unwrap();
    (0..150).for_each(|_| drop(trainer.epoch(&mut source).unwrap()));
    let rbm = trainer.rbm();
    let target = Exact::of(rbm).p_v();
    let count = 1000;
    let bound = monte_carlo_floor(&target, count);
    let distance = |v: &Tensor| {
        let mut seen = vec![0.0; 1 << 10];
        v.to_vec().unwrap().chunks(10).for_each(|v| seen[number(v)] += 1.0 / count as f64);
        total_variation(&seen, &target)
    };
    let mut plain = rbm.chains(count, 4).unwrap();
    plain.step(600).unwrap();
    let rungs = trainer.trajectory().iter().chain([rbm]).map(|rbm| rbm.try_clone().unwrap());
    let ladder = Ladder::new(rungs.collect()).unwrap().refined(0.25, 1).unwrap();
    let mut chains = ladder.chains(count, 4).unwrap();
    chains.step(600).unwrap();
    let (alone, along) = (distance(plain.visible()), distance(chains.visible()));
    println!("  total variation: alone {alone:.3}, along {along:.4}, bound {bound:.4}");
    println!("  {:?}", chains.swaps().unwrap());
    assert!(alone > 2.0 * bound && along < bound);
}

/// At a high rate with momentum the machine jumps from candidate to candidate; the finished ladder is filled up.
#[test]
fn rungs_that_are_too_far_apart_get_one_between_them() {
    let device = Device::cpu();
    let cases = data::load("digits").unwrap().train.cases;
    let mut source = ResidentData::new(&device, &cases, Treatment::default()).unwrap();
    let config = plain(UnitKind::Bernoulli, 0.3)
        .momentum(0.9)
        .batch(50)
        .epochs(20)
        .persistent(true)
        .trajectory(true)
        .trajectory_tempering(true);
    let mut rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(16), 1).unwrap();
    rbm.set_visible_bias_from_means(&cases.means()).unwrap();
    let mut trainer = CdTrainer::new(rbm, config, &cases.means()).unwrap();
    (0..20).for_each(|_| drop(trainer.epoch(&mut source).unwrap()));
    let rungs = trainer.trajectory().iter().chain([trainer.rbm()]);
    let ladder = Ladder::new(rungs.map(|rbm| rbm.try_clone().unwrap()).collect()).unwrap();
    let ladder = ladder.refined(0.25, 1).unwrap();
    let config = LadderConfig::default().chains(50).rounds(300, 600);
    let found = climb(&ladder, &config, |_| ()).unwrap();
    let exact = exact_log_partition(trainer.rbm()).unwrap();
    let off = (found.log_partition - exact).abs();
    let kept = trainer.trajectory().len();
    println!("  {kept} rungs, then {}: {:?}", ladder.rungs().len(), found.swaps);
    println!("  off by {off:.4} ± {:.4}", found.std_error);
    assert!(found.swaps.acceptance.iter().all(|&a| a > 0.1), "{:?}", found.swaps);
    assert!(off < 4.0 * found.std_error && found.std_error < 0.2);
}

#[test]
fn ladders_that_make_no_sense_are_refused() {
    let words = |config: CdConfig| config.check().unwrap_err().to_string();
    let persistent = || CdConfig::default().persistent(true);
    assert!(words(CdConfig::default().tempering(4)).contains("--pcd"));
    assert!(words(persistent().tempering(1)).contains("at least 2"));
    assert!(words(persistent().tempering(1001)).contains("1000"));
    assert!(words(persistent().tempering(4).trajectory(true)).contains("use one"));
    assert!(words(persistent().trajectory_tempering(true)).contains("--trajectory"));
    let alone = CdConfig::default().trajectory(true).trajectory_tempering(true);
    assert!(words(alone).contains("--pcd"));
    persistent().tempering(1000).check().unwrap();
    let device = Device::cpu();
    let rbm = Rbm::new(&device, Units::bernoulli(4), Units::bernoulli(2), 1).unwrap();
    let error = CdTrainer::new(rbm, persistent().tempering(3), &[]).err().unwrap().to_string();
    assert!(error.contains("0 data means for 4 visible units"), "{error}");
}
