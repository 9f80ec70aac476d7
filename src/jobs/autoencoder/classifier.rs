//! A classifier on an autoencoder's code.

use super::classes::Below;
use super::data::streamed;
use super::job::AutoencoderJob;
use super::level::Learning;
use crate::data::{PictureInput, Preprocessing};
use crate::error::Result;
use crate::evaluation::classification::{ClassificationScore, check_labels, predict};
use crate::jobs::loading::Source;
use crate::jobs::network::{self, Labelled, confusion_and_mistakes};
use crate::jobs::stack::{Tuner, freeze};
use crate::models::{Autoencoder, UnitKind};
use crate::run::Finish;
use crate::training::{ResidentData, Treatment};

impl AutoencoderJob {
    /// How the classifier sees a case: as it is.
    fn input(&self) -> PictureInput {
        let size = self.image.map_or([1, self.spec.inputs], |i| [i.height, i.width]);
        PictureInput { size, margin: [0, 0], background: 0.0, foreground: 1.0 }
    }

    /// What is written of its origin.
    pub(super) fn classifier_origin(&self) -> network::Origin {
        let width = self.spec.inputs;
        let preprocessing = match self.units {
            UnitKind::Bernoulli => Preprocessing::default(),
            // Any values are taken, and as they are.
            _ => Preprocessing {
                binarize: None,
                mean: Some(vec![0.0; width]),
                std: Some(vec![1.0; width]),
            },
        };
        network::Origin {
            preprocessing,
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            reading: self.reading.clone(),
            ..network::Origin::new(self.input(), self.classes.names.clone())
        }
    }

    /// Puts an output layer on the code of the autoencoder that was trained.
    pub(super) fn begin_classifier(&mut self, autoencoder: Autoencoder) -> Result<()> {
        let (input, classes) = (self.input().shape()?, self.classes.names.len());
        let spec = self.spec.classifier(input, classes);
        let mut network = autoencoder.classifier(&spec, self.settings.seed)?;
        if self.settings.classifier == Some(super::kinds::ClassifierHow::Code) {
            freeze(network.layers_mut(), self.spec.layers.len());
        }
        let resident = |cases, labels: &[u32]| {
            check_labels(self.settings.data.name(), labels, classes)?;
            ResidentData::new(&self.device, cases, Treatment::default())?
                .with_labels(labels)?
                .with_case_dims(&input)
        };
        let [train, held_out, _] = &self.classes.labels;
        let train: Source = match &self.stream {
            None => Box::new(resident(&self.train, train.as_deref().unwrap_or_default())?),
            Some(stream) => {
                Box::new(streamed(&self.device, stream)?.with_labels().with_case_dims(&input)?)
            }
        };
        let held_out = match (&self.validation, held_out) {
            (Some(cases), Some(labels)) => Some(resident(cases, labels)?),
            _ => None,
        };
        self.below = Some(Below { autoencoder, train, held_out });
        let tuner = Tuner::new(network, &self.fine_tuning())?;
        self.learning = Some(Learning::Classifier(tuner));
        Ok(())
    }

    /// Writes the classifier's pictures, and gives how it does on the test cases.
    pub(super) fn finish_classifier(
        &self,
        end: &Finish<'_>,
    ) -> Result<Option<ClassificationScore>> {
        let Some(Learning::Classifier(tuner)) = &self.learning else { return Ok(None) };
        let parts = [
            (self.test.as_ref(), &self.classes.labels[2]),
            (self.validation.as_ref(), &self.classes.labels[1]),
            (Some(&self.train), &self.classes.labels[0]),
        ];
        let shown = parts.into_iter().enumerate().find_map(|(at, (cases, labels))| {
            Some((at, Labelled { cases: cases?.clone(), labels: labels.clone()? }))
        });
        let Some((at, part)) = shown else { return Ok(None) };
        let found = predict(tuner.model(), &part.cases, &self.input(), Some(&part.labels))?;
        let origin = self.classifier_origin();
        confusion_and_mistakes(end.folder, &origin.shown(), &part, &found)?;
        // The first of the parts is the test part.
        if at == 0 { part.score(&found).map(Some) } else { Ok(None) }
    }
}
