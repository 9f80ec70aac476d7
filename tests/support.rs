//! What several rooms of tests share: the adapters, opened once.

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Mutex, OnceLock};

use harmonium::Device;

/// The variable with which a run on no adapter is a failure.
const REQUIRE: &str = "HARMONIUM_REQUIRE_GPU";

/// Every adapter of this machine, opened once for all tests; their names are printed. Where there is
/// none, the tests that want one are counted as skipped, and with `HARMONIUM_REQUIRE_GPU=1` fail.
///
/// Tests share these devices. One that breaks a device, or counts what it does, opens its own.
pub fn gpus() -> &'static [Device] {
    static GPUS: OnceLock<Vec<Device>> = OnceLock::new();
    let gpus = GPUS.get_or_init(|| {
        let devices = opened();
        for device in &devices {
            let info = device.info();
            say(&format!("testing on {info}, driver {}", info.driver));
        }
        devices
    });
    if gpus.is_empty() {
        assert!(!required(), "no GPU adapter, and {REQUIRE}=1 asks for one");
        count_as_skipped();
    }
    gpus
}

/// Adapters of this test alone.
pub fn own_gpus() -> Vec<Device> {
    if gpus().is_empty() { Vec::new() } else { opened() }
}

fn opened() -> Vec<Device> {
    let all = Device::all_gpus().into_iter();
    let (opened, failed): (Vec<_>, Vec<_>) = all.partition(Result::is_ok);
    for error in failed.into_iter().filter_map(Result::err) {
        assert!(!required(), "an adapter does not open: {error}");
        say(&format!("not tested: {error}"));
    }
    opened.into_iter().filter_map(Result::ok).collect()
}

fn count_as_skipped() {
    static SKIPPED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    // The test's own thread has its name.
    let name = std::thread::current().name().unwrap_or("?").to_string();
    let mut skipped = SKIPPED.lock().unwrap();
    if skipped.insert(name.clone()) {
        let count = skipped.len();
        say(&format!("no GPU adapter: {name} checks no GPU ({count} such tests so far)"));
    }
}

fn required() -> bool {
    std::env::var(REQUIRE).is_ok_and(|value| value != "0" && !value.is_empty())
}

/// Past the capture of test output, so that a run always says what it ran on.
pub fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Words of three letters in Taskar's form, ten folds one after another; a third of each picture is inked, by its letter.
pub fn letters(words: usize) -> String {
    let (mut lines, mut id) = (String::new(), 0);
    for word in 0..words {
        for position in 1..=3 {
            id += 1;
            let letter = ["a", "b", "c"][(word + position) % 3];
            let next = if position == 3 { -1 } else { id + 1 };
            lines += &format!("{id}\t{letter}\t{next}\t{word}\t{position}\t{}", word % 10);
            for pixel in 0..128 {
                // A seventh of the pixels is anything.
                let ink = match (pixel * 7 + id as usize * 13) % 7 {
                    0 => (pixel + id as usize) % 5 < 2,
                    _ => pixel % 3 == (word + position) % 3,
                };
                lines += if ink { "\t1" } else { "\t0" };
            }
            lines += "\t\n";
        }
    }
    lines
}

/// A .npy file of bytes.
pub fn npy_u8(shape: &str, values: &[u8]) -> Vec<u8> {
    npy(&dictionary("|u1", false, shape), values)
}

/// A .npy file with a header of our own making.
pub fn npy(dictionary: &str, payload: &[u8]) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((dictionary.len() as u16).to_le_bytes());
    bytes.extend(dictionary.as_bytes());
    bytes.extend(payload);
    bytes
}

/// The header of such a file.
pub fn dictionary(descr: &str, fortran: bool, shape: &str) -> String {
    let fortran = if fortran { "True" } else { "False" };
    format!("{{'descr': '{descr}', 'fortran_order': {fortran}, 'shape': {shape}, }}\n")
}
