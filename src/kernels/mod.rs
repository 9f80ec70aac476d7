//! The kernels: each has a WGSL path (`shaders/`) and a CPU path, side by side in one file.
//!
//! All matrices are row-major and batch-first. A kernel checks shapes, element types, devices and
//! aliasing before it records anything. A size of 0 anywhere is no error: there is nothing to do, and
//! sums over nothing are 0.
//!
//! What is one number per case (a loss, a choice, a mistake) goes into a tensor for many batches, from
//! `first_row` on: an epoch's numbers gather on the device, and the host reads once.

pub mod activation;
pub mod activation_grad;
pub mod adam;
pub mod affine;
pub mod anneal;
pub mod argmax;
pub mod bias_update;
mod cases;
pub mod categorical;
pub mod cd_update;
pub mod conv2d;
pub mod conv2d_grad_input;
pub mod conv2d_grad_kernel;
mod convolution;
pub mod cross_entropy;
pub mod dropout;
pub mod elementwise;
pub mod error_count;
pub mod gather;
pub mod matmul;
pub mod pool2d;
pub mod pool2d_grad_input;
pub mod rbf;
pub mod rbf_grad_input;
pub mod rbf_loss;
pub mod reduce;
pub mod sample;
pub mod sgd;
pub mod softmax;
pub mod squared_error;
pub mod subsample;
pub mod subsample_grad_input;
pub mod subsample_grad_parameters;
mod tile;

#[doc(hidden)]
pub use tile::{Tiles, with_tiles};

use crate::device::{Backend, Device, Shader};
use crate::error::{Error, Result};
use crate::tensor::{Element, Tensor};

/// Names a shader file and the shared parts it needs, in the order of concatenation.
macro_rules! shader {
    ($name:literal $(, $shared:literal)*) => {
        crate::device::Shader {
            name: $name,
            parts: &[
                $(include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/shaders/shared/", $shared, ".wgsl"
                )),)*
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $name, ".wgsl")),
            ],
        }
    };
}
pub(crate) use shader;

/// Every shader: what the tests validate and translate.
pub fn shaders() -> Vec<&'static Shader> {
    let mut all = vec![
        &activation::SHADER,
        &activation_grad::SHADER,
        &affine::SHADER,
        &adam::SHADER,
        &anneal::SHADER,
        &argmax::SHADER,
        &bias_update::SHADER,
        &categorical::SHADER,
        &dropout::SHADER,
        &cross_entropy::SHADER,
        &elementwise::SHADER,
        &error_count::SHADER,
        &gather::SHADER,
        &pool2d::SHADER,
        &pool2d_grad_input::SHADER,
        &rbf::SHADER,
        &rbf_grad_input::SHADER,
        &rbf_loss::SHADER,
        &reduce::SHADER,
        &sample::SHADER,
        &sgd::SHADER,
        &softmax::SHADER,
        &subsample::SHADER,
        &subsample_grad_input::SHADER,
        &subsample_grad_parameters::SHADER,
        &squared_error::SHADER,
    ];
    all.extend(matmul::SHADERS.both());
    all.extend(cd_update::SHADERS.both());
    all.extend(conv2d::SHADERS.both());
    all.extend(conv2d_grad_input::SHADERS.both());
    all.extend(conv2d_grad_kernel::SHADERS.both());
    all.extend([&convolution::shader::PIXELS, &convolution::shader::TAPS]);
    all.push(&conv2d_grad_kernel::SUMS);
    all
}

/// Compiles the kernels that training uses, so that no step waits for a compiler. Nothing on the CPU.
///
/// # Errors
/// [`Error::Device`] where the driver refuses a shader, [`Error::DeviceLost`].
pub fn warm_up(device: &Device) -> Result<()> {
    let Backend::Gpu(gpu) = device.backend() else { return Ok(()) };
    for constants in gather::common_variants() {
        gpu.pipeline(&gather::SHADER, &constants)?;
    }
    gpu.pipeline(&bias_update::SHADER, &bias_update::constants(false))?;
    for constants in matmul::common_variants() {
        gpu.pipeline(matmul::SHADERS.for_gpu(gpu), &constants)?;
    }
    gpu.pipeline(cd_update::SHADERS.for_gpu(gpu), &cd_update::constants(false, false))?;
    Ok(())
}

/// Checks that `t` is a f32 tensor of `dims` on `device`; a vector `[n]` may stand for `[1, n]` and
/// `[n, 1]`.
pub(crate) fn expect(
    op: &'static str,
    name: &str,
    t: &Tensor,
    device: &Device,
    dims: &[usize],
) -> Result<()> {
    device.require_same(op, t.device())?;
    t.require(op, name, Element::F32)?;
    let squeeze = |d: &[usize]| d.iter().copied().filter(|&n| n != 1).collect::<Vec<_>>();
    if t.shape().dims() == dims || squeeze(t.shape().dims()) == squeeze(dims) {
        return Ok(());
    }
    Err(Error::shape(op, format!("{name} is {}, expected {dims:?}", t.shape())))
}

/// Workgroups of `size` for `count` invocations.
pub(crate) fn groups(count: usize, size: u32) -> u64 {
    (count as u64).div_ceil(u64::from(size.max(1)))
}

/// Elements per task on the CPU: enough to be worth a thread.
pub(crate) const GRAIN: usize = 1 << 13;

/// The boolean `override` constants are numbers to wgpu.
pub(crate) fn flag(on: bool) -> u32 {
    u32::from(on)
}
