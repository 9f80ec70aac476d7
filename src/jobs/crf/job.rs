//! The training of a conditional random field: a stage, and before it, where that is asked for, one without a chain.

use std::path::Path;

use super::data::Prepared;
use super::evaluate::pictures;
use super::figures::{
    CHOSEN_BY, FIGURES, TEST_ERROR, TEST_LOG_LIKELIHOOD, TEST_SEQUENCE_ERROR, UNARY_TEST_ERROR,
    VALIDATION_ERROR, VALIDATION_LOG_LIKELIHOOD,
};
use super::report;
use super::settings::CrfSettings;
use super::trained::Origin;
use crate::data::Sequences;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::evaluation::sequences::{read, score};
use crate::jobs::stack::Tuner;
use crate::models::{Crf, CrfSpec, Decoding};
use crate::run::record::UNCHAINED;
use crate::run::report::Section;
use crate::run::{Event, Facts, Finish, Job, Keep, Observer, Record, RunRecord, Stage};
use crate::training::{BatchSource, Figure, Figures, Learner, ResidentSequences};

/// A field's training.
pub struct CrfJob {
    settings: CrfSettings,
    device: Device,
    prepared: Prepared,
    record: RunRecord,
    spec: CrfSpec,
    tuner: Option<Tuner<Crf>>,
    train: ResidentSequences,
    validation: Option<ResidentSequences>,
    test: Option<ResidentSequences>,
    /// The share of test labels that are read wrongly without a chain.
    unary: Option<f64>,
}

impl CrfJob {
    /// Loads the data.
    ///
    /// # Errors
    /// What reading gives; [`Error::Setting`] and [`Error::Data`] for what does not go together; [`Error::Limit`] and
    /// [`Error::OutOfMemory`] for what is too large.
    pub fn new(
        mut settings: CrfSettings,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let mut prepared = Prepared::load(&mut settings, observer)?;
        let (width, labels) = (prepared.train.cases.width(), prepared.train.classes.len());
        let spec = settings.spec(width, labels, std::mem::take(&mut prepared.forbidden));
        let part =
            |part: &Sequences| ResidentSequences::new(device, part, &[width], settings.batch);
        let train = part(&prepared.train)?;
        let validation = prepared.validation.as_ref().map(part).transpose()?;
        let labelled = prepared.test.as_ref().filter(|test| test.labels.is_some());
        let test = labelled.map(part).transpose()?;
        let crf = Crf::new(device, &spec, settings.seed)?;
        observer.see(Event::Note(&format!("field: {} parameters", crf.trained())));
        let record = prepared.record(device);
        let (device, tuner, unary) = (device.clone(), None, None);
        Ok(CrfJob {
            settings,
            device,
            prepared,
            record,
            spec,
            tuner,
            train,
            validation,
            test,
            unary,
        })
    }

    fn is_unary(&self, stage: usize) -> bool {
        self.settings.compare_unary && stage == 0
    }

    fn field(&self) -> Result<&Crf> {
        self.tuner.as_ref().map(Tuner::model).ok_or_else(too_early)
    }
}

fn too_early() -> Error {
    Error::run("training", "a step of a stage that has not begun")
}

impl Job for CrfJob {
    type Settings = CrfSettings;

    fn kind(&self) -> &'static str {
        "crf"
    }

    fn settings(&self) -> &CrfSettings {
        &self.settings
    }

    fn data(&self) -> &str {
        &self.settings.data
    }

    fn record(&self) -> RunRecord {
        self.record.clone()
    }

    fn device(&self) -> &Device {
        &self.device
    }

    fn stages(&self) -> usize {
        1 + usize::from(self.settings.compare_unary)
    }

    fn begin(&mut self, stage: usize) -> Result<Stage> {
        if let (Some(tuner), Some(test)) = (self.tuner.take(), &mut self.test) {
            self.unary = Some(score(tuner.model(), test)?.error);
        }
        let mut crf = Crf::new(&self.device, &self.spec, self.settings.seed)?;
        let unary = self.is_unary(stage);
        crf.transitions_mut().frozen = unary;
        self.tuner = Some(Tuner::new(crf, &self.settings.training())?);
        let keep = match self.validation {
            Some(_) => Keep::Best { by: &CHOSEN_BY, patience: self.settings.patience },
            None => Keep::Last,
        };
        let name = if unary { UNCHAINED } else { "crf" };
        Ok(Stage { name: name.into(), epochs: self.settings.epochs, keep })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)> {
        let tuner = self.tuner.as_mut().ok_or_else(too_early)?;
        Ok((tuner.learner(), &mut self.train))
    }

    fn score(&mut self, _: u64, _: bool) -> Result<Figures> {
        let CrfJob { tuner, validation, .. } = self;
        let model = tuner.as_ref().map(Tuner::model).ok_or_else(too_early)?;
        let found = validation.as_mut().map(|source| score(model, source)).transpose()?;
        Ok(Figures::new()
            .with(&VALIDATION_ERROR, found.map(|s| s.error))
            .with(&VALIDATION_LOG_LIKELIHOOD, found.map(|s| s.log_likelihood)))
    }

    fn figures(&self) -> &'static [&'static Figure] {
        &FIGURES
    }

    fn facts(&self) -> Facts {
        let parameters = self.field().map_or(0, Crf::trained);
        let test = self.prepared.test.as_ref();
        Facts {
            title: format!("conditional random field with {parameters} parameters"),
            numbers: vec![
                ("parameters", parameters.into()),
                ("labels", self.spec.labels.into()),
                ("training_sequences", self.prepared.train.len().into()),
                ("test_sequences", test.map(Sequences::len).into()),
                ("test_cases", test.map(|test| test.cases.len()).into()),
            ],
        }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        let train = &self.prepared.train;
        let origin = Origin {
            window: self.settings.window,
            image: train.image,
            seed: self.settings.seed,
            data: Some(self.settings.data.clone()),
            fold: self.settings.fold,
            ..Origin::new(train.classes.clone())
        };
        let tuner = self.tuner.as_mut().ok_or_else(too_early)?;
        origin.file(tuner.learner().model())?.save(path)
    }

    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        let CrfJob { tuner, test, validation, train, prepared, .. } = self;
        let model = tuner.as_ref().map(Tuner::model).ok_or_else(too_early)?;
        let found = test.as_mut().map(|source| score(model, source)).transpose()?;
        let (set, source) = match (&prepared.test, test, &prepared.validation, validation) {
            (Some(set), Some(source), ..) => (set, source),
            (_, _, Some(set), Some(source)) => (set, source),
            _ => (&prepared.train, train),
        };
        // Pictures show a position without its neighbours.
        let shown = set.middle(self.settings.window)?;
        pictures(end.folder, &shown, &read(model, source, Decoding::Viterbi)?)?;
        end.write_curves(&FIGURES, &|_| None)?;
        Ok(Figures::new()
            .with(&TEST_ERROR, found.map(|s| s.error))
            .with(&TEST_SEQUENCE_ERROR, found.map(|s| s.sequence_error))
            .with(&TEST_LOG_LIKELIHOOD, found.map(|s| s.log_likelihood))
            .with(&UNARY_TEST_ERROR, self.unary))
    }

    fn report(&mut self, record: &Record, _: &mut dyn Observer) -> Result<Vec<Section>> {
        report::sections(record)
    }
}
