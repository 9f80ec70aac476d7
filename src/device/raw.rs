//! The crate's only `unsafe` code: a foreign call whose conditions are checked here.
#![allow(unsafe_code)]

/// A shader module without loop bounding: every loop of this crate's shaders is bounded by a parameter.
/// Bounds checks stay on.
pub(crate) fn shader_module(
    device: &wgpu::Device,
    label: &str,
    source: String,
) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Wgsl(source.into()),
    };
    let mut checks = wgpu::ShaderRuntimeChecks::checked();
    checks.force_loop_bounding = false;
    // SAFETY: the only check taken away is the one against endless loops; all loops count up to a
    // bound that no iteration changes.
    unsafe { device.create_shader_module_trusted(descriptor, checks) }
}
