//! What one thread computes of a product: some rows and columns of it, block by block.

use std::cell::Cell;
use std::ops::Range;

use pulp::{Simd, WithSimd};

use super::pack;
use super::sparse::{self, Lists, Skipping};
use super::split::{Form, LANES, Split, even};
use super::tile::{self, Numbers, Operands, Tile, Vectors};
use super::{Finish, Refused, Rows, Strided, Term, UNIT, dispatch};

/// Rows of a block of the broadcast operand: such a block of sums stays in the second cache.
const BLOCK: usize = 128;
/// The depth of a block.
pub(super) const DEPTH: usize = 256;
/// Columns that are packed at once, unless they are so deep that [`PACKED`] numbers are fewer.
const WIDTH: usize = 512;
const PACKED: usize = 1 << 20;
/// Up to so many rows read the vectors where they are: packing would cost as much as it saves.
const FEW: usize = 16;

pub(super) struct Task<'a> {
    pub rows: Range<usize>,
    pub columns: Range<usize>,
    pub terms: &'a [Term<'a>],
    pub form: Form,
    /// Of each output the columns of each of the rows.
    pub out: [Vec<&'a mut [f32]>; 2],
    pub finish: Finish<'a>,
}

/// Memory that a thread keeps between products.
#[derive(Default)]
pub(super) struct Scratch {
    pub panels: Vec<f32>,
    block: Vec<f32>,
    pub sums: Vec<f32>,
    turned: Vec<f32>,
    lists: Lists,
}

thread_local! {
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl Scratch {
    /// Gives this thread's to `work`.
    pub fn with(work: impl FnOnce(&mut Scratch)) {
        let mut scratch = SCRATCH.take();
        work(&mut scratch);
        SCRATCH.set(scratch);
    }
}

/// So many numbers from a vector's bound on.
pub(super) fn aligned(memory: &mut Vec<f32>, count: usize) -> &mut [f32] {
    const LINE: usize = 16;
    if memory.len() < count + LINE {
        *memory = vec![0.0; count + LINE];
    }
    let skip = memory.as_ptr().align_offset(4 * LINE).min(LINE);
    &mut memory[skip..skip + count]
}

impl<'a> Task<'a> {
    /// The parts of a product, or that there is no memory for the lists of their rows.
    pub fn divide(
        split: &Split,
        [m, n]: [usize; 2],
        terms: &'a [Term<'a>],
        outputs: [Option<Rows<'a>>; 2],
        finish: Finish<'a>,
    ) -> Result<Vec<Self>, Refused> {
        let (across, down) = match split.form {
            Form::Turned => (UNIT, LANES),
            _ => (LANES, 1),
        };
        let columns: Vec<_> = even(0..n, n.div_ceil(split.columns), across).collect();
        let rows: Vec<_> = even(0..m, m.div_ceil(split.rows), down).collect();
        let given = outputs.each_ref().map(Option::is_some);
        let [first, second] = outputs.map(|rows| rows.map(|rows| rows.each(n)));
        let (mut first, mut second) = (first.into_iter().flatten(), second.into_iter().flatten());
        let mut tasks = Vec::with_capacity(rows.len() * columns.len());
        for rows in rows {
            let begin = tasks.len();
            for columns in &columns {
                let mut out = [Vec::new(), Vec::new()];
                for (lines, _) in out.iter_mut().zip(given).filter(|(_, given)| *given) {
                    lines.try_reserve_exact(rows.len()).map_err(|detail| {
                        let bytes = (rows.len() * size_of::<&mut [f32]>()) as u64;
                        Refused::Memory { bytes, detail }
                    })?;
                }
                let (rows, columns) = (rows.clone(), columns.clone());
                tasks.push(Task { rows, columns, terms, form: split.form, out, finish });
            }
            for _ in rows {
                for (which, line) in [first.next(), second.next()].into_iter().enumerate() {
                    let Some(mut line) = line else { continue };
                    for task in &mut tasks[begin..] {
                        let (own, rest) = line.split_at_mut(task.columns.len());
                        task.out[which].push(own);
                        line = rest;
                    }
                }
            }
        }
        Ok(tasks)
    }

    pub fn run(self, arch: pulp::Arch) {
        Scratch::with(|scratch| dispatch(arch, Work { task: self, scratch }));
    }

    /// The range that is broadcast, and the one along the lanes.
    fn ranges(&self) -> [Range<usize>; 2] {
        let [rows, columns] = [&self.rows, &self.columns].map(Clone::clone);
        if self.form == Form::Turned { [columns, rows] } else { [rows, columns] }
    }

    /// The terms, the broadcast operand first.
    fn terms(&self) -> impl Iterator<Item = Term<'_>> + Clone {
        let turned = self.form == Form::Turned;
        self.terms.iter().map(move |term| if turned { term.turned() } else { *term })
    }

    /// Hands on sums `[rows, columns]`, whose rows are `stride` apart.
    fn hand_on(&mut self, [rows, columns]: [Range<usize>; 2], sums: &mut [f32], stride: usize) {
        let within = columns.start - self.columns.start..columns.end - self.columns.start;
        for (row, sums) in rows.zip(sums.chunks_mut(stride)) {
            let at = row - self.rows.start;
            let out = self.out.each_mut().map(|lines| match lines.get_mut(at) {
                Some(line) => &mut line[within.clone()],
                None => &mut [],
            });
            (self.finish)([row, columns.start], &mut sums[..within.len()], out);
        }
    }
}

struct Work<'a, 'b> {
    task: Task<'a>,
    scratch: &'b mut Scratch,
}

impl WithSimd for Work<'_, '_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let Work { mut task, scratch } = self;
        let [xs, ys] = task.ranges();
        let depth: usize = task.terms.iter().map(|t| t.k).sum();
        let lanes = S::F32_LANES;
        let most = (PACKED / depth.max(1)).clamp(sparse::VECTORS * lanes, WIDTH);
        for ys in even(ys, most, lanes) {
            let across = Across::new(simd, &task, ys, depth);
            across.run(&mut task, xs.clone(), scratch);
        }
    }
}

/// Some columns of vectors, over all rows.
struct Across<S> {
    simd: S,
    /// The most rows of a tile, and the most vectors of a panel.
    tile: [usize; 2],
    sparse: bool,
    ys: Range<usize>,
    /// Of all terms.
    depth: usize,
}

impl<S: Simd> Across<S> {
    #[inline(always)]
    fn new(simd: S, task: &Task<'_>, ys: Range<usize>, depth: usize) -> Self {
        let sparse = task.form == Form::Sparse;
        let tile = if sparse { [1, sparse::VECTORS] } else { tile::most::<S>() };
        Across { simd, tile, sparse, ys, depth }
    }

    /// The vectors of each panel.
    #[inline(always)]
    fn panels(&self) -> impl Iterator<Item = Range<usize>> + Clone {
        even(0..self.ys.len().div_ceil(S::F32_LANES), self.tile[1], 1)
    }

    /// All panels of all terms, but for those that are read where they are.
    #[inline(always)]
    fn pack(&self, task: &Task<'_>, in_place: bool, packed: &mut [f32]) {
        let lanes = S::F32_LANES;
        let mut rest = packed;
        for term in task.terms() {
            for p in self.panels() {
                let (columns, width) = (self.columns(&p), p.len() * lanes);
                let to;
                (to, rest) = rest.split_at_mut(width * term.k);
                if !in_place || columns.len() < width {
                    pack::panel(self.simd, to, term.b, columns.clone(), width);
                    pack::change(to, width, term.offset.map(|beta| &beta[columns]), term.scale);
                }
            }
        }
    }

    #[inline(always)]
    fn run(mut self, task: &mut Task<'_>, xs: Range<usize>, scratch: &mut Scratch) {
        let lanes = S::F32_LANES;
        let stride = self.ys.len().next_multiple_of(lanes);
        let Scratch { panels, block, sums, turned, lists } = scratch;
        let width = self.ys.len();
        let plain = |t: Term<'_>| t.is_plain() && t.b.column_stride == 1 && t.b.row_stride >= width;
        let in_place = xs.len() <= FEW && !self.sparse && task.terms().all(plain);
        let packed = aligned(panels, stride * self.depth);
        self.pack(task, in_place, packed);
        if self.sparse && !sparse::are_finite(packed) {
            // What is not finite is not to be skipped.
            (self.sparse, self.tile) = (false, tile::most::<S>());
            self.pack(task, in_place, packed);
        }
        let packed = &*packed;
        for xs in even(xs, BLOCK, UNIT) {
            let sums = aligned(sums, xs.len() * stride);
            if self.depth == 0 {
                sums.fill(0.0);
            }
            let mut begin = true;
            let mut above = 0;
            for term in task.terms() {
                for depth in even(0..term.k, DEPTH, sparse::DEPTH) {
                    let part = Part { term, above, depth: depth.clone(), stride, packed, in_place };
                    if self.sparse {
                        lists.fill(self.simd, term.a, xs.clone(), depth);
                        self.skipping(&part, lists, sums, begin);
                    } else {
                        let block = aligned(block, xs.len() * depth.len());
                        self.tiles(&part, xs.clone(), block, sums, begin);
                    }
                    begin = false;
                }
                above += term.k;
            }
            if task.form == Form::Turned {
                let turned = aligned(turned, xs.len() * self.ys.len());
                let (sums, count) = (&*sums, xs.len());
                pack::turn(self.simd, turned, count, count, |x| &sums[x * stride..]);
                task.hand_on([self.ys.clone(), xs.clone()], turned, count);
            } else {
                task.hand_on([xs, self.ys.clone()], sums, stride);
            }
        }
    }

    /// The columns that a panel's vectors stand for.
    #[inline(always)]
    fn columns(&self, panel: &Range<usize>) -> Range<usize> {
        let first = self.ys.start + panel.start * S::F32_LANES;
        first..(first + panel.len() * S::F32_LANES).min(self.ys.end)
    }

    #[inline(always)]
    fn tiles(
        &self,
        part: &Part<'_>,
        xs: Range<usize>,
        block: &mut [f32],
        sums: &mut [f32],
        begin: bool,
    ) {
        let lanes = S::F32_LANES;
        let depth = part.depth.len();
        let rows = even(0..xs.len(), self.tile[0], 1);
        let x = part.term.a;
        // Numbers that are read once, or that lie as they would be packed, stay where they are.
        let once = part.stride <= self.tile[1] * lanes;
        let in_place = (once && x.column_stride == 1) || x.row_stride == 1;
        if !in_place {
            // The rows of x are the columns of its transpose.
            let data = &x.data[part.depth.start * x.column_stride..];
            let turned = Strided { data, ..x }.turned();
            for r in rows.clone() {
                let to = &mut block[r.start * depth..r.end * depth];
                pack::panel(self.simd, to, turned, xs.start + r.start..xs.start + r.end, r.len());
            }
        }
        for p in self.panels() {
            let y = part.vectors(&p, self.columns(&p), lanes);
            for r in rows.clone() {
                let from = (xs.start + r.start) * x.row_stride + part.depth.start * x.column_stride;
                let x = match [x.row_stride, x.column_stride] {
                    [next, 1] if in_place => Numbers::Along(&x.data[from..], next),
                    [1, next] if in_place => Numbers::Across(&x.data[from..], next),
                    _ => Numbers::Across(&block[r.start * depth..r.end * depth], r.len()),
                };
                let sums = &mut sums[r.start * part.stride + p.start * lanes..];
                let operands = Operands::Plain(x, y);
                let tile = Tile { operands, depth, sums, stride: part.stride, begin };
                tile.run(self.simd, [r.len(), p.len()]);
            }
        }
    }

    #[inline(always)]
    fn skipping(&self, part: &Part<'_>, lists: &Lists, sums: &mut [f32], begin: bool) {
        let lanes = S::F32_LANES;
        for p in self.panels() {
            let (panel, sums) = (part.packed(&p, lanes), &mut sums[p.start * lanes..]);
            let work = Skipping { lists, panel, sums, stride: part.stride, begin };
            work.run(self.simd, p.len());
        }
    }
}

/// A part of one term's depth.
struct Part<'a> {
    term: Term<'a>,
    /// The depth of the terms before.
    above: usize,
    depth: Range<usize>,
    /// Columns of all panels.
    stride: usize,
    packed: &'a [f32],
    in_place: bool,
}

impl<'a> Part<'a> {
    #[inline(always)]
    fn packed(&self, panel: &Range<usize>, lanes: usize) -> &'a [f32] {
        let width = panel.len() * lanes;
        let begin = self.stride * self.above + panel.start * lanes * self.term.k;
        &self.packed[begin..][self.depth.start * width..self.depth.end * width]
    }

    #[inline(always)]
    fn vectors(&self, panel: &Range<usize>, columns: Range<usize>, lanes: usize) -> Vectors<'a> {
        if self.in_place && columns.len() == panel.len() * lanes {
            let Strided { data, row_stride: stride, .. } = self.term.b;
            return Vectors { data: &data[self.depth.start * stride + columns.start..], stride };
        }
        Vectors { data: self.packed(panel, lanes), stride: panel.len() * lanes }
    }
}
