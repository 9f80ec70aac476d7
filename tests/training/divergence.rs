//! Training that leaves the finite numbers says so; training on poor data does not.

use harmonium::data::{Cases, Preprocessing, Values};
use harmonium::models::{Rbm, UnitKind, Units};
use harmonium::training::{
    BatchSource, CdConfig, CdTrainer, Learner, ResidentData, Schedule, Sparsity, Treatment,
};
use harmonium::{Device, Error, Tensor};

use super::{parameters, plain};
use crate::models::exact::normals;
use crate::models::support::on_each;

const ROWS: usize = 40;
const WIDTH: usize = 5;

fn cases(visible: UnitKind) -> Cases {
    let z = normals(91, ROWS * WIDTH).into_iter().map(|z| z as f32);
    let values = match visible {
        UnitKind::Gaussian => Values::F32(z.collect()),
        _ => Values::Bits(z.map(|z| u8::from(z > 0.0)).collect()),
    };
    Cases::new(values, ROWS, WIDTH).unwrap()
}

fn trainer(device: &Device, visible: UnitKind, config: &CdConfig) -> CdTrainer {
    let rbm =
        Rbm::new(device, Units::new(visible, WIDTH).unwrap(), Units::bernoulli(3), 5).unwrap();
    CdTrainer::new(rbm, config.clone(), &[0.5; WIDTH]).unwrap()
}

fn resident(device: &Device, visible: UnitKind) -> ResidentData {
    ResidentData::new(device, &cases(visible), Treatment::default()).unwrap()
}

/// (epoch, step) at which a bias is first not finite, by looking after every update.
fn first_broken(trainer: &mut CdTrainer, data: &mut ResidentData) -> (u64, u64) {
    for epoch in 1..=20 {
        data.start_epoch(trainer.config().seed, epoch).unwrap();
        let mut step = 0;
        while let Some(batch) = data.next_batch(trainer.config().batch).unwrap() {
            step += 1;
            trainer.update(batch.cases, epoch).unwrap();
            let rbm = trainer.rbm();
            let biases =
                [rbm.visible_bias(), rbm.hidden_bias()].map(|t| t.to_vec().unwrap()).concat();
            if biases.iter().any(|x| !x.is_finite()) {
                return (epoch, step);
            }
        }
    }
    panic!("it did not diverge")
}

fn diverges(device: &Device, visible: UnitKind, config: &CdConfig) -> (u64, u64) {
    let mut data = resident(device, visible);
    let expected = first_broken(&mut trainer(device, visible, config), &mut data);
    let mut trainer = trainer(device, visible, config);
    let error = (0..20).find_map(|_| trainer.epoch(&mut data).err());
    let Some(Error::Diverged { epoch, step, .. }) = error else {
        panic!("{error:?}, expected divergence at {expected:?}");
    };
    let text = error.map(|e| e.to_string()).unwrap_or_default();
    println!("  {text}");
    assert_eq!((epoch, step), expected);
    assert!(text.contains(&format!("epoch {epoch}, step {step}")), "{text}");
    assert_eq!(text.contains("standardise the data"), visible == UnitKind::Gaussian, "{text}");
    expected
}

#[test]
fn divergence_is_an_error_with_epoch_and_step() {
    on_each(|device| {
        for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
            let wild = plain(visible, 1e6).batch(10).weight_decay(1.0).epochs(20);
            diverges(device, visible, &wild);
            // From the third epoch on.
            let late = wild.learning_rate(Schedule::Steps(0.01, vec![(2, 1e6)])).persistent(true);
            assert!(diverges(device, visible, &late).0 >= 3);
        }
    });
}

#[test]
fn weights_broken_by_the_last_update_are_seen() {
    on_each(|device| {
        let w = Tensor::from_f32(device, &[WIDTH, 3], &[1e30; WIDTH * 3]).unwrap();
        let [b, a] = [WIDTH, 3].map(|n| Tensor::zeros(device, &[n]).unwrap());
        let rbm = Rbm::from_parts(UnitKind::Bernoulli, UnitKind::Bernoulli, w, b, a).unwrap();
        let config = plain(UnitKind::Bernoulli, 1e6).batch(20).weight_decay(1e6);
        let mut trainer = CdTrainer::new(rbm, config, &[]).unwrap();
        let ones = Cases::new(Values::Bits(vec![1; 20 * WIDTH]), 20, WIDTH).unwrap();
        let mut data = ResidentData::new(device, &ones, Treatment::default()).unwrap();
        let error = trainer.epoch(&mut data).unwrap_err();
        assert!(matches!(error, Error::Diverged { epoch: 1, step: 1, .. }), "{error}");
        assert!(error.to_string().contains("a weight"), "{error}");
    });
}

#[test]
fn absurd_settings_are_refused_by_name() {
    let visible = UnitKind::Bernoulli;
    let rbm = || {
        Rbm::new(&Device::cpu(), Units::new(visible, WIDTH).unwrap(), Units::bernoulli(3), 5)
            .unwrap()
    };
    let refused = |config: CdConfig, name: &str| {
        let error = CdTrainer::new(rbm(), config, &[0.5; WIDTH]).err().unwrap();
        assert!(matches!(error, Error::Setting { .. }), "{error}");
        assert!(error.to_string().contains(name), "{error}");
    };
    refused(plain(visible, 1e30), "learning-rate");
    refused(plain(visible, f32::NAN), "learning-rate");
    refused(plain(visible, 0.1).momentum(Schedule::constant(1.0)), "momentum");
    refused(plain(visible, 0.1).weight_decay(-1.0), "weight-decay");
    refused(plain(visible, 0.1).batch(0), "batch");
    refused(plain(visible, 0.1).steps(0), "steps");
    refused(plain(visible, 0.1).steps(u64::MAX), "steps");
    refused(plain(visible, 0.1).batch(usize::MAX), "batch");
    let sparsity = Some(Sparsity::new(0.0, 1.0).decay(0.9));
    refused(plain(visible, 0.1).sparsity(sparsity), "sparsity-target");
    let centred = plain(visible, 0.1).centered(true);
    assert!(matches!(CdTrainer::new(rbm(), centred, &[0.5]), Err(Error::Shape { .. })));
    let mut trainer = CdTrainer::new(rbm(), plain(visible, 0.1), &[]).unwrap();
    let before = parameters(&trainer);
    let none = Tensor::zeros(&Device::cpu(), &[0, WIDTH]).unwrap();
    assert!(matches!(trainer.update(&none, 1), Err(Error::Data { .. })));
    assert_eq!(parameters(&trainer), before);
}

/// A constant pixel, nothing but zeros, nothing but ones, a single case.
fn poor_data() -> Vec<(&'static str, Values, usize)> {
    let varied = |k: usize| if k % WIDTH == 2 { 1.0 } else { (k % 3 % 2) as f32 };
    vec![
        ("a constant pixel", Values::F32((0..30 * WIDTH).map(varied).collect()), 30),
        ("zeros", Values::F32(vec![0.0; 30 * WIDTH]), 30),
        ("ones", Values::F32(vec![1.0; 30 * WIDTH]), 30),
        ("one case", Values::F32(vec![1.0, 0.0, 1.0, 1.0, 0.0]), 1),
    ]
}

#[test]
fn poor_data_give_no_nan() {
    for (name, values, n) in poor_data() {
        for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
            let raw = Cases::new(values.clone(), n, WIDTH).unwrap();
            let fitted = Preprocessing::fit(&raw, None, visible == UnitKind::Gaussian).unwrap();
            let cases = fitted.apply(raw, 1, harmonium::data::Part::Train).unwrap();
            let means = cases.means();
            let sparsity = Some(Sparsity::new(0.1, 0.5).decay(0.9));
            let default = CdConfig::new(visible, UnitKind::Bernoulli);
            let all = default.clone().centered(true).persistent(true).sparsity(sparsity);
            on_each(|device| {
                for config in [&default, &all] {
                    let mut rbm = Rbm::new(
                        device,
                        Units::new(visible, WIDTH).unwrap(),
                        Units::bernoulli(4),
                        1,
                    )
                    .unwrap();
                    rbm.set_visible_bias_from_means(&means).unwrap();
                    let mut trainer = CdTrainer::new(rbm, config.clone(), &means).unwrap();
                    let mut data = ResidentData::new(device, &cases, Treatment::default()).unwrap();
                    for _ in 0..10 {
                        let report = trainer.epoch(&mut data).unwrap();
                        assert_eq!((report.cases, report.updates), (n as u64, 1));
                    }
                    let finite = parameters(&trainer).iter().all(|x| x.is_finite());
                    assert!(finite, "{name}, {visible}");
                    let v = data.head(n).unwrap();
                    let free = trainer.rbm().free_energy(&v).unwrap().to_vec().unwrap();
                    assert!(free.iter().all(|x| x.is_finite()), "{name}, {visible}: {free:?}");
                }
            });
        }
    }
}

/// The exact gradient looks at ln Z at each update: the step that it names is the epoch's too.
#[test]
fn the_exact_gradient_names_the_epochs_own_step() {
    on_each(|device| {
        for visible in [UnitKind::Bernoulli, UnitKind::Gaussian] {
            // Ten updates an epoch; from the third epoch on each makes the weights a million times larger.
            let config = plain(visible, 1.0)
                .batch(4)
                .epochs(20)
                .weight_decay(1.0)
                .exact_gradient(true)
                .learning_rate(Schedule::Steps(0.01, vec![(2, 1e6)]));
            let mut data = resident(device, visible);
            let mut by_hand = trainer(device, visible, &config);
            let mut expected = None;
            for epoch in 1..=3 {
                data.start_epoch(config.seed, epoch).unwrap();
                let mut step = 0;
                while let Some(batch) = data.next_batch(config.batch).unwrap() {
                    step += 1;
                    if by_hand.update(batch.cases, epoch).is_err() {
                        expected = expected.or(Some((epoch, step)));
                    }
                }
            }
            let mut trainer = trainer(device, visible, &config);
            let error = (0..20).find_map(|_| trainer.epoch(&mut data).err());
            let Some(Error::Diverged { epoch, step, what, .. }) = error else {
                panic!("{error:?}")
            };
            println!("  {what} at epoch {epoch}, step {step}");
            assert_eq!((Some((epoch, step)), what.as_str()), (expected, "ln Z"));
            assert!(epoch == 3 && step > 1, "{epoch} {step}");
        }
    });
}
