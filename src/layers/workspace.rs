//! What passes through a network need besides its parameters.

use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::expect;
use crate::shape::Shape;
use crate::tensor::Tensor;

use super::Pass;

/// The buffers of a network's passes: the values and gradients that flow between its layers, what these keep for
/// their backward pass, and the parameters' gradients. Made as they are needed, and used again by later passes of
/// whatever size; any network may use it, one after another.
#[derive(Default)]
pub struct Workspace {
    pub(super) places: Vec<Place>,
    /// The forward pass that no backward pass has followed yet.
    pub(super) pass: Option<Pass>,
    /// The place of what the last layer gave.
    pub(super) last: usize,
    /// The activation that it went through last.
    pub(super) activation: Activation,
    /// The gradient of a parameter that is no layer's.
    beside: Option<Tensor>,
}

crate::error::opaque!(Workspace);

/// One layer's part. Values and gradients lie under the sizes in which they were used last: a flattening has no
/// tensors of its own.
#[derive(Default)]
pub(super) struct Place {
    pub value: Option<Tensor>,
    pub gradient: Option<Tensor>,
    /// Whether the gradient has gone on through the layer's activation.
    pub through: bool,
    /// A gradient of its own that joins the one from above.
    pub beside: Option<Tensor>,
    pub kept: Option<Tensor>,
    pub parameters: Vec<Tensor>,
}

/// Where a network's passes meet its loss.
#[derive(Debug)]
pub struct Outgoing<'a> {
    /// What the last layer gave.
    pub value: &'a Tensor,
    /// To be filled with ∂L/∂value.
    pub gradient: &'a mut Tensor,
    /// The activation that value went through last.
    pub activation: Activation,
    /// Whether gradient is filled with what has gone on through that already; false until it is set.
    pub through: &'a mut bool,
}

impl Workspace {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Both sides of the loss: the last forward pass's output, and the gradient from which
    /// [`Sequential::backward`](super::Sequential::backward) starts.
    ///
    /// # Errors
    /// [`Error::Shape`] before a forward pass; [`Error::OutOfMemory`].
    pub fn outgoing(&mut self) -> Result<Outgoing<'_>> {
        let Some(place) = self.places.get_mut(self.last) else { return Err(no_pass()) };
        let value = place.value.as_ref().ok_or_else(no_pass)?;
        let gradient = sized(value.device(), place.gradient.take(), value.shape().dims())?;
        place.through = false;
        let gradient = place.gradient.insert(gradient);
        let (activation, through) = (self.activation, &mut place.through);
        Ok(Outgoing { value, gradient, activation, through })
    }

    /// Multiplies each case's row of that gradient by its weight, `[B, 1]`; nothing without weights.
    pub(crate) fn weigh(&mut self, weights: Option<&Tensor>) -> Result<()> {
        let Some(weights) = weights else { return Ok(()) };
        // What the loss said of its gradient stays true of a multiple.
        let gone = self.places.get(self.last).is_some_and(|place| place.through);
        let Outgoing { value, gradient, through, .. } = self.outgoing()?;
        *through = gone;
        let rows = value.shape().dims().first().copied().unwrap_or(0);
        expect("train", "the weights", weights, value.device(), &[rows, 1])?;
        elementwise_in_place(Elementwise::Multiply, gradient, Some(weights))
    }

    /// What stage `number` of the network gave in the last forward pass, perhaps under the sizes of the flattening
    /// that follows; `None` before the first, and for a flattening.
    pub fn value(&self, number: usize) -> Option<&Tensor> {
        self.places.get(number)?.value.as_ref()
    }

    /// Adds `gradient` to ∂L/∂ of what stage `number` gives, in the next backward pass: a penalty of its own.
    ///
    /// # Errors
    /// [`Error::Shape`] where the last forward pass gave nothing of that size there.
    pub fn add_gradient(&mut self, number: usize, gradient: Tensor) -> Result<()> {
        let same = |place: &&mut Place| {
            place.value.as_ref().is_some_and(|value| value.shape() == gradient.shape())
        };
        let place = self.places.get_mut(number).filter(same).ok_or_else(no_pass)?;
        place.beside = Some(gradient);
        Ok(())
    }

    /// Takes the gradient of a parameter that is no layer's, as a chain's transitions: it comes last among
    /// [`Workspace::gradients`], until the next forward pass.
    pub fn set_beside(&mut self, gradient: Tensor) {
        self.beside = Some(gradient);
    }

    /// The parameters' gradients of the last backward pass, in the order of
    /// [`Sequential::parameters`](super::Sequential::parameters); none before the first.
    pub fn gradients(&self) -> impl Iterator<Item = &Tensor> {
        self.places.iter().flat_map(|place| &place.parameters).chain(&self.beside)
    }

    /// The same, to be changed before an update.
    pub fn gradients_mut(&mut self) -> impl Iterator<Item = &mut Tensor> {
        self.places.iter_mut().flat_map(|place| &mut place.parameters).chain(&mut self.beside)
    }

    /// Gives up all that has the size of a batch, and keeps the parameters' gradients.
    pub fn release(&mut self) {
        self.pass = None;
        for place in &mut self.places {
            (place.value, place.gradient, place.kept) = (None, None, None);
            place.beside = None;
        }
    }

    /// Makes ready for a forward pass of a network of so many stages.
    pub(super) fn begin(&mut self, device: &Device, stages: usize) {
        self.pass = None;
        self.beside = None;
        let elsewhere = |place: &Place| {
            let mut tensors = place.parameters.iter().chain(&place.value);
            tensors.any(|t| device.require_same("network", t.device()).is_err())
        };
        if self.places.iter().any(elsewhere) {
            self.places.clear();
        }
        self.places.resize_with(stages, Place::default);
        self.places.iter_mut().for_each(|place| place.beside = None);
    }
}

/// Brings a tensor under these sizes.
pub(super) fn view(tensor: &mut Option<Tensor>, dims: &[usize]) -> Result<()> {
    if let Some(found) = tensor.take_if(|t| t.shape().dims() != dims) {
        *tensor = Some(found.reshape(dims)?);
    }
    Ok(())
}

/// The tensor again where it has as many elements, else a new one.
pub(super) fn sized(device: &Device, old: Option<Tensor>, dims: &[usize]) -> Result<Tensor> {
    let shape = Shape::checked(dims, "network")?;
    match old {
        Some(tensor) if tensor.shape().len() == shape.len() => tensor.reshape(dims),
        _ => Tensor::for_output(device, dims),
    }
}

pub(super) fn no_pass() -> Error {
    Error::shape("network", "there was no forward pass for this batch; call forward first")
}
