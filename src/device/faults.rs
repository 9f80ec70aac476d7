//! What goes wrong outside any call: a lost device, errors that no scope caught, and scopes that answer
//! late.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use super::profile::lock;
use crate::error::{Error, Result};

/// An answer that is still to come.
type Later<T> = Pin<Box<dyn Future<Output = Option<T>> + Send>>;

/// What the error scopes around a call caught. Natively that is known at once; a browser tells later.
pub(super) enum Caught {
    Now(Option<wgpu::Error>),
    Later(Later<wgpu::Error>),
}

#[derive(Default)]
pub(crate) struct Faults {
    is_lost: AtomicBool,
    lost: Mutex<Option<String>>,
    uncaptured: Mutex<Option<String>>,
    late: Mutex<Vec<Later<Error>>>,
    /// Whether scopes answer late here too: for tests of what browsers do.
    pub(super) all_late: AtomicBool,
}

impl Faults {
    pub fn lose(&self, why: String) {
        lock(&self.lost).get_or_insert(why);
        self.is_lost.store(true, Ordering::Release);
    }

    pub fn lost(&self) -> Option<String> {
        if !self.is_lost.load(Ordering::Acquire) {
            return None;
        }
        lock(&self.lost).clone()
    }

    pub fn note_uncaptured(&self, error: String) {
        lock(&self.uncaptured).get_or_insert(error);
    }

    pub fn take_uncaptured(&self) -> Option<String> {
        lock(&self.uncaptured).take()
    }

    /// Runs `work` under error scopes. None is waited for.
    pub fn scoped<T>(&self, device: &wgpu::Device, work: impl FnOnce() -> T) -> (T, Caught) {
        let guards = [
            device.push_error_scope(wgpu::ErrorFilter::Internal),
            device.push_error_scope(wgpu::ErrorFilter::OutOfMemory),
            device.push_error_scope(wgpu::ErrorFilter::Validation),
        ];
        let value = work();
        // Scopes pop innermost first.
        let mut answers = guards.into_iter().rev().map(|guard| guard.pop());
        let [a, b, c] = [answers.next(), answers.next(), answers.next()];
        let mut answer: Later<wgpu::Error> = Box::pin(async move {
            let mut caught = None;
            for answer in [a, b, c].into_iter().flatten() {
                caught = caught.or(answer.await);
            }
            caught
        });
        if self.all_late.load(Ordering::Relaxed) {
            return (value, Caught::Later(answer));
        }
        let caught = match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(error) => Caught::Now(error),
            Poll::Pending => Caught::Later(answer),
        };
        (value, caught)
    }

    /// The error that scopes caught, in this crate's words. One that comes late is kept for
    /// [`Faults::late`].
    pub fn settle(
        &self,
        caught: Caught,
        say: impl FnOnce(wgpu::Error) -> Error + Send + 'static,
    ) -> Result<()> {
        match caught {
            Caught::Now(None) => Ok(()),
            Caught::Now(Some(error)) => Err(say(error)),
            Caught::Later(answer) => {
                lock(&self.late).push(Box::pin(async move { answer.await.map(say) }));
                Ok(())
            }
        }
    }

    /// Waits for the scopes that had not answered: the first error that they caught.
    pub async fn late(&self) -> Result<()> {
        let answers = std::mem::take(&mut *lock(&self.late));
        let mut first = Ok(());
        for answer in answers {
            // All are heard: what a failed submission was to write is poisoned by its own.
            let error = answer.await;
            first = first.and(error.map_or(Ok(()), Err));
        }
        first
    }
}

/// Whether the contents of a buffer were ever computed: where a submission fails, what it would have
/// written is poisoned.
#[derive(Default)]
pub(crate) struct WriteState {
    is_poisoned: AtomicBool,
    poison: Mutex<Option<(String, String)>>,
    /// The kernel whose result is under guard.
    guarded: Mutex<Option<&'static str>>,
}

impl WriteState {
    pub fn poison(&self, op: &str, why: &str) {
        *lock(&self.poison) = Some((op.into(), why.into()));
        self.is_poisoned.store(true, Ordering::Release);
    }

    /// All or some of it is about to be written.
    pub fn heal(&self) {
        if self.is_poisoned.load(Ordering::Acquire) {
            *lock(&self.poison) = None;
            self.is_poisoned.store(false, Ordering::Release);
        }
    }

    /// It was filled with the guard's word before `op` writes it, or, with none, holds what somebody copied
    /// into it.
    pub fn guard(&self, op: Option<&'static str>) {
        *lock(&self.guarded) = op;
    }

    pub fn guarded(&self) -> Option<&'static str> {
        *lock(&self.guarded)
    }

    pub fn check(&self) -> Result<()> {
        if !self.is_poisoned.load(Ordering::Acquire) {
            return Ok(());
        }
        match &*lock(&self.poison) {
            Some((op, detail)) => Err(Error::Poisoned { op: op.clone(), detail: detail.clone() }),
            None => Ok(()),
        }
    }
}

/// Runs a call into wgpu that may panic where the driver is lost.
pub(super) fn catch<T>(call: impl FnOnce() -> T) -> std::result::Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|s| s.to_string()))
            .unwrap_or_else(|| "the driver failed".into())
    })
}
