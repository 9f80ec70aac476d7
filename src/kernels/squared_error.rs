//! The squared error of each case, and its gradient.

use std::ops::Range;

use super::cases::{Losses, for_rows, lanes, row_groups, squared_distance};
use super::slices::column_slices;
use super::{expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::{Element, Tensor};

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("squared_error", "rows");

/// `loss[first_row + b] = Σ (x_b − t_b)²`, and, where asked for, `dx = scale · 2(x − t)`. x, the
/// target t and dx `[B, N]`; loss `[≥ first_row + B]`, whose other elements stay.
///
/// The sum is over the N numbers of a case, no mean and not halved. NaN and infinities
/// propagate. Squares are summed in f32: in 16 parts on the CPU, in up to 64 on a GPU, joined in a fixed
/// order.
///
/// ```
/// use harmonium::kernels::Losses;
/// use harmonium::kernels::squared_error::squared_error;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 2], &[1.0, 5.0])?;
/// let t = Tensor::from_f32(&device, &[1, 2], &[1.0, 3.0])?;
/// let mut loss = Tensor::for_output(&device, &[1])?;
/// let mut dx = Tensor::for_output(&device, &[1, 2])?;
/// squared_error(&x, &t, Losses::at(&mut loss, 0).with_gradient(&mut dx, 1.0))?;
/// assert_eq!(loss.to_vec()?, [4.0]);
/// assert_eq!(dx.to_vec()?, [0.0, 4.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), also where `loss` has no room,
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn squared_error(x: &Tensor, target: &Tensor, out: Losses<'_>) -> Result<()> {
    let op = "squared_error";
    let [rows, columns] = x.shape().matrix(op, "x")?;
    let device = x.device();
    expect(op, "x", x, device, x.shape().dims())?;
    expect(op, "the target", target, device, x.shape().dims())?;
    let to = out.loss.check(op, "the loss", Element::F32, device, rows)?;
    let Losses { loss, gradient: dx, scale } = out;
    if let Some(dx) = &dx {
        expect(op, "dx", dx, device, x.shape().dims())?;
    }
    let passes = 2 + u64::from(dx.is_some());
    let count = (rows * columns) as u64;
    let cost = Cost { flops: 2 * passes * count, bytes: 4 * passes * count + 4 * rows as u64 };
    let slope = 2.0 * scale;
    match device.backend() {
        Backend::Cpu(cpu) => {
            let (x, target) = (x.host()?.f32(), target.host()?.f32());
            let loss = &mut loss.tensor.host_mut()?.f32_mut()[to];
            let dx = dx.map(Tensor::host_mut).transpose()?.map(|h| h.f32_mut());
            cpu.run(op, cost, || {
                for_rows(columns, loss, dx, |r, dx| {
                    let row = r * columns..(r + 1) * columns;
                    let (x, target) = (&x[row.clone()], &target[row]);
                    for ((dx, x), t) in dx.iter_mut().zip(x).zip(target) {
                        *dx = slope * (x - t);
                    }
                    squared_distance(x, target)
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let lanes = lanes(gpu, &SHADER, columns)?;
            let groups = row_groups(gpu, &SHADER, rows, lanes)?;
            column_slices(gpu, columns, lanes, 1).try_for_each(|slice| {
                let [Range { start, end }] = slice.ranges;
                let params = [
                    rows as u32,
                    columns as u32,
                    lanes,
                    to.start as u32,
                    slope.to_bits(),
                    start,
                    end,
                    0,
                ];
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[("GRADIENT", flag(dx.is_some())), ("RESUMES", slice.resumes())],
                    params: bytemuck::bytes_of(&params),
                    binds: &[
                        Bind::Read(x.gpu()?),
                        Bind::Read(target.gpu()?),
                        Bind::Update(loss.tensor.gpu()?),
                        match &dx {
                            Some(dx) => slice.output(dx.gpu()?),
                            None => Bind::Unused,
                        },
                    ],
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

    pub(crate) static ENTRY: Entry =
        Entry::new("squared_error", &[&SHADER], standard, bench).slip([
            "loss[params.first_row + row] = sum;",
            "loss[params.first_row + row] = sum * 1.001;",
        ]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for values in Values::ALL {
            out.push(case(device, [5, 37], true, values)?);
        }
        out.push(case(device, [1, 1], true, Values::Ordinary)?);
        out.push(case(device, [13, 784], true, Values::Wide)?);
        out.push(case(device, [100, 784], false, Values::Ordinary)?);
        out.push(long_rows(|| case(device, [1, LONG], true, Values::Rising))?);
        Ok(())
    }

    /// One call on `[rows, columns]`, with or without a gradient.
    pub fn case(
        device: &Device,
        dims: [usize; 2],
        gradient: bool,
        values: Values,
    ) -> Result<Outcome> {
        let [rows, columns] = dims;
        let mut inputs = Inputs::new((rows * 1019 + columns) as u64);
        let x = inputs.values(values, rows * columns);
        let target = inputs.values(values, rows * columns);
        let scale = 0.37;
        let run = |device: &Device| {
            let x = Tensor::from_f32(device, &dims, &x)?;
            let target = Tensor::from_f32(device, &dims, &target)?;
            let mut loss = Tensor::from_f32(device, &[rows + 5], &vec![7.0; rows + 5])?;
            let mut dx = Tensor::zeros(device, &dims)?;
            let gradient = gradient.then_some(&mut dx);
            squared_error(&x, &target, Losses { gradient, scale, ..Losses::at(&mut loss, 1) })?;
            Ok((loss.to_vec()?, dx.to_vec()?))
        };
        let (expected, found) = both(device, run)?;
        let n = columns.max(1) as f64;
        let differences: Vec<f64> =
            x.iter().zip(&target).map(|(x, t)| f64::from(*x) - f64::from(*t)).collect();
        // A square errs by 3 EPSILON, a sum by as many as it has terms; flushing changes a difference by 2 FLUSH. 1.5
        // for both devices together.
        let loss = |i: usize| {
            let Some(row) = i.checked_sub(1).filter(|&r| r < rows) else { return 0.0 };
            let row = &differences[row * columns..][..columns];
            let squares: f64 = row.iter().map(|d| d * d).sum();
            let flushed: f64 = row.iter().map(|d| FLUSH * (1.0 + 4.0 * d.abs())).sum();
            1.5 * EPSILON * (n + 4.0) * squares + flushed + FLUSH
        };
        let slope = 2.0 * f64::from(scale);
        let mut check = Check::default();
        check.compare("loss", &expected.0, &found.0, loss);
        check.compare("dx", &expected.1, &found.1, |i| {
            1.5 * EPSILON * 3.0 * slope * differences[i].abs() + FLUSH * (1.0 + 2.0 * slope)
        });
        let form = if gradient { "" } else { " loss alone" };
        Ok(check.outcome("squared_error", format!("{dims:?}{form} {values:?}")))
    }

    /// With the gradient; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for dims in [[100, 784], [1000, 784]] {
            let (x, t) = (b.random(&dims, 1)?, b.random(&dims, 2)?);
            let (mut loss, mut dx) = (b.output(&[dims[0]])?, b.output(&dims)?);
            b.case(&format!("{dims:?}"), dims[0] * dims[1], || {
                squared_error(&x, &t, Losses::at(&mut loss, 0).with_gradient(&mut dx, 0.01))
            })?;
        }
        Ok(())
    }
}
