//! Minibatches: learners see a [`BatchSource`] and nothing of where the cases come from.

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// A minibatch.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'a> {
    /// The cases, `[rows, …]`.
    pub cases: &'a Tensor,
    /// Their classes, whole numbers as f32 `[rows]`, where the source knows them; of sequences `[rows, positions]`, −1
    /// behind an end.
    pub classes: Option<&'a Tensor>,
    /// Of sequences: how many positions each has, as f32 `[rows]`.
    pub lengths: Option<&'a Tensor>,
    /// How much each case counts, relative to the mean over all cases of the source, `[rows, 1]`; none where all count
    /// alike.
    pub weights: Option<&'a Tensor>,
}

impl<'a> Batch<'a> {
    /// Cases without classes.
    pub fn of(cases: &'a Tensor) -> Self {
        Batch { cases, classes: None, lengths: None, weights: None }
    }

    /// How many cases there are.
    pub fn rows(&self) -> usize {
        self.cases.shape().dims().first().copied().unwrap_or(0)
    }

    /// The lengths of sequences, which the learner needs.
    ///
    /// # Errors
    /// [`Error::Data`] where the cases are no sequences.
    pub fn sequences(&self) -> Result<&'a Tensor> {
        self.lengths.ok_or_else(|| {
            Error::data("training data", "the cases are no sequences; a chain needs some")
        })
    }

    /// The classes, which the learner needs.
    ///
    /// # Errors
    /// [`Error::Data`] where the source knows none.
    pub fn labelled(&self) -> Result<&'a Tensor> {
        self.classes.ok_or_else(|| {
            Error::data("training data", "the cases have no labels; a classifier needs them")
        })
    }
}

/// What a source knows of all its batches before it makes one, so that learners refuse what they cannot take.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Contents {
    /// The least and the greatest value of its cases.
    pub range: Option<(f32, f32)>,
    /// The largest class of its cases.
    pub largest_class: Option<u32>,
}

impl Contents {
    /// Checks that all labels are one of so many classes.
    ///
    /// # Errors
    /// [`Error::Data`] with the largest label.
    pub fn check_classes(&self, classes: usize) -> Result<()> {
        match self.largest_class {
            Some(largest) if largest as usize >= classes => {
                let detail = format!(
                    "a case is of class {largest}, and the model knows the classes 0 to {}; labels count from 0",
                    classes.saturating_sub(1)
                );
                Err(Error::data("training data", detail))
            }
            _ => Ok(()),
        }
    }

    /// Checks that all values lie in a closed interval; `what` can take no others.
    ///
    /// # Errors
    /// [`Error::Data`] with the least and the greatest value.
    pub fn check_range(&self, what: &str, (low, high): (f32, f32)) -> Result<()> {
        match self.range {
            Some((least, greatest)) if least < low || greatest > high => {
                let detail = format!(
                    "the values run from {least} to {greatest}, and {what} take those in [{low}, {high}]; scale them \
                     before"
                );
                Err(Error::data("training data", detail))
            }
            _ => Ok(()),
        }
    }
}

/// Where minibatches come from. The order of an epoch's cases is a function of (seed, epoch) alone.
pub trait BatchSource {
    /// How many cases an epoch has.
    fn cases(&self) -> usize;

    /// Values of a case.
    fn width(&self) -> usize;

    /// Whether its batches tell how much their cases count.
    fn is_weighted(&self) -> bool {
        false
    }

    /// What is known of all cases; nothing where they are read as they are needed.
    fn contents(&self) -> Contents {
        Contents::default()
    }

    /// Begins epoch `epoch`, counted from 1, in its own order.
    ///
    /// # Errors
    /// What the source's device or file gives.
    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()>;

    /// The next `rows` cases, fewer at the epoch's end, then `None`.
    ///
    /// # Errors
    /// What the source's device or file gives.
    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>>;

    /// Passes over the epoch's next `cases` cases, or those that are left of them. Without a cheaper way,
    /// by making their batches.
    ///
    /// # Errors
    /// What the source's device or file gives.
    fn skip(&mut self, mut cases: usize) -> Result<()> {
        const AT_ONCE: usize = 1000;
        while cases > 0 {
            match self.next_batch(cases.min(AT_ONCE))? {
                Some(batch) => cases -= batch.rows().clamp(1, cases),
                None => break,
            }
        }
        Ok(())
    }
}

impl BatchSource for Box<dyn BatchSource> {
    fn cases(&self) -> usize {
        (**self).cases()
    }

    fn width(&self) -> usize {
        (**self).width()
    }

    fn is_weighted(&self) -> bool {
        (**self).is_weighted()
    }

    fn contents(&self) -> Contents {
        (**self).contents()
    }

    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()> {
        (**self).start_epoch(seed, epoch)
    }

    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>> {
        (**self).next_batch(rows)
    }

    fn skip(&mut self, cases: usize) -> Result<()> {
        (**self).skip(cases)
    }
}
