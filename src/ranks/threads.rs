//! Ranks that are threads of one process: several devices of one program.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

use super::{Link, Ranks};
use crate::error::{Error, Result};

/// So many ranks, one for each thread of this process that is to train. A rank that is dropped before the others have
/// come as far ends them with an error.
///
/// ```
/// let sums: Vec<f32> = std::thread::scope(|scope| {
///     let ranks = harmonium::ranks::threads(3);
///     let each = |rank: harmonium::ranks::Ranks| move || rank.sum_one(vec![rank.rank() as f32]);
///     let threads: Vec<_> = ranks.into_iter().map(|rank| scope.spawn(each(rank))).collect();
///     threads.into_iter().flat_map(|thread| thread.join().unwrap().unwrap()).collect()
/// });
/// assert_eq!(sums, [3.0; 3]);
/// ```
pub fn threads(count: usize) -> Vec<Ranks> {
    let board = Arc::new(Board { count, state: Mutex::default(), changed: Condvar::new() });
    (0..count).map(|rank| Ranks::of(Box::new(Seat { rank, board: board.clone() }))).collect()
}

/// Where ranks leave what others take.
struct Board {
    count: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// What each rank gives each other in the present round.
    given: Vec<Option<Vec<Vec<u8>>>>,
    /// How many have taken theirs.
    taken: usize,
    gone: Option<usize>,
}

struct Seat {
    rank: usize,
    board: Arc<Board>,
}

impl Seat {
    /// Gives each rank its bytes and takes those that are for this one.
    fn round(&self, own: Vec<Vec<u8>>) -> Result<Vec<Vec<u8>>> {
        let Board { count, state, changed } = &*self.board;
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.given.resize_with(*count, || None);
        // The round before ends when everybody has taken.
        while state.given[self.rank].is_some() && state.gone.is_none() {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.given[self.rank] = Some(own);
        changed.notify_all();
        while state.given.iter().any(Option::is_none) && state.gone.is_none() {
            state = changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        let whole = state.given.iter().all(Option::is_some);
        if let (Some(rank), false) = (state.gone, whole) {
            let detail = format!("rank {rank} ended before the others; its own error says why");
            return Err(Error::run("ranks", detail));
        }
        let piece = |given: &Option<Vec<Vec<u8>>>| {
            given.as_ref().and_then(|all| all.get(self.rank)).cloned().unwrap_or_default()
        };
        let pieces = state.given.iter().map(piece).collect();
        state.taken += 1;
        if state.taken == *count {
            state.taken = 0;
            state.given.iter_mut().for_each(|given| *given = None);
            changed.notify_all();
        }
        Ok(pieces)
    }
}

/// Puts what came into its places.
fn fill(into: &mut [f32], given: &[Vec<u8>]) -> Result<()> {
    let all = given.concat();
    let into: &mut [u8] = bytemuck::cast_slice_mut(into);
    if all.len() != into.len() {
        let detail = format!("{} bytes came where {} were expected", all.len(), into.len());
        return Err(Error::run("ranks", detail));
    }
    into.copy_from_slice(&all);
    Ok(())
}

impl Link for Seat {
    fn rank(&self) -> usize {
        self.rank
    }

    fn count(&self) -> usize {
        self.board.count
    }

    fn local_rank(&self) -> usize {
        self.rank
    }

    fn exchange(
        &self,
        (own, lengths): (&[f32], &[usize]),
        (received, _): (&mut [f32], &[usize]),
    ) -> Result<()> {
        let mut rest = own;
        let piece = |&length: &usize| {
            let (piece, others) = rest.split_at(length);
            rest = others;
            bytemuck::cast_slice(piece).to_vec()
        };
        fill(received, &self.round(lengths.iter().map(piece).collect())?)
    }

    fn share(&self, own: &[f32], all: &mut [f32], _: &[usize]) -> Result<()> {
        fill(all, &self.gather(bytemuck::cast_slice(own))?)
    }

    fn gather(&self, own: &[u8]) -> Result<Vec<Vec<u8>>> {
        self.round(vec![own.to_vec(); self.board.count])
    }

    fn abort(&self, _: i32) {
        let mut state = self.board.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.gone.get_or_insert(self.rank);
        self.board.changed.notify_all();
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.abort(0);
    }
}
