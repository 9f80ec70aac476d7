use harmonium::device::testing;
use harmonium::kernels::elementwise::{Elementwise, elementwise, elementwise_in_place};
use harmonium::kernels::sample;
use harmonium::random::Draw;
use harmonium::tensor::Tensor;
use harmonium::{Device, Error};

use crate::support;

const PLUS_ONE: Elementwise = Elementwise::Affine(1.0, 1.0);

fn is_of(error: &Error, operation: &str) -> bool {
    matches!(error, Error::Poisoned { op, .. } if op == operation)
}

#[test]
fn a_failed_submission_poisons_what_it_would_have_written_and_no_more() {
    for gpu in support::own_gpus() {
        let name = gpu.info().to_string();
        let good = Tensor::from_f32(&gpu, &[2], &[1.0, 2.0]).unwrap();
        let mut bad = Tensor::from_f32(&gpu, &[2], &[3.0, 4.0]).unwrap();
        let mut noise = Tensor::zeros(&gpu, &[1, 4]).unwrap();
        gpu.synchronize().unwrap();

        elementwise(PLUS_ONE, &good, None, &mut bad).unwrap();
        testing::break_next_submission(&gpu).unwrap();
        sample::uniform(&Draw::new(1, 1), &mut noise).unwrap();
        let error = bad.to_vec().unwrap_err();
        assert!(is_of(&error, "elementwise"), "{name}: {error}");
        assert!(is_of(&noise.to_vec().unwrap_err(), "sample"), "{name}");
        // Again, and through whatever reads it: the error stays and spreads to nothing else.
        assert!(is_of(&bad.to_vec().unwrap_err(), "elementwise"), "{name}");
        assert!(is_of(&bad.try_clone().unwrap_err(), "elementwise"), "{name}");
        let mut sum = Tensor::zeros(&gpu, &[2]).unwrap();
        let error = elementwise(Elementwise::ADD, &good, Some(&bad), &mut sum).unwrap_err();
        assert!(is_of(&error, "elementwise"), "{name}: {error}");
        let error = elementwise_in_place(PLUS_ONE, &mut bad, None).unwrap_err();
        assert!(is_of(&error, "elementwise"), "{name}: {error}");
        assert_eq!(good.to_vec().unwrap(), [1.0, 2.0], "{name}");
        assert_eq!(sum.to_vec().unwrap(), [0.0, 0.0], "{name}");

        // Writing all of it heals, by kernel or by upload.
        elementwise(PLUS_ONE, &good, None, &mut bad).unwrap();
        assert_eq!(bad.to_vec().unwrap(), [2.0, 3.0], "{name}");
        noise.upload(&[5.0; 4]).unwrap();
        assert_eq!(noise.to_vec().unwrap(), [5.0; 4], "{name}");
    }
}

#[test]
fn whoever_waits_hears_of_the_failure() {
    for gpu in support::own_gpus() {
        let name = gpu.info().to_string();
        let good = Tensor::from_f32(&gpu, &[1], &[1.0]).unwrap();
        let mut bad = Tensor::zeros(&gpu, &[1]).unwrap();
        gpu.synchronize().unwrap();
        let mut lose = |wait: &dyn Fn() -> harmonium::Result<()>| {
            bad.upload(&[7.0]).unwrap();
            testing::break_next_submission(&gpu).unwrap();
            let error = wait().unwrap_err();
            let named = matches!(&error, Error::Device { op, .. } if op == "upload");
            assert!(named, "{name}: {error}");
            assert!(is_of(&bad.to_vec().unwrap_err(), "upload"), "{name}");
        };
        lose(&|| gpu.synchronize());
        // A read of something else fails once, since its copy was in the same submission.
        lose(&|| good.to_vec().map(drop));
        lose(&|| gpu.start_profile());
        assert_eq!(good.to_vec().unwrap(), [1.0], "{name}");
        gpu.synchronize().unwrap();
    }
}

#[test]
fn a_failed_allocation_leaves_a_working_device() {
    for gpu in support::own_gpus() {
        let name = gpu.info().to_string();
        let mut x = Tensor::from_f32(&gpu, &[2], &[1.0, 2.0]).unwrap();
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        for bytes in [1 << 50, 1 << 44] {
            match testing::allocate_unchecked(&gpu, bytes) {
                Err(Error::OutOfMemory { bytes: named, adapter, .. }) => {
                    assert!(named >= bytes, "{named}");
                    assert_eq!(adapter, name);
                }
                other => panic!("{name}: {other:?}"),
            }
        }
        // What was recorded before still runs, and so does what comes after.
        assert_eq!(x.to_vec().unwrap(), [2.0, 3.0], "{name}");
        elementwise_in_place(PLUS_ONE, &mut x, None).unwrap();
        assert_eq!(x.to_vec().unwrap(), [3.0, 4.0], "{name}");
        let memory = gpu.memory();
        assert!(memory.used_bytes < 10_000 && memory.peak_bytes < 10_000, "{name}: {memory:?}");
    }
}

#[test]
fn a_failed_allocation_on_the_cpu_is_an_error() {
    let cpu = Device::cpu();
    let used = cpu.memory().used_bytes;
    match testing::allocate_unchecked(&cpu, 1 << 60) {
        Err(Error::OutOfMemory { bytes, .. }) => assert_eq!(bytes, 1 << 60),
        other => panic!("{other:?}"),
    }
    assert_eq!(cpu.memory().used_bytes, used);
    assert_eq!(Tensor::zeros(&cpu, &[3]).unwrap().to_vec().unwrap(), [0.0; 3]);
}

#[track_caller]
fn assert_lost<T>(gpu: &Device, call: &str, result: harmonium::Result<T>) {
    match result {
        Err(Error::DeviceLost { .. }) => {}
        Err(error) => panic!("{call} on {}: {error}", gpu.info()),
        Ok(_) => panic!("{call} on {} succeeded", gpu.info()),
    }
}

/// Every call on a lost device.
fn assert_all_lost(gpu: &Device, x: &Tensor, y: &mut Tensor) {
    assert_lost(gpu, "read", x.to_vec());
    assert_lost(gpu, "synchronize", gpu.synchronize());
    assert_lost(gpu, "zeros", Tensor::zeros(gpu, &[2]));
    assert_lost(gpu, "from_f32", Tensor::from_f32(gpu, &[2], &[1.0, 2.0]));
    assert_lost(gpu, "upload", y.upload(&[1.0, 2.0]));
    assert_lost(gpu, "set_zero", y.set_zero());
    assert_lost(gpu, "try_clone", x.try_clone());
    assert_lost(gpu, "copy_from", y.copy_from(x));
    assert_lost(gpu, "a known kernel", elementwise(PLUS_ONE, x, None, y));
    assert_lost(gpu, "a new kernel", elementwise(Elementwise::Multiply, x, Some(x), y));
    assert_lost(gpu, "start_profile", gpu.start_profile());
    assert_lost(gpu, "profile", gpu.profile());
    assert_lost(gpu, "warm_up", harmonium::kernels::warm_up(gpu));
}

#[test]
fn a_lost_device_says_so_in_every_call() {
    for work_in_flight in [false, true] {
        for gpu in support::own_gpus() {
            let x = Tensor::from_f32(&gpu, &[2], &[1.0, 2.0]).unwrap();
            let mut y = Tensor::zeros(&gpu, &[2]).unwrap();
            elementwise(PLUS_ONE, &x, None, &mut y).unwrap();
            if !work_in_flight {
                gpu.synchronize().unwrap();
            }
            testing::destroy(&gpu);
            assert_all_lost(&gpu, &x, &mut y);
            let text = gpu.synchronize().unwrap_err().to_string();
            assert!(text.contains(&gpu.info().to_string()) && text.contains("lost"), "{text}");
            // Other openings of the same adapter are not touched.
            let other = Device::gpu(&gpu.info().backend).unwrap();
            assert_eq!(Tensor::zeros(&other, &[1]).unwrap().to_vec().unwrap(), [0.0]);
        }
    }
}

#[test]
fn whichever_call_comes_first_after_the_loss_does_not_panic() {
    type Call = fn(&Device, &Tensor, &mut Tensor) -> harmonium::Result<()>;
    let calls: [(&str, Call); 6] = [
        ("upload", |_, _, y| y.upload(&[1.0, 2.0])),
        ("set_zero", |_, _, y| y.set_zero()),
        ("copy_from", |_, x, y| y.copy_from(x)),
        ("a kernel", |_, x, y| elementwise(Elementwise::Multiply, x, Some(x), y)),
        ("from_f32", |gpu, _, _| Tensor::from_f32(gpu, &[1000], &[1.0; 1000]).map(drop)),
        ("warm_up", |gpu, _, _| harmonium::kernels::warm_up(gpu)),
    ];
    for (name, call) in calls {
        for gpu in support::own_gpus() {
            let x = Tensor::from_f32(&gpu, &[2], &[1.0, 2.0]).unwrap();
            let mut y = Tensor::zeros(&gpu, &[2]).unwrap();
            gpu.synchronize().unwrap();
            testing::destroy(&gpu);
            // It may still be recorded; then the next that waits says what happened.
            if let Err(error) = call(&gpu, &x, &mut y) {
                assert_lost::<()>(&gpu, name, Err(error));
            }
            assert_lost(&gpu, &format!("a read after {name}"), y.to_vec());
        }
    }
}

#[test]
fn a_lost_device_does_not_hang_its_threads() {
    for gpu in support::own_gpus() {
        let x = Tensor::from_f32(&gpu, &[1 << 16], &vec![1.0; 1 << 16]).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    // Reads until the loss arrives.
                    for _ in 0..100_000 {
                        match x.to_vec() {
                            Ok(values) => assert_eq!(values[7], 1.0),
                            Err(error) => {
                                assert_lost::<()>(&gpu, "read", Err(error));
                                return;
                            }
                        }
                    }
                    panic!("the loss never arrived");
                });
            }
            std::thread::sleep(std::time::Duration::from_millis(30));
            testing::destroy(&gpu);
        });
    }
}
