//! Cases on the device, and the batches that are gathered from them.

use crate::data::{Cases, Values, epoch_draw};
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::gather::{Binarization, Selection, Transform, gather};
use crate::tensor::Tensor;

use super::source::Batch;

/// What the gather kernel does to each value: nothing, standardise, or draw anew each epoch.
#[derive(Debug, Clone, Default)]
pub struct Treatment {
    /// Mean and standard deviation per column: finite, the latter not 0.
    pub standardize: Option<(Vec<f32>, Vec<f32>)>,
    /// Each value is a probability, drawn anew in each epoch from this seed.
    pub resample: Option<u64>,
}

impl Treatment {
    /// Checks that there are a mean and a deviation for each column, and that they standardise it.
    fn check(&self, width: usize) -> Result<()> {
        let Some((means, deviations)) = &self.standardize else { return Ok(()) };
        let wrong = |detail| Err(Error::data("standardize", detail));
        let (n, m) = (means.len(), deviations.len());
        if [n, m] != [width; 2] {
            let detail = format!("{n} means and {m} deviations for {width} columns");
            return wrong(format!("{detail}; give one of each for every column"));
        }
        let whole =
            |(mean, deviation): (&f32, &f32)| mean.is_finite() && (1.0 / deviation).is_normal();
        match means.iter().zip(deviations).position(|column| !whole(column)) {
            None => Ok(()),
            Some(at) => {
                let (mean, deviation) = (means[at], deviations[at]);
                wrong(format!(
                    "column {at} has the mean {mean} and the deviation {deviation}; both must be finite, and no deviation 0: \
                     give a column that does not vary the deviation 1"
                ))
            }
        }
    }
}

/// Cases that follow each other in a set, in one tensor: bits, u8 or f32.
pub(super) struct Shard {
    source: Tensor,
    /// What one unit of u8 is worth.
    scale: f32,
    /// The cases' classes as f32, `[cases, 1]`.
    labels: Option<Tensor>,
    /// Their weights, `[cases, 1]`.
    weights: Option<Tensor>,
    /// The number of its first case in the source.
    first_number: u32,
    /// Each case's number, where they do not follow the first.
    numbers: Option<Tensor>,
    pub cases: usize,
}

/// How many cases of a set fit in a tensor of so many bytes; 32-bit indices of elements bound it as well.
///
/// # Errors
/// [`Error::Limit`] where not even one does.
pub(super) fn rows_below(device: &Device, cases: &Cases, bytes: u64) -> Result<usize> {
    let width = cases.width();
    let row_bytes = 4 * match cases.values() {
        Values::Bits(_) => width.div_ceil(32),
        Values::U8 { .. } => width.div_ceil(4),
        Values::F32(_) => width,
    } as u64;
    let by_index = i32::MAX as u64 / width.max(1) as u64;
    match (bytes / row_bytes.max(1)).min(by_index) as usize {
        0 => Err(Error::Limit {
            op: "data",
            what: "one case".into(),
            asked: row_bytes,
            limit: bytes,
            bytes: true,
            adapter: device.info().to_string(),
        }),
        rows => Ok(rows),
    }
}

impl Shard {
    /// Whether its cases have weights.
    pub fn is_weighted(&self) -> bool {
        self.weights.is_some()
    }

    /// Uploads cases from `first` on, as far as `count`. `weights`: those of all; `drawn`: whether values are drawn by the
    /// cases' numbers.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`].
    pub fn upload(
        device: &Device,
        cases: &Cases,
        [first, count]: [usize; 2],
        weights: Option<&[f32]>,
        drawn: bool,
    ) -> Result<Self> {
        let width = cases.width();
        let span = first * width..(first + count) * width;
        let dims = [count, width];
        let (source, scale) = match cases.values() {
            Values::Bits(bits) => (Tensor::from_bits(device, dims, &bits[span])?, 1.0),
            Values::U8 { values, scale } => (Tensor::from_u8(device, dims, &values[span])?, *scale),
            Values::F32(values) => (Tensor::from_f32(device, &dims, &values[span])?, 1.0),
        };
        let (first_number, own) = cases.numbers().span(first, count);
        // Values that are drawn nowhere need none.
        let own = own.filter(|_| drawn);
        let numbers = own.map(|own| Tensor::from_u32(device, &[count], own)).transpose()?;
        let column =
            |all: &[f32]| Tensor::from_f32(device, &[count, 1], &all[first..first + count]);
        let weights = weights.map(column).transpose()?;
        Ok(Shard { source, scale, labels: None, weights, first_number, numbers, cases: count })
    }

    /// Says the class of each case.
    ///
    /// # Errors
    /// [`Error::Data`] for a class of 2²⁴ or above; [`Error::OutOfMemory`].
    pub fn label(&mut self, classes: &[u32]) -> Result<()> {
        if let Some(class) = classes.iter().find(|&&class| class >= 1 << 24) {
            return Err(Error::data(
                "training data",
                format!("the label {class} is above 2^24 - 1"),
            ));
        }
        let values: Vec<f32> = classes.iter().map(|&class| class as f32).collect();
        self.labels = Some(Tensor::from_f32(self.source.device(), &[self.cases, 1], &values)?);
        Ok(())
    }
}

/// Makes batches of shards' cases.
pub(super) struct Gatherer {
    device: Device,
    pub width: usize,
    standardize: Option<(Tensor, Tensor)>,
    resample: Option<u64>,
    /// A batch's sizes after the first.
    case_dims: Vec<usize>,
    cases: Option<Tensor>,
    classes: Option<Tensor>,
    weights: Option<Tensor>,
}

impl Gatherer {
    /// # Errors
    /// [`Error::Data`] where the treatment does not fit; device errors.
    pub fn new(device: &Device, width: usize, treatment: Treatment) -> Result<Self> {
        treatment.check(width)?;
        let row = |values: &[f32]| Tensor::from_f32(device, &[width], values);
        let standardize = treatment.standardize.map(|(mean, std)| {
            let inverse: Vec<f32> = std.iter().map(|s| 1.0 / s).collect();
            Ok::<_, Error>((row(&mean)?, row(&inverse)?))
        });
        Ok(Gatherer {
            device: device.clone(),
            width,
            standardize: standardize.transpose()?,
            resample: treatment.resample,
            case_dims: vec![width],
            cases: None,
            classes: None,
            weights: None,
        })
    }

    /// Batches of the sizes `[rows, dims…]`.
    ///
    /// # Errors
    /// [`Error::Shape`] where dims do not have as many values as a case.
    pub fn see_as(&mut self, dims: &[usize]) -> Result<()> {
        if crate::shape::product(dims) != Some(self.width) || dims.len() > 3 {
            let detail = format!("cases of {} values cannot be seen as {dims:?}", self.width);
            return Err(Error::shape("data", detail));
        }
        self.case_dims = dims.to_vec();
        Ok(())
    }

    /// Whether values are drawn anew in each epoch.
    pub fn draws(&self) -> bool {
        self.resample.is_some()
    }

    /// What the gather kernel does to the values of a shard in an epoch.
    pub fn transform<'a>(&'a self, shard: &'a Shard, epoch: u64) -> Transform<'a> {
        Transform {
            scale: shard.scale,
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

    /// Begins a batch of so many rows.
    ///
    /// # Errors
    /// Device errors.
    pub fn begin(&mut self, rows: usize, labelled: bool, weighted: bool) -> Result<()> {
        let device = self.device.clone();
        let sized = |old: Option<Tensor>, columns: usize| match old {
            Some(tensor) if tensor.shape().len() == rows * columns => {
                tensor.reshape(&[rows, columns])
            }
            _ => Tensor::for_output(&device, &[rows, columns]),
        };
        let column = |old: Option<Tensor>, wanted: bool| {
            Ok::<_, Error>(if wanted { Some(sized(old, 1)?) } else { None })
        };
        self.cases = Some(sized(self.cases.take(), self.width)?);
        self.classes = column(self.classes.take(), labelled)?;
        self.weights = column(self.weights.take(), weighted)?;
        Ok(())
    }

    /// Puts cases of a shard into it.
    ///
    /// # Errors
    /// Device errors.
    pub fn put(&mut self, shard: &Shard, pick: Selection<'_>, epoch: u64) -> Result<()> {
        let Some(mut cases) = self.cases.take() else { return Ok(()) };
        gather(&shard.source, pick, &self.transform(shard, epoch), &mut cases)?;
        self.cases = Some(cases);
        let columns = [(&mut self.classes, &shard.labels), (&mut self.weights, &shard.weights)];
        for (column, own) in columns {
            if let (Some(column), Some(own)) = (column, own) {
                gather(own, pick, &Transform::default(), column)?;
            }
        }
        Ok(())
    }

    /// Ends the batch.
    ///
    /// # Errors
    /// Device errors.
    pub fn end(&mut self, rows: usize) -> Result<()> {
        let dims: Vec<usize> =
            std::iter::once(rows).chain(self.case_dims.iter().copied()).collect();
        self.cases = self.cases.take().map(|cases| cases.reshape(&dims)).transpose()?;
        self.classes = self.classes.take().map(|c| c.reshape(&[rows])).transpose()?;
        Ok(())
    }

    /// The batch that was made last.
    pub fn batch(&self) -> Option<Batch<'_>> {
        let (classes, weights) = (self.classes.as_ref(), self.weights.as_ref());
        self.cases.as_ref().map(|cases| Batch { classes, weights, ..Batch::of(cases) })
    }

    /// Gathers outside of batches.
    ///
    /// # Errors
    /// Device errors.
    pub fn gather(&self, shard: &Shard, pick: Selection<'_>, out: &mut Tensor) -> Result<()> {
        gather(&shard.source, pick, &self.transform(shard, 0), out)
    }
}

impl Shard {
    /// Whether it has classes, and weights.
    pub fn has(&self) -> [bool; 2] {
        [self.labels.is_some(), self.weights.is_some()]
    }
}
