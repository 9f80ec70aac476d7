//! Backpropagation: it learns, stops, goes on bit for bit, and says when it diverges.

use harmonium::data::{self, PictureInput};
use harmonium::evaluation::classification::{predict, score};
use harmonium::layers::LayerSpec;
use harmonium::models::network::OutputSpec;
use harmonium::models::{Network, NetworkSpec, lenet5};
use harmonium::training::{
    Augmentation, Backpropagation, BackpropagationConfig, BatchSource, Best, Distortion,
    EpochReport, Learner, Optimizer, ResidentData, Schedule, Treatment,
};
use harmonium::{Device, Error};

/// The bundled digits as LeNet-5 sees them, with labels: (training, test).
fn digits(device: &Device, limit: usize) -> (ResidentData, ResidentData) {
    let input = PictureInput::lenet5();
    let splits = data::load("digits").unwrap();
    let resident = |set: data::DataSet| {
        let (mean, deviation) = input.spread();
        let cases = input.prepare(&set).unwrap();
        let width = cases.width();
        let standardize = Some((vec![mean; width], vec![deviation; width]));
        ResidentData::new(device, &cases, Treatment { standardize, resample: None })
            .unwrap()
            .with_labels(&set.labels.unwrap())
            .unwrap()
            .with_case_dims(&[1, 32, 32])
            .unwrap()
    };
    (resident(splits.train.limit(limit)), resident(splits.test.unwrap()))
}

fn trainer(device: &Device, spec: &NetworkSpec, config: BackpropagationConfig) -> Backpropagation {
    Backpropagation::new(Network::new(device, spec, config.seed).unwrap(), config).unwrap()
}

fn epoch(trainer: &mut Backpropagation, source: &mut ResidentData) -> EpochReport {
    trainer.epoch(source).unwrap()
}

fn loss(report: &EpochReport) -> f64 {
    report.figures.get("train_loss").unwrap()
}

fn config(epochs: u64) -> BackpropagationConfig {
    let learning_rate = Schedule::Linear(2e-3, 2e-4);
    BackpropagationConfig::default().epochs(epochs).batch(50).learning_rate(learning_rate)
}

/// What a broken gradient does not reach in 15 epochs. The mean loss of the last epoch was 0.28 to 0.66
/// (published) and 0.0014 to 0.0025 (today's) over seeds 1 to 5. With one gradient set to 0 the published network
/// got: C1's kernels 1.05, C3's 3.9, C5's 12.6, F6's weights 35, a convolution's input 10.6, the subsampling's
/// input 9.7, a linear layer's input 47 (test error 0.91); today's C1's kernels 0.0033, C3's 0.0075, C5's 0.016, a
/// convolution's input 0.020, a linear layer's input 1.1. The test error of whole networks was 0.057 to 0.098.
/// What is too small to be seen here (the subsampling's coefficients, 0.61) the finite differences see.
#[test]
fn both_forms_of_lenet5_learn_the_bundled_digits() {
    let device = Device::cpu();
    let (mut train, mut test) = digits(&device, 1500);
    for (spec, loss) in [
        (lenet5::published(OutputSpec::Rbf { j: lenet5::J }, 10), 0.9),
        (lenet5::modern(10), 0.003),
    ] {
        let mut trainer = trainer(&device, &spec, config(15));
        let mut last = epoch(&mut trainer, &mut train);
        for _ in 1..15 {
            last = epoch(&mut trainer, &mut train);
        }
        let error = last.figures.get("train_error").unwrap();
        assert!(self::loss(&last) < loss && error < 0.01, "{:?}: {last:?}", spec.output);
        let found = score(trainer.network(), &mut test).unwrap();
        assert!(found.error < 0.12, "{:?}: {found:?}", spec.output);
    }
}

/// Dropout, distortions and momentum: everything that draws numbers or keeps state.
fn busy(device: &Device) -> Backpropagation {
    let mut spec = lenet5::modern(10);
    spec.layers.insert(6, LayerSpec::Dropout { rate: 0.3 });
    let config = config(3)
        .optimizer(Optimizer::Sgd { momentum: "0.5,1:0.9".parse().unwrap(), nesterov: true })
        .learning_rate(Schedule::constant(0.01))
        .weight_decay(1e-3)
        .augment(Augmentation {
            distortion: Distortion { shift: 1.0, rotate: 10.0, scale: 0.1, shear: 0.1 },
            background: -0.1,
            picture: None,
        });
    trainer(device, &spec, config)
}

#[test]
fn a_restored_trainer_goes_on_bit_for_bit() {
    let device = Device::cpu();
    let (mut train, _) = digits(&device, 220);
    let mut whole = busy(&device);
    let reports: Vec<EpochReport> = (0..3).map(|_| epoch(&mut whole, &mut train)).collect();
    // Stopped after two updates of the second epoch, and taken up by another trainer.
    let mut stopped = busy(&device);
    assert_eq!(epoch(&mut stopped, &mut train), reports[0]);
    let mut updates = 0;
    let end = stopped.epoch_while(&mut train, |_, _| {
        updates += 1;
        Ok(updates < 2)
    });
    assert_eq!(end.unwrap(), None);
    let state = stopped.state().unwrap();
    assert_eq!(
        (state.clock.epochs, state.clock.epoch_updates, state.clock.epoch_cases),
        (1, 2, 100)
    );
    let mut restored = busy(&device);
    restored.restore(&state).unwrap();
    assert_eq!(restored.state().unwrap(), state);
    assert_eq!(epoch(&mut restored, &mut train), reports[1]);
    assert_eq!(epoch(&mut restored, &mut train), reports[2]);
    assert_eq!(restored.state().unwrap(), whole.state().unwrap());
}

#[test]
fn a_state_of_another_network_is_refused() {
    let device = Device::cpu();
    let state = busy(&device).state().unwrap();
    let mut other = trainer(&device, &lenet5::modern(10), config(3));
    let error = other.restore(&state).err().unwrap().to_string();
    assert!(error.contains("training state"), "{error}");
    let mut wider = trainer(&device, &lenet5::modern(11), config(3));
    let narrower = trainer(&device, &lenet5::modern(10), config(3)).state().unwrap();
    let error = wider.restore(&narrower).err().unwrap().to_string();
    assert!(error.contains("linear7") && error.contains("[84, 10]"), "{error}");
}

#[test]
fn the_best_parameters_are_kept() {
    let device = Device::cpu();
    let (mut train, mut test) = digits(&device, 200);
    let mut trainer = trainer(&device, &lenet5::modern(10), config(3));
    let mut best = Best::default();
    assert_eq!(best.epoch().unwrap(), None);
    epoch(&mut trainer, &mut train);
    let first = score(trainer.network(), &mut test).unwrap();
    assert!(best.consider(&mut trainer, &[0.3, 1.0]).unwrap());
    epoch(&mut trainer, &mut train);
    let second = score(trainer.network(), &mut test).unwrap();
    assert_ne!(first, second);
    assert!(!best.consider(&mut trainer, &[0.3, 1.0]).unwrap(), "no better");
    assert!(!best.consider(&mut trainer, &[0.4, 0.1]).unwrap(), "the error counts first");
    assert_eq!(best.epoch().unwrap(), Some(1));
    best.exchange(trainer.model()).unwrap();
    assert_eq!(score(trainer.network(), &mut test).unwrap(), first);
    best.exchange(trainer.model()).unwrap();
    assert_eq!(score(trainer.network(), &mut test).unwrap(), second);
    assert!(best.consider(&mut trainer, &[0.3, 0.9]).unwrap(), "as few errors and a lower loss");
    assert_eq!(best.epoch().unwrap(), Some(2));
}

/// The best model goes through arrays and back, as a checkpoint takes it.
#[test]
fn the_best_model_is_part_of_a_state() {
    use harmonium::models::state;
    let device = Device::cpu();
    let (mut train, mut test) = digits(&device, 200);
    let new = || trainer(&device, &lenet5::modern(10), config(3));
    let (mut first, mut best) = (new(), Best::default());
    epoch(&mut first, &mut train);
    let kept = score(first.network(), &mut test).unwrap();
    best.consider(&mut first, &[0.3, 1.0]).unwrap();
    epoch(&mut first, &mut train);
    let arrays = state::read(|v| best.visit(first.model(), v)).unwrap();
    assert_eq!(arrays["best"].values, [1.0, 0.3, 1.0]);
    let (mut second, mut again) = (new(), Best::default());
    state::write(&arrays, |v| again.visit(second.model(), v)).unwrap();
    assert_eq!(again.epoch().unwrap(), Some(1));
    again.exchange(second.model()).unwrap();
    assert_eq!(score(second.network(), &mut test).unwrap(), kept);
}

#[test]
fn divergence_names_epoch_and_step() {
    let device = Device::cpu();
    let (mut train, _) = digits(&device, 300);
    let config = config(5).optimizer(Optimizer::sgd(0.9)).learning_rate(Schedule::constant(900.0));
    let mut trainer = trainer(&device, &lenet5::modern(10), config);
    let end = (0..5).find_map(|_| trainer.epoch(&mut train).err());
    match end {
        Some(Error::Diverged { epoch, step, .. }) => assert!(epoch >= 1 && (1..=6).contains(&step)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn sources_that_do_not_serve_are_refused() {
    let device = Device::cpu();
    let mut trainer = trainer(&device, &lenet5::modern(10), config(1));
    let digits = data::load("digits").unwrap().train.limit(20);
    let plain = Treatment::default();
    let mut unlabelled = ResidentData::new(&device, &digits.cases, plain.clone()).unwrap();
    let error = trainer.epoch(&mut unlabelled).err().unwrap();
    assert!(error.to_string().contains("no labels"), "{error}");
    let labels = digits.labels.clone().unwrap();
    let mut small = unlabelled.with_labels(&labels).unwrap().with_case_dims(&[1, 8, 8]).unwrap();
    let error = trainer.epoch(&mut small).err().unwrap();
    assert!(error.to_string().contains("[20, 1, 8, 8]"), "{error}");
    let wrong = ResidentData::new(&device, &digits.cases, plain).unwrap();
    let error = wrong.with_labels(&labels[..19]).err().unwrap();
    assert!(error.to_string().contains("19 labels for 20 cases"), "{error}");
}

#[test]
fn settings_out_of_range_are_named() {
    let check = |change: fn(&mut BackpropagationConfig)| {
        let mut config = config(1);
        change(&mut config);
        config.check().err().unwrap().to_string()
    };
    assert!(check(|c| c.batch = 0).starts_with("batch: 0"));
    assert!(check(|c| c.learning_rate = Schedule::constant(-1.0)).contains("learning-rate"));
    assert!(check(|c| c.optimizer = Optimizer::sgd(1.0)).contains("momentum: 1"));
    assert!(check(|c| c.weight_decay = f32::NAN).contains("weight-decay"));
    let back = Schedule::Steps(0.1, vec![(10, 0.01), (5, 0.05)]);
    let check = |config: BackpropagationConfig| config.check().unwrap_err().to_string();
    assert!(check(config(1).learning_rate(back)).contains("learning-rate: a step after 5 epochs"));
    let distorted = |distortion, background| {
        check(config(1).augment(Augmentation { distortion, background, picture: None }))
    };
    let none = Distortion::default();
    assert!(distorted(Distortion { shift: f32::NAN, ..none }, 0.0).contains("shift=NaN"));
    assert!(distorted(Distortion { scale: 5.0, ..none }, 0.0).contains("scale=5 is no number"));
    assert!(distorted(none, f32::NAN).contains("background: NaN"));
}

/// Labels go with their cases, across shards and in the order of the epoch.
#[test]
fn labels_follow_their_cases() {
    let device = Device::cpu();
    let values: Vec<f32> = (0..50).map(|i| i as f32 * 0.25).collect();
    let cases = data::Cases::new(data::Values::F32(values), 50, 1).unwrap();
    let labels: Vec<u32> = (0..50).collect();
    let source = ResidentData::with_shards_below(&device, &cases, Treatment::default(), 28);
    let mut source = source.unwrap().with_labels(&labels).unwrap();
    assert!(source.shards() > 3);
    for epoch in 1..3 {
        source.start_epoch(3, epoch).unwrap();
        let mut seen = Vec::new();
        while let Some(batch) = source.next_batch(8).unwrap() {
            let classes = batch.labelled().unwrap().to_vec().unwrap();
            let x = batch.cases.to_vec().unwrap();
            x.iter().zip(&classes).for_each(|(x, class)| assert_eq!(*x, class * 0.25));
            seen.extend(classes.iter().map(|c| *c as u32));
        }
        assert_ne!(seen, labels);
        seen.sort_unstable();
        assert_eq!(seen, labels);
    }
}

#[test]
fn predictions_and_scores_agree() {
    let device = Device::cpu();
    let (mut train, mut test) = digits(&device, 400);
    let mut trainer = trainer(&device, &lenet5::modern(10), config(2));
    epoch(&mut trainer, &mut train);
    let splits = data::load("digits").unwrap().test.unwrap();
    let labels = splits.labels.clone().unwrap();
    let input = PictureInput::lenet5();
    let cases = input.prepare(&splits).unwrap();
    let found = predict(trainer.network(), &cases, &input, Some(&labels)).unwrap();
    let wrong = found.predicted.iter().zip(&labels).filter(|(p, l)| p != l).count();
    let scored = score(trainer.network(), &mut test).unwrap();
    assert!((scored.error - wrong as f64 / labels.len() as f64).abs() < 1e-9);
    let mistakes = found.mistakes(&labels).unwrap();
    assert_eq!(mistakes.len(), wrong);
    let loss: f64 = labels
        .iter()
        .enumerate()
        .map(|(i, &l)| -f64::from(found.probabilities[i * 10 + l as usize]).ln())
        .sum::<f64>()
        / labels.len() as f64;
    assert!((loss - scored.loss).abs() < 1e-3 * loss, "{loss} {scored:?}");
}

#[test]
fn training_runs_on_every_adapter() {
    for gpu in crate::support::gpus() {
        let (mut train, mut test) = digits(gpu, 300);
        let mut on_gpu = busy(gpu);
        let (mut train_cpu, _) = digits(&Device::cpu(), 300);
        let mut on_cpu = busy(&Device::cpu());
        let (gpu_report, cpu_report) =
            (epoch(&mut on_gpu, &mut train), epoch(&mut on_cpu, &mut train_cpu));
        let name = gpu.info();
        assert!(
            (loss(&gpu_report) - loss(&cpu_report)).abs() < 0.01 * loss(&cpu_report),
            "{name}: {gpu_report:?} {cpu_report:?}"
        );
        assert!(score(on_gpu.network(), &mut test).unwrap().loss.is_finite());
    }
}
