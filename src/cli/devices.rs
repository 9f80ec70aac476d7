//! `harmonium devices`.

use super::args::DevicesOptions;
use super::print::out;
use crate::device::{AdapterSummary, Device, DeviceKind, adapters, auto_choice};
use crate::error::{Error, Result};

#[derive(serde::Serialize)]
struct Report {
    auto: String,
    auto_index: Option<usize>,
    /// GPUs that `auto` passes over, and why.
    notices: Vec<String>,
    cpu: crate::device::DeviceInfo,
    adapters: Vec<AdapterSummary>,
}

pub fn run(options: &DevicesOptions) -> Result<()> {
    let adapters = adapters();
    // What opens is known when it was opened.
    let chosen = Device::auto();
    let notices = chosen.notices().to_vec();
    let (auto_index, auto) = match chosen.info() {
        info if info.kind == DeviceKind::Cpu && notices.is_empty() => auto_choice(&adapters),
        info if info.kind == DeviceKind::Cpu => (None, "CPU: no hardware GPU can be used".into()),
        info => {
            let index = adapters.iter().find(|a| a.info == *info).map(|a| a.index);
            (index, format!("{info}: the first hardware GPU that opens"))
        }
    };
    let cpu = Device::cpu().info().clone();
    if options.json {
        let report = Report { auto, auto_index, notices, cpu, adapters };
        let text = serde_json::to_string_pretty(&report)
            .map_err(|e| Error::data("report", e.to_string()))?;
        out!("{text}");
        return Ok(());
    }
    out!("cpu  {}", cpu.name);
    for a in &adapters {
        print_adapter(a)?;
    }
    out!("\n--device auto takes {auto}");
    for notice in &notices {
        out!("     {notice}");
    }
    if adapters.is_empty() {
        out!(
            "No GPU driver was found. Debian: apt-get install mesa-vulkan-drivers gives a software one."
        );
    }
    Ok(())
}

fn print_adapter(a: &AdapterSummary) -> Result<()> {
    let kind = match a.info.kind {
        DeviceKind::Software => "software adapter",
        _ => "GPU",
    };
    out!("{:<4} {} [{}] {kind}", a.index, a.info.name, a.info.backend);
    if !a.info.driver.is_empty() {
        out!("     driver    {}", a.info.driver);
    }
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    out!(
        "     limits    tensor {:.0} MiB, buffer {:.0} MiB, workgroup {} invocations, {} KiB memory, {} storage buffers",
        mib(a.max_storage_binding_bytes),
        mib(a.max_buffer_bytes),
        a.max_workgroup_invocations,
        a.max_workgroup_memory_bytes / 1024,
        a.max_storage_buffers
    );
    let features = if a.features.is_empty() { "none".into() } else { a.features.join(", ") };
    out!("     features  {features}");
    if let Some(why) = &a.unusable {
        out!("     unusable  {why}");
    }
    Ok(())
}
