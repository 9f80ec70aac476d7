//! Waiting for the GPU, and what comes back from it.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use super::gpu::Gpu;
use super::profile::lock;
use crate::error::Result;

/// A read whose copy has been submitted.
pub(super) struct PendingRead {
    pub staging: wgpu::Buffer,
    pub bytes: usize,
}

impl PendingRead {
    pub async fn finish(self, gpu: &Gpu) -> Result<Vec<u8>> {
        let signal = Signal::default();
        let for_callback = signal.clone();
        let range = ..(self.bytes as u64).next_multiple_of(4).max(4);
        self.staging.map_async(wgpu::MapMode::Read, range, move |result| {
            for_callback.set(result.map_err(|e| e.to_string()));
        });
        poll(gpu, wgpu::PollType::wait_indefinitely())?;
        signal.await.map_err(|detail| gpu.fault("read", detail))?;
        let copied =
            catch(|| self.staging.get_mapped_range(range).map(|view| view[..self.bytes].to_vec()));
        self.staging.unmap();
        match copied {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(gpu.fault("read", error.to_string())),
            Err(detail) => Err(gpu.fault("read", detail)),
        }
    }
}

/// A value that a callback will set.
#[derive(Clone, Default)]
struct Signal(Arc<Mutex<SignalState>>);

#[derive(Default)]
struct SignalState {
    value: Option<std::result::Result<(), String>>,
    waker: Option<Waker>,
}

impl Signal {
    fn set(&self, value: std::result::Result<(), String>) {
        let mut state = lock(&self.0);
        state.value = Some(value);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }
}

impl Future for Signal {
    type Output = std::result::Result<(), String>;

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

/// Polls the device; a panic in the driver is a loss.
pub(super) fn poll(gpu: &Gpu, how: wgpu::PollType) -> Result<()> {
    match catch(|| gpu.device.poll(how)) {
        Ok(Ok(_)) => gpu.check_alive(),
        Ok(Err(error)) => Err(gpu.fault("wait", error.to_string())),
        Err(detail) => {
            gpu.faults.lose(detail);
            gpu.check_alive()
        }
    }
}

/// Lets wgpu call back without waiting for any work.
pub(super) fn deliver_callbacks(gpu: &Gpu) {
    if let Err(detail) = catch(|| gpu.device.poll(wgpu::PollType::Poll)) {
        gpu.faults.lose(detail);
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
