//! Where a layer's parameters come from: drawn from a seed, or given.

use serde::{Deserialize, Serialize};

use super::Parameter;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::random::{Draw, PhiloxRng, normal, stream, uniform};
use crate::shape::Shape;
use crate::tensor::Tensor;

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

/// A unit's fan-in and fan-out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fans {
    pub inputs: usize,
    pub outputs: usize,
}

impl Initialization {
    /// Appends `count` weights, `fans(i)` being those of the i-th; none where it is disconnected and stays 0.
    fn fill(
        self,
        mut rng: PhiloxRng,
        weights: &mut Vec<f32>,
        count: usize,
        fans: impl Fn(usize) -> Option<Fans>,
    ) {
        let mut words = [0; 4];
        weights.extend((0..count).map(|i| {
            if i % 4 == 0 {
                words = std::array::from_fn(|_| rng.word());
            }
            let Some(fans) = fans(i) else { return 0.0 };
            let [fan_in, fan_out] = [fans.inputs, fans.outputs].map(|n| n.max(1) as f32);
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

/// Gives a parameter by its name and sizes.
pub(super) type Give<'a> = dyn FnMut(&str, &[usize]) -> Result<Tensor> + 'a;

pub(super) enum Start<'a> {
    Drawn { initialization: Initialization, draw: Draw },
    Given(&'a mut Give<'a>),
}

/// What a layer is built with: where its parameters live, and where they come from.
pub struct Build<'a> {
    pub(super) device: &'a Device,
    pub(super) start: Start<'a>,
    /// Which layer it is, counted from 1: no two draw the same numbers.
    pub(super) number: u64,
    /// The layer's kind and name.
    pub(super) op: &'static str,
    pub(super) name: String,
}

crate::error::opaque!(Build<'_>);

impl<'a> Build<'a> {
    /// Parameters that start from the seed. `number` tells the layers of a network apart: no two draw the same
    /// numbers.
    pub fn new(device: &'a Device, initialization: Initialization, seed: u64, number: u64) -> Self {
        let start = Start::Drawn { initialization, draw: Draw::new(seed, stream::WEIGHTS) };
        Build { device, start, number, op: "layer", name: String::new() }
    }

    /// Weights of these sizes, which may be more than there is room for; see [`Initialization::fill`].
    pub(super) fn weights(
        &mut self,
        name: &str,
        dims: &[usize],
        fans: impl Fn(usize) -> Option<Fans>,
    ) -> Result<Parameter> {
        let number = self.number;
        self.parameter(name, dims, |count, values, (initialization, draw)| {
            let rng = PhiloxRng::new(draw.at(number));
            initialization.fill(rng, values, count, fans);
        })
    }

    /// Zeros.
    pub(super) fn bias(&mut self, dims: &[usize]) -> Result<Parameter> {
        self.parameter("bias", dims, |count, values, _| values.resize(count, 0.0))
    }

    fn parameter(
        &mut self,
        name: &str,
        dims: &[usize],
        fill: impl FnOnce(usize, &mut Vec<f32>, (Initialization, Draw)),
    ) -> Result<Parameter> {
        let op = self.op;
        let count = Shape::checked(dims, op)?.len();
        let decays = matches!(name, "kernel" | "weight");
        let name = match self.name.as_str() {
            "" => name.to_string(),
            layer => format!("{layer}.{name}"),
        };
        let value = match &mut self.start {
            Start::Drawn { initialization, draw } => {
                let mut values = Vec::new();
                values.try_reserve_exact(count).map_err(|e| Error::OutOfMemory {
                    op,
                    bytes: 4 * count as u64,
                    adapter: "the host".into(),
                    detail: e.to_string(),
                })?;
                fill(count, &mut values, (*initialization, *draw));
                Tensor::from_f32(self.device, dims, &values)?
            }
            Start::Given(give) => {
                let given = give(&name, dims)?;
                self.device.require_same(op, given.device())?;
                given.require(op, &name, crate::tensor::Element::F32)?;
                if given.shape().dims() != dims {
                    let detail = format!("{name} is {}, and {dims:?} is expected", given.shape());
                    return Err(Error::shape(op, detail));
                }
                given
            }
        };
        Ok(Parameter { name, value, trained: count, decays, frozen: false })
    }
}
