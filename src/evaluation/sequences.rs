//! How well a conditional random field reads.

use crate::error::{Error, Result};
use crate::layers::Workspace;
use crate::models::network::Tally;
use crate::models::{Crf, Decoding};
use crate::ranks::Ranks;
use crate::tensor::Tensor;
use crate::training::{Batch, BatchSource, ResidentSequences};

/// Sequences at once, at most.
const BATCH: usize = 64;
/// Scores of a batch's positions, at most: 64 MiB.
const SCORES: usize = 1 << 24;

/// How many sequences of a source a field reads at once.
pub(crate) fn at_once(crf: &Crf, source: &ResidentSequences) -> usize {
    let each = source.longest().saturating_mul(crf.spec().widest());
    (SCORES / each.max(1)).clamp(1, BATCH)
}

/// Has ranks make something of each batch of a pass over a source in its own order, by turns; `take` gets what was made of
/// all of them, in their order, at every rank.
///
/// # Errors
/// Those of the source, of `make`, at any rank, and of `take`.
pub(crate) fn by_turns(
    ranks: &Ranks,
    (source, rows): (&mut ResidentSequences, usize),
    make: &mut dyn FnMut(Batch<'_>) -> Result<Vec<u8>>,
    take: &mut dyn FnMut(Vec<u8>) -> Result<()>,
) -> Result<()> {
    source.start_in_order();
    let (batches, mut next) = (source.cases().div_ceil(rows), 0);
    let mut make = |batch: usize| {
        source.skip((batch - next) * rows)?;
        next = batch + 1;
        source.next_batch(rows)?.map_or(Ok(Vec::new()), &mut *make)
    };
    ranks.by_turns(batches, &mut make, &mut |_, made| take(made))
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
    score_on(&Ranks::alone(), crf, source)
}

/// The same by ranks, which take batches by turns.
///
/// # Errors
/// As [`score`], at any rank.
pub fn score_on(ranks: &Ranks, crf: &Crf, source: &mut ResidentSequences) -> Result<SequenceScore> {
    let (sequences, positions) = (source.cases(), source.positions());
    if sequences == 0 {
        return Err(Error::data("data", "there is no sequence; nothing can be scored"));
    }
    let (mut loss, mut wrong) = (Vec::new(), Vec::new());
    let (rows, mut space) = (at_once(crf, source), Workspace::new());
    let mut make = |batch: Batch<'_>| {
        let new = || Tensor::zeros(crf.device(), &[batch.rows()]);
        let (mut loss, mut error) = (new()?, new()?);
        let labels = [batch.labelled()?, batch.sequences()?];
        let mut tally = Tally { loss: &mut loss, error: &mut error, row: 0 };
        crf.score(batch.cases, labels, &mut tally, &mut space)?;
        Ok(bytemuck::cast_slice(&[loss.to_vec()?, error.to_vec()?].concat()).to_vec())
    };
    by_turns(ranks, (source, rows), &mut make, &mut |made| {
        let made: Vec<f32> = bytemuck::pod_collect_to_vec(&made);
        let (own, errors) = made.split_at(made.len() / 2);
        loss.extend(own);
        wrong.extend(errors);
        Ok(())
    })?;
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
    /// As numbers, which [`Read::taken`] takes.
    fn give(&self, into: &mut Vec<u32>) {
        into.push(self.labels.len() as u32);
        into.extend(&self.labels);
        into.push(self.log_probability.to_bits());
        into.extend(self.marginals.iter().map(|p| p.to_bits()));
    }

    /// The first of what was given of sequences, of a field of so many labels, and the rest.
    fn taken(given: &[u32], labels: usize) -> Option<(Self, &[u32])> {
        let (&length, rest) = given.split_first()?;
        let (own, rest) = rest.split_at_checked(length as usize)?;
        let (&log_probability, rest) = rest.split_first()?;
        let (marginals, rest) = rest.split_at_checked(length as usize * labels)?;
        let read = Read {
            labels: own.to_vec(),
            log_probability: f32::from_bits(log_probability),
            marginals: marginals.iter().map(|&p| f32::from_bits(p)).collect(),
        };
        Some((read, rest))
    }

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
    read_on(&Ranks::alone(), crf, source, decoding)
}

/// The same by ranks, which take batches by turns.
///
/// # Errors
/// As [`read`], at any rank.
pub fn read_on(
    ranks: &Ranks,
    crf: &Crf,
    source: &mut ResidentSequences,
    decoding: Decoding,
) -> Result<Vec<Read>> {
    let mut all = Vec::with_capacity(source.cases());
    let (rows, labels) = (at_once(crf, source), crf.spec().labels);
    let mut make = |batch: Batch<'_>| {
        let found = crf.read(batch.cases, batch.sequences()?, decoding)?;
        let marginals = found.marginals.into_iter().zip(found.log_probabilities);
        let mut given = Vec::new();
        for (labels, (marginals, log_probability)) in found.labels.into_iter().zip(marginals) {
            Read { labels, log_probability, marginals }.give(&mut given);
        }
        Ok(bytemuck::cast_slice(&given).to_vec())
    };
    by_turns(ranks, (source, rows), &mut make, &mut |made| {
        let given: Vec<u32> = bytemuck::pod_collect_to_vec(&made);
        let mut rest = &given[..];
        while let Some((read, others)) = Read::taken(rest, labels) {
            all.push(read);
            rest = others;
        }
        Ok(())
    })?;
    Ok(all)
}
