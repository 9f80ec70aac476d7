//! What a stage trains: a level as a machine or as an autoencoder of one layer, or the whole.

use super::kinds::Pretraining;
use super::settings::AutoencoderSettings;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::activation::Activation;
use crate::models::autoencoder::{AutoencoderSpec, Level, ReconstructionLoss, machine_units};
use crate::models::{Autoencoder, Rbm, UnitKind, Units};
use crate::tensor::Tensor;
use crate::training::{Backpropagation, CdTrainer, Learner, LowerLevel};

/// A stage's learner.
pub enum Learning {
    /// A level as a machine.
    Machine(Box<CdTrainer>),
    /// A level as an autoencoder of one layer, or the whole.
    Layers(Box<Backpropagation<Autoencoder>>),
}

/// A level that is trained: its weights and biases.
pub struct Trained {
    pub weights: Tensor,
    pub visible_bias: Tensor,
    pub hidden_bias: Tensor,
}

impl Trained {
    pub fn level(&self) -> Level<'_> {
        let Trained { weights, visible_bias, hidden_bias } = self;
        Level { weights, visible_bias, hidden_bias }
    }

    /// As what is below the next level.
    pub fn below(&self, f: Activation) -> Result<LowerLevel> {
        LowerLevel::new(self.weights.try_clone()?, self.hidden_bias.try_clone()?, f)
    }
}

impl Learning {
    pub fn learner(&mut self) -> &mut dyn Learner {
        match self {
            Learning::Machine(trainer) => &mut **trainer,
            Learning::Layers(trainer) => &mut **trainer,
        }
    }

    /// There and back by means, `[B, N]`.
    pub fn reconstruct(&self, v: &Tensor) -> Result<Tensor> {
        match self {
            Learning::Machine(trainer) => trainer.rbm().reconstruct(v),
            Learning::Layers(trainer) => trainer.network().reconstruct(v),
        }
    }

    /// The level that it trained.
    pub fn trained(&self) -> Result<Trained> {
        match self {
            Learning::Machine(trainer) => {
                let rbm = trainer.rbm();
                Ok(Trained {
                    weights: rbm.weights().try_clone()?,
                    visible_bias: rbm.visible_bias().try_clone()?,
                    hidden_bias: rbm.hidden_bias().try_clone()?,
                })
            }
            Learning::Layers(trainer) => {
                let mut copies =
                    trainer.network().layers().parameters().map(|p| p.value.try_clone());
                let mut next =
                    || copies.next().ok_or_else(|| Error::run("level", "has no layer"))?;
                let (weights, hidden_bias, _, visible_bias) = (next()?, next()?, next()?, next()?);
                Ok(Trained { weights, visible_bias, hidden_bias })
            }
        }
    }
}

/// The units of the machine that a level can be trained as, if it can: two Gaussian layers have no distribution, and
/// units that are neither sigmoid nor linear belong to no machine.
pub fn machine(spec: &AutoencoderSpec, data: UnitKind, number: usize) -> Option<[UnitKind; 2]> {
    let visible = match number.checked_sub(1) {
        None => Some(data),
        Some(below) => machine_units(spec.activation(below)),
    };
    match [visible?, machine_units(spec.activation(number))?] {
        [UnitKind::Gaussian, UnitKind::Gaussian] => None,
        units => Some(units),
    }
}

/// How a level is trained, in words.
pub fn words(
    settings: &AutoencoderSettings,
    spec: &AutoencoderSpec,
    data: UnitKind,
    number: usize,
) -> String {
    match (settings.pretrain, machine(spec, data, number)) {
        (Pretraining::Rbm, Some([visible, hidden])) => format!("{visible}–{hidden} machine"),
        (Pretraining::Rbm, None) => {
            "autoencoder, since its units are those of no machine that can be normalised".into()
        }
        _ => "autoencoder".into(),
    }
}

/// The learner of a level that reads `means.len()` values, whose means over the first training cases these are.
pub fn learning(
    settings: &AutoencoderSettings,
    spec: &AutoencoderSpec,
    data: UnitKind,
    number: usize,
    (device, means): (&Device, &[f32]),
) -> Result<Learning> {
    let (inputs, units, level) = (means.len(), spec.layers[number], number as u8);
    if let (Pretraining::Rbm, Some(kinds)) = (settings.pretrain, machine(spec, data, number)) {
        let [visible, hidden] = [Units::new(kinds[0], inputs)?, Units::new(kinds[1], units)?];
        let mut rbm = Rbm::new_at_level(device, visible, hidden, settings.seed, level)?;
        rbm.set_visible_bias_from_means(means)?;
        let config = settings.machine_training(kinds, level);
        return Ok(Learning::Machine(Box::new(CdTrainer::new(rbm, config, means)?)));
    }
    // The lower levels' sigmoid units give values in [0, 1], whatever the data are.
    let loss = match number.checked_sub(1).map(|below| spec.activation(below)) {
        None => spec.loss,
        Some(Activation::Sigmoid) => ReconstructionLoss::CrossEntropy,
        Some(_) => ReconstructionLoss::SquaredError,
    };
    let mut shallow = AutoencoderSpec::new(inputs, &[units])
        .code(spec.activation(number))
        .loss(loss)
        .tied(true)
        .noise(spec.noise);
    if spec.activation(number) == Activation::Sigmoid {
        shallow = shallow.penalties(spec.penalties);
    }
    let model = Autoencoder::at_level(device, &shallow, settings.seed, level)?;
    let trainer = Backpropagation::new(model, settings.shallow_training(level))?;
    Ok(Learning::Layers(Box::new(trainer)))
}
