//! How well a classifier does.

use super::averages::{check_weights, weighted_mean};
use crate::data::{Cases, PictureInput};
use crate::error::{Error, Result};
use crate::layers::Workspace;
use crate::models::Network;
use crate::models::network::Tally;
use crate::shape::product;
use crate::tensor::Tensor;
use crate::training::BatchSource;

/// Cases at once: what a batch needs on the device does not grow with the data. It divides the 4,096 of a piece of cases, so
/// that results have the same bits where data are read in pieces.
const BATCH: usize = 512;

/// Mean loss and error over labelled cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassificationScore {
    /// The mean loss of a case, as in training (for softmax units −ln p of its class, nats); of cases that count differently
    /// by their weights, as the error too.
    pub loss: f64,
    /// The share of cases that are classified wrongly, in [0, 1]; those without a class are among them.
    pub error: f64,
    /// How many.
    pub wrong: u64,
}

impl ClassificationScore {
    /// From each case's loss, the cases that are wrong, and how much each counts, if they differ.
    fn new(losses: &[f32], wrong: &[usize], weights: Option<&[f32]>) -> Self {
        let losses: Vec<f64> = losses.iter().copied().map(f64::from).collect();
        let mut errors = vec![0.0; losses.len()];
        for &case in wrong {
            errors[case] = 1.0;
        }
        let [loss, error] = [&losses, &errors].map(|each| weighted_mean(each, weights));
        ClassificationScore { loss, error, wrong: wrong.len() as u64 }
    }
}

/// Scores a network on all cases of a source with labels.
///
/// # Errors
/// [`Error::Data`] where there is no case or no label, [`Error::Shape`] where they do not fit the network; device
/// errors.
pub fn score(network: &Network, source: &mut dyn BatchSource) -> Result<ClassificationScore> {
    let cases = source.cases();
    if cases == 0 {
        return Err(Error::data("data", "there is no case; nothing can be scored"));
    }
    source.contents().check_classes(network.spec().classes)?;
    let mut loss = Tensor::zeros(network.device(), &[cases])?;
    let mut wrong = Tensor::zeros(network.device(), &[cases])?;
    source.start_epoch(0, 0)?;
    let (mut row, mut space, mut weights) = (0, Workspace::new(), None);
    while let Some(batch) = source.next_batch(BATCH)? {
        let (x, classes) = (batch.cases, batch.labelled()?);
        let mut tally = Tally { loss: &mut loss, error: &mut wrong, row };
        network.score(x, classes, &mut tally, &mut space)?;
        row += classes.shape().len();
        if let Some(own) = batch.weights {
            weights.get_or_insert_with(Vec::new).extend(own.to_vec()?);
        }
    }
    let wrong = wrong.to_vec()?;
    let wrong: Vec<usize> = (0..wrong.len()).filter(|&case| wrong[case] != 0.0).collect();
    Ok(ClassificationScore::new(&loss.to_vec()?, &wrong, weights.as_deref()))
}

/// What a network says of cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// How many classes.
    pub classes: usize,
    /// The probability of each class, `[cases, classes]`.
    pub probabilities: Vec<f32>,
    /// The class of each case, as [`Network::classify`] finds it; `classes`, which is none, where a score is NaN.
    pub predicted: Vec<u32>,
    /// The loss of each case, where its class is known; else empty.
    pub losses: Vec<f32>,
}

/// Classifies cases that [`PictureInput::prepare`] gave, and takes their loss where their classes are known, in one
/// pass.
///
/// # Errors
/// [`Error::Shape`] where the cases do not fit the network, [`Error::Data`] where the labels do not; device errors.
pub fn predict(
    network: &Network,
    cases: &Cases,
    input: &PictureInput,
    labels: Option<&[u32]>,
) -> Result<Predictions> {
    let (device, classes) = (network.device(), network.spec().classes);
    if let Some(labels) = labels {
        check_labels("labels", labels, classes)?;
        as_many(labels, cases.len())?;
    }
    let [c, h, w] = network.spec().input;
    if product(&[c, h, w]) != Some(cases.width()) {
        let detail =
            format!("cases of {} values, and the network takes [{c}, {h}, {w}]", cases.width());
        return Err(Error::shape("predict", detail));
    }
    let all: Vec<u32> = (0..cases.len() as u32).collect();
    let (mut predicted, mut probabilities) = (Vec::new(), Vec::new());
    let known = labels.map_or(0, <[u32]>::len);
    let [mut loss, mut wrong] =
        [Tensor::zeros(device, &[known])?, Tensor::zeros(device, &[known])?];
    let mut space = Workspace::new();
    for batch in all.chunks(BATCH) {
        let values = input.values(&cases.select(batch)?);
        let x = Tensor::from_f32(device, &[batch.len(), c, h, w], &values)?;
        let scores = network.scores_in(&x, &mut space)?;
        if let Some(labels) = labels {
            let row = predicted.len();
            let own: Vec<f32> = labels[row..][..batch.len()].iter().map(|&l| l as f32).collect();
            let own = Tensor::from_f32(device, &[batch.len()], &own)?;
            let mut tally = Tally { loss: &mut loss, error: &mut wrong, row };
            network.tally(&own, &mut tally, &mut space)?;
        }
        predicted.extend(network.classes_of(&scores)?);
        probabilities.extend(network.probabilities_of(scores)?.to_vec()?);
    }
    Ok(Predictions { classes, probabilities, predicted, losses: loss.to_vec()? })
}

impl Predictions {
    /// Of energies `[cases, classes]`, whose softmax with the sign turned is the probability of a class: the class of the
    /// least energy, and −ln p of the cases' own classes where they are known.
    ///
    /// # Errors
    /// [`Error::Data`] where these are no whole rows of at least one class, or the labels do not fit.
    pub fn of_energies(energies: &[f32], classes: usize, labels: Option<&[u32]>) -> Result<Self> {
        if classes == 0 || !energies.len().is_multiple_of(classes) {
            let found = energies.len();
            let detail =
                format!("{found} are no whole rows of {classes} classes, a row for each case");
            return Err(Error::data("energies", detail));
        }
        let rows = energies.chunks_exact(classes);
        if let Some(labels) = labels {
            check_labels("labels", labels, classes)?;
            as_many(labels, rows.len())?;
        }
        let (mut predicted, mut probabilities, mut losses) = (Vec::new(), Vec::new(), Vec::new());
        for (case, row) in rows.enumerate() {
            let least = row.iter().copied().map(f64::from).fold(f64::INFINITY, f64::min);
            let weights = row.iter().map(|&x| (least - f64::from(x)).exp());
            let sum: f64 = weights.clone().sum();
            probabilities.extend(weights.map(|w| (w / sum) as f32));
            let known = row.iter().all(|x| !x.is_nan());
            let place = row.iter().position(|&x| f64::from(x) == least).filter(|_| known);
            predicted.push(place.unwrap_or(classes) as u32);
            if let Some(&label) = labels.and_then(|labels| labels.get(case)) {
                losses.push((f64::from(row[label as usize]) - least + sum.ln()) as f32);
            }
        }
        Ok(Predictions { classes, probabilities, predicted, losses })
    }

    /// The same as bytes: how many cases, then classes, losses and probabilities.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let words = [self.predicted.len() as u32, self.losses.len() as u32];
        let mut bytes = bytemuck::cast_slice::<u32, u8>(&words).to_vec();
        bytes.extend(bytemuck::cast_slice::<u32, u8>(&self.predicted));
        bytes.extend(bytemuck::cast_slice::<f32, u8>(&self.losses));
        bytes.extend(bytemuck::cast_slice::<f32, u8>(&self.probabilities));
        bytes
    }

    /// What [`Predictions::to_bytes`] gave, of so many classes.
    ///
    /// # Errors
    /// [`Error::Run`] where it did not.
    pub(crate) fn from_bytes(bytes: &[u8], classes: usize) -> Result<Self> {
        let words: Vec<u32> = bytemuck::pod_collect_to_vec(bytes);
        let broken = || Error::run("ranks", "predictions that cannot be read");
        let [cases, known, rest @ ..] = &words[..] else { return Err(broken()) };
        let (predicted, rest) = rest.split_at_checked(*cases as usize).ok_or_else(broken)?;
        let (losses, probabilities) = rest.split_at_checked(*known as usize).ok_or_else(broken)?;
        let [losses, probabilities] =
            [losses, probabilities].map(|words| words.iter().map(|&w| f32::from_bits(w)).collect());
        Ok(Predictions { classes, probabilities, predicted: predicted.to_vec(), losses })
    }

    /// The cases that are classified wrongly, worst first: those whose own class was least probable.
    ///
    /// # Errors
    /// [`Error::Data`] where there are not as many labels as cases, or one is no class.
    pub fn mistakes(&self, labels: &[u32]) -> Result<Vec<usize>> {
        let mut wrong = self.wrong(labels)?;
        let own = |case: usize| self.probabilities[case * self.classes + labels[case] as usize];
        // A NaN counts as the worst.
        wrong.sort_by(|&a, &b| {
            let value = |case| Some(own(case)).filter(|p| !p.is_nan()).unwrap_or(-1.0);
            value(a).total_cmp(&value(b)).then(a.cmp(&b))
        });
        Ok(wrong)
    }

    /// How well the network does on these cases, by the same rule as [`score`].
    ///
    /// # Errors
    /// [`Error::Data`] where there is no case, and where the losses are not known; as [`Predictions::mistakes`].
    pub fn score(&self, labels: &[u32]) -> Result<ClassificationScore> {
        self.score_weighted(labels, None)
    }

    /// The same where each case counts as much as its weight says.
    ///
    /// # Errors
    /// As [`Predictions::score`]; [`Error::Data`] where there are not as many weights as cases.
    pub fn score_weighted(
        &self,
        labels: &[u32],
        weights: Option<&[f32]>,
    ) -> Result<ClassificationScore> {
        let wrong = self.wrong(labels)?;
        check_weights(weights, labels.len())?;
        if labels.is_empty() || self.losses.len() != labels.len() {
            let detail =
                "nothing can be scored: there is no case, or they were classified without labels";
            return Err(Error::data("labels", detail));
        }
        Ok(ClassificationScore::new(&self.losses, &wrong, weights))
    }

    /// The cases that are classified wrongly, in order.
    ///
    /// # Errors
    /// As [`Predictions::mistakes`].
    pub fn wrong(&self, labels: &[u32]) -> Result<Vec<usize>> {
        check_labels("labels", labels, self.classes)?;
        as_many(labels, self.predicted.len())?;
        Ok((0..labels.len()).filter(|&case| self.predicted[case] != labels[case]).collect())
    }
}

fn as_many(labels: &[u32], cases: usize) -> Result<()> {
    match labels.len() == cases {
        true => Ok(()),
        false => Err(Error::data("labels", format!("{} for {cases} cases", labels.len()))),
    }
}

/// Checks that every label is a class.
///
/// # Errors
/// [`Error::Data`], naming the first case whose label is none.
pub fn check_labels(name: &str, labels: &[u32], classes: usize) -> Result<()> {
    match labels.iter().position(|&class| class as usize >= classes) {
        None => Ok(()),
        Some(case) => Err(Error::data(
            name,
            format!(
                "case {case} is of class {}, and the network knows the classes 0 to {}",
                labels[case],
                classes.saturating_sub(1)
            ),
        )),
    }
}
