//! Layers against finite differences, and the networks made of them.

mod classes;
mod gradients;
mod lenet5;
mod network;
mod refusals;
mod sequential;
mod work;

use harmonium::kernels::activation::Activation;
use harmonium::layers::{ConvSpec, LayerSpec, PoolKind, PoolSpec};

fn linear(units: usize, activation: Activation) -> LayerSpec {
    LayerSpec::linear(units, activation)
}

fn conv(maps: usize, kernel: [usize; 2], activation: Activation) -> LayerSpec {
    ConvSpec::new(maps, kernel).activation(activation).into()
}

fn pool(kind: PoolKind, size: usize) -> LayerSpec {
    PoolSpec::new(kind, size).into()
}
