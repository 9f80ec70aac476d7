//! A minibatch from a resident shard: cases picked by index, scaled, standardised, binarised, as f32.

use rayon::prelude::*;

use super::{expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, HostBuffer, Shader};
use crate::error::{Error, Result};
use crate::random::{self, Draw};
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("gather", "philox");

/// What is done to each value after it is scaled.
#[derive(Debug, Clone, Copy, Default)]
pub struct Transform<'a> {
    /// Factor of the stored value (1/255 for pixels; 0 means 1).
    pub scale: f32,
    /// `(x − mean) · inverse deviation`, both `[columns]`.
    pub standardize: Option<(&'a Tensor, &'a Tensor)>,
    /// What becomes of it then.
    pub binarize: Binarization,
    /// A number for each of the source's cases, u32 `[cases]`, by which it is sampled.
    pub numbers: Option<&'a Tensor>,
}

/// How values in [0, 1] become 0 or 1.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Binarization {
    /// They stay as they are.
    #[default]
    None,
    /// x ≥ threshold.
    Threshold(f32),
    /// 1 with probability x, to less than 2⁻²⁴ and at 0 and 1 exactly ([`random::bernoulli`]). The random
    /// case number is `draw.first_case` plus the case's index, or plus its number where the transform has
    /// some, so the draw does not depend on the order of the cases.
    Sample(Draw),
}

/// Which cases go where.
#[derive(Debug, Clone, Copy)]
pub struct Selection<'a> {
    /// Case numbers within the source, u32; a number past the source's end reads arbitrary memory of the
    /// source or zeros, so it is checked where the list is made.
    pub indices: &'a Tensor,
    /// The first entry of `indices` to take.
    pub first_index: usize,
    /// How many.
    pub rows: usize,
    /// The row of the output that the first of them becomes.
    pub first_row: usize,
}

/// `out[first_row + r] = transform(source[indices[first_index + r]])` for r in 0 … rows. The source is
/// `[cases, columns]` of f32, u8 or bits; the output `[≥ first_row + rows, columns]` of f32; its other
/// rows stay.
///
/// # Errors
/// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn gather(
    source: &Tensor,
    pick: Selection<'_>,
    transform: &Transform<'_>,
    out: &mut Tensor,
) -> Result<()> {
    let op = "gather";
    let device = out.device().clone();
    device.require_same(op, source.device())?;
    device.require_same(op, pick.indices.device())?;
    pick.indices.require(op, "the index list", Element::U32)?;
    out.require(op, "the output", Element::F32)?;
    let [cases, columns] = source.shape().matrix(op, "the source")?;
    let [out_rows, out_columns] = out.shape().matrix(op, "the output")?;
    let listed = pick.indices.shape().len();
    let fits = columns == out_columns
        && pick.first_row.saturating_add(pick.rows) <= out_rows
        && pick.first_index.saturating_add(pick.rows) <= listed
        && (cases > 0 || pick.rows == 0);
    if !fits || source.element() == Element::U32 {
        return Err(Error::shape(
            op,
            format!(
                "{source:?}, {} of {listed} indices from {}, into {} from row {}",
                pick.rows,
                pick.first_index,
                out.shape(),
                pick.first_row
            ),
        ));
    }
    if let Some((mean, inverse)) = transform.standardize {
        expect(op, "the mean", mean, &device, &[columns])?;
        expect(op, "the inverse deviation", inverse, &device, &[columns])?;
    }
    if let Some(numbers) = transform.numbers {
        device.require_same(op, numbers.device())?;
        numbers.require(op, "the cases' numbers", Element::U32)?;
        if numbers.shape().len() != cases {
            let detail = format!("{} numbers for {cases} cases", numbers.shape().len());
            return Err(Error::shape(op, detail));
        }
    }
    let count = (pick.rows * columns) as u64;
    let cost = Cost {
        flops: 2 * count,
        bytes: 4 * count + 4 * (pick.rows * source.element().row_words(columns)) as u64,
    };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let task = HostGather::new(source, pick, transform, cases)?;
            let out = out.host_mut()?.f32_mut();
            let span = pick.first_row * columns..(pick.first_row + pick.rows) * columns;
            cpu.run(op, cost, || {
                if columns > 0 {
                    out[span]
                        .par_chunks_mut(columns)
                        .with_min_len(1 + 2048 / columns)
                        .enumerate()
                        .for_each(|(r, row)| task.row(r, row));
                }
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let draw = match transform.binarize {
                Binarization::Sample(draw) => draw,
                _ => Draw::new(0, 0),
            };
            let threshold = match transform.binarize {
                Binarization::Threshold(t) => t,
                _ => 0.0,
            };
            let ([k0, k1], [c0, c1]) = (draw.key(), draw.counter_words());
            let params = [
                pick.rows as u32,
                columns as u32,
                source.element().row_words(columns) as u32,
                pick.first_index as u32,
                pick.first_row as u32,
                draw.first_case,
                scale_of(transform).to_bits(),
                threshold.to_bits(),
                k0,
                k1,
                c0,
                c1,
            ];
            let standardize = transform.standardize;
            let mean = standardize.map(|s| s.0.gpu()).transpose()?;
            let inverse = standardize.map(|s| s.1.gpu()).transpose()?;
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &constants(
                    source.element(),
                    standardize.is_some(),
                    transform.binarize,
                    transform.numbers.is_some(),
                ),
                params: bytemuck::bytes_of(&params),
                binds: &[
                    Bind::Read(source.gpu()?),
                    Bind::Read(pick.indices.gpu()?),
                    mean.map_or(Bind::Unused, Bind::Read),
                    inverse.map_or(Bind::Unused, Bind::Read),
                    transform.numbers.map_or(Ok(Bind::Unused), |n| n.gpu().map(Bind::Read))?,
                    Bind::Update(out.gpu()?),
                ],
                loops: 0,
                groups: groups(pick.rows * columns.div_ceil(4), gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

fn constants(
    source: Element,
    standardize: bool,
    binarize: Binarization,
    numbered: bool,
) -> [(&'static str, u32); 4] {
    let source = match source {
        Element::U8 => 1,
        Element::Bits => 2,
        _ => 0,
    };
    let binarize = match binarize {
        Binarization::None => 0,
        Binarization::Threshold(_) => 1,
        Binarization::Sample(_) => 2,
    };
    let (standardize, numbered) = (flag(standardize), flag(numbered));
    [
        ("SOURCE", source),
        ("BINARIZE", binarize),
        ("STANDARDIZE", standardize),
        ("NUMBERED", numbered),
    ]
}

fn scale_of(transform: &Transform<'_>) -> f32 {
    if transform.scale == 0.0 { 1.0 } else { transform.scale }
}

/// The CPU path's view of its arguments.
struct HostGather<'a> {
    source: &'a HostBuffer,
    element: Element,
    case_words: usize,
    indices: &'a [u32],
    scale: f32,
    standardize: Option<(&'a [f32], &'a [f32])>,
    binarize: Binarization,
    numbers: Option<&'a [u32]>,
    cases: usize,
}

impl<'a> HostGather<'a> {
    fn new(
        source: &'a Tensor,
        pick: Selection<'a>,
        transform: &Transform<'a>,
        cases: usize,
    ) -> Result<Self> {
        let columns = source.shape().matrix("gather", "the source")?[1];
        let indices = pick.indices.host()?.words();
        let standardize = match transform.standardize {
            Some((mean, inverse)) => Some((mean.host()?.f32(), inverse.host()?.f32())),
            None => None,
        };
        Ok(HostGather {
            source: source.host()?,
            element: source.element(),
            case_words: source.element().row_words(columns),
            indices: &indices[pick.first_index..pick.first_index + pick.rows],
            scale: scale_of(transform),
            standardize,
            binarize: transform.binarize,
            numbers: transform.numbers.map(|n| n.host().map(HostBuffer::words)).transpose()?,
            cases,
        })
    }

    fn row(&self, r: usize, row: &mut [f32]) {
        let case = (self.indices[r] as usize).min(self.cases - 1);
        let words = &self.source.words()[case * self.case_words..(case + 1) * self.case_words];
        let scale = self.scale;
        match self.element {
            Element::U8 => {
                let bytes: &[u8] = bytemuck::must_cast_slice(words);
                // Words hold the first byte lowest; on a big-endian host that is not memory order.
                if cfg!(target_endian = "little") {
                    row.iter_mut().zip(bytes).for_each(|(x, &b)| *x = f32::from(b) * scale);
                } else {
                    for (i, x) in row.iter_mut().enumerate() {
                        *x = ((words[i / 4] >> (8 * (i % 4))) & 0xff) as f32 * scale;
                    }
                }
            }
            Element::Bits => {
                for (chunk, &word) in row.chunks_mut(32).zip(words) {
                    for (i, x) in chunk.iter_mut().enumerate() {
                        *x = ((word >> i) & 1) as f32 * scale;
                    }
                }
            }
            _ => row.iter_mut().zip(words).for_each(|(x, &w)| *x = f32::from_bits(w) * scale),
        }
        if let Some((mean, inverse)) = self.standardize {
            for ((x, m), s) in row.iter_mut().zip(mean).zip(inverse) {
                *x = (*x - m) * s;
            }
        }
        match self.binarize {
            Binarization::None => {}
            Binarization::Threshold(t) => {
                row.iter_mut().for_each(|x| *x = f32::from(u8::from(*x >= t)));
            }
            Binarization::Sample(draw) => {
                let number = self.numbers.map_or(case as u32, |numbers| numbers[case]);
                random::bernoulli_row(&draw, [number, 0], row);
            }
        }
    }
}

#[doc(hidden)]
pub mod proof;
