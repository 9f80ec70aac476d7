//! How fast a device is: kernels and whole steps, timed, beside what the device can do at most. `harmonium bench` prints it,
//! `cargo bench` measures the same parts with criterion.

mod ceiling;
mod compare;
mod sizes;
mod steps;
mod timing;
mod tune;

pub use ceiling::{Ceilings, ceilings};
pub use compare::{Change, Verdict, changes};
pub use sizes::{Growth, grows, growths};
pub use timing::{BenchConfig, LeftOut, Outcome, Timed, time};
pub use tune::{LoopTimes, Tuning, tune};

use serde::{Deserialize, Serialize};

use std::path::Path;

use crate::device::{Device, DeviceInfo, Policy};
use crate::error::{Error, Result};
use crate::kernels::catalogue;
use crate::kernels::proof::Bench;

/// A kernel or a step, with its cases.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// What is counted of a case beside arithmetic and traffic, and how much of each there is in a unit of its work.
    pub rates: &'static [(&'static str, f64)],
    /// Prepares the cases and hands over each of them.
    pub cases: fn(&mut Bench<'_>) -> Result<()>,
}

/// Every kernel of the catalogue, then the whole steps, then steps from small to large.
pub fn parts() -> Vec<Part> {
    let kernels = catalogue().iter();
    let kernels = kernels.map(|entry| Part { name: entry.name, rates: &[], cases: entry.bench });
    kernels.chain(steps::STEPS).chain(sizes::SIZES).collect()
}

/// What was measured on one device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Measured {
    /// The device; of the CPU path the name tells its threads.
    pub device: DeviceInfo,
    /// What decided between its matrix loops; none on the CPU, and in files of versions that had one loop for GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Policy>,
    /// What it can do at most.
    pub ceilings: Ceilings,
    /// What was timed.
    pub results: Vec<Timed>,
    /// What was left out, one call taking too long.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_measured: Vec<LeftOut>,
}

/// A file of `harmonium bench --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Benchmark {
    /// The version.
    pub harmonium: String,
    /// Each device that was measured.
    pub devices: Vec<Measured>,
}

impl Measured {
    /// Nothing yet.
    pub fn new(device: &Device, ceilings: Ceilings) -> Self {
        let (info, policy) = (device.info().clone(), device.policy());
        Measured { device: info, policy, ceilings, results: Vec::new(), not_measured: Vec::new() }
    }
}

impl Benchmark {
    /// Of this version.
    pub fn new(devices: Vec<Measured>) -> Self {
        Benchmark { harmonium: env!("CARGO_PKG_VERSION").into(), devices }
    }

    /// Reads one that was written before.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::File`] with the line for what is none.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
        let advice = "give a file that harmonium bench --json wrote";
        serde_json::from_str(&text).map_err(|e| match Error::json(path, 1, &e) {
            Error::File { path, place, detail } => {
                Error::file(path, place, format!("{detail}; {advice}"))
            }
            other => other,
        })
    }
}
