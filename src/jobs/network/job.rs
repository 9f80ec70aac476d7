//! The training of a classifier: one stage of backpropagation, of which the best model is kept.

use std::path::Path;

use super::data::{Prepared, prepare};
use super::figures::{
    CHOSEN_BY, FIGURES, TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS,
};
use super::labelled::resident;
use super::pictures::confusion_and_mistakes;
use super::report;
use super::settings::NetworkSettings;
use super::trained::Origin;
use crate::device::Device;
use crate::error::Result;
use crate::evaluation::classification::{predict, score};
use crate::jobs::loading::Source;
use crate::models::Network;
use crate::run::report::Section;
use crate::run::{
    self, About, Event, Facts, Finish, Job, Keep, Observer, Record, RunRecord, Stage, pictures,
};
use crate::training::{Backpropagation, BatchSource, Figures, Learner, ResidentData};

/// A classifier's training.
pub struct NetworkJob {
    settings: NetworkSettings,
    device: Device,
    prepared: Prepared,
    record: RunRecord,
    trainer: Backpropagation,
    train: Source,
    validation: Option<ResidentData>,
}

crate::error::opaque!(NetworkJob);

impl NetworkJob {
    /// Loads the data and builds network and learner.
    ///
    /// # Errors
    /// What reading gives; [`Error::Setting`](crate::Error::Setting) and [`Error::Shape`](crate::Error::Shape),
    /// naming the layer, for a network that does not fit together; [`Error::OutOfMemory`](crate::Error::OutOfMemory).
    pub fn new(
        mut settings: NetworkSettings,
        device: &Device,
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let prepared = prepare(&mut settings, observer)?;
        let spec = settings.spec(&prepared.input, prepared.classes.len())?;
        let network = Network::new(device, &spec, settings.seed)?;
        let (kind, trained) = (settings.model.name(), network.trained());
        observer.see(Event::Note(&format!("network: {kind}, {trained} parameters")));
        let part = |part| resident(device, part, &prepared.input, &spec, settings.data.name());
        let train = prepared.learnt(device, &spec, settings.data.name())?;
        let validation = prepared.validation.as_ref().map(part).transpose()?;
        let trainer = Backpropagation::new(network, settings.training())?;
        let record = prepared.record(device);
        let device = device.clone();
        Ok(NetworkJob { settings, device, prepared, record, trainer, train, validation })
    }

    /// The network as it stands.
    pub fn network(&self) -> &Network {
        self.trainer.network()
    }
}

impl Job for NetworkJob {
    type Settings = NetworkSettings;

    fn about(&self) -> About<'_, NetworkSettings> {
        About {
            kind: self.settings.model.name(),
            settings: &self.settings,
            data: self.settings.data.name(),
            record: &self.record,
            device: &self.device,
            figures: &FIGURES,
        }
    }

    fn begin(&mut self, _: usize) -> Result<Stage> {
        Ok(Stage {
            name: self.about().kind.into(),
            epochs: self.settings.epochs,
            keep: Keep::Best { by: &CHOSEN_BY, patience: self.settings.patience },
        })
    }

    fn parts(&mut self) -> Result<(&mut dyn Learner, &mut dyn BatchSource)> {
        Ok((&mut self.trainer, &mut self.train))
    }

    fn score(&mut self, _: u64, _: bool) -> Result<Figures> {
        let held_out = match &mut self.validation {
            Some(source) => Some(score(self.trainer.network(), source)?),
            None => None,
        };
        Ok(Figures::new()
            .with(&VALIDATION_LOSS, held_out.map(|s| s.loss))
            .with(&VALIDATION_ERROR, held_out.map(|s| s.error)))
    }

    fn facts(&self) -> Facts {
        let parameters = self.network().trained();
        let test = self.prepared.test.as_ref().map(|test| test.cases.len());
        Facts {
            title: format!("{} with {parameters} parameters", self.about().kind),
            numbers: vec![("parameters", parameters.into()), ("test_cases", test.into())],
        }
    }

    fn save(&mut self, path: &Path) -> Result<()> {
        let Prepared { input, classes, reading, .. } = &self.prepared;
        let origin = Origin {
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            reading: reading.clone(),
            ..Origin::new(*input, classes.clone())
        };
        origin.file(self.trainer.model())?.save(path)
    }

    fn finish(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        let Prepared { input, classes, .. } = &self.prepared;
        let network = self.trainer.network();
        let held_out = self.prepared.test.as_ref().or(self.prepared.validation.as_ref());
        let shown = held_out.unwrap_or(&self.prepared.train);
        let found = predict(network, &shown.cases, input, Some(&shown.labels))?;
        let judged = shown.score(&found)?;
        let scores = self.prepared.test.as_ref().map(|_| judged);
        let origin = Origin::new(*input, classes.clone());
        confusion_and_mistakes(end.folder, &origin.shown(), shown, &found)?;
        let distorted = self.settings.training().augment.is_some();
        end.write_curves(&FIGURES, distorted)?;
        if let Some(kernel) = network.layers().parameters().find(|p| p.name.ends_with(".kernel"))
            && let &[_, _, height, width] = kernel.value.shape().dims()
        {
            let values = kernel.value.to_vec()?;
            let scale = pictures::shared_scale(&values);
            let image = Some((height, width));
            pictures::sheet(&values, height * width, image, (-scale, scale))?
                .save(end.folder.join(run::FILTERS))?;
        }
        Ok(Figures::new()
            .with(&TEST_LOSS, scores.map(|s| s.loss))
            .with(&TEST_ERROR, scores.map(|s| s.error)))
    }

    fn report(&mut self, record: &Record, _: &mut dyn Observer) -> Result<Vec<Section>> {
        report::sections(record)
    }
}
