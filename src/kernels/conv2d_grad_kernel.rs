//! The gradient of a convolution with respect to its kernel and bias.
//!
//! The sum over batch and places is long and its result small, so it is cut into runs, whose number
//! depends on the sizes alone; each has sums of its own, and those are added in order. The same call
//! therefore gives the same bits on any number of threads. On GPUs these are two dispatches, or one where there is one run.

mod host;

use std::sync::Arc;

use super::conv2d::Convolution;
use super::convolution::shader::{Params, PartialSums, constants as all, fixed};
use super::convolution::{Geometry, Roles, mask};
use super::tile::{Tiled, in_registers};
use super::{flag, shader, tiled};
use crate::device::{Backend, Bind, Command, Cost, Gpu, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

const OP: &str = "conv2d_grad_kernel";

pub(crate) static SHADERS: Tiled = tiled!("conv2d_grad_kernel", "convolution");

pub(crate) static SUMS: Shader = Shader::new(
    "conv2d_grad_kernel_sums",
    &[
        include_str!("../../shaders/shared/convolution.wgsl"),
        include_str!("../../shaders/shared/convolution_sums.wgsl"),
    ],
    &["WORKGROUP"],
);

/// Where the gradients go.
#[derive(Debug)]
pub struct Gradients<'a> {
    /// dkernel `[O, C / groups, KH, KW]`.
    pub kernel: &'a mut Tensor,
    /// dbias `[O]`.
    pub bias: Option<&'a mut Tensor>,
}

impl<'a> Gradients<'a> {
    /// The kernel's alone.
    pub fn of(kernel: &'a mut Tensor) -> Self {
        Gradients { kernel, bias: None }
    }

    /// And the bias's.
    pub fn with_bias(self, bias: &'a mut Tensor) -> Self {
        Gradients { bias: Some(bias), ..self }
    }
}

/// `dkernel = ∂L/∂kernel` `[O, C / groups, KH, KW]` and, where asked for, `dbias` `[O]`, the sum of dy over
/// batch and places, from x `[B, C, H, W]` and dy = ∂L/∂(x * kernel) `[B, O, H', W']`. Both are
/// overwritten: `dkernel[o, c, u, v] = Σ dy[b, o, i, j]·x[b, c, i·stride + u·dilation − padding, …]` over b,
/// i and j, with x 0 outside the picture, and dkernel 0 where the table connects nothing.
///
/// A batch of 0 gives zeros. NaN and infinities spread as in any sum; what the padding adds is 0 times
/// dy. A sum of n products is within (n + 4)·ε·Σ|aᵢbᵢ| of the exact one.
///
/// ```
/// use harmonium::kernels::conv2d::Convolution;
/// use harmonium::kernels::conv2d_grad_kernel::{Gradients, conv2d_grad_kernel};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let x = Tensor::from_f32(&device, &[1, 1, 1, 3], &[1., 2., 3.])?;
/// let dy = Tensor::from_f32(&device, &[1, 1, 1, 2], &[1., 10.])?;
/// let mut dkernel = Tensor::for_output(&device, &[1, 1, 1, 2])?;
/// let mut dbias = Tensor::for_output(&device, &[1])?;
/// let out = Gradients::of(&mut dkernel).with_bias(&mut dbias);
/// conv2d_grad_kernel(&x, &dy, &Convolution::default(), out)?;
/// assert_eq!(dkernel.to_vec()?, [21., 32.]);
/// assert_eq!(dbias.to_vec()?, [11.]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`conv2d`](super::conv2d::conv2d), with dkernel in the kernel's place, dy in y's and dbias in the
/// bias's, and [`Error::OutOfMemory`](crate::Error::OutOfMemory) for the partial sums.
pub fn conv2d_grad_kernel(
    x: &Tensor,
    dy: &Tensor,
    options: &Convolution<'_>,
    out: Gradients<'_>,
) -> Result<()> {
    let Gradients { kernel: dkernel, bias: dbias } = out;
    let roles = Roles {
        x: ("x", x),
        kernel: ("dkernel", dkernel),
        y: ("dy", dy),
        bias: dbias.as_deref().map(|b| ("dbias", b)),
    };
    let g = Geometry::new(OP, &roles, options)?;
    match x.device().backend() {
        Backend::Cpu(cpu) => {
            let x = x.host()?.f32();
            let dy = dy.host()?.f32();
            let table = options.connections.map(Tensor::host).transpose()?.map(|t| t.words());
            let dkernel = dkernel.host_mut()?.f32_mut();
            let dbias = dbias.map(Tensor::host_mut).transpose()?.map(|b| b.f32_mut());
            cpu.run(OP, g.cost(), || {
                host::on_cpu(cpu, &g, x, dy, dkernel, dbias)?;
                if let Some(table) = table {
                    mask(dkernel, table, g.taps());
                }
                Ok(())
            })
        }
        Backend::Gpu(gpu) => on_gpu(gpu, &g, x, dy, options.connections, dkernel, dbias),
    }
}

/// Two dispatches: partial sums over runs of the batch's places, in memory of their own, and their sum.
fn on_gpu(
    gpu: &Arc<Gpu>,
    g: &Geometry,
    x: &Tensor,
    dy: &Tensor,
    connections: Option<&Tensor>,
    dkernel: &mut Tensor,
    dbias: Option<&mut Tensor>,
) -> Result<()> {
    if g.outputs == 0 {
        return Ok(());
    }
    let along_rows = if in_registers(gpu) { PartialSums::taps(gpu, g)? } else { None };
    let tiled = along_rows.is_none();
    let PartialSums { shader, constants, params, groups, runs, loops } = match along_rows {
        Some(sums) => sums,
        None => PartialSums::tiled(gpu, g, &SHADERS)?,
    };
    let dbias = dbias.as_deref().map(Tensor::gpu).transpose()?;
    let connections = connections.map(Tensor::gpu).transpose()?;
    if runs == 1 && tiled {
        return gpu.record(Command {
            op: OP,
            shader,
            constants: &all::<3, 11>(
                [
                    ("WHOLE", 1),
                    ("CONNECTIONS", flag(connections.is_some())),
                    ("BIAS", flag(dbias.is_some())),
                ],
                fixed(gpu, g, shader),
            ),
            params: bytemuck::bytes_of(&params),
            binds: &[
                Bind::Read(x.gpu()?),
                Bind::Read(dy.gpu()?),
                connections.map_or(Bind::Unused, Bind::Read),
                Bind::Write(dkernel.gpu()?),
                dbias.map_or(Bind::Unused, Bind::Write),
            ],
            loops,
            groups,
            cost: g.cost(),
        });
    }
    let columns = g.patch() + 1;
    let sums = Tensor::for_output(x.device(), &[runs, g.outputs * columns])?;
    let mut binds = vec![Bind::Read(x.gpu()?), Bind::Read(dy.gpu()?), Bind::Write(sums.gpu()?)];
    if tiled {
        binds.insert(2, Bind::Unused);
        binds.push(Bind::Unused);
    }
    gpu.record(Command {
        op: OP,
        shader,
        constants: &constants,
        params: bytemuck::bytes_of(&params),
        binds: &binds,
        loops,
        groups,
        cost: g.cost(),
    })?;
    let values = (runs * g.outputs * columns) as u64;
    gpu.record(Command {
        op: OP,
        shader: &SUMS,
        constants: &[("CONNECTIONS", flag(connections.is_some())), ("BIAS", flag(dbias.is_some()))],
        params: bytemuck::bytes_of(&Params { slices: runs as u32, ..params }),
        binds: &[
            Bind::Read(sums.gpu()?),
            connections.map_or(Bind::Unused, Bind::Read),
            Bind::Write(dkernel.gpu()?),
            dbias.map_or(Bind::Unused, Bind::Write),
        ],
        loops: runs as u64,
        groups: super::groups(g.outputs * columns, gpu.size(&SUMS, "WORKGROUP")?),
        cost: Cost { flops: values, bytes: 4 * values },
    })
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::convolution::proof::{Kernel, SIZES, standard_of, tensors};
    use crate::kernels::convolution::shader::TAPS;
    use crate::kernels::proof::*;

    static SHADER_LIST: [&Shader; 7] = SHADERS.list(&[&TAPS, &SUMS]);

    pub(crate) static ENTRY: Entry =
        Entry::new("conv2d_grad_kernel", &SHADER_LIST, standard, bench)
            .slip(["sums[start + i] = value[i];", "sums[start + i] = value[i] * 1.01;"]);

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        standard_of(device, Kernel::GradKernel(true), out)
    }

    /// LeNet-5's sizes and 32 channels, batch 128; elements are FLOP.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        for (name, channels, side, kernel) in SIZES {
            let ([x, mut dk, dy], work) = tensors(b, channels, side, kernel)?;
            let options = Convolution::default();
            let mut db = b.output(&[channels[1]])?;
            b.case(name, work, || {
                conv2d_grad_kernel(&x, &dy, &options, Gradients::of(&mut dk).with_bias(&mut db))
            })?;
        }
        Ok(())
    }
}
