//! Scores of a deep belief net, and what is left to do when it is trained.

use super::figures::{
    RANDOM_TEST_ERROR, RECONSTRUCTION, TEST_RECONSTRUCTION, VALIDATION_RECONSTRUCTION,
};
use super::job::DbnJob;
use super::learning::too_early;
use super::report;
use super::trained::{Origin, TrainedDbn, predict as predict_classes};
use crate::data::Part;
use crate::error::Result;
use crate::evaluation::classification::{ClassificationScore, Predictions, predict};
use crate::jobs::network::figures::{TEST_ERROR, TEST_LOSS, VALIDATION_ERROR, VALIDATION_LOSS};
use crate::jobs::network::{self, Labelled};
use crate::models::{DeepBeliefNet, Network};
use crate::run::Finish;
use crate::training::Figures;

impl DbnJob {
    /// What a network says of cases.
    pub(super) fn predicted(&self, network: &Network, part: &Labelled) -> Result<Predictions> {
        predict(network, &part.cases, &self.prepared.input(), Some(&part.labels))
    }

    /// How the generative net does: reconstructions, and the classes where labels are joined.
    pub(super) fn generative_scores(&self) -> Result<Figures> {
        let (net, prepared) = (self.whole()?, &self.prepared);
        let error = |part| prepared.error_of_first(&self.device, part, |v| net.reconstruct(v));
        let held_out = prepared.validation.as_ref().map(|set| (set, Part::Validation));
        let judged = match held_out.filter(|_| self.settings.join_labels) {
            Some((set, part)) => Some(judged(net, &prepared.labelled(set, part)?)?.1),
            None => None,
        };
        Ok(Figures::new()
            .with(&RECONSTRUCTION, error((&prepared.train, Part::Train))?)
            .with(&VALIDATION_RECONSTRUCTION, held_out.map(error).transpose()?)
            .with(&VALIDATION_ERROR, judged.map(|s| s.error))
            .with(&VALIDATION_LOSS, judged.map(|s| s.loss)))
    }

    pub(super) fn origin(&self) -> Origin {
        Origin {
            preprocessing: self.prepared.preprocessing.clone(),
            image: self.prepared.image,
            classes: match self.settings.join_labels {
                true => self.prepared.classes.clone(),
                false => Vec::new(),
            },
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            reading: self.prepared.reading.clone(),
            ..Origin::default()
        }
    }

    pub(super) fn network_origin(&self) -> network::Origin {
        network::Origin {
            preprocessing: self.prepared.preprocessing.clone(),
            seed: self.settings.seed,
            data: Some(self.settings.data.name().into()),
            reading: self.prepared.reading.clone(),
            ..network::Origin::new(self.prepared.input(), self.prepared.classes.clone())
        }
    }

    pub(super) fn finish_network(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        let network = self.network().ok_or_else(too_early)?;
        let (set, part) = self.prepared.shown();
        let shown = self.prepared.labelled(set, part)?;
        let found = self.predicted(network, &shown)?;
        let judged = shown.score(&found)?;
        let scores = self.prepared.test.as_ref().map(|_| judged);
        let origin = self.network_origin();
        network::confusion_and_mistakes(end.folder, &origin.shown(), &shown, &found)?;
        if self.settings.compare_random {
            report::write_pretraining(end.folder, end.lines)?;
        }
        Ok(Figures::new()
            .with(&TEST_LOSS, scores.map(|s| s.loss))
            .with(&TEST_ERROR, scores.map(|s| s.error))
            .with(&RANDOM_TEST_ERROR, self.random.map(|s| s.error)))
    }

    pub(super) fn finish_net(&mut self, end: &mut Finish<'_>) -> Result<Figures> {
        let net = self.whole()?;
        let mut figures = match self.settings.up_down {
            true => Figures::new(),
            // The levels' scores say nothing of the whole.
            false => self.generative_scores()?,
        };
        let (set, part) = self.prepared.shown();
        let shown = self.prepared.labelled(set, part)?;
        let test = self.prepared.test.as_ref().map(|_| TrainedDbn::error(net, &shown.cases));
        figures = figures.with(&TEST_RECONSTRUCTION, test.transpose()?);
        if self.settings.join_labels {
            let (found, scores) = judged(net, &shown)?;
            let origin = self.network_origin();
            network::confusion_and_mistakes(end.folder, &origin.shown(), &shown, &found)?;
            let scores = self.prepared.test.as_ref().map(|_| scores);
            figures = figures
                .with(&TEST_LOSS, scores.map(|s| s.loss))
                .with(&TEST_ERROR, scores.map(|s| s.error));
        }
        Ok(figures)
    }
}

/// What a net with labels says of cases.
fn judged(net: &DeepBeliefNet, part: &Labelled) -> Result<(Predictions, ClassificationScore)> {
    let found = predict_classes(net, &part.cases, Some(&part.labels))?;
    let scores = part.score(&found)?;
    Ok((found, scores))
}
