//! Which cases a classifier gets wrong.

use super::argmax::{Extreme, argmax};
use super::cases::{Place, class_of, for_rows, lanes, row_groups};
use super::slices::is_long;
use super::{expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("error_count", "rows", "extreme");

/// `wrong[first_row + b]` is 0 where the column of row b's extreme value (as in
/// [`argmax`]) is `classes[b]`, else 1. x `[B, N]`, `classes` `[B]` whole numbers as
/// f32; the other elements of `wrong` stay. A row with a NaN is wrong, and so is every row whose class is
/// none. The sum over an epoch, by [`reduce`](super::reduce::reduce), is the number of errors.
///
/// ```
/// use harmonium::kernels::Place;
/// use harmonium::kernels::argmax::Extreme;
/// use harmonium::kernels::error_count::error_count;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[2, 3], &[1.0, 7.0, 2.0, 5.0, 4.0, 2.0])?;
/// let classes = Tensor::from_f32(&device, &[2], &[1.0, 2.0])?;
/// let mut wrong = Tensor::for_output(&device, &[2])?;
/// error_count(&x, &classes, Extreme::Largest, Place::at(&mut wrong, 0))?;
/// assert_eq!(wrong.to_vec()?, [0.0, 1.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), also where `wrong` has no room,
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn error_count(x: &Tensor, classes: &Tensor, extreme: Extreme, wrong: Place<'_>) -> Result<()> {
    let op = "error_count";
    let [rows, columns] = x.shape().matrix(op, "x")?;
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "the classes", classes, x.device(), &[rows])?;
    let to = wrong.check(op, "wrong", Element::F32, x.device(), rows)?;
    let count = (rows * columns) as u64;
    let cost = Cost { flops: count, bytes: 4 * count + 8 * rows as u64 };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, classes) = (x.host()?.f32(), classes.host()?.f32());
            let wrong = &mut wrong.tensor.host_mut()?.f32_mut()[to];
            cpu.run(op, cost, || {
                for_rows(columns, wrong, None, |r, _| {
                    let column = extreme.column(&x[r * columns..(r + 1) * columns]);
                    let right = class_of(classes[r], columns) == Some(column);
                    if right { 0.0 } else { 1.0 }
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let each = columns.div_ceil(lanes(gpu, &SHADER, columns)? as usize) as u64;
            let mut chosen = None;
            if is_long(gpu, each) {
                let mut columns = Tensor::for_indices(x.device(), &[rows])?;
                argmax(x, extreme, Place::at(&mut columns, 0))?;
                chosen = Some(columns);
            }
            // One column to look at, where they were chosen.
            let (lanes, loops) = match &chosen {
                Some(_) => (1, 0),
                None => (lanes(gpu, &SHADER, columns)?, each),
            };
            let sizes = [rows, columns, lanes as usize, to.start].map(|n| n as u32);
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[("CHOSEN", flag(chosen.is_some()))],
                params: bytemuck::bytes_of(&[sizes, [extreme.mask(), 0, columns as u32, 0]]),
                binds: &[
                    Bind::Read(chosen.as_ref().unwrap_or(x).gpu()?),
                    Bind::Read(classes.gpu()?),
                    Bind::Update(wrong.tensor.gpu()?),
                ],
                loops,
                groups: row_groups(gpu, &SHADER, rows, lanes)?,
                cost,
            })
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::argmax::proof::{EXTREMES, ties};
    use crate::kernels::cross_entropy::proof::classes;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("error_count", &[&SHADER], standard, bench)
        .slip(["select(1.0, 0.0, right)", "select(0.0, 1.0, right)"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for extreme in EXTREMES {
            for values in Values::ALL {
                out.push(case(device, [101, 10], extreme, values)?);
            }
            out.push(case(device, [29, 1009], extreme, Values::Ordinary)?);
        }
        out.push(long_rows(|| case(device, [1, LONG], Extreme::Largest, Values::Rising))?);
        Ok(())
    }

    /// One call on `[rows, columns]`: half of the classes are the right ones, every ninth is none.
    pub fn case(
        device: &Device,
        dims: [usize; 2],
        extreme: Extreme,
        values: Values,
    ) -> Result<Outcome> {
        let [rows, columns] = dims;
        let mut inputs = Inputs::new((rows * 1031 + columns) as u64);
        let x = ties(&mut inputs, dims, values);
        let mut classes = classes(&mut inputs, rows, columns);
        for (r, class) in classes.iter_mut().enumerate().filter(|(r, _)| r % 9 != 8 && r % 2 == 0) {
            *class = extreme.column(&x[r * columns..][..columns]) as f32;
        }
        let run = |device: &Device| {
            let x = Tensor::from_f32(device, &dims, &x)?;
            let classes = Tensor::from_f32(device, &[rows], &classes)?;
            let mut wrong = Tensor::from_f32(device, &[rows + 5], &vec![7.0; rows + 5])?;
            error_count(&x, &classes, extreme, Place::at(&mut wrong, 4))?;
            wrong.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        check.exact_f32("wrong", &expected, &found);
        Ok(check.outcome("error_count", format!("{dims:?} {extreme:?} {values:?}")))
    }

    /// 10 classes and 1,000; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for dims in [[10_000, 10], [1000, 1000]] {
            let (x, classes) = (b.random(&dims, 1)?, Tensor::zeros(b.device, &[dims[0]])?);
            let mut wrong = b.output(&[dims[0]])?;
            b.case(&format!("{dims:?}"), dims[0] * dims[1], || {
                error_count(&x, &classes, Extreme::Largest, Place::at(&mut wrong, 0))
            })?;
        }
        Ok(())
    }
}
