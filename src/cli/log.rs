//! What goes to standard error.

use std::sync::atomic::{AtomicU8, Ordering};

use clap::ValueEnum;

/// How much is told, least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum LogLevel {
    /// Failures alone
    Error,
    /// And what the user should look at
    Warn,
    /// And what is going on
    Info,
}

static LEVEL: AtomicU8 = AtomicU8::new(LogLevel::Info as u8);

/// Sets the level for the whole process.
pub fn set_level(level: LogLevel) {
    LEVEL.store(level as u8, Ordering::Relaxed);
}

/// Whether lines of this level are told.
pub fn tells(level: LogLevel) -> bool {
    level as u8 <= LEVEL.load(Ordering::Relaxed)
}
