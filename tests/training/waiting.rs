//! Learning for callers that must not wait.

use harmonium::data;
use harmonium::evaluation::scores::reconstruction_error;
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::training::{
    CdConfig, CdTrainer, EpochReport, Learner, ResidentData, Schedule, Treatment,
};
use harmonium::{Device, Error, Tensor};
use pollster::block_on;

use super::{parameters, plain};
use crate::models::support::on_each;

fn digits(device: &Device) -> ResidentData {
    let train = data::digits().unwrap().train.limit(250).cases;
    ResidentData::new(device, &train, Treatment::default()).unwrap()
}

fn trainer(device: &Device, rate: f32) -> CdTrainer {
    let rbm = Rbm::new(device, Units::bernoulli(64), Units::bernoulli(7), 5).unwrap();
    let config = plain(UnitKind::Bernoulli, rate).batch(50).persistent(true);
    CdTrainer::new(rbm, config, &[0.5; 64]).unwrap()
}

/// An epoch of five updates, at most `slice` at a time; how often it stopped.
fn in_slices(trainer: &mut CdTrainer, slice: u64) -> Result<(EpochReport, u64), Error> {
    let mut source = digits(trainer.rbm().device());
    for stops in 0.. {
        let mut left = slice;
        let go_on = |_: &mut dyn Learner, cases: usize| {
            assert_eq!(cases, 50);
            left -= 1;
            Ok(left > 0)
        };
        if let Some(report) = block_on(trainer.epoch_while_async(&mut source, go_on))? {
            return Ok((report, stops));
        }
    }
    unreachable!()
}

#[test]
fn epochs_that_wait_nowhere_do_what_the_others_do() {
    on_each(|device| {
        let mut waiting = trainer(device, 0.1);
        let mut source = digits(device);
        let first = [waiting.epoch(&mut source).unwrap(), waiting.epoch(&mut source).unwrap()];
        let mut other = trainer(device, 0.1);
        let (report, stops) = in_slices(&mut other, 2).unwrap();
        assert_eq!((&report, stops), (&first[0], 2));
        assert_eq!(report.updates, 5);
        let second = block_on(other.epoch_async(&mut digits(device))).unwrap();
        assert_eq!(second, first[1]);
        assert_ne!(parameters(&other), parameters(&trainer(device, 0.1)));
        assert_eq!(parameters(&other), parameters(&waiting));
    });
}

#[test]
fn they_tell_of_divergence_too() {
    on_each(|device| {
        let diverges = |epoch: &dyn Fn(&mut CdTrainer) -> Result<EpochReport, Error>| {
            // Each update multiplies the weights by a million.
            let mut trainer = trainer(device, 1e6);
            let config = trainer.config().clone().weight_decay(1.0);
            trainer = CdTrainer::new(trainer.into_rbm(), config, &[0.5; 64]).unwrap();
            (0..20).find_map(|_| epoch(&mut trainer).err()).map(|error| error.to_string())
        };
        let waiting = diverges(&|trainer| trainer.epoch(&mut digits(device)));
        let other = diverges(&|trainer| block_on(trainer.epoch_async(&mut digits(device))));
        let text = waiting.clone().unwrap_or_default();
        assert!(text.contains("epoch") && text.contains("step"), "{waiting:?}");
        assert_eq!(other, waiting);
    });
}

/// The errors that `web/test.mjs` expects of the page in a browser: the same machine, data and settings as in
/// `web/src/lab.rs`, trained here.
#[test]
fn what_the_page_must_find_is_written_for_its_test() {
    let device = Device::cpu();
    let train = data::digits().unwrap().train.cases;
    let means = train.means();
    let mut rbm = Rbm::new(&device, Units::bernoulli(64), Units::bernoulli(64), 1).unwrap();
    rbm.set_visible_bias_from_means(&means).unwrap();
    let config = CdConfig::default().learning_rate(Schedule::constant(0.1)).epochs(1_000_000);
    let mut trainer = CdTrainer::new(rbm, config, &means).unwrap();
    let mut source = ResidentData::new(&device, &train, Treatment::default()).unwrap();
    let scored = train.limit(500).to_f32();
    let scored = Tensor::from_f32(&device, &[500, 64], &scored).unwrap();
    let mut errors = vec![reconstruction_error(trainer.rbm(), &scored).unwrap()];
    for _ in 0..2 {
        trainer.epoch(&mut source).unwrap();
        errors.push(reconstruction_error(trainer.rbm(), &scored).unwrap());
    }
    for _ in 2..30 {
        trainer.epoch(&mut source).unwrap();
    }
    let last = reconstruction_error(trainer.rbm(), &scored).unwrap();
    assert!(errors.iter().all(|error| last < 0.8 * error), "{errors:?}, {last}");
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("page.json");
    std::fs::write(path, serde_json::json!({ "errors": errors }).to_string()).unwrap();
}
