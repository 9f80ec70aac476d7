//! What a stage trains: a level as a machine or as an autoencoder of one layer, or the whole.

use super::kinds::Pretraining;
use super::settings::AutoencoderSettings;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::jobs::stack::{Levels, Trained, Tuner};
use crate::kernels::activation::Activation;
use crate::models::autoencoder::{AutoencoderSpec, ReconstructionLoss, machine_units};
use crate::models::{Autoencoder, Network, UnitKind};
use crate::tensor::Tensor;
use crate::training::{Backpropagation, CdTrainer, Learner};

/// A stage's learner.
pub enum Learning {
    /// A level as a machine.
    Machine(Box<CdTrainer>),
    /// A level as an autoencoder of one layer.
    Shallow(Box<Backpropagation<Autoencoder>>),
    /// The whole.
    Whole(Tuner<Autoencoder>),
    /// A classifier on its code.
    Classifier(Tuner<Network>),
}

impl Learning {
    pub fn learner(&mut self) -> &mut dyn Learner {
        match self {
            Learning::Machine(trainer) => &mut **trainer,
            Learning::Shallow(trainer) => &mut **trainer,
            Learning::Whole(tuner) => tuner.learner(),
            Learning::Classifier(tuner) => tuner.learner(),
        }
    }

    /// There and back by means, `[B, N]`.
    pub fn reconstruct(&self, v: &Tensor) -> Result<Tensor> {
        match self {
            Learning::Machine(trainer) => trainer.rbm().reconstruct(v),
            Learning::Shallow(trainer) => trainer.network().reconstruct(v),
            Learning::Whole(tuner) => tuner.model().reconstruct(v),
            Learning::Classifier(_) => Err(Error::run("level", "a classifier is none")),
        }
    }

    /// The level that it trained.
    pub fn trained(&self) -> Result<Trained> {
        match self {
            Learning::Machine(trainer) => Trained::of(trainer.rbm()),
            Learning::Shallow(trainer) => {
                let mut levels = Trained::of_layers(trainer.network())?;
                levels.pop().ok_or_else(|| Error::run("level", "has no layer"))
            }
            Learning::Whole(_) | Learning::Classifier(_) => {
                Err(Error::run("level", "the whole is none"))
            }
        }
    }
}

/// The visible units of the first level, if a machine has such: those of the data, unless the outputs are linear and the data
/// Bernoulli. A unit's input is a logit then, which linear outputs would take for a value. (Gaussian units of variance 1
/// hardly learn from values in [0, 1].)
fn visible(spec: &AutoencoderSpec, data: UnitKind) -> Option<UnitKind> {
    let logits = spec.loss == ReconstructionLoss::SquaredError && data == UnitKind::Bernoulli;
    (!logits).then_some(data)
}

/// The units of the machine that a level can be trained as, if it can: two Gaussian layers have no distribution, and
/// units that are neither sigmoid nor linear belong to no machine.
pub fn machine(spec: &AutoencoderSpec, data: UnitKind, number: usize) -> Option<[UnitKind; 2]> {
    let visible = match number.checked_sub(1) {
        None => visible(spec, data),
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
        (Pretraining::Rbm, None) if number == 0 && visible(spec, data).is_none() => {
            "autoencoder, since linear outputs are no bernoulli units".into()
        }
        (Pretraining::Rbm, None) => {
            "autoencoder, since its units are those of no machine that can be normalised".into()
        }
        _ => "autoencoder".into(),
    }
}

/// A level before it is trained.
pub struct Beginning<'a> {
    /// Its number, counted from 0.
    pub number: usize,
    /// The data's units.
    pub data: UnitKind,
    /// Those below it, with what it reads.
    pub levels: &'a Levels,
    /// What it was trained to be elsewhere.
    pub given: Option<&'a Trained>,
}

/// The learner of a level.
pub fn learning(
    settings: &AutoencoderSettings,
    spec: &AutoencoderSpec,
    device: &Device,
    begin: &Beginning<'_>,
) -> Result<Learning> {
    let &Beginning { number, data, levels, given } = begin;
    let (units, level) = (spec.layers[number], number as u8);
    if let (Pretraining::Rbm, Some(kinds)) = (settings.pretrain, machine(spec, data, number)) {
        let trainer = levels.trainer(device, given, (kinds, units), &settings.greedy())?;
        return Ok(Learning::Machine(Box::new(trainer)));
    }
    // The lower levels' sigmoid units give values in [0, 1], whatever the data are.
    let loss = match number.checked_sub(1).map(|below| spec.activation(below)) {
        None => spec.loss,
        Some(Activation::Sigmoid) => ReconstructionLoss::CrossEntropy,
        Some(_) => ReconstructionLoss::SquaredError,
    };
    let mut shallow = AutoencoderSpec::new(levels.means().len(), &[units])
        .code(spec.activation(number))
        .loss(loss)
        .tied(true)
        .noise(spec.noise);
    if spec.activation(number) == Activation::Sigmoid {
        shallow = shallow.penalties(spec.penalties);
    }
    let model = match given {
        Some(given) => Autoencoder::unrolled(device, &shallow, &[given.level()])?,
        None => Autoencoder::at_level(device, &shallow, settings.seed, level)?,
    };
    let trainer = Backpropagation::new(model, settings.shallow_training(level))?;
    Ok(Learning::Shallow(Box::new(trainer)))
}
