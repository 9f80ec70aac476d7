//! The gradients of trained subsampling with respect to its coefficients and biases.

use std::sync::Arc;

use rayon::prelude::*;

use super::pool2d::Side;
use super::slices::{is_long, iterations};
use super::subsample::{Windows, sides, window_sums};
use super::{expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Gpu, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("subsample_grad_parameters");

/// Windows that one workgroup takes.
const CHUNK: usize = 1024;

/// `dcoefficient[c] = Σ dz · (sum of the window)` and `dbias[c] = Σ dz`, over batch and positions: x
/// `[B, C, H, W]`, dz `[B, C, H', W']` before the activation, both outputs `[C]` and overwritten.
///
/// Products and sums of up to 1,024 windows are f32. A GPU adds them in a fixed tree, and such results in
/// the same way; the CPU adds them in f64, picture by picture: with n windows and a window of m pixels
/// within (m + 32·⌈log₁₀₂₄ n⌉ + 128)·ε·Σ(|dz|·Σ|x|) of the exact sum. NaN and infinities spread. With B of 0
/// both are 0; C of 0 is no error, H or W of 0 is, as no window fits.
///
/// ```
/// use harmonium::kernels::subsample_grad_parameters::subsample_grad_parameters;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 1, 2, 4], &[1., 2., 5., 6., 3., 4., 7., 8.])?;
/// let dz = Tensor::from_f32(&device, &[1, 1, 1, 2], &[1.0, -2.0])?;
/// let mut dcoefficient = Tensor::for_output(&device, &[1])?;
/// let mut dbias = Tensor::for_output(&device, &[1])?;
/// subsample_grad_parameters(&x, &dz, [2, 2], &mut dcoefficient, &mut dbias)?;
/// assert_eq!(dcoefficient.to_vec()?, [10.0 - 2.0 * 26.0]);
/// assert_eq!(dbias.to_vec()?, [-1.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn subsample_grad_parameters(
    x: &Tensor,
    dz: &Tensor,
    size: [usize; 2],
    dcoefficient: &mut Tensor,
    dbias: &mut Tensor,
) -> Result<()> {
    let op = "subsample_grad_parameters";
    let [b, c, h, w] = x.shape().pictures(op, "x")?;
    let [rows, columns] = sides(op, size, [h, w])?;
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "dz", dz, x.device(), &[b, c, rows.output, columns.output])?;
    expect(op, "dcoefficient", dcoefficient, x.device(), &[c])?;
    expect(op, "dbias", dbias, x.device(), &[c])?;
    if c == 0 {
        return Ok(());
    }
    let count = x.shape().len() + 3 * dz.shape().len();
    let cost = Cost { flops: count as u64, bytes: 4 * (x.shape().len() + dz.shape().len()) as u64 };
    let call = Call { rows, columns, batch: b, channels: c, cost };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, dz) = (x.host()?.f32(), dz.host()?.f32());
            let outputs = [dcoefficient.host_mut()?.f32_mut(), dbias.host_mut()?.f32_mut()];
            cpu.run(op, cost, || call.on_cpu(x, dz, outputs));
            Ok(())
        }
        Backend::Gpu(gpu) => call.on_gpu(gpu, x, dz, [dcoefficient, dbias]),
    }
}

struct Call {
    rows: Side,
    columns: Side,
    batch: usize,
    channels: usize,
    cost: Cost,
}

impl Call {
    fn on_cpu(&self, x: &[f32], dz: &[f32], [dcoefficient, dbias]: [&mut [f32]; 2]) {
        let (pixels, windows) =
            (self.rows.input * self.columns.input, self.rows.output * self.columns.output);
        let planes = dz.par_chunks_exact(windows).zip(x.par_chunks_exact(pixels));
        let parts: Vec<[f64; 2]> = planes
            .with_min_len(1 + CHUNK / windows)
            .map_init(
                || vec![0.0f32; windows],
                |sums, (dz, x)| {
                    let lines = sums.chunks_exact_mut(self.columns.output).enumerate();
                    lines.for_each(|(oy, sums)| {
                        window_sums(x, [self.rows, self.columns], oy, sums);
                    });
                    dot_and_sum(dz, sums)
                },
            )
            .collect();
        for (channel, (dc, db)) in dcoefficient.iter_mut().zip(dbias).enumerate() {
            let mut total = [0.0f64; 2];
            for part in parts.iter().skip(channel).step_by(self.channels) {
                total[0] += part[0];
                total[1] += part[1];
            }
            [*dc, *db] = total.map(|t| t as f32);
        }
    }

    /// Of a pass over sums of chunks.
    fn cost_of_sums(&self, length: usize, chunks: usize) -> Cost {
        let [sums, results] = [length, chunks].map(|n| (2 * self.channels * n) as u64);
        Cost { flops: sums, bytes: 4 * (sums + results) }
    }

    fn on_gpu(&self, gpu: &Arc<Gpu>, x: &Tensor, dz: &Tensor, out: [&mut Tensor; 2]) -> Result<()> {
        let mut length = self.batch * self.rows.output * self.columns.output;
        // Windows that are too large for the loops over them to stand inside the loop over windows.
        let each = (CHUNK as u64).div_ceil(u64::from(gpu.size(&SHADER, "WORKGROUP")?));
        let [height, width] = [self.rows.size, self.columns.size].map(|n| n as u64);
        let whole = iterations(&[each, height, width], 1);
        let mut sums = None;
        if is_long(gpu, whole) {
            let y = Tensor::for_output(x.device(), dz.shape().dims())?;
            let Call { rows, columns, channels, cost, .. } = *self;
            Windows { rows, columns, channels, x, y: &y, cost }.record(gpu, None)?;
            sums = Some(y);
        }
        // Sums of chunks, [chunks, channels] each.
        let mut parts: Option<[Tensor; 2]> = None;
        loop {
            let chunks = length.div_ceil(CHUNK).max(1);
            let next = match chunks {
                1 => None,
                _ => {
                    let part = || Tensor::for_output(x.device(), &[chunks * self.channels]);
                    Some([part()?, part()?])
                }
            };
            let [x, dz] = parts.as_ref().map_or([sums.as_ref().unwrap_or(x), dz], |[a, b]| [a, b]);
            let [to_coefficient, to_bias] =
                next.as_ref().map_or([&*out[0], &*out[1]], |[a, b]| [a, b]);
            let params = [
                self.rows.size,
                self.columns.size,
                self.rows.output,
                self.columns.output,
                self.rows.input,
                self.columns.input,
                self.channels,
                length,
                CHUNK,
                chunks,
                0,
                0,
            ]
            .map(|n| n as u32);
            gpu.record(Command {
                op: "subsample_grad_parameters",
                shader: &SHADER,
                constants: &[("PARTIAL", flag(parts.is_some())), ("SUMMED", flag(sums.is_some()))],
                params: bytemuck::bytes_of(&params),
                binds: &[
                    Bind::Read(x.gpu()?),
                    Bind::Read(dz.gpu()?),
                    Bind::Write(to_coefficient.gpu()?),
                    Bind::Write(to_bias.gpu()?),
                ],
                loops: match (&sums, &parts) {
                    (None, None) => whole,
                    _ => each,
                },
                groups: (self.channels * chunks) as u64,
                cost: match parts {
                    None => self.cost,
                    Some(_) => self.cost_of_sums(length, chunks),
                },
            })?;
            if next.is_none() {
                return Ok(());
            }
            length = chunks;
            parts = next;
        }
    }
}

/// Σ ab and Σ a, in eight lanes, which are gathered in f64 every so often.
fn dot_and_sum(a: &[f32], b: &[f32]) -> [f64; 2] {
    const LANES: usize = 8;
    let mut total = [0.0f64; 2];
    for (a, b) in a.chunks(CHUNK).zip(b.chunks(CHUNK)) {
        let (mut dots, mut sums) = ([0.0f32; LANES], [0.0f32; LANES]);
        let (wide, rest) = (a.chunks_exact(LANES), a.len() / LANES * LANES);
        for (a, b) in wide.zip(b.chunks_exact(LANES)) {
            for lane in 0..LANES {
                dots[lane] += a[lane] * b[lane];
                sums[lane] += a[lane];
            }
        }
        for (lane, (a, b)) in a[rest..].iter().zip(&b[rest..]).enumerate() {
            dots[lane] += a * b;
            sums[lane] += a;
        }
        total[0] += dots.into_iter().map(f64::from).sum::<f64>();
        total[1] += sums.into_iter().map(f64::from).sum::<f64>();
    }
    total
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;
    use crate::kernels::subsample::output_size;

    pub(crate) static ENTRY: Entry =
        Entry::new("subsample_grad_parameters", &[&SHADER], standard, bench)
            .slip(["= sums[0].x;", "= sums[0].x * 1.01;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for size in [[2, 2], [3, 2], [1, 5]] {
            for values in [Values::Ordinary, Values::Wide, Values::NonFinite] {
                out.push(case(device, size, [2, 5, 7, 11], values)?);
            }
        }
        out.push(case(device, [300, 301], [1, 1, 300, 301], Values::Rising)?);
        // Several chunks of windows.
        out.push(case(device, [2, 2], [13, 3, 28, 28], Values::Ordinary)?);
        Ok(())
    }

    /// One call on `[B, C, H, W]`, to the tolerance that the kernel promises.
    pub fn case(
        device: &Device,
        size: [usize; 2],
        dims: [usize; 4],
        values: Values,
    ) -> Result<Outcome> {
        let [b, c, h, w] = dims;
        let [oh, ow] = output_size("subsample_grad_parameters", size, [h, w])?;
        let count: usize = dims.iter().product();
        let mut inputs = Inputs::new((count * 31 + w) as u64);
        let x = inputs.values(values, count);
        let dz = inputs.values(values, b * c * oh * ow);
        let run = |device: &Device, x: &[f32], dz: &[f32]| {
            let x = Tensor::from_f32(device, &dims, x)?;
            let dz = Tensor::from_f32(device, &[b, c, oh, ow], dz)?;
            let mut dcoefficient = Tensor::for_output(device, &[c])?;
            let mut dbias = Tensor::for_output(device, &[c])?;
            subsample_grad_parameters(&x, &dz, size, &mut dcoefficient, &mut dbias)?;
            Ok([dcoefficient.to_vec()?, dbias.to_vec()?])
        };
        let (expected, found) = both(device, |device| run(device, &x, &dz))?;
        let sizes = |values: &[f32]| values.iter().map(|v| v.abs()).collect::<Vec<_>>();
        let sizes = run(&Device::cpu(), &sizes(&x), &sizes(&dz))?;
        let (mut passes, mut windows) = (1, b * oh * ow);
        while windows > 1024 {
            (passes, windows) = (passes + 1, windows.div_ceil(1024));
        }
        let steps = (size[0] * size[1] + 32 * passes + 128) as f64;
        let mut check = Check::default();
        for (name, k) in [("dcoefficient", 0), ("dbias", 1)] {
            check.compare(name, &expected[k], &found[k], |i| {
                1.5 * EPSILON * steps * f64::from(sizes[k][i]) + FLUSH * steps
            });
        }
        Ok(check.outcome("subsample_grad_parameters", format!("{size:?}, {dims:?} {values:?}")))
    }

    /// LeNet-5's S2 for a batch of 128; elements are pixels of the input.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let dims = [128, 6, 28, 28];
        let (x, dz) = (b.random(&dims, 1)?, b.random(&[128, 6, 14, 14], 2)?);
        let (mut dc, mut db) = (b.output(&[6])?, b.output(&[6])?);
        b.case("6x28x28", dims.iter().product(), || {
            subsample_grad_parameters(&x, &dz, [2, 2], &mut dc, &mut db)
        })
    }
}
