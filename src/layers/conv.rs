//! The convolutional layer: y = f(x * kernel + bias).

use super::{Build, Layer, Parameter, Pass};
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::activation_grad::activation_grad;
use crate::kernels::conv2d::{Convolution, Finish, conv2d};
use crate::kernels::conv2d_grad_input::conv2d_grad_input;
use crate::kernels::conv2d_grad_kernel::{Gradients, conv2d_grad_kernel};
use crate::shape::Shape;
use crate::tensor::Tensor;

use super::LayerSpec;

/// `y = f(x * kernel + bias)`: x `[B, C, H, W]`, kernel `[O, C / groups, KH, KW]`, bias `[O]`, y
/// `[B, O, H', W']`. Weights without a connection start at 0 and stay there.
pub struct Conv {
    f: Activation,
    stride: [usize; 2],
    padding: [usize; 2],
    dilation: [usize; 2],
    groups: usize,
    connections: Option<Tensor>,
    parameters: Vec<Parameter>,
}

impl Conv {
    /// The layer that `spec` describes, for `channels` input maps.
    ///
    /// # Errors
    /// [`Error::Setting`] where it describes none, [`Error::Shape`] for too many weights, [`Error::OutOfMemory`], [`Error::Limit`].
    pub fn new(build: &Build<'_>, spec: &LayerSpec, channels: usize) -> Result<Self> {
        let LayerSpec::Conv {
            maps,
            kernel,
            stride,
            padding,
            dilation,
            groups,
            connections,
            bias,
            activation,
        } = spec
        else {
            return Err(Error::setting("conv", format!("a {spec} layer is no convolution")));
        };
        let (maps, inputs, [kh, kw]) = (*maps, channels / (*groups).max(1), kernel.sides());
        // Before anything of their size is made.
        Shape::checked(&[maps, inputs, kh, kw], "conv")?;
        let area = kh * kw;
        let connected = |o: usize, c: usize| connections.as_ref().is_none_or(|t| t[o].contains(&c));
        let seen: Vec<usize> =
            (0..maps).map(|o| (0..inputs).filter(|&c| connected(o, c)).count()).collect();
        let mut weights = build.weights("conv", &[maps, inputs, kh, kw], |i| {
            [seen[i / (inputs * area)] * area, maps / (*groups).max(1) * area]
        })?;
        for (pair, values) in weights.chunks_mut(area.max(1)).enumerate() {
            if !connected(pair / inputs, pair % inputs) {
                values.fill(0.0);
            }
        }
        let table = |_: &Vec<Vec<usize>>| {
            let pairs = (0..maps).flat_map(|o| (0..inputs).map(move |c| (o, c)));
            let flags: Vec<u32> = pairs.map(|(o, c)| u32::from(connected(o, c))).collect();
            Tensor::from_u32(build.device, &[maps, inputs], &flags)
        };
        let mut weight = build.parameter("kernel", &[maps, inputs, kh, kw], &weights)?;
        weight.trained = seen.iter().sum::<usize>() * area;
        let mut parameters = vec![weight];
        if *bias {
            parameters.push(build.parameter("bias", &[maps], &vec![0.0; maps])?);
        }
        Ok(Conv {
            f: *activation,
            stride: stride.sides(),
            padding: padding.sides(),
            dilation: dilation.sides(),
            groups: *groups,
            connections: connections.as_ref().map(table).transpose()?,
            parameters,
        })
    }
}

/// The kernels' options, borrowing no more than the table, so that the gradients may be written.
macro_rules! options {
    ($layer:expr) => {
        Convolution {
            stride: $layer.stride,
            padding: $layer.padding,
            dilation: $layer.dilation,
            groups: $layer.groups,
            connections: $layer.connections.as_ref(),
        }
    };
}

impl Layer for Conv {
    fn forward(&mut self, x: &Tensor, y: &mut Tensor, _: Pass) -> Result<()> {
        let (options, parameters) = (options!(self), &self.parameters);
        let bias = parameters.get(1).map(|p| &p.value);
        conv2d(x, &parameters[0].value, &options, Finish { bias, activation: self.f }, y)
    }

    fn backward(
        &mut self,
        x: &Tensor,
        y: &Tensor,
        dy: &mut Tensor,
        dx: Option<&mut Tensor>,
        _: Pass,
    ) -> Result<()> {
        if self.f != Activation::Identity {
            activation_grad(self.f, y, dy)?;
        }
        let options = options!(self);
        if let Some(dx) = dx {
            conv2d_grad_input(dy, &self.parameters[0].value, &options, dx)?;
        }
        let (kernel, bias) = self.parameters.split_at_mut(1);
        let bias = bias.first_mut().map(|p| &mut p.gradient);
        conv2d_grad_kernel(x, dy, &options, Gradients { kernel: &mut kernel[0].gradient, bias })
    }

    fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    fn parameters_mut(&mut self) -> &mut [Parameter] {
        &mut self.parameters
    }
}
