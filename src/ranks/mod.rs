//! Several processes, or threads, that train one model together: ranks. Each has a device of its own and computes the
//! gradient of its share of every batch; the shares are summed in a fixed order, so all ranks have the same sum bit for
//! bit. One rank alone, which is the rule, costs nothing and needs no MPI.
//!
//! A batch is cut into blocks of rows: one for each rank, or, where the result must not depend on how many ranks
//! there are, always [`BLOCKS`], of which each rank has some that follow each other. Sums go from block to block.

#[cfg(feature = "mpi")]
mod mpi;
mod threads;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use web_time::Instant;

use crate::error::{Error, Result};

#[cfg(feature = "mpi")]
pub use mpi::start;
pub use threads::threads;

/// The blocks of a batch where its gradient must not depend on the number of ranks; more ranks than that have nothing
/// to do then.
pub const BLOCKS: usize = 8;

/// What carries bytes between ranks. All ranks make the same calls in the same order.
pub trait Link: Send + Sync {
    /// This rank, counted from 0.
    fn rank(&self) -> usize;

    /// How many there are.
    fn count(&self) -> usize;

    /// Which of the ranks on this machine this one is.
    fn local_rank(&self) -> usize;

    /// Gives each rank its piece of `pieces` and returns what each gave this one, in the order of ranks. Every rank
    /// knows how much each gives: `expected` numbers.
    ///
    /// # Errors
    /// [`Error::Run`] where another rank is gone.
    fn exchange(&self, pieces: &[Vec<f32>], expected: &[usize]) -> Result<Vec<Vec<f32>>>;

    /// What every rank gives, at every rank, in the order of ranks.
    ///
    /// # Errors
    /// As [`Link::exchange`].
    fn gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>>;

    /// Ends all ranks: this one cannot go on, and has said why.
    fn abort(&self, code: i32);
}

/// This rank among those that train together.
#[derive(Clone)]
pub struct Ranks(Arc<Inner>);

struct Inner {
    link: Option<Box<dyn Link>>,
    /// Whether results must not depend on how many ranks there are.
    reproducible: AtomicBool,
    wishes: [AtomicBool; WISHES],
    agreed: [AtomicBool; WISHES],
    bytes: AtomicU64,
    sums: AtomicU64,
    nanoseconds: AtomicU64,
}

/// What ranks ask of all others beside their sums: to stop, to write a checkpoint.
pub const WISHES: usize = 2;

/// What sums cost so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Traffic {
    /// How many sums there were.
    pub sums: u64,
    /// Bytes that this rank sent to others for them.
    pub bytes: u64,
    /// Seconds in them, waiting for slower ranks included.
    pub seconds: f64,
}

impl Default for Ranks {
    fn default() -> Self {
        Ranks::alone()
    }
}

impl Ranks {
    /// One rank.
    pub fn alone() -> Self {
        Ranks::over(None)
    }

    /// The rank that `link` tells of.
    pub fn of(link: Box<dyn Link>) -> Self {
        Ranks::over(Some(link))
    }

    fn over(link: Option<Box<dyn Link>>) -> Self {
        Ranks(Arc::new(Inner {
            link,
            reproducible: AtomicBool::new(false),
            wishes: Default::default(),
            agreed: Default::default(),
            bytes: AtomicU64::new(0),
            sums: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
        }))
    }

    /// The same, with results that do not depend on how many ranks there are. To be asked for before anything is summed.
    #[must_use]
    pub fn reproducible(self, reproducible: bool) -> Self {
        self.0.reproducible.store(reproducible, Ordering::Relaxed);
        self
    }

    fn link(&self) -> Option<&dyn Link> {
        self.0.link.as_deref()
    }

    /// This rank, counted from 0.
    pub fn rank(&self) -> usize {
        self.link().map_or(0, Link::rank)
    }

    /// How many ranks there are.
    pub fn count(&self) -> usize {
        self.link().map_or(1, Link::count)
    }

    /// Which of the ranks on this machine this one is.
    pub fn local_rank(&self) -> usize {
        self.link().map_or(0, Link::local_rank)
    }

    /// Whether it is the one that writes and speaks.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Whether batches are cut into blocks.
    pub fn cuts(&self) -> bool {
        self.count() > 1 || self.0.reproducible.load(Ordering::Relaxed)
    }

    /// How many blocks a batch is cut into.
    pub fn blocks(&self) -> usize {
        if self.0.reproducible.load(Ordering::Relaxed) { BLOCKS } else { self.count() }
    }

    /// The blocks of a rank.
    pub fn blocks_of(&self, rank: usize) -> Range<usize> {
        part(self.blocks(), self.count(), rank)
    }

    /// What every rank gives, at every rank, in the order of ranks.
    ///
    /// # Errors
    /// [`Error::Run`] where another rank is gone.
    pub fn gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        match self.link() {
            Some(link) => link.gather(own),
            None => Ok(vec![own.to_vec()]),
        }
    }

    /// What rank 0 says, at every rank; `own` of others does not matter.
    ///
    /// # Errors
    /// As [`Ranks::gather`].
    pub fn tell(&self, own: &[u8]) -> Result<Vec<u8>> {
        let own = if self.is_first() { own } else { &[] };
        Ok(self.gather(own)?.swap_remove(0))
    }

    /// The sum of all blocks of all ranks, element by element, from the first block to the last: the same bits on every
    /// rank, and where blocks are [reproducible](Ranks::reproducible) with any number of ranks. `own` are the blocks of
    /// this rank, of `len` numbers each. Wishes go along.
    ///
    /// # Errors
    /// [`Error::Shape`] where blocks are not of that length or not as many as this rank has; as [`Ranks::gather`].
    pub fn sum(&self, own: Vec<Vec<f32>>, len: usize) -> Result<Vec<f32>> {
        let counts: Vec<usize> = (0..self.count()).map(|r| self.blocks_of(r).len()).collect();
        self.sum_of(own, len, &counts)
    }

    /// As [`Ranks::sum`], of one block of each rank.
    ///
    /// # Errors
    /// As [`Ranks::sum`].
    pub fn sum_one(&self, own: Vec<f32>) -> Result<Vec<f32>> {
        let len = own.len();
        self.sum_of(vec![own], len, &vec![1; self.count()])
    }

    fn sum_of(&self, own: Vec<Vec<f32>>, len: usize, counts: &[usize]) -> Result<Vec<f32>> {
        if own.len() != counts[self.rank()] || own.iter().any(|block| block.len() != len) {
            let detail = format!("{} blocks of other sizes than {len}", own.len());
            return Err(Error::shape("sum over ranks", detail));
        }
        let Some(link) = self.link().filter(|link| link.count() > 1) else {
            return Ok(in_order(own, len));
        };
        let start = Instant::now();
        let (rank, ranks) = (link.rank(), link.count());
        let wish = |wish: &AtomicBool| f32::from(wish.load(Ordering::Relaxed));
        // A rank sums a part of the elements, and has the wishes of all beside.
        let pieces: Vec<Vec<f32>> = (0..ranks)
            .map(|to| {
                let range = part(len, ranks, to);
                let mut piece: Vec<f32> = Vec::with_capacity(own.len() * range.len() + WISHES);
                own.iter().for_each(|block| piece.extend(&block[range.clone()]));
                piece.extend(self.0.wishes.iter().map(wish));
                piece
            })
            .collect();
        let width = part(len, ranks, rank).len();
        let expected: Vec<usize> = counts.iter().map(|blocks| blocks * width + WISHES).collect();
        let mut given = link.exchange(&pieces, &expected)?;
        let mut agreed = [false; WISHES];
        for piece in &mut given {
            let wishes = piece.split_off(piece.len() - WISHES);
            agreed.iter_mut().zip(wishes).for_each(|(all, wish)| *all |= wish != 0.0);
        }
        let blocks = given.iter().zip(counts).flat_map(|(piece, &blocks)| {
            (0..blocks).map(move |b| &piece[b * width..(b + 1) * width])
        });
        let summed = in_order(blocks, width);
        let sent: usize = pieces.iter().map(Vec::len).sum::<usize>() - pieces[rank].len();
        let all = vec![summed; ranks];
        let widths: Vec<usize> = (0..ranks).map(|r| part(len, ranks, r).len()).collect();
        let whole = link.exchange(&all, &widths)?.concat();
        for (into, agreed) in self.0.agreed.iter().zip(agreed) {
            into.store(agreed, Ordering::Relaxed);
        }
        self.0.bytes.fetch_add(4 * (sent + width * (ranks - 1)) as u64, Ordering::Relaxed);
        self.0.sums.fetch_add(1, Ordering::Relaxed);
        self.0.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Ordering::Relaxed);
        Ok(whole)
    }

    /// What at least one rank wished before the last sum; the wishes of now go with the next one. One rank's wishes
    /// come true at once.
    pub fn agree(&self, wishes: [bool; WISHES]) -> [bool; WISHES] {
        if self.count() == 1 {
            return wishes;
        }
        for (into, wish) in self.0.wishes.iter().zip(wishes) {
            into.store(wish, Ordering::Relaxed);
        }
        std::array::from_fn(|k| self.0.agreed[k].load(Ordering::Relaxed))
    }

    /// What sums cost so far.
    pub fn traffic(&self) -> Traffic {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Traffic {
            sums: read(&self.0.sums),
            bytes: read(&self.0.bytes),
            seconds: read(&self.0.nanoseconds) as f64 * 1e-9,
        }
    }

    /// Ends all ranks, where there are several: this one cannot go on, and has said why.
    pub fn abort(&self, code: i32) {
        if let Some(link) = self.link().filter(|link| link.count() > 1) {
            link.abort(code);
        }
    }
}

/// Part `number` of `n` things in `parts` parts as equal as can be.
pub fn part(n: usize, parts: usize, number: usize) -> Range<usize> {
    let parts = parts.max(1);
    n * number / parts..n * (number + 1) / parts
}

/// The sum from the first to the last; zeros of none.
fn in_order(blocks: impl IntoIterator<Item = impl AsRef<[f32]>>, len: usize) -> Vec<f32> {
    let mut blocks = blocks.into_iter();
    let Some(first) = blocks.next() else { return vec![0.0; len] };
    let mut sum = first.as_ref().to_vec();
    for block in blocks {
        sum.iter_mut().zip(block.as_ref()).for_each(|(s, x)| *s += x);
    }
    sum
}
