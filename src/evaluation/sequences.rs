//! How well a conditional random field reads.

use crate::error::{Error, Result};
use crate::layers::Workspace;
use crate::models::network::Tally;
use crate::models::{Crf, Decoding};
use crate::tensor::Tensor;
use crate::training::{BatchSource, ResidentSequences};

/// Sequences at once, at most.
const BATCH: usize = 64;
/// Scores of a batch's positions, at most: 64 MiB.
const SCORES: usize = 1 << 24;

/// How many sequences of a source a field reads at once.
pub(crate) fn at_once(crf: &Crf, source: &ResidentSequences) -> usize {
    let each = source.longest().saturating_mul(crf.spec().widest());
    (SCORES / each.max(1)).clamp(1, BATCH)
}

/// Errors and likelihood over labelled sequences.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SequenceScore {
    /// The share of positions whose label is read wrongly, in [0, 1].
    pub error: f64,
    /// How many.
    pub wrong: u64,
    /// The share of sequences with a wrong label.
    pub sequence_error: f64,
    /// ln p of a sequence's labels, the mean over sequences.
    pub log_likelihood: f64,
}

/// Scores a field on all sequences of a source with labels.
///
/// # Errors
/// [`Error::Data`] where there is no sequence, no label, or one that is forbidden; device errors.
pub fn score(crf: &Crf, source: &mut ResidentSequences) -> Result<SequenceScore> {
    let (sequences, positions) = (source.cases(), source.positions());
    if sequences == 0 {
        return Err(Error::data("data", "there is no sequence; nothing can be scored"));
    }
    let mut loss = Tensor::zeros(crf.device(), &[sequences])?;
    let mut wrong = Tensor::zeros(crf.device(), &[sequences])?;
    source.start_in_order();
    let (mut row, mut space) = (0, Workspace::new());
    let rows = at_once(crf, source);
    while let Some(batch) = source.next_batch(rows)? {
        let labels = [batch.labelled()?, batch.sequences()?];
        let mut tally = Tally { loss: &mut loss, error: &mut wrong, row };
        crf.score(batch.cases, labels, &mut tally, &mut space)?;
        row += batch.rows();
    }
    let (loss, wrong) = (loss.to_vec()?, wrong.to_vec()?);
    let sum = |values: &[f32]| values.iter().copied().map(f64::from).sum::<f64>();
    let missed = wrong.iter().filter(|&&wrong| wrong > 0.0).count();
    Ok(SequenceScore {
        error: sum(&wrong) / positions as f64,
        wrong: sum(&wrong) as u64,
        sequence_error: missed as f64 / sequences as f64,
        log_likelihood: -sum(&loss) / sequences as f64,
    })
}

/// What a field reads in a sequence.
#[derive(Debug, Clone, PartialEq)]
pub struct Read {
    /// Its labels.
    pub labels: Vec<u32>,
    /// ln p of those together.
    pub log_probability: f32,
    /// The probability of each label at each position, `[L, K]`.
    pub marginals: Vec<f32>,
}

impl Read {
    /// The probability of the label that is read at each position.
    pub fn probabilities(&self) -> impl Iterator<Item = f32> {
        let labels = self.marginals.len() / self.labels.len().max(1);
        let rows = self.marginals.chunks_exact(labels.max(1));
        self.labels.iter().zip(rows).map(|(&label, row)| row[label as usize])
    }

    /// How many labels are not the true ones.
    pub fn missed(&self, truth: &[u32]) -> usize {
        truth.iter().zip(&self.labels).filter(|(a, b)| a != b).count()
    }
}

/// Reads all sequences of a source, in their own order.
///
/// # Errors
/// As [`Crf::read`].
pub fn read(crf: &Crf, source: &mut ResidentSequences, decoding: Decoding) -> Result<Vec<Read>> {
    source.start_in_order();
    let mut all = Vec::with_capacity(source.cases());
    let rows = at_once(crf, source);
    while let Some(batch) = source.next_batch(rows)? {
        let found = crf.read(batch.cases, batch.sequences()?, decoding)?;
        let marginals = found.marginals.into_iter().zip(found.log_probabilities);
        all.extend(found.labels.into_iter().zip(marginals).map(
            |(labels, (marginals, log_probability))| Read { labels, log_probability, marginals },
        ));
    }
    Ok(all)
}
