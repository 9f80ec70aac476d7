//! What passes cost: which kernels they call, and which buffers they use again.

use harmonium::kernels::activation::Activation;
use harmonium::layers::{
    ConvSpec, Initialization, LayerSpec, Pass, PoolKind, Sequential, Size, Workspace,
};
use harmonium::random::{Draw, stream};
use harmonium::{Device, Tensor};

use super::{conv, linear, pool};

const F: Activation = Activation::Tanh;

/// A training pass for `rows` cases; with `asked` the gradient of the input too. Gives all gradients, the input's
/// last.
fn gradients(
    network: &Sequential,
    rows: usize,
    asked: bool,
    space: &mut Workspace,
) -> Vec<Vec<f32>> {
    let device = network.device();
    let dims = [&[rows], network.input()].concat();
    let wave = |n: usize, step: f32| (0..n).map(|i| (i as f32 * step).sin()).collect::<Vec<_>>();
    let x = Tensor::from_f32(device, &dims, &wave(dims.iter().product(), 0.37)).unwrap();
    let pass = Pass::Train(Draw::new(3, stream::DROPOUT));
    let outputs = network.forward(&x, pass, space).unwrap().shape().len();
    space.outgoing().unwrap().gradient.upload(&wave(outputs, 0.71)).unwrap();
    let mut all = Vec::new();
    let mut dx = Tensor::for_output(device, &dims).unwrap();
    match asked {
        true => network.backward_to_input(&x, &mut dx, space).unwrap(),
        false => network.backward(&x, space).unwrap(),
    }
    all.extend(space.gradients().map(|g| g.to_vec().unwrap()));
    all.extend(asked.then(|| dx.to_vec().unwrap()));
    all
}

/// How often a kernel runs in a whole training pass.
fn calls(network: &Sequential, kernel: &str, asked: bool) -> u64 {
    let device = network.device();
    device.start_profile().unwrap();
    gradients(network, 3, asked, &mut Workspace::new());
    let rows = device.profile().unwrap();
    rows.iter().filter(|row| row.kernel == kernel).map(|row| row.calls).sum()
}

/// What nobody reads is not computed: the gradient of the input, and of all that lies below the first parameters.
#[test]
fn gradients_that_nobody_asks_for_cost_nothing() {
    let subsample = || LayerSpec::Subsample { size: Size::Square(2), activation: F };
    let dropout = || LayerSpec::Dropout { rate: 0.5 };
    let activation = || LayerSpec::Activation { function: F };
    // Kernel, its calls in training, and with the input's gradient.
    let cases = [
        (vec![7], vec![linear(5, F)], "matmul", [2, 3]),
        (vec![7], vec![linear(5, F), linear(4, F), linear(3, F)], "matmul", [8, 9]),
        (vec![2, 3, 4], vec![linear(5, F), linear(3, F)], "matmul", [5, 6]),
        (vec![2, 3, 4], vec![LayerSpec::Flatten, linear(5, F)], "matmul", [2, 3]),
        (vec![7], vec![activation(), linear(5, F)], "matmul", [2, 3]),
        (vec![7], vec![activation(), linear(5, F)], "activation_grad", [1, 2]),
        (vec![7], vec![dropout(), linear(5, F)], "dropout", [1, 2]),
        (vec![7], vec![linear(5, F), dropout(), linear(4, F)], "dropout", [2, 2]),
        (vec![2, 6, 6], vec![conv(3, [2, 2], F)], "conv2d_grad_input", [0, 1]),
        (vec![2, 6, 6], vec![conv(3, [2, 2], F), conv(2, [2, 2], F)], "conv2d_grad_input", [1, 2]),
        (
            vec![2, 6, 6],
            vec![pool(PoolKind::Max, 2), conv(3, [2, 2], F)],
            "pool2d_grad_input",
            [0, 1],
        ),
        (
            vec![2, 6, 6],
            vec![pool(PoolKind::Average, 2), linear(3, F)],
            "pool2d_grad_input",
            [0, 1],
        ),
        (vec![2, 6, 6], vec![subsample(), conv(3, [2, 2], F)], "subsample_grad_input", [0, 1]),
        (vec![2, 6, 6], vec![subsample(), conv(3, [2, 2], F)], "conv2d_grad_input", [1, 1]),
        (vec![2, 6, 6], vec![pool(PoolKind::Max, 2), activation()], "pool2d_grad_input", [0, 1]),
    ];
    // Each with a profile of its own.
    for device in std::iter::once(Device::cpu()).chain(crate::support::own_gpus()) {
        for (input, specs, kernel, expected) in &cases {
            let network =
                Sequential::new(&device, input, specs, Initialization::Glorot, 1).unwrap();
            let found = [false, true].map(|asked| calls(&network, kernel, asked));
            assert_eq!(found, *expected, "{kernel} of {specs:?} on {}", device.info());
            // And what is asked for stays what it was.
            let plain = gradients(&network, 3, false, &mut Workspace::new());
            let with_input = gradients(&network, 3, true, &mut Workspace::new());
            assert_eq!(plain[..], with_input[..plain.len()], "{specs:?}");
        }
    }
}

/// A workspace that served batches of other sizes, and other networks, gives what a new one gives.
#[test]
fn a_used_workspace_is_as_good_as_a_new_one() {
    let device = Device::cpu();
    let build = |input: &[usize], specs: &[LayerSpec]| {
        Sequential::new(&device, input, specs, Initialization::Glorot, 1).unwrap()
    };
    let networks = [
        build(
            &[2, 6, 6],
            &[
                conv(3, [3, 3], F),
                pool(PoolKind::Max, 2),
                linear(4, F),
                LayerSpec::Dropout { rate: 0.3 },
                linear(2, F),
            ],
        ),
        build(&[2, 6, 6], &[linear(5, F), linear(3, F)]),
        build(&[2, 6, 6], &[conv(3, [3, 3], F), pool(PoolKind::Average, 2)]),
        build(&[2, 6, 6], &[LayerSpec::Activation { function: F }, pool(PoolKind::Max, 2)]),
        build(&[2, 6, 6], &[ConvSpec::new(2, 3).into(), LayerSpec::Flatten]),
        build(&[2, 6, 6], &[LayerSpec::Flatten, LayerSpec::Flatten, linear(3, F)]),
        build(&[9], &[linear(5, F), LayerSpec::Activation { function: F }]),
    ];
    let mut space = Workspace::new();
    for (rows, asked) in [(5, true), (2, false), (5, false), (1, true), (0, false), (7, true)] {
        for network in &networks {
            // Twice, so that sizes change within a network too.
            for rows in [rows, rows + 1] {
                let found = gradients(network, rows, asked, &mut space);
                assert_eq!(found, gradients(network, rows, asked, &mut Workspace::new()));
            }
        }
        space.release();
        assert!(space.outgoing().is_err());
    }
}
