//! The matrix product loops that kernels share, and which of them a product gets.

use std::cell::Cell;
use std::sync::OnceLock;

use crate::device::{Fit, Gpu, Shader, Tiles, choosing};
use crate::error::Result;

/// A kernel under every loop, in the order of [`Tiles::ALL`].
pub(crate) struct Tiled {
    shaders: [Shader; LOOPS],
    /// The loops that go through workgroup memory, with loads of vectors of four.
    quads: Option<&'static [Shader; VECTOR_LOOPS]>,
    blocks: OnceLock<[Block; LOOPS]>,
}

const LOOPS: usize = Tiles::ALL.len();

/// The loops that go through workgroup memory, which are the first ones.
pub(crate) const VECTOR_LOOPS: usize = Tiles::Register as usize;

/// What a workgroup of a loop computes.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    rows: u32,
    columns: u32,
    /// A step along K.
    step: u32,
}

/// How a product is dispatched.
pub(crate) struct Tiling {
    tiles: Tiles,
    shader: &'static Shader,
    /// With loads of vectors of four, where there is such a form and the policy wants it.
    quads: Option<&'static Shader>,
    /// Workgroups for one product; 0 where there is nothing to compute.
    pub groups: u64,
}

thread_local! {
    static FORCED: Cell<Option<Tiles>> = const { Cell::new(None) };
    static VECTORS: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Runs `work` with every matrix kernel that this thread calls in it on this loop, whatever the policy, so that all
/// are checked everywhere.
pub fn with_tiles<T>(tiles: Tiles, work: impl FnOnce() -> T) -> T {
    choosing(&FORCED, tiles, work)
}

/// Runs `work` with loads of vectors of four, or without any, in every matrix kernel that this thread calls in it and
/// whose sizes allow them, whatever the policy.
pub fn with_vector_loads<T>(on: bool, work: impl FnOnce() -> T) -> T {
    choosing(&VECTORS, on, work)
}

/// Whether products are computed in registers alone, as software adapters do it best.
pub(crate) fn in_registers(gpu: &Gpu) -> bool {
    match FORCED.get() {
        Some(tiles) => tiles == Tiles::Register,
        None => gpu.policy().is_only(Tiles::Register),
    }
}

impl Tiled {
    pub const fn new(
        shaders: [Shader; LOOPS],
        quads: Option<&'static [Shader; VECTOR_LOOPS]>,
    ) -> Self {
        Tiled { shaders, quads, blocks: OnceLock::new() }
    }

    /// Its shaders, those with loads of vectors, then others that the kernel has beside them.
    pub const fn list<const ALL: usize>(
        &'static self,
        others: &[&'static Shader],
    ) -> [&'static Shader; ALL] {
        let quads: &'static [Shader] = match self.quads {
            Some(quads) => quads,
            None => &[],
        };
        let own = LOOPS + quads.len();
        assert!(ALL == own + others.len(), "a kernel's list of shaders has another length");
        let mut all = [&self.shaders[0]; ALL];
        let mut at = 1;
        while at < ALL {
            all[at] = match at {
                _ if at < LOOPS => &self.shaders[at],
                _ if at < own => &quads[at - LOOPS],
                _ => others[at - own],
            };
            at += 1;
        }
        all
    }

    /// The one for products of these sizes, whose rows are whole vectors of four or not.
    pub fn shader_for(
        &'static self,
        gpu: &Gpu,
        sizes: [usize; 3],
        in_quads: bool,
    ) -> &'static Shader {
        match self.tiling(gpu, sizes, 1) {
            Ok(tiling) => tiling.shader(in_quads),
            // The first dispatch tells what is wrong.
            Err(_) => &self.shaders[0],
        }
    }

    /// How so many products `[m, n, k]` at once are dispatched.
    pub fn tiling(&'static self, gpu: &Gpu, sizes: [usize; 3], products: usize) -> Result<Tiling> {
        let fits = self.fits(gpu, sizes)?;
        let all = |tiles: Tiles| {
            let Fit { groups, inside } = fits[tiles as usize];
            Fit { groups: groups * products as u64, inside }
        };
        let tiles = FORCED.get().unwrap_or_else(|| gpu.policy().choose(all));
        let groups = fits[tiles as usize].groups;
        let vectors = VECTORS.get().unwrap_or_else(|| gpu.policy().vector_loads);
        let quads = self.quads.filter(|_| vectors).and_then(|quads| quads.get(tiles as usize));
        Ok(Tiling { tiles, shader: &self.shaders[tiles as usize], quads, groups })
    }

    /// What a product `[m, n, k]` comes to in each loop, in the order of [`Tiles::ALL`].
    pub fn fits(&self, gpu: &Gpu, [m, n, k]: [usize; 3]) -> Result<[Fit; LOOPS]> {
        let work = m as f64 * n as f64 * k.max(1) as f64;
        Ok(self.blocks(gpu)?.map(|Block { rows, columns, step }| {
            let groups = super::groups(m, rows) * super::groups(n, columns);
            let outputs = groups as f64 * f64::from(rows) * f64::from(columns);
            let steps = super::groups(k, step).max(1) as f64 * f64::from(step);
            Fit { groups, inside: work / (outputs * steps).max(1.0) }
        }))
    }

    /// What each loop's shader says of its workgroups, read once.
    fn blocks(&self, gpu: &Gpu) -> Result<[Block; LOOPS]> {
        if let Some(blocks) = self.blocks.get() {
            return Ok(*blocks);
        }
        let mut blocks = [Block::default(); LOOPS];
        for (block, shader) in blocks.iter_mut().zip(&self.shaders) {
            let size = |name| gpu.size(shader, name);
            *block = match shader.sizes {
                ["TILE", "TILE_K"] => {
                    let side = size("TILE")?;
                    Block { rows: side, columns: side, step: size("TILE_K")? }
                }
                _ => {
                    let columns = 4 * size("VECTORS")? * size("LANES")?;
                    Block { rows: size("ROWS")?, columns, step: 1 }
                }
            };
        }
        Ok(*self.blocks.get_or_init(|| blocks))
    }
}

impl Tiling {
    /// The shader: that which loads vectors of four only where each row of all that the kernel binds to be read so is a
    /// whole number of them, and K is not cut into slices.
    pub fn shader(&self, in_quads: bool) -> &'static Shader {
        self.quads.filter(|_| in_quads).unwrap_or(self.shader)
    }

    /// Iterations of its loops for one step along K. A round of the loops through workgroup memory counts once, and so
    /// does each of its products: of 8 k with large tiles and with small ones, where they serve four teams, of 16 with
    /// medium ones, of 4 with narrow ones, where they serve sixteen; and the end of the inner loop counts too.
    pub fn loops_each(&self) -> u64 {
        match self.tiles {
            Tiles::Large | Tiles::Medium => 2,
            Tiles::Small | Tiles::Narrow | Tiles::Register => 1,
        }
    }
}
