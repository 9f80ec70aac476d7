//! Shaders and the pipelines made of them, each made once.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::raw;

/// One kernel's WGSL: the shared parts it needs, then its own file. Its sizes and bindings are read from the
/// text, once: the shader file is the only place where they are written.
#[derive(Debug)]
pub struct Shader {
    /// The kernel's name, the stem of its file.
    pub name: &'static str,
    /// The files' texts, in the order in which they are concatenated.
    pub parts: &'static [&'static str],
    /// The workgroup and tile sizes that the host asks for.
    pub sizes: &'static [&'static str],
    /// Whether each index is in its array, whatever the sizes: [`Shader::in_range`].
    pub is_in_range: bool,
    declared: OnceLock<Declared>,
}

/// What a shader's text says of itself.
#[derive(Debug)]
struct Declared {
    /// `override NAME: u32 = …;` and `const NAME: u32 = …;`.
    constants: HashMap<&'static str, u32>,
    /// For storage bindings 1, 2, … whether the shader writes to them.
    writes: Vec<bool>,
}

/// The whole WGSL text of a shader.
pub fn shader_source(shader: &Shader) -> String {
    shader.parts.join("\n")
}

impl Shader {
    /// A shader of these parts, of which the host asks for these sizes.
    pub const fn new(
        name: &'static str,
        parts: &'static [&'static str],
        sizes: &'static [&'static str],
    ) -> Self {
        Shader { name, parts, sizes, is_in_range: false, declared: OnceLock::new() }
    }

    /// Of one whose indices are all in range, as `tests/kernels/in_range.rs` shows of each: it is compiled without the
    /// checks that naga puts around every index.
    pub const fn in_range(mut self) -> Self {
        self.is_in_range = true;
        self
    }

    fn declared(&self) -> &Declared {
        self.declared.get_or_init(|| {
            let lines = || self.parts.iter().flat_map(|part| part.lines());
            let mut bindings: Vec<(u32, bool)> = lines().filter_map(binding).collect();
            bindings.sort_unstable();
            Declared {
                constants: lines().filter_map(constant).collect(),
                writes: bindings.into_iter().map(|(_, writes)| writes).collect(),
            }
        })
    }

    /// A size that the text declares and that is one of [`Shader::sizes`], so that a test sees without a
    /// GPU whether they are all there.
    pub fn size(&self, name: &str) -> Option<u32> {
        let listed = self.sizes.contains(&name);
        self.declared().constants.get(name).copied().filter(|&size| listed && size > 0)
    }

    /// For storage bindings 1, 2, … whether the shader writes to them.
    pub fn storage_bindings(&self) -> &[bool] {
        &self.declared().writes
    }
}

/// The name and value of a line that declares a number.
fn constant(line: &'static str) -> Option<(&'static str, u32)> {
    let rest = line.strip_prefix("override ").or_else(|| line.strip_prefix("const "))?;
    let (name, value) = rest.split_once(": u32 =")?;
    Some((name, value.trim().trim_end_matches(';').trim_end_matches('u').parse().ok()?))
}

/// The number of a line that declares a storage buffer, and whether it is written.
fn binding(line: &str) -> Option<(u32, bool)> {
    let line = line.trim_start();
    if line.starts_with("//") {
        return None;
    }
    let (number, rest) = line.split_once("@binding(")?.1.split_once(')')?;
    let writes = match rest.split_once("var<")?.1.split_once('>')?.0 {
        "storage, read" => false,
        "storage, read_write" => true,
        _ => return None,
    };
    Some((number.parse().ok()?, writes))
}

/// A pipeline and what its bind groups look like.
pub(crate) struct Pipeline {
    pub compute: wgpu::ComputePipeline,
    pub layout: wgpu::BindGroupLayout,
    /// Storage bindings 1, 2, …: whether the shader writes to them.
    pub writes: Vec<bool>,
}

pub(crate) type Constants<'a> = &'a [(&'static str, u32)];

/// Override constants, and the pipeline made with them.
type Variant = (Vec<(&'static str, u32)>, Arc<Pipeline>);

/// Changes a shader's text on its way to the driver.
pub(crate) type Patch = fn(&str, String) -> String;

#[derive(Default)]
pub(crate) struct PipelineCache {
    patch: Option<Patch>,
    /// Whether the indices of all shaders are checked.
    checked: bool,
    modules: HashMap<&'static str, wgpu::ShaderModule>,
    pipelines: HashMap<&'static str, Vec<Variant>>,
    count: usize,
    /// The driver's own.
    pub kept: Option<wgpu::PipelineCache>,
}

impl PipelineCache {
    /// None yet.
    pub fn new(checked: bool) -> Self {
        PipelineCache { checked, ..Self::default() }
    }

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
        let patch = self.patch.unwrap_or(|_, source| source);
        let module = self.modules.entry(shader.name).or_insert_with(|| {
            let source = patch(shader.name, shader_source(shader));
            let checked = self.checked || !shader.is_in_range;
            raw::shader_module(device, shader.name, source, checked)
        });
        let writes = shader.storage_bindings().to_vec();
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
            cache: self.kept.as_ref(),
        });
        self.count += 1;
        let pipeline = Arc::new(Pipeline { compute, layout, writes });
        self.pipelines.entry(shader.name).or_default().push((constants.to_vec(), pipeline.clone()));
        pipeline
    }

    pub fn count(&self) -> usize {
        self.count
    }

    /// How many there are of one shader.
    pub fn variants(&self, shader: &Shader) -> usize {
        self.pipelines.get(shader.name).map_or(0, Vec::len)
    }

    /// The shader and the override constants of every pipeline.
    pub fn names(&self) -> Vec<String> {
        let name = |(shader, variants): (&&str, &Vec<Variant>)| {
            variants.iter().map(|(c, _)| format!("{shader} {c:?}")).collect::<Vec<_>>()
        };
        self.pipelines.iter().flat_map(name).collect()
    }

    /// From now on every shader goes through `patch`; what was made is forgotten, and what is made is not kept.
    pub fn patch(&mut self, patch: Patch) {
        *self = PipelineCache { patch: Some(patch), count: self.count, ..Self::new(true) };
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
    fn sizes_and_bindings_are_read_from_the_text() {
        let shader = Shader::new(
            "test",
            &[
                "override WORKGROUP: u32 = 64u;\n// @binding(9) var<storage, read> no: u32;",
                "@group(0) @binding(2) var<storage, read_write> out: array<f32>;\n\
                 @group(0) @binding(0) var<uniform> params: Params;\n\
                 const TILE: u32 = 8;\nconst EMPTY: u32 = 0;\nconst OTHER: u32 = 3;\n\
                 @group(0) @binding(1) var<storage, read> a: array<f32>;",
            ],
            &["WORKGROUP", "TILE", "EMPTY", "NONE"],
        );
        assert_eq!(shader.size("WORKGROUP"), Some(64));
        assert_eq!(shader.size("TILE"), Some(8));
        // One that is not there, one that is nothing, and one that no test would miss.
        assert_eq!(["NONE", "EMPTY", "OTHER"].map(|name| shader.size(name)), [None; 3]);
        assert_eq!(shader.storage_bindings(), [false, true]);
    }
}
