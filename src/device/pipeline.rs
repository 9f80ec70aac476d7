//! Shaders and the pipelines made of them, each made once.

use std::collections::HashMap;
use std::sync::Arc;

use super::raw;

/// One kernel's WGSL: the shared parts it needs, then its own file.
#[derive(Debug)]
pub struct Shader {
    /// The kernel's name, the stem of its file.
    pub name: &'static str,
    /// The files' texts, in the order in which they are concatenated.
    pub parts: &'static [&'static str],
}

/// The whole WGSL text of a shader.
pub fn shader_source(shader: &Shader) -> String {
    shader.parts.join("\n")
}

impl Shader {
    /// The default of `override NAME: u32 = …;` or the value of `const NAME: u32 = …;`: the shader file
    /// is the only place where a workgroup or tile size is written. 0 where there is none.
    pub fn constant(&self, name: &str) -> u32 {
        self.parts
            .iter()
            .flat_map(|part| part.lines())
            .find_map(|line| {
                let rest =
                    line.strip_prefix("override ").or_else(|| line.strip_prefix("const "))?;
                let value = rest.strip_prefix(name)?.strip_prefix(": u32 =")?;
                value.trim().trim_end_matches(';').trim_end_matches('u').parse().ok()
            })
            .unwrap_or(0)
    }

    /// For storage bindings 1, 2, … whether the shader writes to them.
    pub fn storage_bindings(&self) -> Vec<bool> {
        let mut found: Vec<(u32, bool)> = self
            .parts
            .iter()
            .flat_map(|part| part.lines())
            .filter(|line| !line.trim_start().starts_with("//"))
            .filter_map(|line| {
                let (number, rest) = line.split_once("@binding(")?.1.split_once(')')?;
                let writes = match rest.split_once("var<")?.1.split_once('>')?.0 {
                    "storage, read" => false,
                    "storage, read_write" => true,
                    _ => return None,
                };
                Some((number.parse().ok()?, writes))
            })
            .collect();
        found.sort_unstable();
        found.into_iter().map(|(_, writes)| writes).collect()
    }
}

/// A pipeline and what its bind groups look like.
pub(crate) struct Pipeline {
    pub compute: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    /// Storage bindings 1, 2, …: whether the shader writes to them.
    pub writes: Vec<bool>,
    /// Distinguishes layouts in the bind group cache.
    pub id: usize,
}

pub(crate) type Constants<'a> = &'a [(&'static str, u32)];

/// Override constants, and the pipeline made with them.
type Variant = (Vec<(&'static str, u32)>, Arc<Pipeline>);

#[derive(Default)]
pub(crate) struct PipelineCache {
    modules: HashMap<&'static str, wgpu::ShaderModule>,
    pipelines: HashMap<&'static str, Vec<Variant>>,
    count: usize,
}

impl PipelineCache {
    pub fn find(&self, shader: &Shader, constants: Constants<'_>) -> Option<Arc<Pipeline>> {
        let variants = self.pipelines.get(shader.name)?;
        variants.iter().find(|(c, _)| c == constants).map(|(_, p)| p.clone())
    }

    /// Makes the pipeline. The caller holds error scopes around this, and calls
    /// [`PipelineCache::forget`] where they caught something.
    pub fn make(
        &mut self,
        device: &wgpu::Device,
        shader: &'static Shader,
        constants: Constants<'_>,
    ) -> Arc<Pipeline> {
        let module = self
            .modules
            .entry(shader.name)
            .or_insert_with(|| raw::shader_module(device, shader.name, shader_source(shader)));
        let writes = shader.storage_bindings();
        let layout = bind_group_layout(device, shader.name, &writes);
        let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
            label: Some(shader.name),
            bind_group_layouts: &[Some(&layout)],
            immediate_size: 0,
        });
        let values: Vec<(&str, f64)> =
            constants.iter().map(|&(name, value)| (name, f64::from(value))).collect();
        let compute = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(shader.name),
            layout: Some(&pipeline_layout),
            module,
            entry_point: Some("main"),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants: &values,
                // Every kernel writes its workgroup memory before it reads it.
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        });
        self.count += 1;
        let pipeline = Arc::new(Pipeline { compute, layout, writes, id: self.count });
        self.pipelines.entry(shader.name).or_default().push((constants.to_vec(), pipeline.clone()));
        pipeline
    }

    pub fn count(&self) -> usize {
        self.count
    }

    pub fn forget(&mut self, shader: &Shader) {
        self.modules.remove(shader.name);
        self.pipelines.remove(shader.name);
    }
}

/// Binding 0 is the parameter block, at a dynamic offset; 1, 2, … are storage buffers.
fn bind_group_layout(device: &wgpu::Device, name: &str, writes: &[bool]) -> wgpu::BindGroupLayout {
    let entry = |binding: u32, ty, dynamic| wgpu::BindGroupLayoutEntry {
        binding,
        visibility: wgpu::ShaderStages::COMPUTE,
        ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: dynamic, min_binding_size: None },
        count: None,
    };
    let mut entries = vec![entry(0, wgpu::BufferBindingType::Uniform, true)];
    for (i, &write) in writes.iter().enumerate() {
        let ty = wgpu::BufferBindingType::Storage { read_only: !write };
        entries.push(entry(i as u32 + 1, ty, false));
    }
    device.create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor {
        label: Some(name),
        entries: &entries,
    })
}

#[cfg(test)]
mod tests {
    use super::Shader;

    #[test]
    fn constants_and_bindings_are_read_from_the_text() {
        let shader = Shader {
            name: "test",
            parts: &[
                "override WORKGROUP: u32 = 64u;\n// @binding(9) var<storage, read> no: u32;",
                "@group(0) @binding(2) var<storage, read_write> out: array<f32>;\n\
                 @group(0) @binding(0) var<uniform> params: Params;\n\
                 const TILE: u32 = 8;\n\
                 @group(0) @binding(1) var<storage, read> a: array<f32>;",
            ],
        };
        assert_eq!(shader.constant("WORKGROUP"), 64);
        assert_eq!(shader.constant("TILE"), 8);
        assert_eq!(shader.constant("NONE"), 0);
        assert_eq!(shader.storage_bindings(), [false, true]);
    }
}
