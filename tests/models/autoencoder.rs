//! Autoencoders: gradients of every loss and penalty by finite differences, unrolling, tied weights, noise.

use harmonium::kernels::activation::Activation;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::layers::{Pass, Workspace};
use harmonium::models::autoencoder::{Level, Noise, Penalties, ReconstructionLoss};
use harmonium::models::network::Tally;
use harmonium::models::{Autoencoder, AutoencoderSpec, Rbm, UnitKind};
use harmonium::random::{Draw, stream};
use harmonium::{Device, Tensor};

use super::support::on_each;

const ROWS: usize = 6;

fn inputs(device: &Device, columns: usize) -> Tensor {
    let values = Inputs::new(5).probabilities(ROWS * columns);
    Tensor::from_f32(device, &[ROWS, columns], &values).unwrap()
}

fn tallies(device: &Device) -> [Tensor; 2] {
    [(); 2].map(|()| Tensor::zeros(device, &[ROWS]).unwrap())
}

/// The mean loss of the whole batch and the penalties: what the gradient is of.
fn objective(model: &Autoencoder, x: &Tensor) -> f64 {
    let [mut loss, mut error] = tallies(model.device());
    let mut tally = Tally { loss: &mut loss, error: &mut error, row: 0 };
    model.score(x, &mut tally, &mut Workspace::new()).unwrap();
    let losses = loss.to_vec().unwrap();
    losses.iter().map(|&l| f64::from(l)).sum::<f64>() / ROWS as f64 + model.penalty(x).unwrap()
}

fn gradients(model: &Autoencoder, x: &Tensor, pass: Pass) -> Vec<Vec<f32>> {
    let [mut loss, mut error] = tallies(model.device());
    let mut tally = Tally { loss: &mut loss, error: &mut error, row: 0 };
    let mut space = Workspace::new();
    model.gradient(x, pass, &mut tally, &mut space).unwrap();
    space.gradients().map(|g| g.to_vec().unwrap()).collect()
}

/// Adds `step` to one number of one parameter.
fn nudge(model: &mut Autoencoder, parameter: usize, at: usize, step: f32) {
    let value = &mut model.layers_mut().parameters_mut().nth(parameter).unwrap().value;
    let mut values = value.to_vec().unwrap();
    values[at] += step;
    value.upload(&values).unwrap();
}

/// The objective's values are sums of some 30 terms near 1 in f32: a difference over 2·0.02 errs by 1e-4, and by the
/// third derivative times 0.02²/6.
fn agrees(device: &Device, spec: &AutoencoderSpec) {
    let mut model = Autoencoder::new(device, spec, 3).unwrap();
    let x = inputs(device, spec.inputs);
    let found = gradients(&model, &x, Pass::Evaluate);
    for (parameter, gradient) in found.iter().enumerate() {
        for at in [0, gradient.len() / 2, gradient.len() - 1] {
            let mut side = |step: f32| {
                nudge(&mut model, parameter, at, step);
                let value = objective(&model, &x);
                nudge(&mut model, parameter, at, -step);
                value
            };
            let slope = (side(0.02) - side(-0.02)) / 0.04;
            let off = (slope - f64::from(gradient[at])).abs();
            assert!(
                off < 2e-3 * slope.abs().max(0.5),
                "{spec:?} on {}, parameter {parameter}, number {at}: {} and {slope}",
                device.info(),
                gradient[at]
            );
        }
    }
}

fn sparse() -> Penalties {
    Penalties { sparse: Some((0.1, 0.7)), ..Penalties::default() }
}

fn contractive() -> Penalties {
    Penalties { contractive: Some(0.8), ..Penalties::default() }
}

#[test]
fn gradients_are_those_of_loss_and_penalties() {
    let spec = AutoencoderSpec::new(7, &[5, 4, 2]);
    let squared = spec.clone().loss(ReconstructionLoss::SquaredError);
    let both = Penalties { contractive: Some(0.8), ..sparse() };
    on_each(|device| {
        for spec in [
            spec.clone(),
            squared.clone(),
            spec.clone().hidden(Activation::Tanh).code(Activation::Sigmoid),
            squared.clone().penalties(sparse()),
            spec.clone().penalties(contractive()),
            AutoencoderSpec::new(4, &[9]).code(Activation::Sigmoid).penalties(both),
        ] {
            agrees(device, &spec);
        }
    });
}

/// A penalty left out of the gradient, or of the wrong size, is seen.
#[test]
fn a_wrong_gradient_is_seen() {
    let device = Device::cpu();
    let with = AutoencoderSpec::new(7, &[5, 2])
        .penalties(Penalties { contractive: Some(8.0), ..sparse() });
    let without = with.clone().penalties(Penalties::default());
    let [a, b] = [with, without].map(|spec| {
        let model = Autoencoder::new(&device, &spec, 3).unwrap();
        gradients(&model, &inputs(&device, 7), Pass::Evaluate)
    });
    let most = a[0].iter().zip(&b[0]).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(most > 0.05, "{most}");
}

/// The two layers of a pair have one gradient, the sum of what each would have, and stay equal bit for bit.
#[test]
fn tied_weights_stay_tied() {
    use harmonium::training::{Backpropagation, BackpropagationConfig, Batch, Learner, Optimizer};
    let spec = AutoencoderSpec::new(7, &[5, 2]);
    on_each(|device| {
        let tied = Autoencoder::new(device, &spec.clone().tied(true), 3).unwrap();
        let x = inputs(device, 7);
        let joined = gradients(&tied, &x, Pass::Evaluate);
        let given: Vec<Vec<f32>> =
            tied.layers().parameters().map(|p| p.value.to_vec().unwrap()).collect();
        let mut number = 0;
        let free = Autoencoder::from_parts(device, &spec, |_, dims| {
            number += 1;
            Tensor::from_f32(device, dims, &given[number - 1])
        });
        let apart = gradients(&free.unwrap(), &x, Pass::Evaluate);
        // Parameters: W1 a1 W2 a2 | W2 b2 W1 b1.
        for (encoder, decoder) in [(0, 6), (2, 4)] {
            assert_eq!(given[encoder], given[decoder]);
            let sum: Vec<f32> =
                apart[encoder].iter().zip(&apart[decoder]).map(|(a, b)| a + b).collect();
            assert_eq!((&joined[encoder], &joined[decoder]), (&sum, &sum));
        }
        for optimizer in [Optimizer::adam(), Optimizer::sgd(0.9)] {
            let tied = Autoencoder::new(device, &spec.clone().tied(true), 3).unwrap();
            let config = BackpropagationConfig::default().optimizer(optimizer);
            let mut trainer = Backpropagation::new(tied, config).unwrap();
            trainer.begin_epoch(&One).unwrap();
            for _ in 0..5 {
                trainer.update(Batch::of(&x)).unwrap();
            }
            let after: Vec<Vec<f32>> = trainer
                .network()
                .layers()
                .parameters()
                .map(|p| p.value.to_vec().unwrap())
                .collect();
            assert!(after[0] != given[0] && after[0] == after[6] && after[2] == after[4]);
        }
    });
}

/// A source of one batch, as far as an epoch's beginning looks at it.
struct One;

impl harmonium::training::BatchSource for One {
    fn cases(&self) -> usize {
        ROWS
    }

    fn width(&self) -> usize {
        7
    }

    fn start_epoch(&mut self, _: u64, _: u64) -> harmonium::Result<()> {
        Ok(())
    }

    fn next_batch(
        &mut self,
        _: usize,
    ) -> harmonium::Result<Option<harmonium::training::Batch<'_>>> {
        Ok(None)
    }
}

fn machine(device: &Device, visible: usize, hidden: usize, kind: UnitKind) -> Rbm {
    let mut inputs = Inputs::new(visible as u64);
    let mut tensor = |dims: &[usize]| {
        let n = dims.iter().product();
        Tensor::from_f32(device, dims, &inputs.values(Values::Ordinary, n)).unwrap()
    };
    let parts = [tensor(&[visible, hidden]), tensor(&[visible]), tensor(&[hidden])];
    let [w, b, a] = parts;
    Rbm::from_parts(UnitKind::Bernoulli, kind, w, b, a).unwrap()
}

/// Before it is trained an unrolled stack reconstructs exactly as its machines do, one after another, by their means.
#[test]
fn unrolled_machines_reconstruct_as_before() {
    on_each(|device| {
        let levels = [
            machine(device, 7, 5, UnitKind::Bernoulli),
            machine(device, 5, 4, UnitKind::Bernoulli),
            machine(device, 4, 2, UnitKind::Gaussian),
        ];
        let x = inputs(device, 7);
        let mut h = x.try_clone().unwrap();
        for rbm in &levels {
            h = rbm.mean_h_from_v(&h).unwrap();
        }
        let codes = h.to_vec().unwrap();
        for rbm in levels.iter().rev() {
            h = rbm.mean_v_from_h(&h).unwrap();
        }
        for tied in [false, true] {
            let spec = AutoencoderSpec::new(7, &[5, 4, 2]).tied(tied);
            let unrolled: Vec<Level<'_>> = levels.iter().map(Level::from).collect();
            let model = Autoencoder::unrolled(device, &spec, &unrolled).unwrap();
            assert_eq!(model.encode(&x).unwrap().to_vec().unwrap(), codes);
            let (found, expected) = (model.reconstruct(&x).unwrap(), h.to_vec().unwrap());
            for (a, b) in found.to_vec().unwrap().iter().zip(&expected) {
                // The last sigmoid stands outside the product's epilogue.
                assert!((a - b).abs() <= 2e-7, "{}: {a} {b}", device.info());
            }
        }
    });
}

#[test]
fn levels_that_do_not_fit_are_refused() {
    let device = Device::cpu();
    let (one, other) =
        (machine(&device, 7, 5, UnitKind::Bernoulli), machine(&device, 6, 2, UnitKind::Gaussian));
    let spec = AutoencoderSpec::new(7, &[5, 2]);
    let told = |levels: &[&Rbm]| {
        let levels: Vec<Level<'_>> = levels.iter().map(|&rbm| Level::from(rbm)).collect();
        Autoencoder::unrolled(&device, &spec, &levels).err().unwrap().to_string()
    };
    assert!(told(&[&one]).contains("1 levels, and 2 layers are described"));
    assert!(told(&[&one, &other]).contains("linear2.weight is [6, 2], and [5, 2] is expected"));
    let refused =
        |spec: AutoencoderSpec| Autoencoder::new(&device, &spec, 1).err().unwrap().to_string();
    assert!(refused(AutoencoderSpec::new(7, &[])).contains("layers: give one or more sizes"));
    let relu = AutoencoderSpec::new(7, &[5, 2]).hidden(Activation::Relu);
    assert!(
        refused(relu.clone().penalties(contractive()))
            .starts_with("contractive: is of a first layer of sigmoid")
    );
    assert!(refused(relu.penalties(sparse())).starts_with("sparse: is of sigmoid units"));
}

/// How much of the input the noise takes, and that it is another part at every step.
#[test]
fn noise_takes_its_share_and_the_loss_is_against_the_whole() {
    let device = Device::cpu();
    let n = 400;
    let x = Tensor::from_f32(&device, &[ROWS, n], &vec![0.75; ROWS * n]).unwrap();
    let spec = AutoencoderSpec::new(n, &[3]);
    let plain = Autoencoder::new(&device, &spec, 3).unwrap();
    let pass = |step| Pass::Train(Draw::new(9, stream::DROPOUT).at(step));
    let whole = gradients(&plain, &x, pass(0));
    assert_eq!(whole, gradients(&plain, &x, Pass::Evaluate));
    for noise in [Noise::Mask(0.3), Noise::Salt(0.3), Noise::Gaussian(0.2)] {
        let noisy = Autoencoder::new(&device, &spec.clone().noise(noise), 3).unwrap();
        assert_eq!(whole, gradients(&noisy, &x, Pass::Evaluate), "{noise}");
        let [first, again, next] = [0, 0, 1].map(|step| gradients(&noisy, &x, pass(step)));
        assert!(first == again && first != next && first != whole, "{noise}");
        // The gradient of an encoder's weight is 0 for a case whose value is 0: of one case a share of rows is.
        if let Noise::Mask(share) = noise {
            let one = Tensor::from_f32(&device, &[1, n], &vec![0.75; n]).unwrap();
            let dw = &gradients(&noisy, &one, pass(4))[0];
            let lost = dw.chunks(3).filter(|row| row.iter().all(|&d| d == 0.0)).count() as f32;
            let expected = share * n as f32;
            // Five deviations of a binomial.
            assert!((lost - expected).abs() < 5.0 * (expected * (1.0 - share)).sqrt(), "{lost}");
        }
    }
    for wrong in ["mask", "mask:x", "blur:1", "mask:1.5", "gaussian:-1"] {
        assert!(wrong.parse::<Noise>().is_err(), "{wrong}");
    }
}

/// A constant pixel, a unit that is never on or always: nothing leaves the finite numbers.
#[test]
fn dead_units_stay_finite() {
    on_each(|device| {
        let spec = AutoencoderSpec::new(3, &[4])
            .code(Activation::Sigmoid)
            .penalties(Penalties { contractive: Some(0.1), ..sparse() });
        let mut model = Autoencoder::new(device, &spec, 1).unwrap();
        let bias = &mut model.layers_mut().parameters_mut().nth(1).unwrap().value;
        bias.upload(&[-1e4, 1e4, 0.0, 0.0]).unwrap();
        let x = Tensor::zeros(device, &[ROWS, 3]).unwrap();
        for gradient in gradients(&model, &x, Pass::Evaluate) {
            assert!(gradient.iter().all(|g| g.is_finite()), "{}", device.info());
        }
        assert!(objective(&model, &x).is_finite());
        let nothing = Tensor::zeros(device, &[0, 3]).unwrap();
        assert!(model.penalty(&nothing).unwrap().is_finite());
    });
}
