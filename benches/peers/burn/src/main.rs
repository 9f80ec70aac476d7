//! Burn on the work of harmonium's benchmark: `burn-peer BACKEND WORK SECONDS` prints the median seconds of one call,
//! `burn-peer BACKEND --version` Burn's version. Backends are `ndarray` and, where it was built in, `wgpu`; others, and
//! works that it does not know, end with status 2.

use std::process::exit;
use std::time::Instant;

use burn::backend::{Autodiff, NdArray};
use burn::module::{AutodiffModule, Module};
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::nn::pool::{AvgPool2d, AvgPool2dConfig};
use burn::nn::{Linear, LinearConfig};
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, GradientsParams, Optimizer, SgdConfig};
use burn::tensor::activation::{sigmoid, tanh};
use burn::tensor::backend::{AutodiffBackend, Backend};
use burn::tensor::{Distribution, Int, Tensor};

/// Of the dependency in Cargo.toml.
const VERSION: &str = "0.20.1";

/// The median seconds of a call, of at least five and as many as fit. What a call gives is kept until the device is done
/// with it.
fn median<B: Backend, T>(device: &B::Device, seconds: f64, mut call: impl FnMut() -> T) -> f64 {
    let mut once = || {
        let first = Instant::now();
        let made = call();
        B::sync(device).expect("the device has done its work");
        let took = first.elapsed().as_secs_f64();
        drop(made);
        took
    };
    // The first compile, and try kernels out: until one takes about as long as the one before.
    let mut before = once();
    for _ in 0..4 {
        let now = once();
        if now > 0.8 * before {
            break;
        }
        before = now;
    }
    let (start, mut samples) = (Instant::now(), Vec::new());
    while samples.len() < 5 || start.elapsed().as_secs_f64() < seconds {
        samples.push(once());
    }
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}

fn uniform<B: Backend, const D: usize>(dims: [usize; D], device: &B::Device) -> Tensor<B, D> {
    Tensor::random(dims, Distribution::Uniform(0.0, 1.0), device)
}

fn matmul<B: Backend>(n: usize, seconds: f64) -> f64 {
    let device = B::Device::default();
    let [x, y] = [(); 2].map(|()| uniform::<B, 2>([n, n], &device));
    median::<B, _>(&device, seconds, || x.clone().matmul(y.clone()))
}

/// Changes a network by the gradient of a loss.
fn learn<M, B>(network: M, loss: Tensor<B, 1>, optimizer: &mut impl Optimizer<M, B>) -> M
where
    B: AutodiffBackend,
    M: AutodiffModule<B>,
{
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    optimizer.step(1e-4, network, gradients)
}

/// Ends where the steps left weights as they were, or no numbers.
fn check_learnt<B: Backend>(before: Tensor<B, 2>, after: Tensor<B, 2>) {
    let most = (after - before).abs().max().into_data().iter::<f64>().next();
    if !most.is_some_and(|most| most > 0.0 && most.is_finite()) {
        eprintln!("the steps changed the weights by {most:?}");
        exit(1);
    }
}

#[derive(Module, Debug)]
struct LeNet<B: Backend> {
    convolutions: [Conv2d<B>; 2],
    pool: AvgPool2d,
    layers: [Linear<B>; 3],
}

impl<B: Backend> LeNet<B> {
    fn new(device: &B::Device) -> Self {
        let convolution = |from, to| Conv2dConfig::new([from, to], [5, 5]).init(device);
        let layer = |from, to| LinearConfig::new(from, to).init(device);
        LeNet {
            convolutions: [convolution(1, 6), convolution(6, 16)],
            pool: AvgPool2dConfig::new([2, 2]).with_strides([2, 2]).init(),
            layers: [layer(400, 120), layer(120, 84), layer(84, 10)],
        }
    }

    fn forward(&self, pictures: Tensor<B, 4>) -> Tensor<B, 2> {
        let [first, second] = &self.convolutions;
        let x = self.pool.forward(tanh(first.forward(pictures)));
        let x = self.pool.forward(tanh(second.forward(x))).flatten(1, 3);
        let [first, second, third] = &self.layers;
        third.forward(tanh(second.forward(tanh(first.forward(x)))))
    }

    fn weights(&self) -> Tensor<B, 2> {
        let kernels = self.convolutions[0].weight.val();
        kernels.flatten(1, 3)
    }
}

/// Ten steps of batch 128, as harmonium's case has them: cross-entropy, SGD with momentum.
fn lenet5<B: AutodiffBackend>(seconds: f64) -> f64 {
    const BATCH: usize = 128;
    let device = B::Device::default();
    let mut network = Some(LeNet::<B>::new(&device));
    let before = network.as_ref().map(LeNet::weights);
    let momentum = MomentumConfig { momentum: 0.9, dampening: 0.0, nesterov: false };
    let mut optimizer = SgdConfig::new().with_momentum(Some(momentum)).init();
    let loss = CrossEntropyLossConfig::new().init::<B>(&device);
    let classes = Tensor::<B, 1, Int>::arange(0..BATCH as i64, &device).remainder_scalar(10);
    let batches = [(); 10].map(|()| uniform::<B, 4>([BATCH, 1, 32, 32], &device));
    let found = median::<B, _>(&device, seconds, || {
        for x in &batches {
            network = network.take().map(|network| {
                let loss = loss.forward(network.forward(x.clone()), classes.clone());
                learn(network, loss, &mut optimizer)
            });
        }
    });
    before.zip(network).into_iter().for_each(|(x, y)| check_learnt(x, y.weights()));
    found
}

#[derive(Module, Debug)]
struct Autoencoder<B: Backend> {
    layers: Vec<Linear<B>>,
}

impl<B: Backend> Autoencoder<B> {
    /// The logits: sigmoid layers, but for the code and the last.
    fn forward(&self, mut x: Tensor<B, 2>) -> Tensor<B, 2> {
        for (i, layer) in self.layers.iter().enumerate() {
            x = layer.forward(x);
            if i != 3 && i != 7 {
                x = sigmoid(x);
            }
        }
        x
    }
}

/// A step of 1,000 cases by Adam: the cross-entropy, summed over the pixels.
fn autoencoder<B: AutodiffBackend>(seconds: f64) -> f64 {
    let device = B::Device::default();
    let sizes = [784, 1000, 500, 250, 30, 250, 500, 1000, 784];
    let layers = sizes.windows(2).map(|w| LinearConfig::new(w[0], w[1]).init(&device)).collect();
    let mut network = Some(Autoencoder::<B> { layers });
    let weights = |network: &Autoencoder<B>| network.layers[0].weight.val();
    let before = network.as_ref().map(weights);
    // Burn's own default is larger than PyTorch's and harmonium's.
    let mut optimizer = AdamConfig::new().with_epsilon(1e-8).init();
    let x = uniform::<B, 2>([1000, 784], &device);
    let found = median::<B, _>(&device, seconds, || {
        network = network.take().map(|network| {
            // Of logits y: max(y, 0) - x y + ln(1 + exp(-|y|)). Burn's own takes whole numbers only for x.
            let y = network.forward(x.clone());
            let apart = y.clone().abs().neg().exp().add_scalar(1.0).log();
            let loss = y.clone().clamp_min(0.0) - x.clone() * y + apart;
            learn(network, loss.sum().div_scalar(1000.0), &mut optimizer)
        });
    });
    before.zip(network).into_iter().for_each(|(x, y)| check_learnt(x, weights(&y)));
    found
}

/// The median seconds of a work; none where there is no such work.
fn measured<B: Backend>(work: &str, seconds: f64) -> Option<f64> {
    Some(match work {
        "matmul 1024x1024x1024 NN" => matmul::<B>(1024, seconds),
        "matmul 4096x4096x4096 NN" => matmul::<B>(4096, seconds),
        "lenet5_step compared" => lenet5::<Autodiff<B>>(seconds),
        "autoencoder_step 784-1000-500-250-30 B1000" => autoencoder::<Autodiff<B>>(seconds),
        _ => return None,
    })
}

fn refused(why: &str) -> ! {
    eprintln!("{why}");
    exit(2)
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [backend, work, rest @ ..] = &arguments[..] else {
        refused("usage: burn-peer BACKEND WORK SECONDS");
    };
    let measured: fn(&str, f64) -> Option<f64> = match backend.as_str() {
        "ndarray" => measured::<NdArray<f32>>,
        #[cfg(feature = "wgpu")]
        "wgpu" => measured::<burn::backend::Wgpu<f32>>,
        _ => refused(&format!("{backend}: no such backend was built in")),
    };
    if work == "--version" {
        println!("{VERSION}");
        return;
    }
    let seconds = rest.first().and_then(|s| s.parse().ok()).unwrap_or(0.5);
    match measured(work, seconds) {
        Some(found) => println!("{found}"),
        None => refused(&format!("{work}: no such work; those of compare.py are known")),
    }
}
