//! Training by line searches: it learns what steepest descent does not, stops and goes on bit for bit, and says what it
//! does not train.

use std::collections::BTreeMap;

use harmonium::data;
use harmonium::kernels::activation::Activation;
use harmonium::kernels::elementwise::{Elementwise, elementwise_in_place};
use harmonium::layers::{LayerSpec, Pass, Sequential, Workspace};
use harmonium::models::autoencoder::{Noise, Penalties};
use harmonium::models::network::Tally;
use harmonium::models::{Autoencoder, AutoencoderSpec, Model, Network, NetworkSpec, Visit};
use harmonium::tensor::Tensor;
use harmonium::training::{
    Batch, BatchSource, Figure, Learner, LineSearch, Method, Minimizer, MinimizerConfig,
    ResidentData, Trainable, Treatment, warm_up,
};
use harmonium::{Device, Error, Result};

use crate::models::support::on_each;
use crate::support;

const LBFGS: Method = Method::Lbfgs { pairs: 5 };

fn digits(device: &Device, cases: usize) -> ResidentData {
    let train = data::load("digits").unwrap().train.limit(cases);
    ResidentData::new(device, &train.cases, Treatment::default())
        .unwrap()
        .with_labels(&train.labels.unwrap())
        .unwrap()
        .with_case_dims(&[1, 8, 8])
        .unwrap()
}

fn flat_digits(device: &Device, cases: usize) -> ResidentData {
    let train = data::load("digits").unwrap().train.limit(cases);
    ResidentData::new(device, &train.cases, Treatment::default()).unwrap()
}

fn network(device: &Device, hidden: &[usize]) -> Network {
    let mut spec = NetworkSpec::new([1, 8, 8], 10);
    for &units in hidden {
        spec = spec.layer(LayerSpec::linear(units, Activation::Tanh));
    }
    Network::new(device, &spec.layer(LayerSpec::linear(10, Activation::Identity)), 1).unwrap()
}

fn config() -> MinimizerConfig {
    MinimizerConfig::default()
}

/// Loss at the beginning of the last epoch, and evaluations in all, after epochs of all cases as one batch until
/// `evaluations` are used.
fn train(device: &Device, config: MinimizerConfig, evaluations: f64) -> (f64, f64) {
    let mut source = digits(device, 1000);
    let mut trainer = Minimizer::new(network(device, &[30]), config).unwrap();
    let (mut loss, mut used) = (f64::NAN, 0.0);
    while used < evaluations {
        let figures = trainer.epoch(&mut source).unwrap().figures;
        loss = figures.get("train_loss").unwrap();
        used += figures.get("evaluations").unwrap();
    }
    (loss, used)
}

/// 64-30-10 units on 1,000 digits, all of them one batch. After 160 evaluations conjugate gradients stood at a loss below
/// 2e-7, L-BFGS below 1e-20, the steepest descent of the same line searches at 0.134.
#[test]
fn conjugate_gradients_come_where_steepest_descent_does_not() {
    on_each(|device| {
        let whole = config().restart(false);
        let (cg, _) = train(device, whole.clone(), 160.0);
        let (lbfgs, _) = train(device, whole.method(LBFGS), 160.0);
        let (steepest, used) = train(device, config().line_searches(1), 160.0);
        assert!(cg < 1e-4 && lbfgs < 1e-4, "{cg} and {lbfgs} on {}", device.info());
        assert!(used >= 160.0 && steepest > 0.1, "{steepest}");
    });
}

/// Batches of 250, as with data that are more than one batch.
#[test]
fn it_learns_from_batches() {
    let device = Device::cpu();
    let mut source = digits(&device, 1000);
    for method in [Method::ConjugateGradient, LBFGS] {
        let config = config().batch(250).method(method);
        let mut trainer = Minimizer::new(network(&device, &[30]), config).unwrap();
        let reports: Vec<_> = (0..15).map(|_| trainer.epoch(&mut source).unwrap()).collect();
        let loss = |i: usize| reports[i].figures.get("train_loss").unwrap();
        let error = reports[14].figures.get("train_error").unwrap();
        assert!(loss(0) > 0.5 && loss(14) < 0.05 && error < 0.01, "{method:?}: {}", loss(14));
        // Three searches on each of four batches: each begins with an evaluation and takes one at least.
        let evaluations = reports[3].figures.get("evaluations").unwrap();
        assert!((16.0..100.0).contains(&evaluations), "{evaluations}");
    }
}

/// At the minimum of mean loss + ½λ‖w‖² the loss's gradient is −λw for weights, and 0 for biases.
#[test]
fn weight_decay_is_part_of_the_objective() {
    on_each(|device| {
        let mut source = digits(device, 100);
        let config = config().restart(false).weight_decay(0.1).line_searches(60);
        let mut trainer = Minimizer::new(network(device, &[]), config).unwrap();
        trainer.epoch(&mut source).unwrap();
        let network = trainer.network();
        let (mut space, mut tallies) =
            (Workspace::new(), [0; 2].map(|_| Tensor::zeros(device, &[100]).unwrap()));
        source.start_epoch(1, 1).unwrap();
        let batch = source.next_batch(100).unwrap().unwrap();
        let [loss, error] = &mut tallies;
        let mut tally = Tally { loss, error, row: 0 };
        let pass = Pass::Evaluate;
        Trainable::gradient(network, batch, batch.cases, pass, &mut tally, &mut space).unwrap();
        let (mut largest, mut weights) = (0f32, 0f32);
        for (p, gradient) in network.layers().parameters().zip(space.gradients()) {
            let rate = if p.decays { 0.1 } else { 0.0 };
            for (w, g) in p.value.to_vec().unwrap().into_iter().zip(gradient.to_vec().unwrap()) {
                largest = largest.max((g + rate * w).abs());
                weights = weights.max(rate * w.abs());
            }
        }
        assert!(largest < 1e-3 * weights, "{largest} against {weights} on {}", device.info());
    });
}

/// Tied weights are one tensor of the objective, and penalties are part of it. So where one exact search along the
/// steepest descent ends, the gradient of all of it, tied weights counted once, is at right angles to the first one;
/// and a pair stays equal to the bit.
#[test]
fn tied_weights_and_penalties_are_of_the_objective() {
    on_each(|device| {
        let mut source = flat_digits(device, 100);
        let penalties = Penalties { sparse: Some((0.1, 0.5)), contractive: Some(0.2) };
        for (tied, penalties) in
            [(true, Penalties::default()), (false, penalties), (true, penalties)]
        {
            let spec = AutoencoderSpec::new(64, &[12, 4]).tied(tied).penalties(penalties);
            let start = Autoencoder::new(device, &spec, 3).unwrap();
            let first = slopes(&start, &mut source);
            let search = LineSearch::new(2e-4).evaluations(40);
            let config = config().line_searches(1).line_search(search);
            let mut trainer = Minimizer::new(start, config).unwrap();
            trainer.epoch(&mut source).unwrap();
            let end = trainer.network();
            let along = dot(&slopes(end, &mut source), &first) / dot(&first, &first);
            assert!(along.abs() < 4e-4, "{along}, {tied} {penalties:?} on {}", device.info());
            let weights = end.layers().parameters().filter(|p| p.decays);
            let weights: Vec<_> = weights.map(|p| p.value.to_words().unwrap()).collect();
            assert_eq!(weights[0] == weights[3] && weights[1] == weights[2], tied);
        }
    });
}

fn dot(x: &[f32], y: &[f32]) -> f64 {
    x.iter().zip(y).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}

/// The gradient of everything that is made small, over all cases, without the decoder's weights where they are the
/// encoder's.
fn slopes(model: &Autoencoder, source: &mut ResidentData) -> Vec<f32> {
    source.start_epoch(1, 1).unwrap();
    let batch = source.next_batch(100).unwrap().unwrap();
    let [mut loss, mut error] =
        [0; 2].map(|_| Tensor::zeros(model.device(), &[batch.rows()]).unwrap());
    let mut tally = Tally { loss: &mut loss, error: &mut error, row: 0 };
    let mut space = Workspace::new();
    model.gradient(batch.cases, Pass::Evaluate, &mut tally, &mut space).unwrap();
    let decoder = model.layers().parameters().count() / 2;
    let parameters = model.layers().parameters().zip(space.gradients()).enumerate();
    let counted =
        parameters.filter(|(at, (p, _))| !(model.spec().tied && p.decays && *at >= decoder));
    counted.flat_map(|(_, (_, gradient))| gradient.to_vec().unwrap()).collect()
}

/// What the input loses is drawn alike in all evaluations of a batch, and anew for the next one.
#[test]
fn a_denoising_autoencoder_learns() {
    let device = Device::cpu();
    let mut source = flat_digits(&device, 200);
    let penalties = Penalties { sparse: Some((0.1, 0.1)), contractive: None };
    let spec = AutoencoderSpec::new(64, &[30])
        .code(Activation::Sigmoid)
        .noise(Noise::Mask(0.3))
        .penalties(penalties);
    let config = config().batch(100);
    let mut trainer = Minimizer::new(Autoencoder::new(&device, &spec, 1).unwrap(), config).unwrap();
    let mut loss = || {
        let figures = trainer.epoch(&mut source).unwrap().figures;
        figures.get("train_reconstruction_loss").unwrap()
    };
    let first = loss();
    let last = (0..20).map(|_| loss()).last().unwrap();
    assert!(last < 0.8 * first, "{first} to {last}");
}

#[test]
fn a_restored_trainer_goes_on_bit_for_bit() {
    on_each(|device| {
        let mut source = digits(device, 230);
        for (method, restart) in
            [(Method::ConjugateGradient, true), (Method::ConjugateGradient, false), (LBFGS, false)]
        {
            let new = || {
                let config = config().batch(50).method(method).restart(restart).weight_decay(1e-3);
                Minimizer::new(network(device, &[12]), config).unwrap()
            };
            let mut whole = new();
            let reports: Vec<_> = (0..3).map(|_| whole.epoch(&mut source).unwrap()).collect();
            // After two updates of the second epoch.
            let mut stopped = new();
            assert_eq!(stopped.epoch(&mut source).unwrap(), reports[0]);
            let mut updates = 0;
            let end = stopped.epoch_while(&mut source, |_, _| {
                updates += 1;
                Ok(updates < 2)
            });
            assert_eq!(end.unwrap(), None);
            let state = stopped.state().unwrap();
            let mut restored = new();
            restored.restore(&state).unwrap();
            assert_eq!(restored.state().unwrap(), state);
            assert_eq!(restored.epoch(&mut source).unwrap(), reports[1]);
            assert_eq!(restored.epoch(&mut source).unwrap(), reports[2]);
            let (found, expected) = (restored.state().unwrap(), whole.state().unwrap());
            assert_eq!(found, expected, "{method:?} on {}", device.info());
            // Another method's state is refused.
            if !restart {
                let other = if method == LBFGS { Method::ConjugateGradient } else { LBFGS };
                let config = config().batch(50).method(other).restart(false);
                let mut other = Minimizer::new(network(device, &[12]), config).unwrap();
                assert!(other.restore(&state).is_err());
            }
        }
    });
}

#[test]
fn a_warm_up_changes_nothing() {
    for gpu in support::gpus() {
        let mut source = digits(gpu, 60);
        let config = config().batch(30).restart(false);
        let mut trainer = Minimizer::new(network(gpu, &[5]), config).unwrap();
        let before = trainer.state().unwrap();
        warm_up(&mut trainer, &mut source).unwrap();
        assert_eq!(trainer.state().unwrap(), before, "{}", gpu.info());
        trainer.epoch(&mut source).unwrap();
        let before = trainer.state().unwrap();
        warm_up(&mut trainer, &mut source).unwrap();
        assert_eq!(trainer.state().unwrap(), before, "{}", gpu.info());
    }
}

#[test]
fn frozen_parameters_stay() {
    let device = Device::cpu();
    let mut source = digits(&device, 100);
    let mut start = network(&device, &[8]);
    start.layers_mut().parameters_mut().take(2).for_each(|p| p.frozen = true);
    let values = |n: &Network| -> Vec<Vec<f32>> {
        n.layers().parameters().map(|p| p.value.to_vec().unwrap()).collect()
    };
    let before = values(&start);
    let mut trainer = Minimizer::new(start, config().weight_decay(0.1)).unwrap();
    trainer.epoch(&mut source).unwrap();
    let after = values(trainer.network());
    assert_eq!(after[..2], before[..2]);
    assert!(after[2] != before[2] && after[3] != before[3]);
    let mut all = trainer.into_network();
    all.layers_mut().parameters_mut().for_each(|p| p.frozen = true);
    let error = Minimizer::new(all, config()).err().unwrap().to_string();
    assert!(error.contains("none has a parameter that is trained"), "{error}");
}

#[test]
fn what_does_not_go_is_refused_in_words() {
    let device = Device::cpu();
    let spec = NetworkSpec::new([1, 8, 8], 10)
        .layer(LayerSpec::linear(8, Activation::Tanh))
        .layer(LayerSpec::Dropout { rate: 0.5 })
        .layer(LayerSpec::linear(10, Activation::Identity));
    let drops = Network::new(&device, &spec, 1).unwrap();
    let error = Minimizer::new(drops, config()).err().unwrap();
    assert!(matches!(error, Error::Setting { .. }), "{error}");
    assert!(error.to_string().contains("dropout2 drops other units in every pass"), "{error}");
    for (config, said) in [
        (config().batch(0), "batch: 0 is too few"),
        (config().line_searches(0), "line-searches: 0 is too few"),
        (config().weight_decay(-1.0), "weight-decay: -1"),
        (config().method(Method::Lbfgs { pairs: 0 }), "pairs: 0 is too few"),
        (config().line_search(LineSearch::new(2.0)), "curvature: 2"),
    ] {
        let error = Minimizer::new(network(&device, &[]), config).err().unwrap().to_string();
        assert!(error.contains(said), "{error}");
    }
    // A loss that is not finite before the first step.
    let mut broken = network(&device, &[8]);
    let first = broken.layers_mut().parameters_mut().next().unwrap();
    let dims = first.value.shape().dims().to_vec();
    first.value = Tensor::from_f32(&device, &dims, &[f32::NAN; 64 * 8]).unwrap();
    let mut trainer = Minimizer::new(broken, config().batch(20)).unwrap();
    match trainer.epoch(&mut digits(&device, 40)).unwrap_err() {
        Error::Diverged { epoch: 1, step: 1, what, .. } => assert_eq!(what, "the loss"),
        other => panic!("{other:?}"),
    }
}

/// A network whose gradient has the wrong sign.
struct Wrong(Network);

impl Model for Wrong {
    fn kind(&self) -> &'static str {
        "wrong"
    }

    fn description(&self) -> BTreeMap<String, String> {
        self.0.description()
    }

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        self.0.visit(visit)
    }
}

impl Trainable for Wrong {
    fn layers(&self) -> &Sequential {
        self.0.layers()
    }

    fn layers_mut(&mut self) -> &mut Sequential {
        self.0.layers_mut()
    }

    fn gradient(
        &self,
        batch: Batch<'_>,
        x: &Tensor,
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        Trainable::gradient(&self.0, batch, x, pass, tally, space)?;
        let negative = Elementwise::Affine(-1.0, 0.0);
        space.gradients_mut().try_for_each(|g| elementwise_in_place(negative, g, None))
    }

    fn figures(&self) -> [&'static Figure; 2] {
        self.0.figures()
    }
}

#[test]
fn a_broken_gradient_is_told_with_epoch_and_step() {
    on_each(|device| {
        let mut source = digits(device, 100);
        let before = network(device, &[8]).layers().parameters().next().unwrap().value.to_vec();
        for method in [Method::ConjugateGradient, LBFGS] {
            let config = config().batch(50).method(method);
            let mut trainer = Minimizer::new(Wrong(network(device, &[8])), config).unwrap();
            let error = trainer.epoch(&mut source).unwrap_err().to_string();
            assert!(error.contains("the gradient is not that of the loss"), "{error}");
            assert!(error.contains("epoch 1, step 1"), "{error}");
            // The network is where it was, and not at a step that was tried.
            let after = trainer.network().layers().parameters().next().unwrap().value.to_vec();
            assert_eq!(after.unwrap(), *before.as_ref().unwrap());
        }
    });
}
