//! The training of a deep Boltzmann machine: a stage for each level where they are trained first, one for the whole, and
//! one for what classifies.

use std::path::Path;

use super::figures::{FIGURES, RECONSTRUCTION, TEST_RECONSTRUCTION, VALIDATION_RECONSTRUCTION};
use super::given;
use super::learning::{Learning, Step, mean_field, too_early, with_posterior};
use super::report;
use super::settings::DbmSettings;
use super::trained::{input_of, save};
use crate::data::{Binarize, Part};
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::classification::predict;
use crate::jobs::dbn::{CHOSEN_BY, Origin};
use crate::jobs::loading::Source;
use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::network::{self, Labelled};
use crate::jobs::rows::Reconstruction;
use crate::jobs::stack::{Cost, Levels, Prepared};
use crate::models::{DeepBoltzmannMachine, Model, Network};
use crate::run::report::Section;
use crate::run::{About, Event, Facts, Finish, Job, Keep, Observer, Record, RunRecord, Stage};
use crate::training::{BatchSource, Figures, Learner, PosteriorSource};

/// A deep Boltzmann machine's training.
pub struct DbmJob {
    pub(super) settings: DbmSettings,
    pub(super) device: Device,
    pub(super) prepared: Prepared,
    record: RunRecord,
    steps: Vec<Step>,
    pub(super) step: Option<Step>,
    pub(super) learning: Option<Learning>,
    /// The levels, while they are trained.
    pub(super) levels: Option<Levels>,
    /// What the whole learns from.
    pub(super) source: Option<Source>,
    /// What the whole begins with, where that was trained elsewhere.
    pub(super) given: Option<DeepBoltzmannMachine>,
    /// The machine between its own training and that of the classifier.
    pub(super) dbm: Option<DeepBoltzmannMachine>,
    /// What the classifier learns from, with the machine.
    pub(super) seen: Option<PosteriorSource<Source>>,
    /// What the classifier is chosen by.
    pub(super) held_out: Option<Labelled>,
    pub(super) cost: Cost,
}

crate::error::opaque!(DbmJob);

impl DbmJob {
    /// Loads the data.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`](crate::Error::Data) where the values do not suit the units or labels are missing;
    /// [`Error::Limit`](crate::Error::Limit) and [`Error::OutOfMemory`](crate::Error::OutOfMemory) for what is too large.
    pub fn new(
        mut settings: DbmSettings,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let prepared = Prepared::load(&settings.request(), observer)?;
        settings.validation = prepared.split;
        if settings.classifier
            && matches!(
                prepared.preprocessing.binarize,
                Some(Binarize::Sample | Binarize::Resample)
            )
        {
            observer.see(Event::Note(
                "note: the classifier reads drawn bits too; with --binarize none it reads the values themselves, which on MNIST \
                 brings some tenths of a point",
            ));
        }
        let record = prepared.record(device);
        let mut job = DbmJob {
            device: device.clone(),
            given: None,
            steps: Step::all(&settings),
            step: None,
            learning: None,
            levels: None,
            source: None,
            dbm: None,
            seen: None,
            held_out: None,
            cost: Cost::default(),
            settings,
            prepared,
            record,
        };
        if let Some(path) = &job.settings.from {
            let seen = &job.prepared.preprocessing;
            job.given = Some(given::machine(path, &job.spec(), seen, (device, observer))?);
            observer.see(Event::Note(&format!("the machine begins as it is in {path}")));
        }
        Ok(job)
    }

    /// The machine as it stands.
    ///
    /// # Errors
    /// [`Error::Run`](crate::Error::Run) before its own training.
    pub fn dbm(&self) -> Result<&DeepBoltzmannMachine> {
        match (&self.learning, &self.seen) {
            (Some(Learning::Whole(trainer)), _) => Ok(trainer.dbm()),
            (_, Some(seen)) => Ok(seen.dbm()),
            _ => self.dbm.as_ref().ok_or_else(too_early),
        }
    }

    pub(super) fn network(&self) -> Option<&Network> {
        match &self.learning {
            Some(Learning::Classifier(tuner)) => Some(tuner.model()),
            _ => None,
        }
    }

    pub(super) fn origin(&self) -> Origin {
        Origin {
            preprocessing: self.prepared.preprocessing.clone(),
            image: self.prepared.image,
            classes: self.prepared.classes.clone(),
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            reading: self.prepared.reading.clone(),
            ..Origin::default()
        }
    }

    /// How the machine gives cases back.
    fn reconstructions(&self) -> Result<Figures> {
        let (dbm, prepared) = (self.dbm()?, &self.prepared);
        let error = |part| prepared.error_of_first(&self.device, part, |v| dbm.reconstruct(v));
        let held_out = prepared.validation.as_ref().map(|set| error((set, Part::Validation)));
        Ok(Figures::new()
            .with(&RECONSTRUCTION, error((&prepared.train, Part::Train))?)
            .with(&VALIDATION_RECONSTRUCTION, held_out.transpose()?))
    }

    /// What the classifier says of the cases that are shown.
    fn classify(&self, end: &mut Finish<'_>) -> Result<Figures> {
        let Some(network) = self.network() else { return Ok(Figures::new()) };
        let (set, part) = self.prepared.shown();
        let shown = self.prepared.labelled(set, part)?;
        let dbm = self.dbm()?;
        let how = mean_field(self.settings.mean_field);
        let seen = with_posterior(dbm, shown.clone(), how)?;
        let found = predict(network, &seen.cases, &input_of(dbm), Some(&seen.labels))?;
        let origin = self.origin();
        let image = origin.image.map_or((1, dbm.visible_count()), |i| (i.height, i.width));
        let (classes, preprocessing) = (&origin.classes[..], &origin.preprocessing);
        let with = network::Shown { image, classes, preprocessing };
        network::confusion_and_mistakes(end.folder, &with, &shown, &found)?;
        let scores = match self.prepared.test {
            Some(_) => Some(shown.score(&found)?),
            None => None,
        };
        Ok(Figures::new()
            .with(&TEST_LOSS, scores.map(|s| s.loss))
            .with(&TEST_ERROR, scores.map(|s| s.error)))
    }
}

impl Job for DbmJob {
    type Settings = DbmSettings;

    fn about(&self) -> About<'_, DbmSettings> {
        About {
            kind: "dbm",
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
        let (epochs, keep) = match step {
            Step::Level(number) => (self.begin_level(number)?, Keep::Last),
            Step::Whole => {
                self.begin_whole()?;
                (self.settings.epochs, Keep::Last)
            }
            Step::Classifier => {
                self.begin_classifier()?;
                let epochs = self.settings.fine_tuning().epochs;
                (epochs, Keep::Best { by: &CHOSEN_BY, patience: 0 })
            }
        };
        self.step = Some(step);
        Ok(Stage { name: step.name(), epochs, keep })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)> {
        let learning = self.learning.as_mut().ok_or_else(too_early)?;
        let source: &mut dyn BatchSource =
            match (&learning, &mut self.levels, &mut self.source, &mut self.seen) {
                (Learning::Level(_), Some(levels), ..) => &mut levels.source,
                (Learning::Whole(_), _, Some(source), _) => source,
                (Learning::Classifier(_), _, _, Some(seen)) => seen,
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
            Learning::Whole(_) => self.reconstructions(),
            Learning::Classifier(tuner) => {
                let Some(part) = &self.held_out else { return Ok(Figures::new()) };
                let input = input_of(self.dbm()?);
                let found = predict(tuner.model(), &part.cases, &input, Some(&part.labels))?;
                let scores = part.score(&found)?;
                Ok(Figures::new()
                    .with(&VALIDATION_LOSS, scores.loss)
                    .with(&VALIDATION_ERROR, scores.error))
            }
        }
    }

    fn facts(&self) -> Facts {
        let spec = self.spec();
        let sizes: Vec<String> = spec.units.iter().map(usize::to_string).collect();
        let weights: usize = spec.units.windows(2).map(|pair| pair[0] * pair[1]).sum();
        let classes = self.prepared.classes.len();
        Facts {
            title: format!("deep Boltzmann machine {}", sizes.join("-")),
            numbers: [
                ("visible_units", spec.units[0].into()),
                ("classes", (classes > 0).then_some(classes).into()),
                ("parameters", (weights + spec.units.iter().sum::<usize>()).into()),
                ("test_cases", self.prepared.test.as_ref().map(|test| test.cases.len()).into()),
            ]
            .into_iter()
            .chain(self.cost.numbers())
            .collect(),
        }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        let (origin, rounds) = (self.origin(), self.settings.mean_field);
        match (&mut self.learning, &mut self.seen) {
            (Some(Learning::Classifier(tuner)), Some(seen)) => {
                save(&origin, (seen.dbm_mut(), rounds), Some(tuner.learner().model()), path)
            }
            (Some(Learning::Whole(trainer)), _) => {
                let model: &mut dyn Model = trainer.model();
                save(&origin, (model, rounds), None, path)
            }
            _ => Err(too_early()),
        }
    }

    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        for note in self.cost.words() {
            end.observer.see(Event::Note(&note));
        }
        let mut figures = self.classify(end)?;
        if let Some(test) = &self.prepared.test {
            let (dbm, cases) = (self.dbm()?, self.prepared.seen(test, Part::Test)?);
            let again = Reconstruction::of(&self.device, &cases, |v| dbm.reconstruct(v))?;
            figures = figures.with(&TEST_RECONSTRUCTION, again.error);
        }
        self.draw(end)?;
        end.write_curves(&FIGURES, false)?;
        Ok(figures)
    }

    fn report(&mut self, record: &Record, _: &mut dyn Observer) -> Result<Vec<Section>> {
        report::sections(record)
    }
}
