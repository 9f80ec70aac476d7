//! The training of an autoencoder: a stage for each level, then one for the whole.

use std::path::Path;

use super::classes::{Below, Classes, too_early};
use super::data::Parts;
use super::figures::{
    CHOSEN_BY, FIGURES, PCA_SQUARED_ERROR, TEST_CROSS_ENTROPY, TEST_SQUARED_ERROR,
    VALIDATION_RECONSTRUCTION, VALIDATION_SQUARED_ERROR,
};
use super::kinds::Pretraining;
use super::level::{self, Beginning, Learning, learning};
use super::settings::AutoencoderSettings;
use super::trained::{Origin, evaluate};
use super::{Pca, report};
use crate::data::{Cases, ImageShape, Preprocessing, Reading, Stream};
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::classification::score;
use crate::jobs::network;
use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::rows::some_that_count;
use crate::jobs::stack::{
    Cost, FineTuning, LevelData, Levels, SCORED, Trained, Tuner, Wanted, augmentation, draw_levels,
    freeze,
};
use crate::models::autoencoder::{AutoencoderSpec, ReconstructionLoss};
use crate::models::{Autoencoder, UnitKind};
use crate::run::report::Section;
use crate::run::{
    self, About, Event, Facts, Finish, Job, Keep, Observer, Record, RunRecord, Stage, pictures,
};
use crate::training::{Augmentation, BatchSource, Figures, Learner};

/// An autoencoder's training.
pub struct AutoencoderJob {
    pub(super) settings: AutoencoderSettings,
    pub(super) spec: AutoencoderSpec,
    pub(super) device: Device,
    /// The visible units of the first level.
    pub(super) units: UnitKind,
    /// Of a stream the cases that stay in memory.
    pub(super) train: Cases,
    /// All training cases, where they are read in pieces.
    pub(super) stream: Option<Stream>,
    pub(super) validation: Option<Cases>,
    pub(super) test: Option<Cases>,
    pub(super) image: Option<ImageShape>,
    augment: Option<Augmentation>,
    pub(super) reading: Reading,
    record: RunRecord,
    pub(super) classes: Classes,
    levels: Levels,
    /// The autoencoder under its classifier.
    pub(super) below: Option<Below>,
    /// Levels that were trained elsewhere.
    given: Vec<Trained>,
    pub(super) learning: Option<Learning>,
    cost: Cost,
}

crate::error::opaque!(AutoencoderJob);

impl AutoencoderJob {
    /// Loads the data.
    ///
    /// # Errors
    /// What reading gives; [`Error::Data`](crate::Error::Data) where the values do not suit the loss; [`Error::Limit`](crate::Error::Limit) and
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory) for what is too large.
    pub fn new(
        mut settings: AutoencoderSettings,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let data = Parts::load(&mut settings, observer)?;
        let pictures = (&data.train, data.image);
        let augment =
            augmentation(settings.augment, pictures, &Preprocessing::default(), observer)?;
        let spec = settings.spec(data.train.width());
        let (train, validation) = (&data.train, data.validation.as_ref());
        let source = data.learnt(device)?;
        let sampled = (settings.level_data == LevelData::Samples).then_some(settings.seed);
        let head = |cases: &Cases| some_that_count(cases, SCORED);
        let seen = [Some(head(train)?), validation.map(head).transpose()?];
        let given = match &settings.from {
            Some(from) => {
                let activation = |number: usize| spec.activation(number);
                let wanted = Wanted {
                    inputs: train.width(),
                    units: data.units,
                    preprocessing: &Preprocessing::default(),
                    layers: &settings.layers.0,
                    activation: &activation,
                    classes: None,
                };
                wanted.from(from, device, observer)?
            }
            None => Vec::new(),
        };
        let record = data.record(device);
        let width = train.width();
        if settings.pretrain != Pretraining::None {
            for number in 0..spec.layers.len() {
                let how = match (&settings.from, number < given.len()) {
                    (Some(from), true) => format!("as it is in {from}"),
                    _ => level::words(&settings, &spec, data.units, number),
                };
                let units = spec.layers[number];
                observer.see(Event::Note(&format!("level {}: {units} units, {how}", number + 1)));
            }
        }
        let code = spec.layers.last().copied().unwrap_or(0);
        if code >= width
            && spec.noise.is_none()
            && settings.sparse.is_none()
            && settings.contractive.is_none()
        {
            let note = format!(
                "note: a code of {code} units is no smaller than the {width} values that it stands for, and nothing \
                 (--noise, --sparse, --contractive) keeps it from copying them"
            );
            observer.see(Event::Note(&note));
        }
        let levels = Levels::new(device, source, seen, sampled);
        let Parts { train, stream, validation, test, image, reading, units, classes } = data;
        Ok(AutoencoderJob {
            classes,
            levels,
            below: None,
            given,
            device: device.clone(),
            learning: None,
            cost: Cost::default(),
            settings,
            spec,
            units,
            train,
            stream,
            validation,
            test,
            image,
            augment,
            reading,
            record,
        })
    }

    /// How the whole is trained, and a classifier.
    pub(super) fn fine_tuning(&self) -> FineTuning<'_> {
        FineTuning { augment: self.augment, ..self.settings.fine_tuning() }
    }

    /// The autoencoder as it stands; `None` before the levels are trained.
    pub fn autoencoder(&self) -> Option<&Autoencoder> {
        match &self.learning {
            Some(Learning::Whole(tuner)) => Some(tuner.model()),
            _ => self.below.as_ref().map(|below| &below.autoencoder),
        }
    }

    /// How many are trained one by one.
    fn level_count(&self) -> usize {
        if self.settings.pretrain == Pretraining::None { 0 } else { self.spec.layers.len() }
    }

    pub(super) fn whole(&self) -> Result<&Autoencoder> {
        self.autoencoder().ok_or_else(too_early)
    }

    fn origin(&self) -> Origin {
        Origin {
            image: self.image,
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            reading: self.reading.clone(),
            ..Origin::default()
        }
    }

    /// Takes up what the stage before trained, if it was a level.
    fn take_up(&mut self) -> Result<()> {
        let Some(learning) = self.learning.take() else { return Ok(()) };
        let number = self.levels.count();
        self.levels.push(learning.trained()?, self.spec.activation(number))
    }

    /// The whole, from its levels where there are some. Of levels of another autoencoder it has the decoder too, but
    /// where its own weights are tied.
    fn unrolled(&self) -> Result<Autoencoder> {
        let mut whole = match self.level_count() {
            0 => Autoencoder::new(&self.device, &self.spec, self.settings.seed)?,
            _ => Autoencoder::unrolled(&self.device, &self.spec, &self.levels.trained())?,
        };
        if !self.spec.tied {
            let levels = self.spec.layers.len();
            let weights = whole.layers_mut().parameters_mut().filter(|p| p.decays).skip(levels);
            for (number, parameter) in (0..levels).rev().zip(weights) {
                if let Some(decoder) = self.given.get(number).and_then(|given| given.back.as_ref())
                {
                    parameter.value.copy_from(decoder)?;
                }
            }
        }
        freeze(whole.layers_mut(), self.settings.freeze);
        Ok(whole)
    }
}

impl Job for AutoencoderJob {
    type Settings = AutoencoderSettings;

    fn about(&self) -> About<'_, AutoencoderSettings> {
        About {
            kind: "autoencoder",
            settings: &self.settings,
            data: self.settings.data.name(),
            record: &self.record,
            device: &self.device,
            figures: &FIGURES,
        }
    }

    fn stages(&self) -> usize {
        self.level_count() + 1 + usize::from(self.settings.classifier.is_some())
    }

    fn begin(&mut self, stage: usize) -> Result<Stage> {
        if stage > self.level_count() {
            let Some(Learning::Whole(tuner)) = self.learning.take() else {
                return Err(too_early());
            };
            self.begin_classifier(tuner.into_model())?;
            let keep = Keep::Best { by: &network::figures::CHOSEN_BY, patience: 0 };
            return Ok(Stage { name: "classifier".into(), epochs: self.settings.epochs, keep });
        }
        self.take_up()?;
        if stage < self.level_count() {
            let seconds = self.levels.pass_seconds(self.settings.pretrain_batch, &self.device)?;
            self.cost.passes.push(seconds);
            let given = self.given.get(stage);
            let begin = Beginning { number: stage, data: self.units, levels: &self.levels, given };
            let epochs = if given.is_some() { 0 } else { self.settings.pretrain_epochs };
            self.learning = Some(learning(&self.settings, &self.spec, &self.device, &begin)?);
            let name = format!("level {}", stage + 1);
            return Ok(Stage { name, epochs, keep: Keep::Last });
        }
        self.cost.peak_bytes = (self.level_count() > 0).then(|| self.device.memory().peak_bytes);
        let whole = self.unrolled()?;
        self.levels.take();
        let tuner = Tuner::new(whole, &self.fine_tuning())?;
        self.learning = Some(Learning::Whole(tuner));
        Ok(Stage {
            name: "whole".into(),
            epochs: self.settings.epochs,
            keep: Keep::Best { by: &CHOSEN_BY, patience: 0 },
        })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)> {
        let learning = self.learning.as_mut().ok_or_else(too_early)?;
        let source: &mut dyn BatchSource = match (&learning, &mut self.below) {
            (Learning::Classifier(_), Some(below)) => &mut below.train,
            _ => &mut self.levels.source,
        };
        Ok((learning.learner(), source))
    }

    fn score(&mut self, _: u64, _: bool) -> Result<Figures> {
        let learning = self.learning.as_ref().ok_or_else(too_early)?;
        match (learning, &mut self.below) {
            (Learning::Whole(_), _) => {}
            (Learning::Classifier(tuner), Some(below)) => {
                let held_out = below.held_out.as_mut().map(|set| score(tuner.model(), set));
                let held_out = held_out.transpose()?;
                return Ok(Figures::new()
                    .with(&VALIDATION_LOSS, held_out.map(|s| s.loss))
                    .with(&VALIDATION_ERROR, held_out.map(|s| s.error)));
            }
            _ => return self.levels.scores(&|v| learning.reconstruct(v)),
        }
        let held_out = match &self.validation {
            Some(cases) => Some(evaluate(self.whole()?, cases)?),
            None => None,
        };
        Ok(Figures::new()
            .with(&VALIDATION_SQUARED_ERROR, held_out.map(|e| e.squared))
            .with(&VALIDATION_RECONSTRUCTION, held_out.map(|e| e.loss)))
    }

    fn facts(&self) -> Facts {
        let sizes: Vec<String> = self.spec.layers.iter().map(usize::to_string).collect();
        let trained = self.autoencoder().map(Autoencoder::trained);
        let inputs = self.spec.inputs;
        Facts {
            title: format!("autoencoder {inputs}-{}", sizes.join("-")),
            numbers: [
                ("parameters", trained.into()),
                ("visible_units", inputs.into()),
                ("code_units", self.spec.layers.last().copied().into()),
                ("test_cases", self.test.as_ref().map(Cases::len).into()),
            ]
            .into_iter()
            .chain(self.cost.numbers())
            .collect(),
        }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        let (origin, network_origin) = (self.origin(), self.classifier_origin());
        match &mut self.learning {
            Some(Learning::Whole(tuner)) => origin.file(tuner.learner().model())?.save(path),
            Some(Learning::Classifier(tuner)) => {
                let network = network_origin.file(tuner.learner().model())?;
                let (Some(below), Some(folder)) = (&mut self.below, path.parent()) else {
                    return Err(too_early());
                };
                match path.ends_with(run::MODEL) {
                    // The run's model is the autoencoder, and the classifier lies beside it.
                    true => {
                        origin.file(&mut below.autoencoder)?.save(path)?;
                        network.save(folder.join(run::CLASSIFIER))
                    }
                    false => network.save(path),
                }
            }
            _ => Err(too_early()),
        }
    }

    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        let code = self.spec.layers.last().copied().unwrap_or(0);
        // As many components as values lose nothing: no measure of a code.
        let smaller = code < self.spec.inputs;
        let pca = if smaller { Pca::fit(&self.device, &self.train, code)? } else { None };
        if smaller && pca.is_none() {
            let note = "note: PCA is left out: of more than 2,000 values a case it would take minutes, and of values whose \
                        squares leave the range of f32 there is none";
            end.observer.see(Event::Note(note));
        }
        let test = match &self.test {
            Some(test) => Some(evaluate(self.whole()?, test)?),
            None => None,
        };
        let of_pca = match (&pca, &self.test) {
            (Some(pca), Some(test)) => Some(pca.error(test)?),
            _ => None,
        };
        for note in self.cost.words() {
            end.observer.see(Event::Note(&note));
        }
        let judged = self.finish_classifier(end)?;
        self.draw_reconstructions(pca.as_ref(), end.folder)?;
        if code == 2 {
            self.draw_codes(end)?;
            self.draw_plane(end.folder)?;
        }
        let whole = self.whole()?;
        if let Some(first) = whole.layers().parameters().next() {
            let (width, units) = (self.spec.inputs, self.spec.layers[0]);
            let filters =
                pictures::filters(&first.value.to_vec()?, width, units, self.image_shape())?;
            for note in &filters.notes {
                end.observer.see(Event::Note(&format!("{}: {note}", run::FILTERS)));
            }
            filters.save(end.folder.join(run::FILTERS))?;
        }
        let encoder = whole.layers().parameters().step_by(2).take(self.spec.layers.len());
        let encoder: Vec<_> = encoder.map(|parameter| &parameter.value).collect();
        draw_levels(&encoder, self.spec.inputs, self.image_shape())?
            .save(end.folder.join(run::LEVELS))?;
        end.write_curves(&FIGURES, self.augment.is_some())?;
        let nats = self.spec.loss == ReconstructionLoss::CrossEntropy;
        Ok(Figures::new()
            .with(&TEST_SQUARED_ERROR, test.map(|e| e.squared))
            .with(&PCA_SQUARED_ERROR, of_pca)
            .with(&TEST_CROSS_ENTROPY, test.filter(|_| nats).map(|e| e.loss))
            .with(&TEST_LOSS, judged.map(|s| s.loss))
            .with(&TEST_ERROR, judged.map(|s| s.error)))
    }

    fn report(&mut self, record: &Record, _: &mut dyn Observer) -> Result<Vec<Section>> {
        report::sections(record)
    }
}
