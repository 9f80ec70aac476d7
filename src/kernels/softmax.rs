//! Softmax of each row: yᵣ꜀ = exp(xᵣ꜀ − maxᵣ) / Σ exp(xᵣ − maxᵣ).

use std::ops::Range;

use rayon::prelude::*;

use super::activation::exp_of_negative;
use super::slices::{passes, statistics};
use super::{expect, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("softmax", "exp");

/// `y = softmax(x)` along the columns of `[rows, columns]`. A row with a NaN becomes NaN; so does one
/// that holds +∞ or only −∞.
///
/// ```
/// use harmonium::kernels::softmax::softmax;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 2], &[1000.0, 1000.0])?;
/// let mut y = Tensor::for_output(&device, &[1, 2])?;
/// softmax(&x, &mut y)?;
/// assert_eq!(y.to_vec()?, [0.5, 0.5]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn softmax(x: &Tensor, y: &mut Tensor) -> Result<()> {
    let op = "softmax";
    let [rows, columns] = x.shape().matrix(op, "x")?;
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "y", y, x.device(), x.shape().dims())?;
    if rows == 0 || columns == 0 {
        return Ok(());
    }
    let count = (rows * columns) as u64;
    let cost = Cost { flops: 4 * count, bytes: 8 * count };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let x = x.host()?.f32();
            let y = y.host_mut()?.f32_mut();
            cpu.run(op, cost, || {
                let lines = y.par_chunks_mut(columns).zip(x.par_chunks(columns));
                lines.with_min_len(1 + 1024 / columns).for_each(|(y, x)| softmax_row(x, y));
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let passes = passes(gpu, columns, gpu.size(&SHADER, "WORKGROUP")?, 3);
            let statistics = statistics(&passes, x.device(), 2 * rows)?;
            passes.into_iter().try_for_each(|pass| {
                let [Range { start, end }] = pass.slice.ranges;
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[("PASS", pass.number)],
                    params: bytemuck::bytes_of(&[rows as u32, columns as u32, start, end]),
                    binds: &[
                        Bind::Read(x.gpu()?),
                        pass.output(y.gpu()?),
                        pass.statistics(&statistics)?,
                    ],
                    loops: pass.slice.loops,
                    groups: rows as u64,
                    cost: pass.cost(cost),
                })
            })
        }
    }
}

fn softmax_row(x: &[f32], y: &mut [f32]) {
    // f32::max drops a NaN, but then the NaN's own exponential keeps it in the sum.
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    y.iter_mut().zip(x).for_each(|(y, x)| *y = exp_of_negative(x - largest));
    let sum: f32 = y.iter().sum();
    y.iter_mut().for_each(|y| *y /= sum);
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("softmax", &[&SHADER], standard, bench)
        .slip(["- largest) / sum;", "- largest) / sum * 1.001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for dims in [[1, 1], [5, 10], [3, 64], [7, 257]] {
            for values in Values::ALL {
                out.push(case(device, dims, values)?);
            }
        }
        out.push(long_rows(|| case(device, [1, LONG], Values::Rising))?);
        Ok(())
    }

    /// One call on `[rows, columns]`.
    pub fn case(device: &Device, [rows, columns]: [usize; 2], values: Values) -> Result<Outcome> {
        let x = Inputs::new((rows * 1009 + columns) as u64).values(values, rows * columns);
        let run = |device: &Device| {
            let x = Tensor::from_f32(device, &[rows, columns], &x)?;
            let mut y = Tensor::for_output(device, &[rows, columns])?;
            softmax(&x, &mut y)?;
            y.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let tolerances = x.chunks(columns.max(1)).flat_map(tolerances).collect::<Vec<_>>();
        let mut check = Check::default();
        check.compare("y", &expected, &found, |i| tolerances[i]);
        Ok(check.outcome("softmax", format!("[{rows}, {columns}] {values:?}")))
    }

    /// For a row: with d = x − max, exp d errs relatively by EPSILON·(3 + 2|d|) and by another EPSILON·|d|
    /// for the rounding of d; the sum by the weighted mean of those and by its own additions (in f32 one
    /// after another on the CPU, with half the error each; at most as many on a GPU); the quotient by 2.5.
    fn tolerances(row: &[f32]) -> Vec<f64> {
        let x = || row.iter().map(|&x| f64::from(x));
        let largest = x().fold(f64::NEG_INFINITY, f64::max);
        let e: Vec<f64> = x().map(|x| (x - largest).exp()).collect();
        let sum: f64 = e.iter().sum();
        // Past 104 the exponential is 0 in f32.
        let distance: Vec<f64> = x().map(|x| (x - largest).abs().min(104.0)).collect();
        let weighted: f64 = e.iter().zip(&distance).map(|(e, d)| e / sum * d).sum();
        let steps = 3.0 + 3.0 * weighted + row.len() as f64 + 8.0;
        e.iter()
            .zip(&distance)
            .map(|(e, d)| 1.5 * EPSILON * (e / sum) * (3.0 + 3.0 * d + steps) + FLUSH * 4.0)
            .collect()
    }

    /// 10 classes and 1,000; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for dims in [[10_000, 10], [1000, 1000]] {
            let (x, mut y) = (b.random(&dims, 1)?, b.output(&dims)?);
            b.case(&format!("{dims:?}"), dims[0] * dims[1], || softmax(&x, &mut y))?;
        }
        Ok(())
    }
}
