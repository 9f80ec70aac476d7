//! The gradient of trained subsampling with respect to its input.

use rayon::prelude::*;

use super::activation_grad::Onward;
use super::subsample::{params, sides};
use super::{GRAIN, expect, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("subsample_grad_input", "slope");

/// `dx = coefficient[c] · dz` of the window that a pixel belongs to, 0 for the pixels that belong to none;
/// dz `[B, C, H', W']` is the gradient before the activation, dx `[B, C, H, W]` is overwritten.
///
/// One product a pixel, so every device gives the same (but for subnormal numbers, which a GPU may
/// flush). NaN spreads; sizes of 0 as in [`subsample`](super::subsample::subsample()).
///
/// ```
/// use harmonium::kernels::subsample_grad_input::subsample_grad_input;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let dz = Tensor::from_f32(&device, &[1, 1, 1, 1], &[6.0])?;
/// let coefficient = Tensor::from_f32(&device, &[1], &[0.5])?;
/// let mut dx = Tensor::for_output(&device, &[1, 1, 2, 3])?;
/// subsample_grad_input(&dz, [2, 2], &coefficient, &mut dx)?;
/// assert_eq!(dx.to_vec()?, [3., 3., 0., 3., 3., 0.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn subsample_grad_input<'a>(
    dz: &Tensor,
    size: [usize; 2],
    coefficient: &Tensor,
    dx: impl Into<Onward<'a>>,
) -> Result<()> {
    let op = "subsample_grad_input";
    let onward = dx.into();
    let dx = &*onward.dx;
    onward.check(op)?;
    let [b, c, h, w] = dx.shape().pictures(op, "dx")?;
    let [rows, columns] = sides(op, size, [h, w])?;
    expect(op, "dx", dx, dz.device(), dx.shape().dims())?;
    expect(op, "the coefficient", coefficient, dz.device(), &[c])?;
    expect(op, "dz", dz, dz.device(), &[b, c, rows.output, columns.output])?;
    let count = dx.shape().len();
    if count == 0 {
        return Ok(());
    }
    let cost = Cost { flops: count as u64, bytes: 4 * (count + dz.shape().len()) as u64 };
    match dz.device().backend() {
        Backend::Cpu(cpu) => {
            let dz = dz.host()?.f32();
            let (dx, through) = onward.on_host()?;
            let coefficient = coefficient.host()?.f32();
            let row = |number: usize, dx: &mut [f32]| {
                let (plane, i) = (number / h, number % h);
                let oy = i / rows.size;
                if oy >= rows.output {
                    return dx.fill(0.0);
                }
                let factor = coefficient[plane % c];
                let dz = &dz[(plane * rows.output + oy) * columns.output..][..columns.output];
                let (windows, rest) = dx.split_at_mut(columns.output * columns.size);
                rest.fill(0.0);
                if columns.size == 2 {
                    // A length that is known makes vector code.
                    for (dx, dz) in windows.chunks_exact_mut(2).zip(dz) {
                        dx[0] = factor * dz;
                        dx[1] = factor * dz;
                    }
                } else {
                    let windows = windows.chunks_exact_mut(columns.size).zip(dz);
                    windows.for_each(|(dx, dz)| dx.fill(factor * dz));
                }
            };
            let lines = (GRAIN / w).max(1);
            cpu.run(op, cost, || {
                dx.par_chunks_mut(lines * w).enumerate().for_each(|(i, dx)| {
                    dx.chunks_mut(w).enumerate().for_each(|(k, dx)| row(i * lines + k, dx));
                    through.part(i * lines * w, dx);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let (slope, x) = onward.on_gpu(true)?;
            gpu.record(Command {
                op,
                shader: &SHADER,
                constants: &[("SLOPE", slope)],
                params: bytemuck::bytes_of(&params([rows, columns], c, count)),
                binds: &[
                    Bind::Read(dz.gpu()?),
                    Bind::Read(coefficient.gpu()?),
                    x,
                    Bind::Write(dx.gpu()?),
                ],
                loops: 0,
                groups: groups(count, gpu.size(&SHADER, "WORKGROUP")?),
                cost,
            })
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::activation_grad::proof::onward;
    use crate::kernels::proof::*;
    use crate::kernels::subsample::output_size;

    pub(crate) static ENTRY: Entry =
        Entry::new("subsample_grad_input", &[&SHADER], standard, bench)
            .slip(["dx[i] = value;", "dx[i] = value * 1.00001;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for size in [[2, 2], [3, 2], [1, 5]] {
            for values in Values::ALL {
                out.push(case(device, size, [2, 5, 7, 11], values)?);
            }
        }
        let dims = [2, 5, 7, 11];
        let dz = Inputs::new(1).values(Values::Ordinary, 2 * 5 * 3 * 5);
        let dz = Tensor::from_f32(device, &[2, 5, 3, 5], &dz)?;
        let coefficient = Tensor::from_f32(device, &[5], &[0.5, -2.0, 1.0, 3.0, 0.25])?;
        out.push(onward("subsample_grad_input", device, (&dims, ""), |_, dx| {
            subsample_grad_input(&dz, [2, 2], &coefficient, dx)
        })?);
        Ok(())
    }

    /// One call for pictures `[B, C, H, W]`: one product a pixel.
    pub fn case(
        device: &Device,
        size: [usize; 2],
        dims: [usize; 4],
        values: Values,
    ) -> Result<Outcome> {
        let [b, c, h, w] = dims;
        let [oh, ow] = output_size("subsample_grad_input", size, [h, w])?;
        let mut inputs = Inputs::new((h * 1009 + w) as u64);
        let dz = inputs.values(values, b * c * oh * ow);
        let coefficient = inputs.values(Values::Ordinary, c);
        let (expected, found) = both(device, |device| {
            let dz = Tensor::from_f32(device, &[b, c, oh, ow], &dz)?;
            let coefficient = Tensor::from_f32(device, &[c], &coefficient)?;
            let mut dx = Tensor::for_output(device, &dims)?;
            subsample_grad_input(&dz, size, &coefficient, &mut dx)?;
            dx.to_vec()
        })?;
        let mut check = Check::default();
        // Operands that are flushed change the product by at most twice as much.
        check.compare("dx", &expected, &found, |i| {
            1.5 * EPSILON * f64::from(expected[i]).abs() + 3.0 * FLUSH
        });
        Ok(check.outcome("subsample_grad_input", format!("{size:?}, {dims:?} {values:?}")))
    }

    /// LeNet-5's S2 for a batch of 128; elements are pixels of the input.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let dims = [128, 6, 28, 28];
        let (dz, coefficient) = (b.random(&[128, 6, 14, 14], 1)?, b.random(&[6], 2)?);
        let (count, mut dx) = (dims.iter().product(), b.output(&dims)?);
        b.case("6x28x28", count, || subsample_grad_input(&dz, [2, 2], &coefficient, &mut dx))
    }
}
