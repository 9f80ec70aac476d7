//! Batches shared among ranks: each has the gradient of some blocks of a batch's rows, all have the sum.

use std::ops::Range;

use super::state::Clock;
use super::{Batch, BatchSource};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::models::{Arrays, HostArray};
use crate::ranks::{Ranks, part};
use crate::tensor::Tensor;

/// A block of a batch: which rows of it, of all ranks' together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Which block, counted from 0.
    pub number: usize,
    /// Of how many.
    pub of: usize,
    /// Cases of the whole batch.
    pub batch: usize,
}

impl Share {
    /// This block's part of `n` things: of the batch's cases, of persistent chains.
    pub fn of(&self, n: usize) -> Range<usize> {
        part(n, self.of, self.number)
    }

    /// Its rows of the batch.
    pub fn rows(&self) -> Range<usize> {
        self.of(self.batch)
    }
}

/// A learner whose updates ranks can share.
///
/// What is drawn for a case belongs to its row of the whole batch: ranks share no number and repeat none.
pub trait Shared {
    /// The learner's device.
    fn device(&self) -> Device;

    /// Why these settings cannot be shared, if they cannot.
    ///
    /// # Errors
    /// [`Error::Setting`] naming the setting.
    fn check_shared(&self) -> Result<()>;

    /// Before the first update of an epoch that has just been started: takes from the source what is needed of a whole
    /// batch. Whether it took anything.
    ///
    /// # Errors
    /// Those of the source; device errors.
    fn prepare(&mut self, _source: &mut dyn BatchSource) -> Result<bool> {
        Ok(false)
    }

    /// One update. [`SharedBatch::summed`] makes that of a [`Summed`] learner.
    ///
    /// # Errors
    /// As [`Learner::update`](crate::training::Learner::update); those of the source; [`Error::Run`] where another rank is
    /// gone.
    fn learn(&mut self, batch: &mut SharedBatch<'_>) -> Result<()>;

    /// Shows the arrays of which each rank keeps its own rows alone: `rows` are cut like batches of so many.
    ///
    /// # Errors
    /// Those of `see`.
    fn scattered(&mut self, see: &mut dyn FnMut(&mut Tensor, usize) -> Result<()>) -> Result<()>;
}

/// A learner whose update is a function of one sum over a batch's cases (and over chains).
pub trait Summed: Shared {
    /// How many numbers are summed.
    fn sums(&self) -> usize;

    /// Whether more than the cases' own parts depends on how much a batch's cases count.
    fn weighs_batches(&self) -> bool {
        false
    }

    /// How much the cases of the batch whose blocks come next count on average, where they count differently: told to those
    /// that [weigh](Summed::weighs_batches) it.
    fn weigh(&mut self, _mean: Option<f32>) {}

    /// A block's part of the sums, into `flat` `[sums]`. `batch` are its rows; none where it has none.
    ///
    /// # Errors
    /// As [`Learner::update`](crate::training::Learner::update).
    fn part(&mut self, share: Share, batch: Option<Batch<'_>>, flat: &mut Tensor) -> Result<()>;

    /// The update, from the sums over all blocks, `[sums]`.
    ///
    /// # Errors
    /// As [`Learner::update`](crate::training::Learner::update).
    fn apply(&mut self, sums: &Tensor) -> Result<()>;
}

/// That the gradient of a batch is the mean of its cases' gradients; `couples` is the setting that makes it more.
pub(super) fn check_cases(couples: Option<&'static str>) -> Result<()> {
    match couples {
        None => Ok(()),
        Some(what) => {
            let detail = "is no sum over a batch's cases, and not shared among ranks: leave it out, or start it without \
                          mpirun and without --reproducible";
            Err(Error::setting(what, detail))
        }
    }
}

/// A batch of all ranks, of which this one sees its own blocks.
pub struct SharedBatch<'a> {
    pub(super) ranks: &'a Ranks,
    pub(super) clock: Clock,
    pub(super) source: &'a mut dyn BatchSource,
    pub(super) rows: usize,
    /// Of what is summed, kept from update to update.
    pub(super) room: &'a mut Option<Tensor>,
}

crate::error::opaque!(SharedBatch<'_>);

impl SharedBatch<'_> {
    /// Calls `see` with each of this rank's blocks, in order, and its rows; none where it has none.
    ///
    /// # Errors
    /// Those of the source and of `see`.
    pub fn each(
        &mut self,
        see: &mut dyn FnMut(Share, Option<Batch<'_>>) -> Result<()>,
    ) -> Result<()> {
        let (of, mut at) = (self.ranks.blocks(), 0);
        for number in self.ranks.blocks_of(self.ranks.rank()) {
            let share = Share { number, of, batch: self.rows };
            let Range { start, end } = share.rows();
            self.source.skip(start - at)?;
            at = end;
            let batch = match end - start {
                0 => None,
                rows => self.source.next_batch(rows)?,
            };
            let found = batch.as_ref().map_or(0, Batch::rows);
            if found != end - start {
                let detail = format!("{found} cases came where {} were expected", end - start);
                return Err(Error::data("training data", detail));
            }
            see(share, batch)?;
        }
        self.source.skip(self.rows - at)
    }

    /// The update of a learner from one sum.
    ///
    /// # Errors
    /// As [`Shared::learn`]; [`Error::Diverged`] where a sum is not finite.
    pub fn summed(&mut self, learner: &mut dyn Summed) -> Result<()> {
        let sums = learner.sums();
        let mut flat = match self.room.take() {
            Some(flat) if flat.shape().len() == sums => flat,
            _ => Tensor::for_output(&learner.device(), &[sums])?,
        };
        let mut own = Vec::new();
        let mut part = |learner: &mut dyn Summed, share, batch: Option<Batch<'_>>| {
            learner.part(share, batch, &mut flat)?;
            own.push(flat.to_vec()?);
            Ok::<_, Error>(())
        };
        if learner.weighs_batches() && self.source.is_weighted() {
            let blocks = self.weighed(learner)?;
            blocks.iter().try_for_each(|(share, block)| {
                part(learner, *share, block.as_ref().map(|block| block.batch()))
            })?;
        } else {
            learner.weigh(None);
            self.each(&mut |share, batch| {
                let weights = batch.as_ref().and_then(|batch| batch.weights);
                if weights.is_some() && learner.weighs_batches() {
                    let detail = "its batches have weights, which the source does not say: BatchSource::is_weighted";
                    return Err(Error::data("training data", detail));
                }
                part(learner, share, batch)
            })?;
        }
        let total = self.ranks.sum(own, sums)?;
        if !total.iter().all(|x| x.is_finite()) {
            return Err(Error::Diverged {
                epoch: self.clock.epoch(),
                step: self.clock.epoch_updates + 1,
                what: "the gradient".into(),
                advice: String::new(),
            });
        }
        if !self.ranks.are_mixed() || self.ranks.is_first() {
            flat.upload(&total)?;
            learner.apply(&flat)?;
        }
        *self.room = Some(flat);
        Ok(())
    }
}

/// Brings together what each rank keeps of its own, so that all have all of it.
pub(super) fn collect(ranks: &Ranks, learner: &mut dyn Shared) -> Result<()> {
    let (of, own) = (ranks.blocks(), ranks.blocks_of(ranks.rank()));
    learner.scattered(&mut |tensor, batch| {
        let mut values = tensor.to_vec()?;
        let rows = tensor.shape().dims().first().copied().unwrap_or(0);
        let width = values.len().checked_div(rows).unwrap_or(0);
        for first in (0..rows).step_by(batch.max(1)) {
            let batch = batch.min(rows - first);
            let mine = part(batch, of, own.start).start..part(batch, of, own.end).start;
            // A sum with zeros leaves what the one owner has.
            for other in [0..mine.start, mine.end..batch] {
                values[(first + other.start) * width..(first + other.end) * width].fill(0.0);
            }
        }
        tensor.upload(&ranks.sum_one(values)?)
    })
}

/// Puts rows of persistent chains back, from row `first` on.
pub(super) fn put_rows(own: &Tensor, all: &mut Tensor, first: usize) -> Result<()> {
    let width = all.shape().matrix("ranks", "the chains")?[1];
    all.copy_part(first * width, own, 0..own.shape().len())
}

/// That all ranks have the same arrays after an epoch, bit for bit.
pub(super) fn compare(ranks: &Ranks, epoch: u64, arrays: &Arrays) -> Result<()> {
    let mut crc = crc32fast::Hasher::new();
    for (name, array) in arrays {
        crc.update(name.as_bytes());
        crc.update(bytemuck::cast_slice(&array.values));
    }
    let all = ranks.gather(&crc.finalize().to_le_bytes())?;
    let other: Vec<String> =
        (0..all.len()).filter(|&r| all[r] != all[0]).map(|r| r.to_string()).collect();
    if other.is_empty() {
        return Ok(());
    }
    let detail = format!(
        "after epoch {epoch} the model of rank {} is not that of rank 0, bit for bit; their devices or drivers compute \
         differently: use equal ones, or check them with `harmonium verify`",
        other.join(", ")
    );
    Err(Error::run("ranks", detail))
}

type Head = ([u64; 4], Vec<(String, Vec<usize>)>);

/// State as bytes: sizes and names as JSON, then all values.
pub(super) fn encode(clock: Clock, arrays: &Arrays) -> Vec<u8> {
    let Clock { epochs, updates, epoch_updates, epoch_cases } = clock;
    let sizes = arrays.iter().map(|(name, a)| (name.clone(), a.shape.clone())).collect();
    let head: Head = ([epochs, updates, epoch_updates, epoch_cases], sizes);
    let head = serde_json::to_vec(&head).unwrap_or_default();
    let mut bytes = (head.len() as u64).to_le_bytes().to_vec();
    bytes.extend(head);
    arrays.values().for_each(|a| bytes.extend(bytemuck::cast_slice::<f32, u8>(&a.values)));
    bytes
}

/// What [`encode`] gave.
pub(super) fn decode(bytes: &[u8]) -> Result<(Clock, Arrays)> {
    let broken = || Error::run("ranks", "rank 0 sent a state that cannot be read");
    let (length, rest) = bytes.split_first_chunk::<8>().ok_or_else(broken)?;
    let length = u64::from_le_bytes(*length) as usize;
    let (head, mut rest) = rest.split_at_checked(length).ok_or_else(broken)?;
    let head: Head = serde_json::from_slice(head).map_err(|_| broken())?;
    let mut arrays = Arrays::new();
    for (name, shape) in head.1 {
        let bytes = 4 * shape.iter().product::<usize>();
        let (own, others) = rest.split_at_checked(bytes).ok_or_else(broken)?;
        rest = others;
        arrays.insert(name, HostArray { shape, values: bytemuck::pod_collect_to_vec(own) });
    }
    let [epochs, updates, epoch_updates, epoch_cases] = head.0;
    Ok((Clock { epochs, updates, epoch_updates, epoch_cases }, arrays))
}
