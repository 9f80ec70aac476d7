//! Layers: each has an explicit forward and backward pass, checked by finite differences. There is no
//! tape.
//!
//! A layer keeps its parameters and their gradients; [`Sequential`] keeps what flows between layers.

mod conv;
mod linear;
mod plain;
mod pool;
mod sequential;
mod spec;
mod subsample;

pub use conv::Conv;
pub use linear::Linear;
pub use plain::{ActivationLayer, Dropout};
pub use pool::PoolLayer;
pub use sequential::{Sequential, StageView};
pub use spec::{LayerSpec, PoolKind, Size};
pub use subsample::Subsample;

use serde::{Deserialize, Serialize};

use crate::device::Device;
use crate::error::{Error, Result};
use crate::random::{Draw, PhiloxRng, normal, stream, uniform};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// What a pass is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pass {
    /// Scores: nothing is dropped.
    Evaluate,
    /// Training: layers that draw random numbers use these; the step must differ from update to update.
    Train(Draw),
}

/// Numbers that are trained.
pub struct Parameter {
    /// `kernel`, `weight`, `bias` or `coefficient`; within a network with its layer, `conv1.kernel`.
    pub name: String,
    /// The numbers.
    pub value: Tensor,
    /// ∂L/∂value of the last backward pass.
    pub gradient: Tensor,
    /// How many of the numbers are trained: fewer than there are where a table disconnects some.
    pub trained: usize,
    /// Whether weight decay applies: to weights, not to biases and coefficients.
    pub decays: bool,
}

/// A step of a network with an explicit backward pass.
pub trait Layer: Send {
    /// `y = f(x)`, for a batch.
    ///
    /// # Errors
    /// Those of its kernels.
    fn forward(&mut self, x: &Tensor, y: &mut Tensor, pass: Pass) -> Result<()>;

    /// From `dy = ∂L/∂y` the parameters' gradients and, where asked for, `dx = ∂L/∂x`; x, y and `pass` are
    /// those of the forward pass before. `dy` may be overwritten.
    ///
    /// # Errors
    /// Those of its kernels.
    fn backward(
        &mut self,
        x: &Tensor,
        y: &Tensor,
        dy: &mut Tensor,
        dx: Option<&mut Tensor>,
        pass: Pass,
    ) -> Result<()>;

    /// Its parameters, in the order of the paper: weights, then biases.
    fn parameters(&self) -> &[Parameter] {
        &[]
    }

    /// The same, to be changed.
    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut []
    }
}

/// Where weights start. Biases start at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Initialization {
    /// Uniform in ±2.4 / fan-in (LeCun et al. 1998, appendix A); the fan-in counts what a unit is connected
    /// to.
    Lecun,
    /// Uniform in ±√(6 / (fan-in + fan-out)) (Glorot and Bengio 2010).
    #[default]
    Glorot,
    /// Normal with variance 2 / fan-in (He et al. 2015): for rectifiers.
    He,
}

impl Initialization {
    /// Appends `count` weights, `fans(i)` of the i-th being its unit's fan-in and fan-out. A
    /// function of the seed and of `number`, which tells the network's parameters apart.
    fn fill(
        self,
        (seed, number): (u64, u64),
        (weights, count): (&mut Vec<f32>, usize),
        fans: impl Fn(usize) -> [usize; 2],
    ) {
        let mut rng = PhiloxRng::new(Draw::new(seed, stream::WEIGHTS).at(number));
        let mut words = [0; 4];
        weights.extend((0..count).map(|i| {
            if i % 4 == 0 {
                words = std::array::from_fn(|_| rng.word());
            }
            let [fan_in, fan_out] = fans(i).map(|n| n.max(1) as f32);
            let bound = match self {
                Initialization::Lecun => 2.4 / fan_in,
                Initialization::Glorot => (6.0 / (fan_in + fan_out)).sqrt(),
                Initialization::He => {
                    return (2.0 / fan_in).sqrt() * normal(words, (i % 4) as u32);
                }
            };
            bound * (2.0 * uniform(words[i % 4]) - 1.0)
        }));
    }
}

/// What a layer is built with.
#[derive(Clone, Copy)]
pub struct Build<'a> {
    /// Where its parameters live.
    pub device: &'a Device,
    /// How weights start.
    pub initialization: Initialization,
    /// The seed.
    pub seed: u64,
    /// Which layer it is, counted from 0: no two draw the same numbers.
    pub number: u64,
}

impl Build<'_> {
    fn parameter(&self, name: &str, dims: &[usize], values: &[f32]) -> Result<Parameter> {
        Ok(Parameter {
            name: name.into(),
            value: Tensor::from_f32(self.device, dims, values)?,
            gradient: Tensor::zeros(self.device, dims)?,
            trained: values.len(),
            decays: matches!(name, "kernel" | "weight"),
        })
    }

    /// The weights of a tensor of these sizes, which may be more than there is room for.
    fn weights(
        &self,
        op: &'static str,
        dims: &[usize],
        fans: impl Fn(usize) -> [usize; 2],
    ) -> Result<Vec<f32>> {
        let count = Shape::checked(dims, op)?.len();
        let mut weights = Vec::new();
        weights.try_reserve_exact(count).map_err(|e| Error::OutOfMemory {
            op,
            bytes: 4 * count as u64,
            adapter: "the host".into(),
            detail: e.to_string(),
        })?;
        self.initialization.fill((self.seed, self.number), (&mut weights, count), fans);
        Ok(weights)
    }
}
