//! The parameter block of the convolution shaders.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use super::Geometry;
use crate::device::{Bind, Command, Cost, Gpu, Shader, choosing};
use crate::error::Result;
use crate::kernels::activation::Activation;
use crate::kernels::slices::{Slice, iterations, slices};
use crate::kernels::tile::{Tiled, Tiling};
use crate::kernels::{flag, groups};
use crate::tensor::Tensor;

/// The loop over neighbouring pixels, for software adapters.
pub(crate) static PIXELS: Shader = Shader::new(
    "convolution_pixels",
    &[
        include_str!("../../../shaders/shared/convolution.wgsl"),
        include_str!("../../../shaders/shared/activation.wgsl"),
        include_str!("../../../shaders/shared/slope.wgsl"),
        include_str!("../../../shaders/shared/convolution_pixels.wgsl"),
    ],
    &["PIXELS", "ROWS", "LANES"],
);

/// The loop over neighbouring taps, for software adapters.
pub(crate) static TAPS: Shader = Shader::new(
    "convolution_taps",
    &[
        include_str!("../../../shaders/shared/convolution.wgsl"),
        include_str!("../../../shaders/shared/convolution_taps.wgsl"),
    ],
    &["TAPS", "ROWS", "LANES"],
);

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
    pub rows: [u32; 2],
    pub columns: [u32; 2],
    pub k_start: u32,
    pub source_group: u32,
    pub unused: [u32; 2],
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
            rows: [0, g.kernel[0] as u32],
            columns: [0, g.kernel[1] as u32],
            k_start: 0,
            source_group: 0,
            unused: [0; 2],
        }
    }

    /// For a slice of K.
    pub fn sliced(self, slice: &Slice<1>) -> Self {
        let [Range { start, end }] = slice.ranges;
        Params { k_start: start, k: end, ..self }
    }

    /// Workgroups of the tiled loops.
    pub fn tiles(&self, tiling: &Tiling) -> u64 {
        u64::from(self.slices) * tiling.groups
    }
}

thread_local! {
    static FORCED: Cell<Option<bool>> = const { Cell::new(None) };
}

/// Runs `work` with every tiled convolution that this thread calls in it made for its geometry, or for all, whatever the
/// adapter.
pub fn with_fixed_geometry<T>(on: bool, work: impl FnOnce() -> T) -> T {
    choosing(&FORCED, on, work)
}

/// So many pipelines of a shader may be made for one geometry each; past them there is one for all others.
const GEOMETRIES: usize = 64;

/// The constants of a pipeline that is made for one geometry, whose divisions are products. A software adapter, which takes
/// long for each pipeline, has one for all geometries.
pub(crate) fn fixed(gpu: &Gpu, g: &Geometry, shader: &Shader) -> [(&'static str, u32); 8] {
    let few = || gpu.variants(shader) < GEOMETRIES;
    let on = FORCED.get().unwrap_or_else(|| !gpu.is_software() && few());
    let size = |n: usize| if on { n as u32 } else { 0 };
    [
        ("FIXED_TAPS", size(g.taps())),
        ("FIXED_KERNEL_WIDTH", size(g.kernel[1])),
        ("FIXED_PLACES", size(g.places())),
        ("FIXED_PLACES_WIDTH", size(g.positions[1])),
        ("FIXED_PIXELS", size(g.pixels())),
        ("FIXED_IMAGE_WIDTH", size(g.image[1])),
        ("FIXED_STRIDE_DOWN", size(g.stride[0])),
        ("FIXED_STRIDE_ACROSS", size(g.stride[1])),
    ]
}

/// What a kernel has of its own, and those.
pub(crate) fn constants<const OWN: usize, const ALL: usize>(
    own: [(&'static str, u32); OWN],
    fixed: [(&'static str, u32); 8],
) -> [(&'static str, u32); ALL] {
    const { assert!(ALL == OWN + 8, "a kernel's constants have another number") };
    std::array::from_fn(|i| if i < OWN { own[i] } else { fixed[i - OWN] })
}

/// The narrowest picture whose rows the loops for software adapters go along; below it too much of their
/// vectors lies outside.
const NARROWEST: usize = 4;

/// One call of the loop over neighbouring pixels.
pub(crate) struct Pixels<'a> {
    pub op: &'static str,
    pub source: &'a Tensor,
    pub kernel: &'a Tensor,
    pub bias: Option<&'a Tensor>,
    pub connections: Option<&'a Tensor>,
    pub activation: Activation,
    /// Of dx, the activation that it goes on through, and that one's output.
    pub through: Option<(Activation, &'a Tensor)>,
    /// Whether the result is dx, and the source dy.
    pub turned: bool,
    pub result: &'a Tensor,
}

impl Pixels<'_> {
    /// Whether the loop is made for these sizes: rows of at least four pixels, and for dx, which is then
    /// a convolution too, a stride of 1.
    pub fn serves(g: &Geometry, turned: bool) -> bool {
        let width = if turned { g.image[1] } else { g.positions[1] };
        width >= NARROWEST && !g.covers() && (!turned || g.stride == [1, 1])
    }

    pub fn record(&self, gpu: &Arc<Gpu>, g: &Geometry) -> Result<()> {
        let (plain, turned) = (Params::new(g, [0; 3], g.groups), self.turned);
        let params = if turned {
            // Where dx begins, the kernel turned around reaches over dy's edge by what padding leaves of
            // its span; a padding past that wraps around to an offset into dy.
            let reach = |axis: usize| {
                let span = plain.dilation[axis] * (plain.kernel[axis] - 1);
                span.wrapping_sub(plain.padding[axis])
            };
            Params {
                inputs: plain.outputs,
                outputs: plain.inputs,
                image: plain.positions,
                positions: plain.image,
                padding: [reach(0), reach(1)],
                ..plain
            }
        } else {
            plain
        };
        let pixels = gpu.size(&PIXELS, "PIXELS")?;
        let pieces = g.batch as u32 * params.positions[0] * params.positions[1].div_ceil(pixels);
        let (m, k) = match turned {
            true => (plain.in_group, plain.out_group),
            false => (plain.out_group, plain.in_group),
        };
        let down = u64::from(m.div_ceil(gpu.size(&PIXELS, "ROWS")?));
        let across = groups(pieces as usize, gpu.size(&PIXELS, "LANES")?);
        let params = Params { m, n: pieces, source_group: k, ..params };
        let groups = u64::from(params.slices) * down * across;
        let lengths = [k, plain.kernel[0], plain.kernel[1]].map(|n| n as usize);
        slices(gpu, lengths, 1)
            .try_for_each(|slice| self.one(gpu, &params, &slice, (groups, g.cost())))
    }

    /// One dispatch: all of it, or a slice of channels and of the kernel's rows and columns.
    fn one(
        &self,
        gpu: &Arc<Gpu>,
        params: &Params,
        slice: &Slice<3>,
        (groups, cost): (u64, Cost),
    ) -> Result<()> {
        let [channels, rows, columns] = slice.ranges.clone().map(|r| [r.start, r.end]);
        let [k_start, k] = channels;
        let params = Params { k_start, k, rows, columns, ..*params };
        let slides = params.stride[1] == 1 && params.dilation[1] == 1;
        // What is done to the sums waits for the last.
        let bias = self.bias.filter(|_| slice.last).map(Tensor::gpu).transpose()?;
        let activation = if slice.last { self.activation } else { Activation::Identity };
        let connections = self.connections.map(Tensor::gpu).transpose()?;
        let through = self.through.filter(|_| slice.last);
        gpu.record(Command {
            op: self.op,
            shader: &PIXELS,
            constants: &[
                ("BIAS", flag(bias.is_some())),
                ("CONNECTIONS", flag(connections.is_some())),
                ("ACTIVATION", activation as u32),
                ("SLOPE", through.map_or(0, |(f, _)| f as u32)),
                ("TURNED", flag(self.turned)),
                ("PADDED", flag(params.padding != [0, 0])),
                ("SLIDES", flag(slides)),
                ("RESUMES", slice.resumes()),
            ],
            params: bytemuck::bytes_of(&params),
            binds: &[
                Bind::Read(self.source.gpu()?),
                Bind::Read(self.kernel.gpu()?),
                bias.map_or(Bind::Unused, Bind::Read),
                connections.map_or(Bind::Unused, Bind::Read),
                match through {
                    Some((_, x)) => Bind::Read(x.gpu()?),
                    None => Bind::Unused,
                },
                slice.output(self.result.gpu()?),
            ],
            loops: slice.loops,
            groups,
            cost: slice.cost(cost),
        })
    }
}

/// The partial sums of dkernel and dbias: which loop, with what, and how many runs each have their own.
pub(crate) struct PartialSums {
    pub shader: &'static Shader,
    pub constants: Vec<(&'static str, u32)>,
    pub params: Params,
    pub groups: u64,
    pub runs: usize,
    /// Iterations of one invocation.
    pub loops: u64,
}

impl PartialSums {
    /// One product for each group and run, in one of the loops of `shaders`.
    pub fn tiled(gpu: &Gpu, g: &Geometry, shaders: &'static Tiled) -> Result<Self> {
        /// Products of a run at least.
        const LONG: usize = 512;
        let terms = g.batch * g.places();
        let columns = g.patch() + 1;
        // As if there were all the runs that there can be.
        let size = [g.out_group(), columns, terms.min(LONG)];
        let tiling = shaders.tiling(gpu, size, g.groups * (terms / LONG).max(1))?;
        let each = tiling.loops_each();
        let runs =
            runs(gpu, g, tiling.groups, terms / LONG).max(slices(gpu, [terms], each).count());
        let length = terms.div_ceil(runs);
        let params = Params::new(g, [g.out_group(), columns, length], runs * g.groups);
        let (groups, shader) = (params.tiles(&tiling), tiling.shader(false));
        let loops = length as u64 * each;
        let constants = fixed(gpu, g, shader).to_vec();
        Ok(PartialSums { shader, constants, params, groups, runs, loops })
    }

    /// The loop over neighbouring taps, where the output's rows are of at least four places; its runs are
    /// of whole rows, or of parts of one where rows are too long for one invocation's loops.
    pub fn taps(gpu: &Gpu, g: &Geometry) -> Result<Option<Self>> {
        if g.positions[1] < NARROWEST {
            return Ok(None);
        }
        let lines = g.batch * g.positions[0];
        let pieces = g.kernel[1].div_ceil(gpu.size(&TAPS, "TAPS")? as usize);
        let across = groups(g.in_group() * g.kernel[0] * pieces + 1, gpu.size(&TAPS, "LANES")?);
        let tiles = across * groups(g.out_group(), gpu.size(&TAPS, "ROWS")?);
        // The first slice is as long as any.
        let longest = slices(gpu, [lines, g.positions[1]], 1).next();
        let [most_lines, places] =
            longest.map_or([lines, g.positions[1]], |slice| slice.ranges.map(|r| r.len()));
        let parts = g.positions[1].div_ceil(places.max(1));
        let line_runs = runs(gpu, g, tiles, lines).max(lines.div_ceil(most_lines.max(1)));
        let length = lines.div_ceil(line_runs);
        let runs = line_runs * parts;
        let size = [g.out_group(), g.patch() + 1, length];
        let params = Params {
            terms: lines as u32,
            columns: [places as u32, parts as u32],
            ..Params::new(g, size, runs * g.groups)
        };
        Ok(Some(PartialSums {
            shader: &TAPS,
            constants: vec![
                ("PADDED", flag(g.padding != [0, 0])),
                ("SLIDES", flag(g.stride[1] == 1 && g.dilation[1] == 1)),
            ],
            params,
            groups: u64::from(params.slices) * tiles,
            runs,
            loops: iterations(&[length as u64, places as u64], 1),
        }))
    }
}

/// So many runs that the adapter has enough workgroups, where one product has `tiles`; no more than `most`.
fn runs(gpu: &Gpu, g: &Geometry, tiles: u64, most: usize) -> usize {
    let enough = gpu.policy().workgroups as usize;
    enough.div_ceil((tiles as usize * g.groups).max(1)).min(most).max(1)
}
