//! Classifiers as they are described: in TOML, and in a model file.

use serde::{Deserialize, Serialize};

use crate::layers::{Initialization, LayerSpec};
use crate::models::bitmaps;

/// The output units and their loss L. The layers before them give x.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum OutputSpec {
    /// x has one value per class: p = softmax(x), L = −ln p_D for the desired class D.
    #[default]
    Softmax,
    /// Euclidean radial basis functions (LeCun et al. 1998, eq. 7 and 9): x has 84 values,
    /// y_i = Σ (x − w_i)² with w_i the bitmap of digit i as ±1, L = y_D + ln(e^−j + Σ_i e^−y_i). The class is
    /// that of the smallest y; as probabilities are shown softmax(−y). Up to ten classes.
    Rbf {
        /// j. The paper gives no number for it.
        #[serde(default = "default_j")]
        j: f32,
    },
}

fn default_j() -> f32 {
    bitmaps::J
}

/// A classifier as it is described: in TOML, and in a model file.
///
/// ```
/// use harmonium::kernels::activation::Activation;
/// use harmonium::layers::{ConvSpec, LinearSpec, PoolKind, PoolSpec};
/// use harmonium::models::{Network, NetworkSpec};
/// let spec = NetworkSpec::new([1, 8, 8], 10)
///     .layer(ConvSpec::new(6, 3).activation(Activation::Relu))
///     .layer(PoolSpec::new(PoolKind::Max, 2))
///     .layer(LinearSpec::new(10));
/// assert_eq!(Network::new(&harmonium::Device::cpu(), &spec, 1)?.trained(), 60 + 550);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct NetworkSpec {
    /// A case's sizes, [channels, height, width].
    pub input: [usize; 3],
    /// How many classes, at least 2.
    pub classes: usize,
    /// Where weights start.
    #[serde(default)]
    pub initialization: Initialization,
    /// The output units.
    #[serde(default)]
    pub output: OutputSpec,
    /// The layers. Before softmax units the last must give one value per class.
    pub layers: Vec<LayerSpec>,
}

impl NetworkSpec {
    /// No layer yet, softmax units, and the default initialisation.
    pub fn new(input: [usize; 3], classes: usize) -> Self {
        NetworkSpec {
            input,
            classes,
            initialization: Initialization::default(),
            output: OutputSpec::default(),
            layers: Vec::new(),
        }
    }

    /// Where weights start.
    pub fn initialization(self, initialization: Initialization) -> Self {
        NetworkSpec { initialization, ..self }
    }

    /// The output units.
    pub fn output(self, output: OutputSpec) -> Self {
        NetworkSpec { output, ..self }
    }

    /// One more layer.
    pub fn layer(mut self, layer: impl Into<LayerSpec>) -> Self {
        self.layers.push(layer.into());
        self
    }

    /// How many values the output units expect of the last layer.
    pub fn features(&self) -> usize {
        match self.output {
            OutputSpec::Softmax => self.classes,
            OutputSpec::Rbf { .. } => bitmaps::BITMAP,
        }
    }
}
