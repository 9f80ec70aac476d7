//! A data set on the device, and minibatches of it.

use crate::data::{Binarize, Cases, Preprocessing, Values, epoch_draw};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::gather::{Binarization, Selection, Transform, gather};
use crate::random::{Draw, PhiloxRng, stream};
use crate::tensor::Tensor;

use super::source::{Batch, BatchSource};

/// What the gather kernel does to each value: nothing, standardise, or draw anew each epoch.
#[derive(Debug, Clone, Default)]
pub struct Treatment {
    /// Mean and standard deviation per column.
    pub standardize: Option<(Vec<f32>, Vec<f32>)>,
    /// Each value is a probability, drawn anew in each epoch from this seed.
    pub resample: Option<u64>,
}

/// A data set on the device: bits, u8 or f32, whichever holds its source without loss, in shards that
/// each fit a storage binding.
pub struct ResidentData {
    device: Device,
    shards: Vec<Shard>,
    width: usize,
    cases: usize,
    scale: f32,
    standardize: Option<(Tensor, Tensor)>,
    resample: Option<u64>,
    epoch: Option<Epoch>,
    batch: Option<Tensor>,
    /// A batch's sizes after the first, where they are not `[width]`.
    case_dims: Vec<usize>,
    /// The classes and the weights of the last batch.
    batch_labels: Option<Tensor>,
    batch_weights: Option<Tensor>,
}

struct Shard {
    source: Tensor,
    /// The cases' classes as f32, `[cases, 1]`.
    labels: Option<Tensor>,
    /// Their weights, `[cases, 1]`.
    weights: Option<Tensor>,
    /// The place of its first case among all, and that case's number in the source.
    first_case: usize,
    first_number: u32,
    /// Each case's number, where they do not follow the first.
    numbers: Option<Tensor>,
    cases: usize,
}

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
        part: crate::data::Part,
    ) -> Result<Self> {
        let bytes = matches!(cases.values(), Values::U8 { .. });
        match (&preprocessing.mean, &preprocessing.std) {
            (Some(mean), Some(std)) if bytes => {
                preprocessing.check(cases.width())?;
                let treatment =
                    Treatment { standardize: Some((mean.clone(), std.clone())), resample: None };
                Self::new(device, &cases, treatment)
            }
            _ => {
                let resample = (preprocessing.binarize == Some(Binarize::Resample)
                    && !cases.is_binary())
                .then_some(seed);
                let cases = preprocessing.apply(cases, seed, part)?;
                Self::new(device, &cases, Treatment { standardize: None, resample })
            }
        }
    }

    /// Uploads cases.
    ///
    /// # Errors
    /// As [`ResidentData::prepare`].
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
        let (n, width) = (cases.len(), cases.width());
        if n > i32::MAX as usize {
            return Err(Error::data("data", format!("{n} cases; at most 2147483647 are possible")));
        }
        let row_bytes = 4 * match cases.values() {
            Values::Bits(_) => width.div_ceil(32),
            Values::U8 { .. } => width.div_ceil(4),
            Values::F32(_) => width,
        } as u64;
        // 32-bit element indices bound a shard as well.
        let by_index = i32::MAX as u64 / width.max(1) as u64;
        let rows = (bytes / row_bytes.max(1)).min(by_index) as usize;
        if rows == 0 {
            return Err(Error::Limit {
                op: "data",
                what: "one case".into(),
                asked: row_bytes,
                limit: bytes,
                bytes: true,
                adapter: device.info().to_string(),
            });
        }
        let (mut shards, mut first_case) = (Vec::new(), 0);
        let weights = cases.weights();
        while first_case < n {
            let count = rows.min(n - first_case);
            let span = first_case * width..(first_case + count) * width;
            let dims = [count, width];
            let source = match cases.values() {
                Values::Bits(bits) => Tensor::from_bits(device, dims, &bits[span])?,
                Values::U8 { values, .. } => Tensor::from_u8(device, dims, &values[span])?,
                Values::F32(values) => Tensor::from_f32(device, &dims, &values[span])?,
            };
            let (first_number, own) = cases.numbers().span(first_case, count);
            // Values that are drawn nowhere need none.
            let own = own.filter(|_| treatment.resample.is_some());
            let numbers = own.map(|own| Tensor::from_u32(device, &[count], own)).transpose()?;
            let weights = weights.as_ref().map(|all| {
                Tensor::from_f32(device, &[count, 1], &all[first_case..first_case + count])
            });
            shards.push(Shard {
                source,
                labels: None,
                weights: weights.transpose()?,
                first_case,
                first_number,
                numbers,
                cases: count,
            });
            first_case += count;
        }
        let row = |values: &[f32]| Tensor::from_f32(device, &[width], values);
        let standardize = treatment.standardize.map(|(mean, std)| {
            let inverse: Vec<f32> = std.iter().map(|s| 1.0 / s).collect();
            Ok::<_, Error>((row(&mean)?, row(&inverse)?))
        });
        let scale = match cases.values() {
            Values::U8 { scale, .. } => *scale,
            _ => 1.0,
        };
        Ok(ResidentData {
            device: device.clone(),
            shards,
            width,
            cases: n,
            scale,
            standardize: standardize.transpose()?,
            resample: treatment.resample,
            epoch: None,
            batch: None,
            case_dims: vec![width],
            batch_labels: None,
            batch_weights: None,
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
        if let Some(class) = labels.iter().find(|&&class| class >= 1 << 24) {
            return Err(Error::data(
                "training data",
                format!("the label {class} is above 2^24 - 1"),
            ));
        }
        for shard in &mut self.shards {
            let first = shard.first_case;
            let classes = &labels[first..first + shard.cases];
            let values: Vec<f32> = classes.iter().map(|&class| class as f32).collect();
            shard.labels = Some(Tensor::from_f32(&self.device, &[shard.cases, 1], &values)?);
        }
        Ok(self)
    }

    /// The same data in batches of the sizes `[rows, dims…]`, as pictures `[rows, C, H, W]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where dims do not have as many values as a case.
    pub fn with_case_dims(mut self, dims: &[usize]) -> Result<Self> {
        if crate::shape::product(dims) != Some(self.width) || dims.len() > 3 {
            return Err(Error::shape(
                "data",
                format!("cases of {} values cannot be seen as {dims:?}", self.width),
            ));
        }
        self.case_dims = dims.to_vec();
        Ok(self)
    }

    /// Gathers the next cases and, where there are some, their classes; false at the epoch's end.
    fn gather_next(&mut self, rows: usize) -> Result<bool> {
        let Some(mut epoch) = self.epoch.take() else { return Ok(false) };
        let listed = |i: usize| epoch.order[i].1.shape().len();
        let left: usize = (epoch.at.0..epoch.order.len()).map(listed).sum::<usize>() - epoch.at.1;
        let rows = rows.min(left);
        if rows == 0 {
            return Ok(false);
        }
        let sized = |old: Option<Tensor>, columns: usize| match old {
            Some(tensor) if tensor.shape().len() == rows * columns => {
                tensor.reshape(&[rows, columns])
            }
            _ => Tensor::for_output(&self.device, &[rows, columns]),
        };
        let mut batch = sized(self.batch.take(), self.width)?;
        let mut classes = match self.shards.iter().all(|shard| shard.labels.is_some()) {
            true => Some(sized(self.batch_labels.take(), 1)?),
            false => None,
        };
        let mut weights = match self.shards.iter().all(|shard| shard.weights.is_some()) {
            true => Some(sized(self.batch_weights.take(), 1)?),
            false => None,
        };
        let mut row = 0;
        while row < rows {
            let (which, first_index) = epoch.at;
            let (shard, indices) = &epoch.order[which];
            let shard = &self.shards[*shard];
            let take = (rows - row).min(shard.cases - first_index);
            let pick = Selection { indices, first_index, rows: take, first_row: row };
            gather(&shard.source, pick, &self.transform(shard, epoch.number), &mut batch)?;
            let columns = [(&mut classes, &shard.labels), (&mut weights, &shard.weights)];
            for (column, own) in columns {
                if let (Some(column), Some(own)) = (column, own) {
                    gather(own, pick, &Transform::default(), column)?;
                }
            }
            row += take;
            epoch.at.1 += take;
            if epoch.at.1 == shard.cases {
                epoch.at = (which + 1, 0);
            }
        }
        self.epoch = Some(epoch);
        let dims: Vec<usize> =
            std::iter::once(rows).chain(self.case_dims.iter().copied()).collect();
        self.batch = Some(batch.reshape(&dims)?);
        self.batch_labels = classes.map(|c| c.reshape(&[rows])).transpose()?;
        self.batch_weights = weights;
        Ok(true)
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
        let mut out = Tensor::for_output(&self.device, &[count, self.width])?;
        let mut row = 0;
        for shard in &self.shards {
            let rows = shard.cases.min(count - row);
            if rows == 0 {
                break;
            }
            let order: Vec<u32> = (0..rows as u32).collect();
            let indices = Tensor::from_u32(&self.device, &[rows], &order)?;
            let pick = Selection { indices: &indices, first_index: 0, rows, first_row: row };
            gather(&shard.source, pick, &self.transform(shard, 0), &mut out)?;
            row += rows;
        }
        Ok(out)
    }

    fn transform<'a>(&'a self, shard: &'a Shard, epoch: u64) -> Transform<'a> {
        Transform {
            scale: self.scale,
            standardize: self.standardize.as_ref().map(|(mean, inverse)| (mean, inverse)),
            binarize: match self.resample {
                Some(seed) => {
                    Binarization::Sample(epoch_draw(seed, epoch).from_case(shard.first_number))
                }
                None => Binarization::None,
            },
            numbers: shard.numbers.as_ref(),
        }
    }
}

impl BatchSource for ResidentData {
    fn cases(&self) -> usize {
        self.cases
    }

    fn width(&self) -> usize {
        self.width
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
        let cases = self.batch.as_ref().filter(|_| whole);
        let (classes, weights) = (self.batch_labels.as_ref(), self.batch_weights.as_ref());
        Ok(cases.map(|cases| Batch { classes, weights, ..Batch::of(cases) }))
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
