//! One round of a fixed-point iteration of many cases, each of which stops where it has settled: how many rounds a
//! case took is counted on the device, and the host reads nothing.

use std::ops::Range;

use rayon::prelude::*;

use super::cases::{lanes, row_groups};
use super::slices::column_slices;
use super::{GRAIN, expect, flag, shader};
use crate::device::{Backend, Bind, Command, Cost, Device, Shader};
use crate::error::Result;
use crate::tensor::Tensor;

/// The WGSL.
pub(crate) static SHADER: Shader = shader!("settle", "rows");

/// A change that settles nothing: what iterations begin with, and what a NaN counts as.
const UNSETTLED: f32 = f32::MAX;

/// How far each case has come, on the device. The first round begins anew.
#[derive(Debug)]
pub struct Progress {
    /// `[B]`.
    rounds: Tensor,
    /// The largest changes of two rounds by turns, `[2, B]`.
    changes: Tensor,
}

/// Which part of which round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// The round, counted from 0, which begins anew.
    pub round: u64,
    /// Whether it is the round's first part: the values of an iteration may be several tensors.
    pub first: bool,
    /// A case whose values all changed by less in the round before has settled; with 0 none ever does.
    pub tolerance: f32,
}

impl Progress {
    /// For `cases` cases.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`](crate::Error::OutOfMemory), [`Error::Limit`](crate::Error::Limit).
    pub fn new(device: &Device, cases: usize) -> Result<Self> {
        let (rounds, changes) =
            (Tensor::zeros(device, &[cases])?, Tensor::zeros(device, &[2, cases])?);
        Ok(Progress { rounds, changes })
    }

    /// The rounds that each case took, `[B]`.
    pub fn rounds(&self) -> &Tensor {
        &self.rounds
    }
}

/// A part of a round: where a case has not settled, its row of `values` `[B, N]` becomes that of `next` `[B, N]`, and
/// the largest |next − values| is kept as its change in this round, over all parts. The first part counts the round.
///
/// A case has settled once its change in a round is below the tolerance: it keeps its values from then on, so that they
/// do not depend on the other cases of a batch. A difference that is no number or infinite settles nothing.
///
/// After a round's last part: whether all cases are known to have settled. The CPU looks; a GPU is not asked, and the
/// answer is no.
///
/// ```
/// use harmonium::kernels::settle::{Part, Progress, settle};
/// use harmonium::{Device, Tensor};
/// let device = Device::cpu();
/// let mut progress = Progress::new(&device, 2)?;
/// let mut values = Tensor::from_f32(&device, &[2, 1], &[0.0, 0.0])?;
/// for (round, next) in [[0.5, 0.01], [0.6, 0.9]].iter().enumerate() {
///     let next = Tensor::from_f32(&device, &[2, 1], next)?;
///     let part = Part { round: round as u64, first: true, tolerance: 0.1 };
///     settle(&next, &mut values, &mut progress, part)?;
/// }
/// assert_eq!(values.to_vec()?, [0.6, 0.01]);
/// assert_eq!(progress.rounds().to_vec()?, [2.0, 1.0]);
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape), [`Error::DeviceMismatch`](crate::Error::DeviceMismatch),
/// [`Error::Poisoned`](crate::Error::Poisoned), [`Error::DeviceLost`](crate::Error::DeviceLost).
pub fn settle(
    next: &Tensor,
    values: &mut Tensor,
    progress: &mut Progress,
    part: Part,
) -> Result<bool> {
    let op = "settle";
    let [rows, columns] = values.shape().matrix(op, "the values")?;
    let device = values.device().clone();
    expect(op, "the values", values, &device, &[rows, columns])?;
    expect(op, "the next values", next, &device, &[rows, columns])?;
    expect(op, "the rounds", &progress.rounds, &device, &[rows])?;
    expect(op, "the changes", &progress.changes, &device, &[2, rows])?;
    let now = (part.round % 2) as u32;
    let count = (rows * columns) as u64;
    let cost = Cost { flops: 2 * count, bytes: 12 * count + 16 * rows as u64 };
    match device.backend() {
        Backend::Cpu(cpu) => {
            let next = next.host()?.f32();
            let values = values.host_mut()?.f32_mut();
            let rounds = progress.rounds.host_mut()?.f32_mut();
            let (one, two) = progress.changes.host_mut()?.f32_mut().split_at_mut(rows);
            let (now, before) = if now == 0 { (one, two) } else { (two, one) };
            let host = HostPart { part, columns, next };
            cpu.run(op, cost, || host.run(values, rounds, now, before));
            Ok(now.iter().all(|&change| change < part.tolerance))
        }
        Backend::Gpu(gpu) => {
            let lanes = lanes(gpu, &SHADER, columns)?;
            let groups = row_groups(gpu, &SHADER, rows, lanes)?;
            column_slices(gpu, columns, lanes, 1).try_for_each(|slice| {
                let [Range { start, end }] = slice.ranges;
                let (rows, columns) = (rows as u32, columns as u32);
                let (begins, tolerance) = (flag(part.round == 0), part.tolerance.to_bits());
                let params = [rows, columns, lanes, now, begins, tolerance, start, end];
                gpu.record(Command {
                    op,
                    shader: &SHADER,
                    constants: &[("FIRST", flag(part.first && slice.first))],
                    params: bytemuck::bytes_of(&params),
                    binds: &[
                        Bind::Read(next.gpu()?),
                        Bind::Update(values.gpu()?),
                        Bind::Update(progress.rounds.gpu()?),
                        Bind::Update(progress.changes.gpu()?),
                    ],
                    loops: slice.loops,
                    groups,
                    cost: slice.cost(cost),
                })
            })?;
            Ok(false)
        }
    }
}

struct HostPart<'a> {
    part: Part,
    columns: usize,
    next: &'a [f32],
}

impl HostPart<'_> {
    fn run(&self, values: &mut [f32], rounds: &mut [f32], now: &mut [f32], before: &[f32]) {
        let rows = 1 + GRAIN / self.columns.max(1);
        let tasks = rounds.par_chunks_mut(rows).zip(now.par_chunks_mut(rows)).enumerate();
        if self.columns == 0 {
            return tasks.for_each(|(task, (rounds, now))| {
                let cases = rounds.iter_mut().zip(now).zip(&before[task * rows..]);
                cases.for_each(|((round, now), &before)| {
                    self.row((&[], &mut []), round, now, before)
                });
            });
        }
        let values = values.par_chunks_mut(rows * self.columns);
        tasks.zip_eq(values).for_each(|((task, (rounds, now)), values)| {
            let own = values.chunks_exact_mut(self.columns);
            let cases = rounds.iter_mut().zip(now).zip(own);
            for (case, ((round, now), values)) in (task * rows..).zip(cases) {
                let next = &self.next[case * self.columns..(case + 1) * self.columns];
                self.row((next, values), round, now, before[case]);
            }
        });
    }

    fn row(
        &self,
        (next, values): (&[f32], &mut [f32]),
        round: &mut f32,
        now: &mut f32,
        before: f32,
    ) {
        let begins = self.part.round == 0;
        if !begins && before < self.part.tolerance {
            if self.part.first {
                *now = before;
            }
            return;
        }
        let size = |(a, b): (&f32, &f32)| {
            let change = (a - b).abs();
            if change <= UNSETTLED { change } else { UNSETTLED }
        };
        let change = next.iter().zip(values.iter()).map(size).fold(0.0, f32::max);
        values.copy_from_slice(next);
        match self.part.first {
            true => {
                *round = if begins { 1.0 } else { *round + 1.0 };
                *now = change;
            }
            false => *now = now.max(change),
        }
    }
}

#[doc(hidden)]
pub mod proof {
    use super::*;
    use crate::kernels::proof::*;

    pub(crate) static ENTRY: Entry = Entry::new("settle", &[&SHADER], standard, bench)
        .ahead(ahead)
        .slip(["change_before < params.tolerance", "change_before < params.tolerance * 0.5"]);

    fn ahead(_: &Gpu) -> Vec<Variant> {
        [true, false].map(|first| (&SHADER, vec![("FIRST", flag(first))])).to_vec()
    }

    fn standard(device: &Device, out: &mut Vec<Outcome>) -> Result<()> {
        for values in Values::ALL {
            out.push(case(device, [13, 37], values)?);
        }
        out.push(case(device, [1, 1], Values::Ordinary)?);
        out.push(case(device, [100, 500], Values::Ordinary)?);
        out.push(long_rows(|| case(device, [2, LONG], Values::Rising))?);
        Ok(())
    }

    /// Six rounds of `[rows, columns]` values in two parts, of which row r shrinks its steps by a factor of its own:
    /// some rows settle at once, some late, some never. No value is rounded on the way, so all bits must agree.
    pub fn case(device: &Device, dims: [usize; 2], values: Values) -> Result<Outcome> {
        let [rows, columns] = dims;
        let start = Inputs::new((rows * 1013 + columns) as u64).values(values, rows * columns);
        let next = |round: i32, part: i32| -> Vec<f32> {
            let factor =
                |at: usize| 1.0 + (-((at / columns.max(1) % 5) as f32) * round as f32).exp2();
            let moved = start.iter().enumerate().map(|(at, x)| x * factor(at) + part as f32);
            moved.collect()
        };
        let run = |device: &Device| {
            let mut progress = Progress::new(device, rows)?;
            let zero = || Tensor::from_f32(device, &dims, &start);
            let mut own = [zero()?, zero()?];
            for round in 0..6 {
                for (part, values) in own.iter_mut().enumerate() {
                    let next = Tensor::from_f32(device, &dims, &next(round, part as i32))?;
                    let tolerance = 0.25;
                    let part = Part { round: round as u64, first: part == 0, tolerance };
                    settle(&next, values, &mut progress, part)?;
                }
            }
            let [one, two] = own;
            Ok((
                one.to_vec()?,
                two.to_vec()?,
                progress.rounds.to_vec()?,
                progress.changes.to_vec()?,
            ))
        };
        let (expected, found) = both(device, run)?;
        let mut check = Check::default();
        // Subnormal steps may be flushed, in values and in changes; below the tolerance they are settled either way.
        check.compare("values", &expected.0, &found.0, |_| FLUSH);
        check.compare("values of the second part", &expected.1, &found.1, |_| FLUSH);
        check.compare("rounds", &expected.2, &found.2, |_| 0.0);
        check.compare("changes", &expected.3, &found.3, |_| FLUSH);
        Ok(check.outcome("settle", format!("{dims:?} {values:?}")))
    }

    /// A round that settles nothing; elements are elements.
    fn bench(b: &mut Bench<'_>) -> Result<()> {
        let dims = [100, 500];
        let (next, mut values) = (b.random(&dims, 1)?, b.random(&dims, 2)?);
        let mut progress = Progress::new(b.device, dims[0])?;
        let part = Part { round: 0, first: true, tolerance: 0.0 };
        b.case("[100, 500]", dims[0] * dims[1], || {
            settle(&next, &mut values, &mut progress, part).map(drop)
        })
    }
}
