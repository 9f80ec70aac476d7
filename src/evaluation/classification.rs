//! How well a classifier does.

use crate::data::{Cases, PictureInput};
use crate::error::{Error, Result};
use crate::layers::Workspace;
use crate::models::Network;
use crate::models::network::Tally;
use crate::tensor::Tensor;
use crate::training::BatchSource;

/// Cases at once: what a batch needs on the device does not grow with the data.
const BATCH: usize = 500;

/// Mean loss and error over labelled cases.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClassificationScore {
    /// The mean loss of a case, as in training (for softmax units −ln p of its class, nats).
    pub loss: f64,
    /// The share of cases that are classified wrongly, in [0, 1].
    pub error: f64,
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
    let mut loss = Tensor::zeros(network.device(), &[cases])?;
    let mut wrong = Tensor::zeros(network.device(), &[cases])?;
    source.start_epoch(0, 0)?;
    let (mut row, mut space) = (0, Workspace::new());
    while let Some(batch) = source.next_batch(BATCH)? {
        let (x, classes) = (batch.cases, batch.labelled()?);
        let mut tally = Tally { loss: &mut loss, wrong: &mut wrong, row };
        network.score(x, classes, &mut tally, &mut space)?;
        row += classes.shape().len();
    }
    let mean = |values: Vec<f32>| values.into_iter().map(f64::from).sum::<f64>() / cases as f64;
    Ok(ClassificationScore { loss: mean(loss.to_vec()?), error: mean(wrong.to_vec()?) })
}

/// What a network says of cases.
#[derive(Debug, Clone, PartialEq)]
pub struct Predictions {
    /// How many classes.
    pub classes: usize,
    /// The probability of each class, `[cases, classes]`.
    pub probabilities: Vec<f32>,
    /// The most probable class of each case; `classes` where one is NaN.
    pub predicted: Vec<u32>,
}

/// Classifies cases that [`PictureInput::prepare`] gave.
///
/// # Errors
/// [`Error::Shape`] where they do not fit the network; device errors.
pub fn predict(network: &Network, cases: &Cases, input: &PictureInput) -> Result<Predictions> {
    let device = network.device().clone();
    let mut found =
        Predictions { classes: network.spec().classes, probabilities: vec![], predicted: vec![] };
    let [c, h, w] = network.spec().input;
    let all: Vec<u32> = (0..cases.len() as u32).collect();
    let mut space = Workspace::new();
    for batch in all.chunks(BATCH) {
        let values = input.values(&cases.select(batch)?);
        let x = Tensor::from_f32(&device, &[batch.len(), c, h, w], &values)?;
        let scores = network.scores_in(&x, &mut space)?;
        let probabilities = network.probabilities_of(scores)?.to_vec()?;
        found.predicted.extend(probabilities.chunks(found.classes).map(most_probable));
        found.probabilities.extend(probabilities);
    }
    Ok(found)
}

fn most_probable(p: &[f32]) -> u32 {
    if p.iter().any(|x| x.is_nan()) {
        return p.len() as u32;
    }
    (1..p.len()).fold(0, |best, i| if p[i] > p[best] { i } else { best }) as u32
}

impl Predictions {
    /// The cases that are classified wrongly, worst first: those whose own class was least probable.
    ///
    /// # Errors
    /// [`Error::Data`] where there are not as many labels as cases, or one is no class.
    pub fn mistakes(&self, labels: &[u32]) -> Result<Vec<usize>> {
        self.check(labels)?;
        let own = |case: usize| self.probabilities[case * self.classes + labels[case] as usize];
        let mut wrong: Vec<usize> =
            (0..labels.len()).filter(|&case| self.predicted[case] != labels[case]).collect();
        // A NaN counts as the worst.
        wrong.sort_by(|&a, &b| {
            let value = |case| Some(own(case)).filter(|p| !p.is_nan()).unwrap_or(-1.0);
            value(a).total_cmp(&value(b)).then(a.cmp(&b))
        });
        Ok(wrong)
    }

    fn check(&self, labels: &[u32]) -> Result<()> {
        check_labels("labels", labels, self.classes)?;
        if labels.len() != self.predicted.len() {
            let detail = format!("{} for {} cases", labels.len(), self.predicted.len());
            return Err(Error::data("labels", detail));
        }
        Ok(())
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
