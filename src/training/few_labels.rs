//! Few cases with classes among many without: batches of both.

use crate::error::{Error, Result};
use crate::kernels::gather::{Selection, Transform, gather};
use crate::tensor::Tensor;

use super::batches::ResidentData;
use super::source::{Batch, BatchSource, Contents};

/// Batches whose first half has classes (all labelled cases, where they are fewer) and whose other cases have none, −1
/// in [`Batch::classes`]. An epoch is one pass over the cases without a class; the labelled ones come round as often as
/// that takes, each round in an order of its own.
#[derive(Debug)]
pub struct FewLabels {
    labelled: ResidentData,
    others: ResidentData,
    /// Labelled cases and others of a batch.
    parts: [usize; 2],
    /// The present epoch's seed and number, and the labelled cases' round in it.
    round: (u64, u64, u64),
    /// The epoch's next case.
    at: usize,
    batch: Option<[Tensor; 2]>,
}

/// Rounds of the labelled cases that an epoch can tell apart.
const ROUNDS: u64 = 1 << 20;

impl FewLabels {
    /// Batches of `batch` cases from both.
    ///
    /// # Errors
    /// [`Error::Setting`] for a batch that has no room for both; [`Error::Data`] where a part has no case;
    /// [`Error::Shape`] where their widths differ.
    pub fn new(labelled: ResidentData, others: ResidentData, batch: usize) -> Result<Self> {
        if batch < 2 {
            let detail =
                format!("{batch}, and a batch has labelled cases and others; use 2 at least");
            return Err(Error::setting("batch", detail));
        }
        for (source, what) in [(&labelled, "a class"), (&others, "no class")] {
            if source.cases() == 0 {
                return Err(Error::data("training data", format!("no case has {what}")));
            }
        }
        if labelled.width() != others.width() {
            let detail = format!("cases of {} and of {} values", labelled.width(), others.width());
            return Err(Error::shape("data", detail));
        }
        let first = (batch / 2).min(labelled.cases());
        let parts = [first, batch - first];
        Ok(FewLabels { labelled, others, parts, round: (0, 0, 0), at: 0, batch: None })
    }

    fn start_round(&mut self) -> Result<()> {
        let (seed, epoch, round) = self.round;
        self.labelled.start_epoch(seed, epoch.wrapping_mul(ROUNDS).wrapping_add(round))
    }

    /// How many labelled cases and others come before case `at` of an epoch.
    fn used(&self, at: usize) -> [usize; 2] {
        let [first, rest] = self.parts;
        let (batches, within) = (at / (first + rest), at % (first + rest));
        let labelled = batches * first + within.min(first);
        [labelled, at - labelled]
    }

    /// Batches of an epoch.
    fn batches(&self) -> usize {
        self.others.cases().div_ceil(self.parts[1])
    }
}

/// Copies all rows of `from` into `to` from `first_row` on.
fn put(from: &Tensor, first_row: usize, to: &mut Tensor) -> Result<usize> {
    let rows = from.shape().matrix("data", "the batch")?[0];
    let order: Vec<u32> = (0..rows as u32).collect();
    let indices = Tensor::from_u32(from.device(), &[rows], &order)?;
    let pick = Selection { indices: &indices, first_index: 0, rows, first_row };
    gather(from, pick, &Transform::default(), to)?;
    Ok(rows)
}

impl BatchSource for FewLabels {
    fn cases(&self) -> usize {
        self.others.cases() + self.batches() * self.parts[0]
    }

    fn width(&self) -> usize {
        self.others.width()
    }

    fn contents(&self) -> Contents {
        let [labelled, others] = [self.labelled.contents(), self.others.contents()];
        let both = labelled.range.zip(others.range);
        let range = both.map(|(a, b)| (a.0.min(b.0), a.1.max(b.1)));
        Contents { range, largest_class: labelled.largest_class }
    }

    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()> {
        (self.round, self.at) = ((seed, epoch, 0), 0);
        self.others.start_epoch(seed, epoch)?;
        self.start_round()
    }

    /// Cases of one batch of its own size, and no more of it than `rows`.
    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>> {
        let [first, rest] = self.parts;
        let (width, at) = (self.width(), self.at % (first + rest));
        let rows = rows.min(first + rest - at).min(self.cases() - self.at);
        if rows == 0 {
            return Ok(None);
        }
        let first = first.saturating_sub(at).min(rows);
        let device = self.labelled.device().clone();
        let mut cases = Tensor::for_output(&device, &[rows, width])?;
        let mut classes = Tensor::from_f32(&device, &[rows, 1], &vec![-1.0; rows])?;
        if rows > first
            && let Some(others) = self.others.next_batch(rows - first)?
        {
            put(others.cases, first, &mut cases)?;
        }
        let mut row = 0;
        while row < first {
            match self.labelled.next_batch(first - row)? {
                None => {
                    self.round.2 += 1;
                    self.start_round()?;
                }
                Some(batch) => {
                    let own = batch.labelled()?.try_clone()?;
                    let count = own.shape().len();
                    put(&own.reshape(&[count, 1])?, row, &mut classes)?;
                    row += put(batch.cases, row, &mut cases)?;
                }
            }
        }
        self.at += rows;
        let [cases, classes] = self.batch.insert([cases, classes.reshape(&[rows])?]);
        Ok(Some(Batch { classes: Some(classes), ..Batch::of(cases) }))
    }

    fn skip(&mut self, cases: usize) -> Result<()> {
        let [before, after] = [self.at, self.cases().min(self.at + cases)].map(|at| self.used(at));
        self.at = self.cases().min(self.at + cases);
        self.others.skip(after[1] - before[1])?;
        self.round.2 = (after[0] / self.labelled.cases()) as u64;
        self.start_round()?;
        self.labelled.skip(after[0] % self.labelled.cases())
    }
}
