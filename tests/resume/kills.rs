//! Killed or interrupted at any instant, a run goes on to what an unbroken one comes to.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harmonium::random::{Draw, PhiloxRng};

use super::{
    assert_same, assert_same_files, checkpoints, complete, interrupted, signal, text, train,
    train_model, wait_for,
};

const SHARED: &str = "--hidden 24 --limit 400 --batch 30 --device cpu --epochs 1500";

/// Starts a run, kills it `kills` times at random instants, each time going on with it, and completes it.
pub fn kill_and_resume(model: &str, out: &Path, options: &str, seed: u64, kills: u32) {
    let mut random = PhiloxRng::new(Draw::new(seed, 99));
    let mut wait = || Duration::from_micros(u64::from(random.below(200_000)));
    let mut child = train_model(model, out, options).spawn().unwrap();
    for kill in 0..kills {
        // The first comes after the first checkpoint, the second after a later one, the others at any
        // instant at all.
        let alive = match checkpoints(out).get(kill as usize) {
            Some(path) => wait_for(&mut child, || path.exists()),
            None => true,
        };
        assert!(alive, "{options}: the run ended before it was killed");
        std::thread::sleep(wait());
        signal(&child, "KILL");
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), None, "{options}: {}", text(&output.stderr));
        child = train_model(model, out, "--resume").spawn().unwrap();
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{options}: {}", text(&output.stderr));
}

fn killed_equals_unbroken(settings: &str, seed: u64) {
    let root = tempfile::tempdir().unwrap();
    let [unbroken, broken] = ["unbroken", "broken"].map(|name| root.path().join(name));
    let options = format!("{SHARED} {settings}");
    complete(&unbroken, &options);
    kill_and_resume("rbm", &broken, &options, seed, 4);
    assert_same(&unbroken, &broken);
    if settings.contains("--trajectory") {
        assert_same_files(&unbroken, &broken, &["ladder.safetensors"]);
    }
    assert!(super::metrics(&broken).len() == 1500);
}

#[test]
fn killed_cd() {
    killed_equals_unbroken("--momentum 0.5,3:0.9", 1);
}

#[test]
fn killed_pcd() {
    killed_equals_unbroken("--pcd --learning-rate 0.05..0.01", 2);
}

#[test]
fn killed_centered() {
    killed_equals_unbroken("--centered --cd 2", 3);
}

#[test]
fn killed_sparse_with_resampled_data() {
    killed_equals_unbroken("--sparsity-target 0.1 --binarize resample", 4);
}

#[test]
fn killed_gaussian() {
    killed_equals_unbroken("--visible gaussian --pcd --centered", 5);
}

#[test]
fn killed_with_a_ladder() {
    killed_equals_unbroken("--pcd --trajectory --ptt --learning-rate 0.02 --momentum 0", 6);
}

/// An interrupt falls within an epoch nearly always: nothing of the epoch is done twice or left out.
#[test]
fn an_interrupt_saves_within_the_epoch() {
    let root = tempfile::tempdir().unwrap();
    let options = "--hidden 200 --batch 7 --epochs 60 --device cpu --pcd --centered \
                   --sparsity-target 0.1 --binarize resample";
    let unbroken = root.path().join("unbroken");
    complete(&unbroken, options);
    for name in ["INT", "TERM"] {
        let broken = root.path().join(name);
        let output = interrupted(&broken, options, name);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(130), "{said}");
        assert!(said.contains("--resume --out"), "{said}");
        let newest = checkpoints(&broken)
            .map(|path| harmonium::run::Checkpoint::load(&path).unwrap().state)
            .into_iter()
            .max_by_key(|state| state.clock.updates)
            .unwrap();
        assert!(newest.clock.updates > 0);
        // A model of what is learnt so far takes nothing from what follows.
        assert!(said.contains("with --finish"), "{said}");
        complete(&broken, "--resume --finish");
        let summary: serde_json::Value =
            serde_json::from_str(&fs::read_to_string(broken.join("summary.json")).unwrap())
                .unwrap();
        assert_eq!(summary["epochs"].as_u64(), Some(newest.clock.epochs));
        assert_eq!(
            summary["updates"].as_u64(),
            Some(newest.clock.updates),
            "of the epoch under way too"
        );
        assert!(newest.clock.epochs < 60);
        assert!(summary["validation_reconstruction_error"].is_number(), "{summary}");
        for file in ["model.safetensors", "samples.png", "report.html"] {
            assert!(broken.join(file).exists(), "{file}");
        }
        complete(&broken, "--resume");
        assert_same(&unbroken, &broken);
    }
}

/// Samples of a wide machine take seconds, which nobody has to wait for.
#[test]
fn an_interrupt_while_pictures_are_made_ends_at_once() {
    let root = tempfile::tempdir().unwrap();
    let out = root.path().join("run");
    let mut child =
        train(&out, "--hidden 3000 --limit 60 --epochs 1 --device cpu").spawn().unwrap();
    assert!(wait_for(&mut child, || out.join("model.safetensors").exists()), "it ended too early");
    signal(&child, "TERM");
    let output = child.wait_with_output().unwrap();
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted; to go on:") && said.contains("--resume --out"), "{said}");
    assert!(!out.join("summary.json").exists());
    complete(&out, "--resume");
    assert!(out.join("report.html").exists());
}

/// The library's own way: a state taken within an epoch, put into another trainer, on every device.
#[test]
fn a_state_goes_on_bit_for_bit_on_every_device() {
    use harmonium::models::{Rbm, Units};
    use harmonium::training::{CdConfig, CdTrainer, Learner, ResidentData, Sparsity, Treatment};
    let cases = harmonium::data::load("digits").unwrap().train.cases.limit(100);
    let mut devices = vec![harmonium::Device::cpu()];
    devices.extend(crate::support::own_gpus());
    for device in devices {
        let config = CdConfig::default()
            .batch(16)
            .epochs(3)
            .persistent(true)
            .centered(true)
            .sparsity(Some(Sparsity::new(0.1, 0.1).decay(0.9)));
        // Shards of 30 cases: the position may lie in any of them.
        let source = || {
            let treatment = Treatment { standardize: None, resample: Some(3) };
            let bytes = match cases.values() {
                harmonium::data::Values::U8 { .. } => 64 * 30,
                _ => 64 * 4 * 30,
            };
            ResidentData::with_shards_below(&device, &cases, treatment, bytes).unwrap()
        };
        assert!(source().shards() > 2);
        let trainer = || {
            let rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(20), 1).unwrap();
            CdTrainer::new(rbm, config.clone(), &cases.means()).unwrap()
        };
        let (mut whole, mut batches) = (trainer(), source());
        for _ in 0..3 {
            whole.epoch(&mut batches).unwrap();
        }
        let end = whole.state().unwrap();
        for stop in 1..=14 {
            let (mut first, mut batches) = (trainer(), source());
            let mut left = stop;
            while first.clock().epochs < 3 {
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
            assert_eq!(second.state().unwrap(), state);
            while second.clock().epochs < 3 {
                let report = second.epoch(&mut batches).unwrap();
                assert_eq!((report.updates, report.cases), (7, 100));
            }
            let bits = |state: &harmonium::training::TrainerState| -> Vec<u32> {
                state.arrays.values().flat_map(|a| a.values.iter().map(|x| x.to_bits())).collect()
            };
            let again = second.state().unwrap();
            assert_eq!(again, end, "stopped after {stop} on {}", device.info());
            assert!(bits(&again) == bits(&end), "zeros differ in their sign");
        }
        let plain = config.clone().persistent(false);
        let rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(20), 1).unwrap();
        let mut other = CdTrainer::new(rbm, plain, &cases.means()).unwrap();
        let error = other.restore(&end).unwrap_err().to_string();
        assert!(error.contains("chains"), "{error}");
    }
}
