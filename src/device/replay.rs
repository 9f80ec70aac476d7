//! Work that reads results, where no thread may wait for them: it is done in passes, of which only the last counts.
//!
//! In a pass a read starts and gives zeros; after the pass all of them are awaited, and the next pass reads what came.
//! That goes on until a pass reads nothing new: its results are the work's. So the work must do the same whenever it
//! does it, as the cases of `verify` do.

use std::cell::RefCell;

use super::read::PendingRead;
use crate::device::Device;
use crate::error::{Error, Result};

/// Reads that one piece of work may do: beyond that its passes do not end.
const MOST_PASSES: usize = 64;

/// The reads of the passes so far.
#[derive(Default)]
struct Reads {
    known: Vec<Vec<u8>>,
    /// How many of the known ones this pass has had.
    had: usize,
    started: Vec<PendingRead>,
}

thread_local! {
    static READS: RefCell<Option<Reads>> = const { RefCell::new(None) };
}

/// What a read gives within a pass.
pub(super) enum Given {
    /// Its bytes.
    Known(Vec<u8>),
    /// Nothing yet: it was started.
    Started,
}

/// A read within a pass, which `start` starts where its bytes are not known; nothing outside of passes.
pub(super) fn read(start: impl FnOnce() -> Result<PendingRead>) -> Option<Result<Given>> {
    READS.with_borrow_mut(|reads| {
        let reads = reads.as_mut()?;
        reads.had += 1;
        if let Some(bytes) = reads.known.get(reads.had - 1) {
            return Some(Ok(Given::Known(bytes.clone())));
        }
        Some(start().map(|pending| {
            reads.started.push(pending);
            Given::Started
        }))
    })
}

/// Does `work` on `device` in passes, until one has read nothing new.
pub(crate) async fn in_passes<T>(
    device: &Device,
    mut work: impl FnMut() -> Result<T>,
) -> Result<T> {
    let mut known = Vec::new();
    for _ in 0..MOST_PASSES {
        READS.set(Some(Reads { known, ..Reads::default() }));
        let done = work();
        let Some(reads) = READS.take() else { return done };
        if reads.started.is_empty() {
            return done;
        }
        known = reads.known;
        let gpu = device.gpu_backend()?;
        for pending in reads.started {
            known.push(pending.arrive(&gpu.driver).await?);
        }
    }
    Err(Error::run(
        "passes",
        format!("something reads differently in each of {MOST_PASSES} passes"),
    ))
}
