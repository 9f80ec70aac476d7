//! The column of each row's largest or smallest value.

use super::cases::{for_rows, lanes, place, row_groups};
use super::{expect, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub static SHADER: Shader = shader!("argmax", "rows", "extreme");

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
/// use harmonium::kernels::argmax::{Extreme, argmax};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[2, 3], &[1.0, 7.0, 7.0, 0.0, f32::NAN, 2.0])?;
/// let mut chosen = Tensor::for_indices(&device, &[2])?;
/// argmax(&x, Extreme::Largest, (&mut chosen, 0))?;
/// assert_eq!(chosen.to_words()?, [1, 3]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), also where `chosen` has no room,
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn argmax(
    x: &Tensor,
    extreme: Extreme,
    (chosen, first_row): (&mut Tensor, usize),
) -> Result<()> {
    let op = "argmax";
    let [rows, columns] = x.shape().matrix(op, "x")?;
    expect(op, "x", x, x.device(), x.shape().dims())?;
    let to = place(op, ("chosen", chosen, first_row), Element::U32, x.device(), rows)?;
    let count = (rows * columns) as u64;
    let cost = Cost { flops: count, bytes: 4 * count + 4 * rows as u64 };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let x = x.host()?.f32();
            let chosen = &mut chosen.host_mut()?.words_mut()[to];
            cpu.run(op, cost, || {
                for_rows(columns, chosen, None, |r, _| {
                    extreme.column(&x[r * columns..(r + 1) * columns]) as u32
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let lanes = lanes(gpu, &SHADER, columns);
            let sizes = [rows, columns, lanes as usize, first_row].map(|n| n as u32);
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[],
                params: bytemuck::bytes_of(&[sizes, [extreme.mask(), 0, 0, 0]]),
                binds: &[Bind::Read(x.gpu()?), Bind::Update(chosen.gpu()?)],
                groups: row_groups(&SHADER, rows, lanes),
                cost,
            })
        }
    }
}
