//! The training of a deep belief net: a stage for each level, then one for the whole.

use std::path::Path;

use super::figures::{CHOSEN_BY, FIGURES};
use super::learning::{Learning, Step, net, too_early};
use super::report;
use super::settings::{DbnSettings, Purpose};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::classification::{ClassificationScore, score};
use crate::jobs::loading::Source;
use crate::jobs::network::figures::{VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::stack::{
    Cost, Levels, NONE_TO_COMPARE_ON, Prepared, Trained, Wanted, augmentation, check_transposed,
};
use crate::kernels::activation::Activation;
use crate::models::{DbnSpec, DeepBeliefNet, Model, Network, NetworkSpec, UnitKind};
use crate::run::report::Section;
use crate::run::{
    self, About, Event, Facts, Finish, Job, Keep, Observer, Record, RunRecord, Stage,
};
use crate::training::{Augmentation, BatchSource, Figures, Learner, ResidentData};

/// A deep belief net's training.
pub struct DbnJob {
    pub(super) settings: DbnSettings,
    pub(super) device: Device,
    pub(super) prepared: Prepared,
    pub(super) augment: Option<Augmentation>,
    pub(super) record: RunRecord,
    pub(super) steps: Vec<Step>,
    pub(super) step: Option<Step>,
    pub(super) learning: Option<Learning>,
    /// The levels, while they are trained.
    pub(super) levels: Option<Levels>,
    /// Levels that were trained elsewhere.
    pub(super) given: Vec<Trained>,
    /// The stack, once all levels are trained.
    pub(super) stack: Option<DeepBeliefNet>,
    /// What the whole learns from, and what it is chosen by.
    pub(super) labelled: Option<Source>,
    pub(super) held_out: Option<ResidentData>,
    /// How the classifier from random weights does on the test cases.
    pub(super) random: Option<ClassificationScore>,
    pub(super) cost: Cost,
}

crate::error::opaque!(DbnJob);

impl DbnJob {
    /// Loads the data.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`] where the values do not suit the units or labels are missing;
    /// [`Error::Limit`] and [`Error::OutOfMemory`] for what is too large.
    pub fn new(
        mut settings: DbnSettings,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let prepared = Prepared::load(&settings.request(), observer)?;
        settings.validation = prepared.split;
        let pictures = (&prepared.train.cases, prepared.image);
        let augment = augmentation(settings.augment, pictures, &prepared.preprocessing, observer)?;
        let (layers, units) = (&settings.layers.0, prepared.units);
        let given = match &settings.from {
            None => Vec::new(),
            Some(from) => {
                let wanted = Wanted {
                    inputs: prepared.train.cases.width(),
                    units,
                    preprocessing: &prepared.preprocessing,
                    layers,
                    activation: &|_| Activation::Sigmoid,
                    classes: settings.join_labels.then_some(&prepared.classes[..]),
                };
                wanted.from(from, device, observer)?
            }
        };
        let steps = Step::all(&settings);
        if steps.len() == given.len() {
            let detail = "has all levels, so that nothing is left to train; ask for a classifier, --up-down or more \
                          layers";
            return Err(Error::setting("from", detail));
        }
        if settings.pretrain_transposed {
            let data = prepared.train.cases.width();
            let sizes: Vec<usize> = [data].iter().chain(layers).copied().collect();
            check_transposed(&sizes, units, given.len())?;
        }
        for (number, &size) in layers.iter().enumerate() {
            let how = match (&settings.from, number < given.len()) {
                (Some(from), true) => format!("as it is in {from}"),
                _ if number == 0 => format!("{units}–bernoulli machine"),
                _ if settings.join_labels && number + 1 == layers.len() => {
                    format!("bernoulli–bernoulli machine with {} classes", prepared.classes.len())
                }
                _ => "bernoulli–bernoulli machine".into(),
            };
            observer.see(Event::Note(&format!("level {}: {size} units, {how}", number + 1)));
        }
        if settings.join_labels && layers.len() == 1 && units != UnitKind::Bernoulli {
            let detail = format!("joins labels to {units} data units; use two layers or more");
            return Err(Error::setting("join-labels", detail));
        }
        if settings.compare_random && prepared.test.is_none() {
            observer.see(Event::Note(NONE_TO_COMPARE_ON));
        }
        let record = prepared.record(device);
        Ok(DbnJob {
            device: device.clone(),
            steps,
            step: None,
            learning: None,
            levels: None,
            given,
            stack: None,
            labelled: None,
            held_out: None,
            random: None,
            cost: Cost::default(),
            settings,
            prepared,
            augment,
            record,
        })
    }

    /// The classifier as it stands; `None` before the levels are trained, and where none is asked for.
    pub fn network(&self) -> Option<&Network> {
        match &self.learning {
            Some(Learning::Network(tuner)) => Some(tuner.model()),
            _ => None,
        }
    }

    /// The net as it stands; `None` before the levels are trained.
    pub fn net(&self) -> Option<&DeepBeliefNet> {
        net(self.learning.as_ref(), self.stack.as_ref()).ok()
    }

    pub(super) fn whole(&self) -> Result<&DeepBeliefNet> {
        net(self.learning.as_ref(), self.stack.as_ref())
    }

    /// Its description.
    pub(super) fn spec(&self) -> DbnSpec {
        let mut units = vec![self.prepared.train.cases.width()];
        units.extend(&self.settings.layers.0);
        let classes = self.settings.join_labels.then_some(self.prepared.classes.len());
        DbnSpec::new(units).visible(self.prepared.units).classes(classes)
    }

    /// That of the classifier.
    pub(super) fn network_spec(&self) -> Result<NetworkSpec> {
        let (input, classes) = (self.prepared.input().shape()?, self.prepared.classes.len());
        Ok(self.spec().classifier(input, classes, self.settings.dropped()))
    }
}

impl Job for DbnJob {
    type Settings = DbnSettings;

    fn about(&self) -> About<'_, DbnSettings> {
        About {
            kind: "dbn",
            settings: &self.settings,
            data: self.settings.data.name(),
            record: &self.record,
            device: &self.device,
            figures: &FIGURES,
        }
    }

    fn stages(&self) -> usize {
        self.steps.len()
    }

    fn begin(&mut self, stage: usize) -> Result<Stage> {
        self.take_up()?;
        let step = *self.steps.get(stage).ok_or_else(too_early)?;
        let patience = self.settings.patience;
        let best = Keep::Best { by: &CHOSEN_BY, patience };
        let (epochs, keep) = match step {
            Step::Level(number) => (self.begin_level(number)?, Keep::Last),
            Step::Random => {
                self.begin_network(false)?;
                (self.settings.epochs, best)
            }
            Step::Classifier => {
                self.begin_network(true)?;
                (self.settings.epochs, best)
            }
            Step::UpDown => {
                self.begin_up_down()?;
                let keep = if self.settings.join_labels { best } else { Keep::Last };
                (self.settings.epochs, keep)
            }
        };
        self.step = Some(step);
        Ok(Stage { name: step.name(), epochs, keep })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)> {
        let learning = self.learning.as_mut().ok_or_else(too_early)?;
        let source: &mut dyn BatchSource = match (&learning, &mut self.levels, &mut self.labelled) {
            (Learning::Level(_), Some(levels), _) => &mut levels.source,
            (_, _, Some(labelled)) => labelled,
            _ => return Err(too_early()),
        };
        Ok((learning.learner(), source))
    }

    fn score(&mut self, _: u64, _: bool) -> Result<Figures> {
        match self.learning.as_ref().ok_or_else(too_early)? {
            Learning::Level(trainer) => {
                let levels = self.levels.as_ref().ok_or_else(too_early)?;
                levels.scores(&|v| trainer.rbm().reconstruct(v))
            }
            Learning::UpDown(_) => self.generative_scores(),
            Learning::Network(tuner) => {
                let held_out = match &mut self.held_out {
                    Some(source) => Some(score(tuner.model(), source)?),
                    None => None,
                };
                Ok(Figures::new()
                    .with(&VALIDATION_LOSS, held_out.map(|s| s.loss))
                    .with(&VALIDATION_ERROR, held_out.map(|s| s.error)))
            }
        }
    }

    fn facts(&self) -> Facts {
        let spec = self.spec();
        let sizes: Vec<String> = spec.units.iter().map(usize::to_string).collect();
        let classes = self.prepared.classes.len();
        let title = match self.settings.purpose() {
            Purpose::Classifier => format!("deep belief net {}-{classes}", sizes.join("-")),
            Purpose::Generative { labels: true, .. } => {
                format!("deep belief net {} with {classes} classes", sizes.join("-"))
            }
            Purpose::Generative { .. } => format!("deep belief net {}", sizes.join("-")),
        };
        let labelled = self.prepared.labelled.as_ref().map(|few| few.cases.len());
        let test = self.prepared.test.as_ref().map(|test| test.cases.len());
        Facts {
            title,
            numbers: [
                ("visible_units", spec.units[0].into()),
                ("classes", (classes > 0).then_some(classes).into()),
                ("parameters", self.network().map(Network::trained).into()),
                ("labelled_cases", labelled.into()),
                ("test_cases", test.into()),
            ]
            .into_iter()
            .chain(self.cost.numbers())
            .collect(),
        }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        if matches!(self.step, Some(Step::Level(_))) {
            // The last level is all there is to train.
            self.take_up()?;
        }
        let (origin, network_origin) = (self.origin(), self.network_origin());
        let stack = self.stack.as_mut().map(|net| net as &mut dyn Model);
        match &mut self.learning {
            Some(Learning::Network(tuner)) => {
                if let (Some(stack), Some(folder)) = (stack, path.parent()) {
                    origin.file(stack)?.save(folder.join(run::DBN))?;
                }
                network_origin.file(tuner.learner().model())?.save(path)
            }
            Some(Learning::UpDown(trainer)) => origin.file(trainer.model())?.save(path),
            _ => origin.file(stack.ok_or_else(too_early)?)?.save(path),
        }
    }

    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        for note in self.cost.words() {
            end.observer.see(Event::Note(&note));
        }
        let figures = match self.settings.purpose() {
            Purpose::Classifier => self.finish_network(end)?,
            Purpose::Generative { .. } => self.finish_net(end)?,
        };
        self.draw(end)?;
        end.write_curves(&FIGURES, self.augment.is_some())?;
        Ok(figures)
    }

    fn report(&mut self, record: &Record, _: &mut dyn Observer) -> Result<Vec<Section>> {
        report::sections(record)
    }
}
