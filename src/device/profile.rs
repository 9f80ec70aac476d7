//! Time per kernel.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use web_time::Instant;

use super::Cost;

/// How a profile's times were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// The device's own timestamps around each kernel.
    Timestamps,
    /// The host's clock around each kernel; on a GPU that includes submitting and waiting.
    Clock,
}

/// One kernel's line of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct ProfileRow {
    /// The kernel.
    pub kernel: &'static str,
    /// How often it ran.
    pub calls: u64,
    /// Seconds in all.
    pub seconds: f64,
    /// Floating-point operations and bytes in all.
    pub flops: u64,
    /// Bytes read and written in all.
    pub bytes: u64,
}

#[derive(Default)]
pub(crate) struct Profile {
    on: AtomicBool,
    rows: Mutex<BTreeMap<&'static str, ProfileRow>>,
}

/// What waits for the device, as no call can in a browser.
#[cfg(not(target_arch = "wasm32"))]
impl Profile {
    pub fn start(&self) {
        lock(&self.rows).clear();
        self.on.store(true, Ordering::Relaxed);
    }

    pub fn stop(&self) {
        self.on.store(false, Ordering::Relaxed);
    }

    pub fn rows(&self) -> Vec<ProfileRow> {
        let mut rows: Vec<_> = lock(&self.rows).values().cloned().collect();
        rows.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
        rows
    }
}

impl Profile {
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    pub fn add(&self, kernel: &'static str, cost: Cost, seconds: f64) {
        let mut rows = lock(&self.rows);
        let row = rows.entry(kernel).or_insert(ProfileRow {
            kernel,
            calls: 0,
            seconds: 0.0,
            flops: 0,
            bytes: 0,
        });
        row.calls += 1;
        row.seconds += seconds;
        row.flops += cost.flops;
        row.bytes += cost.bytes;
    }

    /// Runs `work`, timed by the host's clock where the profile is on.
    pub fn time<T>(&self, kernel: &'static str, cost: Cost, work: impl FnOnce() -> T) -> T {
        if !self.is_on() {
            return work();
        }
        let start = Instant::now();
        let result = work();
        self.add(kernel, cost, start.elapsed().as_secs_f64());
        result
    }
}

/// Locks, also after a panic elsewhere: what these locks guard is valid after every statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}
