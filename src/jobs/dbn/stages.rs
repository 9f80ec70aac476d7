//! The stages of a deep belief net's training: what each begins with, and what it leaves to the next.

use super::job::DbnJob;
use super::learning::{Learning, Step, too_early};
use crate::data::{DataSet, Part};
use crate::error::Result;
use crate::jobs::network::Labelled;
use crate::jobs::stack::{FineTuning, LevelData, Levels, Trained, Tuner, freeze};
use crate::kernels::activation::Activation;
use crate::models::{DeepBeliefNet, Network, Rbm, UnitKind};
use crate::training::{ResidentData, UpDown};

impl DbnJob {
    /// Takes up what the stage before trained.
    pub(super) fn take_up(&mut self) -> Result<()> {
        let step = self.step.take();
        match (step, &self.learning) {
            (Some(Step::Level(_)), Some(Learning::Level(trainer))) => {
                let (trained, visible) =
                    (Trained::of(trainer.rbm())?, trainer.rbm().visible().kind());
                let levels = self.levels.as_mut().ok_or_else(too_early)?;
                if levels.count() + 1 < self.settings.layers.0.len() {
                    return levels.push(trained, Activation::Sigmoid);
                }
                self.stack(trained, visible)
            }
            (Some(Step::Random), Some(learning)) => {
                if let Some(test) = &self.prepared.test {
                    let test = self.prepared.labelled(test, Part::Test)?;
                    let found = self.predicted(learning.network()?, &test)?;
                    self.random = Some(test.score(&found)?);
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Puts the last level on top of the others.
    pub(super) fn stack(&mut self, top: Trained, visible: UnitKind) -> Result<()> {
        let levels = self.levels.as_mut().ok_or_else(too_early)?;
        let below = levels.take().into_iter().enumerate().map(|(number, level)| {
            let visible = if number == 0 { self.prepared.units } else { UnitKind::Bernoulli };
            level.machine([visible, UnitKind::Bernoulli])
        });
        let mut machines = below.collect::<Result<Vec<Rbm>>>()?;
        machines.push(top.machine([visible, UnitKind::Bernoulli])?);
        self.stack = Some(DeepBeliefNet::new(machines)?);
        self.cost.peak_bytes = Some(self.device.memory().peak_bytes);
        Ok(())
    }

    /// The cases of a part as a level that no other is below reads them.
    pub(super) fn levels_on(&self, train: &DataSet) -> Result<Levels> {
        let sampled =
            (self.settings.level_data == LevelData::Samples).then_some(self.settings.seed);
        self.prepared.levels(&self.device, train, sampled)
    }

    /// Prepares a level.
    pub(super) fn begin_level(&mut self, number: usize) -> Result<u64> {
        let mut levels = match self.levels.take() {
            Some(levels) => levels,
            None => self.levels_on(&self.prepared.train)?,
        };
        let (last, prepared) = (number + 1 == self.settings.layers.0.len(), &self.prepared);
        let joined = last && self.settings.join_labels;
        if joined {
            if let Some(few) = &prepared.labelled {
                levels = levels.on(self.levels_on(few)?, Activation::Sigmoid)?;
            }
            let of = |set: &DataSet| prepared.labels_of_first(set);
            let labels = [of(prepared.with_labels()), prepared.validation.as_ref().and_then(of)];
            levels.join([0, 1].map(|part| labels[part].as_deref()), prepared.classes.len());
        }
        let seconds = levels.pass_seconds(self.settings.pretrain_batch, &self.device)?;
        self.cost.passes.push(seconds);
        let visible = match (number, joined) {
            (_, true) => UnitKind::Labelled(prepared.classes.len()),
            (0, false) => prepared.units,
            (_, false) => UnitKind::Bernoulli,
        };
        let kinds = [visible, UnitKind::Bernoulli];
        let (given, hidden) = (self.given.get(number), self.settings.layers.0[number]);
        let trainer =
            levels.trainer(&self.device, given, (kinds, hidden), &self.settings.greedy())?;
        self.learning = Some(Learning::Level(Box::new(trainer)));
        self.levels = Some(levels);
        Ok(if given.is_some() { 0 } else { self.settings.pretrain_epochs })
    }

    /// Prepares what the whole learns from: cases with labels where there are some, in the sizes of `dims`.
    pub(super) fn begin_whole(&mut self, dims: &[usize]) -> Result<()> {
        self.levels = None;
        let prepared = &self.prepared;
        self.labelled = Some(prepared.learnt(&self.device, prepared.with_labels(), dims)?);
        let held_out = prepared.validation.as_ref().filter(|_| !prepared.classes.is_empty());
        self.held_out = match held_out {
            None => None,
            Some(set) => {
                // As scores see them: drawn once.
                let Labelled { cases, labels } = prepared.labelled(set, Part::Validation)?;
                let resident = ResidentData::new(&self.device, &cases, Default::default())?;
                Some(resident.with_labels(&labels)?.with_case_dims(dims)?)
            }
        };
        Ok(())
    }

    pub(super) fn begin_network(&mut self, pretrained: bool) -> Result<()> {
        let spec = self.network_spec()?;
        self.begin_whole(&spec.input)?;
        let mut network = match (&self.stack, pretrained) {
            (Some(stack), true) => stack.classifier(&spec, self.settings.seed)?,
            (None, true) => return Err(too_early()),
            (_, false) => Network::new(&self.device, &spec, self.settings.seed)?,
        };
        freeze(network.layers_mut(), self.settings.freeze);
        let augment = self.augment;
        let how = FineTuning { augment, ..self.settings.fine_tuning() };
        let tuner = Tuner::new(network, &how)?;
        self.learning = Some(Learning::Network(tuner));
        Ok(())
    }

    pub(super) fn begin_up_down(&mut self) -> Result<()> {
        let mut stack = self.stack.take().ok_or_else(too_early)?;
        // The top has one W both ways.
        for (level, given) in (1..self.settings.layers.0.len()).zip(&self.given) {
            if let Some(back) = &given.back {
                stack.set_generative_weights(level, back.try_clone()?)?;
            }
        }
        self.begin_whole(&[stack.visible_count()])?;
        let trainer = UpDown::new(stack, self.settings.up_down_training())?;
        self.learning = Some(Learning::UpDown(Box::new(trainer)));
        Ok(())
    }
}
