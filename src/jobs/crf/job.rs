//! The training of a conditional random field: of each fold a stage for each hidden layer that is pre-trained, one without
//! a chain where that is asked for, and one for each field.

use std::path::Path;

use super::data::{Parts, Prepared, Sources, tell_room};
use super::evaluate::pictures;
use super::figures::{
    CHOSEN_BY, FIGURES, TEST_ERROR, TEST_LOG_LIKELIHOOD, TEST_SEQUENCE_ERROR, UNARY_TEST_ERROR,
    VALIDATION_ERROR, VALIDATION_LOG_LIKELIHOOD,
};
use super::folds::{Fold, mean, spread, told};
use super::learning::{Learning, Step, What, too_early};
use super::report;
use super::settings::CrfSettings;
use super::trained::Origin;
use crate::data::{Preprocessing, Sequences};
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::sequences::{read, score};
use crate::jobs::stack::{Levels, NONE_TO_COMPARE_ON, Trained, Wanted};
use crate::models::{Crf, CrfSpec, Decoding, UnitKind};
use crate::run::report::Section;
use crate::run::{
    self, About, Event, Facts, Finish, Job, Keep, ModelFile, Observer, Record, RunRecord, Stage,
    pictures as drawn,
};
use crate::training::{BatchSource, Figures, Learner};

/// A field's training.
pub struct CrfJob {
    pub(super) settings: CrfSettings,
    pub(super) device: Device,
    pub(super) prepared: Prepared,
    record: RunRecord,
    steps: Vec<Step>,
    pub(super) step: Option<Step>,
    pub(super) learning: Option<Learning>,
    /// The fold under way, where one is tested on.
    pub(super) fold: Option<usize>,
    pub(super) parts: Parts,
    pub(super) sources: Sources,
    /// The description of the first stage's field.
    pub(super) first: CrfSpec,
    /// Levels that were trained elsewhere.
    pub(super) given: Vec<Trained>,
    /// Hidden layers, while they are trained as machines, and then.
    pub(super) levels: Option<Levels>,
    pub(super) pretrained: Vec<Trained>,
    /// The field of the stage before.
    pub(super) lower: Option<Crf>,
    /// The share of the fold's test labels that are read wrongly without a chain.
    pub(super) unary: Option<f64>,
    /// What is found of the folds that are done (one, where there are none), and of several their models.
    pub(super) folds: Vec<Fold>,
    pub(super) models: Vec<(usize, ModelFile)>,
}

crate::error::opaque!(CrfJob);

impl CrfJob {
    /// Loads the data.
    ///
    /// # Errors
    /// What reading gives; [`Error::Setting`](crate::Error::Setting) and [`Error::Data`](crate::Error::Data) for what does
    /// not go together; [`Error::Limit`](crate::Error::Limit) and [`Error::OutOfMemory`](crate::Error::OutOfMemory) for
    /// what is too large.
    pub fn new(
        mut settings: CrfSettings,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let (prepared, parts) = Prepared::load(&mut settings, observer)?;
        let given = match &settings.from {
            None => Vec::new(),
            Some(from) => {
                let wanted = Wanted {
                    inputs: parts.train.cases.width(),
                    units: UnitKind::Bernoulli,
                    preprocessing: &Preprocessing::default(),
                    layers: &settings.layers.0,
                    activation: &|_| settings.hidden.activation(),
                    classes: None,
                };
                wanted.from(from, device, observer)?
            }
        };
        if settings.pretrain {
            for part in [Some(&parts.train), prepared.unlabelled.as_ref()].into_iter().flatten() {
                part.cases.check_unit_interval(&part.name)?;
            }
        }
        let steps = Step::all(&settings, given.len());
        let train = &parts.train;
        let input = settings.input(train.cases.width(), train.image)?;
        let first = settings.spec(input, train.classes.len(), prepared.forbidden.clone())?;
        let sources = Sources::new(device, &parts, &first.input, settings.batch)?;
        let most = (settings.batch, device.max_tensor_bytes());
        tell_room(&parts, &first, most, observer)?;
        if settings.compare_unary && parts.test.is_none() {
            observer.see(Event::Note(NONE_TO_COMPARE_ON));
        }
        let record = prepared.record(device, &parts, settings.folds.is_some());
        let fold = settings.folds.map(|_| 0).or(settings.fold);
        let job = CrfJob {
            device: device.clone(),
            record,
            steps,
            step: None,
            learning: None,
            fold,
            sources,
            first,
            given,
            levels: None,
            pretrained: Vec::new(),
            lower: None,
            unary: None,
            folds: Vec::new(),
            models: Vec::new(),
            settings,
            prepared,
            parts,
        };
        let last = job.spec(job.settings.stages - 1);
        let crf = Crf::new(device, &last, job.settings.seed)?;
        observer.see(Event::Note(&format!("field: {} parameters", crf.trained())));
        Ok(job)
    }

    pub(super) fn field(&self) -> Result<&Crf> {
        self.learning.as_ref().ok_or_else(too_early)?.field()
    }

    pub(super) fn origin(&self) -> Origin {
        let train = &self.parts.train;
        Origin {
            attributes: train.attributes.clone(),
            window: self.settings.window,
            image: train.image,
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            fold: self.fold,
            ..Origin::new(train.classes.clone())
        }
    }
}

impl Job for CrfJob {
    type Settings = CrfSettings;

    fn about(&self) -> About<'_, CrfSettings> {
        About {
            kind: "crf",
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
        self.open_fold(step.fold.or(self.settings.fold))?;
        let best = match self.parts.validation {
            Some(_) => Keep::Best { by: &CHOSEN_BY, patience: self.settings.patience },
            None => Keep::Last,
        };
        let (epochs, keep) = match step.what {
            What::Level(number) => (self.begin_level(number)?, Keep::Last),
            What::Unary => {
                self.begin_field(0, false)?;
                (self.settings.epochs, best)
            }
            What::Field(number) => {
                self.begin_field(number, true)?;
                (self.settings.epochs, best)
            }
        };
        self.step = Some(step);
        Ok(Stage { name: step.name(self.settings.stages), epochs, keep })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)> {
        let learning = self.learning.as_mut().ok_or_else(too_early)?;
        let source: &mut dyn BatchSource = match (&learning, &mut self.levels) {
            (Learning::Level(_), Some(levels)) => &mut levels.source,
            (Learning::Level(_), None) => return Err(too_early()),
            (Learning::Field(_), _) => &mut self.sources.train,
        };
        Ok((learning.learner(), source))
    }

    fn score(&mut self, _: u64, _: bool) -> Result<Figures> {
        let CrfJob { learning, levels, sources, .. } = self;
        let model = match learning.as_ref().ok_or_else(too_early)? {
            Learning::Level(trainer) => {
                let levels = levels.as_ref().ok_or_else(too_early)?;
                return levels.scores(&|v| trainer.rbm().reconstruct(v));
            }
            Learning::Field(tuner) => tuner.model(),
        };
        let found = sources.validation.as_mut().map(|source| score(model, source)).transpose()?;
        Ok(Figures::new()
            .with(&VALIDATION_ERROR, found.map(|s| s.error))
            .with(&VALIDATION_LOG_LIKELIHOOD, found.map(|s| s.log_likelihood)))
    }

    fn facts(&self) -> Facts {
        let parameters = self.field().map_or(0, Crf::trained);
        let test = self.parts.test.as_ref();
        let errors: Vec<f64> = self.folds.iter().filter_map(|f| Some(f.score?.error)).collect();
        let several = self.settings.folds.is_some();
        Facts {
            title: format!("conditional random field with {parameters} parameters"),
            numbers: vec![
                ("parameters", parameters.into()),
                ("labels", self.parts.train.classes.len().into()),
                ("training_sequences", self.parts.train.len().into()),
                ("test_sequences", test.map(Sequences::len).into()),
                ("test_cases", test.map(|test| test.cases.len()).into()),
                ("fold_errors", several.then_some(errors.clone()).into()),
                ("fold_error_deviation", spread(&errors).filter(|_| several).into()),
            ],
        }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        let origin = self.origin();
        let learning = self.learning.as_mut().ok_or_else(too_early)?;
        origin.file(learning.learner().model())?.save(path)
    }

    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        let Some(Learning::Field(mut tuner)) = self.learning.take() else {
            return Err(too_early());
        };
        let found = self.judge(tuner.model())?;
        self.keep_fold(found, tuner.learner().model())?;
        let CrfJob { sources: Sources { train, validation, test }, parts, .. } = self;
        let (set, source) = match (&parts.test, test, &parts.validation, validation) {
            (Some(set), Some(source), ..) => (set, source),
            (_, _, Some(set), Some(source)) => (set, source),
            _ => (&parts.train, train),
        };
        // Pictures show a position without its neighbours.
        let shown = set.middle(self.settings.window)?;
        pictures(end.folder, &shown, &read(tuner.model(), source, Decoding::Viterbi)?)?;
        self.learning = Some(Learning::Field(tuner));
        self.draw_filters(end)?;
        end.write_curves(&FIGURES, false)?;
        for (number, model) in &self.models {
            if let Some(name) = run::FOLDS.get(*number) {
                model.save(end.folder.join(name))?;
            }
        }
        told(&self.folds, end.observer);
        let of = |figure: fn(&Fold) -> Option<f64>| mean(self.folds.iter().map(figure));
        Ok(Figures::new()
            .with(&TEST_ERROR, of(|f| Some(f.score?.error)))
            .with(&TEST_SEQUENCE_ERROR, of(|f| Some(f.score?.sequence_error)))
            .with(&TEST_LOG_LIKELIHOOD, of(|f| Some(f.score?.log_likelihood)))
            .with(&UNARY_TEST_ERROR, of(|f| f.unary)))
    }

    fn report(&mut self, record: &Record, _: &mut dyn Observer) -> Result<Vec<Section>> {
        report::sections(record)
    }
}

impl CrfJob {
    /// What the units of the first hidden layer answer to, where positions are pictures.
    fn draw_filters(&self, end: &mut Finish<'_>) -> Result<()> {
        let Some(image) = self.parts.train.image else { return Ok(()) };
        let Some(first) = self.field()?.layers().parameters().next() else { return Ok(()) };
        let &[_, units] = first.value.shape().dims() else { return Ok(()) };
        let (width, side) = (self.parts.train.cases.width(), 2 * self.settings.window + 1);
        let shape = (image.height * side, image.width);
        let weights = first.value.to_vec()?;
        let filters = drawn::filters(&weights[..width * units], width, units, Some(shape))?;
        filters.save(end.folder.join(run::FILTERS))?;
        for note in &filters.notes {
            end.observer.see(Event::Note(&format!("{}: {note}", run::FILTERS)));
        }
        Ok(())
    }
}
