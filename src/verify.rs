//! Every kernel of a device against the CPU path: what to run first on an unknown GPU.

use serde::Serialize;
use web_time::SystemTime;

use crate::device::{Device, DeviceInfo, in_passes, with_guard};
use crate::error::{Error, Result};
pub use crate::kernels::proof::Outcome;
use crate::kernels::{Entry, catalogue};

/// Runs a standard set of sizes and numbers through every kernel on `device` and on the CPU, and calls
/// `progress` with each kernel's name as its turn comes. Each tolerance is derived from the kernel's
/// arithmetic and from the accuracy that WGSL asks of a GPU; random words, uniform numbers and Bernoulli
/// draws from uploaded probabilities must agree bit for bit. Every loop of the matrix kernels runs,
/// whichever the policy would choose. Each kernel whose loops grow with the sizes has a case long enough
/// to be run in slices, as software adapters need it. Results are filled with a guard's word before their
/// kernels run: an element that none wrote fails its kernel, whose cases after that one are left out.
///
/// ```
/// use harmonium::Device;
/// use harmonium::verify::verify;
/// let outcomes = verify(&Device::cpu(), |_| {})?;
/// assert!(outcomes.iter().all(|o| o.passed()));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// Whatever keeps a kernel from running at all: [`Error::Device`],
/// [`Error::DeviceLost`], [`Error::OutOfMemory`].
pub fn verify(device: &Device, progress: impl FnMut(&str)) -> Result<Vec<Outcome>> {
    verify_kernels(device, catalogue(), progress)
}

/// The same of some kernels.
///
/// ```
/// use harmonium::Device;
/// use harmonium::verify::{kernels, verify_kernels};
/// let outcomes = verify_kernels(&Device::cpu(), &kernels(&["pool2d", "dropout"])?, |_| {})?;
/// assert!(outcomes.iter().all(|o| o.kernel.starts_with("pool2d") || o.kernel == "dropout"));
/// # Ok::<(), harmonium::Error>(())
/// ```
///
/// # Errors
/// As [`verify`].
pub fn verify_kernels(
    device: &Device,
    kernels: &[&'static Entry],
    mut progress: impl FnMut(&str),
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for kernel in kernels {
        progress(kernel.name);
        outcomes.extend(cases(kernel, device)?);
    }
    Ok(outcomes)
}

/// As [`verify`], for asynchronous callers, as in a browser: each kernel's cases are done twice or more often, first to
/// start their reads and then with what came. `progress` hears of a kernel before its turn, and is waited for: a page
/// draws there.
///
/// # Errors
/// As [`verify`].
pub async fn verify_async(
    device: &Device,
    progress: impl AsyncFnMut(&str),
) -> Result<Vec<Outcome>> {
    verify_kernels_async(device, catalogue(), progress).await
}

/// The same of some kernels.
///
/// # Errors
/// As [`verify`].
pub async fn verify_kernels_async(
    device: &Device,
    kernels: &[&'static Entry],
    mut progress: impl AsyncFnMut(&str),
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    for kernel in kernels {
        progress(kernel.name).await;
        outcomes.extend(in_passes(device, || cases(kernel, device)).await?);
    }
    Ok(outcomes)
}

/// The kernels in whose names one of these words is: `conv` stands for the convolution and for its gradients. All of them
/// where there is no word.
///
/// # Errors
/// [`Error::Setting`] for a word that is in none of the names, with all of these.
pub fn kernels(words: &[impl AsRef<str>]) -> Result<Vec<&'static Entry>> {
    let named = |kernel: &Entry, word: &str| kernel.name.contains(word);
    let known = |word: &&str| catalogue().iter().any(|kernel| named(kernel, word));
    if let Some(word) = words.iter().map(AsRef::as_ref).find(|word| !known(word)) {
        let names: Vec<&str> = catalogue().iter().map(|kernel| kernel.name).collect();
        let detail = format!("none is called '{word}'; there are {}", names.join(", "));
        return Err(Error::setting("kernel", detail));
    }
    let chosen =
        |kernel: &Entry| words.is_empty() || words.iter().any(|word| named(kernel, word.as_ref()));
    Ok(catalogue().iter().copied().filter(|kernel| chosen(kernel)).collect())
}

/// The cases of one kernel.
fn cases(kernel: &Entry, device: &Device) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::new();
    match with_guard(|| (kernel.verify)(device, &mut outcomes)) {
        Err(error @ Error::Unfinished { .. }) => {
            outcomes.push(Outcome::unfinished(kernel.name, error.to_string()));
        }
        done => done?,
    }
    Ok(outcomes)
}

/// What `verify` found on a machine's devices, in a form that can be sent: `harmonium verify --report` and the page
/// `verify.html` write it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The version of the crate.
    harmonium: &'static str,
    /// Operating system and processor, as the compiler calls them.
    system: String,
    /// Seconds since 1970 (UTC).
    unix_time: u64,
    /// Which kernels alone were asked for, where these are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    only: Option<Vec<&'static str>>,
    devices: Vec<DeviceReport>,
}

/// What `verify` found on one device.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceReport {
    #[serde(flatten)]
    info: Option<DeviceInfo>,
    /// `passed`, `failed` where a case disagrees with the CPU path, or `error` where the cases could not be done.
    verdict: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    kernels: Vec<KernelReport>,
}

/// One kernel's cases.
#[derive(Debug, Clone, Serialize)]
struct KernelReport {
    kernel: &'static str,
    cases: usize,
    failed: usize,
    /// Those of them whose numbers WGSL leaves to the device: not finite, or subnormal.
    allowed: usize,
    /// The worst case's error over its tolerance, up to 1 passes; null where bits differ or something is missing.
    worst: f64,
    worst_case: String,
    /// How the worst case failed, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Report {
    /// Of this version, system and moment, without devices yet.
    #[allow(clippy::new_without_default, reason = "a report of no moment is none")]
    pub fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        Report {
            harmonium: env!("CARGO_PKG_VERSION"),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            unix_time: now.map_or(0, |since| since.as_secs()),
            only: None,
            devices: Vec::new(),
        }
    }

    /// The same of these kernels alone, where they are not all.
    #[must_use]
    pub fn of_kernels(self, kernels: &[&'static Entry]) -> Self {
        let some = kernels.len() < catalogue().len();
        let only = some.then(|| kernels.iter().map(|kernel| kernel.name).collect());
        Report { only, ..self }
    }

    /// Adds what was found on a device.
    pub fn add(&mut self, device: DeviceReport) {
        self.devices.push(device);
    }

    /// The report as JSON.
    ///
    /// # Errors
    /// [`Error::Data`] for what has no JSON form.
    pub fn to_json(&self) -> Result<String> {
        serde_json::to_string_pretty(self).map_err(|e| Error::data("report", e.to_string()))
    }
}

impl DeviceReport {
    /// Of a device's cases, in the order of their kernels.
    pub fn new(info: &DeviceInfo, outcomes: Vec<Outcome>) -> Self {
        let verdict = if outcomes.iter().all(Outcome::passed) { "passed" } else { "failed" };
        let mut kernels: Vec<KernelReport> = Vec::new();
        for kernel in outcomes.chunk_by(|a, b| a.kernel == b.kernel) {
            let failed = || kernel.iter().filter(|outcome| !outcome.passed());
            // What WGSL allows hides no failure that it does not.
            let order = |outcome: &Outcome| !outcome.passed() && !outcome.left_to_devices();
            let worst = kernel
                .iter()
                .max_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.worst.total_cmp(&b.worst)));
            let Some(Outcome { kernel: name, case, worst, detail }) = worst.cloned() else {
                continue;
            };
            kernels.push(KernelReport {
                kernel: name,
                cases: kernel.len(),
                failed: failed().count(),
                allowed: failed().filter(|outcome| outcome.left_to_devices()).count(),
                detail: detail.filter(|_| worst > 1.0),
                worst,
                worst_case: case,
            });
        }
        DeviceReport { info: Some(info.clone()), verdict, error: None, kernels }
    }

    /// Of a device on which the cases could not be done, or that does not open.
    pub fn failed(info: Option<&DeviceInfo>, error: &Error) -> Self {
        let error = Some(error.to_string());
        DeviceReport { info: info.cloned(), verdict: "error", error, kernels: Vec::new() }
    }
}
