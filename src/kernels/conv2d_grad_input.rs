//! The gradient of a convolution with respect to its input.
//!
//! The CPU multiplies the kernels, transposed, by dy and adds each column of the product to the pixels of
//! its patch, image by image; two threads never add to one pixel, so the result does not depend on their
//! number. GPUs sum for each pixel over the places that see it: one implicit product for each group, or on
//! software adapters, where the stride is 1, the convolution of dy with the kernel turned around.

use std::ops::Range;

use rayon::prelude::*;

use super::activation::Activation;
use super::activation_grad::Onward;
use super::conv2d::{self, Convolution};
use super::convolution::patches::{outputs_of, with_scratch};
use super::convolution::shader::{Params, Pixels, constants, fixed};
use super::convolution::{Geometry, Piece, Roles, masked};
use super::slices::slices;
use super::tile::{Tiled, in_registers};
use super::{flag, shader, tiled};
use crate::device::{Backend, Bind, Command, Cpu, Rows, Strided, multiply_here};
use crate::error::Result;
use crate::tensor::Tensor;

const OP: &str = "conv2d_grad_input";

pub(crate) static SHADERS: Tiled = tiled!("conv2d_grad_input", "convolution", "slope");

/// `dx = ∂L/∂x` from `dy = ∂L/∂(x * kernel)` `[B, O, H', W']`, kernel `[O, C / groups, KH, KW]`; dx
/// `[B, C, H, W]` is overwritten:
/// `dx[b, c, y, x] = Σ dy[b, o, i, j]·kernel[o, c, u, v]` over the o of c's group and over the taps and
/// places with i·stride + u·dilation − padding = y, and so along the width.
///
/// Pixels that no place sees get 0, as all do where O is 0. A NaN of dy spreads to the pixels that its
/// place sees; one of the kernel at least to those seen under its tap. A sum of n products is within
/// (n + 4)·ε·Σ|aᵢbᵢ| of the exact one.
///
/// ```
/// use harmonium::kernels::conv2d::Convolution;
/// use harmonium::kernels::conv2d_grad_input::conv2d_grad_input;
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let dy = Tensor::from_f32(&device, &[1, 1, 1, 2], &[1., 10.])?;
/// let kernel = Tensor::from_f32(&device, &[1, 1, 1, 2], &[2., 3.])?;
/// let mut dx = Tensor::for_output(&device, &[1, 1, 1, 3])?;
/// conv2d_grad_input(&dy, &kernel, &Convolution::default(), &mut dx)?;
/// assert_eq!(dx.to_vec()?, [2., 23., 30.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`conv2d`](super::conv2d::conv2d), with dx in x's place and dy in y's.
pub fn conv2d_grad_input<'a>(
    dy: &Tensor,
    kernel: &Tensor,
    options: &Convolution<'_>,
    dx: impl Into<Onward<'a>>,
) -> Result<()> {
    let onward = dx.into();
    let dx = &*onward.dx;
    onward.check(OP)?;
    let roles = Roles { x: ("dx", dx), kernel: ("the kernel", kernel), y: ("dy", dy), bias: None };
    let g = Geometry::new(OP, &roles, options)?;
    match dy.device().backend() {
        Backend::Cpu(cpu) => {
            let dy = dy.host()?.f32();
            let kernel = kernel.host()?.f32();
            let (dx, through) = onward.on_host()?;
            cpu.run(OP, g.cost(), || {
                let kernel = masked(kernel, options.connections, g.taps())?;
                on_cpu(cpu, &g, dy, &kernel, dx)?;
                through.all(dx);
                Ok(())
            })
        }
        Backend::Gpu(gpu) if in_registers(gpu) && Pixels::serves(&g, true) => {
            let call = Pixels {
                op: OP,
                source: dy,
                kernel,
                bias: None,
                connections: options.connections,
                activation: Activation::Identity,
                through: onward.through,
                turned: true,
                result: dx,
            };
            call.record(gpu, &g)
        }
        Backend::Gpu(gpu) => {
            let size = if g.covers() {
                [g.patch(), g.batch, g.out_group()]
            } else {
                [g.in_group(), g.batch * g.pixels(), g.out_group() * g.taps()]
            };
            let tiling = SHADERS.tiling(gpu, size, g.groups)?;
            let params = Params::new(&g, size, g.groups);
            let groups = params.tiles(&tiling);
            let connections = options.connections.map(Tensor::gpu).transpose()?;
            slices(gpu, [size[2]], tiling.loops_each()).try_for_each(|slice| {
                let (slope, x) = onward.on_gpu(slice.last)?;
                gpu.record(Command {
                    op: OP,
                    shader: tiling.shader(false),
                    constants: &constants::<4, 12>(
                        [
                            ("SLOPE", slope),
                            ("CONNECTIONS", flag(connections.is_some())),
                            ("COVERS", flag(g.covers())),
                            ("RESUMES", slice.resumes()),
                        ],
                        fixed(gpu, &g, tiling.shader(false)),
                    ),
                    params: bytemuck::bytes_of(&params.sliced(&slice)),
                    binds: &[
                        Bind::Read(dy.gpu()?),
                        Bind::Read(kernel.gpu()?),
                        connections.map_or(Bind::Unused, Bind::Read),
                        x,
                        slice.output(dx.gpu()?),
                    ],
                    loops: slice.loops,
                    groups,
                    cost: slice.cost(g.cost()),
                })
            })
        }
    }
}

/// The pieces of some images, one of their parts by group and channels, and its pixels in each image.
type Task<'a> = (&'a [Piece], &'a (usize, Range<usize>), Vec<&'a mut [f32]>);

fn on_cpu(cpu: &Cpu, g: &Geometry, dy: &[f32], kernel: &[f32], dx: &mut [f32]) -> Result<()> {
    if dx.is_empty() {
        return Ok(());
    }
    if g.outputs == 0 {
        dx.fill(0.0);
        return Ok(());
    }
    if g.covers() {
        return covering(cpu, g, dy, kernel, dx);
    }
    if let Some(turned) = g.turned() {
        let kernels = g.turned_kernels(kernel);
        return conv2d::on_cpu(cpu, &turned, dy, &kernels, (None, Activation::Identity), dx);
    }
    let pieces = g.pieces(None);
    let images = pieces.first().map_or(1, |piece| piece.images.len());
    let parts = channel_parts(g, g.batch.div_ceil(images));
    let per_image = pieces.iter().take_while(|piece| piece.images.start == 0).count();
    let mut tasks: Vec<Task<'_>> = Vec::new();
    let mut rest = dx;
    for pieces in pieces.chunks(per_image) {
        let first = tasks.len();
        tasks.extend(parts.iter().map(|part| (pieces, part, Vec::new())));
        for _ in pieces[0].images.clone() {
            for (at, (_, channels)) in parts.iter().enumerate() {
                let (mine, others) = rest.split_at_mut(channels.len() * g.pixels());
                tasks[first + at].2.push(mine);
                rest = others;
            }
        }
    }
    tasks.into_par_iter().try_for_each(|(pieces, (group, channels), dx)| {
        one_task(g, dy, kernel, pieces, *group, channels, dx)
    })
}

/// The channels of each group in as many parts as give every thread of a large machine something to do.
/// In order; each with its group and the channels within it.
fn channel_parts(g: &Geometry, tasks: usize) -> Vec<(usize, Range<usize>)> {
    /// Tasks to aim at.
    const ENOUGH: usize = 32;
    let channels = g.in_group();
    let wanted = ENOUGH.div_ceil((tasks * g.groups).max(1));
    let size = channels.div_ceil(wanted).max(1);
    let starts = || (0..channels).step_by(size);
    let of_group = |group| starts().map(move |c| (group, c..(c + size).min(channels)));
    (0..g.groups).flat_map(of_group).collect()
}

/// Some channels of some images: their patches' gradient is the kernels transposed times dy, and each
/// pixel takes what its patches say.
fn one_task(
    g: &Geometry,
    dy: &[f32],
    kernel: &[f32],
    pieces: &[Piece],
    group: usize,
    channels: &Range<usize>,
    mut dx: Vec<&mut [f32]>,
) -> Result<()> {
    let [patch, out_group, taps] = [g.patch(), g.out_group(), g.taps()];
    let rows = channels.len() * taps;
    let columns = pieces.iter().map(|piece| piece.columns(g)).max().unwrap_or(0);
    dx.iter_mut().for_each(|dx| dx.fill(0.0));
    with_scratch([rows * columns, out_group * columns], |patches, gathered| {
        for piece in pieces {
            let (columns, places) = (piece.columns(g), piece.places(g));
            let patches = &mut patches[..rows * columns];
            let b = outputs_of(g, dy, group, piece, &mut gathered[..out_group * columns]);
            let kernels = &kernel[group * out_group * patch + channels.start * taps..];
            let a = Strided { data: kernels, row_stride: 1, column_stride: patch };
            let out = Rows { data: &mut *patches, stride: columns };
            multiply_here(OP, [rows, columns, out_group], out, false, a, b)?;
            for (row, line) in patches.chunks_exact(columns).enumerate() {
                for (dx, line) in dx.iter_mut().zip(line.chunks_exact(places)) {
                    let channel = &mut dx[row / taps * g.pixels()..][..g.pixels()];
                    g.spread(line, row % taps, &piece.rows, channel);
                }
            }
        }
        Ok(())
    })
}

/// One place whose patch is the whole image: dx `[B, C·H·W]` is dy `[B, O]` times the kernels.
fn covering(cpu: &Cpu, g: &Geometry, dy: &[f32], kernel: &[f32], dx: &mut [f32]) -> Result<()> {
    let [patch, out_group] = [g.patch(), g.out_group()];
    for group in 0..g.groups {
        let a = Strided { data: &dy[group * out_group..], row_stride: g.outputs, column_stride: 1 };
        let b = Strided {
            data: &kernel[group * out_group * patch..],
            row_stride: patch,
            column_stride: 1,
        };
        let out = Rows { data: &mut dx[group * patch..], stride: g.inputs * g.pixels() };
        cpu.multiply(OP, [g.batch, patch, out_group], out, a, b)?;
    }
    Ok(())
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::activation_grad::proof::onward;
    use crate::kernels::convolution::proof::{Kernel, SIZES, standard_of, tensors};
    use crate::kernels::convolution::shader::PIXELS;
    use crate::kernels::proof::*;
    use crate::kernels::{Tiles, with_tiles};

    static SHADER_LIST: [&Shader; 6] = SHADERS.list(&[&PIXELS]);

    pub(crate) static ENTRY: Entry = Entry::new("conv2d_grad_input", &SHADER_LIST, standard, bench)
        .slip(["dx[at] = value[i];", "dx[at] = value[i] * 1.01;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        standard_of(device, Kernel::GradInput, out)?;
        // Many places, and one that sees all of its picture.
        for (tiles, side) in Tiles::ALL.into_iter().flat_map(|tiles| [(tiles, 9), (tiles, 3)]) {
            let mut inputs = Inputs::new(side as u64);
            let mut random = |dims: &[usize]| {
                let values = inputs.values(Values::Ordinary, dims.iter().product());
                Tensor::from_f32(device, dims, &values)
            };
            let places = side - 2;
            let (dy, kernel) = (random(&[2, 5, places, places])?, random(&[5, 4, 3, 3])?);
            let sizes: &[usize] = &[2, 4, side, side];
            let form = format!(", {tiles:?}");
            out.push(with_tiles(tiles, || {
                onward(OP, device, (sizes, &form), |_, dx| {
                    conv2d_grad_input(&dy, &kernel, &Convolution::default(), dx)
                })
            })?);
        }
        Ok(())
    }

    /// LeNet-5's sizes and 32 channels, batch 128; elements are FLOP.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for (name, channels, side, kernel) in SIZES {
            let ([mut dx, k, dy], work) = tensors(b, channels, side, kernel)?;
            let options = Convolution::default();
            b.case(name, work, || conv2d_grad_input(&dy, &k, &options, &mut dx))?;
        }
        Ok(())
    }
}
