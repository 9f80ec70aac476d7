//! The order of a stream's cases in an epoch: blocks of cases that follow each other in the source come in a random order,
//! and are mixed within a window that fits in memory.

use super::shard::Shard;
use crate::random::{Draw, PhiloxRng, stream};

/// Bytes of a block: large enough for a disk, small enough that a window has many.
const BLOCK: u64 = 256 << 10;
/// Blocks of a window at least, where its rows suffice.
const BLOCKS: usize = 8;

/// Cases of one shard that follow each other.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Piece {
    pub shard: usize,
    pub first: usize,
    pub rows: usize,
}

/// Cases that are in memory at once.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Window {
    /// Counted from 0 within the epoch.
    number: usize,
    pub(super) pieces: Vec<Piece>,
    /// Those that are learnt from.
    cases: usize,
}

impl Window {
    /// Of cases that are all learnt from.
    pub(super) fn of(pieces: Vec<Piece>) -> Self {
        let cases = pieces.iter().map(|piece| piece.rows).sum();
        Window { number: 0, pieces, cases }
    }

    /// How many cases it has.
    pub fn cases(&self) -> usize {
        self.cases
    }

    /// The order of its cases: a function of (seed, epoch, its number).
    pub fn order(&self, seed: u64, epoch: u64) -> Vec<u32> {
        let draw = shuffle(seed, epoch).from_case(1 + self.number as u32);
        PhiloxRng::new(draw).permutation(self.cases as u32)
    }
}

/// Row 0 of the stream orders the blocks, row 1 + w the cases of window w.
fn shuffle(seed: u64, epoch: u64) -> Draw {
    Draw::new(seed, stream::SHUFFLE).at(epoch)
}

/// The windows of an epoch, each of at most `rows` cases. `limit`: how many cases of the source there are; `kept`: how many of
/// a piece are learnt from.
pub(super) fn windows(
    shards: &[Shard],
    limit: usize,
    rows: usize,
    [seed, epoch]: [u64; 2],
    kept: &dyn Fn(Piece) -> usize,
) -> Vec<Window> {
    let blocks = blocks(shards, limit, rows);
    let mut windows = vec![];
    let mut open = Window { number: 0, pieces: vec![], cases: 0 };
    let mut held = 0;
    for place in PhiloxRng::new(shuffle(seed, epoch)).permutation(blocks.len() as u32) {
        let mut block = blocks[place as usize];
        while block.rows > 0 {
            // What comes in its order alone is cut where the window ends; other blocks stay whole.
            let whole = !shards[block.shard].in_order_alone();
            let room = rows - held;
            let take = if block.rows <= room || !whole { block.rows.min(room) } else { 0 };
            if take > 0 {
                let piece = Piece { rows: take, ..block };
                open.cases += kept(piece);
                open.pieces.push(piece);
                held += take;
                (block.first, block.rows) = (block.first + take, block.rows - take);
            }
            if block.rows > 0 || held == rows {
                let number = windows.len() + 1;
                let next = Window { number, pieces: vec![], cases: 0 };
                windows.push(std::mem::replace(&mut open, next));
                held = 0;
            }
        }
    }
    windows.push(open);
    windows.retain(|window| window.cases > 0);
    windows
}

/// All cases: of plain arrays in blocks, of what comes in its order alone whole files.
fn blocks(shards: &[Shard], limit: usize, rows: usize) -> Vec<Piece> {
    let (mut blocks, mut left) = (vec![], limit);
    for (shard, file) in shards.iter().enumerate() {
        let n = file.n.min(left);
        left -= n;
        let by_bytes = (BLOCK / file.case_bytes().max(1)).max(1) as usize;
        let step = match file.in_order_alone() {
            true => n.max(1),
            false => by_bytes.min((rows / BLOCKS).max(1)),
        };
        let firsts = (0..n).step_by(step);
        blocks.extend(firsts.map(|first| Piece { shard, first, rows: step.min(n - first) }));
    }
    blocks
}
