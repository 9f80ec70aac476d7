//! Every shader is validated, and translated to SPIR-V, MSL, HLSL and GLSL, without a GPU.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use harmonium::device::{Shader, shader_source};
use harmonium::kernels::shaders;
use naga::back::{PipelineConstants, glsl, hlsl, msl, pipeline_constants, spv};
use naga::proc::BoundsCheckPolicies;
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};
use naga::{AddressSpace, Module, ScalarKind, ShaderStage, TypeInner};
use serde_json::json;

/// WebGPU's default limits, which every kernel keeps.
const STORAGE_BUFFERS: usize = 8;
const WORKGROUP_BYTES: u32 = 16 << 10;

/// Parses and validates; the flags include the uniformity of control flow around barriers.
fn checked(source: &str) -> Result<(Module, ModuleInfo), String> {
    let module =
        naga::front::wgsl::parse_str(source).map_err(|error| error.emit_to_string(source))?;
    let mut validator = Validator::new(ValidationFlags::all(), Capabilities::empty());
    let info = validator.validate(&module).map_err(|error| error.emit_to_string(source))?;
    Ok((module, info))
}

/// The defaults, then every override on its own at 1 and at 2 (a boolean at true and false), then all
/// at 1; workgroup sizes stay.
fn constant_sets(module: &Module) -> Vec<PipelineConstants> {
    let mut sets = vec![PipelineConstants::default()];
    let mut all = PipelineConstants::default();
    for (_, constant) in module.overrides.iter() {
        let Some(name) = constant.name.clone().filter(|n| n != "WORKGROUP") else { continue };
        let boolean = matches!(
            module.types[constant.ty].inner,
            TypeInner::Scalar(scalar) if scalar.kind == ScalarKind::Bool
        );
        for value in if boolean { [1.0, 0.0] } else { [1.0, 2.0] } {
            sets.push([(name.clone(), value)].into_iter().collect());
        }
        all.insert(name, 1.0);
    }
    sets.push(all);
    sets
}

fn translate(module: &Module, info: &ModuleInfo) -> Result<[usize; 4], String> {
    let entry = || Some((ShaderStage::Compute, "main".to_string()));
    let words = spv::write_vec(module, info, &spv::Options::default(), None)
        .map_err(|e| format!("SPIR-V: {e}"))?;
    let options = msl::Options { fake_missing_bindings: true, ..msl::Options::default() };
    let pipeline = msl::PipelineOptions { entry_point: entry(), ..Default::default() };
    let (metal, _) =
        msl::write_string(module, info, &options, &pipeline).map_err(|e| format!("MSL: {e}"))?;
    let options = hlsl::Options {
        fake_missing_bindings: true,
        special_constants_binding: Some(hlsl::BindTarget::default()),
        ..hlsl::Options::default()
    };
    let pipeline = hlsl::PipelineOptions { entry_point: entry() };
    let mut direct = String::new();
    hlsl::Writer::new(&mut direct, &options, &pipeline)
        .write(module, info, None)
        .map_err(|e| format!("HLSL: {e}"))?;
    let options =
        glsl::Options { version: glsl::Version::new_gles(310), ..glsl::Options::default() };
    let pipeline = glsl::PipelineOptions {
        shader_stage: ShaderStage::Compute,
        entry_point: "main".into(),
        multiview: None,
    };
    let mut gl = String::new();
    let policies = BoundsCheckPolicies::default();
    glsl::Writer::new(&mut gl, module, info, &options, &pipeline, policies)
        .and_then(|mut writer| writer.write())
        .map_err(|e| format!("GLSL: {e}"))?;
    Ok([words.len(), metal.len(), direct.len(), gl.len()])
}

/// Storage buffers and bytes of workgroup memory of a module without overrides.
fn resources(module: &Module) -> (usize, u32) {
    let mut buffers = 0;
    let mut bytes = 0;
    for (_, variable) in module.global_variables.iter() {
        match variable.space {
            AddressSpace::Storage { .. } => buffers += 1,
            AddressSpace::WorkGroup => {
                bytes += module.types[variable.ty].inner.size(module.to_ctx());
            }
            _ => {}
        }
    }
    (buffers, bytes)
}

fn check(shader: &Shader) -> Result<(usize, u32), String> {
    let (module, info) = checked(&shader_source(shader))?;
    let mut most = (0, 0);
    for constants in constant_sets(&module) {
        let entry = Some((ShaderStage::Compute, "main"));
        let (module, info): (Cow<'_, Module>, Cow<'_, ModuleInfo>) =
            pipeline_constants::process_overrides(&module, &info, entry, &constants)
                .map_err(|e| format!("{constants:?}: {e}"))?;
        let sizes = translate(&module, &info).map_err(|e| format!("{constants:?}: {e}"))?;
        assert!(sizes.iter().all(|&size| size > 100), "{sizes:?}");
        let (buffers, bytes) = resources(&module);
        most = (most.0.max(buffers), most.1.max(bytes));
    }
    Ok(most)
}

#[test]
fn every_shader_is_valid_translates_and_keeps_the_default_limits() {
    for shader in shaders() {
        match check(shader) {
            Err(error) => panic!("{}: {error}", shader.name),
            Ok((buffers, bytes)) => {
                println!("{}: {buffers} storage buffers, {bytes} bytes", shader.name);
                assert!((1..=STORAGE_BUFFERS).contains(&buffers), "{}", shader.name);
                assert!(bytes <= WORKGROUP_BYTES, "{}: {bytes} bytes", shader.name);
                let declared = shader.storage_bindings();
                assert_eq!(declared.len(), buffers, "{}: bindings as read", shader.name);
            }
        }
    }
}

/// What `scripts/check-dawn` gives to the validator of Chrome: every shader with the variants that are looked at here.
#[test]
fn shaders_and_variants_are_written_for_other_validators() {
    let listed: Vec<serde_json::Value> = shaders()
        .into_iter()
        .map(|shader| {
            let source = shader_source(shader);
            let sets = constant_sets(&checked(&source).unwrap().0);
            let object = |set: &PipelineConstants| -> serde_json::Map<_, _> {
                set.iter().map(|(name, value)| (name.clone(), json!(value))).collect()
            };
            let variants: Vec<_> = sets.iter().map(object).collect();
            json!({ "name": shader.name, "source": source, "variants": variants })
        })
        .collect();
    let variants = |name: &str| {
        let found = listed.iter().find(|shader| shader["name"] == name).unwrap();
        found["variants"].as_array().unwrap().len()
    };
    // The defaults, both passes of a boolean and of a number, and all at 1.
    assert!(variants("cross_entropy") >= 6);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shaders.json");
    std::fs::write(path, serde_json::to_vec_pretty(&listed).unwrap()).unwrap();
}

/// The catalogue and the disk, both ways: a file that no kernel uses is validated by nobody.
#[test]
fn the_catalogue_is_made_of_all_the_files_and_of_nothing_else() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("shaders");
    let mut files: Vec<(PathBuf, String)> = Vec::new();
    for folder in [root.clone(), root.join("shared")] {
        for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if path.extension().is_some_and(|extension| extension == "wgsl") {
                files.push((path.clone(), std::fs::read_to_string(path).unwrap()));
            }
        }
    }
    assert!(files.len() > 40, "{files:?}");
    let parts: Vec<&str> = shaders().iter().flat_map(|shader| shader.parts).copied().collect();
    for (path, text) in &files {
        assert!(parts.contains(&text.as_str()), "no kernel has {}", path.display());
    }
    for shader in shaders() {
        for part in shader.parts {
            let found = files.iter().any(|(_, text)| text == part);
            assert!(found, "{} has a part that is no file: {part:.60}", shader.name);
        }
    }
}

#[test]
fn every_name_is_there_once() {
    let mut names: Vec<_> = shaders().iter().map(|s| s.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}

#[test]
fn invalid_shaders_are_rejected() {
    let main = |body: &str| {
        format!(
            "@group(0) @binding(0) var<storage, read_write> x: array<f32>;
             var<workgroup> shared_x: array<f32, 64>;
             @compute @workgroup_size(64)
             fn main(@builtin(local_invocation_index) i: u32) {{ {body} }}"
        )
    };
    assert!(checked(&main("x[i] = 1.0;")).is_ok());
    for wrong in ["x[i] = 1u;", "let of = 1.0;", "y[i] = 1.0;", "x[i] = 1.0 / 0.0;"] {
        assert!(checked(&main(wrong)).is_err(), "{wrong}");
    }
    let module = checked(&main("shared_x[i] = x[i]; workgroupBarrier(); x[i] = shared_x[0];"));
    assert_eq!(resources(&module.unwrap().0), (1, 256));
}

/// A size that is missing in the text would be an error at the first dispatch.
#[test]
fn every_shader_declares_the_sizes_that_the_host_asks_for() {
    for shader in shaders() {
        assert!(!shader.sizes.is_empty(), "{}", shader.name);
        for &name in shader.sizes {
            assert!(shader.size(name).is_some(), "{} has no {name}", shader.name);
        }
    }
}

/// Barriers must be reached by the whole workgroup. naga lets some of what browsers refuse pass, so the
/// text is held to more: after the function's start no invocation may have returned before a barrier,
/// and what encloses one may be a loop alone.
#[test]
fn barriers_stand_in_loops_or_at_the_top_of_main() {
    for shader in shaders() {
        let problems = misplaced_barriers(&shader_source(shader));
        assert!(problems.is_empty(), "{}: {problems:?}", shader.name);
    }
    let wrong = "fn main() {\n if a {\n workgroupBarrier();\n }\n}";
    assert_eq!(misplaced_barriers(wrong).len(), 1);
    let variant = "fn main() {\n if PASS < 2u {\n workgroupBarrier();\n }\n if PASS == 1u {\n return;\n }\n workgroupBarrier();\n}";
    assert_eq!(misplaced_barriers(variant).len(), 0);
    let mixed = "fn main() {\n if PASS < 2u && i > 0u {\n workgroupBarrier();\n }\n}";
    assert_eq!(misplaced_barriers(mixed).len(), 1);
    let wrong = "fn main() {\n if a { return; }\n workgroupBarrier();\n}";
    assert_eq!(misplaced_barriers(wrong).len(), 1);
    let right = "fn main() {\n for (;;) {\n workgroupBarrier();\n }\n if a { return; }\n}";
    assert_eq!(misplaced_barriers(right).len(), 0);
}

/// Whether a condition is about override constants alone, in capitals: all invocations of a pipeline go one way.
fn is_of_a_variant(head: &str) -> bool {
    let Some(condition) = head.strip_prefix("if ") else { return false };
    let lower = |c: char| c.is_ascii_lowercase() && c != 'u';
    !condition.contains(lower) && condition.contains(|c: char| c.is_ascii_uppercase())
}

fn misplaced_barriers(source: &str) -> Vec<String> {
    let mut problems = Vec::new();
    // The heads of the open blocks, and whether this function may have been left.
    let mut open: Vec<String> = Vec::new();
    let mut left = false;
    let mut head = String::new();
    for line in source.lines().map(|l| l.split("//").next().unwrap_or("")) {
        for part in line.split_inclusive(['{', '}', ';']) {
            head.push_str(part);
            let text = head.trim().to_string();
            if text.contains("workgroupBarrier") {
                let conditional = open.iter().any(|h| {
                    !["for", "fn", "@"].iter().any(|w| h.starts_with(w)) && !is_of_a_variant(h)
                });
                if conditional || left {
                    problems.push(text.clone());
                }
            }
            if text.starts_with("return") && !open.last().is_some_and(|h| is_of_a_variant(h)) {
                left = true;
            }
            match part.chars().last() {
                Some('{') => {
                    if text.contains("fn ") {
                        left = false;
                    }
                    open.push(text);
                    head.clear();
                }
                Some('}') => {
                    open.pop();
                    head.clear();
                }
                // A loop's head holds semicolons.
                Some(';') if text.matches('(').count() == text.matches(')').count() => {
                    head.clear();
                }
                _ => {}
            }
        }
        if open.is_empty() && !head.contains("fn ") && !head.contains('@') {
            head.clear();
        }
    }
    problems
}
