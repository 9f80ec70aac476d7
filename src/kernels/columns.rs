//! Columns of one matrix copied into another: layers put side by side, and parted again.

use rayon::prelude::*;

use super::{expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("columns");

/// Which columns go where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first column of x.
    pub from: usize,
    /// The column of y that it becomes.
    pub to: usize,
    /// How many there are.
    pub count: usize,
}

/// `y[r, to + c] = x[r, from + c]` for c in 0 … count: x `[R, _]`, y `[R, _]`, the other columns of y stay. Values
/// are copied bit for bit, what is not finite too; a size of 0 is no error.
///
/// ```
/// use harmonium::kernels::columns::{Span, columns};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[2, 3], &[1., 2., 3., 4., 5., 6.])?;
/// let mut y = Tensor::zeros(&device, &[2, 2])?;
/// columns(&x, Span { from: 2, to: 0, count: 1 }, &mut y)?;
/// assert_eq!(y.to_vec()?, [3., 0., 6., 0.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`] where the rows differ or a matrix has fewer columns, [`Error::DeviceMismatch`],
/// [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn columns(x: &Tensor, span: Span, y: &mut Tensor) -> Result<()> {
    let op = "columns";
    let [rows, x_columns] = x.shape().matrix(op, "x")?;
    let [y_rows, y_columns] = y.shape().matrix(op, "y")?;
    expect(op, "x", x, x.device(), &[rows, x_columns])?;
    expect(op, "y", y, x.device(), &[y_rows, y_columns])?;
    let Span { from, to, count } = span;
    let within = |first: usize, all| first.checked_add(count).is_some_and(|end| end <= all);
    if rows != y_rows || !within(from, x_columns) || !within(to, y_columns) {
        let (x, y) = (x.shape(), y.shape());
        let detail = format!(
            "{count} columns of x {x} from column {from} on do not fit y {y} from column {to} on"
        );
        return Err(Error::shape(op, detail));
    }
    if rows * count == 0 {
        return Ok(());
    }
    let cost = Cost { flops: (rows * count) as u64, bytes: 8 * (rows * count) as u64 };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, y) = (x.host()?.f32(), y.host_mut()?.f32_mut());
            cpu.run(op, cost, || {
                let lines = y.par_chunks_mut(y_columns).zip(x.par_chunks(x_columns));
                lines.with_min_len(1 + 4096 / count).for_each(|(y, x)| {
                    y[to..to + count].copy_from_slice(&x[from..from + count]);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let params = [rows, count, x_columns, from, y_columns, to, 0, 0].map(|n| n as u32);
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[],
                params: bytemuck::bytes_of(&params),
                binds: &[Bind::Read(x.gpu()?), Bind::Update(y.gpu()?)],
                groups: groups(rows * count, gpu.size(&SHADER, "WORKGROUP")?),
                loops: 0,
                cost,
            })
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("columns", &[&SHADER], standard, bench)
        .slip(["params.x_first + column]", "params.x_first + column + 1u]"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for values in Values::ALL {
            out.push(case(device, 37, [70, 67], Span { from: 3, to: 0, count: 65 }, values)?);
        }
        for (widths, span) in [
            ([5, 9], Span { from: 0, to: 4, count: 5 }),
            ([129, 10], Span { from: 119, to: 0, count: 10 }),
            ([1, 1], Span { from: 0, to: 0, count: 1 }),
        ] {
            out.push(case(device, 101, widths, span, Values::Ordinary)?);
        }
        Ok(())
    }

    /// One call on `rows` rows, x and y of these `widths`: a copy, so that nothing may differ (subnormal numbers may
    /// be flushed); what lies beside it stays.
    pub fn case(
        device: &Device,
        rows: usize,
        widths: [usize; 2],
        span: Span,
        values: Values,
    ) -> Result<Outcome> {
        let x = Inputs::new((rows * 1009 + widths[0]) as u64).values(values, rows * widths[0]);
        let (expected, found) = both(device, |device| {
            let x = Tensor::from_f32(device, &[rows, widths[0]], &x)?;
            let mut y = Tensor::from_f32(device, &[rows, widths[1]], &vec![7.0; rows * widths[1]])?;
            columns(&x, span, &mut y)?;
            y.to_vec()
        })?;
        let mut check = Check::default();
        let flushed = if values == Values::Subnormal { FLUSH } else { 0.0 };
        check.compare("y", &expected, &found, |_| flushed);
        Ok(check.outcome("columns", format!("{rows} rows of {widths:?}, {span:?} {values:?}")))
    }

    /// A layer of 500 units that is joined to ten more; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let (x, mut y) = (b.random(&[1000, 500], 1)?, b.output(&[1000, 510])?);
        let span = Span { from: 0, to: 0, count: 500 };
        b.case("1000x500 of 510", 500_000, || columns(&x, span, &mut y))
    }
}
