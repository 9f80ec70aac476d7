//! What several rooms of tests share: the adapters, opened once.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use harmonium::Device;

/// The variable with which a run on no adapter is a failure.
const REQUIRE: &str = "HARMONIUM_REQUIRE_GPU";

static SKIPPED: AtomicUsize = AtomicUsize::new(0);

/// Every adapter of this machine, opened once for all tests; their names are printed. Where there is
/// none, the tests that want one count themselves as skipped, and with `HARMONIUM_REQUIRE_GPU=1` fail.
///
/// Tests share these devices. One that breaks a device, or counts what it does, opens its own.
pub fn gpus() -> &'static [Device] {
    static GPUS: OnceLock<Vec<Device>> = OnceLock::new();
    let gpus = GPUS.get_or_init(|| {
        let opened = Device::all_gpus();
        let mut devices = Vec::new();
        for device in opened {
            match device {
                Ok(device) => devices.push(device),
                Err(error) => assert!(!required(), "an adapter does not open: {error}"),
            }
        }
        for device in &devices {
            let info = device.info();
            eprintln!("testing on {info}, driver {}", info.driver);
        }
        devices
    });
    if gpus.is_empty() {
        assert!(!required(), "no GPU adapter, and {REQUIRE}=1 asks for one");
        let skipped = SKIPPED.fetch_add(1, Ordering::Relaxed) + 1;
        eprintln!("no GPU adapter: {skipped} tests skipped so far");
    }
    gpus
}

/// Adapters of this test alone, by backend.
pub fn own_gpus() -> Vec<Device> {
    let backends = gpus().iter().map(|gpu| gpu.info().backend.clone());
    backends.map(|backend| Device::gpu(&backend).expect("it opened before")).collect()
}

fn required() -> bool {
    std::env::var(REQUIRE).is_ok_and(|value| value != "0" && !value.is_empty())
}
