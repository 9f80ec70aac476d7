//! The two matrix product loops that kernels share: for GPUs and for software adapters.

use std::cell::Cell;

use crate::device::{Gpu, Shader, choosing};
use crate::error::Result;

/// A kernel's two variants.
pub(crate) struct Tiled {
    pub workgroup: Shader,
    pub register: Shader,
}

/// The two loops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tiles {
    /// Through workgroup memory: for GPUs.
    Workgroup,
    /// In registers alone: for software adapters.
    Register,
}

impl Tiles {
    /// Both.
    pub const ALL: [Tiles; 2] = [Tiles::Workgroup, Tiles::Register];

    /// Those of an adapter, or those that [`with_tiles`] asks for.
    pub(crate) fn of(gpu: &Gpu) -> Self {
        let by_adapter = if gpu.is_software() { Tiles::Register } else { Tiles::Workgroup };
        FORCED.get().unwrap_or(by_adapter)
    }
}

thread_local! {
    static FORCED: Cell<Option<Tiles>> = const { Cell::new(None) };
}

/// Runs `work` with every matrix kernel that this thread calls in it on this variant, whatever the
/// adapter, so that both are checked everywhere.
pub fn with_tiles<T>(tiles: Tiles, work: impl FnOnce() -> T) -> T {
    choosing(&FORCED, tiles, work)
}

impl Tiled {
    pub fn for_gpu(&'static self, gpu: &Gpu) -> &'static Shader {
        match Tiles::of(gpu) {
            Tiles::Workgroup => &self.workgroup,
            Tiles::Register => &self.register,
        }
    }
}

impl Tiles {
    /// Iterations of its loops for one step along K.
    pub fn loops_each(self) -> u64 {
        match self {
            // 16 steps through workgroup memory after 4 loads of a tile, and the loop around them: 21 for 16.
            Tiles::Workgroup => 2,
            Tiles::Register => 1,
        }
    }
}

/// Workgroups for an `[m, n]` product under this variant; 0 where there is nothing to compute.
pub(crate) fn groups(gpu: &Gpu, shader: &Shader, m: usize, n: usize) -> Result<u64> {
    let size = |name| gpu.size(shader, name);
    let (rows, columns) = match shader.sizes {
        ["TILE"] => (size("TILE")?, size("TILE")?),
        _ => (size("ROWS")?, 4 * size("VECTORS")? * size("LANES")?),
    };
    Ok(super::groups(m, rows) * super::groups(n, columns))
}
