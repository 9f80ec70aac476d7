//! Euclidean radial basis function units (LeCun et al. 1998, section II-B): squared distances to fixed
//! centres.

use std::ops::Range;

use super::cases::{for_rows, lanes, row_groups, squared_distance};
use super::slices::column_slices;
use super::{expect, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("rbf", "rows");

/// B, N and D where x is `[B, D]` and w `[N, D]`.
pub(super) fn sizes(op: &'static str, x: &Tensor, w: &Tensor) -> Result<[usize; 3]> {
    let [b, d] = x.shape().matrix(op, "x")?;
    let [n, centre] = w.shape().matrix(op, "w")?;
    if centre != d {
        return Err(Error::shape(
            op,
            format!(
                "x is {} and the centres w are {}: their rows differ in length",
                x.shape(),
                w.shape()
            ),
        ));
    }
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "w", w, x.device(), w.shape().dims())?;
    Ok([b, n, d])
}

/// `y[b, i] = Σ_d (x[b, d] − w[i, d])²`: x `[B, D]`, the centres w `[N, D]`, y `[B, N]`. The sum is of squared
/// differences, never ‖x‖² − 2xw + ‖w‖², which loses small distances.
///
/// With D = 0 every distance is 0. NaN and infinities propagate. Squares are summed in f32: in 16 parts on
/// the CPU, in up to 64 on a GPU, joined in a fixed order.
///
/// ```
/// use harmonium::kernels::rbf::rbf;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 2], &[1.0, -1.0])?;
/// let w = Tensor::from_f32(&device, &[2, 2], &[1.0, -1.0, -1.0, 0.0])?;
/// let mut y = Tensor::for_output(&device, &[1, 2])?;
/// rbf(&x, &w, &mut y)?;
/// assert_eq!(y.to_vec()?, [0.0, 5.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], [`Error::DeviceMismatch`], [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn rbf(x: &Tensor, w: &Tensor, y: &mut Tensor) -> Result<()> {
    let op = "rbf";
    let [b, n, d] = sizes(op, x, w)?;
    expect(op, "y", y, x.device(), &[b, n])?;
    let cost =
        Cost { flops: 3 * (b * n) as u64 * d as u64, bytes: 4 * (b * d + n * d + b * n) as u64 };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, w) = (x.host()?.f32(), w.host()?.f32());
            let y = y.host_mut()?.f32_mut();
            cpu.run(op, cost, || {
                for_rows(d, y, None, |r, _| {
                    let (b, i) = (r / n, r % n);
                    squared_distance(&x[b * d..(b + 1) * d], &w[i * d..(i + 1) * d])
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let lanes = lanes(gpu, &SHADER, d)?;
            let sizes = [(b * n) as u32, d as u32, lanes, n.max(1) as u32];
            let groups = row_groups(gpu, &SHADER, b * n, lanes)?;
            column_slices(gpu, d, lanes, 1).try_for_each(|slice| {
                let [Range { start, end }] = slice.ranges;
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[("RESUMES", slice.resumes())],
                    params: bytemuck::bytes_of(&[sizes, [start, end, 0, 0]]),
                    binds: &[Bind::Read(x.gpu()?), Bind::Read(w.gpu()?), slice.output(y.gpu()?)],
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

    pub(crate) static ENTRY: Entry = Entry::new("rbf", &[&SHADER], standard, bench)
        .slip(["y[row] = sum;", "y[row] = sum * 1.001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for values in Values::ALL {
            out.push(case(device, [5, 7, 19], values)?);
        }
        for dims in [[1, 1, 1], [3, 2, 0], [100, 10, 84], [3, 5, 1009]] {
            out.push(case(device, dims, Values::Wide)?);
        }
        out.push(long_rows(|| case(device, [1, 2, LONG], Values::Rising))?);
        Ok(())
    }

    /// One call for B cases, N centres and D numbers each: `dims` is `[B, N, D]`. One centre is a case itself,
    /// so that a distance is 0.
    pub fn case(device: &Device, dims: [usize; 3], values: Values) -> Result<Outcome> {
        let [b, n, d] = dims;
        let mut inputs = Inputs::new(((b * 1009 + n) * 1009 + d) as u64);
        let x = inputs.values(values, b * d);
        let mut w = inputs.values(values, n * d);
        if b > 0 && n > 1 {
            w[..d].copy_from_slice(&x[..d]);
        }
        let run = |device: &Device| {
            let x = Tensor::from_f32(device, &[b, d], &x)?;
            let w = Tensor::from_f32(device, &[n, d], &w)?;
            let mut y = Tensor::for_output(device, &[b, n])?;
            rbf(&x, &w, &mut y)?;
            y.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        // A square errs by 3 EPSILON, the sum by as many as it has terms; flushing changes a difference by
        // 2 FLUSH. 1.5 for both devices together.
        check.compare("y", &expected, &found, |at| {
            let (x, w) = (&x[at / n * d..][..d], &w[at % n * d..][..d]);
            let differences = || x.iter().zip(w).map(|(x, w)| f64::from(*x) - f64::from(*w));
            let squares: f64 = differences().map(|d| d * d).sum();
            let flushed: f64 = differences().map(|d| FLUSH * (1.0 + 4.0 * d.abs())).sum();
            1.5 * EPSILON * (d as f64 + 3.0) * squares + flushed
        });
        Ok(check.outcome("rbf", format!("{dims:?} {values:?}")))
    }

    /// LeNet-5's 10 centres of 84, and 500 of 784; elements are B·N·D.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for [cases, n, d] in [[128, 10, 84], [100, 500, 784]] {
            let (x, w, mut y) =
                (b.random(&[cases, d], 1)?, b.random(&[n, d], 2)?, b.output(&[cases, n])?);
            b.case(&format!("{cases}x{n}x{d}"), cases * n * d, || rbf(&x, &w, &mut y))?;
        }
        Ok(())
    }
}
