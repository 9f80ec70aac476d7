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
mod ascent;
pub mod bias_update;
mod cases;
mod catalogue;
pub mod categorical;
pub mod cd_update;
pub mod chain;
pub mod chain_backward;
pub mod chain_forward;
pub mod chain_pairs;
pub mod chain_score;
pub mod columns;
pub mod conv2d;
pub mod conv2d_grad_input;
pub mod conv2d_grad_kernel;
mod convolution;
pub mod cross_entropy;
pub mod dot;
pub mod dropout;
pub mod elementwise;
pub mod error_count;
pub mod exchange;
pub mod gather;
pub mod gibbs_steps;
mod log_loss;
pub mod logistic_loss;
pub mod matmul;
pub mod moved;
pub mod multiply_add;
pub mod pool2d;
pub mod pool2d_grad_input;
#[doc(hidden)]
pub mod proof;
pub mod rbf;
pub mod rbf_grad_input;
pub mod rbf_loss;
pub mod rectified;
pub mod reduce;
pub mod sample;
pub mod settle;
pub mod sgd;
mod slices;
pub mod softmax;
pub mod squared_error;
pub mod subsample;
pub mod subsample_grad_input;
pub mod subsample_grad_parameters;
mod tile;
pub mod viterbi;

pub use cases::{Losses, Place};
pub use catalogue::warm_up;
#[doc(hidden)]
pub use catalogue::{Entry, catalogue, shaders};
#[doc(hidden)]
pub use convolution::shader::with_fixed_geometry;
#[doc(hidden)]
pub use slices::with_slices;
pub(crate) use tile::VECTOR_LOOPS;
#[doc(hidden)]
pub use tile::{with_tiles, with_vector_loads};

#[doc(hidden)]
pub use crate::device::Tiles;

use crate::device::Device;
use crate::error::{Error, Result};
use crate::tensor::{Element, Tensor};

/// A shader: its name, the shared parts it needs, its own file, and the sizes that the host asks for.
macro_rules! shader {
    ($name:literal $(, $shared:literal)*) => {
        shader!($name as $name, ["WORKGROUP"] $(, $shared)*)
    };
    ($file:literal as $name:expr, $sizes:expr $(, $shared:literal)*) => {
        crate::device::Shader::new(
            $name,
            &[
                $(include_str!(concat!(
                    env!("CARGO_MANIFEST_DIR"), "/shaders/shared/", $shared, ".wgsl"
                )),)*
                include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $file, ".wgsl")),
            ],
            &$sizes,
        )
    };
}
pub(crate) use shader;

/// A matrix kernel under all loops, in the order of [`Tiles::ALL`]: these are in range, and what they have to check
/// costs most.
macro_rules! tiled {
    ($name:literal $(, $shared:literal)*) => {
        tiled!($name $(, $shared)*; None)
    };
    ($name:literal $(, $shared:literal)*; $quads:expr) => {
        crate::kernels::tile::Tiled::new([
            tiled!(@ $name, "", ["TILE", "TILE_K"], "large"
                $(, $shared)*, "tile_loads", "tile_elements", "tile_large"),
            tiled!(@ $name, "", ["TILE", "TILE_K"], "medium"
                $(, $shared)*, "tile_loads", "tile_elements", "tile_medium"),
            tiled!(@ $name, "", ["TILE", "TILE_K"], "small"
                $(, $shared)*, "tile_loads", "tile_elements", "tile_small", "tile_split"),
            tiled!(@ $name, "", ["TILE", "TILE_K"], "narrow"
                $(, $shared)*, "tile_loads", "tile_elements", "tile_narrow", "tile_split"),
            tiled!(@ $name, "", ["ROWS", "VECTORS", "LANES"], "register"
                $(, $shared)*, "tile_register"),
        ], $quads)
    };
    // The same in vectors of four, under the loops that go through workgroup memory.
    (quads $name:literal $(, $shared:literal)*) => {
        [
            tiled!(@ $name, "_quads", ["TILE", "TILE_K"], "large"
                $(, $shared)*, "tile_loads", "tile_quads", "tile_large"),
            tiled!(@ $name, "_quads", ["TILE", "TILE_K"], "medium"
                $(, $shared)*, "tile_loads", "tile_quads", "tile_medium"),
            tiled!(@ $name, "_quads", ["TILE", "TILE_K"], "small"
                $(, $shared)*, "tile_loads", "tile_quads", "tile_small", "tile_split"),
            tiled!(@ $name, "_quads", ["TILE", "TILE_K"], "narrow"
                $(, $shared)*, "tile_loads", "tile_quads", "tile_narrow", "tile_split"),
        ]
    };
    (@ $name:literal, $form:literal, $sizes:expr, $loop:literal $(, $shared:literal)*) => {
        shader!($name as concat!($name, $form, "_", $loop), $sizes $(, $shared)*).in_range()
    };
}
pub(crate) use tiled;

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
