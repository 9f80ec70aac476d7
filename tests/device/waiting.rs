//! Callers that must not block, and error scopes that answer late, as a browser's do.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};

use harmonium::device::{DeviceKind, adapters, adapters_async, testing};
use harmonium::kernels::elementwise::{Elementwise, elementwise_in_place};
use harmonium::tensor::Tensor;
use harmonium::{Device, Error};
use pollster::block_on;

use crate::support;

const PLUS_ONE: Elementwise = Elementwise::Affine(1.0, 1.0);

struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

/// Polls only when woken, and never waits inside a poll for longer than it takes to submit.
fn drive<T>(future: impl Future<Output = T>) -> (T, usize) {
    let woken = Arc::new(Count(AtomicUsize::new(1)));
    let waker = woken.clone().into();
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    let mut polls = 0;
    let begin = std::time::Instant::now();
    loop {
        assert!(begin.elapsed().as_secs() < 60, "nobody woke the caller");
        if woken.0.swap(0, Ordering::SeqCst) == 0 {
            std::thread::yield_now();
            continue;
        }
        polls += 1;
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return (value, polls);
        }
    }
}

#[test]
fn reads_and_waits_leave_the_thread_and_wake_it() {
    for gpu in support::gpus() {
        let name = gpu.info().to_string();
        let n = 1 << 20;
        let mut x = Tensor::zeros(gpu, &[n]).unwrap();
        for _ in 0..200 {
            elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        }
        let (values, polls) = drive(x.to_vec_async());
        assert_eq!(values.unwrap(), vec![200.0; n], "{name}");
        assert!(polls <= 3, "{name}: {polls} polls");
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        let (done, _) = drive(gpu.synchronize_async());
        done.unwrap();
        // Nothing is left to wait for.
        let (done, _) = drive(gpu.synchronize_async());
        done.unwrap();
        assert_eq!(x.to_vec().unwrap()[n - 1], 201.0);
        let words = Tensor::from_u32(gpu, &[3], &[1, 2, 3]).unwrap();
        assert_eq!(drive(words.to_words_async()).0.unwrap(), [1, 2, 3]);
    }
    let x = Tensor::from_f32(&Device::cpu(), &[2], &[1.0, 2.0]).unwrap();
    assert_eq!(drive(x.to_vec_async()).0.unwrap(), [1.0, 2.0]);
}

#[test]
fn two_reads_wait_at_once() {
    for gpu in support::gpus() {
        let tensors: Vec<Tensor> =
            (0..4).map(|i| Tensor::from_f32(gpu, &[2], &[i as f32, 0.5]).unwrap()).collect();
        let mut reads: Vec<_> = tensors.iter().map(|t| Box::pin(t.to_vec_async())).collect();
        let (values, _) = drive(async {
            // The last first: each waits for its own submission.
            let mut values = Vec::new();
            while let Some(read) = reads.pop() {
                values.push(read.await.unwrap()[0]);
            }
            values
        });
        assert_eq!(values, [3.0, 2.0, 1.0, 0.0], "{}", gpu.info());
    }
}

#[test]
fn a_lost_device_ends_every_wait() {
    for gpu in support::own_gpus() {
        let mut x = Tensor::from_f32(&gpu, &[2], &[1.0, 2.0]).unwrap();
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        testing::destroy(&gpu);
        for _ in 0..2 {
            let lost = |error: &Error| matches!(error, Error::DeviceLost { .. });
            assert!(lost(&drive(x.to_vec_async()).0.unwrap_err()), "{}", gpu.info());
            assert!(lost(&drive(gpu.synchronize_async()).0.unwrap_err()), "{}", gpu.info());
        }
    }
}

#[test]
fn what_scopes_tell_late_is_heard_by_the_next_who_waits() {
    for gpu in support::own_gpus() {
        let name = gpu.info().to_string();
        testing::answer_late(&gpu);
        let mut x = Tensor::from_f32(&gpu, &[2], &[1.0, 2.0]).unwrap();
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        // The allocation seems to succeed; then it is named with its operation and size.
        testing::allocate_unchecked(&gpu, 1 << 50).unwrap();
        match drive(gpu.synchronize_async()).0 {
            Err(Error::OutOfMemory { op: "allocate", bytes, adapter, .. }) => {
                assert!(bytes >= 1 << 50, "{bytes}");
                assert_eq!(adapter, name);
            }
            other => panic!("{name}: {other:?}"),
        }
        // Once; and what was recorded beside it ran.
        drive(gpu.synchronize_async()).0.unwrap();
        assert_eq!(drive(x.to_vec_async()).0.unwrap(), [2.0, 3.0], "{name}");

        // A failed submission poisons late too, and the reader hears of his own tensor.
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        testing::break_next_submission(&gpu).unwrap();
        let error = drive(x.to_vec_async()).0.unwrap_err();
        let named = matches!(&error, Error::Poisoned { op, .. } if op == "elementwise");
        assert!(named, "{name}: {error}");
        assert!(matches!(x.to_vec(), Err(Error::Poisoned { .. })), "{name}");
        x.upload(&[5.0, 6.0]).unwrap();
        assert_eq!(drive(x.to_vec_async()).0.unwrap(), [5.0, 6.0], "{name}");

        testing::break_next_submission(&gpu).unwrap();
        let error = drive(gpu.synchronize_async()).0.unwrap_err();
        assert!(matches!(error, Error::Device { .. }), "{name}: {error}");
    }
}

#[test]
fn devices_are_found_and_opened_without_blocking() {
    let names = |all: Vec<harmonium::device::AdapterSummary>| -> Vec<_> {
        all.into_iter().map(|a| (a.index, a.info)).collect()
    };
    assert_eq!(names(drive(adapters_async()).0), names(adapters()));
    let auto = drive(Device::auto_async()).0;
    assert_eq!(auto.info(), Device::auto().info());
    let cpu = drive(Device::select_async("cpu")).0.unwrap();
    assert_eq!(cpu.info().kind, DeviceKind::Cpu);
    assert!(matches!(block_on(Device::gpu_async("nonsense")), Err(Error::NoAdapter { .. })));
    for gpu in support::gpus() {
        let again = drive(Device::gpu_async(&gpu.info().backend)).0.unwrap();
        assert_eq!(again.info().backend, gpu.info().backend);
    }
}
