//! LeNet-5 (LeCun, Bottou, Bengio and Haffner 1998, *Gradient-based learning applied to document
//! recognition*), as published and in today's form.
//!
//! | layer | published | parameters | today | parameters |
//! |---|---|---|---|---|
//! | input | 32×32 | | 32×32 | |
//! | C1 | 6 maps, 5×5 | 156 | the same, ReLU | 156 |
//! | S2 | sum of 2×2 · coefficient + bias, squashed | 12 | maximum of 2×2 | |
//! | C3 | 16 maps, 5×5, by [`C3`] | 1,516 | 16 maps, 5×5, full, ReLU | 2,416 |
//! | S4 | as S2 | 32 | maximum of 2×2 | |
//! | C5 | 120 maps, 5×5 | 48,120 | the same, ReLU | 48,120 |
//! | F6 | 84 units | 10,164 | the same, ReLU | 10,164 |
//! | output | 10 radial basis functions, fixed | 0 | 10 softmax units | 850 |
//! | | | **60,000** | | **61,706** |
//!
//! Published units squash by 1.7159·tanh(2x/3); with softmax units instead of the radial basis functions
//! 60,850 numbers are trained.

use crate::kernels::activation::Activation;
use crate::layers::{ConvSpec, Initialization, LayerSpec, LinearSpec, PoolKind, PoolSpec, Size};
pub use crate::models::bitmaps::{BITMAP, J, bitmaps};
use crate::models::network::{NetworkSpec, OutputSpec};

/// Which maps of S2 each map of C3 sees (table I of the paper).
pub const C3: [&[usize]; 16] = [
    &[0, 1, 2],
    &[1, 2, 3],
    &[2, 3, 4],
    &[3, 4, 5],
    &[0, 4, 5],
    &[0, 1, 5],
    &[0, 1, 2, 3],
    &[1, 2, 3, 4],
    &[2, 3, 4, 5],
    &[0, 3, 4, 5],
    &[0, 1, 4, 5],
    &[0, 1, 2, 5],
    &[0, 1, 3, 4],
    &[1, 2, 4, 5],
    &[0, 2, 3, 5],
    &[0, 1, 2, 3, 4, 5],
];

/// The network as published, with either kind of output units.
pub fn published(output: OutputSpec, classes: usize) -> NetworkSpec {
    let f = Activation::ScaledTanh;
    let conv = |maps| ConvSpec::new(maps, 5).activation(f);
    let subsample = || LayerSpec::Subsample { size: Size::Square(2), activation: f };
    let spec = NetworkSpec::new([1, 32, 32], classes)
        .initialization(Initialization::Lecun)
        .output(output)
        .layer(conv(6))
        .layer(subsample())
        .layer(conv(16).connections(C3.iter().map(|row| row.to_vec()).collect()))
        .layer(subsample())
        .layer(conv(120))
        .layer(LayerSpec::linear(84, f));
    match output {
        OutputSpec::Softmax => spec.layer(LinearSpec::new(classes)),
        OutputSpec::Rbf { .. } => spec,
    }
}

/// The network in today's form.
pub fn modern(classes: usize) -> NetworkSpec {
    let f = Activation::Relu;
    let conv = |maps| ConvSpec::new(maps, 5).activation(f);
    let pool = || PoolSpec::new(PoolKind::Max, 2);
    NetworkSpec::new([1, 32, 32], classes)
        .initialization(Initialization::He)
        .layer(conv(6))
        .layer(pool())
        .layer(conv(16))
        .layer(pool())
        .layer(conv(120))
        .layer(LayerSpec::linear(84, f))
        .layer(LinearSpec::new(classes))
}
