//! The convolutional layer: y = f(x * kernel + bias).

use super::build::Fans;
use super::{Backward, Build, ConvSpec, Layer, Parameter, Pass};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::activation_grad::Onward;
use crate::kernels::conv2d::{Convolution, Finish, conv2d};
use crate::kernels::conv2d_grad_input::conv2d_grad_input;
use crate::kernels::conv2d_grad_kernel::{Gradients, conv2d_grad_kernel};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// `y = f(x * kernel + bias)`: x `[B, C, H, W]`, kernel `[O, C / groups, KH, KW]`, bias `[O]`, y
/// `[B, O, H', W']`. Weights without a connection start at 0 and stay there.
#[derive(Debug)]
pub struct Conv {
    spec: ConvSpec,
    connections: Option<Tensor>,
    parameters: Vec<Parameter>,
}

impl Conv {
    /// The layer that `spec` describes, for `channels` input maps.
    ///
    /// # Errors
    /// [`Error::Setting`](crate::Error::Setting) for no maps or groups and a table that does not fit,
    /// [`Error::Shape`](crate::Error::Shape) for maps that do not fall into the groups and too many weights,
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::Limit`](crate::Error::Limit).
    pub fn new(build: &mut Build<'_>, spec: &ConvSpec, channels: usize) -> Result<Self> {
        let inputs = spec.inputs(channels)?;
        let (maps, groups, [kh, kw]) = (spec.maps, spec.groups, spec.kernel.sides());
        let dims = [maps, inputs, kh, kw];
        // Before anything of their size is made.
        Shape::checked(&dims, "conv")?;
        let area = kh * kw;
        let connected =
            |o: usize, c: usize| spec.connections.as_ref().is_none_or(|t| t[o].contains(&c));
        let seen: Vec<usize> =
            (0..maps).map(|o| (0..inputs).filter(|&c| connected(o, c)).count()).collect();
        let mut kernel = build.weights("kernel", &dims, |i| {
            let pair = i / area;
            let (o, c) = (pair / inputs, pair % inputs);
            let fans = Fans { inputs: seen[o] * area, outputs: maps / groups * area };
            connected(o, c).then_some(fans)
        })?;
        kernel.trained = seen.iter().sum::<usize>() * area;
        let mut parameters = vec![kernel];
        if spec.bias {
            parameters.push(build.bias(&[maps])?);
        }
        let table = |_: &Vec<Vec<usize>>| {
            let pairs = (0..maps).flat_map(|o| (0..inputs).map(move |c| (o, c)));
            let flags: Vec<u32> = pairs.map(|(o, c)| u32::from(connected(o, c))).collect();
            Tensor::from_u32(build.device, &[maps, inputs], &flags)
        };
        let connections = spec.connections.as_ref().map(table).transpose()?;
        Ok(Conv { connections, parameters, spec: spec.clone() })
    }

    fn options(&self) -> Convolution<'_> {
        Convolution {
            stride: self.spec.stride.sides(),
            padding: self.spec.padding.sides(),
            dilation: self.spec.dilation.sides(),
            groups: self.spec.groups,
            connections: self.connections.as_ref(),
        }
    }
}

impl Layer for Conv {
    fn forward(&self, x: &Tensor, y: &mut Tensor, _: &mut Option<Tensor>, _: Pass) -> Result<()> {
        let bias = self.parameters.get(1).map(|p| &p.value);
        let kernel = &self.parameters[0].value;
        conv2d(x, kernel, &self.options(), Finish { bias, activation: self.spec.activation }, y)
    }

    fn backward(&self, mut step: Backward<'_>) -> Result<()> {
        step.descend(self.spec.activation)?;
        let Backward { x, dy, dx, below, gradients, .. } = step;
        let options = self.options();
        if let Some(dx) = dx {
            let onward = Onward::through(dx, below, x);
            conv2d_grad_input(dy, &self.parameters[0].value, &options, onward)?;
        }
        let (kernel, bias) = Backward::gradients(gradients)?;
        conv2d_grad_kernel(x, dy, &options, Gradients { kernel, bias })
    }

    fn activation(&self) -> Activation {
        self.spec.activation
    }

    fn goes_on(&self) -> bool {
        true
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }
}
