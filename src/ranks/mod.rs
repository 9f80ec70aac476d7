//! Several processes, or threads, that train one model together: ranks. Each has a device of its own and computes the
//! gradient of its share of every batch; the shares are summed in a fixed order, so all ranks have the same sum bit for
//! bit. One rank alone, which is the rule, costs nothing and needs no MPI.
//!
//! A batch is cut into blocks of rows: one for each rank, or, where the result must not depend on how many ranks
//! there are, always [`BLOCKS`], of which each rank has some that follow each other. Sums go from block to block.

#[cfg(feature = "mpi")]
mod mpi;
mod threads;
mod turns;

use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

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

    /// Gives each rank its piece of `own`, numbers and how many of them are for each in the order of ranks, and puts what
    /// each gave this one into `received`, which says how many come from each.
    ///
    /// # Errors
    /// [`Error::Run`] where another rank is gone.
    fn exchange(&self, own: (&[f32], &[usize]), received: (&mut [f32], &[usize])) -> Result<()>;

    /// Gives `own` to every rank, and puts what each gave into `all`, `lengths` numbers each in the order of ranks.
    ///
    /// # Errors
    /// As [`Link::exchange`].
    fn share(&self, own: &[f32], all: &mut [f32], lengths: &[usize]) -> Result<()>;

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
    /// Whether ranks compute on devices of different kinds.
    mixed: AtomicBool,
    wishes: [AtomicBool; WISHES],
    agreed: [AtomicBool; WISHES],
    bytes: AtomicU64,
    sums: AtomicU64,
    nanoseconds: AtomicU64,
    room: Mutex<Room>,
    /// Whether a rank gave up where all spoke.
    given_up: AtomicBool,
}

/// Memory of a sum, kept for the next one.
#[derive(Default)]
struct Room {
    sent: Vec<f32>,
    received: Vec<f32>,
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

impl fmt::Debug for Ranks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rank {} of {}", self.rank(), self.count())
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
            mixed: AtomicBool::new(false),
            wishes: Default::default(),
            agreed: Default::default(),
            bytes: AtomicU64::new(0),
            sums: AtomicU64::new(0),
            nanoseconds: AtomicU64::new(0),
            room: Mutex::default(),
            given_up: AtomicBool::new(false),
        }))
    }

    /// The same, with results that do not depend on how many ranks there are. To be asked for before anything is summed.
    #[must_use]
    pub fn reproducible(self, reproducible: bool) -> Self {
        self.0.reproducible.store(reproducible, Ordering::Relaxed);
        self
    }

    /// The same, with devices of different kinds, whose results differ in the last bits: rank 0 makes the updates and sends
    /// what they change.
    #[must_use]
    pub fn mixed(self, mixed: bool) -> Self {
        self.0.mixed.store(mixed, Ordering::Relaxed);
        self
    }

    /// Whether rank 0 makes the updates.
    pub fn are_mixed(&self) -> bool {
        self.0.mixed.load(Ordering::Relaxed)
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
        let mut room = self.0.room.lock().unwrap_or_else(PoisonError::into_inner);
        let Room { sent, received } = &mut *room;
        // A rank sums a part of the elements.
        let parts: Vec<usize> = (0..ranks).map(|to| part(len, ranks, to).len()).collect();
        let lengths: Vec<usize> = parts.iter().map(|width| own.len() * width).collect();
        let given = match &own[..] {
            [one] => &one[..],
            blocks => {
                sent.clear();
                for to in 0..ranks {
                    let range = part(len, ranks, to);
                    blocks.iter().for_each(|block| sent.extend(&block[range.clone()]));
                }
                &sent[..]
            }
        };
        let width = parts[rank];
        let expected: Vec<usize> = counts.iter().map(|blocks| blocks * width).collect();
        let blocks: usize = counts.iter().sum();
        // With room for wishes behind the first block, where the sum is made.
        received.resize((blocks * width).max(width + WISHES), 0.0);
        link.exchange((given, &lengths), (&mut received[..blocks * width], &expected))?;
        let (sum, rest) = received.split_at_mut(width);
        for block in rest.chunks_exact(width.max(1)).take(blocks.saturating_sub(1)) {
            sum.iter_mut().zip(block).for_each(|(s, x)| *s += x);
        }
        // Every rank's wishes go behind its part.
        let wish = |wish: &AtomicBool| f32::from(wish.load(Ordering::Relaxed));
        rest.iter_mut().zip(&self.0.wishes).for_each(|(into, own)| *into = wish(own));
        let with_wishes: Vec<usize> = parts.iter().map(|width| width + WISHES).collect();
        let mut whole = own.into_iter().next().unwrap_or_default();
        whole.resize(len + WISHES * ranks, 0.0);
        link.share(&received[..width + WISHES], &mut whole, &with_wishes)?;
        self.0.agreed.iter().for_each(|agreed| agreed.store(false, Ordering::Relaxed));
        let (mut from, mut to) = (0, 0);
        for width in &parts {
            whole.copy_within(from..from + width, to);
            (from, to) = (from + width + WISHES, to + width);
            for (agreed, wish) in self.0.agreed.iter().zip(&whole[from - WISHES..from]) {
                agreed.fetch_or(*wish != 0.0, Ordering::Relaxed);
            }
        }
        whole.truncate(len);
        let numbers = given_to_others(&lengths, rank) + (width + WISHES) * (ranks - 1);
        self.0.bytes.fetch_add(4 * numbers as u64, Ordering::Relaxed);
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

/// Numbers that go to other ranks.
fn given_to_others(lengths: &[usize], rank: usize) -> usize {
    lengths.iter().sum::<usize>() - lengths[rank]
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
