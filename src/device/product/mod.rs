//! Matrix products on the CPU: `Σ_t A_t B_t`, and what becomes of each row of the sums while it is in the cache.
//!
//! Each element is one sum in ascending k, term by term, of fused products and sums where the processor has them
//! (AVX2, AVX-512, NEON; WebAssembly and older processors round the product too). So its bits depend neither on the number
//! of threads, nor on how many rows and columns share the call, nor on the width of the vectors.
//!
//! An operand is broadcast, number by number, the other is packed into panels of a few vectors ([`pack`]); a tile of sums stays in
//! registers over all of a panel's depth ([`tile`]). Rows that are mostly zeros skip them ([`sparse`]): x + 0·y = x, so that the
//! bits are the same (but for the sign of a sum that underflows to zero). Goto and van de Geijn 2008, *Anatomy of high-performance
//! matrix multiplication*.

mod dots;
mod pack;
mod sparse;
mod split;
mod square;
mod task;
#[cfg(test)]
mod tests;
mod tile;
mod windows;
#[cfg(target_arch = "x86_64")]
mod x86;
mod zeros;

use std::collections::TryReserveError;

use rayon::prelude::*;

pub(crate) use dots::add_dots;
use split::Split;
use task::Task;
pub(crate) use tile::Windows;
pub(crate) use windows::{add_windows, multiply_placed};

/// One operand of a matrix product: element `[r, c]` is `data[r * row_stride + c * column_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Strided<'a> {
    pub data: &'a [f32],
    pub row_stride: usize,
    pub column_stride: usize,
}

impl Strided<'_> {
    fn covers(&self, rows: usize, columns: usize) -> bool {
        rows == 0
            || columns == 0
            || (rows - 1) * self.row_stride + (columns - 1) * self.column_stride < self.data.len()
    }

    /// Its transpose.
    pub fn turned(self) -> Self {
        Strided { row_stride: self.column_stride, column_stride: self.row_stride, ..self }
    }
}

/// Rows of an output: row r begins at `data[r * stride]`.
pub(crate) struct Rows<'a> {
    pub data: &'a mut [f32],
    pub stride: usize,
}

impl<'a> Rows<'a> {
    /// Whether there are so many rows of so many columns, none in another's place.
    fn hold(&self, rows: usize, columns: usize) -> bool {
        let needed = rows.saturating_sub(1) * self.stride + columns;
        rows == 0 || columns == 0 || (needed <= self.data.len() && columns <= self.stride)
    }

    /// Each row's columns.
    fn each(self, columns: usize) -> impl Iterator<Item = &'a mut [f32]> {
        self.data.chunks_mut(self.stride.max(1)).filter_map(move |row| row.get_mut(..columns))
    }
}

/// scale·A(B − β): A `[m, k]`, B `[k, n]` less `offset` `[n]` in each row.
#[derive(Clone, Copy)]
pub(crate) struct Term<'a> {
    pub a: Strided<'a>,
    pub b: Strided<'a>,
    pub k: usize,
    pub scale: f32,
    pub offset: Option<&'a [f32]>,
}

impl<'a> Term<'a> {
    /// A·B.
    pub fn new(a: Strided<'a>, b: Strided<'a>, k: usize) -> Self {
        Term { a, b, k, scale: 1.0, offset: None }
    }

    /// Bᵀ·Aᵀ of a plain term.
    fn turned(self) -> Self {
        Term { a: self.b.turned(), b: self.a.turned(), ..self }
    }

    /// Whether it is the product alone.
    fn is_plain(&self) -> bool {
        self.scale == 1.0 && self.offset.is_none()
    }
}

/// Parts of a row begin at multiples of it, so that they begin with a block of random numbers.
const UNIT: usize = 8;

/// What becomes of the sums of a row from a column on: `[row, column]`, the column a multiple of 4, the sums, and that
/// part of either output (empty where there is none).
pub(crate) type Finish<'a> = &'a (dyn Fn([usize; 2], &mut [f32], [&mut [f32]; 2]) + Sync);

/// Why nothing was computed.
#[derive(Debug)]
pub(crate) enum Refused {
    /// A slice is too short.
    Short,
    /// The rows are too many to be listed.
    Memory { bytes: u64, detail: TryReserveError },
}

/// Computes the terms' sum `[m, n]` and hands it to `finish`, or does nothing.
pub(crate) fn product(
    [m, n]: [usize; 2],
    terms: &[Term<'_>],
    outputs: [Option<Rows<'_>>; 2],
    threads: usize,
    finish: Finish<'_>,
) -> Result<(), Refused> {
    let covered = terms.iter().all(|t| {
        let offset = t.offset.is_none_or(|beta| beta.len() == n);
        t.a.covers(m, t.k) && t.b.covers(t.k, n) && offset
    });
    if !covered || !outputs.iter().flatten().all(|rows| rows.hold(m, n)) {
        return Err(Refused::Short);
    }
    if m == 0 || n == 0 {
        return Ok(());
    }
    let split = Split::new([m, n], terms, threads);
    run(Task::divide(&split, [m, n], terms, outputs, finish)?, pulp::Arch::new());
    Ok(())
}

/// The sums themselves, as the first output.
pub(crate) fn store(_: [usize; 2], sums: &mut [f32], [out, _]: [&mut [f32]; 2]) {
    out.copy_from_slice(sums);
}

/// Runs what is compiled for each kind of vectors; without any, as four lanes that the compiler makes vectors of.
fn dispatch(arch: pulp::Arch, work: impl pulp::WithSimd<Output = ()>) {
    match arch {
        pulp::Arch::Scalar => work.with_simd(pulp::Scalar128b),
        arch => arch.dispatch(work),
    }
}

fn run(tasks: Vec<Task<'_>>, arch: pulp::Arch) {
    match tasks.len() {
        1 => tasks.into_iter().for_each(|task| task.run(arch)),
        _ => tasks.into_par_iter().with_max_len(1).for_each(|task| task.run(arch)),
    }
}
