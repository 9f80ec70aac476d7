//! Ranks as MPI has them: processes that `mpirun` started, on one machine or on many.

use mpi::Count;
use mpi::Threading;
use mpi::datatype::{Partition, PartitionMut};
use mpi::environment::Universe;
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};

use super::{Link, Ranks};
use crate::error::{Error, Result};

/// Joins the ranks that `mpirun` started, once for a process. When the last of what is returned is dropped, all ranks
/// wait for each other and take their leave.
///
/// # Errors
/// [`Error::Run`] where MPI was begun before, or calls from another thread than the first are not possible.
pub fn start() -> Result<Ranks> {
    let Some((universe, threading)) = mpi::initialize_with_threading(Threading::Serialized) else {
        return Err(Error::run("mpi", "it was begun in this process before"));
    };
    if threading < Threading::Serialized {
        let detail = "this MPI serves the first thread alone, and training runs on another; use Open MPI or MPICH as \
                      they are usually built";
        return Err(Error::run("mpi", detail));
    }
    let world = SimpleCommunicator::world();
    let (rank, count) = (world.rank(), world.size());
    let local = world.split_shared(rank).rank();
    let [rank, count, local] = [rank, count, local].map(|n| n as usize);
    Ok(Ranks::of(Box::new(World { rank, count, local, _universe: universe })))
}

/// All ranks.
struct World {
    rank: usize,
    count: usize,
    local: usize,
    /// MPI from its beginning to its end.
    _universe: Universe,
}

/// How many elements lie where, as MPI counts.
fn places(lengths: impl Iterator<Item = usize>) -> Result<(Vec<Count>, Vec<Count>, usize)> {
    let (mut counts, mut starts, mut end) = (Vec::new(), Vec::new(), 0usize);
    for length in lengths {
        let count = |n: usize| {
            let detail = "more than 2147483647 numbers or bytes at once, which MPI does not count";
            Count::try_from(n).map_err(|_| Error::run("ranks", detail))
        };
        starts.push(count(end)?);
        counts.push(count(length)?);
        end += length;
    }
    Ok((counts, starts, end))
}

/// Cuts what came into what each gave.
fn cut<T: Copy>(all: &[T], lengths: impl Iterator<Item = usize>) -> Vec<Vec<T>> {
    let mut rest = all;
    let mut take = |n: usize| {
        let (own, others) = rest.split_at(n);
        rest = others;
        own.to_vec()
    };
    lengths.map(&mut take).collect()
}

impl Link for World {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.count
    }

    fn local_rank(&self) -> usize {
        self.local
    }

    fn exchange(
        &self,
        (own, lengths): (&[f32], &[usize]),
        (received, expected): (&mut [f32], &[usize]),
    ) -> Result<()> {
        let (counts, starts, _) = places(lengths.iter().copied())?;
        let from = Partition::new(own, counts, starts);
        let (counts, starts, _) = places(expected.iter().copied())?;
        let mut into = PartitionMut::new(received, counts, starts);
        SimpleCommunicator::world().all_to_all_varcount_into(&from, &mut into);
        Ok(())
    }

    fn share(&self, own: &[f32], all: &mut [f32], lengths: &[usize]) -> Result<()> {
        let (counts, starts, _) = places(lengths.iter().copied())?;
        let mut into = PartitionMut::new(all, counts, starts);
        SimpleCommunicator::world().all_gather_varcount_into(own, &mut into);
        Ok(())
    }

    fn gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        let world = SimpleCommunicator::world();
        let mut lengths = vec![0u64; self.count];
        world.all_gather_into(&(own.len() as u64), &mut lengths[..]);
        let lengths = || lengths.iter().map(|&n| n as usize);
        let (counts, starts, whole) = places(lengths())?;
        // The address of an empty vector of bytes is 1, which Open MPI takes for MPI_IN_PLACE.
        let mut sent = own.to_vec();
        sent.push(0);
        let mut received = vec![0u8; whole + 1];
        let mut into = PartitionMut::new(&mut received[..], counts, starts);
        world.all_gather_varcount_into(&sent[..own.len()], &mut into);
        Ok(cut(&received, lengths()))
    }

    fn abort(&self, code: i32) {
        SimpleCommunicator::world().abort(code)
    }
}
