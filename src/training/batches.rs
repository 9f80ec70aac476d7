//! A data set on the device, and minibatches of it.

use crate::data::{Binarize, Cases, Part, Preprocessing, Values};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::gather::Selection;
use crate::random::{Draw, PhiloxRng, stream};
use crate::tensor::Tensor;

use super::shard::{Gatherer, Shard, Treatment, rows_below};
use super::source::{Batch, BatchSource, Contents};

/// Cases as they are uploaded, and what is left to the device: standardisation of bytes, and the redraw of each epoch.
///
/// # Errors
/// [`Error::Data`] where the preprocessing does not fit.
pub(super) fn prepared(
    cases: Cases,
    preprocessing: &Preprocessing,
    seed: u64,
    part: Part,
) -> Result<(Cases, Treatment)> {
    let bytes = matches!(cases.values(), Values::U8 { .. });
    if let (Some(mean), Some(std), true) = (&preprocessing.mean, &preprocessing.std, bytes) {
        preprocessing.check(cases.width())?;
        let standardize = Some((mean.clone(), std.clone()));
        return Ok((cases, Treatment { standardize, resample: None }));
    }
    let again = preprocessing.binarize == Some(Binarize::Resample) && !cases.is_binary();
    let cases = preprocessing.apply(cases, seed, part)?;
    Ok((cases, Treatment { standardize: None, resample: again.then_some(seed) }))
}

/// A data set on the device: bits, u8 or f32, whichever holds its source without loss, in shards that
/// each fit a storage binding.
pub struct ResidentData {
    device: Device,
    shards: Vec<Shard>,
    cases: usize,
    contents: Contents,
    epoch: Option<Epoch>,
    gatherer: Gatherer,
}

crate::error::opaque!(ResidentData);

/// An epoch's order: shards in a random order, each with its cases in a random order. A batch may reach
/// from one shard into the next.
struct Epoch {
    order: Vec<(usize, Tensor)>,
    number: u64,
    /// The position within `order`, and within that shard's list.
    at: (usize, usize),
}

impl ResidentData {
    /// Prepares cases as `preprocessing` says and uploads them. Standardisation of bytes and the redraw
    /// of each epoch happen on the device; everything else here.
    ///
    /// # Errors
    /// [`Error::Data`] where the preprocessing does not fit, [`Error::Limit`] where a single case exceeds
    /// a binding, [`Error::OutOfMemory`].
    pub fn prepare(
        device: &Device,
        cases: Cases,
        preprocessing: &Preprocessing,
        seed: u64,
        part: Part,
    ) -> Result<Self> {
        let (cases, treatment) = prepared(cases, preprocessing, seed, part)?;
        Self::new(device, &cases, treatment)
    }

    /// Uploads cases.
    ///
    /// # Errors
    /// As [`ResidentData::prepare`]; [`Error::Data`] where values that are to be drawn are no probabilities.
    pub fn new(device: &Device, cases: &Cases, treatment: Treatment) -> Result<Self> {
        Self::with_shards_below(device, cases, treatment, device.max_tensor_bytes())
    }

    /// As [`ResidentData::new`], in shards of at most `bytes` bytes.
    ///
    /// # Errors
    /// As [`ResidentData::prepare`].
    pub fn with_shards_below(
        device: &Device,
        cases: &Cases,
        treatment: Treatment,
        bytes: u64,
    ) -> Result<Self> {
        let n = cases.len();
        if n > i32::MAX as usize {
            return Err(Error::data("data", format!("{n} cases; at most 2147483647 are possible")));
        }
        let rows = rows_below(device, cases, bytes)?;
        if treatment.resample.is_some() {
            cases.check_unit_interval("training data")?;
        }
        let range = match treatment.standardize {
            Some(_) => None,
            None => cases.range(),
        };
        let contents = Contents { range, largest_class: None };
        let gatherer = Gatherer::new(device, cases.width(), treatment)?;
        let (mut shards, mut first) = (Vec::new(), 0);
        let weights = cases.weights();
        while first < n {
            let span = [first, rows.min(n - first)];
            shards.push(Shard::upload(device, cases, span, weights.as_deref(), gatherer.draws())?);
            first += span[1];
        }
        Ok(ResidentData {
            device: device.clone(),
            shards,
            cases: n,
            contents,
            epoch: None,
            gatherer,
        })
    }

    /// The same data with the class of each case, for [`Batch::classes`].
    ///
    /// # Errors
    /// [`Error::Data`] where there are not as many classes as cases, or one is 2²⁴ or above;
    /// [`Error::OutOfMemory`].
    pub fn with_labels(mut self, labels: &[u32]) -> Result<Self> {
        if labels.len() != self.cases {
            let detail = format!("{} labels for {} cases", labels.len(), self.cases);
            return Err(Error::data("training data", detail));
        }
        self.contents.largest_class = labels.iter().copied().max();
        let mut left = labels;
        for shard in &mut self.shards {
            let (own, others) = left.split_at(shard.cases);
            shard.label(own)?;
            left = others;
        }
        Ok(self)
    }

    /// The same data in batches of the sizes `[rows, dims…]`, as pictures `[rows, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where dims do not have as many values as a case.
    pub fn with_case_dims(mut self, dims: &[usize]) -> Result<Self> {
        self.gatherer.see_as(dims)?;
        Ok(self)
    }

    /// Gathers the next cases and, where there are some, their classes; false at the epoch's end.
    fn gather_next(&mut self, rows: usize) -> Result<bool> {
        let Some(epoch) = &mut self.epoch else { return Ok(false) };
        let listed = |i: usize| epoch.order[i].1.shape().len();
        let left: usize = (epoch.at.0..epoch.order.len()).map(listed).sum::<usize>() - epoch.at.1;
        let rows = rows.min(left);
        if rows == 0 {
            return Ok(false);
        }
        let [labelled, weighted] =
            [0, 1].map(|what| self.shards.iter().all(|shard| shard.has()[what]));
        self.gatherer.begin(rows, labelled, weighted)?;
        let mut row = 0;
        while row < rows {
            let (which, first_index) = epoch.at;
            let (shard, indices) = &epoch.order[which];
            let shard = &self.shards[*shard];
            let take = (rows - row).min(shard.cases - first_index);
            let pick = Selection { indices, first_index, rows: take, first_row: row };
            self.gatherer.put(shard, pick, epoch.number)?;
            row += take;
            epoch.at.1 += take;
            if epoch.at.1 == shard.cases {
                epoch.at = (which + 1, 0);
            }
        }
        self.gatherer.end(rows)?;
        Ok(true)
    }

    /// Where the data are.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// How many shards hold the data.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    /// The first `count` cases (or all, where there are fewer) in their own order, as f32. Values that
    /// are drawn anew each epoch are drawn as for `epoch` 0.
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::OutOfMemory`], [`Error::DeviceLost`].
    pub fn head(&self, count: usize) -> Result<Tensor> {
        let count = count.min(self.cases);
        let mut out = Tensor::for_output(&self.device, &[count, self.gatherer.width])?;
        let mut row = 0;
        for shard in &self.shards {
            let rows = shard.cases.min(count - row);
            if rows == 0 {
                break;
            }
            let order: Vec<u32> = (0..rows as u32).collect();
            let indices = Tensor::from_u32(&self.device, &[rows], &order)?;
            let pick = Selection { indices: &indices, first_index: 0, rows, first_row: row };
            self.gatherer.gather(shard, pick, &mut out)?;
            row += rows;
        }
        Ok(out)
    }
}

impl BatchSource for ResidentData {
    fn cases(&self) -> usize {
        self.cases
    }

    fn width(&self) -> usize {
        self.gatherer.width
    }

    fn is_weighted(&self) -> bool {
        self.shards.iter().any(Shard::is_weighted)
    }

    fn contents(&self) -> Contents {
        self.contents
    }

    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()> {
        // Row 0 of the stream orders the shards, row 1 + s the cases of shard s.
        let draw = Draw::new(seed, stream::SHUFFLE).at(epoch);
        let shards = PhiloxRng::new(draw).permutation(self.shards.len() as u32);
        let mut order = Vec::with_capacity(shards.len());
        for s in shards {
            let cases = self.shards[s as usize].cases;
            let list = PhiloxRng::new(draw.from_case(1 + s)).permutation(cases as u32);
            order.push((s as usize, Tensor::from_u32(&self.device, &[cases], &list)?));
        }
        self.epoch = Some(Epoch { order, number: epoch, at: (0, 0) });
        Ok(())
    }

    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>> {
        let whole = self.gather_next(rows)?;
        Ok(self.gatherer.batch().filter(|_| whole))
    }

    fn skip(&mut self, mut cases: usize) -> Result<()> {
        let Some(epoch) = &mut self.epoch else { return Ok(()) };
        while let Some((_, indices)) = epoch.order.get(epoch.at.0) {
            let take = cases.min(indices.shape().len() - epoch.at.1);
            cases -= take;
            epoch.at.1 += take;
            if epoch.at.1 < indices.shape().len() {
                break;
            }
            epoch.at = (epoch.at.0 + 1, 0);
        }
        Ok(())
    }
}
