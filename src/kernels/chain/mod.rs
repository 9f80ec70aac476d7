//! What the kernels of linear chains share: the batch, what the passes along it leave, and the host's steps.
//!
//! Everything is in log space and relative to the best label of each position, so that neither large scores nor long
//! sequences cost precision: a message of position t is `forward[t] − offsets[t]`, at most 0, and ln Z the sum of the
//! offsets.

#[doc(hidden)]
pub mod proof;
mod steps;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

use super::expect;
pub(super) use steps::{Exponentials, Over, SMALL, Steps, transition};

/// A transition that must not be taken has this score; lower ones, −∞ too, count as this. No sum of scores comes
/// near it, and it is finite: differences of two are numbers.
pub const FORBIDDEN: f32 = -1e30;

/// The best score of a sequence that no allowed labelling has is below this.
pub const IMPOSSIBLE: f32 = 0.5 * FORBIDDEN;

/// How many labels a chain has at most: the messages of a position fit a workgroup's memory.
pub const MOST_LABELS: usize = 512;

/// A padded batch of B sequences of up to T positions, under a chain of K labels.
#[derive(Debug, Clone, Copy)]
pub struct Chain<'a> {
    /// The score of each label at each position, `[B, T, K]`, or under the same elements `[B·T, K]`, as layers give it.
    /// With `[B, T, K + K²]` each position has scores of its own for the transitions into it behind those of its labels, of
    /// label j behind label i at K + i·K + j, which join those of all positions. What stands behind a sequence's end has no
    /// say, and nothing leads into a first position.
    pub scores: &'a Tensor,
    /// `[K + 2, K]`: row i holds the scores of the labels that follow label i, row K those of the first label, row
    /// K + 1 those of the last one.
    pub transitions: &'a Tensor,
    /// The sequences' lengths as f32, `[B]`: whole numbers from 0 to T; others are cut to that.
    pub lengths: &'a Tensor,
}

/// What passes along a batch leave: [`chain_forward`](super::chain_forward::chain_forward), then
/// [`chain_backward`](super::chain_backward::chain_backward).
#[derive(Debug)]
pub struct Messages {
    /// ln Σ over the labels before, `[B, T, K]`, relative to the offset of the position before.
    pub forward: Tensor,
    /// The largest of them at each position; behind the last position what the end adds; `[B, T + 1]`.
    pub offsets: Tensor,
    /// ln Z of each sequence, `[B]`.
    pub log_partition: Tensor,
    /// ln Σ over the labels behind, with the position's own score, relative to its offset; `[B, T, K]`.
    pub backward: Tensor,
}

impl Messages {
    /// Room for the messages of a batch.
    ///
    /// # Errors
    /// [`Error::Shape`]; [`Error::OutOfMemory`].
    pub fn of(chain: &Chain<'_>) -> Result<Self> {
        let [b, t, k] = chain.sizes("chain")?;
        let new = |dims: &[usize]| Tensor::for_output(chain.scores.device(), dims);
        Ok(Messages {
            forward: new(&[b, t, k])?,
            offsets: new(&[b, t + 1])?,
            log_partition: new(&[b])?,
            backward: new(&[b, t, k])?,
        })
    }

    /// Checks that these are the messages of a batch.
    pub(super) fn check(&self, op: &'static str, chain: &Chain<'_>) -> Result<()> {
        let [b, t, k] = chain.sizes(op)?;
        let device = chain.scores.device();
        expect(op, "the forward messages", &self.forward, device, &[b, t, k])?;
        expect(op, "the offsets", &self.offsets, device, &[b, t + 1])?;
        expect(op, "the partition functions", &self.log_partition, device, &[b])?;
        expect(op, "the backward messages", &self.backward, device, &[b, t, k])
    }
}

/// What is subtracted from marginals, and by what the difference is multiplied.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The labels that were observed, whole numbers as f32 `[B, T]`; `None` for the marginals alone.
    pub labels: Option<&'a Tensor>,
    /// Factor of the result.
    pub scale: f32,
}

impl<'a> Target<'a> {
    /// The marginals themselves.
    pub const NONE: Target<'static> = Target { labels: None, scale: 1.0 };

    /// `scale · (expected − observed)`: the gradient of −scale · ln p(labels).
    pub fn labels(labels: &'a Tensor, scale: f32) -> Self {
        Target { labels: Some(labels), scale }
    }
}

impl Chain<'_> {
    /// [B, T, K], after the checks that every kernel makes.
    pub(super) fn sizes(&self, op: &'static str) -> Result<[usize; 3]> {
        let device = self.scores.device();
        let b = self.lengths.shape().len();
        let [b, t, width] = match *self.scores.shape().dims() {
            [b, t, width] => [b, t, width],
            [rows, width] if rows % b.max(1) == 0 => [b, rows / b.max(1), width],
            _ => {
                let found = self.scores.shape();
                let detail = format!(
                    "the scores are {found}, expected [sequences, positions, labels] for {b} sequences"
                );
                return Err(Error::shape(op, detail));
            }
        };
        let k = if self.paired() { self.transitions.shape().dims()[1] } else { width };
        if k == 0 || k > MOST_LABELS {
            let detail =
                format!("the scores are of {k} labels; a chain has 1 to {MOST_LABELS} of them");
            return Err(Error::shape(op, detail));
        }
        expect_positions(op, "the scores", self.scores, device, [b, t, width])?;
        expect(op, "the transitions", self.transitions, device, &[k + 2, k])?;
        expect(op, "the lengths", self.lengths, device, &[b])?;
        Ok([b, t, k])
    }

    /// Whether each position has scores of its own for the transitions into it.
    pub(super) fn paired(&self) -> bool {
        let width = self.scores.shape().dims().last();
        match *self.transitions.shape().dims() {
            [rows, k] if rows == k + 2 => width == Some(&(k + k * k)),
            _ => false,
        }
    }

    /// Bytes of those.
    pub(super) fn pair_bytes(&self, [b, t, k]: [usize; 3]) -> u64 {
        if self.paired() { 4 * (b * t * k * k) as u64 } else { 0 }
    }

    /// Labels of each position.
    pub(super) fn check_labels(&self, op: &'static str, labels: &Tensor) -> Result<()> {
        let [b, t, _] = self.sizes(op)?;
        expect(op, "the labels", labels, self.device(), &[b, t])
    }

    pub(super) fn device(&self) -> &Device {
        self.scores.device()
    }
}

/// Checks that `t` has a number for each label of each position, in either form.
pub(super) fn expect_positions(
    op: &'static str,
    name: &str,
    t: &Tensor,
    device: &Device,
    [b, positions, k]: [usize; 3],
) -> Result<()> {
    match t.shape().dims().len() {
        2 => expect(op, name, t, device, &[b * positions, k]),
        _ => expect(op, name, t, device, &[b, positions, k]),
    }
}

/// A sequence's length.
pub(super) fn length_of(value: f32, positions: usize) -> usize {
    // The conversion saturates; NaN becomes 0.
    (value as usize).min(positions)
}

/// What a score counts as; NaN stays.
#[inline(always)]
pub(super) fn allowed(score: f32) -> f32 {
    if score < FORBIDDEN { FORBIDDEN } else { score }
}

/// The larger of two, or NaN where there is one.
#[inline(always)]
pub(super) fn larger(a: f32, b: f32) -> f32 {
    if b > a || b.is_nan() { b } else { a }
}

/// The largest of some numbers, NaN where there is one.
pub(super) fn largest(values: impl IntoIterator<Item = f32>) -> f32 {
    values.into_iter().fold(f32::NEG_INFINITY, |a, b| if a.is_nan() { a } else { larger(a, b) })
}

/// ln Σ exp, at least [`FORBIDDEN`].
pub(super) fn log_sum(values: impl Iterator<Item = f32> + Clone) -> f32 {
    let most = largest(values.clone()).max(FORBIDDEN);
    allowed(most + values.map(|x| (x - most).exp()).sum::<f32>().ln())
}
