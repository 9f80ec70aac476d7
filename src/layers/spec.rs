//! Layers as they are described: in TOML, in a model file, in Rust.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::windows::maps_of;
use super::words::{activated, biased, function_words, is_identity, is_no, is_yes, yes};
use super::{ConvSpec, PoolSpec, Size};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::shape::{Shape, Window};

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
#[non_exhaustive]
pub enum LayerSpec {
    /// f(xW + bias): fully connected. An input of maps is flattened.
    Linear(LinearSpec),
    /// f(x * kernel + bias), [`conv2d`](crate::kernels::conv2d::conv2d).
    Conv(ConvSpec),
    /// [`pool2d`](crate::kernels::pool2d::pool2d).
    Pool(PoolSpec),
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

/// A fully connected layer; what has a default may be left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct LinearSpec {
    /// Outputs.
    pub units: usize,
    /// Whether there is a bias.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub bias: bool,
    /// f.
    #[serde(default, skip_serializing_if = "is_identity")]
    pub activation: Activation,
    /// Whether the weights are kept the other way round, `[units, inputs]`: as those of the layer that this one
    /// undoes.
    #[serde(default, skip_serializing_if = "is_no")]
    pub transposed: bool,
}

impl LinearSpec {
    /// So many units, with a bias and no activation.
    pub fn new(units: usize) -> Self {
        LinearSpec { units, bias: true, activation: Activation::Identity, transposed: false }
    }

    /// Whether there is a bias.
    pub fn bias(self, bias: bool) -> Self {
        LinearSpec { bias, ..self }
    }

    /// f.
    pub fn activation(self, activation: Activation) -> Self {
        LinearSpec { activation, ..self }
    }

    /// Whether the weights are kept the other way round.
    pub fn transposed(self, transposed: bool) -> Self {
        LinearSpec { transposed, ..self }
    }
}

impl From<LinearSpec> for LayerSpec {
    fn from(spec: LinearSpec) -> Self {
        LayerSpec::Linear(spec)
    }
}

impl From<ConvSpec> for LayerSpec {
    fn from(spec: ConvSpec) -> Self {
        LayerSpec::Conv(spec)
    }
}

impl From<PoolSpec> for LayerSpec {
    fn from(spec: PoolSpec) -> Self {
        LayerSpec::Pool(spec)
    }
}

impl LayerSpec {
    /// A fully connected layer of so many units, with a bias; of others see [`LinearSpec`].
    pub fn linear(units: usize, activation: Activation) -> Self {
        LinearSpec::new(units).activation(activation).into()
    }

    /// What kind of layer, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            LayerSpec::Linear(_) => "linear",
            LayerSpec::Conv(_) => "conv",
            LayerSpec::Pool(_) => "pool",
            LayerSpec::Subsample { .. } => "subsample",
            LayerSpec::Activation { .. } => "activation",
            LayerSpec::Dropout { .. } => "dropout",
            LayerSpec::Flatten => "flatten",
        }
    }

    /// f, of a layer that has one.
    pub fn activation(&self) -> Option<Activation> {
        match self {
            LayerSpec::Linear(spec) => Some(spec.activation),
            LayerSpec::Conv(spec) => Some(spec.activation),
            LayerSpec::Subsample { activation, .. } => Some(*activation),
            LayerSpec::Activation { function } => Some(*function),
            LayerSpec::Pool(_) | LayerSpec::Dropout { .. } | LayerSpec::Flatten => None,
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
        match self {
            LayerSpec::Linear(spec) => {
                format!("fully connected{}{}", biased(spec.bias), activated(spec.activation))
            }
            LayerSpec::Conv(spec) => spec.words(),
            LayerSpec::Pool(spec) => spec.words(),
            LayerSpec::Subsample { size, activation } => {
                format!("trained subsampling {}{}", size.words(), activated(*activation))
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
        match self {
            LayerSpec::Linear(spec) if spec.units == 0 => {
                Err(Error::setting("units", "0 is too few; use at least 1"))
            }
            LayerSpec::Linear(spec) => Ok(vec![spec.units]),
            LayerSpec::Conv(spec) => spec.output(input),
            LayerSpec::Pool(spec) => spec.output(input),
            LayerSpec::Subsample { size, .. } => {
                let [c, h, w] = maps_of("subsample", input)?;
                let [sh, sw] = size.sides();
                let along = |name, n, size| {
                    let window = Window { size, stride: size, padding: 0, dilation: 1 };
                    window.positions("subsample", name, n, false)
                };
                Ok(vec![c, along("height", h, sh)?, along("width", w, sw)?])
            }
            LayerSpec::Dropout { rate } if !(0.0..1.0).contains(rate) => {
                Err(Error::setting("rate", format!("{rate} is outside [0, 1)")))
            }
            LayerSpec::Activation { .. } | LayerSpec::Dropout { .. } => Ok(input.to_vec()),
            LayerSpec::Flatten => Ok(vec![Shape::checked(input, "flatten")?.len()]),
        }
    }
}

impl fmt::Display for LayerSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}
