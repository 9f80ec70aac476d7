//! How a product is divided among threads, and which operand is broadcast.

use std::ops::Range;

use super::{Term, sparse};

/// Which operand is broadcast, number by number; the other one's vectors are the lanes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A's numbers.
    Straight,
    /// A's that are not zero.
    Sparse,
    /// B's: sums are turned over before they are handed on.
    Turned,
}

/// Products and sums that are worth a thread's waking.
const WORTH_A_THREAD: usize = 1 << 17;

/// Products and sums that a border counts as: found on two cores. Where a part ends within a row of the
/// result it shares a line with its neighbour there, and what fetches lines ahead takes more of them: of weights, which
/// their own core changes in each update. Cores without a common cache are the worst off.
const BORDER: usize = 9600;

/// The lanes that columns are counted in, whatever the processor has.
pub(super) const LANES: usize = 16;

/// So few columns read the other operand where it is.
const NARROW: usize = 48;

pub(super) struct Split {
    pub rows: usize,
    pub columns: usize,
    pub form: Form,
}

impl Split {
    pub fn new([m, n]: [usize; 2], terms: &[Term<'_>], threads: usize) -> Self {
        let k: usize = terms.iter().map(|t| t.k).sum();
        let threads = threads.min((m * n).saturating_mul(k) / WORTH_A_THREAD).max(1);
        let form = if sparse::pays([m, n], terms) {
            Form::Sparse
        } else if terms.iter().all(Term::is_plain)
            && turned_costs([m, n], terms) < straight_costs([m, n], terms)
        {
            Form::Turned
        } else {
            Form::Straight
        };
        // Of all grids the one whose largest part is least; packing counts like some rows.
        let part = |(rows, columns): (usize, usize)| {
            let (r, c) = (m.div_ceil(rows), n.div_ceil(columns));
            let (lines, lanes) = if form == Form::Turned { (c, r) } else { (r, c) };
            let borders = if columns > 1 { r.saturating_mul(BORDER) / k.max(1) } else { 0 };
            (lines + 8) * lanes.next_multiple_of(LANES) + borders
        };
        let grids = (1..=threads).map(|columns| (threads / columns, columns));
        let (rows, columns) = grids.min_by_key(|grid| part(*grid)).unwrap_or((1, 1));
        Split { rows, columns, form }
    }
}

/// What both forms cost, in products and sums of a vector: those of the tiles; a packed number, if its row must be turned.
fn straight_costs([m, n]: [usize; 2], terms: &[Term<'_>]) -> usize {
    let cost = |t: &Term<'_>| {
        let turn = if t.b.column_stride == 1 { n / 8 } else { n };
        let rows = if t.a.column_stride == 1 && n > NARROW { m } else { 0 };
        t.k * (m * n.div_ceil(LANES) + turn + rows)
    };
    terms.iter().map(cost).sum()
}

fn turned_costs([m, n]: [usize; 2], terms: &[Term<'_>]) -> usize {
    let turned: Vec<_> = terms.iter().map(|t| t.turned()).collect();
    straight_costs([n, m], &turned) + m * n
}

/// A range in equal parts of at most `most` (rounded up to whole `unit`s), which begin at multiples of `unit` from its start.
pub(super) fn even(
    range: Range<usize>,
    most: usize,
    unit: usize,
) -> impl Iterator<Item = Range<usize>> + Clone {
    let units = range.len().div_ceil(unit);
    let parts = units.div_ceil(most.div_ceil(unit).max(1));
    let bound = move |p: usize| (range.start + p * units / parts * unit).min(range.end);
    (0..parts).map(move |p| bound(p)..bound(p + 1))
}
