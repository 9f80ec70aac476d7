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
use crate::layers::{Initialization, LayerSpec, PoolKind, Size};
use crate::models::network::{NetworkSpec, OutputSpec};

/// Pixels of a bitmap, 7 wide and 12 high.
pub const BITMAP: usize = 84;

/// j of the loss y_D + ln(e^−j + Σ e^−y_i); the paper gives no number. Ours, found by trying.
pub const J: f32 = 10.0;

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

const BITMAPS: [&str; 10] = [
    include_str!("../../data/lenet5-bitmaps/0.txt"),
    include_str!("../../data/lenet5-bitmaps/1.txt"),
    include_str!("../../data/lenet5-bitmaps/2.txt"),
    include_str!("../../data/lenet5-bitmaps/3.txt"),
    include_str!("../../data/lenet5-bitmaps/4.txt"),
    include_str!("../../data/lenet5-bitmaps/5.txt"),
    include_str!("../../data/lenet5-bitmaps/6.txt"),
    include_str!("../../data/lenet5-bitmaps/7.txt"),
    include_str!("../../data/lenet5-bitmaps/8.txt"),
    include_str!("../../data/lenet5-bitmaps/9.txt"),
];

/// The centres of the first `classes` output units, +1 and −1, `[classes, 84]` row by row; `None` past the
/// ten digits. They are drawn for harmonium in the manner of the paper's figure 3 and differ from it in
/// single pixels.
pub fn bitmaps(classes: usize) -> Option<Vec<f32>> {
    let files = BITMAPS.get(..classes)?;
    let pixels = files.iter().flat_map(|file| file.chars());
    Some(
        pixels
            .filter_map(|c| match c {
                '#' => Some(1.0),
                '.' => Some(-1.0),
                _ => None,
            })
            .collect(),
    )
}

/// The network as published, with either kind of output units.
pub fn published(output: OutputSpec, classes: usize) -> NetworkSpec {
    let f = Activation::ScaledTanh;
    let c3 = C3.iter().map(|row| row.to_vec()).collect();
    let mut layers = vec![
        conv(6, f, None),
        LayerSpec::Subsample { size: Size::Square(2), activation: f },
        conv(16, f, Some(c3)),
        LayerSpec::Subsample { size: Size::Square(2), activation: f },
        conv(120, f, None),
        LayerSpec::Linear { units: 84, bias: true, activation: f },
    ];
    if output == OutputSpec::Softmax {
        layers.push(scores(classes));
    }
    let initialization = Initialization::Lecun;
    NetworkSpec { input: [1, 32, 32], classes, initialization, output, layers }
}

/// The network in today's form.
pub fn modern(classes: usize) -> NetworkSpec {
    let f = Activation::Relu;
    let pool = LayerSpec::Pool {
        kind: PoolKind::Max,
        size: Size::Square(2),
        stride: None,
        padding: Size::Square(0),
        ceil: false,
        count_padding: true,
    };
    let layers = vec![
        conv(6, f, None),
        pool.clone(),
        conv(16, f, None),
        pool,
        conv(120, f, None),
        LayerSpec::Linear { units: 84, bias: true, activation: f },
        scores(classes),
    ];
    let (initialization, output) = (Initialization::He, OutputSpec::Softmax);
    NetworkSpec { input: [1, 32, 32], classes, initialization, output, layers }
}

fn conv(maps: usize, f: Activation, connections: Option<Vec<Vec<usize>>>) -> LayerSpec {
    LayerSpec::Conv {
        maps,
        kernel: Size::Square(5),
        stride: Size::Square(1),
        padding: Size::Square(0),
        dilation: Size::Square(1),
        groups: 1,
        connections,
        bias: true,
        activation: f,
    }
}

fn scores(classes: usize) -> LayerSpec {
    LayerSpec::Linear { units: classes, bias: true, activation: Activation::Identity }
}
