//! The gradient of Euclidean radial basis function units with respect to their input.

use std::ops::Range;

use rayon::prelude::*;

use super::activation_grad::Onward;
use super::rbf::sizes;
use super::slices::slices;
use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("rbf_grad_input", "slope");

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
/// [`Error::Shape`], [`Error::DeviceMismatch`],
/// [`Error::Poisoned`], [`Error::DeviceLost`].
pub fn rbf_grad_input<'a>(
    dy: &Tensor,
    x: &Tensor,
    w: &Tensor,
    dx: impl Into<Onward<'a>>,
) -> Result<()> {
    let op = "rbf_grad_input";
    let onward = dx.into();
    let dx = &*onward.dx;
    onward.check(op)?;
    if onward.through.is_some_and(|(_, output)| !std::ptr::eq(output, x)) {
        return Err(Error::shape(op, "dx goes on through an activation whose output is not x"));
    }
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
            let (dx, through) = onward.on_host()?;
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
                through.all(dx);
            });
            Ok(())
        }
        Backend::Gpu(gpu) => slices(gpu, [n], 1).try_for_each(|slice| {
            let [Range { start, end }] = slice.ranges;
            let (slope, _) = onward.on_gpu(slice.last)?;
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[("RESUMES", slice.resumes()), ("SLOPE", slope)],
                params: bytemuck::bytes_of(&[b as u32, n as u32, d as u32, 0, start, end, 0, 0]),
                binds: &[
                    Bind::Read(dy.gpu()?),
                    Bind::Read(x.gpu()?),
                    Bind::Read(w.gpu()?),
                    slice.output(dx.gpu()?),
                ],
                loops: slice.loops,
                groups: groups(b * d, gpu.size(&SHADER, "WORKGROUP")?),
                cost: slice.cost(cost),
            })
        }),
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::activation_grad::proof::onward;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("rbf_grad_input", &[&SHADER], standard, bench)
        .slip(["dx[at] = sum;", "dx[at] = sum * 1.001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for values in Values::ALL {
            out.push(case(device, [5, 7, 19], values)?);
        }
        for dims in [[1, 1, 1], [3, 0, 2], [100, 10, 84]] {
            out.push(case(device, dims, Values::Wide)?);
        }
        out.push(case(device, [1, LONG, 1], Values::Rising)?);
        let mut inputs = Inputs::new(1);
        let dy = Tensor::from_f32(device, &[5, 7], &inputs.values(Values::Ordinary, 35))?;
        let w = Tensor::from_f32(device, &[7, 19], &inputs.values(Values::Ordinary, 133))?;
        out.push(onward("rbf_grad_input", device, (&[5, 19], ""), |x, dx| {
            rbf_grad_input(&dy, x, &w, dx)
        })?);
        Ok(())
    }

    /// One call for B cases, N centres and D numbers each: `dims` is `[B, N, D]`.
    pub fn case(device: &Device, dims: [usize; 3], values: Values) -> Result<Outcome> {
        let [b, n, d] = dims;
        let mut inputs = Inputs::new(((b * 1009 + n) * 1013 + d) as u64);
        let dy = inputs.values(values, b * n);
        let x = inputs.values(values, b * d);
        let w = inputs.values(values, n * d);
        let run = |device: &Device| {
            let dy = Tensor::from_f32(device, &[b, n], &dy)?;
            let x = Tensor::from_f32(device, &[b, d], &x)?;
            let w = Tensor::from_f32(device, &[n, d], &w)?;
            let mut dx = Tensor::for_output(device, &[b, d])?;
            rbf_grad_input(&dy, &x, &w, &mut dx)?;
            dx.to_vec()
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        // A term errs by 2 EPSILON, the sum by as many as it has terms; flushing changes each factor by
        // 2 FLUSH. 1.5 for both devices together.
        check.compare("dx", &expected, &found, |at| {
            let (case, column) = (at / d, at % d);
            let allowed = (0..n).map(|i| {
                let dy = f64::from(dy[case * n + i]).abs();
                let difference = (f64::from(x[at]) - f64::from(w[i * d + column])).abs();
                let size = 2.0 * dy * difference;
                1.5 * EPSILON * (n as f64 + 3.0) * size + FLUSH * (2.0 + 4.0 * (dy + difference))
            });
            allowed.sum()
        });
        Ok(check.outcome("rbf_grad_input", format!("{dims:?} {values:?}")))
    }

    /// LeNet-5's 10 centres of 84, and 500 of 784; elements are B·N·D.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for [cases, n, d] in [[128, 10, 84], [100, 500, 784]] {
            let (x, w, dy) =
                (b.random(&[cases, d], 1)?, b.random(&[n, d], 2)?, b.random(&[cases, n], 3)?);
            let (name, mut dx) = (format!("{cases}x{n}x{d}"), b.output(&[cases, d])?);
            b.case(&name, cases * n * d, || rbf_grad_input(&dy, &x, &w, &mut dx))?;
        }
        Ok(())
    }
}
