//! The crate's only `unsafe` code: foreign calls whose conditions are checked here.
#![allow(unsafe_code)]

/// A shader module without loop bounding: every loop of this crate's shaders is bounded by a parameter. Where it is not
/// `checked`, without bounds checks either.
pub(crate) fn shader_module(
    device: &wgpu::Device,
    label: &str,
    source: String,
    checked: bool,
) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    };
    let mut checks = wgpu::ShaderRuntimeChecks::checked();
    checks.force_loop_bounding = false;
    checks.bounds_checks = checked;
    // SAFETY: all loops count up to a bound that no iteration changes. Unchecked are only shaders that say
    // `Shader::in_range`: a test runs each with every index compared with the length of its array, and hosts bind
    // whole tensors, whose shapes they have checked.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}

/// The driver's cache of pipelines, begun from what an earlier one gave.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn pipeline_cache(device: &wgpu::Device, data: Option<&[u8]>) -> wgpu::PipelineCache {
    let descriptor =
        wgpu::PipelineCacheDescriptor { label: Some("harmonium"), data, fallback: true };
    // SAFETY: the data are what `PipelineCache::get_data` gave: `pipeline_file` has checked their sum, and the folder that
    // they are in is the user's own. wgpu ignores another adapter's and another driver's.
    unsafe { device.create_pipeline_cache(&descriptor) }
}
