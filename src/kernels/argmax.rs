//! The column of each row's largest or smallest value.

use std::ops::Range;

use super::cases::{Place, for_rows, lanes, row_groups};
use super::slices::column_slices;
use super::{expect, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("argmax", "rows", "extreme");

/// Which value is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extreme {
    /// The largest, for scores and probabilities.
    Largest,
    /// The smallest, for distances.
    Smallest,
}

impl Extreme {
    /// The column of a row's extreme, the first of equal ones; the row's length where it holds a NaN or
    /// nothing.
    pub(crate) fn column(self, row: &[f32]) -> usize {
        match self {
            Extreme::Largest => first(row, |x, best| x > best),
            Extreme::Smallest => first(row, |x, best| x < best),
        }
    }

    /// What turns the order of the shader's integers round.
    pub(super) fn mask(self) -> u32 {
        match self {
            Extreme::Largest => 0,
            Extreme::Smallest => u32::MAX,
        }
    }
}

#[inline(always)]
fn first(row: &[f32], beats: impl Fn(f32, f32) -> bool) -> usize {
    let mut column = 0;
    for (i, &x) in row.iter().enumerate() {
        if x.is_nan() {
            return row.len();
        }
        if beats(x, row[column]) {
            column = i;
        }
    }
    column
}

/// `chosen[first_row + b]` (u32) is the column of row b's extreme value, the first of equal ones; a row
/// with a NaN chooses N, which is no column. x `[B, N]`; the other elements of `chosen` stay. Zeros of both
/// signs are equal, infinities are values like others, and with N = 0 the choice is 0 = N. Every device
/// gives the same: GPUs compare the bits.
///
/// ```
/// use harmonium::kernels::Place;
/// use harmonium::kernels::argmax::{Extreme, argmax};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[2, 3], &[1.0, 7.0, 7.0, 0.0, f32::NAN, 2.0])?;
/// let mut chosen = Tensor::for_indices(&device, &[2])?;
/// argmax(&x, Extreme::Largest, Place::at(&mut chosen, 0))?;
/// assert_eq!(chosen.to_words()?, [1, 3]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), also where `chosen` has no room,
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn argmax(x: &Tensor, extreme: Extreme, chosen: Place<'_>) -> Result<()> {
    let op = "argmax";
    let [rows, columns] = x.shape().matrix(op, "x")?;
    expect(op, "x", x, x.device(), x.shape().dims())?;
    let to = chosen.check(op, "chosen", Element::U32, x.device(), rows)?;
    let count = (rows * columns) as u64;
    let cost = Cost { flops: count, bytes: 4 * count + 4 * rows as u64 };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let x = x.host()?.f32();
            let chosen = &mut chosen.tensor.host_mut()?.words_mut()[to];
            cpu.run(op, cost, || {
                for_rows(columns, chosen, None, |r, _| {
                    extreme.column(&x[r * columns..(r + 1) * columns]) as u32
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let lanes = lanes(gpu, &SHADER, columns)?;
            let sizes = [rows, columns, lanes as usize, to.start].map(|n| n as u32);
            let groups = row_groups(gpu, &SHADER, rows, lanes)?;
            column_slices(gpu, columns, lanes, 1).try_for_each(|slice| {
                let [Range { start, end }] = slice.ranges;
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[],
                    params: bytemuck::bytes_of(&[sizes, [extreme.mask(), start, end, 0]]),
                    binds: &[Bind::Read(x.gpu()?), Bind::Update(chosen.tensor.gpu()?)],
                    loops: slice.loops,
                    groups,
                    cost: slice.cost(cost),
                })
            })
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("argmax", &[&SHADER], standard, bench)
        .slip(["+ row] = column;", "+ row] = column + 1u;"]);

    /// Both.
    pub const EXTREMES: [Extreme; 2] = [Extreme::Largest, Extreme::Smallest];

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for extreme in EXTREMES {
            for values in Values::ALL {
                out.push(case(device, [101, 10], extreme, values)?);
            }
            out.push(case(device, [7, 1009], extreme, Values::Ordinary)?);
        }
        out.push(long_rows(|| case(device, [1, LONG], Extreme::Largest, Values::Rising))?);
        Ok(())
    }

    /// Rows in which the extremes stand twice or more, here and there as zeros of both signs.
    pub(crate) fn ties(
        inputs: &mut Inputs,
        [rows, columns]: [usize; 2],
        values: Values,
    ) -> Vec<f32> {
        let mut x = inputs.values(values, rows * columns);
        for (r, row) in x.chunks_mut(columns.max(1)).enumerate() {
            match r % 4 {
                0 => {}
                1 => row.reverse(),
                // Each number twice or three times.
                2 => (0..row.len()).for_each(|c| row[c] = row[c / 3]),
                _ => {
                    let word = inputs.below(8, row.len());
                    // Zeros, with a number of one sign between them.
                    row.iter_mut().zip(word).for_each(|(x, word)| match word {
                        0..3 => *x = 0.0,
                        3..6 => *x = -0.0,
                        _ if r % 8 == 3 => *x = x.abs(),
                        _ => *x = -x.abs(),
                    });
                }
            }
        }
        x
    }

    /// One call on `[rows, columns]`.
    pub fn case(
        device: &Device,
        dims: [usize; 2],
        extreme: Extreme,
        values: Values,
    ) -> Result<Outcome> {
        let [rows, columns] = dims;
        let x = ties(&mut Inputs::new((rows * 1021 + columns) as u64), dims, values);
        let run = |device: &Device| {
            let x = Tensor::from_f32(device, &dims, &x)?;
            let mut chosen = Tensor::from_u32(device, &[rows + 5], &vec![77; rows + 5])?;
            argmax(&x, extreme, Place::at(&mut chosen, 4))?;
            chosen.to_words()
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        check.exact("chosen", &expected, &found);
        Ok(check.outcome("argmax", format!("{dims:?} {extreme:?} {values:?}")))
    }

    /// The largest of 10 columns and of 1,000; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for dims in [[10_000, 10], [1000, 1000]] {
            let (x, mut chosen) = (b.random(&dims, 1)?, Tensor::for_indices(b.device, &[dims[0]])?);
            b.case(&format!("{dims:?}"), dims[0] * dims[1], || {
                argmax(&x, Extreme::Largest, Place::at(&mut chosen, 0))
            })?;
        }
        Ok(())
    }
}
