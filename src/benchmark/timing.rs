//! Timing of cases: a sample is as many calls as take a while, and one wait at its end, since a GPU is not waited for after
//! each kernel in use either.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use super::Part;
use crate::device::Device;
use crate::error::Result;
use crate::kernels::proof::Bench;

/// How long things are timed.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BenchConfig {
    /// Seconds of each case, unless [`BenchConfig::samples`] take longer: 0.5.
    pub seconds: f64,
    /// Samples at least, 1 or more: 9.
    pub samples: usize,
    /// Seconds of one call; cases that need longer are left out, since all their samples would take minutes: 2.
    pub longest: f64,
}

impl Default for BenchConfig {
    fn default() -> Self {
        BenchConfig { seconds: 0.5, samples: 9, longest: 2.0 }
    }
}

impl BenchConfig {
    /// Sets the seconds of each case.
    pub fn seconds(self, seconds: f64) -> Self {
        BenchConfig { seconds, ..self }
    }

    /// Sets the fewest samples of each case.
    pub fn samples(self, samples: usize) -> Self {
        BenchConfig { samples, ..self }
    }

    /// Sets the longest call.
    pub fn longest(self, longest: f64) -> Self {
        BenchConfig { longest, ..self }
    }
}

/// One case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timed {
    /// The kernel or step.
    pub part: String,
    /// Which case of it.
    pub case: String,
    /// Seconds of one call, the median over the samples.
    pub seconds: f64,
    /// The quartiles of the samples, in seconds of one call: half of them lie between.
    pub quartiles: [f64; 2],
    /// Samples.
    pub samples: usize,
    /// Calls of each sample.
    pub calls: u64,
    /// Floating-point operations of one call.
    pub flops: u64,
    /// Bytes that one call reads and writes at least once in each of its kernels.
    pub bytes: u64,
    /// What else is counted, and how much of it is in one call.
    pub counts: Vec<(String, f64)>,
}

impl Timed {
    /// Floating-point operations a second.
    pub fn flop_rate(&self) -> f64 {
        self.flops as f64 / self.seconds
    }

    /// Bytes a second.
    pub fn byte_rate(&self) -> f64 {
        self.bytes as f64 / self.seconds
    }
}

/// A case that was left out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeftOut {
    /// The kernel or step.
    pub part: String,
    /// Which case of it.
    pub case: String,
    /// About what one call would take, in seconds: more than [`BenchConfig::longest`].
    pub seconds: f64,
}

/// What became of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It was timed.
    Timed(Timed),
    /// One call takes too long.
    LeftOut(LeftOut),
}

/// No sample is shorter: the clock and the wait at its end should not matter.
const SHORTEST: Duration = Duration::from_millis(10);
/// More samples than this tell nothing more.
const MOST_SAMPLES: usize = 201;

/// How long some calls take, and the wait at their end.
fn clocked(device: &Device, calls: u64, call: &mut dyn FnMut() -> Result<()>) -> Result<Duration> {
    let start = Instant::now();
    (0..calls).try_for_each(|_| call())?;
    device.synchronize()?;
    Ok(start.elapsed())
}

/// Seconds of one call of each sample, and the calls of a sample.
pub(super) fn sampled(
    device: &Device,
    config: &BenchConfig,
    call: &mut dyn FnMut() -> Result<()>,
) -> Result<(Vec<f64>, u64)> {
    // The first compiles, allocates and fills caches.
    clocked(device, 1, call)?;
    sampled_warm(device, config, call)
}

/// The same of what was called before.
fn sampled_warm(
    device: &Device,
    config: &BenchConfig,
    call: &mut dyn FnMut() -> Result<()>,
) -> Result<(Vec<f64>, u64)> {
    let mut once = |calls: u64| clocked(device, calls, call);
    let mut calls = 1;
    loop {
        let took = once(calls)?;
        if took >= SHORTEST || calls >= 1 << 20 {
            break;
        }
        let longer = SHORTEST.as_secs_f64() * 1.2 / took.as_secs_f64().max(1e-7);
        calls = ((calls as f64 * longer).ceil() as u64).clamp(calls + 1, 16 * calls);
    }
    let mut samples = Vec::new();
    let start = Instant::now();
    let least = config.samples.max(1);
    while samples.len() < least
        || (start.elapsed().as_secs_f64() < config.seconds && samples.len() < MOST_SAMPLES)
    {
        samples.push(once(calls)?.as_secs_f64() / calls as f64);
    }
    Ok((samples, calls))
}

/// What one call takes where that is longer than `longest`. The first compiles, so that a second decides.
fn too_long(
    device: &Device,
    longest: f64,
    call: &mut dyn FnMut() -> Result<()>,
) -> Result<Option<f64>> {
    let mut once = || Result::Ok(clocked(device, 1, call)?.as_secs_f64());
    if once()? <= longest {
        return Ok(None);
    }
    Ok(Some(once()?).filter(|took| *took > longest))
}

/// A case is not even tried that would take this many times as long as the longest call. Work and time are no straight line,
/// so that one expected to take less is.
const HOPELESS: f64 = 5.0;

/// Times the cases of a part of which `wanted` says yes, and calls `told` with each as it is done. Left out is a case of
/// which one call takes longer than [`BenchConfig::longest`], or would take five times that at the best rate of the part's
/// cases before.
///
/// # Errors
/// What a case gives; device errors.
pub fn time(
    device: &Device,
    part: &Part,
    config: &BenchConfig,
    wanted: &dyn Fn(&str) -> bool,
    told: &mut dyn FnMut(Outcome) -> Result<()>,
) -> Result<()> {
    // Of a part's work a second, the best so far.
    let mut fastest = 0.0f64;
    let mut measure = |case: &str, work: usize, call: &mut dyn FnMut() -> Result<()>| {
        if !wanted(case) {
            return Ok(());
        }
        let expected = Some(work as f64 / fastest)
            .filter(|seconds| seconds.is_finite() && *seconds > HOPELESS * config.longest);
        let seconds = match expected {
            Some(_) => expected,
            None => too_long(device, config.longest, call)?,
        };
        if let Some(seconds) = seconds {
            let (part, case) = (part.name.into(), case.into());
            return told(Outcome::LeftOut(LeftOut { part, case, seconds }));
        }
        let (mut samples, calls) = sampled_warm(device, config, call)?;
        samples.sort_by(f64::total_cmp);
        let at = |share: f64| samples[((samples.len() - 1) as f64 * share).round() as usize];
        // What a call costs is counted apart: a GPU that is profiled waits after every kernel.
        device.start_profile()?;
        call()?;
        let rows = device.profile()?;
        device.stop_profile()?;
        let counts = part.rates.iter().map(|(name, each)| (name.to_string(), each * work as f64));
        fastest = fastest.max(work as f64 / at(0.5));
        told(Outcome::Timed(Timed {
            part: part.name.into(),
            case: case.into(),
            seconds: at(0.5),
            quartiles: [at(0.25), at(0.75)],
            samples: samples.len(),
            calls,
            flops: rows.iter().map(|row| row.flops).sum(),
            bytes: rows.iter().map(|row| row.bytes).sum(),
            counts: counts.collect(),
        }))
    };
    (part.cases)(&mut Bench::new(device, &mut measure))
}
