//! Long loops in slices.
//!
//! Mesa's software adapters end the loops of an invocation early, after 65,535 iterations of all of them
//! together, and say nothing. A kernel whose loops may be longer there is dispatched several times, each
//! time for a slice of them; what a slice leaves in the result, or in memory of its own, the next one goes
//! on from. Where the slices meet depends on the sizes alone. Hardware takes the loops whole, as software
//! adapters do whatever is no longer than one slice.

use std::cell::Cell;
use std::ops::Range;

use crate::device::{Bind, Cost, Device, Gpu, GpuBuffer, choosing};
use crate::error::Result;
use crate::tensor::Tensor;

/// Iterations of one slice on a software adapter: half of what there is, so that no other way of counting
/// them and no loop of a fixed length matters.
const SLICE: u64 = 1 << 15;

thread_local! {
    static FORCED: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Runs `work` with every kernel that this thread calls in it in slices of so many iterations, whatever the
/// adapter, so that their seams are checked at small sizes.
pub fn with_slices<T>(iterations: u64, work: impl FnOnce() -> T) -> T {
    choosing(&FORCED, iterations, work)
}

/// What a slice takes of each of N nested loops, outermost first. Slices follow each other in the loops' own
/// order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Slice<const N: usize> {
    pub ranges: [Range<u32>; N],
    /// Whether it is the first, which has no sums of others to go on from.
    pub first: bool,
    /// Whether it is the last, which finishes the result.
    pub last: bool,
    /// Iterations of one invocation.
    pub loops: u64,
    /// Its steps of the innermost loop, of all slices' steps.
    share: [u64; 2],
}

impl<const N: usize> Slice<N> {
    /// The first overwrites the result, the others add to it.
    pub fn output<'a>(&self, buffer: &'a GpuBuffer) -> Bind<'a> {
        if self.first { Bind::Write(buffer) } else { Bind::Update(buffer) }
    }

    /// Whether it is all there is.
    pub fn is_whole(&self) -> bool {
        self.first && self.last
    }

    /// `RESUMES`: whether there are sums to go on from; 1 or 0.
    pub fn resumes(&self) -> u32 {
        u32::from(!self.first)
    }

    /// `PAUSES`: whether there is a slice to follow; 1 or 0.
    pub fn pauses(&self) -> u32 {
        u32::from(!self.last)
    }

    /// Its part of the cost of all.
    pub fn cost(&self, whole: Cost) -> Cost {
        let [mine, all] = self.share;
        let part = |n: u64| (u128::from(n) * u128::from(mine) / u128::from(all.max(1))) as u64;
        if self.first && self.last {
            whole
        } else {
            Cost { flops: part(whole.flops), bytes: part(whole.bytes) }
        }
    }
}

/// Nested loops of these lengths, outermost first, in slices; a step of the innermost loop counts for `each`
/// iterations. At least one slice, whatever the lengths.
pub(crate) fn slices<const N: usize>(
    gpu: &Gpu,
    lengths: [usize; N],
    each: u64,
) -> impl Iterator<Item = Slice<N>> {
    let by_adapter = if gpu.is_software() { SLICE } else { u64::MAX };
    cut(lengths, each, FORCED.get().unwrap_or(by_adapter))
}

/// The columns of rows that teams of `lanes` invocations share, in slices; each passes over its columns
/// `passes` times.
pub(crate) fn column_slices(
    gpu: &Gpu,
    columns: usize,
    lanes: u32,
    passes: u64,
) -> impl Iterator<Item = Slice<1>> {
    let (lanes, columns) = (lanes.max(1), columns as u32);
    slices(gpu, [columns.div_ceil(lanes) as usize], passes).map(move |mut slice| {
        let [range] = &mut slice.ranges;
        *range = range.start * lanes..range.end.saturating_mul(lanes).min(columns);
        slice
    })
}

/// One dispatch of a kernel that passes over its rows for their largest values, then for sums, then for results.
pub(crate) struct Pass {
    /// `PASS`: 0 where it is all three in one, else 1, 2 or 3.
    pub number: u32,
    /// Of the columns.
    pub slice: Slice<1>,
}

impl Pass {
    /// Results come with the last pass, slice by slice.
    pub fn output<'a>(&self, buffer: &'a GpuBuffer) -> Bind<'a> {
        match self.number {
            0 => Bind::Write(buffer),
            3 => self.slice.output(buffer),
            _ => Bind::Unused,
        }
    }

    /// What earlier slices and passes found.
    pub fn statistics<'a>(&self, found: &'a Option<Tensor>) -> Result<Bind<'a>> {
        Ok(match found {
            Some(found) => Bind::Update(found.gpu()?),
            None => Bind::Unused,
        })
    }

    /// Its part of the cost of all.
    pub fn cost(&self, whole: Cost) -> Cost {
        let third = if self.number == 0 { 1 } else { 3 };
        let Cost { flops, bytes } = self.slice.cost(whole);
        Cost { flops: flops / third, bytes: bytes / third }
    }
}

/// All passes in one dispatch with `loops` loops over the columns, or, where that is long, each by itself in
/// slices.
pub(crate) fn passes(gpu: &Gpu, columns: usize, lanes: u32, loops: u64) -> Vec<Pass> {
    let mut whole = column_slices(gpu, columns, lanes, loops);
    match (whole.next(), whole.next()) {
        (Some(slice), None) => vec![Pass { number: 0, slice }],
        _ => {
            let slices = || column_slices(gpu, columns, lanes, 1);
            (1..=3).flat_map(|number| slices().map(move |slice| Pass { number, slice })).collect()
        }
    }
}

/// Memory for what the passes find, where they are dispatched one by one.
pub(crate) fn statistics(
    passes: &[Pass],
    device: &Device,
    numbers: usize,
) -> Result<Option<Tensor>> {
    let wanted = passes.len() > 1;
    wanted.then(|| Tensor::for_output(device, &[numbers])).transpose()
}

/// Whether a loop of so many iterations is longer than one slice.
pub(crate) fn is_long(gpu: &Gpu, iterations: u64) -> bool {
    slices(gpu, [iterations as usize], 1).nth(1).is_some()
}

/// How often Mesa's software adapters count while they run nested loops, outermost first, whose innermost
/// step counts for `each`. A loop of n iterations goes round once more: there every lane is masked out, and so
/// each loop inside goes round once too.
pub(crate) fn iterations(lengths: &[u64], each: u64) -> u64 {
    let (mut whole, mut masked) = (0, 0);
    for (depth, &n) in lengths.iter().rev().enumerate() {
        let step = if depth == 0 { each } else { u64::saturating_add(whole, 1) };
        whole = n.saturating_mul(step).saturating_add(1 + masked);
        masked += 1;
    }
    whole
}

fn cut<const N: usize>(
    lengths: [usize; N],
    each: u64,
    most: u64,
) -> impl Iterator<Item = Slice<N>> {
    let lengths = lengths.map(|n| n as u64);
    let mut steps = lengths.map(|n| n.max(1));
    if iterations(&lengths, each) > most {
        for axis in 0..N {
            let step = match &lengths[axis + 1..] {
                [] => each.max(1),
                inner => iterations(inner, each).saturating_add(1),
            };
            steps[axis] = (most.saturating_sub(N as u64 + 1) / step).clamp(1, lengths[axis].max(1));
            if step <= most {
                break;
            }
        }
    }
    let counts: [u64; N] = std::array::from_fn(|axis| lengths[axis].div_ceil(steps[axis]).max(1));
    let count: u64 = counts.iter().product();
    let all: u64 = lengths.iter().product();
    (0..count).map(move |number| {
        let mut rest = number;
        let mut ranges: [Range<u32>; N] = std::array::from_fn(|_| 0..0);
        for axis in (0..N).rev() {
            let start = rest % counts[axis] * steps[axis];
            rest /= counts[axis];
            ranges[axis] = start as u32..(start + steps[axis]).min(lengths[axis]) as u32;
        }
        let sizes: [u64; N] = std::array::from_fn(|axis| ranges[axis].len() as u64);
        Slice {
            first: number == 0,
            last: number + 1 == count,
            loops: iterations(&sizes, each),
            share: [sizes.iter().product(), all],
            ranges,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::{Cost, Slice, cut, iterations};

    /// Every step of the innermost loop, in order.
    fn steps(slices: &[Slice<3>]) -> Vec<[u32; 3]> {
        let mut all = Vec::new();
        for Slice { ranges: [a, b, c], .. } in slices {
            for a in a.clone() {
                for b in b.clone() {
                    c.clone().for_each(|c| all.push([a, b, c]));
                }
            }
        }
        all
    }

    #[test]
    fn slices_take_every_step_once_in_the_loops_own_order_and_stay_short() {
        for lengths in [[1, 1, 1], [2, 3, 5], [7, 1, 4], [1, 9, 30], [3, 4, 0], [0, 2, 2]] {
            for each in [1, 3] {
                for most in [1, 2, 5, 7, 16, 31, 100, 1000, u64::MAX] {
                    let slices: Vec<Slice<3>> = cut(lengths, each, most).collect();
                    let whole: Vec<Slice<3>> = cut(lengths, each, u64::MAX).collect();
                    assert_eq!((whole.len(), whole[0].first && whole[0].last), (1, true));
                    assert_eq!(steps(&slices), steps(&whole), "{lengths:?} {each} {most}");
                    let ends = slices
                        .iter()
                        .enumerate()
                        .all(|(i, s)| s.first == (i == 0) && s.last == (i + 1 == slices.len()));
                    assert!(ends);
                    // One step cannot be cut, nor the loops around it.
                    let bound = most.saturating_add(6).max(iterations(&[1, 1, 1], each));
                    assert!(slices.iter().all(|s| s.loops <= bound), "{lengths:?} {each} {most}");
                    let cost = Cost { flops: 3000, bytes: 600 };
                    let flops: u64 = slices.iter().map(|s| s.cost(cost).flops).sum();
                    let sound = 3000 - slices.len() as u64..=3000;
                    assert!(
                        sound.contains(&flops) || lengths.contains(&0),
                        "{lengths:?} {each} {most}"
                    );
                }
            }
        }
    }

    #[test]
    fn iterations_of_nested_loops_count_each_end_and_the_masked_round() {
        assert_eq!(iterations(&[10], 1), 11);
        assert_eq!(iterations(&[10], 2), 21);
        assert_eq!(iterations(&[3, 10], 1), 3 * (1 + 11) + 1 + 1);
        assert_eq!(iterations(&[2, 3, 10], 1), 2 * (1 + 38) + 1 + 2);
        assert_eq!(iterations(&[u64::MAX, 3, 10], 1), u64::MAX);
        assert_eq!(iterations(&[], 1), 0);
    }

    #[test]
    fn what_fits_is_one_slice_and_what_does_not_is_cut_from_the_outside() {
        let ranges = |lengths, most| -> Vec<_> {
            cut::<2>(lengths, 1, most).map(|s| s.ranges.map(|r| (r.start, r.end))).collect()
        };
        assert_eq!(ranges([4, 9], 46), [[(0, 4), (0, 9)]]);
        assert_eq!(ranges([4, 9], 45), [[(0, 3), (0, 9)], [(3, 4), (0, 9)]]);
        assert_eq!(
            ranges([2, 9], 9),
            [[(0, 1), (0, 6)], [(0, 1), (6, 9)], [(1, 2), (0, 6)], [(1, 2), (6, 9)],]
        );
    }
}
