//! What a conditional random field reads in sequences.

use super::{Crf, batch_sizes};
use crate::error::{Error, Result};
use crate::kernels::Place;
use crate::kernels::chain::{Chain, IMPOSSIBLE, Messages, Target};
use crate::kernels::chain_backward::chain_backward;
use crate::kernels::chain_forward::chain_forward;
use crate::kernels::chain_score::chain_score;
use crate::kernels::viterbi::viterbi;
use crate::layers::{Pass, Workspace};
use crate::tensor::Tensor;

/// Which labels a field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Decoding {
    /// Those of the largest probability together, which no forbidden transition is among.
    #[default]
    Viterbi,
    /// At each position the label of the largest probability there: the fewest wrong labels to be expected. Of equal ones
    /// the first.
    Posterior,
}

impl Decoding {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Decoding::Viterbi => "viterbi",
            Decoding::Posterior => "posterior",
        }
    }
}

/// What a field reads in a batch of sequences.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The labels of each sequence.
    pub labels: Vec<Vec<u32>>,
    /// ln p of those together; −∞ where a forbidden transition is among them.
    pub log_probabilities: Vec<f32>,
    /// The probability of each label at each position, `[L, K]` of each sequence.
    pub marginals: Vec<Vec<f32>>,
}

impl Crf {
    /// The labels, their probability, and those of every label at each position.
    ///
    /// # Errors
    /// [`Error::Data`] for a sequence that no allowed labelling has, or whose length is no whole number up to the batch's
    /// positions, by its number in the batch; [`Error::Shape`]; device errors.
    pub fn read(&self, x: &Tensor, lengths: &Tensor, decoding: Decoding) -> Result<Reading> {
        let sizes = sizes(x, lengths)?;
        let mut space = Workspace::new();
        self.layers.forward(&self.positions(x, lengths)?, Pass::Evaluate, &mut space)?;
        let scores = space.outgoing()?.value;
        self.with_chain(scores, lengths, |chain| {
            let (b, k) = (sizes.len(), self.spec.labels);
            let t = chain.scores.shape().len() / (b * self.spec.values()).max(1);
            let mut messages = Messages::of(&chain)?;
            chain_forward(&chain, &mut messages)?;
            let new = |dims: &[usize]| Tensor::for_output(self.device(), dims);
            let (mut path, mut best) = (new(&[b, t])?, new(&[b])?);
            viterbi(&chain, &mut path, &mut best)?;
            let mut marginals = new(&[b, t, k])?;
            chain_backward(&chain, &mut messages, Target::NONE, &mut marginals)?;
            check_possible(&best.to_vec()?, &sizes)?;
            let marginals = marginals.to_vec()?;
            if decoding == Decoding::Posterior {
                path.upload(&largest(&marginals, k))?;
            }
            let mut losses = new(&[b])?;
            chain_score(&chain, &path, Some(&messages), Place::at(&mut losses, 0))?;
            let (path, losses) = (path.to_vec()?, losses.to_vec()?);
            let length = |b: usize| (sizes[b] as usize).min(t);
            let own = |b: usize| path[b * t..][..length(b)].iter().map(|&label| label as u32);
            let possible = |loss: &f32| if *loss > -IMPOSSIBLE { f32::NEG_INFINITY } else { -loss };
            Ok(Reading {
                labels: (0..b).map(|b| own(b).collect()).collect(),
                log_probabilities: losses.iter().map(possible).collect(),
                marginals: (0..b).map(|b| marginals[b * t * k..][..length(b) * k].into()).collect(),
            })
        })
    }

    /// The probability of each label at each position of a padded batch, `[B · T, K]`.
    pub(super) fn marginals(&self, x: &Tensor, lengths: &Tensor) -> Result<Tensor> {
        let mut space = Workspace::new();
        self.layers.forward(&self.positions(x, lengths)?, Pass::Evaluate, &mut space)?;
        let scores = space.outgoing()?.value;
        self.with_chain(scores, lengths, |chain: Chain<'_>| {
            let mut messages = Messages::of(&chain)?;
            chain_forward(&chain, &mut messages)?;
            let rows = chain.scores.shape().len() / self.spec.values();
            let mut marginals = Tensor::for_output(self.device(), &[rows, self.spec.labels])?;
            chain_backward(&chain, &mut messages, Target::NONE, &mut marginals)?;
            Ok(marginals)
        })
    }

    /// What stage `stage` of the layers gives for each position of a padded batch, `[B · T, …]`.
    ///
    /// # Errors
    /// [`Error::Shape`] for a stage that there is not, and for another batch; device errors.
    pub fn values_of(&self, stage: usize, x: &Tensor, lengths: &Tensor) -> Result<Tensor> {
        let mut space = Workspace::new();
        let x = self.positions(x, lengths)?;
        self.layers
            .forward_through(0..stage.saturating_add(1), &x, Pass::Evaluate, &mut space)?
            .try_clone()
    }
}

/// The positions of each sequence: a length for each `[B]`, a whole number up to those that the batch `[B, T, …]` has.
fn sizes(x: &Tensor, lengths: &Tensor) -> Result<Vec<f32>> {
    let [b, t] = batch_sizes(x)?;
    if lengths.shape().dims() != [b] {
        let detail =
            format!("the lengths are {}, expected [{b}], one of each sequence", lengths.shape());
        return Err(Error::shape("conditional random field", detail));
    }
    let wrong = |n: f32| !(n >= 0.0 && n <= t as f32 && n.fract() == 0.0);
    let sizes = lengths.to_vec()?;
    let Some(sequence) = sizes.iter().position(|&n| wrong(n)) else { return Ok(sizes) };
    let detail = format!(
        "sequence {sequence} of the batch has {} positions; expected a whole number from 0 to {t}",
        sizes[sequence]
    );
    Err(Error::data("lengths", detail))
}

/// That each sequence has a labelling without forbidden transitions.
fn check_possible(best: &[f32], sizes: &[f32]) -> Result<()> {
    let Some(sequence) = best.iter().position(|&score| score < IMPOSSIBLE) else { return Ok(()) };
    let detail = format!(
        "sequence {sequence} of the batch has {} positions, and every labelling of so many has a forbidden transition; \
         forbid less",
        sizes[sequence]
    );
    Err(Error::data("labels", detail))
}

/// The label of the largest probability at each position, whole numbers as f32.
fn largest(marginals: &[f32], labels: usize) -> Vec<f32> {
    let best = |row: &[f32]| {
        let first = |best: usize, label: usize| if row[label] > row[best] { label } else { best };
        (0..row.len()).fold(0, first) as f32
    };
    marginals.chunks_exact(labels.max(1)).map(best).collect()
}
