//! The training of a classification machine: one stage, of which the machine that classifies best is kept.

use std::path::Path;

use super::figures::FIGURES;
use super::report;
use super::settings::ClassRbmSettings;
use super::trained::predict;
use crate::data::{DataSet, Part};
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::classification::ClassificationScore;
use crate::jobs::dbn::Origin;
use crate::jobs::network::figures::CHOSEN_BY;
use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::network::{Labelled, Shown, confusion_and_mistakes};
use crate::jobs::stack::{Prepared, without};
use crate::models::ClassRbm;
use crate::run::report::Section;
use crate::run::{About, Event, Facts, Finish, Job, Keep, Observer, Record, RunRecord, Stage};
use crate::training::{BatchSource, ClassTrainer, FewLabels, Figures, Learner};

/// A classification machine's training.
pub struct ClassRbmJob {
    pub(super) settings: ClassRbmSettings,
    device: Device,
    pub(super) prepared: Prepared,
    record: RunRecord,
    trainer: ClassTrainer,
    batches: Box<dyn BatchSource>,
    /// The cases held out, as the machine sees them.
    held_out: Option<Labelled>,
}

crate::error::opaque!(ClassRbmJob);

impl ClassRbmJob {
    /// Loads the data and builds machine and learner.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`](crate::Error::Data) where values are outside [0, 1] or labels are missing;
    /// [`Error::Limit`](crate::Error::Limit) and [`Error::OutOfMemory`](crate::Error::OutOfMemory) for what is too large.
    pub fn new(
        mut settings: ClassRbmSettings,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let prepared = Prepared::load(&settings.request(), observer)?;
        settings.validation = prepared.split;
        let batches = batches(&settings, &prepared, device, observer)?;
        let sizes = [prepared.train.cases.width(), prepared.classes.len()];
        let mut machine = ClassRbm::new(device, sizes, settings.hidden, settings.seed)?;
        machine.set_bias_from_means(&prepared.seen(&prepared.train, Part::Train)?.means())?;
        let trainer = ClassTrainer::new(machine, settings.training())?;
        let held_out = prepared.validation.as_ref();
        let held_out = held_out.map(|set| prepared.labelled(set, Part::Validation)).transpose()?;
        let (record, device) = (prepared.record(device), device.clone());
        Ok(ClassRbmJob { settings, device, prepared, record, trainer, batches, held_out })
    }

    /// The machine as it stands.
    pub fn machine(&self) -> &ClassRbm {
        self.trainer.machine()
    }

    fn score_of(&self, part: &Labelled) -> Result<ClassificationScore> {
        part.score(&predict(self.machine(), &part.cases, Some(&part.labels))?)
    }
}

/// What is learnt from: all cases with their labels, or few with labels among others.
fn batches(
    settings: &ClassRbmSettings,
    prepared: &Prepared,
    device: &Device,
    observer: &mut dyn Observer,
) -> Result<Box<dyn BatchSource>> {
    let resident = |set: &DataSet| prepared.resident(device, set, Part::Train);
    let Some(few) = &prepared.labelled else {
        return prepared.learnt(device, &prepared.train, &[prepared.train.cases.width()]);
    };
    let others = without(prepared.train.clone(), Some(few))?;
    if !settings.learns_unlabelled() || others.cases.is_empty() {
        let count = others.cases.len();
        if count > 0 {
            observer.see(Event::Note(&format!(
                "note: discriminative learning has no use for the {count} cases whose labels are not used"
            )));
        }
        return Ok(Box::new(resident(few)?));
    }
    let others = DataSet { labels: None, ..others };
    Ok(Box::new(FewLabels::new(resident(few)?, resident(&others)?, settings.batch)?))
}

impl Job for ClassRbmJob {
    type Settings = ClassRbmSettings;

    fn about(&self) -> About<'_, ClassRbmSettings> {
        About {
            kind: "class-rbm",
            settings: &self.settings,
            data: self.settings.data.name(),
            record: &self.record,
            device: &self.device,
            figures: &FIGURES,
        }
    }

    fn begin(&mut self, _: usize) -> Result<Stage> {
        let keep = match self.held_out {
            Some(_) => Keep::Best { by: &CHOSEN_BY, patience: self.settings.patience },
            None => Keep::Last,
        };
        Ok(Stage { name: "class-rbm".into(), epochs: self.settings.epochs, keep })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)> {
        Ok((&mut self.trainer, self.batches.as_mut()))
    }

    fn score(&mut self, _: u64, _: bool) -> Result<Figures> {
        let found = self.held_out.as_ref().map(|part| self.score_of(part)).transpose()?;
        Ok(Figures::new()
            .with(&VALIDATION_LOSS, found.map(|s| s.loss))
            .with(&VALIDATION_ERROR, found.map(|s| s.error)))
    }

    fn facts(&self) -> Facts {
        let machine = self.machine();
        let [features, classes] = [machine.features(), machine.classes()];
        let hidden = machine.joint().hidden_count();
        let labelled = self.prepared.labelled.as_ref().map(|few| few.cases.len());
        let test = self.prepared.test.as_ref().map(|test| test.cases.len());
        Facts {
            title: format!(
                "class-rbm of {features} values, {classes} classes and {hidden} hidden units"
            ),
            numbers: vec![
                ("visible_units", features.into()),
                ("classes", classes.into()),
                ("hidden_units", hidden.into()),
                ("labelled_cases", labelled.into()),
                ("test_cases", test.into()),
            ],
        }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        let origin = Origin {
            preprocessing: self.prepared.preprocessing.clone(),
            image: self.prepared.image,
            classes: self.prepared.classes.clone(),
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            reading: self.prepared.reading.clone(),
            ..Origin::default()
        };
        origin.file(self.trainer.model())?.save(path)
    }

    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        let prepared = &self.prepared;
        let test = prepared.test.as_ref();
        let test = test.map(|set| prepared.labelled(set, Part::Test)).transpose()?;
        let score = test.as_ref().map(|part| self.score_of(part)).transpose()?;
        let judged = match test.or_else(|| self.held_out.clone()) {
            Some(part) => part,
            None => prepared.labelled(prepared.with_labels(), Part::Train)?,
        };
        let found = predict(self.machine(), &judged.cases, Some(&judged.labels))?;
        let width = self.machine().features();
        let shown = Shown {
            image: prepared.image.map_or((1, width), |i| (i.height, i.width)),
            classes: &prepared.classes,
            preprocessing: &prepared.preprocessing,
        };
        confusion_and_mistakes(end.folder, &shown, &judged, &found)?;
        self.draw(end)?;
        end.write_curves(&FIGURES, false)?;
        Ok(Figures::new()
            .with(&TEST_LOSS, score.map(|s| s.loss))
            .with(&TEST_ERROR, score.map(|s| s.error)))
    }

    fn report(&mut self, record: &Record, _: &mut dyn Observer) -> Result<Vec<Section>> {
        report::sections(record)
    }
}
