//! The gradient of Euclidean radial basis function units with respect to their input.

use rayon::prelude::*;

use super::rbf::sizes;
use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub static SHADER: Shader = shader!("rbf_grad_input");

/// `dx[b, d] = Σ_i dy[b, i] · 2(x[b, d] − w[i, d])`: dy `[B, N]`, x and dx `[B, D]`, w `[N, D]`.
///
/// With N = 0 the gradient is 0. NaN and infinities propagate. Each element is summed in f32 over
/// i = 0, 1, …
///
/// ```
/// use harmonium::kernels::rbf_grad_input::rbf_grad_input;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let dy = Tensor::from_f32(&device, &[1, 2], &[10.0, 1.0])?;
/// let x = Tensor::from_f32(&device, &[1, 2], &[1.0, -1.0])?;
/// let w = Tensor::from_f32(&device, &[2, 2], &[1.0, -1.0, -1.0, 0.0])?;
/// let mut dx = Tensor::for_output(&device, &[1, 2])?;
/// rbf_grad_input(&dy, &x, &w, &mut dx)?;
/// assert_eq!(dx.to_vec()?, [4.0, -2.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn rbf_grad_input(dy: &Tensor, x: &Tensor, w: &Tensor, dx: &mut Tensor) -> Result<()> {
    let op = "rbf_grad_input";
    let [b, n, d] = sizes(op, x, w)?;
    expect(op, "dy", dy, x.device(), &[b, n])?;
    expect(op, "dx", dx, x.device(), x.shape().dims())?;
    let cost = Cost {
        flops: 3 * (b * n) as u64 * d as u64,
        bytes: 4 * (2 * b * d + n * d + b * n) as u64,
    };
    if b == 0 || d == 0 {
        return Ok(());
    }
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (dy, x, w) = (dy.host()?.f32(), x.host()?.f32(), w.host()?.f32());
            let dx = dx.host_mut()?.f32_mut();
            let row = |(r, dx): (usize, &mut [f32])| {
                let x = &x[r * d..(r + 1) * d];
                dx.fill(0.0);
                for (dy, w) in dy[r * n..(r + 1) * n].iter().zip(w.chunks_exact(d)) {
                    let slope = 2.0 * dy;
                    for ((dx, x), w) in dx.iter_mut().zip(x).zip(w) {
                        *dx += slope * (x - w);
                    }
                }
            };
            cpu.run(op, cost, || {
                let rows = 1 + GRAIN / (n * d).max(1);
                if b <= rows {
                    dx.chunks_exact_mut(d).enumerate().for_each(row);
                } else {
                    dx.par_chunks_exact_mut(d).enumerate().with_min_len(rows).for_each(row);
                }
            });
            Ok(())
        }
        Backend::Gpu(gpu) => gpu.record(Command {
            op,
            shader: &SHADER,
            constants: &[],
            params: bytemuck::bytes_of(&[b as u32, n as u32, d as u32, 0]),
            binds: &[
                Bind::Read(dy.gpu()?),
                Bind::Read(x.gpu()?),
                Bind::Read(w.gpu()?),
                Bind::Write(dx.gpu()?),
            ],
            groups: groups(b * d, SHADER.constant("WORKGROUP")),
            cost,
        }),
    }
}
