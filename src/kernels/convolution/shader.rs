//! The parameter block of the convolution shaders.

use super::Geometry;
use crate::device::Shader;
use crate::kernels::tile;

/// `Params` of `shaders/shared/convolution.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, bytemuck::Pod, bytemuck::Zeroable)]
pub(crate) struct Params {
    pub m: u32,
    pub n: u32,
    pub k: u32,
    pub slices: u32,
    pub inputs: u32,
    pub outputs: u32,
    pub in_group: u32,
    pub out_group: u32,
    pub image: [u32; 2],
    pub positions: [u32; 2],
    pub kernel: [u32; 2],
    pub stride: [u32; 2],
    pub padding: [u32; 2],
    pub dilation: [u32; 2],
    pub patch: u32,
    pub taps: u32,
    pub terms: u32,
    pub groups: u32,
}

impl Params {
    /// For `slices` products `[m, n, k]`.
    pub fn new(g: &Geometry, [m, n, k]: [usize; 3], slices: usize) -> Self {
        let pair = |sizes: [usize; 2]| sizes.map(|n| n as u32);
        Params {
            m: m as u32,
            n: n as u32,
            k: k as u32,
            slices: slices as u32,
            inputs: g.inputs as u32,
            outputs: g.outputs as u32,
            in_group: g.in_group() as u32,
            out_group: g.out_group() as u32,
            image: pair(g.image),
            positions: pair(g.positions),
            kernel: pair(g.kernel),
            stride: pair(g.stride),
            padding: pair(g.padding),
            dilation: pair(g.dilation),
            patch: g.patch() as u32,
            taps: g.taps() as u32,
            terms: (g.batch * g.places()) as u32,
            groups: g.groups as u32,
        }
    }

    /// Workgroups of the tiled loops.
    pub fn tiles(&self, shader: &Shader) -> u64 {
        u64::from(self.slices) * tile::groups(shader, self.m as usize, self.n as usize)
    }
}
