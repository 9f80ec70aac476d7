//! The stages of a deep Boltzmann machine's training: what each begins with, and what it leaves to the next.

use super::job::DbmJob;
use super::learning::{Learning, Step, mean_field, too_early, with_posterior};
use crate::data::Part;
use crate::error::Result;
use crate::jobs::loading::Source;
use crate::jobs::stack::{Greedy, LevelData, Trained, Tuner};
use crate::kernels::activation::Activation;
use crate::models::dbm::gain_down;
use crate::models::{DbmSpec, DeepBoltzmannMachine, UnitKind};
use crate::training::{DbmTrainer, PosteriorSource};

impl DbmJob {
    /// Takes up what the stage before trained.
    pub(super) fn take_up(&mut self) -> Result<()> {
        match (self.step.take(), self.learning.take()) {
            (Some(Step::Level(_)), Some(Learning::Level(trainer))) => {
                let trained = Trained::of(trainer.rbm())?;
                let levels = self.levels.as_mut().ok_or_else(too_early)?;
                levels.push(trained, Activation::Sigmoid)
            }
            (Some(Step::Whole), Some(Learning::Whole(trainer))) => {
                self.dbm = Some(trainer.into_dbm());
                Ok(())
            }
            (step, learning) => {
                (self.step, self.learning) = (step, learning);
                Ok(())
            }
        }
    }

    /// Prepares a level, which stands for its missing neighbours by what it gives downwards.
    pub(super) fn begin_level(&mut self, number: usize) -> Result<u64> {
        let sampled = self.settings.level_data != Some(LevelData::Means);
        let mut levels = match self.levels.take() {
            Some(levels) => levels,
            None => {
                let seed = sampled.then_some(self.settings.seed);
                self.prepared.levels(&self.device, &self.prepared.train, seed)?
            }
        };
        let layers = &self.settings.layers.0;
        let greedy = Greedy { gain: gain_down(number, layers.len()), ..self.settings.greedy() };
        self.cost.passes.push(levels.pass_seconds(greedy.batch, &self.device)?);
        let visible = if number == 0 { self.prepared.units } else { UnitKind::Bernoulli };
        let kinds = [visible, UnitKind::Bernoulli];
        let trainer = levels.trainer(&self.device, None, (kinds, layers[number]), &greedy)?;
        self.learning = Some(Learning::Level(Box::new(trainer)));
        self.levels = Some(levels);
        Ok(greedy.epochs)
    }

    /// Prepares the whole: composed of its levels, as another run left it, or with small weights.
    pub(super) fn begin_whole(&mut self) -> Result<()> {
        let prepared = &self.prepared;
        let means = prepared.train_means()?;
        let dbm = match (self.levels.take(), self.given.take()) {
            (Some(mut levels), _) => {
                self.cost.peak_bytes = Some(self.device.memory().peak_bytes);
                let machine = |(number, level): (usize, Trained)| {
                    let visible = if number == 0 { prepared.units } else { UnitKind::Bernoulli };
                    level.machine([visible, UnitKind::Bernoulli])
                };
                let levels = levels.take().into_iter().enumerate().map(machine);
                DeepBoltzmannMachine::from_levels(levels.collect::<Result<_>>()?)?
            }
            (None, Some(given)) => given,
            (None, None) => {
                let seed = self.settings.seed;
                let mut dbm = DeepBoltzmannMachine::from_spec(&self.device, &self.spec(), seed)?;
                dbm.set_visible_bias_from_means(&means)?;
                dbm
            }
        };
        self.source = Some(self.cases()?);
        let config = self.settings.training(prepared.units);
        self.learning = Some(Learning::Whole(Box::new(DbmTrainer::new(dbm, config, &means)?)));
        Ok(())
    }

    /// Prepares the classifier.
    pub(super) fn begin_classifier(&mut self) -> Result<()> {
        let dbm = self.dbm.take().ok_or_else(too_early)?;
        let how = mean_field(self.settings.mean_field);
        let spec = dbm.classifier_spec(self.prepared.classes.len(), self.settings.dropped());
        let network = dbm.classifier(&spec, self.settings.seed)?;
        let held_out = match &self.prepared.validation {
            None => None,
            Some(set) => {
                let part = self.prepared.labelled(set, Part::Validation)?;
                Some(with_posterior(&dbm, part, how)?)
            }
        };
        let resident = match self.source.take() {
            Some(source) => source,
            None => self.cases()?,
        };
        self.held_out = held_out;
        self.seen = Some(PosteriorSource::new(resident, dbm, how));
        self.learning =
            Some(Learning::Classifier(Tuner::new(network, &self.settings.fine_tuning())?));
        Ok(())
    }

    /// All training cases.
    fn cases(&self) -> Result<Source> {
        let train = &self.prepared.train;
        self.prepared.learnt(&self.device, train, &[train.cases.width()])
    }

    /// The description of the machine.
    pub(super) fn spec(&self) -> DbmSpec {
        let mut units = vec![self.prepared.train.cases.width()];
        units.extend(&self.settings.layers.0);
        DbmSpec::new(units).visible(self.prepared.units)
    }
}
