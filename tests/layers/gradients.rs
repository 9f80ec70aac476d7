//! Every layer's backward pass against finite differences of its forward pass, in the middle of a graph: the
//! incoming gradient is random.

use harmonium::kernels::activation::Activation;
use harmonium::kernels::proof::{Inputs, Values};
use harmonium::layers::{
    ConvSpec, Initialization, LayerSpec, LinearSpec, Pass, PoolKind, PoolSpec, Sequential, Size,
    Workspace,
};
use harmonium::random::{Draw, stream};
use harmonium::{Device, Tensor};

use super::{conv, linear, pool};

/// L = Σ r·y, in f64.
fn loss(network: &Sequential, x: &Tensor, r: &[f32], pass: Pass) -> f64 {
    let mut space = Workspace::new();
    let y = network.forward(x, pass, &mut space).unwrap().to_vec().unwrap();
    assert_eq!(y.len(), r.len());
    y.iter().zip(r).map(|(&y, &r)| f64::from(y) * f64::from(r)).sum()
}

fn normal(seed: u64, n: usize) -> Vec<f32> {
    Inputs::new(seed).values(Values::Ordinary, n)
}

/// Directional derivatives of L along random directions of the input and of each parameter, in passes of both
/// kinds.
#[track_caller]
fn check(device: &Device, input: &[usize], specs: &[LayerSpec]) {
    for pass in [Pass::Train(Draw::new(3, stream::DROPOUT).at(11)), Pass::Evaluate] {
        if let Err(difference) = agrees(device, input, specs, pass, <[f32]>::to_vec, |_| ()) {
            panic!("{difference}, in {pass:?}");
        }
    }
}

/// Where the gradients from what `incoming` makes of r, those of parameters then changed by `damage`, are not those
/// of Σ r·y, which one, and how far off.
fn agrees(
    device: &Device,
    input: &[usize],
    specs: &[LayerSpec],
    pass: Pass,
    incoming: impl Fn(&[f32]) -> Vec<f32>,
    damage: impl Fn(&mut [f32]),
) -> Result<(), String> {
    // Where a maximum or a rectifier bends within the step, the difference is wrong: a shorter step bends less
    // often, and rounds more.
    let text = format!("{specs:?}");
    let bends = text.contains("Max") || text.contains("Relu");
    let (h, tolerance, rounding) = if bends { (3e-4, 0.02, 1e-2) } else { (2e-3, 0.01, 2e-3) };
    let mut network = Sequential::new(device, input, specs, Initialization::Glorot, 7).unwrap();
    // Biases too: where they are 0 a missing one is not seen.
    for (i, p) in network.parameters_mut().enumerate() {
        let dims = p.value.shape().dims().to_vec();
        let values: Vec<f32> = normal(100 + i as u64, p.value.shape().len());
        let stored = p.value.to_vec().unwrap();
        // Weights that a table disconnects stay 0.
        let values: Vec<f32> = values
            .iter()
            .zip(&stored)
            .map(|(v, s)| if p.name.ends_with("kernel") && *s == 0.0 { 0.0 } else { 0.4 * v })
            .collect();
        p.value = Tensor::from_f32(device, &dims, &values).unwrap();
    }
    let batch = 3;
    let dims: Vec<usize> = std::iter::once(batch).chain(input.iter().copied()).collect();
    let values = normal(1, dims.iter().product());
    let mut space = Workspace::new();
    // The workspace has seen a training pass of other values.
    let other = Tensor::from_f32(device, &dims, &normal(9, values.len())).unwrap();
    let train = Pass::Train(Draw::new(4, stream::DROPOUT));
    let outputs = network.forward(&other, train, &mut space).unwrap().shape().len();
    space.outgoing().unwrap().gradient.upload(&normal(8, outputs)).unwrap();
    network.backward(&other, &mut space).unwrap();

    let x = Tensor::from_f32(device, &dims, &values).unwrap();
    network.forward(&x, pass, &mut space).unwrap();
    let r = normal(2, outputs);
    space.outgoing().unwrap().gradient.upload(&incoming(&r)).unwrap();
    let mut dx = Tensor::for_output(device, &dims).unwrap();
    network.backward_to_input(&x, &mut dx, &mut space).unwrap();
    let dx = dx.to_vec().unwrap();
    let gradients: Vec<(String, Vec<f32>, Vec<f32>)> = network
        .parameters()
        .zip(space.gradients())
        .map(|(p, g)| {
            let mut gradient = g.to_vec().unwrap();
            damage(&mut gradient);
            (p.name.clone(), p.value.to_vec().unwrap(), gradient)
        })
        .collect();

    let compare = |name: &str, gradient: &[f32], direction: &[f32], difference: f64| {
        let expected: f64 =
            gradient.iter().zip(direction).map(|(&g, &d)| f64::from(g) * f64::from(d)).sum();
        let size: f64 = gradient
            .iter()
            .zip(direction)
            .map(|(&g, &d)| (f64::from(g) * f64::from(d)).powi(2))
            .sum::<f64>()
            .sqrt();
        assert!(size > 1e-3, "{name} on {}: the gradient is 0", device.info());
        let error = (difference - expected).abs();
        match error < tolerance * size + rounding {
            true => Ok(()),
            false => Err(format!(
                "{name} of {specs:?} on {}: the gradient says {expected}, the difference {difference}",
                device.info()
            )),
        }
    };
    for trial in 0..2 {
        let direction = normal(50 + trial, values.len());
        let at = |h: f32| -> Vec<f32> {
            values.iter().zip(&direction).map(|(v, d)| v + h * d).collect()
        };
        let value = |h: f32| {
            let x = Tensor::from_f32(device, &dims, &at(h)).unwrap();
            loss(&network, &x, &r, pass)
        };
        let difference = (value(h) - value(-h)) / f64::from(2.0 * h);
        compare("the input", &dx, &direction, difference)?;
        for (i, (name, start, gradient)) in gradients.iter().enumerate() {
            let mut direction = normal(60 + trial, start.len());
            if name.ends_with("kernel") {
                direction.iter_mut().zip(start).for_each(|(d, s)| {
                    if *s == 0.0 {
                        *d = 0.0;
                    }
                });
            }
            let mut value = |h: f32| {
                let moved: Vec<f32> =
                    start.iter().zip(&direction).map(|(v, d)| v + h * d).collect();
                let upload = |network: &mut Sequential, values: &[f32]| {
                    let p = network.parameters_mut().nth(i).unwrap();
                    p.value.upload(values).unwrap();
                };
                upload(&mut network, &moved);
                let found = loss(&network, &x, &r, pass);
                upload(&mut network, start);
                found
            };
            let difference = (value(h) - value(-h)) / f64::from(2.0 * h);
            compare(name, gradient, &direction, difference)?;
        }
    }
    Ok(())
}

#[track_caller]
fn on_cpu(input: &[usize], specs: &[LayerSpec]) {
    check(&Device::cpu(), input, specs);
}

const F: Activation = Activation::ScaledTanh;

#[test]
fn linear_layers() {
    on_cpu(&[7], &[linear(5, Activation::Tanh), linear(3, Activation::Sigmoid)]);
    on_cpu(&[4], &[LinearSpec::new(3).bias(false).activation(F).into()]);
    on_cpu(&[2, 3, 5], &[linear(4, Activation::Softplus)]);
    // Weights kept the other way round: as those of the layer before.
    let back = LinearSpec::new(7).activation(Activation::Sigmoid).transposed(true);
    on_cpu(&[7], &[linear(5, Activation::Tanh), back.into()]);
}

#[test]
fn convolutions() {
    on_cpu(&[2, 9, 7], &[conv(3, [3, 2], F)]);
    on_cpu(&[1, 8, 8], &[conv(4, [5, 5], F), conv(3, [3, 3], Activation::Identity)]);
    let odd = ConvSpec::new(6, [3, 2])
        .stride([2, 1])
        .padding([1, 2])
        .dilation([1, 2])
        .groups(2)
        .activation(Activation::Tanh);
    on_cpu(&[4, 9, 8], &[odd.into()]);
}

#[test]
fn a_connection_table() {
    on_cpu(&[3, 6, 5], &[with_table()]);
    let network =
        Sequential::new(&Device::cpu(), &[3, 6, 5], &[with_table()], Initialization::Lecun, 1)
            .unwrap();
    // Where there is no connection the gradient is 0, so the weights stay 0.
    let x = Tensor::from_f32(&Device::cpu(), &[2, 3, 6, 5], &normal(1, 180)).unwrap();
    let mut space = Workspace::new();
    let n = network.forward(&x, Pass::Evaluate, &mut space).unwrap().shape().len();
    space.outgoing().unwrap().gradient.upload(&normal(2, n)).unwrap();
    network.backward(&x, &mut space).unwrap();
    let kernel = network.parameters().next().unwrap();
    assert_eq!(kernel.trained, 3 * 9);
    let gradient = space.gradients().next().unwrap().to_vec().unwrap();
    let connected = [true, false, true, false, true, false];
    for (pair, values) in gradient.chunks(9).enumerate() {
        assert_eq!(values.iter().any(|g| *g != 0.0), connected[pair], "pair {pair}");
    }
}

fn with_table() -> LayerSpec {
    ConvSpec::new(2, 3).activation(F).connections(vec![vec![0, 2], vec![1]]).into()
}

#[test]
fn pools_and_subsampling() {
    for kind in [PoolKind::Max, PoolKind::Average] {
        on_cpu(&[2, 7, 9], &[pool(kind, 2)]);
        for (ceil, count_padding) in [(false, true), (true, false)] {
            let overlapping = PoolSpec::new(kind, 3)
                .stride([2, 1])
                .padding(1)
                .ceil(ceil)
                .count_padding(count_padding);
            on_cpu(&[2, 8, 7], &[overlapping.into()]);
        }
    }
    let subsample = |size| LayerSpec::Subsample { size, activation: F };
    on_cpu(&[3, 7, 5], &[subsample(Size::Square(2))]);
    on_cpu(&[2, 9, 8], &[subsample(Size::Sides([3, 2]))]);
}

#[test]
fn activations_and_dropout() {
    for function in [
        Activation::Identity,
        Activation::Sigmoid,
        Activation::Tanh,
        Activation::Relu,
        Activation::Softplus,
        F,
    ] {
        on_cpu(&[2, 3, 5], &[LayerSpec::Activation { function }]);
    }
    on_cpu(&[2, 5, 7], &[LayerSpec::Dropout { rate: 0.4 }]);
    on_cpu(&[11], &[linear(9, F), LayerSpec::Dropout { rate: 0.5 }, linear(4, F)]);
}

/// One network with every layer.
fn everything() -> Vec<LayerSpec> {
    vec![
        conv(4, [3, 3], F),
        LayerSpec::Subsample { size: Size::Square(2), activation: F },
        conv(6, [2, 2], Activation::Relu),
        pool(PoolKind::Max, 2),
        LayerSpec::Flatten,
        LayerSpec::Dropout { rate: 0.2 },
        linear(8, Activation::Tanh),
        LayerSpec::Activation { function: Activation::Softplus },
        linear(5, Activation::Identity),
    ]
}

#[test]
fn all_layers_together() {
    on_cpu(&[2, 12, 11], &everything());
}

#[test]
fn all_layers_on_every_adapter() {
    for gpu in crate::support::gpus() {
        check(gpu, &[2, 12, 11], &everything());
        check(gpu, &[3, 6, 5], &[with_table(), pool(PoolKind::Average, 2)]);
        check(gpu, &[9], &[linear(5, F), LinearSpec::new(9).activation(F).transposed(true).into()]);
    }
}

/// The check itself sees a gradient of something else than the loss, in the input of each layer.
#[test]
fn a_wrong_gradient_is_seen() {
    let f = Activation::Tanh;
    let subsample = || LayerSpec::Subsample { size: Size::Square(2), activation: f };
    for (input, specs) in [
        (vec![3], vec![linear(4, F)]),
        (vec![2, 6, 6], vec![conv(3, [3, 3], f)]),
        (vec![2, 6, 6], vec![subsample()]),
        (vec![2, 6, 6], vec![pool(PoolKind::Max, 2)]),
        (vec![2, 6, 6], vec![LayerSpec::Dropout { rate: 0.4 }]),
        (vec![11], vec![LayerSpec::Activation { function: f }]),
    ] {
        let told = |incoming: fn(&[f32]) -> Vec<f32>| {
            let pass = Pass::Train(Draw::new(3, stream::DROPOUT).at(11));
            agrees(&Device::cpu(), &input, &specs, pass, incoming, |_| ())
        };
        assert_eq!(told(|r| r.to_vec()), Ok(()));
        for wrong in [
            // It ignores what comes in, or takes the wrong sign, or the wrong order.
            told(|r| vec![1.0; r.len()]),
            told(|r| r.iter().map(|r| -r).collect()),
            told(|r| r.iter().rev().copied().collect()),
            // Or is a tenth too large.
            told(|r| r.iter().map(|r| 1.1 * r).collect()),
        ] {
            let error = wrong.expect_err("a wrong gradient passed");
            assert!(error.starts_with("the input of ["), "{error}");
            assert!(error.contains("the gradient says"), "{error}");
        }
    }
}

/// And in each parameter, where the input's is right.
#[test]
fn a_wrong_gradient_of_a_parameter_is_seen() {
    let subsample = LayerSpec::Subsample { size: Size::Square(2), activation: F };
    for (input, spec) in [
        (vec![3], linear(4, F)),
        (vec![2, 6, 6], conv(3, [3, 3], F)),
        (vec![3, 6, 5], with_table()),
        (vec![2, 6, 6], subsample),
    ] {
        let pass = Pass::Train(Draw::new(3, stream::DROPOUT).at(11));
        let damages: [fn(&mut [f32]); 3] = [
            |g| g.iter_mut().for_each(|g| *g = -*g),
            |g| g.iter_mut().for_each(|g| *g *= 1.5),
            |g| g[0] += 1.0,
        ];
        for damage in damages {
            let specs = [spec.clone()];
            let told = agrees(&Device::cpu(), &input, &specs, pass, <[f32]>::to_vec, damage);
            let error = told.expect_err("a wrong gradient passed");
            assert!(!error.starts_with("the input of ["), "{error}");
            assert!(error.contains("the gradient says"), "{error}");
        }
    }
}
