//! Classifiers: layers one after another, and output units with their loss.

mod spec;

pub use spec::{NetworkSpec, OutputSpec};

use std::collections::BTreeMap;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::activation_grad::Onward;
use crate::kernels::argmax::{Extreme, argmax};
use crate::kernels::cross_entropy::cross_entropy;
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::error_count::error_count;
use crate::kernels::rbf::rbf;
use crate::kernels::rbf_grad_input::rbf_grad_input;
use crate::kernels::rbf_loss::rbf_loss;
use crate::kernels::softmax::softmax;
use crate::kernels::{Losses, Place};
use crate::layers::{Outgoing, Pass, Sequential, Workspace};
use crate::models::bitmaps;
use crate::tensor::Tensor;

use super::state::{Model, Visit};

/// A classifier on a device.
///
/// ```
/// use harmonium::models::{Network, lenet5};
/// use harmonium::models::network::OutputSpec;
/// let spec = lenet5::published(OutputSpec::Rbf { j: 1.0 }, 10);
/// assert_eq!(Network::new(&harmonium::Device::cpu(), &spec, 1)?.trained(), 60_000);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct Network {
    spec: NetworkSpec,
    layers: Sequential,
    /// The centres of radial basis functions.
    centres: Option<Tensor>,
}

/// Where a pass over a batch leaves the cases' losses and errors: from `row` on.
#[derive(Debug)]
pub struct Tally<'a> {
    /// L of each case, `[N]`.
    pub loss: &'a mut Tensor,
    /// 1 for a case whose class is wrong, else 0; of an autoencoder its squared error. `[N]`.
    pub error: &'a mut Tensor,
    /// The element of the batch's first case.
    pub row: usize,
}

impl Network {
    /// Builds the network; its parameters start from the seed.
    ///
    /// # Errors
    /// [`Error::Setting`] and [`Error::Shape`], naming the layer, for what does not fit together;
    /// [`Error::OutOfMemory`].
    pub fn new(device: &Device, spec: &NetworkSpec, seed: u64) -> Result<Self> {
        let start = spec.initialization;
        Self::built(spec, || Sequential::new(device, &spec.input, &spec.layers, start, seed))
    }

    /// Builds the network of parameters that there are, as [`Sequential::from_parts`].
    ///
    /// # Errors
    /// As [`Network::new`], and those of `give`.
    pub fn from_parts(
        device: &Device,
        spec: &NetworkSpec,
        give: impl FnMut(&str, &[usize]) -> Result<Tensor>,
    ) -> Result<Self> {
        Self::built(spec, || Sequential::from_parts(device, &spec.input, &spec.layers, give))
    }

    fn built(spec: &NetworkSpec, layers: impl FnOnce() -> Result<Sequential>) -> Result<Self> {
        if spec.classes < 2 {
            let detail = format!("{} is too few; a classifier has at least 2", spec.classes);
            return Err(Error::setting("classes", detail));
        }
        if spec.input.contains(&0) {
            let detail = format!("{:?} has a size of 0", spec.input);
            return Err(Error::setting("input", detail));
        }
        let layers = layers()?;
        let (found, expected) = (layers.output(), spec.features());
        if found != [expected] {
            let what = match spec.output {
                OutputSpec::Softmax => format!("softmax over {} classes", spec.classes),
                OutputSpec::Rbf { .. } => "radial basis functions on 7×12 bitmaps".into(),
            };
            let detail = format!(
                "the last layer gives {found:?}, and {what} expects [{expected}]; end with a linear layer of \
                 {expected} units"
            );
            return Err(Error::setting("layers", detail));
        }
        let centres = match spec.output {
            OutputSpec::Softmax => None,
            OutputSpec::Rbf { j } if !j.is_finite() => {
                return Err(Error::setting("j", format!("{j} is not finite")));
            }
            OutputSpec::Rbf { .. } => {
                let n = spec.classes;
                let Some(bitmaps) = bitmaps::bitmaps(n) else {
                    let detail = format!(
                        "{n} classes, and there are bitmaps of the ten digits; use softmax"
                    );
                    return Err(Error::setting("output", detail));
                };
                Some(Tensor::from_f32(layers.device(), &[n, bitmaps::BITMAP], &bitmaps)?)
            }
        };
        Ok(Network { spec: spec.clone(), layers, centres })
    }

    /// Its description.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// The layers before the output units.
    pub fn layers(&self) -> &Sequential {
        &self.layers
    }

    /// The same, to be changed.
    pub fn layers_mut(&mut self) -> &mut Sequential {
        &mut self.layers
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.layers.device()
    }

    /// How many numbers are trained.
    pub fn trained(&self) -> usize {
        self.layers.trained()
    }

    /// Whether a class is that of the largest score or of the smallest.
    pub fn extreme(&self) -> Extreme {
        match self.spec.output {
            OutputSpec::Softmax => Extreme::Largest,
            OutputSpec::Rbf { .. } => Extreme::Smallest,
        }
    }

    /// The scores of a batch `[B, C, H, W]`: what softmax is taken of, or the squared distances; `[B, classes]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where x does not fit; device errors.
    pub fn scores(&self, x: &Tensor) -> Result<Tensor> {
        self.scores_in(x, &mut Workspace::new())
    }

    /// As [`Network::scores`], in buffers that serve for many batches.
    ///
    /// # Errors
    /// As [`Network::scores`].
    pub fn scores_in(&self, x: &Tensor, space: &mut Workspace) -> Result<Tensor> {
        let features = self.layers.forward(x, Pass::Evaluate, space)?;
        match &self.centres {
            None => features.try_clone(),
            Some(centres) => distances(features, centres),
        }
    }

    /// The probability of each class, `[B, classes]`.
    ///
    /// # Errors
    /// As [`Network::scores`].
    pub fn probabilities(&self, x: &Tensor) -> Result<Tensor> {
        self.probabilities_of(self.scores(x)?)
    }

    /// Those of [scores](Network::scores).
    pub(crate) fn probabilities_of(&self, mut scores: Tensor) -> Result<Tensor> {
        if self.extreme() == Extreme::Smallest {
            elementwise_in_place(Elementwise::Affine(-1.0, 0.0), &mut scores, None)?;
        }
        let mut p = Tensor::for_output(self.device(), scores.shape().dims())?;
        softmax(&scores, &mut p)?;
        Ok(p)
    }

    /// The class of each case, u32 `[B]`: that of the largest score (with radial basis functions the smallest), the
    /// first of equal ones; the number of classes, which is none, where a score is NaN. An infinite score is one
    /// like others. [`Network::score`] counts by the same rule, and probabilities have no say: two scores may
    /// differ where their probabilities do not.
    ///
    /// # Errors
    /// As [`Network::scores`].
    pub fn classify(&self, x: &Tensor) -> Result<Vec<u32>> {
        self.classes_of(&self.scores(x)?)
    }

    /// Those of [scores](Network::scores): the one rule by which a case has a class.
    pub(crate) fn classes_of(&self, scores: &Tensor) -> Result<Vec<u32>> {
        let rows = scores.shape().dims()[0];
        let mut chosen = Tensor::for_indices(self.device(), &[rows])?;
        argmax(scores, self.extreme(), Place::at(&mut chosen, 0))?;
        chosen.to_words()
    }

    /// Loss and error of each case of a batch, into `tally`. `classes` is `[B]`, whole numbers as f32.
    ///
    /// # Errors
    /// As [`Network::scores`].
    pub fn score(
        &self,
        x: &Tensor,
        classes: &Tensor,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        self.layers.forward(x, Pass::Evaluate, space)?;
        self.tally(classes, tally, space)
    }

    /// Loss and error of the batch of the last evaluating pass.
    pub(crate) fn tally(
        &self,
        classes: &Tensor,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        self.loss(classes, tally, None, space)
    }

    /// As [`Network::score`], in a training pass, and [into the workspace](Workspace::gradients) the gradients of
    /// the batch's mean loss with respect to every parameter.
    ///
    /// # Errors
    /// As [`Network::scores`].
    pub fn gradient(
        &self,
        x: &Tensor,
        classes: &Tensor,
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        self.gradient_weighted((x, None), classes, pass, tally, space)
    }

    /// The same where cases count differently: weights `[B, 1]`, by which each case's part of the mean is multiplied. The
    /// tally has losses without them.
    pub(crate) fn gradient_weighted(
        &self,
        (x, weights): (&Tensor, Option<&Tensor>),
        classes: &Tensor,
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        let rows = x.shape().dims().first().copied().unwrap_or(0);
        self.layers.forward(x, pass, space)?;
        self.loss(classes, tally, Some(1.0 / rows.max(1) as f32), space)?;
        space.weigh(weights)?;
        self.layers.backward(x, space)
    }

    /// With a scale also the gradient of the layers' output.
    fn loss(
        &self,
        classes: &Tensor,
        tally: &mut Tally<'_>,
        scale: Option<f32>,
        space: &mut Workspace,
    ) -> Result<()> {
        let extreme = self.extreme();
        let Outgoing { value: features, gradient, activation, through } = space.outgoing()?;
        let row = tally.row;
        match (&self.centres, self.spec.output) {
            (Some(centres), OutputSpec::Rbf { j }) => {
                let y = distances(features, centres)?;
                error_count(&y, classes, extreme, Place::at(&mut *tally.error, row))?;
                let Some(scale) = scale else {
                    return rbf_loss(&y, classes, j, Losses::at(&mut *tally.loss, row));
                };
                let mut dy = Tensor::for_output(y.device(), y.shape().dims())?;
                rbf_loss(
                    &y,
                    classes,
                    j,
                    Losses::at(&mut *tally.loss, row).with_gradient(&mut dy, scale),
                )?;
                *through = true;
                let onward = Onward::through(gradient, activation, features);
                rbf_grad_input(&dy, features, centres, onward)
            }
            _ => {
                error_count(features, classes, extreme, Place::at(&mut *tally.error, row))?;
                let gradient = scale.is_some().then_some(gradient);
                let scale = scale.unwrap_or(1.0);
                let losses = Losses { gradient, scale, ..Losses::at(tally.loss, row) };
                cross_entropy(features, classes, losses)
            }
        }
    }
}

fn distances(features: &Tensor, centres: &Tensor) -> Result<Tensor> {
    let dims = [features.shape().dims()[0], centres.shape().dims()[0]];
    let mut y = Tensor::for_output(features.device(), &dims)?;
    rbf(features, centres, &mut y)?;
    Ok(y)
}

impl Model for Network {
    fn kind(&self) -> &'static str {
        "network"
    }

    fn description(&self) -> BTreeMap<String, String> {
        // A description is plain numbers and words: it always has a JSON form.
        let spec = serde_json::to_string(&self.spec).unwrap_or_default();
        [("harmonium.network".into(), spec)].into()
    }

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        let mut parameters = self.layers.parameters_mut();
        parameters.try_for_each(|p| visit.array(&p.name, &mut p.value))
    }
}
