//! Ctrl-C and SIGTERM.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use super::print::warn;
use crate::error::{Error, Result};

/// The exit code of an interrupted run.
pub const EXIT_CODE: u8 = 130;

static GRACEFUL: AtomicBool = AtomicBool::new(false);
static REQUESTED: AtomicBool = AtomicBool::new(false);
static HOW_TO_GO_ON: OnceLock<String> = OnceLock::new();

/// From now on an interrupt ends the process with [`EXIT_CODE`]: at once while there is nothing to save
/// and from the second time on, else where the training next looks at [`requested`].
///
/// # Errors
/// Where the system takes no handler.
pub fn install() -> Result<()> {
    ctrlc::set_handler(|| {
        let again = REQUESTED.swap(true, Ordering::SeqCst);
        if again || !GRACEFUL.load(Ordering::SeqCst) {
            if let Some(how) = HOW_TO_GO_ON.get().filter(|_| !again) {
                warn(how);
            }
            std::process::exit(EXIT_CODE.into());
        }
    })
    .map_err(|e| Error::run("interrupt handler", e.to_string()))
}

/// There is something to save: the first interrupt is left to the training.
pub fn wait_for_update() {
    GRACEFUL.store(true, Ordering::SeqCst);
}

/// All that training made is saved: an interrupt ends the process at once again, and says how to go on.
pub fn end_at_once(how_to_go_on: String) {
    let _ = HOW_TO_GO_ON.set(how_to_go_on);
    GRACEFUL.store(false, Ordering::SeqCst);
}

/// Whether the user wants the training to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::SeqCst)
}
