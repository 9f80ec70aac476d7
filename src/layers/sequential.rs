//! Layers one after another.

use super::{
    ActivationLayer, Build, Conv, Dropout, Initialization, Layer, LayerSpec, Linear, Parameter,
    Pass, PoolLayer, Subsample,
};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::random::Draw;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Layers one after another, with the values and gradients that flow between them.
///
/// ```
/// use harmonium::kernels::activation::Activation;
/// use harmonium::layers::{Initialization, LayerSpec, Pass, Sequential};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let layers = [
///     LayerSpec::Linear { units: 5, bias: true, activation: Activation::Tanh },
///     LayerSpec::Linear { units: 2, bias: true, activation: Activation::Identity },
/// ];
/// let mut network = Sequential::new(&device, &[3], &layers, Initialization::Glorot, 1)?;
/// let x = Tensor::from_f32(&device, &[4, 3], &[0.5; 12])?;
/// assert_eq!(network.forward(&x, Pass::Evaluate)?.shape().dims(), [4, 2]);
/// assert_eq!(network.trained(), 3 * 5 + 5 + 5 * 2 + 2);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct Sequential {
    device: Device,
    input: Vec<usize>,
    stages: Vec<Stage>,
    pass: Option<Pass>,
}

struct Stage {
    name: String,
    /// None for a flattening, which moves its input on under another shape.
    layer: Option<Box<dyn Layer>>,
    /// A case's sizes after it.
    dims: Vec<usize>,
    value: Option<Tensor>,
    gradient: Option<Tensor>,
}

/// A layer of a network, for those who look at it.
pub struct StageView<'a> {
    /// `conv1`: the kind, and the layer's number counted from 1 without flattenings.
    pub name: &'a str,
    /// The sizes of a case after it, `[N]` or `[C, H, W]`.
    pub output: &'a [usize],
    /// Its parameters.
    pub parameters: &'a [Parameter],
    /// What the last forward pass gave; `None` before the first, or for what a flattening has moved on.
    pub value: Option<&'a Tensor>,
}

impl Sequential {
    /// Builds the layers for cases of the sizes `input`, `[N]` or `[C, H, W]`. Parameters start from the seed.
    ///
    /// # Errors
    /// [`Error::Setting`] and [`Error::Shape`], naming the layer, where a description is wrong or does not fit
    /// what comes before; [`Error::OutOfMemory`].
    pub fn new(
        device: &Device,
        input: &[usize],
        specs: &[LayerSpec],
        initialization: Initialization,
        seed: u64,
    ) -> Result<Self> {
        let mut stages: Vec<Stage> = Vec::with_capacity(specs.len());
        let mut dims = input.to_vec();
        Shape::checked(&dims, "network's input")?;
        let mut number = 0;
        for spec in specs {
            let flattens = matches!(spec, LayerSpec::Linear { .. }) && dims.len() > 1;
            if flattens || matches!(spec, LayerSpec::Flatten) {
                dims = vec![dims.iter().product()];
                stages.push(Stage::new("flatten".into(), None, dims.clone()));
            }
            if matches!(spec, LayerSpec::Flatten) {
                continue;
            }
            number += 1;
            let name = format!("{spec}{number}");
            let located = |e: Error| match e {
                Error::Shape { op, detail } => {
                    Error::Shape { op, detail: format!("{name}: {detail}") }
                }
                Error::Setting { name: setting, detail } => {
                    Error::setting(format!("{name}: {setting}"), detail)
                }
                other => other,
            };
            let output = spec.output(&dims).map_err(located)?;
            Shape::checked(&output, spec.kind()).map_err(located)?;
            let build = Build { device, initialization, seed, number };
            let mut layer = layer(&build, spec, &dims, &output).map_err(located)?;
            for parameter in layer.parameters_mut() {
                parameter.name = format!("{name}.{}", parameter.name);
            }
            stages.push(Stage::new(name, Some(layer), output.clone()));
            dims = output;
        }
        Ok(Sequential { device: device.clone(), input: input.to_vec(), stages, pass: None })
    }

    /// The sizes of a case.
    pub fn input(&self) -> &[usize] {
        &self.input
    }

    /// The sizes of a case after the last layer.
    pub fn output(&self) -> &[usize] {
        self.stages.last().map_or(&self.input, |stage| &stage.dims)
    }

    /// The device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The layers, flattenings among them.
    pub fn stages(&self) -> impl Iterator<Item = StageView<'_>> {
        self.stages.iter().map(|stage| StageView {
            name: &stage.name,
            output: &stage.dims,
            parameters: stage.layer.as_ref().map_or(&[], |layer| layer.parameters()),
            value: stage.value.as_ref(),
        })
    }

    /// All parameters, first layer first.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.stages.iter().filter_map(|s| s.layer.as_ref()).flat_map(|layer| layer.parameters())
    }

    /// The same, to be changed.
    pub fn parameters_mut(&mut self) -> impl Iterator<Item = &mut Parameter> {
        let layers = self.stages.iter_mut().filter_map(|s| s.layer.as_mut());
        layers.flat_map(|layer| layer.parameters_mut())
    }

    /// How many numbers are trained.
    pub fn trained(&self) -> usize {
        self.parameters().map(|p| p.trained).sum()
    }

    /// What the last layer gives for a batch `[B, …]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where x is no batch of this network's cases; those of the kernels.
    pub fn forward(&mut self, x: &Tensor, pass: Pass) -> Result<&Tensor> {
        let rows = self.rows(x)?;
        self.pass = None;
        self.return_moved()?;
        for i in 0..self.stages.len() {
            let (before, rest) = self.stages.split_at_mut(i);
            let stage = &mut rest[0];
            let dims = batch_dims(rows, &stage.dims);
            let Some(layer) = &mut stage.layer else {
                stage.value = Some(match before.last_mut() {
                    Some(last) => taken(&mut last.value)?.reshape(&dims)?,
                    None => x.try_clone()?.reshape(&dims)?,
                });
                continue;
            };
            let mut y = sized(&self.device, stage.value.take(), &dims)?;
            let x = match before.last() {
                Some(last) => last.value.as_ref().ok_or_else(no_pass)?,
                None => x,
            };
            layer.forward(x, &mut y, numbered(pass, i))?;
            stage.value = Some(y);
        }
        self.pass = Some(pass);
        match self.stages.last() {
            Some(stage) => stage.value.as_ref().ok_or_else(no_pass),
            None => Err(Error::setting("layers", "there is none; give at least one")),
        }
    }

    /// The gradient of the last output, to be filled with ∂L/∂y before [`Sequential::backward`], and that output.
    ///
    /// # Errors
    /// [`Error::Shape`] before a forward pass; [`Error::OutOfMemory`].
    pub fn outgoing(&mut self) -> Result<(&Tensor, &mut Tensor)> {
        let Some(stage) = self.stages.last_mut() else { return Err(no_pass()) };
        let value = stage.value.as_ref().ok_or_else(no_pass)?;
        let gradient = sized(&self.device, stage.gradient.take(), value.shape().dims())?;
        Ok((value, stage.gradient.insert(gradient)))
    }

    /// The parameters' gradients, and ∂L/∂x where `dx` is given, from what [`Sequential::outgoing`] was
    /// filled with; x is that of the forward pass before.
    ///
    /// # Errors
    /// [`Error::Shape`] where there was no forward pass for such a batch; those of the kernels.
    pub fn backward(&mut self, x: &Tensor, mut dx: Option<&mut Tensor>) -> Result<()> {
        let rows = self.rows(x)?;
        let pass = self.pass.take().ok_or_else(no_pass)?;
        for i in (0..self.stages.len()).rev() {
            let (before, rest) = self.stages.split_at_mut(i);
            let stage = &mut rest[0];
            let (mut last, earlier) = match before.split_last_mut() {
                Some((last, earlier)) => (Some(last), earlier),
                None => (None, &mut [][..]),
            };
            let Some(layer) = &mut stage.layer else {
                let mut gradient = taken(&mut stage.gradient)?;
                let value = taken(&mut stage.value)?;
                match (last, &mut dx) {
                    (Some(last), _) => {
                        let dims = batch_dims(rows, &last.dims);
                        last.value = Some(value.reshape(&dims)?);
                        last.gradient = Some(gradient.reshape(&dims)?);
                    }
                    (None, Some(dx)) => {
                        gradient = gradient.reshape(dx.shape().dims())?;
                        dx.copy_from(&gradient)?;
                    }
                    (None, None) => {}
                }
                continue;
            };
            if let Some(last) = &mut last {
                let dims = batch_dims(rows, &last.dims);
                let old = match last.gradient.take() {
                    Some(old) => Some(old),
                    // A flattening's gradient lies with the stage before it.
                    None if last.layer.is_none() => match earlier.last_mut() {
                        Some(stage) => unflattened(&mut stage.gradient, &dims)?,
                        None => None,
                    },
                    None => None,
                };
                last.gradient = Some(sized(&self.device, old, &dims)?);
            }
            let y = stage.value.as_ref().ok_or_else(no_pass)?;
            let dy = stage.gradient.as_mut().ok_or_else(no_pass)?;
            let (x, dx) = match last {
                Some(last) => (last.value.as_ref().ok_or_else(no_pass)?, last.gradient.as_mut()),
                None => (x, dx.as_deref_mut()),
            };
            layer.backward(x, y, dy, dx, numbered(pass, i))?;
        }
        Ok(())
    }

    /// Gives what flattenings have moved on back to the stages before them, so that its memory serves again.
    fn return_moved(&mut self) -> Result<()> {
        for i in 1..self.stages.len() {
            let (before, rest) = self.stages.split_at_mut(i);
            let (last, stage) = (&mut before[i - 1], &mut rest[0]);
            if stage.layer.is_none() {
                for (to, from) in
                    [(&mut last.value, &mut stage.value), (&mut last.gradient, &mut stage.gradient)]
                {
                    if let Some(tensor) = from.take() {
                        let rows = tensor.shape().dims()[0];
                        *to = Some(tensor.reshape(&batch_dims(rows, &last.dims))?);
                    }
                }
            }
        }
        Ok(())
    }

    fn rows(&self, x: &Tensor) -> Result<usize> {
        match x.shape().dims() {
            [rows, case @ ..] if case == self.input => Ok(*rows),
            _ => Err(Error::shape(
                "network",
                format!(
                    "the batch is {}, expected [batch, {}]",
                    x.shape(),
                    self.input.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
                ),
            )),
        }
    }
}

impl Stage {
    fn new(name: String, layer: Option<Box<dyn Layer>>, dims: Vec<usize>) -> Self {
        Stage { name, layer, dims, value: None, gradient: None }
    }
}

fn layer(
    build: &Build<'_>,
    spec: &LayerSpec,
    input: &[usize],
    output: &[usize],
) -> Result<Box<dyn Layer>> {
    let channels = input.first().copied().unwrap_or(0);
    Ok(match spec {
        LayerSpec::Linear { bias, activation, .. } => {
            Box::new(Linear::new(build, [channels, output[0]], *bias, *activation)?)
        }
        LayerSpec::Conv { .. } => Box::new(Conv::new(build, spec, channels)?),
        LayerSpec::Subsample { size, activation } => {
            Box::new(Subsample::new(build, channels, size.sides(), *activation)?)
        }
        LayerSpec::Activation { function } => Box::new(ActivationLayer::new(*function)),
        LayerSpec::Dropout { rate } => Box::new(Dropout::new(*rate)),
        LayerSpec::Pool { .. } | LayerSpec::Flatten => match spec.pooling() {
            Some(pooling) => Box::new(PoolLayer::new(pooling)),
            None => return Err(Error::setting("layer", "a flattening has no layer of its own")),
        },
    })
}

/// No two layers draw the same numbers: there are at most 256 layers' draws to a step.
fn numbered(pass: Pass, layer: usize) -> Pass {
    match pass {
        Pass::Evaluate => Pass::Evaluate,
        Pass::Train(draw) => Pass::Train(Draw { step: (draw.step << 8) | layer as u64, ..draw }),
    }
}

fn batch_dims(rows: usize, case: &[usize]) -> Vec<usize> {
    std::iter::once(rows).chain(case.iter().copied()).collect()
}

/// The tensor again where it has these sizes, else a new one.
fn sized(device: &Device, old: Option<Tensor>, dims: &[usize]) -> Result<Tensor> {
    match old {
        Some(tensor) if tensor.shape().dims() == dims => Ok(tensor),
        _ => Tensor::for_output(device, dims),
    }
}

/// The tensor under other sizes, where it has as many elements.
fn unflattened(tensor: &mut Option<Tensor>, dims: &[usize]) -> Result<Option<Tensor>> {
    match tensor.take() {
        Some(tensor) if tensor.shape().len() == dims.iter().product::<usize>() => {
            tensor.reshape(dims).map(Some)
        }
        _ => Ok(None),
    }
}

fn taken(tensor: &mut Option<Tensor>) -> Result<Tensor> {
    tensor.take().ok_or_else(no_pass)
}

fn no_pass() -> Error {
    Error::shape("network", "there was no forward pass for this batch; call forward first")
}
