//! Batches of chains for the proofs.

use super::{Chain, Messages, Target};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::chain_backward::chain_backward;
use crate::kernels::chain_forward::chain_forward;
use crate::kernels::proof::{EPSILON, Inputs, LONG, Outcome, Values};
use crate::kernels::slices::with_slices;
use crate::tensor::Tensor;

/// `[sequences, positions, labels]`: one label, words, more labels than a workgroup, as many as there may be.
pub const SIZES: [[usize; 3]; 5] = [[3, 7, 1], [5, 9, 3], [4, 6, 26], [2, 4, 67], [1, 3, 512]];

/// A case on long sequences. One of [`LONG`] positions would take as many workgroups' barriers: slices are made
/// shorter instead.
pub fn long(case: impl FnOnce([usize; 3]) -> Result<Outcome>) -> Result<Outcome> {
    with_slices(4 * LONG as u64 / 1000, || case([2, 300, 2]))
}

/// One case of a kernel that may take observed labels.
type Case = fn(&Device, [usize; 3], bool, Values) -> Result<Outcome>;

/// The cases of such a kernel: with labels and without, of all sizes, values that are no numbers, and a long one.
pub fn with_labels_and_without(device: &Device, case: Case, out: &mut Vec<Outcome>) -> Result<()> {
    for sizes in SIZES {
        for observed in [true, false] {
            out.push(case(device, sizes, observed, Values::Ordinary)?);
        }
        out.push(case(device, sizes, true, Values::NonFinite)?);
    }
    out.push(long(|sizes| case(device, sizes, true, Values::Ordinary))?);
    Ok(())
}

/// A batch's numbers.
pub struct Problem {
    sizes: [usize; 3],
    scores: Vec<f32>,
    transitions: Vec<f32>,
    lengths: Vec<f32>,
    labels: Vec<f32>,
}

/// The same on a device.
pub struct OnDevice {
    scores: Tensor,
    transitions: Tensor,
    lengths: Tensor,
    /// As observed, −1 behind a sequence's end.
    pub labels: Tensor,
}

impl OnDevice {
    /// The batch.
    pub fn chain(&self) -> Chain<'_> {
        Chain { scores: &self.scores, transitions: &self.transitions, lengths: &self.lengths }
    }

    /// With the messages of both passes.
    ///
    /// # Errors
    /// Device errors.
    pub fn passed(&self) -> Result<Messages> {
        let mut messages = Messages::of(&self.chain())?;
        chain_forward(&self.chain(), &mut messages)?;
        let mut marginals = Tensor::for_output(self.scores.device(), self.scores.shape().dims())?;
        chain_backward(&self.chain(), &mut messages, Target::NONE, &mut marginals)?;
        Ok(messages)
    }
}

impl Problem {
    /// Lengths from 0 to T, the first T; some transitions forbidden, −∞; labels as they come. What stands behind a sequence's
    /// end is NaN.
    pub fn new(sizes: [usize; 3], values: Values) -> Self {
        let [b, t, k] = sizes;
        let mut inputs = Inputs::new((b * 1031 + t * 37 + k) as u64);
        let mut scores = inputs.values(values, b * t * k);
        let of = if values == Values::NonFinite { Values::Ordinary } else { values };
        let mut transitions = inputs.values(of, (k + 2) * k);
        // Label 0 may begin, end and follow itself: some labelling is always allowed.
        for (n, draw) in inputs.below(7, transitions.len()).into_iter().enumerate() {
            if draw == 0 && n % k != 0 {
                transitions[n] = f32::NEG_INFINITY;
            }
        }
        let mut lengths: Vec<f32> =
            inputs.below(t as u32 + 1, b).into_iter().map(|n| n as f32).collect();
        if let Some(first) = lengths.first_mut() {
            *first = t as f32;
        }
        let mut labels: Vec<f32> =
            inputs.below(k as u32, b * t).into_iter().map(|n| n as f32).collect();
        for (b, &length) in lengths.iter().enumerate() {
            for at in b * t + length as usize..(b + 1) * t {
                labels[at] = -1.0;
                scores[at * k..][..k].fill(f32::NAN);
            }
        }
        Problem { sizes, scores, transitions, lengths, labels }
    }

    /// Uploaded.
    ///
    /// # Errors
    /// Device errors.
    pub fn on(&self, device: &Device) -> Result<OnDevice> {
        let [b, t, k] = self.sizes;
        Ok(OnDevice {
            scores: Tensor::from_f32(device, &[b, t, k], &self.scores)?,
            transitions: Tensor::from_f32(device, &[k + 2, k], &self.transitions)?,
            lengths: Tensor::from_f32(device, &[b], &self.lengths)?,
            labels: Tensor::from_f32(device, &[b, t], &self.labels)?,
        })
    }

    /// How far a message may be off, on both devices together: what is added up is of the size of a score, of a
    /// transition and of ln K; an offset, and with it a message, has the errors of one position, for those of the
    /// positions before are errors of numbers that are at most 0 and weigh by their exponentials. Each is rounded a few
    /// times; exp and ln of GPUs err by up to some 4 ε.
    pub fn message(&self) -> f64 {
        let finite = |x: &&f32| x.abs() < 1e29;
        let size = self.scores.iter().chain(&self.transitions).filter(finite);
        let size = size.map(|x| f64::from(x.abs())).fold(1.0, f64::max);
        let k = self.sizes[2] as f64;
        EPSILON * (16.0 + k / 8.0) * (4.0 * size + k.ln() + 4.0)
    }
}
