//! The two matrix product loops that kernels share: for GPUs and for software adapters.

use crate::device::{Gpu, Shader};

/// A kernel's two variants.
pub(crate) struct Tiled {
    pub workgroup: Shader,
    pub register: Shader,
}

impl Tiled {
    pub fn for_gpu(&'static self, gpu: &Gpu) -> &'static Shader {
        if gpu.is_software() { &self.register } else { &self.workgroup }
    }

    pub fn both(&'static self) -> [&'static Shader; 2] {
        [&self.workgroup, &self.register]
    }
}

/// Workgroups for an `[m, n]` product under this variant; 0 where there is nothing to compute.
pub(crate) fn groups(shader: &Shader, m: usize, n: usize) -> u64 {
    let (rows, columns) = match shader.constant("TILE") {
        0 => (shader.constant("ROWS"), 4 * shader.constant("VECTORS") * shader.constant("LANES")),
        tile => (tile, tile),
    };
    super::groups(m, rows) * super::groups(n, columns)
}
