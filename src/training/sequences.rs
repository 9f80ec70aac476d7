//! Sequences on the device, and padded minibatches of them.

use crate::data::Sequences;
use crate::data::Values;
use crate::device::Device;
use crate::error::{Error, Result};
use crate::kernels::gather::{Selection, Transform, gather};
use crate::random::{Draw, PhiloxRng, stream};
use crate::tensor::Tensor;

use super::source::{Batch, BatchSource, Contents};

/// Sequences of positions, each a case of D values, resident as bits, u8 or f32 with one row more, which is 0 and stands
/// behind every end. A batch is `[sequences, longest, D]` with labels and lengths: whoever reads it knows the sizes of
/// a position.
///
/// An epoch's order is a function of (seed, epoch): sequences sorted by length, equal ones in a random order, cut into
/// groups of `bucket`; the groups come in a random order, a smaller one last. With batches of `bucket` sequences hardly
/// anything is padding.
#[derive(Debug)]
pub struct ResidentSequences {
    device: Device,
    /// `[positions + 1, D]`.
    source: Tensor,
    scale: f32,
    /// `[positions + 1, 1]`, −1 last.
    labels: Option<Tensor>,
    contents: Contents,
    /// Each sequence's positions end where the next one's begin.
    starts: Vec<usize>,
    width: usize,
    bucket: usize,
    order: Vec<u32>,
    at: usize,
    batch: Option<[Tensor; 2]>,
    classes: Option<Tensor>,
}

impl ResidentSequences {
    /// Uploads them; they are read as positions of the sizes `dims`.
    ///
    /// # Errors
    /// As [`Sequences::check`]; [`Error::Shape`] where positions do not have these sizes, [`Error::Setting`] for a bucket of
    /// none, [`Error::Limit`] where they do not fit one binding, [`Error::OutOfMemory`].
    pub fn new(
        device: &Device,
        sequences: &Sequences,
        dims: &[usize],
        bucket: usize,
    ) -> Result<Self> {
        sequences.check()?;
        let (cases, n, width) = (&sequences.cases, sequences.cases.len(), sequences.cases.width());
        if crate::shape::product(dims) != Some(width) {
            let detail = format!("positions of {width} values cannot be seen as {dims:?}");
            return Err(Error::shape("sequences", detail));
        }
        if bucket == 0 {
            return Err(Error::setting("batch", "0 is too few; use at least 1"));
        }
        let rows = [n + 1, width];
        let source = match cases.values() {
            Values::Bits(bits) => {
                Tensor::from_bits(device, rows, &[bits.as_slice(), &vec![0; width]].concat())
            }
            Values::U8 { values, .. } => {
                Tensor::from_u8(device, rows, &[values.as_slice(), &vec![0; width]].concat())
            }
            Values::F32(values) => {
                Tensor::from_f32(device, &rows, &[values.as_slice(), &vec![0.0; width]].concat())
            }
        }?;
        let scale = match cases.values() {
            Values::U8 { scale, .. } => *scale,
            _ => 1.0,
        };
        let labels = match &sequences.labels {
            Some(labels) => {
                let labels = labels.iter().map(|&label| label as f32);
                let labels: Vec<f32> = labels.chain([-1.0]).collect();
                Some(Tensor::from_f32(device, &[n + 1, 1], &labels)?)
            }
            None => None,
        };
        Ok(ResidentSequences {
            device: device.clone(),
            source,
            scale,
            labels,
            contents: Contents {
                range: cases.range(),
                largest_class: sequences.labels.iter().flatten().copied().max(),
            },
            starts: sequences.starts.clone(),
            width,
            bucket,
            order: Vec::new(),
            at: 0,
            batch: None,
            classes: None,
        })
    }

    /// How many positions all sequences have.
    pub fn positions(&self) -> usize {
        self.starts.last().copied().unwrap_or(0)
    }

    /// How many positions the longest sequence has.
    pub fn longest(&self) -> usize {
        self.starts.windows(2).map(|ends| ends[1] - ends[0]).max().unwrap_or(0)
    }

    /// Begins a pass over all sequences in their own order.
    pub fn start_in_order(&mut self) {
        self.order = (0..self.cases() as u32).collect();
        self.at = 0;
    }

    fn length(&self, sequence: u32) -> usize {
        let at = sequence as usize;
        self.starts[at + 1] - self.starts[at]
    }

    /// Makes the batch of these sequences.
    fn gather(&mut self, sequences: &[u32]) -> Result<()> {
        let lengths: Vec<usize> = sequences.iter().map(|&s| self.length(s)).collect();
        let (b, t) = (sequences.len(), lengths.iter().copied().max().unwrap_or(0));
        let padding = self.positions();
        let mut indices = vec![padding as u32; b * t];
        for ((row, &sequence), &length) in
            indices.chunks_exact_mut(t.max(1)).zip(sequences).zip(&lengths)
        {
            let first = self.starts[sequence as usize];
            let own = row.iter_mut().take(length).zip(first..);
            own.for_each(|(index, position)| *index = position as u32);
        }
        let indices = Tensor::from_u32(&self.device, &[b * t], &indices)?;
        let pick = Selection { indices: &indices, first_index: 0, rows: b * t, first_row: 0 };
        let mut cases = Tensor::for_output(&self.device, &[b * t, self.width])?;
        let scaled = Transform { scale: self.scale, ..Transform::default() };
        gather(&self.source, pick, &scaled, &mut cases)?;
        self.classes = match &self.labels {
            Some(labels) => {
                let mut classes = Tensor::for_output(&self.device, &[b * t, 1])?;
                gather(labels, pick, &Transform::default(), &mut classes)?;
                Some(classes.reshape(&[b, t])?)
            }
            None => None,
        };
        let lengths: Vec<f32> = lengths.into_iter().map(|n| n as f32).collect();
        let lengths = Tensor::from_f32(&self.device, &[b], &lengths)?;
        self.batch = Some([cases.reshape(&[b, t, self.width])?, lengths]);
        Ok(())
    }
}

impl BatchSource for ResidentSequences {
    fn cases(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    fn width(&self) -> usize {
        self.width
    }

    fn contents(&self) -> Contents {
        self.contents
    }

    fn start_epoch(&mut self, seed: u64, epoch: u64) -> Result<()> {
        let draw = Draw::new(seed, stream::SHUFFLE).at(epoch);
        let mut order = PhiloxRng::new(draw).permutation(self.cases() as u32);
        order.sort_by_key(|&sequence| self.length(sequence));
        let groups: Vec<&[u32]> = order.chunks_exact(self.bucket).collect();
        let shuffled = PhiloxRng::new(draw.from_case(1)).permutation(groups.len() as u32);
        let mut all: Vec<u32> =
            shuffled.into_iter().flat_map(|group| groups[group as usize]).copied().collect();
        all.extend(order.chunks_exact(self.bucket).remainder());
        (self.order, self.at) = (all, 0);
        Ok(())
    }

    fn next_batch(&mut self, rows: usize) -> Result<Option<Batch<'_>>> {
        let end = self.at.saturating_add(rows).min(self.order.len());
        let sequences = self.order[self.at..end].to_vec();
        self.at = end;
        if sequences.is_empty() {
            return Ok(None);
        }
        self.gather(&sequences)?;
        let classes = self.classes.as_ref();
        let batch = self.batch.as_ref();
        Ok(batch.map(|[cases, lengths]| Batch {
            classes,
            lengths: Some(lengths),
            ..Batch::of(cases)
        }))
    }

    fn skip(&mut self, cases: usize) -> Result<()> {
        self.at = self.at.saturating_add(cases).min(self.order.len());
        Ok(())
    }
}
