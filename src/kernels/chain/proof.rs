//! Batches of chains for the proofs.

use std::fmt;

use super::{Chain, Messages, Target};
use crate::device::Device;
use crate::error::Result;
use crate::kernels::chain_backward::chain_backward;
use crate::kernels::chain_forward::chain_forward;
use crate::kernels::proof::{EPSILON, Inputs, LONG, Outcome, Values};
use crate::kernels::slices::with_slices;
use crate::tensor::Tensor;

/// A batch's sizes, `[sequences, positions, labels]`, and whether each position has scores of its own for transitions.
#[derive(Debug, Clone, Copy)]
pub struct Form {
    /// The sizes.
    pub sizes: [usize; 3],
    /// Whether transitions are a position's own.
    pub paired: bool,
}

impl From<[usize; 3]> for Form {
    fn from(sizes: [usize; 3]) -> Self {
        Form { sizes, paired: false }
    }
}

impl Form {
    /// With scores of its own at each position.
    pub const fn paired(sizes: [usize; 3]) -> Self {
        Form { sizes, paired: true }
    }

    /// Scores of a position.
    pub fn width(self) -> usize {
        let k = self.sizes[2];
        if self.paired { k + k * k } else { k }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}{}", self.sizes, if self.paired { " paired" } else { "" })
    }
}

const fn shared(sizes: [usize; 3]) -> Form {
    Form { sizes, paired: false }
}

/// One label, words, more labels than a workgroup, as many as there may be.
pub const FORMS: [Form; 9] = [
    shared([3, 7, 1]),
    shared([5, 9, 3]),
    shared([4, 6, 26]),
    shared([2, 4, 67]),
    shared([1, 3, 512]),
    Form::paired([3, 7, 1]),
    Form::paired([5, 9, 3]),
    Form::paired([4, 6, 26]),
    Form::paired([2, 4, 67]),
];

/// What is timed: words of letters, transitions of each position too, and long ones of many labels.
pub const TIMED: [Form; 3] =
    [shared([32, 10, 26]), Form::paired([32, 10, 26]), shared([8, 50, 128])];

/// A case on long sequences. One of [`LONG`] positions would take as many workgroups' barriers: slices are made
/// shorter instead.
pub fn long(case: impl Fn(Form) -> Result<Outcome>, out: &mut Vec<Outcome>) -> Result<()> {
    for form in [shared([2, 300, 2]), Form::paired([2, 300, 2])] {
        out.push(with_slices(4 * LONG as u64 / 1000, || case(form))?);
    }
    Ok(())
}

/// One case of a kernel that may take observed labels.
type Case = fn(&Device, Form, bool, Values) -> Result<Outcome>;

/// The cases of such a kernel: with labels and without, of all sizes, values that are no numbers, and a long one.
pub fn with_labels_and_without(device: &Device, case: Case, out: &mut Vec<Outcome>) -> Result<()> {
    for form in FORMS {
        for observed in [true, false] {
            out.push(case(device, form, observed, Values::Ordinary)?);
        }
        out.push(case(device, form, true, Values::NonFinite)?);
    }
    long(|form| case(device, form, true, Values::Ordinary), out)
}

/// A batch's numbers.
#[derive(Debug)]
pub struct Problem {
    form: Form,
    scores: Vec<f32>,
    transitions: Vec<f32>,
    lengths: Vec<f32>,
    labels: Vec<f32>,
}

/// The same on a device.
#[derive(Debug)]
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
        let mut marginals =
            Tensor::for_output(self.scores.device(), messages.forward.shape().dims())?;
        chain_backward(&self.chain(), &mut messages, Target::NONE, &mut marginals)?;
        Ok(messages)
    }
}

impl Problem {
    /// Lengths from 0 to T, the first T; some transitions forbidden, −∞; labels as they come. What stands behind a sequence's
    /// end is NaN, and so are the scores of transitions into a first position.
    pub fn new(form: Form, values: Values) -> Self {
        let [b, t, k] = form.sizes;
        let width = form.width();
        let mut inputs = Inputs::new((b * 1031 + t * 37 + width) as u64);
        let labels = inputs.values(values, b * t * k);
        let of = if values == Values::NonFinite { Values::Ordinary } else { values };
        let mut transitions = inputs.values(of, (k + 2) * k);
        let pairs = inputs.values(of, b * t * (width - k));
        let mut scores = Vec::with_capacity(b * t * width);
        for n in 0..b * t {
            scores.extend(&labels[n * k..][..k]);
            match n % t {
                0 => scores.extend(vec![f32::NAN; width - k]),
                _ => scores.extend(&pairs[n * (width - k)..][..width - k]),
            }
        }
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
                scores[at * width..][..width].fill(f32::NAN);
            }
        }
        Problem { form, scores, transitions, lengths, labels }
    }

    /// Uploaded.
    ///
    /// # Errors
    /// Device errors.
    pub fn on(&self, device: &Device) -> Result<OnDevice> {
        let [b, t, k] = self.form.sizes;
        Ok(OnDevice {
            scores: Tensor::from_f32(device, &[b, t, self.form.width()], &self.scores)?,
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
        let k = self.form.sizes[2] as f64;
        // A position's own score of a transition is one more that is added.
        let terms = if self.form.paired { 5.0 } else { 4.0 };
        EPSILON * (16.0 + k / 8.0) * (terms * size + k.ln() + 4.0)
    }
}
