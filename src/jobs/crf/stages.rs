//! The stages of a field's training: what each begins with, and what it leaves to the next.

use super::data::{Parts, Prepared, Sources};
use super::folds::Fold;
use super::job::CrfJob;
use super::learning::{Learning, What, too_early};
use crate::data::Sequences;
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::sequences::{SequenceScore, score};
use crate::jobs::rows::some_that_count;
use crate::jobs::stack::{Levels, SCORED, Trained, Tuner};
use crate::kernels::activation::Activation;
use crate::models::{Crf, CrfSpec, Model, Pairwise, UnitKind};
use crate::training::ResidentData;

impl CrfJob {
    /// The description of a stage's field.
    pub(super) fn spec(&self, stage: usize) -> CrfSpec {
        (0..stage).fold(self.first.clone(), |below, _| self.first.clone().above(below))
    }

    /// Takes up what the stage before trained.
    pub(super) fn take_up(&mut self) -> Result<()> {
        let (Some(step), Some(learning)) = (self.step.take(), self.learning.take()) else {
            return Ok(());
        };
        match (step.what, learning) {
            (What::Level(_), Learning::Level(trainer)) => {
                let trained = Trained::of(trainer.rbm())?;
                self.levels.as_mut().ok_or_else(too_early)?.push(trained, Activation::Sigmoid)
            }
            (What::Unary, Learning::Field(tuner)) => {
                let test = self.sources.test.as_mut();
                self.unary =
                    test.map(|test| score(tuner.model(), test)).transpose()?.map(|s| s.error);
                Ok(())
            }
            (What::Field(number), Learning::Field(tuner)) if number + 1 < self.settings.stages => {
                self.lower = Some(tuner.into_model());
                Ok(())
            }
            (What::Field(_), Learning::Field(mut tuner)) => {
                let found = self.judge(tuner.model())?;
                self.keep_fold(found, tuner.learner().model())
            }
            _ => Err(too_early()),
        }
    }

    /// How a field does on the test part of the fold under way.
    pub(super) fn judge(&mut self, crf: &Crf) -> Result<Option<SequenceScore>> {
        self.sources.test.as_mut().map(|test| score(crf, test)).transpose()
    }

    /// Keeps what a fold came to.
    pub(super) fn keep_fold(
        &mut self,
        score: Option<SequenceScore>,
        model: &mut dyn Model,
    ) -> Result<()> {
        let number = self.settings.folds.and(self.fold);
        self.folds.push(Fold { number, score, unary: self.unary.take() });
        if let Some(number) = number {
            self.models.push((number, self.origin().file(model)?));
        }
        Ok(())
    }

    /// Goes on to another fold: nothing of the one before is left.
    pub(super) fn open_fold(&mut self, fold: Option<usize>) -> Result<()> {
        if fold != self.fold {
            self.parts = self.prepared.parts(&self.settings, fold)?;
            self.sources =
                Sources::new(&self.device, &self.parts, &self.first.input, self.settings.batch)?;
            (self.lower, self.levels, self.fold) = (None, None, fold);
            self.pretrained.clear();
        }
        Ok(())
    }

    /// Prepares a hidden layer; how many epochs it is trained.
    pub(super) fn begin_level(&mut self, number: usize) -> Result<u64> {
        let levels = match self.levels.take() {
            Some(levels) => levels,
            None => levels_of(&self.device, &self.prepared, &self.parts)?,
        };
        let (given, units) = (self.given.get(number), self.settings.layers.0[number]);
        let greedy = self.settings.greedy();
        let epochs = if given.is_some() { 0 } else { greedy.epochs };
        let kind = ([UnitKind::Bernoulli; 2], units);
        let trainer = levels.trainer(&self.device, given, kind, &greedy)?;
        self.learning = Some(Learning::Level(Box::new(trainer)));
        self.levels = Some(levels);
        Ok(epochs)
    }

    /// Prepares a field.
    pub(super) fn begin_field(&mut self, stage: usize, chained: bool) -> Result<()> {
        if let Some(levels) = &mut self.levels.take() {
            self.pretrained = levels.take();
        }
        let spec = self.spec(stage);
        // Without a chain nothing scores transitions.
        let spec = if chained { spec } else { spec.pairwise(Pairwise::Constant) };
        let mut crf = Crf::new(&self.device, &spec, self.settings.seed)?;
        if stage > 0 {
            crf.set_lower(self.lower.take().ok_or_else(too_early)?)?;
        }
        start_from(&mut crf, &self.pretrained)?;
        crf.transitions_mut().frozen = !chained;
        self.learning = Some(Learning::Field(Tuner::new(crf, &self.settings.training())?));
        Ok(())
    }
}

/// Positions as the first hidden layer reads them, those without labels behind the others.
fn levels_of(device: &Device, prepared: &Prepared, parts: &Parts) -> Result<Levels> {
    let cases = parts.train.cases_with(prepared.unlabelled.as_ref())?;
    let head = |part: &Sequences| some_that_count(&part.cases, SCORED);
    let seen = [Some(head(&parts.train)?), parts.validation.as_ref().map(head).transpose()?];
    let resident = ResidentData::new(device, &cases, Default::default())?;
    Ok(Levels::new(device, Box::new(resident), seen, None))
}

/// Puts trained levels in the place of the first layers. What the first one reads besides (another field's probabilities)
/// keeps the weights that it has.
fn start_from(crf: &mut Crf, levels: &[Trained]) -> Result<()> {
    let mut parameters = crf.layers_mut().parameters_mut();
    for level in levels {
        let (Some(weights), Some(bias)) = (parameters.next(), parameters.next()) else { break };
        let (mut values, own) = (weights.value.to_vec()?, level.weights.to_vec()?);
        values[..own.len()].copy_from_slice(&own);
        weights.value.upload(&values)?;
        bias.value.upload(&level.hidden_bias.to_vec()?)?;
    }
    Ok(())
}
