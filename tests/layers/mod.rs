//! Layers against finite differences, and the networks made of them.

mod gradients;
mod lenet5;
mod network;
mod sequential;

use harmonium::kernels::activation::Activation;
use harmonium::layers::{LayerSpec, PoolKind, Size};

fn linear(units: usize, activation: Activation) -> LayerSpec {
    LayerSpec::Linear { units, bias: true, activation }
}

fn conv(maps: usize, kernel: [usize; 2], activation: Activation) -> LayerSpec {
    LayerSpec::Conv {
        maps,
        kernel: Size::Sides(kernel),
        stride: Size::Square(1),
        padding: Size::Square(0),
        dilation: Size::Square(1),
        groups: 1,
        connections: None,
        bias: true,
        activation,
    }
}

fn pool(kind: PoolKind, size: usize) -> LayerSpec {
    LayerSpec::Pool {
        kind,
        size: Size::Square(size),
        stride: None,
        padding: Size::Square(0),
        ceil: false,
        count_padding: true,
    }
}
