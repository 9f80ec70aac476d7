//! Ctrl-C and SIGTERM.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Result};

/// The exit code of an interrupted run.
pub const EXIT_CODE: u8 = 130;

static GRACEFUL: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on an interrupt ends the process with [`EXIT_CODE`]: at once while there is nothing to save
/// and from the second time on, else where the training next looks at [`requested`].
///
/// # Errors
/// Where the system takes no handler.
pub fn install() -> Result<()> {
    ctrlc::set_handler(|| {
        let again = REQUESTED.swap(true, Ordering::SeqCst);
        if again || !GRACEFUL.load(Ordering::SeqCst) {
            std::process::exit(EXIT_CODE.into());
        }
    })
    .map_err(|e| Error::run("interrupt handler", e.to_string()))
}

/// There is something to save: the first interrupt is left to the training.
pub fn wait_for_update() {
    GRACEFUL.store(true, Ordering::SeqCst);
}

/// Whether the user wants the training to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
