//! After the warm-up a whole epoch of any learner compiles nothing, and nothing has been learnt.

use harmonium::Device;
use harmonium::data::{self, Cases, Values};
use harmonium::device::testing::pipelines;
use harmonium::layers::LayerSpec;
use harmonium::models::network::OutputSpec;
use harmonium::models::{DbnSpec, DeepBeliefNet, Network, Rbm, UnitKind, Units, lenet5};
use harmonium::training::{
    Augmentation, Backpropagation, BackpropagationConfig, CdConfig, CdTrainer, Distortion, Learner,
    Optimizer, ResidentData, Schedule, Sparsity, Treatment, UpDown, UpDownConfig, warm_up,
};

/// Opens its own devices, whose caches are empty, for one learner after another.
fn compiles_nothing<L: Learner>(name: &str, make: impl Fn(&Device) -> (L, ResidentData)) {
    for device in crate::support::own_gpus() {
        let (mut learner, mut source) = make(&device);
        let before = learner.state().unwrap();
        let few = pipelines(&device);
        warm_up(&mut learner, &mut source).unwrap();
        assert_eq!(learner.state().unwrap(), before, "{name} on {}", device.info());
        let warm = pipelines(&device);
        assert!(warm > few, "{name}: nothing was compiled on {}", device.info());
        learner.epoch(&mut source).unwrap();
        assert_eq!(pipelines(&device), warm, "{name} on {}", device.info());
        assert_ne!(learner.state().unwrap(), before, "{name} learnt nothing");
    }
}

fn machine(name: &str, visible: UnitKind, config: CdConfig, treatment: Treatment, cases: &Cases) {
    compiles_nothing(name, |device| {
        let units = Units::new(visible, 64).unwrap();
        let rbm = Rbm::new(device, units, Units::bernoulli(9), 1).unwrap();
        let source = ResidentData::new(device, cases, treatment.clone()).unwrap();
        (CdTrainer::new(rbm, config.clone().batch(16), &[0.5; 64]).unwrap(), source)
    });
}

#[test]
fn machines() {
    let digits = data::load("digits").unwrap().train.cases.limit(50);
    let bits: Vec<u8> = digits.to_f32().iter().map(|&x| u8::from(x >= 0.5)).collect();
    let bits = Cases::new(Values::Bits(bits), 50, 64).unwrap();
    let reals = Cases::new(Values::F32(digits.to_f32()), 50, 64).unwrap();
    let plain = CdConfig::default;
    let (own, gaussian) = (UnitKind::Bernoulli, UnitKind::Gaussian);
    let treatment = Treatment::default;
    machine("CD-1", own, plain(), treatment(), &bits);
    machine("CD-3 of probabilities", own, plain().steps(3), treatment(), &digits);
    machine("PCD", own, plain().persistent(true), treatment(), &bits);
    machine("tempered", own, plain().persistent(true).tempering(3), treatment(), &bits);
    let trajectory = plain().persistent(true).trajectory(true).trajectory_tempering(true);
    machine("along the trajectory", own, trajectory, treatment(), &bits);
    let centered = plain().centered(true).sparsity(Some(Sparsity::new(0.1, 0.1)));
    machine("centred, sparse", own, centered, treatment(), &bits);
    let rate = plain().learning_rate(Schedule::constant(1e-3));
    machine("Gaussian", gaussian, rate.clone(), treatment(), &reals);
    let pcd = rate.clone().persistent(true).centered(true);
    machine("Gaussian PCD, centred", gaussian, pcd, treatment(), &reals);
    let standardize = Some((vec![0.5; 64], vec![0.5; 64]));
    let standardized = Treatment { standardize, resample: None };
    machine("Gaussian, standardised bytes", gaussian, rate, standardized, &digits);
    let resampled = Treatment { standardize: None, resample: Some(3) };
    machine("resampled", own, plain(), resampled, &digits);
    let exact = plain().exact_gradient(true).centered(true);
    machine("exact", own, exact, treatment(), &bits);
    for kind in [gaussian, UnitKind::Softmax(3)] {
        compiles_nothing(&format!("{kind} hidden units"), |device| {
            let hidden = Units::new(kind, 9).unwrap();
            let rbm = Rbm::new(device, Units::bernoulli(64), hidden, 1).unwrap();
            let source = ResidentData::new(device, &bits, treatment()).unwrap();
            let config = CdConfig::new(own, kind).batch(16);
            (CdTrainer::new(rbm, config, &[0.5; 64]).unwrap(), source)
        });
    }
}

#[test]
fn nets() {
    let set = data::load("digits").unwrap().train.limit(50);
    let labels = set.labels.unwrap();
    for classes in [None, Some(10)] {
        compiles_nothing(&format!("up-down, labels {classes:?}"), |device| {
            let spec = DbnSpec::new([64, 9, 8, 7]).classes(classes);
            let net = DeepBeliefNet::from_spec(device, &spec, 1).unwrap();
            let source = ResidentData::new(device, &set.cases, Treatment::default()).unwrap();
            let config = UpDownConfig::default().batch(16);
            (UpDown::new(net, config).unwrap(), source.with_labels(&labels).unwrap())
        });
    }
}

#[test]
fn networks() {
    let input = data::PictureInput::lenet5();
    let set = data::load("digits").unwrap().train.limit(50);
    let cases = input.prepare(&set).unwrap();
    let labels = set.labels.unwrap();
    let network = |name: &str, output: Option<OutputSpec>, config: BackpropagationConfig| {
        compiles_nothing(name, |device| {
            let mut spec = match output {
                Some(output) => lenet5::published(output, 10),
                None => lenet5::modern(10),
            };
            spec.layers.insert(6, LayerSpec::Dropout { rate: 0.3 });
            let network = Network::new(device, &spec, 1).unwrap();
            let source = ResidentData::new(device, &cases, Treatment::default()).unwrap();
            let source = source.with_labels(&labels).unwrap().with_case_dims(&[1, 32, 32]).unwrap();
            (Backpropagation::new(network, config.clone().batch(20)).unwrap(), source)
        });
    };
    let plain = BackpropagationConfig::default;
    network("Adam", None, plain().weight_decay(0.01));
    let sgd = Optimizer::Sgd { momentum: Schedule::constant(0.9), nesterov: true };
    let distortion = Distortion { shift: 1.0, rotate: 5.0, scale: 0.1, shear: 0.1 };
    let augment = Augmentation { distortion, background: -0.1, picture: None };
    let config = plain().optimizer(sgd).learning_rate(Schedule::constant(1e-4)).augment(augment);
    network("SGD, distortions, radial basis functions", Some(OutputSpec::Rbf { j: 10.0 }), config);
}
