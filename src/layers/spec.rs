//! Layers as they are described: in TOML, in a model file, in Rust.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::pool2d::{Pool, Pooling};
use crate::shape::Window;

/// Height and width: in TOML one number for both, or `[height, width]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "a size is one whole number for both sides, or [height, width]")]
pub enum Size {
    /// The same for both.
    Square(usize),
    /// [height, width].
    Sides([usize; 2]),
}

impl Size {
    /// [height, width].
    pub fn sides(self) -> [usize; 2] {
        match self {
            Size::Square(n) => [n, n],
            Size::Sides(sides) => sides,
        }
    }

    fn one() -> Self {
        Size::Square(1)
    }

    fn none() -> Self {
        Size::Square(0)
    }

    fn is_one(&self) -> bool {
        self.sides() == [1, 1]
    }

    fn is_none(&self) -> bool {
        self.sides() == [0, 0]
    }
}

/// Maximum or average, as a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PoolKind {
    /// The largest value of a window.
    Max,
    /// The mean of a window.
    Average,
}

/// One layer. In TOML a table with `type = "conv"` and so on; what has a default may be left out.
///
/// ```
/// use harmonium::layers::LayerSpec;
/// let conv: LayerSpec = toml::from_str("type = 'conv'\nmaps = 6\nkernel = 5\nactivation = 'tanh'").unwrap();
/// assert_eq!(conv.output(&[1, 32, 32])?, [6, 28, 28]);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum LayerSpec {
    /// f(xW + bias): fully connected. An input of maps is flattened.
    Linear {
        /// Outputs.
        units: usize,
        /// Whether there is a bias.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        bias: bool,
        /// f.
        #[serde(default, skip_serializing_if = "is_identity")]
        activation: Activation,
    },
    /// f(x * kernel + bias), [`conv2d`](crate::kernels::conv2d::conv2d).
    Conv {
        /// Output maps.
        maps: usize,
        /// The kernel's size.
        kernel: Size,
        /// Pixels from one output to the next.
        #[serde(default = "Size::one", skip_serializing_if = "Size::is_one")]
        stride: Size,
        /// Zeros on each side.
        #[serde(default = "Size::none", skip_serializing_if = "Size::is_none")]
        padding: Size,
        /// Pixels between neighbouring elements of the kernel.
        #[serde(default = "Size::one", skip_serializing_if = "Size::is_one")]
        dilation: Size,
        /// Groups of channels, each convolved by itself.
        #[serde(default = "one", skip_serializing_if = "is_one")]
        groups: usize,
        /// For each output map the input maps (of its group) that it sees; all, where there is no table.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        connections: Option<Vec<Vec<usize>>>,
        /// Whether there is a bias.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        bias: bool,
        /// f.
        #[serde(default, skip_serializing_if = "is_identity")]
        activation: Activation,
    },
    /// [`pool2d`](crate::kernels::pool2d::pool2d).
    Pool {
        /// `max` or `average`.
        kind: PoolKind,
        /// The window.
        size: Size,
        /// Pixels from one window to the next; the window's size where it is not given.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stride: Option<Size>,
        /// Added on each side.
        #[serde(default = "Size::none", skip_serializing_if = "Size::is_none")]
        padding: Size,
        /// Whether sizes are rounded up.
        #[serde(default, skip_serializing_if = "is_no")]
        ceil: bool,
        /// Whether an average counts the padding.
        #[serde(default = "yes", skip_serializing_if = "is_yes")]
        count_padding: bool,
    },
    /// f(coefficient · sum of the window + bias), [`subsample`](crate::kernels::subsample::subsample).
    Subsample {
        /// The window.
        size: Size,
        /// f.
        #[serde(default, skip_serializing_if = "is_identity")]
        activation: Activation,
    },
    /// f(x), where it stands by itself.
    Activation {
        /// f.
        function: Activation,
    },
    /// Drops units in training, [`dropout`](crate::kernels::dropout::dropout).
    Dropout {
        /// The share that is dropped, in [0, 1).
        rate: f32,
    },
    /// Maps as one row of values.
    Flatten,
}

fn yes() -> bool {
    true
}

fn is_yes(x: &bool) -> bool {
    *x
}

fn is_no(x: &bool) -> bool {
    !*x
}

fn one() -> usize {
    1
}

fn is_one(x: &usize) -> bool {
    *x == 1
}

fn is_identity(f: &Activation) -> bool {
    *f == Activation::Identity
}

impl LayerSpec {
    /// What kind of layer, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            LayerSpec::Linear { .. } => "linear",
            LayerSpec::Conv { .. } => "conv",
            LayerSpec::Pool { .. } => "pool",
            LayerSpec::Subsample { .. } => "subsample",
            LayerSpec::Activation { .. } => "activation",
            LayerSpec::Dropout { .. } => "dropout",
            LayerSpec::Flatten => "flatten",
        }
    }

    /// What it does, in words, with whatever is not as usual: `convolution 5×5, stride 2×2, tanh`.
    ///
    /// ```
    /// use harmonium::layers::LayerSpec;
    /// let pool: LayerSpec = toml::from_str("type = 'pool'\nkind = 'max'\nsize = 3\nstride = 2").unwrap();
    /// assert_eq!(pool.words(), "maximum of 3×3, stride 2×2");
    /// ```
    pub fn words(&self) -> String {
        let by = |size: &Size| {
            let [h, w] = size.sides();
            format!("{h}×{w}")
        };
        let unless = |usual: bool, text: String| if usual { String::new() } else { text };
        let activated = |f: &Activation| match f {
            Activation::Identity => String::new(),
            f => format!(", {}", function_words(*f)),
        };
        let biased = |bias: &bool| unless(*bias, ", no bias".into());
        let padded = |p: &Size| unless(p.is_none(), format!(", padding {}", by(p)));
        match self {
            LayerSpec::Linear { bias, activation, .. } => {
                format!("fully connected{}{}", biased(bias), activated(activation))
            }
            LayerSpec::Conv {
                kernel,
                stride,
                padding,
                dilation,
                groups,
                connections,
                bias,
                activation,
                ..
            } => [
                format!("convolution {}", by(kernel)),
                unless(stride.is_one(), format!(", stride {}", by(stride))),
                padded(padding),
                unless(dilation.is_one(), format!(", dilation {}", by(dilation))),
                unless(*groups == 1, format!(", {groups} groups")),
                unless(connections.is_none(), ", by a table".into()),
                biased(bias),
                activated(activation),
            ]
            .concat(),
            LayerSpec::Pool { kind, size, stride, padding, ceil, count_padding } => {
                let usual = stride.is_none_or(|stride| stride.sides() == size.sides());
                [
                    match kind {
                        PoolKind::Max => format!("maximum of {}", by(size)),
                        PoolKind::Average => format!("average of {}", by(size)),
                    },
                    unless(usual, format!(", stride {}", stride.as_ref().map_or("".into(), by))),
                    padded(padding),
                    unless(*count_padding, " that does not count".into()),
                    unless(!ceil, ", rounded up".into()),
                ]
                .concat()
            }
            LayerSpec::Subsample { size, activation } => {
                format!("trained subsampling {}{}", by(size), activated(activation))
            }
            LayerSpec::Activation { function } => function_words(*function).into(),
            LayerSpec::Dropout { rate } => format!("dropout of {} %", 100.0 * rate),
            LayerSpec::Flatten => "flattened".into(),
        }
    }

    /// The sizes of a case after this layer, `[N]` or `[C, H, W]`, from those before it.
    ///
    /// # Errors
    /// [`Error::Shape`] where the input does not fit, [`Error::Setting`] for a setting out of range.
    pub fn output(&self, input: &[usize]) -> Result<Vec<usize>> {
        self.check()?;
        match self {
            LayerSpec::Linear { units, .. } => Ok(vec![*units]),
            LayerSpec::Conv {
                maps,
                kernel,
                stride,
                padding,
                dilation,
                groups,
                connections,
                ..
            } => {
                let [c, h, w] = maps_of("conv", input)?;
                if c % groups != 0 || maps % groups != 0 {
                    return Err(Error::shape(
                        "conv",
                        format!(
                            "{c} input and {maps} output maps do not fall into {groups} groups"
                        ),
                    ));
                }
                if let Some(table) = connections {
                    check_table(table, *maps, c / groups)?;
                }
                let [sizes, strides] = [kernel.sides(), stride.sides()];
                let [pads, dilations] = [padding.sides(), dilation.sides()];
                let along = |axis: usize, name, n| {
                    let window = Window {
                        size: sizes[axis],
                        stride: strides[axis],
                        padding: pads[axis],
                        dilation: dilations[axis],
                    };
                    window.positions("conv", name, n, false)
                };
                Ok(vec![*maps, along(0, "height", h)?, along(1, "width", w)?])
            }
            LayerSpec::Pool { .. } => {
                let [c, h, w] = maps_of("pool", input)?;
                let pooling = self.pooling().unwrap_or(Pooling::new(Pool::Maximum, [1, 1]));
                let along = |axis: usize, name, n| {
                    let window = Window {
                        size: pooling.size[axis],
                        stride: pooling.stride[axis],
                        padding: pooling.padding[axis],
                        dilation: 1,
                    };
                    window.positions("pool", name, n, pooling.ceil)
                };
                Ok(vec![c, along(0, "height", h)?, along(1, "width", w)?])
            }
            LayerSpec::Subsample { size, .. } => {
                let [c, h, w] = maps_of("subsample", input)?;
                let [sh, sw] = size.sides();
                let along = |name, n, size| {
                    let window = Window { size, stride: size, padding: 0, dilation: 1 };
                    window.positions("subsample", name, n, false)
                };
                Ok(vec![c, along("height", h, sh)?, along("width", w, sw)?])
            }
            LayerSpec::Activation { .. } | LayerSpec::Dropout { .. } => Ok(input.to_vec()),
            LayerSpec::Flatten => Ok(vec![input.iter().product()]),
        }
    }

    fn check(&self) -> Result<()> {
        let at_least_one = |name: &str, n: usize| match n {
            0 => Err(Error::setting(name, "0 is too few; use at least 1")),
            _ => Ok(()),
        };
        match self {
            LayerSpec::Linear { units, .. } => at_least_one("units", *units),
            LayerSpec::Conv { maps, groups, .. } => {
                at_least_one("maps", *maps)?;
                at_least_one("groups", *groups)
            }
            LayerSpec::Dropout { rate } if !(0.0..1.0).contains(rate) => {
                Err(Error::setting("rate", format!("{rate} is outside [0, 1)")))
            }
            _ => Ok(()),
        }
    }

    /// The kernel's view of a pool layer.
    pub(super) fn pooling(&self) -> Option<Pooling> {
        let LayerSpec::Pool { kind, size, stride, padding, ceil, count_padding } = self else {
            return None;
        };
        Some(Pooling {
            pool: match kind {
                PoolKind::Max => Pool::Maximum,
                PoolKind::Average => Pool::Average { count_padding: *count_padding },
            },
            size: size.sides(),
            stride: stride.unwrap_or(*size).sides(),
            padding: padding.sides(),
            ceil: *ceil,
        })
    }
}

impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

/// The sizes of an input that has to be maps.
fn maps_of(op: &'static str, input: &[usize]) -> Result<[usize; 3]> {
    match *input {
        [c, h, w] => Ok([c, h, w]),
        _ => Err(Error::shape(
            op,
            format!("the input is {input:?}, expected maps [channels, height, width]"),
        )),
    }
}

fn function_words(f: Activation) -> &'static str {
    match f {
        Activation::Identity => "identity",
        Activation::Sigmoid => "sigmoid",
        Activation::Tanh => "tanh",
        Activation::Relu => "ReLU",
        Activation::Softplus => "softplus",
        Activation::ScaledTanh => "scaled tanh",
    }
}

fn check_table(table: &[Vec<usize>], maps: usize, inputs: usize) -> Result<()> {
    let fail = |detail: String| Err(Error::setting("connections", detail));
    if table.len() != maps {
        return fail(format!("{} rows for {maps} output maps; give one row each", table.len()));
    }
    for (o, row) in table.iter().enumerate() {
        if row.is_empty() {
            return fail(format!("output map {o} sees no input map; give it at least one"));
        }
        for (at, &c) in row.iter().enumerate() {
            if c >= inputs {
                let known = match inputs.checked_sub(1) {
                    Some(last) => format!("of 0 to {last}"),
                    None => "and there is none".into(),
                };
                return fail(format!("output map {o} sees input map {c}, {known}"));
            }
            if row[..at].contains(&c) {
                return fail(format!("output map {o} names input map {c} twice"));
            }
        }
    }
    Ok(())
}
