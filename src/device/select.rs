//! Which adapters there are, and which one a user means.

use super::{DeviceInfo, DeviceKind};
use crate::error::{Error, Result};

/// An adapter before it is opened.
pub(crate) struct Candidate {
    pub adapter: wgpu::Adapter,
    pub summary: AdapterSummary,
}

/// What `harmonium devices` tells of an adapter.
#[derive(Debug, Clone, serde::Serialize)]
pub struct AdapterSummary {
    /// Its number, for `--device`.
    pub index: usize,
    /// Name, backend, driver, kind.
    #[serde(flatten)]
    pub info: DeviceInfo,
    /// The largest tensor in bytes (one storage binding).
    pub max_storage_binding_bytes: u64,
    /// The largest buffer in bytes.
    pub max_buffer_bytes: u64,
    /// Storage buffers that one kernel can bind.
    pub max_storage_buffers: u32,
    /// Invocations per workgroup.
    pub max_workgroup_invocations: u32,
    /// Workgroup memory in bytes.
    pub max_workgroup_memory_bytes: u32,
    /// Optional features that harmonium could use: `timestamps`, `subgroups`, `f16`.
    pub features: Vec<&'static str>,
    /// Why harmonium cannot use it, if it cannot.
    pub unusable: Option<String>,
}

/// Storage buffers that the largest kernels bind.
const STORAGE_BUFFERS: u32 = 8;
/// Invocations of the largest workgroup.
const INVOCATIONS: u32 = 256;
/// Bytes of workgroup memory that the largest kernel takes.
const WORKGROUP_MEMORY: u32 = 16 << 10;
/// Workgroups in the widest row of a grid.
pub(super) const GRID_WIDTH: u32 = 65_535;

/// Every adapter of every backend that wgpu finds: hardware first, then by backend (Vulkan, Metal and
/// DX12 before GL); the order is the numbering.
#[cfg(not(target_arch = "wasm32"))]
pub fn adapters() -> Vec<AdapterSummary> {
    pollster::block_on(adapters_async())
}

/// As [`adapters`], for asynchronous callers.
pub async fn adapters_async() -> Vec<AdapterSummary> {
    enumerate(wgpu::Backends::all()).await.into_iter().map(|c| c.summary).collect()
}

/// The adapters that can run the kernels.
pub(crate) async fn candidates() -> Vec<Candidate> {
    usable(wgpu::Backends::all()).await
}

/// The hardware GPUs, those that cannot run the kernels among them. GL is asked only where no other backend
/// knows one that can: loading its driver costs time.
pub(crate) async fn hardware() -> Vec<Candidate> {
    let of = async |backends| {
        let mut found = enumerate(backends).await;
        found.retain(|c| c.summary.info.kind == DeviceKind::Hardware);
        found
    };
    let mut found = of(wgpu::Backends::all() - wgpu::Backends::GL).await;
    if found.iter().all(|c| c.summary.unusable.is_some()) {
        found.extend(of(wgpu::Backends::GL).await);
    }
    found
}

/// The first candidate that opens, and why those before it were passed over.
pub(crate) async fn first_that_opens<T>(
    candidates: Vec<Candidate>,
    mut open: impl AsyncFnMut(Candidate) -> Result<T>,
) -> (Option<T>, Vec<String>) {
    let mut passed = Vec::new();
    for candidate in candidates {
        let AdapterSummary { info, unusable, .. } = candidate.summary.clone();
        if let Some(why) = unusable {
            passed.push(format!("{info} cannot be used: {why}"));
            continue;
        }
        match open(candidate).await {
            Ok(opened) => return (Some(opened), passed),
            Err(Error::Device { detail, .. } | Error::DeviceLost { detail, .. }) => {
                passed.push(format!("{info} does not open: {detail}"));
            }
            Err(error) => passed.push(format!("{info} does not open: {error}")),
        }
    }
    (None, passed)
}

async fn usable(backends: wgpu::Backends) -> Vec<Candidate> {
    let all = enumerate(backends).await;
    all.into_iter().filter(|c| c.summary.unusable.is_none()).collect()
}

/// What [`super::Device::auto`] would take if it opens, and why.
pub fn auto_choice(adapters: &[AdapterSummary]) -> (Option<usize>, String) {
    let usable = |a: &&AdapterSummary| a.unusable.is_none();
    if let Some(a) = adapters.iter().filter(usable).find(|a| a.info.kind == DeviceKind::Hardware) {
        return (Some(a.index), format!("{}: the first hardware GPU", a.info));
    }
    let unusable = adapters.iter().find(|a| a.info.kind == DeviceKind::Hardware);
    if let Some((a, why)) = unusable.and_then(|a| Some((a, a.unusable.as_ref()?))) {
        return (None, format!("CPU: {} cannot be used: {why}", a.info));
    }
    let why = if adapters.is_empty() {
        "no adapter was found"
    } else if adapters.iter().filter(usable).any(|a| a.info.kind == DeviceKind::Software) {
        "there is no hardware GPU, and the CPU path is faster than a software adapter"
    } else {
        "no adapter can run the kernels"
    };
    (None, format!("CPU: {why}"))
}

/// The adapter that `selector` means. A backend's name loads the drivers of that backend alone.
pub(crate) async fn find(selector: &str) -> Result<Candidate> {
    let wanted = selector.trim().to_ascii_lowercase();
    let backend = match wanted.as_str() {
        "vulkan" => Some(wgpu::Backends::VULKAN),
        "metal" => Some(wgpu::Backends::METAL),
        "dx12" => Some(wgpu::Backends::DX12),
        "gl" => Some(wgpu::Backends::GL),
        _ => None,
    };
    if let Some(backend) = backend
        && let Some(first) = usable(backend).await.into_iter().next()
    {
        return Ok(first);
    }
    let mut all = enumerate(wgpu::Backends::all()).await;
    let meant: Vec<usize> = match wanted.parse::<usize>() {
        _ if wanted.is_empty() => Vec::new(),
        Ok(index) => (0..all.len()).filter(|&i| i == index).collect(),
        Err(_) => (0..all.len())
            .filter(|&i| {
                let info = &all[i].summary.info;
                info.backend == wanted
                    || backend.is_none() && info.name.to_ascii_lowercase().contains(&wanted)
            })
            .collect(),
    };
    // The same adapter may be usable through one backend and not through another.
    let usable = meant.iter().find(|&&i| all[i].summary.unusable.is_none());
    if let Some(&i) = usable {
        return Ok(all.swap_remove(i));
    }
    let found = match meant.first().map(|&i| &all[i].summary) {
        Some(AdapterSummary { info, unusable: Some(why), .. }) => format!("{info}: {why}"),
        _ => list(&all),
    };
    Err(Error::NoAdapter { asked: selector.into(), found })
}

fn list(all: &[Candidate]) -> String {
    if all.is_empty() {
        return "none was found; install a Vulkan, Metal, DX12 or GL driver (Debian: \
                mesa-vulkan-drivers for a software one), or use --device cpu"
            .into();
    }
    let names: Vec<String> =
        all.iter().map(|c| format!("{}: {}", c.summary.index, c.summary.info)).collect();
    format!(
        "found {}; name one by its number, backend or a part of its name, or use cpu or auto",
        names.join("; ")
    )
}

async fn enumerate(backends: wgpu::Backends) -> Vec<Candidate> {
    let mut descriptor = wgpu::InstanceDescriptor::new_without_display_handle();
    descriptor.backends = backends;
    descriptor.flags = wgpu::InstanceFlags::empty().with_env();
    let instance = wgpu::Instance::new(descriptor);
    let mut found: Vec<Candidate> = instance
        .enumerate_adapters(backends)
        .await
        .into_iter()
        .map(|adapter| {
            let summary = summarize(&adapter);
            Candidate { adapter, summary }
        })
        .collect();
    found.sort_by_key(preference);
    for (index, c) in found.iter_mut().enumerate() {
        c.summary.index = index;
    }
    found
}

fn preference(c: &Candidate) -> (u8, u8) {
    let kind = match c.adapter.get_info().device_type {
        wgpu::DeviceType::DiscreteGpu => 0,
        wgpu::DeviceType::IntegratedGpu => 1,
        wgpu::DeviceType::VirtualGpu => 2,
        wgpu::DeviceType::Other => 3,
        wgpu::DeviceType::Cpu => 4,
    };
    (kind, u8::from(c.summary.info.backend == "gl"))
}

/// What an adapter is. wgpu's backend that does nothing calls itself a processor, and runs no shader on one: it stands for
/// a card, so that what the host does for cards can be measured and tested.
pub(super) fn device_type(info: &wgpu::AdapterInfo) -> wgpu::DeviceType {
    match info.backend {
        wgpu::Backend::Noop => wgpu::DeviceType::DiscreteGpu,
        _ => info.device_type,
    }
}

/// What an adapter is called.
pub(super) fn info(adapter: &wgpu::Adapter) -> DeviceInfo {
    let info = adapter.get_info();
    let kind = match device_type(&info) {
        wgpu::DeviceType::Cpu => DeviceKind::Software,
        _ => DeviceKind::Hardware,
    };
    let backend = match info.backend {
        wgpu::Backend::Vulkan => "vulkan",
        wgpu::Backend::Metal => "metal",
        wgpu::Backend::Dx12 => "dx12",
        wgpu::Backend::Gl => "gl",
        wgpu::Backend::BrowserWebGpu => "webgpu",
        wgpu::Backend::Noop => "noop",
    };
    let driver = format!("{} {}", info.driver, info.driver_info).trim().to_string();
    DeviceInfo { name: info.name, backend: backend.into(), driver, kind }
}

fn summarize(adapter: &wgpu::Adapter) -> AdapterSummary {
    let limits = adapter.limits();
    let features = adapter.features();
    let named = [
        (wgpu::Features::TIMESTAMP_QUERY, "timestamps"),
        (wgpu::Features::SUBGROUP, "subgroups"),
        (wgpu::Features::SHADER_F16, "f16"),
    ];
    AdapterSummary {
        index: 0,
        info: info(adapter),
        max_storage_binding_bytes: limits.max_storage_buffer_binding_size,
        max_buffer_bytes: limits.max_buffer_size,
        max_storage_buffers: limits.max_storage_buffers_per_shader_stage,
        max_workgroup_invocations: limits.max_compute_invocations_per_workgroup,
        max_workgroup_memory_bytes: limits.max_compute_workgroup_storage_size,
        features: named.iter().filter(|(f, _)| features.contains(*f)).map(|(_, n)| *n).collect(),
        unusable: unusable(adapter, &limits),
    }
}

fn unusable(adapter: &wgpu::Adapter, limits: &wgpu::Limits) -> Option<String> {
    if !computes(adapter) {
        return Some("it has no compute shaders".into());
    }
    lacking(limits)
        .map(|(what, has, needs)| format!("it allows {has} {what}, the kernels need {needs}"))
}

/// Checks that a device can run the kernels.
pub(super) fn require(
    op: &'static str,
    info: &DeviceInfo,
    adapter: &wgpu::Adapter,
    limits: &wgpu::Limits,
) -> Result<()> {
    if !computes(adapter) {
        let found = "it has no compute shaders".into();
        return Err(Error::NoAdapter { asked: info.to_string(), found });
    }
    match lacking(limits) {
        None => Ok(()),
        Some((what, has, needs)) => Err(Error::Limit {
            op,
            what: format!("running the kernels ({what})"),
            asked: needs.into(),
            limit: has.into(),
            bytes: false,
            adapter: format!("the device of {info}"),
        }),
    }
}

fn computes(adapter: &wgpu::Adapter) -> bool {
    adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS)
}

/// The first limit below what the kernels need: what it limits, what it allows, what they need.
fn lacking(limits: &wgpu::Limits) -> Option<(&'static str, u32, u32)> {
    [
        (
            "storage buffers per kernel",
            limits.max_storage_buffers_per_shader_stage,
            STORAGE_BUFFERS,
        ),
        ("invocations per workgroup", limits.max_compute_invocations_per_workgroup, INVOCATIONS),
        ("invocations along a workgroup", limits.max_compute_workgroup_size_x, INVOCATIONS),
        ("bytes of workgroup memory", limits.max_compute_workgroup_storage_size, WORKGROUP_MEMORY),
        ("workgroups along a grid", limits.max_compute_workgroups_per_dimension, GRID_WIDTH),
        ("dynamic parameter blocks", limits.max_dynamic_uniform_buffers_per_pipeline_layout, 1),
    ]
    .into_iter()
    .find(|(_, has, needs)| has < needs)
}
