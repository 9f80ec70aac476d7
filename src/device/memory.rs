//! Tensors' buffers on a GPU: lent from a pool, given back when they are dropped.

use std::sync::{Arc, Mutex};

use super::faults::WriteState;
use super::pool::{MemoryStats, Pool};
use super::profile::lock;
use crate::error::Result;

/// What keeps buffers of the pool bound, and lets go of them when they go back to the driver.
pub(super) trait Holds: Send + Sync {
    fn let_go(&self);
}

/// The pool, and who is bound to its buffers.
pub(super) struct Memory {
    pool: Mutex<Pool>,
    holder: Arc<dyn Holds>,
}

/// A buffer of the pool; it goes back when the last of its pieces is dropped. What was recorded before runs before
/// whatever uses it next, because the queue keeps the order.
struct Lease {
    memory: Arc<Memory>,
    raw: wgpu::Buffer,
    /// The buffer's name; it stays the same when the buffer is reused.
    id: u64,
    class: u64,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let full = lock(&self.memory.pool).give_back(self.class, self.id, self.raw.clone());
        if full {
            self.memory.trim();
        }
    }
}

/// What pieces of one buffer begin at multiples of: devices want that of what they bind.
pub(crate) const PIECE: u64 = 256;

/// A tensor's memory: a buffer of its own, or a piece of one that several tensors share.
pub(crate) struct GpuBuffer {
    lease: Arc<Lease>,
    /// Where it begins.
    pub(super) offset: u64,
    /// The bytes that are bound.
    pub(super) bytes: u64,
    /// The bytes up to the next piece, or to the buffer's end.
    pub(super) room: u64,
    pub(super) state: Arc<WriteState>,
}

impl GpuBuffer {
    pub(super) fn raw(&self) -> &wgpu::Buffer {
        &self.lease.raw
    }

    /// Whether both lie in one buffer.
    pub(super) fn shares(&self, other: &GpuBuffer) -> bool {
        self.lease.id == other.lease.id
    }

    /// Whether `next` is the piece behind this one.
    pub fn precedes(&self, next: &GpuBuffer) -> bool {
        self.shares(next) && self.offset + self.room == next.offset
    }
}

/// A range of a buffer, as it is bound.
#[derive(Clone, Copy)]
pub(super) struct Span<'a> {
    pub raw: &'a wgpu::Buffer,
    pub id: u64,
    pub offset: u64,
    pub bytes: u64,
}

impl<'a> Span<'a> {
    /// From the first to the last of pieces that follow each other.
    pub fn of(pieces: &[&'a GpuBuffer]) -> Option<Self> {
        let (first, last) = (pieces.first()?, pieces.last()?);
        let bytes = last.offset + last.bytes - first.offset;
        Some(Span { raw: first.raw(), id: first.lease.id, offset: first.offset, bytes })
    }

    /// Whether both are of one buffer.
    pub fn shares(&self, other: &Span<'_>) -> bool {
        self.id == other.id
    }

    /// Whether both hold some byte.
    pub fn overlaps(&self, other: &Span<'_>) -> bool {
        let before = |a: &Span<'_>, b: &Span<'_>| a.offset + a.bytes <= b.offset;
        self.shares(other) && !before(self, other) && !before(other, self)
    }
}

impl Memory {
    /// An empty pool, to whose buffers `holder` may be bound.
    pub fn new(holder: Arc<dyn Holds>) -> Self {
        Memory { pool: Mutex::default(), holder }
    }

    /// A buffer of at least the pieces' bytes, cut into them: a free one, or what `create` makes of its class.
    pub fn lend(
        self: &Arc<Self>,
        class: u64,
        pieces: &[u64],
        create: impl FnOnce() -> Result<wgpu::Buffer>,
    ) -> Result<Vec<GpuBuffer>> {
        let found = lock(&self.pool).take(class);
        let (id, raw) = match found {
            Some(found) => found,
            None => {
                let raw = create()?;
                (lock(&self.pool).adopt(class), raw)
            }
        };
        let end = raw.size();
        let lease = Arc::new(Lease { memory: self.clone(), raw, id, class });
        let (mut lent, mut offset) = (Vec::with_capacity(pieces.len()), 0);
        for (i, &bytes) in pieces.iter().enumerate() {
            let last = i + 1 == pieces.len();
            let room = if last { end - offset } else { bytes.next_multiple_of(PIECE) };
            let state = Arc::default();
            lent.push(GpuBuffer { lease: lease.clone(), offset, bytes, room, state });
            offset += room;
        }
        Ok(lent)
    }

    /// Gives every free buffer back to the driver.
    pub fn trim(&self) {
        lock(&self.pool).trim();
        self.holder.let_go();
    }

    pub fn stats(&self) -> MemoryStats {
        lock(&self.pool).stats()
    }
}
