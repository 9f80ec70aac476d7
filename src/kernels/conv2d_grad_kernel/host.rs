//! On the CPU: products of patches, or of what lies where patches would be read, with dy turned.

use rayon::prelude::*;

use super::OP;
use crate::device::{Cpu, Rows, Strided, Windows, add_dots_here, add_windows_here, multiply_here};
use crate::error::Result;
use crate::kernels::GRAIN;
use crate::kernels::convolution::patches::{outputs_of, with_scratch};
use crate::kernels::convolution::shifted::Shifted;
use crate::kernels::convolution::{Geometry, Piece};

/// Pieces in a fixed number of runs, each with sums of its own, added in order: the result does not
/// depend on the number of threads.
pub(super) fn on_cpu(
    cpu: &Cpu,
    g: &Geometry,
    x: &[f32],
    dy: &[f32],
    dkernel: &mut [f32],
    dbias: Option<&mut [f32]>,
) -> Result<()> {
    /// Values of all partial sums together: 16 MiB, as long as there are a few runs.
    const ROOM: usize = 1 << 22;
    if g.outputs == 0 {
        return Ok(());
    }
    if g.covers() && g.batch > 0 {
        return covering(cpu, g, x, dy, dkernel, dbias);
    }
    let shifted = g.shifted();
    let shifted = shifted.as_ref();
    let pieces = g.pieces(shifted);
    let size = dkernel.len() + g.outputs;
    let runs = (ROOM / size).clamp(4, 16);
    let parts: Vec<&[Piece]> = pieces.chunks(pieces.len().div_ceil(runs).max(1)).collect();
    let mut sums = vec![0.0; parts.len() * size];
    let tasks = sums.par_chunks_mut(size).zip(&parts);
    let wants_bias = dbias.is_some();
    tasks.try_for_each(|(sums, pieces)| {
        let (kernel, bias) = sums.split_at_mut(dkernel.len());
        one_run(g, shifted, x, dy, pieces, kernel, wants_bias.then_some(bias))
    })?;
    if let Some(dbias) = dbias {
        let first = dkernel.len();
        for (o, out) in dbias.iter_mut().enumerate() {
            *out = sums.chunks_exact(size).map(|sums| sums[first + o]).sum();
        }
    }
    let (patch, out_group) = (g.patch(), g.out_group());
    let rows = dkernel.par_chunks_mut(patch.max(1)).enumerate();
    rows.with_min_len(1 + GRAIN / (patch * parts.len()).max(1)).for_each(|(o, row)| {
        let first = o / out_group * out_group * patch + o % out_group;
        row.fill(0.0);
        for sums in sums.chunks_exact(size) {
            let column = sums[first..].iter().step_by(out_group);
            row.iter_mut().zip(column).for_each(|(out, sum)| *out += sum);
        }
    });
    Ok(())
}

/// So few maps fill no vector: with this many places the sums are taken along these.
const FEW: usize = 8;
const LONG: usize = 256;

fn one_run(
    g: &Geometry,
    shifted: Option<&Shifted>,
    x: &[f32],
    dy: &[f32],
    pieces: &[Piece],
    dkernel: &mut [f32],
    mut dbias: Option<&mut [f32]>,
) -> Result<()> {
    let [patch, out_group] = [g.patch(), g.out_group()];
    let most = |size: &dyn Fn(&Piece) -> usize| pieces.iter().map(size).max().unwrap_or(0);
    let room = |p: &Piece| shifted.map_or_else(|| g.patches_size(p), |shifted| shifted.room(g));
    let sizes = [most(&room), out_group * most(&|p| p.columns(g))];
    // The sums of a group are [patch, outputs].
    with_scratch(sizes, |room, gathered| {
        for piece in pieces {
            let columns = piece.columns(g);
            for group in 0..g.groups {
                let dy = outputs_of(g, dy, group, piece, &mut gathered[..out_group * columns]);
                if let Some(dbias) = dbias.as_deref_mut() {
                    let lines = dy.data.chunks(dy.row_stride).map(|line| &line[..columns]);
                    let mine = &mut dbias[group * out_group..][..out_group];
                    mine.iter_mut().zip(lines).for_each(|(b, line)| *b += sum(line));
                }
                let out =
                    Rows { data: &mut dkernel[group * out_group * patch..], stride: out_group };
                match shifted {
                    Some(shifted) => {
                        let picture = shifted.picture(g, x, group, piece, room);
                        add_shifted(g, shifted, piece, picture, dy, out)?;
                    }
                    None => {
                        let room = &mut room[..g.patches_size(piece)];
                        let patches = g.patches(x, group, piece, room);
                        add_patches([patch, out_group, columns], patches, dy, out)?;
                    }
                }
            }
        }
        Ok(())
    })
}

/// Adds patches times dy turned, over the places.
fn add_patches(
    shape: [usize; 3],
    patches: Strided<'_>,
    dy: Strided<'_>,
    out: Rows<'_>,
) -> Result<()> {
    let [patch, out_group, columns] = shape;
    if out_group <= FEW && columns >= LONG {
        let [a, b] = [begins(&patches, patch), begins(&dy, out_group)];
        let rows = |data, begins| Windows { data, begins, step: 0, size: [1, columns] };
        return add_dots_here(OP, out, rows(patches.data, &a), rows(dy.data, &b));
    }
    multiply_here(OP, shape, out, true, patches, dy.turned())
}

/// The same of patches that are read where they lie.
fn add_shifted(
    g: &Geometry,
    shifted: &Shifted,
    piece: &Piece,
    picture: &[f32],
    dy: Strided<'_>,
    out: Rows<'_>,
) -> Result<()> {
    let size = [piece.rows.len(), g.positions[1]];
    let a = Windows { data: picture, begins: &shifted.begins, step: shifted.width, size };
    if g.out_group() <= FEW && piece.columns(g) >= LONG {
        let begins = begins(&dy, g.out_group());
        let b = Windows { data: dy.data, begins: &begins, step: size[1], size };
        return add_dots_here(OP, out, a, b);
    }
    add_windows_here(OP, g.out_group(), out, a, dy.turned())
}

/// Where the rows of a matrix begin.
fn begins(matrix: &Strided<'_>, rows: usize) -> Vec<usize> {
    (0..rows).map(|row| row * matrix.row_stride).collect()
}

/// In eight lanes, each in order, then the lanes.
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; 8];
    let chunks = values.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        lanes.iter_mut().zip(chunk).for_each(|(lane, value)| *lane += value);
    }
    lanes.iter().sum::<f32>() + rest
}

/// One place whose patch is the whole image: dkernel `[O, C·H·W]` is dy `[B, O]` transposed times x.
fn covering(
    cpu: &Cpu,
    g: &Geometry,
    x: &[f32],
    dy: &[f32],
    dkernel: &mut [f32],
    dbias: Option<&mut [f32]>,
) -> Result<()> {
    let [patch, out_group] = [g.patch(), g.out_group()];
    for group in 0..g.groups {
        let a = Strided { data: &dy[group * out_group..], row_stride: 1, column_stride: g.outputs };
        let b = Strided {
            data: &x[group * patch..],
            row_stride: g.inputs * g.pixels(),
            column_stride: 1,
        };
        let out = Rows { data: &mut dkernel[group * out_group * patch..], stride: patch };
        cpu.multiply(OP, [out_group, patch, g.batch], out, a, b)?;
    }
    if let Some(dbias) = dbias {
        dbias.fill(0.0);
        for row in dy.chunks_exact(g.outputs) {
            dbias.iter_mut().zip(row).for_each(|(sum, dy)| *sum += dy);
        }
    }
    Ok(())
}
