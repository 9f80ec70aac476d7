//! Waiting for the GPU, and what comes back from it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::driver::Driver;
use super::faults::catch;
use super::profile::lock;
use crate::error::Result;

/// A read whose copy has been submitted.
pub(super) struct PendingRead {
    pub staging: wgpu::Buffer,
    pub bytes: usize,
    /// The submission with the copy.
    pub submission: Option<wgpu::SubmissionIndex>,
}

impl PendingRead {
    /// Waits on this thread, and for no later submission.
    pub fn wait(self, driver: &Driver) -> Result<Vec<u8>> {
        let signal = self.map();
        driver.wait(self.submission.clone())?;
        // Another thread's poll may be about to call back.
        pollster::block_on(signal).map_err(|detail| driver.fault("read", detail))?;
        self.copy_out(driver)
    }

    /// Leaves the thread to others while the device is busy.
    pub async fn arrive(self, driver: &Driver) -> Result<Vec<u8>> {
        let signal = self.map();
        driver.deliver_callbacks();
        if cfg!(not(target_arch = "wasm32")) && !signal.is_set() {
            let for_thread = signal.clone();
            // Reached, it has called back, or another thread's poll is about to.
            on_a_thread(driver, self.submission.clone(), move |outcome| {
                if outcome.is_err() {
                    for_thread.set(outcome);
                }
            })?;
        }
        finish(driver, signal, "read").await?;
        self.copy_out(driver)
    }

    fn range(&self) -> std::ops::RangeTo<u64> {
        ..(self.bytes as u64).next_multiple_of(4).max(4)
    }

    fn map(&self) -> Signal {
        let signal = Signal::default();
        let for_callback = signal.clone();
        self.staging.map_async(wgpu::MapMode::Read, self.range(), move |result| {
            for_callback.set(result.map_err(|e| e.to_string()));
        });
        signal
    }

    fn copy_out(self, driver: &Driver) -> Result<Vec<u8>> {
        let range = self.range();
        let copied =
            catch(|| self.staging.get_mapped_range(range).map(|view| view[..self.bytes].to_vec()));
        self.staging.unmap();
        match copied {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(driver.fault("read", error.to_string())),
            Err(detail) => Err(driver.fault("read", detail)),
        }
    }
}

/// Waits for a submission without holding the thread.
pub(super) async fn done(driver: &Driver, submission: Option<wgpu::SubmissionIndex>) -> Result<()> {
    let signal = Signal::default();
    if submission.is_none() {
        return driver.check_alive();
    }
    if cfg!(target_arch = "wasm32") {
        let for_callback = signal.clone();
        driver.queue.on_submitted_work_done(move || for_callback.set(Ok(())));
    } else {
        let for_thread = signal.clone();
        on_a_thread(driver, submission, move |outcome| for_thread.set(outcome))?;
    }
    finish(driver, signal, "wait").await
}

/// Polls for a submission on a thread of its own, since a wgpu that is not a browser's does nothing unasked.
/// `then` hears whether the submission was reached.
fn on_a_thread(
    driver: &Driver,
    submission: Option<wgpu::SubmissionIndex>,
    then: impl FnOnce(Outcome) + Send + 'static,
) -> Result<()> {
    let (device, faults) = (driver.device.clone(), driver.faults.clone());
    let work = move || {
        let how = wgpu::PollType::Wait { submission_index: submission, timeout: None };
        then(match catch(|| device.poll(how)) {
            Ok(polled) => polled.map(drop).map_err(|e| e.to_string()),
            Err(detail) => {
                faults.lose(detail.clone());
                Err(detail)
            }
        });
    };
    let spawned = std::thread::Builder::new().name("harmonium wait".into()).spawn(work);
    spawned.map(drop).map_err(|e| driver.fault("wait", format!("no thread to wait on: {e}")))
}

async fn finish(driver: &Driver, signal: Signal, op: &'static str) -> Result<()> {
    signal.await.map_err(|detail| driver.fault(op, detail))?;
    driver.check_alive()
}

/// A value that a callback will set.
#[derive(Clone, Default)]
struct Signal(Arc<Mutex<SignalState>>);

type Outcome = std::result::Result<(), String>;

#[derive(Default)]
struct SignalState {
    value: Option<Outcome>,
    waker: Option<Waker>,
}

impl Signal {
    /// Sets the value, once.
    fn set(&self, value: Outcome) {
        let mut state = lock(&self.0);
        state.value.get_or_insert(value);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn is_set(&self) -> bool {
        lock(&self.0).value.is_some()
    }
}

impl Future for Signal {
    type Output = Outcome;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = lock(&self.0);
        match state.value.take() {
            Some(value) => Poll::Ready(value),
            None => {
                state.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
