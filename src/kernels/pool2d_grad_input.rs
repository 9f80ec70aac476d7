//! The gradient of a pool with respect to its input.
//!
//! Each pixel collects from the windows that cover it, in their order, so that overlapping windows need
//! no atomics and every run gives the same bits.

use rayon::prelude::*;

use super::activation_grad::Onward;
use super::pool2d::{Pool, Pooling, Side, expect_indices, params};
use super::slices::slices;
use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("pool2d_grad_input", "pooling", "slope");

/// `dx = ∂L/∂x` `[B, C, H, W]` from `dy = ∂L/∂y` `[B, C, H', W']`; `indices` are those of the forward
/// pass (maximum alone, which needs them). dx is overwritten.
///
/// A maximum's gradient goes to the pixel that its index names, an average's in equal parts to the
/// window's pixels (the parts of the padding are lost): dx is a sum over the windows that cover a pixel,
/// row by row in f32, and 0 where there is none. An index outside its window gets nothing.
///
/// ```
/// use harmonium::kernels::pool2d::{Pool, Pooling};
/// use harmonium::kernels::pool2d_grad_input::pool2d_grad_input;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let dy = Tensor::from_f32(&device, &[1, 1, 1, 1], &[8.0])?;
/// let mut dx = Tensor::for_output(&device, &[1, 1, 2, 2])?;
/// let average = Pooling::new(Pool::Average { count_padding: false }, [2, 2]);
/// pool2d_grad_input(&dy, &average, None, &mut dx)?;
/// assert_eq!(dx.to_vec()?, [2.0; 4]);
/// let indices = Tensor::from_u32(&device, &[1, 1, 1, 1], &[3])?;
/// pool2d_grad_input(&dy, &Pooling::new(Pool::Maximum, [2, 2]), Some(&indices), &mut dx)?;
/// assert_eq!(dx.to_vec()?, [0.0, 0.0, 0.0, 8.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`], also for a maximum without indices; [`Error::DeviceMismatch`], [`Error::Poisoned`],
/// [`Error::DeviceLost`].
pub fn pool2d_grad_input<'a>(
    dy: &Tensor,
    pooling: &Pooling,
    indices: Option<&Tensor>,
    dx: impl Into<Onward<'a>>,
) -> Result<()> {
    let op = "pool2d_grad_input";
    let onward = dx.into();
    let dx = &*onward.dx;
    onward.check(op)?;
    let [b, c, h, w] = dx.shape().pictures(op, "dx")?;
    let [rows, columns] = pooling.sides(op, [h, w])?;
    let dims = [b, c, rows.output, columns.output];
    expect(op, "dy", dy, dx.device(), &dims)?;
    expect(op, "dx", dx, dx.device(), dx.shape().dims())?;
    match indices {
        Some(indices) => expect_indices(op, pooling.pool, indices, dx, &dims)?,
        None if pooling.pool == Pool::Maximum => {
            return Err(Error::shape(op, "a maximum needs the indices of its forward pass"));
        }
        None => {}
    }
    let count = dx.shape().len();
    if count == 0 {
        return Ok(());
    }
    let read = dy.shape().len() * (1 + usize::from(indices.is_some()));
    let cost = Cost { flops: 2 * count as u64, bytes: 4 * (count + read) as u64 };
    match dx.device().clone().backend() {
        Backend::Cpu(cpu) => {
            let task = Host {
                pool: pooling.pool,
                rows,
                columns,
                dy: dy.host()?.f32(),
                indices: indices.map(Tensor::host).transpose()?.map_or(&[][..], |i| i.words()),
            };
            let (dx, through) = onward.on_host()?;
            let lines = (GRAIN / w).max(1);
            cpu.run(op, cost, || {
                dx.par_chunks_mut(lines * w).enumerate().for_each(|(chunk, dx)| {
                    for (k, line) in dx.chunks_mut(w).enumerate() {
                        task.line(chunk * lines + k, line);
                    }
                    through.part(chunk * lines * w, dx);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let groups = groups(count, gpu.size(&SHADER, "WORKGROUP")?);
            slices(gpu, [rows.overlap(), columns.overlap()], 1).try_for_each(|slice| {
                let params = params([rows, columns], count, &slice, [0, 0]);
                let (slope, x) = onward.on_gpu(slice.last)?;
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[
                        ("POOL", pooling.pool.number()),
                        ("RESUMES", slice.resumes()),
                        ("SLOPE", slope),
                    ],
                    params: bytemuck::bytes_of(&params),
                    binds: &[
                        Bind::Read(dy.gpu()?),
                        match indices {
                            Some(indices) => Bind::Read(indices.gpu()?),
                            None => Bind::Unused,
                        },
                        x,
                        slice.output(dx.gpu()?),
                    ],
                    loops: slice.loops,
                    groups,
                    cost: slice.cost(cost),
                })
            })
        }
    }
}

struct Host<'a> {
    pool: Pool,
    rows: Side,
    columns: Side,
    dy: &'a [f32],
    indices: &'a [u32],
}

impl Host<'_> {
    /// One row of all pictures' rows.
    fn line(&self, number: usize, dx: &mut [f32]) {
        let (plane, i) = (number / self.rows.input, number % self.rows.input);
        let pairs = self.rows.is_in_pairs() && self.columns.is_in_pairs();
        // Where windows lie side by side, the first pixels of the row are set and not added to.
        let paired = if pairs && self.rows.windows(i).len() == 1 { dx.len() / 2 * 2 } else { 0 };
        dx[paired..].fill(0.0);
        for oy in self.rows.windows(i) {
            let start = (plane * self.rows.output + oy) * self.columns.output;
            let windows = start..start + self.columns.output;
            let dy = &self.dy[windows.clone()];
            match self.pool {
                Pool::Maximum => self.maxima(dy, &self.indices[windows], i, paired, dx),
                Pool::Average { count_padding } => self.averages(dy, oy, count_padding, paired, dx),
            }
        }
    }

    fn maxima(&self, dy: &[f32], indices: &[u32], i: usize, paired: usize, dx: &mut [f32]) {
        let mut at = (i * self.columns.input) as u32;
        let start = at;
        for ((dx, dy), index) in dx[..paired].chunks_exact_mut(2).zip(dy).zip(indices) {
            // Masks instead of branches that no processor can foresee.
            let where_at =
                |at: u32| f32::from_bits(dy.to_bits() & u32::from(*index == at).wrapping_neg());
            dx[0] = where_at(at);
            dx[1] = where_at(at + 1);
            at += 2;
        }
        for (ox, (dy, index)) in dy.iter().zip(indices).enumerate().skip(paired / 2) {
            let column = index.wrapping_sub(start) as usize;
            if self.columns.covered(ox).contains(&column) {
                dx[column] += dy;
            }
        }
    }

    fn averages(&self, dy: &[f32], oy: usize, padding: bool, paired: usize, dx: &mut [f32]) {
        let rows = self.rows.counted(oy, padding);
        for (dx, dy) in dx[..paired].chunks_exact_mut(2).zip(dy) {
            let share = dy / (rows * 2.0);
            dx[0] = share;
            dx[1] = share;
        }
        for (ox, dy) in dy.iter().enumerate().skip(paired / 2) {
            let share = dy / (rows * self.columns.counted(ox, padding));
            dx[self.columns.covered(ox)].iter_mut().for_each(|dx| *dx += share);
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::activation_grad::proof::onward;
    use crate::kernels::pool2d::proof::{POOLS, forms, measured, pooled};
    use crate::kernels::pool2d::{Pooled, pool2d};
    use crate::kernels::proof::*;
    use crate::kernels::with_slices;

    pub(crate) static ENTRY: Entry = Entry::new("pool2d_grad_input", &[&SHADER], standard, bench)
        .slip(["dx[i] = sum;", "dx[i] = sum * 1.001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for form in POOLS.into_iter().flat_map(forms) {
            for values in [Values::Ordinary, Values::Wide, Values::NonFinite] {
                out.push(case(device, &form, [3, 2, 7, 11], values)?);
            }
            // A pixel under so many windows that their loops were long would take too long here.
            let slices = || case(device, &form, [3, 2, 7, 11], Values::Rising);
            out.push(with_slices(5, slices)?);
        }
        let average = Pooling::new(Pool::Average { count_padding: false }, [2, 2]);
        let dy = Inputs::new(1).values(Values::Ordinary, 3 * 2 * 3 * 5);
        let dy = Tensor::from_f32(device, &[3, 2, 3, 5], &dy)?;
        out.push(onward("pool2d_grad_input", device, (&[3, 2, 7, 11], ""), |_, dx| {
            pool2d_grad_input(&dy, &average, None, dx)
        })?);
        Ok(())
    }

    /// One call for pictures `[B, C, H, W]`, with the indices of the CPU's forward pass. A pixel adds at most
    /// one number for each window that covers it, each a quotient of two and a half units.
    pub fn case(
        device: &Device,
        pooling: &Pooling,
        dims: [usize; 4],
        values: Values,
    ) -> Result<Outcome> {
        let [b, c, h, w] = dims;
        let mut inputs = Inputs::new((h * 1009 + w) as u64);
        let x = inputs.values(values, dims.iter().product());
        let (y, indices) = pooled(&Device::cpu(), pooling, dims, &x)?;
        let dy = inputs.values(values, y.len());
        let [oh, ow] = pooling.output_size("pool2d", [h, w])?;
        let run = |device: &Device, dy: &[f32]| {
            let dy = Tensor::from_f32(device, &[b, c, oh, ow], dy)?;
            let mut dx = Tensor::for_output(device, &dims)?;
            let indices = match pooling.pool {
                Pool::Maximum => Some(Tensor::from_u32(device, &[b, c, oh, ow], &indices)?),
                Pool::Average { .. } => None,
            };
            pool2d_grad_input(&dy, pooling, indices.as_ref(), &mut dx)?;
            dx.to_vec()
        };
        let (expected, found) = both(device, |device| run(device, &dy))?;
        let sizes: Vec<f32> = dy.iter().map(|dy| dy.abs()).collect();
        let sizes = run(&Device::cpu(), &sizes)?;
        let windows = |axis: usize| pooling.size[axis].div_ceil(pooling.stride[axis]);
        let steps = (windows(0) * windows(1) + 4) as f64;
        let mut check = Check::default();
        check.compare("dx", &expected, &found, |i| {
            1.5 * EPSILON * steps * f64::from(sizes[i]) + FLUSH * steps
        });
        Ok(check.outcome("pool2d_grad_input", format!("{pooling:?}, {dims:?} {values:?}")))
    }

    /// A batch of 128 with 6 channels of 28x28; elements are pixels.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let dims = [128, 6, 28, 28];
        let (x, mut dx) = (b.random(&dims, 1)?, b.output(&dims)?);
        for (name, pooling) in measured() {
            let [oh, ow] = pooling.output_size("bench", [28, 28])?;
            let mut dy = b.output(&[128, 6, oh, ow])?;
            let mut indices = Tensor::for_indices(b.device, &[128, 6, oh, ow])?;
            let maximum = pooling.pool == Pool::Maximum;
            pool2d(&x, &pooling, Pooled { y: &mut dy, indices: maximum.then_some(&mut indices) })?;
            let indices = maximum.then_some(&indices);
            let count = dims.iter().product();
            b.case(&name, count, || pool2d_grad_input(&dy, &pooling, indices, &mut dx))?;
        }
        Ok(())
    }
}
