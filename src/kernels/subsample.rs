//! Trained subsampling, as in LeNet-5 (LeCun et al. 1998, section II.B): f(coefficient · sum of the
//! window + bias), one coefficient and one bias per channel.

use std::sync::Arc;

use rayon::prelude::*;

use super::activation::Activation;
use super::pool2d::{Pool, Pooling, Side};
use super::slices::slices;
use super::{GRAIN, expect, flag, groups, shader};
use crate::device::{Backend, Bind, Command, Cost, Gpu, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("subsample", "activation");

/// The output's [height, width], ⌊input / size⌋ each.
///
/// ```
/// assert_eq!(harmonium::kernels::subsample::output_size("subsample", [2, 3], [28, 29])?, [14, 9]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) for a size of 0 and for windows larger than the picture.
pub fn output_size(op: &'static str, size: [usize; 2], input: [usize; 2]) -> Result<[usize; 2]> {
    Ok(sides(op, size, input)?.map(|side| side.output))
}

/// Both axes: windows side by side.
pub(crate) fn sides(op: &'static str, size: [usize; 2], input: [usize; 2]) -> Result<[Side; 2]> {
    Pooling::new(Pool::Average { count_padding: false }, size).sides(op, input)
}

/// What is trained: one number a channel each.
#[derive(Debug, Clone, Copy)]
pub struct Parameters<'a> {
    /// `[C]`.
    pub coefficient: &'a Tensor,
    /// `[C]`.
    pub bias: &'a Tensor,
}

/// The parameter block of the two shaders that go pixel by pixel, `count` of them.
pub(crate) fn params([rows, columns]: [Side; 2], channels: usize, count: usize) -> [u32; 8] {
    [
        rows.size,
        columns.size,
        rows.output,
        columns.output,
        rows.input,
        columns.input,
        channels,
        count,
    ]
    .map(|n| n as u32)
}

/// `y = f(coefficient[c] · Σ window + bias[c])` over windows of `size` [height, width] side by side: x
/// `[B, C, H, W]`, coefficient and bias `[C]`, y `[B, C, ⌊H / size⌋, ⌊W / size⌋]`. Pixels past the last
/// whole window are not seen.
///
/// A sum adds the window's rows, each summed in f32 from left to right. NaN and infinities spread as in any
/// sum. B or C of 0 is no error; H or W of 0 is, as no window fits.
///
/// ```
/// use harmonium::kernels::activation::Activation;
/// use harmonium::kernels::subsample::{Parameters, subsample};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 1, 2, 4], &[1., 2., 5., 6., 3., 4., 7., 8.])?;
/// let coefficient = Tensor::from_f32(&device, &[1], &[0.5])?;
/// let bias = Tensor::from_f32(&device, &[1], &[-1.0])?;
/// let mut y = Tensor::for_output(&device, &[1, 1, 1, 2])?;
/// let parameters = Parameters { coefficient: &coefficient, bias: &bias };
/// subsample(&x, [2, 2], parameters, Activation::Identity, &mut y)?;
/// assert_eq!(y.to_vec()?, [4.0, 12.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn subsample(
    x: &Tensor,
    size: [usize; 2],
    parameters: Parameters<'_>,
    f: Activation,
    y: &mut Tensor,
) -> Result<()> {
    let op = "subsample";
    let Parameters { coefficient, bias } = parameters;
    let [b, c, h, w] = x.shape().pictures(op, "x")?;
    let [rows, columns] = sides(op, size, [h, w])?;
    expect(op, "x", x, x.device(), x.shape().dims())?;
    expect(op, "the coefficient", coefficient, x.device(), &[c])?;
    expect(op, "the bias", bias, x.device(), &[c])?;
    expect(op, "y", y, x.device(), &[b, c, rows.output, columns.output])?;
    let count = y.shape().len();
    if count == 0 {
        return Ok(());
    }
    let cost = Cost {
        flops: (x.shape().len() + 5 * count) as u64,
        bytes: 4 * (x.shape().len() + count) as u64,
    };
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let (x, y) = (x.host()?.f32(), y.host_mut()?.f32_mut());
            let (coefficient, bias) = (coefficient.host()?.f32(), bias.host()?.f32());
            let lines = (GRAIN / (columns.output * rows.size * columns.size)).max(1);
            cpu.run(op, cost, || {
                y.par_chunks_mut(lines * columns.output).enumerate().for_each(|(i, y)| {
                    for (k, line) in y.chunks_mut(columns.output).enumerate() {
                        let (plane, oy) =
                            ((i * lines + k) / rows.output, (i * lines + k) % rows.output);
                        window_sums(&x[plane * h * w..][..h * w], [rows, columns], oy, line);
                        let (coefficient, bias) = (coefficient[plane % c], bias[plane % c]);
                        line.iter_mut().for_each(|y| *y = coefficient * *y + bias);
                    }
                    f.apply_slice(y);
                });
            });
            Ok(())
        }
        Backend::Gpu(gpu) => {
            let call = Windows { rows, columns, channels: c, x, y, cost };
            call.record(gpu, Some((parameters, f)))
        }
    }
}

/// A call on a GPU.
pub(crate) struct Windows<'a> {
    pub rows: Side,
    pub columns: Side,
    pub channels: usize,
    pub x: &'a Tensor,
    pub y: &'a Tensor,
    pub cost: Cost,
}

impl Windows<'_> {
    /// Writes f(coefficient · sum + bias) of every window, or, with none, the sums as they are.
    pub fn record(
        &self,
        gpu: &Arc<Gpu>,
        finish: Option<(Parameters<'_>, Activation)>,
    ) -> Result<()> {
        let &Windows { rows, columns, channels, x, y, cost } = self;
        let count = y.shape().len();
        let params = params([rows, columns], channels, count);
        let groups = groups(count, gpu.size(&SHADER, "WORKGROUP")?);
        slices(gpu, [rows.size, columns.size], 1).try_for_each(|slice| {
            let finish = finish.filter(|_| slice.last);
            let f = finish.map_or(Activation::Identity, |(_, f)| f);
            let (coefficient, bias) = match &finish {
                Some((p, _)) => (Bind::Read(p.coefficient.gpu()?), Bind::Read(p.bias.gpu()?)),
                None => (Bind::Unused, Bind::Unused),
            };
            let [rows, columns] = slice.ranges.clone().map(|r| [r.start, r.end]);
            gpu.record(Command {
                op: "subsample",
                shader: &SHADER,
                constants: &[
                    ("ACTIVATION", f as u32),
                    ("RESUMES", slice.resumes()),
                    ("PAUSES", flag(finish.is_none())),
                ],
                params: bytemuck::bytes_of(&Block { params, rows, columns }),
                binds: &[Bind::Read(x.gpu()?), coefficient, bias, slice.output(y.gpu()?)],
                loops: slice.loops,
                groups,
                cost: slice.cost(cost),
            })
        })
    }
}

/// The parameter block of a slice.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
struct Block {
    params: [u32; 8],
    rows: [u32; 2],
    columns: [u32; 2],
}

/// The sums of row `oy` of a picture's windows, which lie side by side.
#[inline]
pub(crate) fn window_sums(
    picture: &[f32],
    [rows, columns]: [Side; 2],
    oy: usize,
    sums: &mut [f32],
) {
    let w = columns.input;
    let row = |i: usize| &picture[(oy * rows.size + i) * w..][..w];
    if [rows.size, columns.size] == [2, 2] {
        let pairs = row(0).chunks_exact(2).zip(row(1).chunks_exact(2));
        for (sum, (a, b)) in sums.iter_mut().zip(pairs) {
            *sum = (a[0] + a[1]) + (b[0] + b[1]);
        }
        return;
    }
    sums.fill(0.0);
    for i in 0..rows.size {
        for (sum, part) in sums.iter_mut().zip(row(i).chunks_exact(columns.size)) {
            *sum += part.iter().sum::<f32>();
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::activation::proof::{ACTIVATIONS, slope, tolerance};
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("subsample", &[&SHADER], standard, bench)
        .slip(["coefficient[channel] * sum", "coefficient[channel] * sum * 1.01"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for f in ACTIVATIONS {
            out.push(case(device, f, [2, 2], [3, 6, 28, 28], Values::Ordinary)?);
            out.push(case(device, f, [3, 2], [2, 5, 7, 11], Values::NonFinite)?);
        }
        out.push(case(device, Activation::Identity, [300, 301], [1, 1, 300, 301], Values::Rising)?);
        Ok(())
    }

    /// One call on `[B, C, H, W]`: z = coefficient · sum + bias errs by as many units of Σ|terms| as it has
    /// additions and products, and f carries that on.
    pub fn case(
        device: &Device,
        f: Activation,
        size: [usize; 2],
        dims: [usize; 4],
        values: Values,
    ) -> Result<Outcome> {
        let [b, c, h, w] = dims;
        let [oh, ow] = output_size("subsample", size, [h, w])?;
        let count: usize = dims.iter().product();
        let mut inputs = Inputs::new((count * 31 + c) as u64);
        let x = inputs.values(values, count);
        let coefficient = inputs.values(Values::Ordinary, c);
        let bias = inputs.values(Values::Ordinary, c);
        let run = |device: &Device, f, [x, coefficient, bias]: [&[f32]; 3]| {
            let x = Tensor::from_f32(device, &dims, x)?;
            let coefficient = Tensor::from_f32(device, &[c], coefficient)?;
            let bias = Tensor::from_f32(device, &[c], bias)?;
            let mut y = Tensor::for_output(device, &[b, c, oh, ow])?;
            let parameters = Parameters { coefficient: &coefficient, bias: &bias };
            subsample(&x, size, parameters, f, &mut y)?;
            y.to_vec()
        };
        let given = [&x[..], &coefficient, &bias];
        let (expected, found) = both(device, |device| run(device, f, given))?;
        let cpu = Device::cpu();
        let z = run(&cpu, Activation::Identity, given)?;
        let sizes = given.map(|values| values.iter().map(|v| v.abs()).collect::<Vec<_>>());
        let sizes = run(&cpu, Activation::Identity, [&sizes[0], &sizes[1], &sizes[2]])?;
        let steps = (size[0] + size[1] + 3) as f64;
        let mut check = Check::default();
        check.compare("y", &expected, &found, |i| {
            let error = 1.5 * EPSILON * steps * f64::from(sizes[i]) + FLUSH * steps;
            tolerance(f, f64::from(z[i])) + slope(f) * error
        });
        Ok(check.outcome("subsample", format!("{f:?}, {size:?}, {dims:?} {values:?}")))
    }

    /// LeNet-5's S2 for a batch of 128; elements are pixels of the input.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let dims = [128, 6, 28, 28];
        let (x, mut y) = (b.random(&dims, 1)?, b.output(&[128, 6, 14, 14])?);
        let (coefficient, bias, f) =
            (b.random(&[6], 2)?, b.random(&[6], 3)?, Activation::ScaledTanh);
        let parameters = Parameters { coefficient: &coefficient, bias: &bias };
        b.case("6x28x28", dims.iter().product(), || subsample(&x, [2, 2], parameters, f, &mut y))
    }
}
