//! `harmonium verify`.

use std::process::ExitCode;

use super::args::VerifyOptions;
use super::print::{count, out, tell};
use super::targets::{check_out, tell_replaced};
use crate::device::{Device, DeviceKind};
use crate::error::{Error, Result};
use crate::kernels::Entry;
use crate::run::atomic;
use crate::verify::{DeviceReport, Outcome, Report, kernels, verify_kernels};

pub fn run(options: &VerifyOptions) -> Result<ExitCode> {
    let kernels = kernels(&options.kernels)?;
    let devices = match options.device.as_str() {
        "all" => Device::all_gpus(),
        selector => vec![Ok(Device::select(selector)?)],
    };
    if devices.is_empty() {
        return Err(Error::NoAdapter {
            asked: options.device.clone(),
            found:
                "no GPU driver was found, so there is nothing to verify; Debian: apt-get install \
                    mesa-vulkan-drivers gives a software one"
                    .into(),
        });
    }
    let (mut cases, mut failures, mut devices_failed) = (0, 0, 0);
    if let Some(path) = &options.report {
        check_out(path, "json", &[])?;
    }
    let mut report = Report::new().of_kernels(&kernels);
    for device in devices {
        let info = device.as_ref().ok().map(|device| device.info().clone());
        let found = device.and_then(|device| verify_one(&device, &kernels, options.cases));
        match (found, info) {
            (Ok(outcomes), Some(info)) => {
                cases += outcomes.len();
                failures += outcomes.iter().filter(|o| !o.passed()).count();
                if info.kind != DeviceKind::Cpu {
                    report.add(DeviceReport::new(&info, outcomes));
                }
            }
            (Err(error), info) => {
                devices_failed += 1;
                out!("FAILED: {error}\n");
                report.add(DeviceReport::failed(info.as_ref(), &error));
            }
            // What did not open has no cases.
            (Ok(_), None) => {}
        }
    }
    if let Some(path) = &options.report {
        let json = report.to_json()?;
        tell_replaced(path);
        atomic::write(path, |file| file.write_all(format!("{json}\n").as_bytes()))?;
        tell(format!("report: {}", path.display()));
    }
    if cases + devices_failed == 0 {
        out!("nothing was compared: no GPU among the devices asked for");
        return Ok(ExitCode::SUCCESS);
    }
    if failures + devices_failed == 0 {
        match (options.kernels.is_empty(), kernels.len()) {
            (true, _) => out!("all kernels agree with the CPU path"),
            (false, 1) => out!("the kernel agrees with the CPU path"),
            (false, n) => out!("these {n} kernels agree with the CPU path"),
        }
        return Ok(ExitCode::SUCCESS);
    }
    tell(format!(
        "error: {} with the CPU path, and {} failed; results of these kernels on these devices cannot be trusted",
        if failures == 1 {
            "1 case disagrees".into()
        } else {
            format!("{failures} cases disagree")
        },
        count(devices_failed, "device")
    ));
    Ok(ExitCode::FAILURE)
}

/// Verifies one device and prints its table.
fn verify_one(device: &Device, kernels: &[&'static Entry], cases: bool) -> Result<Vec<Outcome>> {
    let info = device.info();
    out!("{} [{}] {}", info.name, info.backend, info.driver);
    if info.kind == DeviceKind::Cpu {
        out!("  the CPU path is the reference; name a GPU to compare with it\n");
        return Ok(Vec::new());
    }
    let outcomes = verify_kernels(device, kernels, |_| ())?;
    out!("  {:<14} {:>6} {:>24}  worst case", "kernel", "cases", "worst error / tolerance");
    let mut kernels: Vec<&str> = outcomes.iter().map(|o| o.kernel).collect();
    kernels.dedup();
    for kernel in kernels {
        let mut own: Vec<&Outcome> = outcomes.iter().filter(|o| o.kernel == kernel).collect();
        own.sort_by(|a, b| b.worst.total_cmp(&a.worst));
        let shown = if cases { own.len() } else { 1 };
        for (i, o) in own.iter().take(shown).enumerate() {
            let name = if i == 0 { kernel } else { "" };
            let count = if i == 0 { own.len().to_string() } else { String::new() };
            let verdict = if o.passed() { "ok  " } else { "FAIL" };
            out!("  {name:<14} {count:>6} {:>19.3} {verdict}  {}", o.worst, o.case);
            if let Some(detail) = o.detail.as_ref().filter(|_| !o.passed()) {
                out!("  {:>21} {detail}", "");
            }
        }
    }
    out!("");
    Ok(outcomes)
}
