//! Softmax of each row: yᵣ꜀ = exp(xᵣ꜀ − maxᵣ) / Σ exp(xᵣ − maxᵣ).

use rayon::prelude::*;

use super::{expect, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub static SHADER: Shader = shader!("softmax");

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
        Backend::Gpu(gpu) => gpu.record(Command {
            op,
            shader: &SHADER,
            constants: &[],
            params: bytemuck::bytes_of(&[rows as u32, columns as u32, 0, 0]),
            binds: &[Bind::Read(x.gpu()?), Bind::Write(y.gpu()?)],
            groups: rows as u64,
            cost,
        }),
    }
}

fn softmax_row(x: &[f32], y: &mut [f32]) {
    // f32::max drops a NaN, but then the NaN's own exponential keeps it in the sum.
    let largest = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut sum = 0.0;
    for (y, x) in y.iter_mut().zip(x) {
        *y = (x - largest).exp();
        sum += *y;
    }
    y.iter_mut().for_each(|y| *y /= sum);
}
