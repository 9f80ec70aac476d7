//! Classifiers: their losses' gradients by finite differences, their scores and errors.

use harmonium::kernels::activation::Activation;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::layers::{Pass, Workspace};
use harmonium::models::network::{OutputSpec, Tally};
use harmonium::models::{Network, NetworkSpec, lenet5};
use harmonium::{Device, Tensor};

use super::{conv, linear};

fn spec(output: OutputSpec) -> NetworkSpec {
    let features = if output == OutputSpec::Softmax { 3 } else { lenet5::BITMAP };
    NetworkSpec::new([2, 5, 4], 3)
        .output(output)
        .layer(conv(3, [2, 3], Activation::Tanh))
        .layer(linear(features, Activation::Identity))
}

/// Mean loss of the batch, and how many are wrong.
fn mean_loss(network: &Network, x: &Tensor, classes: &Tensor) -> (f64, f32) {
    let device = network.device().clone();
    let n = classes.shape().len();
    let mut loss = Tensor::zeros(&device, &[n]).unwrap();
    let mut wrong = Tensor::zeros(&device, &[n]).unwrap();
    let mut tally = Tally { loss: &mut loss, error: &mut wrong, row: 0 };
    network.score(x, classes, &mut tally, &mut Workspace::new()).unwrap();
    let mean = loss.to_vec().unwrap().iter().map(|&l| f64::from(l)).sum::<f64>() / n as f64;
    (mean, wrong.to_vec().unwrap().iter().sum())
}

#[test]
fn gradients_of_the_mean_loss() {
    // Distances of 84 values are far apart: a large j leaves the competing classes a say.
    for output in [OutputSpec::Softmax, OutputSpec::Rbf { j: 60.0 }] {
        let cpu = [Device::cpu()];
        for device in cpu.iter().chain(crate::support::gpus()) {
            let mut network = Network::new(device, &spec(output), 3).unwrap();
            let values = Inputs::new(5).values(Values::Ordinary, 4 * 40);
            let x = Tensor::from_f32(device, &[4, 2, 5, 4], &values).unwrap();
            let classes = Tensor::from_f32(device, &[4], &[0.0, 2.0, 1.0, 2.0]).unwrap();
            let mut loss = Tensor::zeros(device, &[6]).unwrap();
            let mut wrong = Tensor::zeros(device, &[6]).unwrap();
            let mut tally = Tally { loss: &mut loss, error: &mut wrong, row: 2 };
            let mut space = Workspace::new();
            network.gradient(&x, &classes, Pass::Evaluate, &mut tally, &mut space).unwrap();
            let (mean, errors) = mean_loss(&network, &x, &classes);
            let tallied = loss.to_vec().unwrap();
            assert_eq!(tallied[..2], [0.0, 0.0]);
            let tallied: f64 = tallied.iter().map(|&l| f64::from(l)).sum::<f64>() / 4.0;
            assert!((tallied - mean).abs() < 1e-5 * mean);
            assert_eq!(wrong.to_vec().unwrap().iter().sum::<f32>(), errors);

            let count = network.layers().parameters().count();
            for i in 0..count {
                let p = network.layers().parameters().nth(i).unwrap();
                let (name, start) = (p.name.clone(), p.value.to_vec().unwrap());
                let gradient = space.gradients().nth(i).unwrap().to_vec().unwrap();
                let direction = Inputs::new(9).values(Values::Ordinary, start.len());
                let mut at = |h: f32| {
                    let moved: Vec<f32> =
                        start.iter().zip(&direction).map(|(s, d)| s + h * d).collect();
                    let p = network.layers_mut().parameters_mut().nth(i).unwrap();
                    p.value.upload(&moved).unwrap();
                    mean_loss(&network, &x, &classes).0
                };
                let h = 1e-3;
                let difference = (at(h) - at(-h)) / f64::from(2.0 * h);
                at(0.0);
                let expected: f64 = gradient
                    .iter()
                    .zip(&direction)
                    .map(|(&g, &d)| f64::from(g) * f64::from(d))
                    .sum();
                let size = gradient.iter().map(|&g| f64::from(g).powi(2)).sum::<f64>().sqrt();
                assert!(size > 1e-4, "{name}");
                assert!(
                    (difference - expected).abs() < 0.02 * size.max(expected.abs()) + 2e-3,
                    "{name} with {output:?} on {}: {expected} and {difference}",
                    device.info()
                );
            }
        }
    }
}

#[test]
fn probabilities_and_classes_agree() {
    let device = Device::cpu();
    for output in [OutputSpec::Softmax, OutputSpec::Rbf { j: 1.0 }] {
        let network = Network::new(&device, &spec(output), 3).unwrap();
        let values = Inputs::new(6).values(Values::Ordinary, 7 * 40);
        let x = Tensor::from_f32(&device, &[7, 2, 5, 4], &values).unwrap();
        let p = network.probabilities(&x).unwrap().to_vec().unwrap();
        let classes = network.classify(&x).unwrap();
        for (p, class) in p.chunks(3).zip(classes) {
            assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            let most = (0..3).max_by(|&a, &b| p[a].total_cmp(&p[b])).unwrap();
            assert_eq!(most as u32, class);
        }
    }
}

#[test]
fn what_does_not_fit_together_is_said() {
    let device = Device::cpu();
    let refuse = |change: fn(&mut NetworkSpec)| {
        let mut spec = spec(OutputSpec::Softmax);
        change(&mut spec);
        Network::new(&device, &spec, 1).err().unwrap().to_string()
    };
    let error = refuse(|s| s.classes = 4);
    assert!(error.contains("gives [3]") && error.contains("expects [4]"), "{error}");
    let error = refuse(|s| s.classes = 1);
    assert!(error.contains("at least 2"), "{error}");
    let error = refuse(|s| s.output = OutputSpec::Rbf { j: 1.0 });
    assert!(error.contains("expects [84]"), "{error}");
    let error = refuse(|s| s.layers.clear());
    assert!(error.contains("layers"), "{error}");
}
