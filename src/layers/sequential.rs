//! Layers one after another.

use std::ops::Range;

use super::build::{Give, Start};
use super::stage::{Stage, check_draws, layer, numbered};
use super::workspace::{no_pass, sized, view};
use super::{Backward, Build, Initialization, LayerSpec, Parameter, Pass, Workspace};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::random::{Draw, stream};
use crate::shape::Shape;
use crate::tensor::Tensor;

/// Layers one after another. What flows between them lies in the [`Workspace`] of the caller.
///
/// ```
/// use harmonium::kernels::activation::Activation;
/// use harmonium::layers::{Initialization, LayerSpec, Pass, Sequential, Workspace};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let layers = [
///     LayerSpec::linear(5, Activation::Tanh),
///     LayerSpec::linear(2, Activation::Identity),
/// ];
/// let network = Sequential::new(&device, &[3], &layers, Initialization::Glorot, 1)?;
/// let x = Tensor::from_f32(&device, &[4, 3], &[0.5; 12])?;
/// let mut space = Workspace::new();
/// assert_eq!(network.forward(&x, Pass::Evaluate, &mut space)?.shape().dims(), [4, 2]);
/// // The gradients of the sum of all outputs.
/// space.outgoing()?.gradient.upload(&[1.0; 8])?;
/// network.backward(&x, &mut space)?;
/// assert_eq!(space.gradients().count(), 4);
/// assert_eq!(network.trained(), 3 * 5 + 5 + 5 * 2 + 2);
/// # Ok::<(), harmonium::Error>(())
/// ```
pub struct Sequential {
    device: Device,
    input: Vec<usize>,
    stages: Vec<Stage>,
}

crate::error::opaque!(Sequential);

/// A layer of a network, for those who look at it.
#[derive(Debug)]
pub struct StageView<'a> {
    /// `conv1`: the kind, and the layer's number counted from 1 without flattenings.
    pub name: &'a str,
    /// The sizes of a case after it, `[N]` or `[C, H, W]`.
    pub output: &'a [usize],
    /// Its parameters.
    pub parameters: &'a [Parameter],
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
        Self::drawn(device, input, specs, initialization, Draw::new(seed, stream::WEIGHTS))
    }

    /// As [`Sequential::new`], from a draw of the stream [`stream::WEIGHTS`] whose level tells equally seeded
    /// networks apart.
    ///
    /// # Errors
    /// As there.
    pub fn drawn(
        device: &Device,
        input: &[usize],
        specs: &[LayerSpec],
        initialization: Initialization,
        draw: Draw,
    ) -> Result<Self> {
        let mut build = Build::new(device, initialization, draw.seed, 0);
        build.start = Start::Drawn { initialization, draw };
        Self::built(build, input, specs)
    }

    /// As [`Sequential::new`], of parameters that there are: `give` is asked for each, first layer first, by its
    /// name (`conv1.kernel`) and its sizes.
    ///
    /// ```
    /// use harmonium::kernels::activation::Activation;
    /// use harmonium::layers::{LayerSpec, Pass, Sequential, Workspace};
    /// use harmonium::{Device, Tensor};
    /// let device = Device::cpu();
    /// let layers = [LayerSpec::linear(1, Activation::Identity)];
    /// let network = Sequential::from_parts(&device, &[2], &layers, |name, dims| match name {
    ///     "linear1.weight" => Tensor::from_f32(&device, dims, &[2.0, 3.0]),
    ///     _ => Tensor::zeros(&device, dims),
    /// })?;
    /// let x = Tensor::from_f32(&device, &[1, 2], &[10.0, 1.0])?;
    /// let mut space = Workspace::new();
    /// assert_eq!(network.forward(&x, Pass::Evaluate, &mut space)?.to_vec()?, [23.0]);
    /// # Ok::<(), harmonium::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Sequential::new`]; [`Error::Shape`] and [`Error::DeviceMismatch`] where a parameter does not fit;
    /// those of `give`.
    pub fn from_parts(
        device: &Device,
        input: &[usize],
        specs: &[LayerSpec],
        mut give: impl FnMut(&str, &[usize]) -> Result<Tensor>,
    ) -> Result<Self> {
        let give: &mut Give<'_> = &mut give;
        let mut build = Build::new(device, Initialization::default(), 0, 0);
        build.start = Start::Given(give);
        Self::built(build, input, specs)
    }

    fn built(mut build: Build<'_>, input: &[usize], specs: &[LayerSpec]) -> Result<Self> {
        let mut stages: Vec<Stage> = Vec::with_capacity(specs.len());
        let mut dims = input.to_vec();
        Shape::checked(&dims, "network's input")?;
        let mut from = None;
        for spec in specs {
            let flattens = matches!(spec, LayerSpec::Linear(_)) && dims.len() > 1;
            if flattens || matches!(spec, LayerSpec::Flatten) {
                dims = LayerSpec::Flatten.output(&dims)?;
                let name = "flatten".into();
                stages.push(Stage { name, layer: None, dims: dims.clone(), from });
                from = from.or(Some(stages.len() - 1));
            }
            if matches!(spec, LayerSpec::Flatten) {
                continue;
            }
            build.number += 1;
            build.op = spec.kind();
            build.name = format!("{spec}{}", build.number);
            let name = build.name.clone();
            let located = |e: Error| match e {
                Error::Shape { op, detail } => Error::shape(op, format!("{name}: {detail}")),
                Error::Setting { name: setting, detail } => {
                    Error::setting(format!("{name}: {setting}"), detail)
                }
                other => other,
            };
            // What the description says does not fit, whatever the parameters are.
            let unfit = |e: Error| match e {
                Error::Shape { detail, .. } => Error::setting(&*name, detail),
                other => located(other),
            };
            check_draws(spec, stages.len()).map_err(unfit)?;
            let output = spec.output(&dims).map_err(unfit)?;
            Shape::checked(&output, spec.kind()).map_err(unfit)?;
            let layer = layer(&mut build, spec, &dims).map_err(located)?;
            dims.clone_from(&output);
            stages.push(Stage { name, layer: Some(layer), dims: output, from });
            from = Some(stages.len() - 1);
        }
        Ok(Sequential { device: build.device.clone(), input: input.to_vec(), stages })
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

    /// The layers, flattenings among them, in the order of [`Workspace::value`].
    pub fn stages(&self) -> impl Iterator<Item = StageView<'_>> {
        self.stages.iter().map(|stage| StageView {
            name: &stage.name,
            output: &stage.dims,
            parameters: stage.parameters(),
        })
    }

    /// All parameters, first layer first.
    pub fn parameters(&self) -> impl Iterator<Item = &Parameter> {
        self.stages.iter().flat_map(Stage::parameters)
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
    pub fn forward<'s>(
        &self,
        x: &Tensor,
        pass: Pass,
        space: &'s mut Workspace,
    ) -> Result<&'s Tensor> {
        self.forward_through(0..self.stages.len(), x, pass, space)
    }

    /// What the stages of a range give, the first of them for x: an encoder alone, or a decoder.
    ///
    /// # Errors
    /// As [`Sequential::forward`]; [`Error::Shape`] for a range beyond the stages, or one that begins behind a
    /// flattening.
    pub fn forward_through<'s>(
        &self,
        range: Range<usize>,
        x: &Tensor,
        pass: Pass,
        space: &'s mut Workspace,
    ) -> Result<&'s Tensor> {
        let Range { start, end } = range;
        let stages = self.stages.get(start..end).ok_or_else(no_pass)?;
        let input = start.checked_sub(1).map_or(&self.input, |before| &self.stages[before].dims);
        let rows = rows(x, input)?;
        space.begin(&self.device, self.stages.len());
        for (i, stage) in (start..).zip(stages) {
            let from = stage.from.filter(|&from| from >= start);
            let dims = batch_dims(rows, &stage.dims);
            let (before, rest) = space.places.split_at_mut(i);
            let Some(place) = rest.first_mut() else { return Err(no_pass()) };
            match (&stage.layer, from) {
                (None, Some(from)) => view(&mut before[from].value, &dims)?,
                (None, None) => {
                    let old = place.value.take();
                    let mut copy = sized(&self.device, old, x.shape().dims())?;
                    copy.copy_from(x)?;
                    place.value = Some(copy.reshape(&dims)?);
                }
                (Some(layer), from) => {
                    let mut y = sized(&self.device, place.value.take(), &dims)?;
                    let x = match from {
                        Some(from) => before[from].value.as_ref().ok_or_else(no_pass)?,
                        None => x,
                    };
                    layer.forward(x, &mut y, &mut place.kept, numbered(pass, i))?;
                    place.value = Some(y);
                }
            }
        }
        let Some(stage) = stages.last() else {
            return Err(Error::setting("layers", "there is none; give at least one"));
        };
        space.last = match (&stage.layer, stage.from) {
            (None, Some(from)) => from,
            _ => end - 1,
        };
        space.pass = Some(pass);
        space.activation = self.activation(space.last);
        space.value(space.last).ok_or_else(no_pass)
    }

    /// The parameters' gradients, into [`Workspace::gradients`], from what [`Workspace::outgoing`] was filled with;
    /// x is that of the forward pass before.
    ///
    /// # Errors
    /// [`Error::Shape`] where there was no forward pass for such a batch; those of the kernels.
    pub fn backward(&self, x: &Tensor, space: &mut Workspace) -> Result<()> {
        self.backward_to(x, None, space)
    }

    /// As [`Sequential::backward`], and `dx = ∂L/∂x`, of x's sizes.
    ///
    /// # Errors
    /// As [`Sequential::backward`].
    pub fn backward_to_input(
        &self,
        x: &Tensor,
        dx: &mut Tensor,
        space: &mut Workspace,
    ) -> Result<()> {
        self.backward_to(x, Some(dx), space)
    }

    fn backward_to(
        &self,
        x: &Tensor,
        mut dx: Option<&mut Tensor>,
        space: &mut Workspace,
    ) -> Result<()> {
        let rows = rows(x, &self.input)?;
        let pass = space.pass.take().ok_or_else(no_pass)?;
        if space.places.len() != self.stages.len() {
            return Err(no_pass());
        }
        for (place, stage) in space.places.iter_mut().zip(&self.stages) {
            if !fit(&place.parameters, stage.parameters()) {
                let zeros = |p: &Parameter| Tensor::zeros(&self.device, p.value.shape().dims());
                place.parameters = stage.parameters().iter().map(zeros).collect::<Result<_>>()?;
            }
        }
        // Where x's gradient is not asked for, nothing below the first trained layer has a use for its own.
        let trained = |stage: &Stage| stage.parameters().iter().any(|p| !p.frozen);
        let first = match dx {
            Some(_) => 0,
            None => self.stages.iter().position(trained).unwrap_or(self.stages.len()),
        };
        for (i, stage) in self.stages.iter().enumerate().skip(first).rev() {
            let (before, rest) = space.places.split_at_mut(i);
            let Some(place) = rest.first_mut() else { return Err(no_pass()) };
            let Some(layer) = &stage.layer else {
                let (Some(dx), None) = (&mut dx, stage.from) else { continue };
                view(&mut place.gradient, x.shape().dims())?;
                dx.copy_from(place.gradient.as_ref().ok_or_else(no_pass)?)?;
                continue;
            };
            let dims = batch_dims(rows, &stage.dims);
            view(&mut place.value, &dims)?;
            view(&mut place.gradient, &dims)?;
            if let (Some(beside), Some(gradient)) = (place.beside.take(), &mut place.gradient) {
                elementwise_in_place(Elementwise::ADD, gradient, Some(&beside))?;
            }
            let mut below = Activation::Identity;
            let (x, dx) = match stage.from {
                None => (x, dx.as_deref_mut()),
                Some(from) => {
                    let before = &mut before[from];
                    let x = before.value.as_ref().ok_or_else(no_pass)?;
                    let mut gradient = None;
                    if i > first || dx.is_some() {
                        let old = before.gradient.take();
                        let new = sized(&self.device, old, x.shape().dims())?;
                        gradient = Some(before.gradient.insert(new));
                        // A gradient of its own joins it before the activation.
                        if before.beside.is_none() && layer.goes_on() {
                            below = self.activation(from);
                        }
                        before.through = below != Activation::Identity;
                    }
                    (x, gradient)
                }
            };
            layer.backward(Backward {
                x,
                y: place.value.as_ref().ok_or_else(no_pass)?,
                dy: place.gradient.as_mut().ok_or_else(no_pass)?,
                through: place.through,
                dx,
                below,
                gradients: &mut place.parameters,
                kept: place.kept.as_ref(),
                pass: numbered(pass, i),
            })?;
        }
        Ok(())
    }

    /// The activation that what lies at a place of the workspace went through last.
    fn activation(&self, place: usize) -> Activation {
        let layer = self.stages.get(place).and_then(|stage| stage.layer.as_ref());
        layer.map_or(Activation::Identity, |layer| layer.activation())
    }
}

/// How many cases of these sizes there are.
fn rows(x: &Tensor, input: &[usize]) -> Result<usize> {
    match x.shape().dims() {
        [rows, case @ ..] if case == input => Ok(*rows),
        _ => {
            let sizes = input.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
            let detail = format!("the batch is {}, expected [batch, {sizes}]", x.shape());
            Err(Error::shape("network", detail))
        }
    }
}

/// Whether there is a gradient of its size for each parameter.
fn fit(gradients: &[Tensor], parameters: &[Parameter]) -> bool {
    let same = |(g, p): (&Tensor, &Parameter)| g.shape() == p.value.shape();
    gradients.len() == parameters.len() && gradients.iter().zip(parameters).all(same)
}

fn batch_dims(rows: usize, case: &[usize]) -> Vec<usize> {
    std::iter::once(rows).chain(case.iter().copied()).collect()
}
