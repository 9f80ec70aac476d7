//! Deep autoencoders (Hinton and Salakhutdinov 2006): an encoder whose last layer is the code, and a decoder back to the
//! input; with denoising (Vincent et al. 2010), contractive (Rifai et al. 2011) and sparse learning.

mod penalties;
mod spec;

pub use spec::{AutoencoderSpec, Noise, Penalties, ReconstructionLoss};

use std::collections::BTreeMap;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::activation::{Activation, activate};
use crate::kernels::elementwise::{Elementwise, elementwise_in_place};
use crate::kernels::logistic_loss::logistic_loss;
use crate::kernels::squared_error::squared_error;
use crate::kernels::{Losses, Place};
use crate::layers::{Initialization, Outgoing, Pass, Sequential, Workspace};
use crate::random::{Draw, stream};
use crate::tensor::Tensor;

use super::network::Tally;
use super::state::{Model, Visit};
use super::{Rbm, UnitKind};

/// A deep autoencoder on a device.
///
/// ```
/// use harmonium::models::{Autoencoder, AutoencoderSpec};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let model = Autoencoder::new(&device, &AutoencoderSpec::new(64, &[32, 2]), 1)?;
/// let x = Tensor::from_f32(&device, &[5, 64], &[0.5; 5 * 64])?;
/// let codes = model.encode(&x)?;
/// assert_eq!(codes.shape().dims(), [5, 2]);
/// assert_eq!(model.decode(&codes)?.to_vec()?, model.reconstruct(&x)?.to_vec()?);
/// # Ok::<(), harmonium::Error>(())
/// ```
#[derive(Debug)]
pub struct Autoencoder {
    spec: AutoencoderSpec,
    layers: Sequential,
}

/// A level of a stack that was trained by itself.
#[derive(Debug)]
pub struct Level<'a> {
    /// `[N, M]`.
    pub weights: &'a Tensor,
    /// Of what the level reads, `[N]`.
    pub visible_bias: &'a Tensor,
    /// Of what it gives, `[M]`.
    pub hidden_bias: &'a Tensor,
}

impl<'a> From<&'a Rbm> for Level<'a> {
    fn from(rbm: &'a Rbm) -> Self {
        let (visible_bias, hidden_bias) = (rbm.visible_bias(), rbm.hidden_bias());
        Level { weights: rbm.weights(), visible_bias, hidden_bias }
    }
}

impl Autoencoder {
    /// Builds it; weights start from the seed.
    ///
    /// # Errors
    /// Those of [`AutoencoderSpec::check`]; [`Error::OutOfMemory`].
    pub fn new(device: &Device, spec: &AutoencoderSpec, seed: u64) -> Result<Self> {
        Self::at_level(device, spec, seed, 0)
    }

    /// As [`Autoencoder::new`], as a level of a stack of equally seeded ones, which share no numbers.
    ///
    /// # Errors
    /// As there.
    pub fn at_level(device: &Device, spec: &AutoencoderSpec, seed: u64, level: u8) -> Result<Self> {
        spec.check()?;
        let rectified = spec.hidden == Activation::Relu;
        let start = if rectified { Initialization::He } else { Initialization::Glorot };
        let draw = Draw::new(seed, stream::WEIGHTS).at_level(level);
        let layers = Sequential::drawn(device, &[spec.inputs], &spec.layer_specs(), start, draw)?;
        let mut model = Autoencoder { spec: spec.clone(), layers };
        model.tie()?;
        Ok(model)
    }

    /// Unrolls levels that were trained one by one: the encoder has their weights and hidden biases, the decoder the
    /// same weights and their visible biases. Until it is trained it reconstructs as the levels do, one after another,
    /// by their means.
    ///
    /// # Errors
    /// [`Error::Shape`] where levels do not fit `spec` or each other; those of [`AutoencoderSpec::check`].
    pub fn unrolled(device: &Device, spec: &AutoencoderSpec, levels: &[Level<'_>]) -> Result<Self> {
        let n = spec.layers.len();
        let detail = || format!("{} levels, and {n} layers are described", levels.len());
        if levels.len() != n {
            return Err(Error::shape("autoencoder", detail()));
        }
        let mut number = 0;
        Self::from_parts(device, spec, |name, _| {
            let layer = number / 2;
            number += 1;
            let level = &levels[if layer < n { layer } else { 2 * n - 1 - layer }];
            match (name.ends_with("weight"), layer < n) {
                (true, _) => level.weights.try_clone(),
                (false, true) => level.hidden_bias.try_clone(),
                (false, false) => level.visible_bias.try_clone(),
            }
        })
    }

    /// Builds it of parameters that there are, as [`Sequential::from_parts`].
    ///
    /// # Errors
    /// As there, and those of [`AutoencoderSpec::check`].
    pub fn from_parts(
        device: &Device,
        spec: &AutoencoderSpec,
        give: impl FnMut(&str, &[usize]) -> Result<Tensor>,
    ) -> Result<Self> {
        spec.check()?;
        let layers = Sequential::from_parts(device, &[spec.inputs], &spec.layer_specs(), give)?;
        Ok(Autoencoder { spec: spec.clone(), layers })
    }

    /// What it was built from.
    pub fn spec(&self) -> &AutoencoderSpec {
        &self.spec
    }

    /// The layers, encoder first.
    pub fn layers(&self) -> &Sequential {
        &self.layers
    }

    /// The same, to be trained.
    pub fn layers_mut(&mut self) -> &mut Sequential {
        &mut self.layers
    }

    /// The device.
    pub fn device(&self) -> &Device {
        self.layers.device()
    }

    /// How many numbers are trained; tied weights count once.
    pub fn trained(&self) -> usize {
        let n = self.spec.layers.len();
        let all = self.layers.trained();
        let weights = self.layers.parameters().filter(|p| p.decays).take(n);
        if self.spec.tied { all - weights.map(|p| p.trained).sum::<usize>() } else { all }
    }

    /// The codes of a batch `[B, I]`, `[B, code units]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a batch of another width; device errors.
    pub fn encode(&self, x: &Tensor) -> Result<Tensor> {
        self.encode_to(x, self.spec.layers.len())
    }

    /// What the encoder's first `level` layers give, `[B, units of the last of them]`.
    ///
    /// # Errors
    /// [`Error::Setting`] for a level that there is not; as [`Autoencoder::encode`].
    pub fn encode_to(&self, x: &Tensor, level: usize) -> Result<Tensor> {
        if !(1..=self.spec.layers.len()).contains(&level) {
            return Err(self.no_level(level));
        }
        let mut space = Workspace::new();
        self.layers.forward_through(0..level, x, Pass::Evaluate, &mut space)?.try_clone()
    }

    /// The error that the encoder has no such layer.
    pub(crate) fn no_level(&self, level: usize) -> Error {
        let levels = self.spec.layers.len();
        Error::setting("level", format!("{level} is outside 1 to {levels}, the encoder's layers"))
    }

    /// What the decoder makes of codes `[B, code units]`, `[B, I]`: means, in [0, 1] where the loss is cross-entropy.
    ///
    /// # Errors
    /// [`Error::Shape`] for codes of another width; device errors.
    pub fn decode(&self, codes: &Tensor) -> Result<Tensor> {
        let n = self.spec.layers.len();
        self.outputs(n..2 * n, codes, &mut Workspace::new())
    }

    /// There and back, `[B, I]`.
    ///
    /// # Errors
    /// As [`Autoencoder::encode`].
    pub fn reconstruct(&self, x: &Tensor) -> Result<Tensor> {
        self.outputs(0..2 * self.spec.layers.len(), x, &mut Workspace::new())
    }

    fn outputs(
        &self,
        range: std::ops::Range<usize>,
        x: &Tensor,
        space: &mut Workspace,
    ) -> Result<Tensor> {
        let z = self.layers.forward_through(range, x, Pass::Evaluate, space)?;
        let mut y = Tensor::for_output(self.device(), z.shape().dims())?;
        let f = match self.spec.loss {
            ReconstructionLoss::CrossEntropy => Activation::Sigmoid,
            ReconstructionLoss::SquaredError => Activation::Identity,
        };
        activate(f, z, &mut y)?;
        Ok(y)
    }

    /// Loss and squared error (summed over the values) of each case of `x`, into `tally`.
    ///
    /// # Errors
    /// [`Error::Shape`]; device errors.
    pub fn score(&self, x: &Tensor, tally: &mut Tally<'_>, space: &mut Workspace) -> Result<()> {
        self.layers.forward(x, Pass::Evaluate, space)?;
        self.loss(x, tally, None, space)
    }

    /// The gradient of a batch's mean loss and penalties, into [`Workspace::gradients`], and each case's loss (without
    /// penalties) and squared error into `tally`. In training the input is corrupted first, where that is described.
    ///
    /// # Errors
    /// As [`Autoencoder::score`].
    pub fn gradient(
        &self,
        x: &Tensor,
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        self.gradient_weighted((x, None), pass, tally, space)
    }

    /// The same where cases count differently: weights `[B, 1]`, by which each case's part of the means is multiplied. The
    /// tally has losses without them.
    pub(crate) fn gradient_weighted(
        &self,
        (x, weights): (&Tensor, Option<&Tensor>),
        pass: Pass,
        tally: &mut Tally<'_>,
        space: &mut Workspace,
    ) -> Result<()> {
        let rows = x.shape().matrix("autoencoder", "the batch")?[0].max(1);
        let corrupted = match (self.spec.noise, pass) {
            (Some(noise), Pass::Train(draw)) => Some(penalties::corrupt(noise, x, draw)?),
            _ => None,
        };
        let input = corrupted.as_ref().unwrap_or(x);
        self.layers.forward(input, pass, space)?;
        self.loss(x, tally, Some(1.0 / rows as f32), space)?;
        space.weigh(weights)?;
        let slopes = self.penalize((rows, weights), space)?;
        self.layers.backward(input, space)?;
        if let (Some(slopes), Some(dw)) = (slopes, space.gradients_mut().next()) {
            elementwise_in_place(Elementwise::ADD, dw, Some(&slopes))?;
        }
        self.join_gradients(space)
    }

    fn loss(
        &self,
        x: &Tensor,
        tally: &mut Tally<'_>,
        scale: Option<f32>,
        space: &mut Workspace,
    ) -> Result<()> {
        let Outgoing { value: z, gradient, .. } = space.outgoing()?;
        let row = tally.row;
        let gradient = scale.is_some().then_some(gradient);
        let scale = scale.unwrap_or(1.0);
        match self.spec.loss {
            ReconstructionLoss::CrossEntropy => {
                let out = Losses { gradient, scale, ..Losses::at(tally.loss, row) };
                logistic_loss(z, x, out, Some(Place::at(tally.error, row)))
            }
            ReconstructionLoss::SquaredError => {
                let out = Losses { gradient, scale, ..Losses::at(tally.loss, row) };
                squared_error(z, x, out)?;
                squared_error(z, x, Losses::at(tally.error, row))
            }
        }
    }

    /// Both layers of a pair get the sum of their weights' gradients, so that equal weights stay equal.
    fn join_gradients(&self, space: &mut Workspace) -> Result<()> {
        let mut gradients: Vec<&mut Tensor> = space.gradients_mut().collect();
        for [encoder, decoder] in self.tied() {
            let (before, rest) = gradients.split_at_mut(decoder);
            let (Some(dw), Some(back)) = (before.get_mut(encoder), rest.first_mut()) else {
                continue;
            };
            elementwise_in_place(Elementwise::ADD, dw, Some(back))?;
            back.copy_from(dw)?;
        }
        Ok(())
    }

    /// Where the weights of each tied pair stand among the parameters, the encoder's first.
    pub(crate) fn tied(&self) -> Vec<[usize; 2]> {
        if !self.spec.tied {
            return Vec::new();
        }
        let parameters = self.layers.parameters().enumerate();
        let weights: Vec<usize> = parameters.filter(|(_, p)| p.decays).map(|(at, _)| at).collect();
        let pairs = weights.iter().zip(weights.iter().rev()).take(weights.len() / 2);
        pairs.map(|(&encoder, &decoder)| [encoder, decoder]).collect()
    }

    /// Makes the decoder's weights the encoder's, where they are tied.
    fn tie(&mut self) -> Result<()> {
        if !self.spec.tied {
            return Ok(());
        }
        let encoder = self.layers.parameters().filter(|p| p.decays).take(self.spec.layers.len());
        let copies: Vec<Tensor> = encoder.map(|p| p.value.try_clone()).collect::<Result<_>>()?;
        let decoder = self.layers.parameters_mut().filter(|p| p.decays).skip(copies.len());
        decoder.zip(copies.into_iter().rev()).for_each(|(p, copy)| p.value = copy);
        Ok(())
    }
}

impl Model for Autoencoder {
    fn kind(&self) -> &'static str {
        "autoencoder"
    }

    fn description(&self) -> BTreeMap<String, String> {
        let spec = serde_json::to_string(&self.spec).unwrap_or_default();
        [("harmonium.autoencoder".into(), spec)].into()
    }

    fn visit(&mut self, visit: &mut Visit<'_>) -> Result<()> {
        let mut parameters = self.layers.parameters_mut();
        parameters.try_for_each(|p| visit.array(&p.name, &mut p.value))
    }
}

/// The units of a machine whose means a layer of these gives: the level can be pre-trained as one.
pub fn machine_units(f: Activation) -> Option<UnitKind> {
    match f {
        Activation::Sigmoid => Some(UnitKind::Bernoulli),
        Activation::Identity => Some(UnitKind::Gaussian),
        _ => None,
    }
}
