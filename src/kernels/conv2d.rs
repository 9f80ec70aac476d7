//! 2-D convolution, as machine learning means it (cross-correlation).
//!
//! A product of the kernels with the picture's patches (Chellapilla, Puri and Simard 2006). The CPU writes
//! out the patches of as many places as stay in a core's cache and multiplies them; bias
//! and activation follow while the sums are there. GPUs read the patches where they lie: one dispatch,
//! whose workgroups are numbered group by group, so that as many groups as channels cost no more
//! dispatches than one. Software adapters go along rows of the picture with its values in registers.

use rayon::prelude::*;

use super::activation::Activation;
pub use super::convolution::Convolution;
use super::convolution::patches::{copy, with_scratch};
use super::convolution::shader::{Params, Pixels, constants, fixed};
use super::convolution::shifted::Shifted;
use super::convolution::{Geometry, Piece, Roles, masked};
use super::slices::slices;
use super::tile::{Tiled, in_registers};
use super::{flag, shader, tiled};
use crate::device::{
    Backend, Bind, Command, Cpu, Rows, Strided, multiply_here, multiply_placed_here,
};
use crate::error::Result;
use crate::tensor::Tensor;

const OP: &str = "conv2d";

pub(crate) static SHADERS: Tiled = tiled!("conv2d", "convolution", "activation");

/// What is done to the sums of a convolution: f(sum + bias).
#[derive(Debug, Clone, Copy, Default)]
pub struct Finish<'a> {
    /// The bias `[O]`.
    pub bias: Option<&'a Tensor>,
    /// f.
    pub activation: Activation,
}

impl<'a> Finish<'a> {
    /// f(sum + bias).
    pub fn new(bias: &'a Tensor, activation: Activation) -> Self {
        Finish { bias: Some(bias), activation }
    }
}

/// `y = f(x * kernel + bias)`: x `[B, C, H, W]`, kernel `[O, C / groups, KH, KW]`, bias `[O]`, y
/// `[B, O, H', W']` with H' and W' from [`Window::positions`](crate::shape::Window::positions):
/// `y[b, o, i, j] = f(bias[o] + Σ x[b, c, i·stride + u·dilation − padding, …]·kernel[o, c, u, v])` over the
/// channels c of o's group and the taps u, v, with x 0 outside the picture.
///
/// With B, C or O of 0 there is nothing to sum or to write: y = f(bias). A NaN or an infinity of x spreads
/// to the places whose patch holds it, also through a tap that is 0 or not connected. A sum of n
/// products is within (n + 4)·ε·Σ|aᵢbᵢ| of the exact one, in whatever order the device takes; on one
/// device the order is the same every time.
///
/// ```
/// use harmonium::kernels::conv2d::{Convolution, Finish, conv2d};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 1, 1, 3], &[1., 2., 3.])?;
/// let kernel = Tensor::from_f32(&device, &[1, 1, 1, 2], &[10., 1.])?;
/// let mut y = Tensor::for_output(&device, &[1, 1, 1, 2])?;
/// conv2d(&x, &kernel, &Convolution::default(), Finish::default(), &mut y)?;
/// assert_eq!(y.to_vec()?, [12., 23.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), naming what was found and what to do: x or y that are no
/// pictures, channels that do not fall into the groups or differ between x and kernel, a kernel that spans
/// more than the padded picture, a stride, dilation, side of the kernel or number of groups of 0, y, bias
/// or table of another shape or element type, an output that is also an argument.
/// [`Error::DeviceMismatch`](crate::Error::DeviceMismatch), [`Error::Poisoned`](crate::Error::Poisoned),
/// [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn conv2d(
    x: &Tensor,
    kernel: &Tensor,
    options: &Convolution<'_>,
    finish: Finish<'_>,
    y: &mut Tensor,
) -> Result<()> {
    let Finish { bias, activation: f } = finish;
    let roles = Roles {
        x: ("x", x),
        kernel: ("the kernel", kernel),
        y: ("y", y),
        bias: bias.map(|b| ("the bias", b)),
    };
    let g = Geometry::new(OP, &roles, options)?;
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let x = x.host()?.f32();
            let bias = bias.map(Tensor::host).transpose()?.map(|h| h.f32());
            let kernel = kernel.host()?.f32();
            let y = y.host_mut()?.f32_mut();
            cpu.run(OP, g.cost(), || {
                let kernel = masked(kernel, options.connections, g.taps())?;
                on_cpu(cpu, &g, x, &kernel, (bias, f), y)
            })
        }
        Backend::Gpu(gpu) if in_registers(gpu) && Pixels::serves(&g, false) => {
            let call = Pixels {
                op: OP,
                source: x,
                kernel,
                bias,
                connections: options.connections,
                activation: f,
                through: None,
                turned: false,
                result: y,
            };
            call.record(gpu, &g)
        }
        Backend::Gpu(gpu) => {
            let size = [g.out_group(), g.batch * g.places(), g.patch()];
            let tiling = SHADERS.tiling(gpu, size, g.groups)?;
            let params = Params::new(&g, size, g.groups);
            let groups = params.tiles(&tiling);
            slices(gpu, [g.patch()], tiling.loops_each()).try_for_each(|slice| {
                // What is done to the sums waits for the last slice.
                let bias = bias.filter(|_| slice.last).map(Tensor::gpu).transpose()?;
                let f = if slice.last { f } else { Activation::Identity };
                let connections = options.connections.map(Tensor::gpu).transpose()?;
                gpu.record(Command {
                    op: OP,
                    shader: tiling.shader(false),
                    constants: &constants::<5, 13>(
                        [
                            ("BIAS", flag(bias.is_some())),
                            ("CONNECTIONS", flag(connections.is_some())),
                            ("ACTIVATION", f as u32),
                            ("COVERS", flag(g.covers())),
                            ("RESUMES", slice.resumes()),
                        ],
                        fixed(gpu, &g, tiling.shader(false)),
                    ),
                    params: bytemuck::bytes_of(&params.sliced(&slice)),
                    binds: &[
                        Bind::Read(x.gpu()?),
                        Bind::Read(kernel.gpu()?),
                        bias.map_or(Bind::Unused, Bind::Read),
                        connections.map_or(Bind::Unused, Bind::Read),
                        slice.output(y.gpu()?),
                    ],
                    loops: slice.loops,
                    groups,
                    cost: slice.cost(g.cost()),
                })
            })
        }
    }
}

pub(super) type HostFinish<'a> = (Option<&'a [f32]>, Activation);

/// On the CPU, after all checks: with a bias for each output, and an activation.
pub(super) fn on_cpu(
    cpu: &Cpu,
    g: &Geometry,
    x: &[f32],
    kernel: &[f32],
    finish: HostFinish<'_>,
    y: &mut [f32],
) -> Result<()> {
    if y.is_empty() {
        return Ok(());
    }
    if g.covers() {
        return covering(cpu, g, x, kernel, finish, y);
    }
    let places = g.places();
    let shifted = g.shifted();
    let shifted = shifted.as_ref();
    let pieces = g.pieces(shifted);
    // Each piece gets the rows of y that it computes, image by image and channel by channel.
    let mut tasks: Vec<(&Piece, Vec<&mut [f32]>)> =
        pieces.iter().map(|piece| (piece, Vec::new())).collect();
    let mut at = 0;
    for (image, channels) in y.chunks_mut(g.outputs * places).enumerate() {
        while !tasks[at].0.images.contains(&image) {
            at += 1;
        }
        let of_image = tasks[at..].iter().take_while(|t| t.0.images.contains(&image)).count();
        let size = tasks[at].0.places(g);
        for channel in channels.chunks_mut(places) {
            for (task, rows) in tasks[at..at + of_image].iter_mut().zip(channel.chunks_mut(size)) {
                task.1.push(rows);
            }
        }
    }
    let one = |(piece, rows)| one_piece(g, shifted, x, kernel, finish, piece, rows);
    tasks.into_par_iter().try_for_each(one)
}

fn one_piece(
    g: &Geometry,
    shifted: Option<&Shifted>,
    x: &[f32],
    kernel: &[f32],
    (bias, f): HostFinish<'_>,
    piece: &Piece,
    mut rows: Vec<&mut [f32]>,
) -> Result<()> {
    let [patch, out_group, places] = [g.patch(), g.out_group(), piece.places(g)];
    // What lies past the columns is computed too, and left.
    let (room, columns) = match shifted {
        Some(shifted) => (shifted.room(g), shifted.columns(g, piece).next_multiple_of(16)),
        None if g.patches_size(piece) == 0 => (0, piece.columns(g)),
        None => (g.patches_size(piece), piece.stride(g)),
    };
    // What belongs together in the sums, and how far it is to the next.
    let [line, step] = shifted.map_or([places; 2], |shifted| [g.positions[1], shifted.width]);
    with_scratch([room, out_group * columns], |room, sums| {
        for group in 0..g.groups {
            let kernels = &kernel[group * out_group * patch..];
            let a = Strided { data: kernels, row_stride: patch, column_stride: 1 };
            let (shape, out) = ([out_group, columns], Rows { data: &mut *sums, stride: columns });
            match shifted {
                Some(shifted) => {
                    let picture = shifted.picture(g, x, group, piece, room);
                    multiply_placed_here(OP, shape, out, a, (picture, &shifted.begins))?;
                }
                None => {
                    let b = g.patches(x, group, piece, room);
                    multiply_here(OP, [out_group, columns, patch], out, false, a, b)?;
                }
            }
            for (image, rows) in rows.chunks_exact_mut(g.outputs).enumerate() {
                let mine = rows[group * out_group..].iter_mut();
                for ((o, row), sums) in mine.enumerate().zip(sums.chunks_exact(columns)) {
                    let lines = sums[image * places..].chunks(step);
                    row.chunks_exact_mut(line).zip(lines).for_each(|(y, s)| copy(&s[..line], y));
                    let bias = bias.map_or(0.0, |bias| bias[group * out_group + o]);
                    finish_row(f, bias, row);
                }
            }
        }
        Ok(())
    })
}

/// One place whose patch is the whole image: y `[B, O]` is x times the kernels transposed.
fn covering(
    cpu: &Cpu,
    g: &Geometry,
    x: &[f32],
    kernel: &[f32],
    (bias, f): HostFinish<'_>,
    y: &mut [f32],
) -> Result<()> {
    let [patch, out_group] = [g.patch(), g.out_group()];
    for group in 0..g.groups {
        let images = Strided {
            data: &x[group * patch..],
            row_stride: g.inputs * g.pixels(),
            column_stride: 1,
        };
        let kernels = Strided {
            data: &kernel[group * out_group * patch..],
            row_stride: 1,
            column_stride: patch,
        };
        let out = Rows { data: &mut y[group * out_group..], stride: g.outputs };
        cpu.multiply(OP, [g.batch, out_group, patch], out, images, kernels)?;
    }
    y.par_chunks_mut(g.outputs).with_min_len(1 + 1024 / g.outputs).for_each(|row| {
        if let Some(bias) = bias {
            row.iter_mut().zip(bias).for_each(|(y, b)| *y += b);
        }
        finish_row(f, 0.0, row);
    });
    Ok(())
}

fn finish_row(f: Activation, bias: f32, row: &mut [f32]) {
    if bias != 0.0 {
        row.iter_mut().for_each(|y| *y += bias);
    }
    f.apply_slice(row);
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    pub use crate::kernels::convolution::proof::{FORMS, Form, Kernel, case, long};
    use crate::kernels::convolution::proof::{SIZES, standard_of, tensors};
    use crate::kernels::convolution::shader::PIXELS;
    use crate::kernels::proof::*;

    static SHADER_LIST: [&Shader; 6] = SHADERS.list(&[&PIXELS]);

    pub(crate) static ENTRY: Entry = Entry::new("conv2d", &SHADER_LIST, standard, bench)
        .slip(["var value = sums;", "var value = sums * 1.01;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        standard_of(device, Kernel::Forward(Activation::Tanh), out)
    }

    /// LeNet-5's sizes and 32 channels, batch 128; elements are FLOP.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for (name, channels, side, kernel) in SIZES {
            let ([x, k, mut y], work) = tensors(b, channels, side, kernel)?;
            let options = Convolution::default();
            let bias = b.random(&[channels[1]], 4)?;
            let f = Activation::Relu;
            b.case(name, work, || conv2d(&x, &k, &options, Finish::new(&bias, f), &mut y))?;
        }
        Ok(())
    }
}
