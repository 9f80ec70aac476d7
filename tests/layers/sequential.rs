//! What `Sequential` says and keeps.

use harmonium::kernels::activation::Activation;
use harmonium::layers::{Initialization, LayerSpec, Pass, PoolKind, Sequential, Size, Workspace};
use harmonium::{Device, Tensor};

use super::{conv, linear, pool};

fn build(input: &[usize], specs: &[LayerSpec]) -> Result<Sequential, String> {
    Sequential::new(&Device::cpu(), input, specs, Initialization::Glorot, 1)
        .map_err(|e| e.to_string())
}

#[test]
fn errors_name_the_layer_and_the_sizes() {
    let f = Activation::Identity;
    for (input, specs, expected) in [
        (vec![1, 4, 4], vec![conv(2, [5, 5], f)], "conv1: a window that spans 5 does not fit"),
        (vec![10], vec![linear(4, f), conv(2, [3, 3], f)], "conv2: the input is [4]"),
        (vec![1, 4, 4], vec![pool(PoolKind::Max, 0)], "pool1: the height's size is 0"),
        (vec![4], vec![linear(0, f)], "linear1: units: 0 is too few"),
        (vec![4], vec![LayerSpec::Dropout { rate: 1.0 }], "dropout1: rate: 1 is outside [0, 1)"),
    ] {
        let error = build(&input, &specs).err().unwrap();
        assert!(error.contains(expected), "{error}");
    }
    let table = |rows: Vec<Vec<usize>>| {
        let text = format!("type = 'conv'\nmaps = 2\nkernel = 1\nconnections = {rows:?}");
        let spec: LayerSpec = toml::from_str(&text).unwrap();
        build(&[2, 4, 4], &[spec]).err().unwrap()
    };
    assert!(table(vec![vec![0]]).contains("1 rows for 2 output maps"));
    assert!(table(vec![vec![0], vec![]]).contains("output map 1 sees no input map"));
    assert!(table(vec![vec![0], vec![2]]).contains("sees input map 2, of 0 to 1"));
    assert!(table(vec![vec![0, 0], vec![1]]).contains("names input map 0 twice"));
    // No map has no last one.
    let text = "type = 'conv'\nmaps = 1\nkernel = 1\nconnections = [[0]]";
    let spec: LayerSpec = toml::from_str(text).unwrap();
    let error = spec.output(&[0, 4, 4]).unwrap_err().to_string();
    assert!(error.contains("output map 0 sees input map 0, and there is none"), "{error}");
}

#[test]
fn a_wrong_batch_or_order_of_calls_is_an_error() {
    let device = Device::cpu();
    let network = build(&[3], &[linear(2, Activation::Tanh)]).unwrap();
    let mut space = Workspace::new();
    let x = Tensor::from_f32(&device, &[2, 4], &[0.5; 8]).unwrap();
    let error = network.forward(&x, Pass::Evaluate, &mut space).err().unwrap().to_string();
    assert!(error.contains("[2, 4]") && error.contains("[batch, 3]"), "{error}");
    let x = Tensor::from_f32(&device, &[2, 3], &[0.5; 6]).unwrap();
    let error = network.backward(&x, &mut space).err().unwrap().to_string();
    assert!(error.contains("call forward first"), "{error}");
}

#[test]
fn batches_of_any_size_follow_each_other() {
    let device = Device::cpu();
    let specs = [
        conv(3, [3, 3], Activation::Tanh),
        pool(PoolKind::Max, 2),
        linear(4, Activation::Tanh),
        linear(2, Activation::Identity),
    ];
    let network = build(&[1, 6, 6], &specs).unwrap();
    let mut space = Workspace::new();
    let values: Vec<f32> = (0..5 * 36).map(|i| (i as f32 * 0.37).sin()).collect();
    let mut run = |rows: usize, train: bool| {
        let x = Tensor::from_f32(&device, &[rows, 1, 6, 6], &values[..rows * 36]).unwrap();
        let y = network.forward(&x, Pass::Evaluate, &mut space).unwrap().to_vec().unwrap();
        if train {
            space.outgoing().unwrap().gradient.upload(&vec![1.0; rows * 2]).unwrap();
            network.backward(&x, &mut space).ok();
        }
        y
    };
    let all = run(5, false);
    assert_eq!(run(5, false), all);
    assert_eq!(run(2, false), all[..4]);
    assert_eq!(run(5, false), all);
    assert_eq!(run(0, false), Vec::<f32>::new());
    assert_eq!(run(1, false), all[..2]);
}

#[test]
fn stages_tell_names_and_sizes() {
    let specs = [
        conv(6, [5, 5], Activation::Tanh),
        pool(PoolKind::Average, 2),
        linear(10, Activation::Identity),
    ];
    let network = build(&[1, 32, 32], &specs).unwrap();
    let told: Vec<(String, Vec<usize>)> =
        network.stages().map(|s| (s.name.to_string(), s.output.to_vec())).collect();
    let expected = [
        ("conv1", vec![6, 28, 28]),
        ("pool2", vec![6, 14, 14]),
        ("flatten", vec![1176]),
        ("linear3", vec![10]),
    ];
    assert_eq!(told, expected.map(|(name, dims)| (name.to_string(), dims)));
    let names: Vec<&str> = network.parameters().map(|p| p.name.as_str()).collect();
    assert_eq!(names, ["conv1.kernel", "conv1.bias", "linear3.weight", "linear3.bias"]);
}

#[test]
fn initial_weights_keep_to_their_ranges() {
    let specs = [conv(50, [5, 5], Activation::Tanh), linear(100, Activation::Tanh)];
    let network = |initialization, seed| {
        Sequential::new(&Device::cpu(), &[4, 6, 6], &specs, initialization, seed).unwrap()
    };
    let weights = |initialization, seed| -> Vec<Vec<f32>> {
        let network = network(initialization, seed);
        network.parameters().map(|p| p.value.to_vec().unwrap()).collect()
    };
    let bounds = |values: &[f32]| values.iter().fold(0.0f32, |m, x| m.max(x.abs()));
    let deviation =
        |values: &[f32]| (values.iter().map(|x| x * x).sum::<f32>() / values.len() as f32).sqrt();
    let lecun = weights(Initialization::Lecun, 1);
    for (values, fan_in) in [(&lecun[0], 100.0), (&lecun[2], 200.0)] {
        let bound = 2.4 / fan_in;
        assert!(bounds(values) <= bound && bounds(values) > 0.99 * bound);
        assert!((deviation(values) / (bound / 3f32.sqrt()) - 1.0).abs() < 0.05);
    }
    assert!(lecun[1].iter().chain(&lecun[3]).all(|b| *b == 0.0));
    let glorot = weights(Initialization::Glorot, 1);
    let bound = (6.0f32 / 300.0).sqrt();
    assert!(bounds(&glorot[2]) <= bound && bounds(&glorot[2]) > 0.99 * bound);
    let he = weights(Initialization::He, 1);
    assert!((deviation(&he[2]) / (2.0f32 / 200.0).sqrt() - 1.0).abs() < 0.03);
    assert!(he[2] != weights(Initialization::He, 2)[2]);
    assert_eq!(he, weights(Initialization::He, 1));
}

#[test]
fn descriptions_survive_toml() {
    let specs = vec![
        conv(6, [5, 4], Activation::ScaledTanh),
        LayerSpec::Subsample { size: Size::Square(2), activation: Activation::Sigmoid },
        pool(PoolKind::Max, 2),
        LayerSpec::Dropout { rate: 0.5 },
        LayerSpec::Activation { function: Activation::Relu },
        LayerSpec::Flatten,
        linear(10, Activation::Identity),
    ];
    for spec in specs {
        let text = toml::to_string(&spec).unwrap();
        assert_eq!(toml::from_str::<LayerSpec>(&text).unwrap(), spec, "{text}");
    }
    let wrong = toml::from_str::<LayerSpec>("type = 'conv'\nmaps = 6\nkernle = 5");
    assert!(wrong.err().unwrap().to_string().contains("kernle"));
}
