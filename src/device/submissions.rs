//! Submissions under way, and what becomes of them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::driver::Driver;
use super::faults::{Caught, WriteState, catch};
use crate::error::{Error, Result};

/// Submissions under way at most.
const IN_FLIGHT: usize = 3;

/// What a submission writes, and by which operation.
pub(super) type Written = Vec<(Arc<WriteState>, &'static str)>;

#[derive(Default)]
pub(super) struct Submissions {
    /// Those under way, in their order.
    ours: VecDeque<wgpu::SubmissionIndex>,
    made: u64,
}

impl Submissions {
    /// Runs `work`, which submits. Where that fails, all it would have written is poisoned.
    pub fn submit(
        &mut self,
        driver: &Driver,
        written: Written,
        work: impl FnOnce() -> wgpu::SubmissionIndex,
    ) -> Result<wgpu::SubmissionIndex> {
        let op = written.first().map_or("submit", |w| w.1);
        let (submitted, caught) = driver.scoped(|| catch(work));
        let known = match caught {
            Caught::Now(error) => error.map(|e| e.to_string()),
            later => {
                let (adapter, written) = (driver.info.to_string(), written.clone());
                let say = move |e: wgpu::Error| {
                    let error = Error::Device { op: op.into(), adapter, detail: e.to_string() };
                    poison(&written, &error);
                    error
                };
                driver.faults.settle(later, say)?;
                None
            }
        };
        let known = known.or_else(|| driver.faults.take_uncaptured());
        let outcome = match (submitted, known) {
            (Ok(index), None) => {
                self.made += 1;
                self.ours.push_back(index.clone());
                self.keep_few(driver).map(|()| index)
            }
            (Err(detail), _) | (Ok(_), Some(detail)) => Err(driver.fault(op, detail)),
        };
        outcome.inspect_err(|error| poison(&written, error))
    }

    fn keep_few(&mut self, driver: &Driver) -> Result<()> {
        if self.ours.len() <= IN_FLIGHT {
            return driver.check_alive();
        }
        driver.wait(self.ours.pop_front())
    }

    /// The last submission, where there was one since the last wait.
    pub fn last(&self) -> Option<wgpu::SubmissionIndex> {
        self.ours.back().cloned()
    }

    /// How many there were.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Waits for the last submission.
    pub fn wait_last(&mut self, driver: &Driver) -> Result<()> {
        let last = self.last();
        self.ours.clear();
        driver.wait(last)
    }
}

fn poison(written: &Written, error: &Error) {
    let why = error.to_string();
    for (state, op) in written {
        state.poison(op, &why);
    }
}
