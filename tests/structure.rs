//! The house stands as ARCHITECTURE.md says: who imports whom, what every kernel has, how long a file is.

use std::fs;
use std::path::{Path, PathBuf};

/// The rooms of `src`, lowest first. A room imports from those before it, and from itself.
const ROOMS: [&str; 15] = [
    "error",
    "shape",
    "random",
    "data",
    "device",
    "tensor",
    "kernels",
    "layers",
    "models",
    "training",
    "evaluation",
    "run",
    "jobs",
    "cli",
    "main",
];
/// The rooms that may name wgpu: the device, the error that carries a driver's words and the kernels.
const NAME_WGPU: [&str; 3] = ["error", "device", "kernels"];
/// Files of `src/kernels` that are no kernel.
const NO_KERNEL: [&str; 5] = ["mod", "cases", "patches", "shader", "tile"];
/// Lines of a file of `src`.
const LONGEST: usize = 500;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// The files below `folder` that end in `extension`, as paths from the root with `/`, sorted.
fn files(folder: &str, extension: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == extension) {
                found.push(
                    path.strip_prefix(root()).unwrap().display().to_string().replace('\\', "/"),
                );
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no .{extension} file in {folder}");
    found
}

fn stem(path: &str) -> String {
    PathBuf::from(path).file_stem().unwrap().to_string_lossy().into_owned()
}

/// A file without its comments and without its module of tests, which stands at the end.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let line = |line: &str| match line.trim_start().starts_with("//") {
        true => String::new(),
        false => line.split(" // ").next().unwrap_or_default().to_string(),
    };
    text.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// The room of `src/data/npy.rs` is `data`, of `src/tensor.rs` `tensor`.
fn room(path: &str) -> &str {
    let path = path.trim_start_matches("src/");
    path.split('/').next().unwrap_or_default().trim_end_matches(".rs")
}

/// The rooms that a file names, by `crate::`, `harmonium::` or as many `super::` as lead to the root.
fn imports(path: &str, code: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs").trim_end_matches("/mod");
    let supers = "super::".repeat(inner.split('/').count());
    let mut found = Vec::new();
    for prefix in ["crate::", "harmonium::", &supers] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' {
                continue;
            }
            let rest = &code[at + prefix.len()..];
            match rest.strip_prefix('{') {
                Some(group) => found.extend(names_of_group(group)),
                None => found.push(first_name(rest)),
            }
        }
    }
    found
}

/// The first names of `a::b, c, d::{e, f}}`.
fn names_of_group(group: &str) -> Vec<String> {
    let (mut depth, mut names, mut fresh) = (0, Vec::new(), true);
    for (at, c) in group.char_indices() {
        match c {
            '}' if depth == 0 => break,
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => fresh = true,
            c if fresh && !c.is_whitespace() => {
                names.push(first_name(&group[at..]));
                fresh = false;
            }
            _ => {}
        }
    }
    names
}

/// The room behind a name of the root: what `lib.rs` exports again lives in a room.
fn first_name(rest: &str) -> String {
    let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    match name.as_str() {
        "Device" => "device".into(),
        "Error" | "Result" => "error".into(),
        "Tensor" => "tensor".into(),
        _ => name,
    }
}

/// What a file of `src` may not contain, in words.
fn offences(path: &str, text: &str) -> Vec<String> {
    let (own, code) = (room(path), code(text));
    let mut found = Vec::new();
    let mut refuse = |what: String| found.push(format!("{path}: {what}"));
    let rank = |name: &str| ROOMS.iter().position(|room| *room == name);
    if own != "lib" {
        let Some(own_rank) = rank(own) else {
            return vec![format!("{path}: the room {own} is not in the table")];
        };
        for name in imports(path, &code) {
            match rank(&name) {
                Some(other) if other <= own_rank => {}
                Some(_) => refuse(format!("imports {name}, which stands above {own}")),
                None => refuse(format!("names `{name}` of the root, which is no room")),
            }
        }
        for word in ["wgpu", "wgsl"] {
            if code.contains(word) && !NAME_WGPU.contains(&own) {
                refuse(format!("names {word}; only {NAME_WGPU:?} do"));
            }
        }
    }
    for call in [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("] {
        if code.contains(call) {
            refuse(format!("{call} outside tests: public calls never panic"));
        }
    }
    // `println!` panics when the reader has gone.
    for call in ["println!(", "print!("] {
        if code.contains(call) {
            refuse(format!("{call} panics on a closed output"));
        }
    }
    let unsafe_code = code.split(|c: char| !c.is_alphanumeric() && c != '_').any(|w| w == "unsafe");
    if unsafe_code && path != "src/device/raw.rs" {
        refuse("unsafe code; its one place is src/device/raw.rs".into());
    }
    let lines = text.lines().count();
    if lines > LONGEST {
        refuse(format!("{lines} lines, more than {LONGEST}: which piece wants its own room?"));
    }
    found
}

/// What the kernel `stem` lacks, where `exists` knows the files.
fn lacks(stem: &str, source: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in [
        format!("shaders/{stem}.wgsl"),
        format!("benches/{stem}.rs"),
        format!("tests/kernels/{stem}.rs"),
    ] {
        if !exists(&file) {
            found.push(format!("the kernel {stem} lacks {file}"));
        }
    }
    for path in ["Backend::Cpu(", "Backend::Gpu("] {
        if !code(source).contains(path) {
            found.push(format!("the kernel {stem} has no path for {path}…)"));
        }
    }
    found
}

#[test]
fn the_table_of_rooms_is_kept() {
    let offences: Vec<String> =
        files("src", "rs").iter().flat_map(|path| offences(path, &read(path))).collect();
    assert!(offences.is_empty(), "\n{}", offences.join("\n"));
}

#[test]
fn every_kernel_has_shader_bench_test_and_both_paths() {
    let kernels: Vec<String> = files("src/kernels", "rs").iter().map(|path| stem(path)).collect();
    let kernels: Vec<&String> =
        kernels.iter().filter(|k| !NO_KERNEL.contains(&k.as_str())).collect();
    let exists = |path: &str| root().join(path).is_file();
    let mut found: Vec<String> = Vec::new();
    // Files that Cargo and the test binary do not know of are never compiled.
    let (manifest, modules) = (read("Cargo.toml"), read("tests/kernels/mod.rs"));
    for stem in &kernels {
        found.extend(lacks(stem, &read(&format!("src/kernels/{stem}.rs")), exists));
        if !manifest.contains(&format!("[[bench]]\nname = \"{stem}\"")) {
            found.push(format!("Cargo.toml has no [[bench]] {stem}"));
        }
        if !modules.contains(&format!("mod {stem};")) {
            found.push(format!("tests/kernels/mod.rs has no mod {stem}"));
        }
    }
    // And no shader is left without its kernel.
    for path in files("shaders", "wgsl").iter().filter(|path| !path.contains("/shared/")) {
        if !kernels.iter().any(|kernel| **kernel == stem(path)) {
            found.push(format!("{path} has no src/kernels/{}.rs", stem(path)));
        }
    }
    assert!(found.is_empty(), "\n{}", found.join("\n"));
}

#[test]
fn the_checks_see_what_is_wrong() {
    let first = |path: &str, text: &str| offences(path, text).first().cloned().unwrap_or_default();
    for (path, text, said) in [
        ("src/models/rbm.rs", "use crate::training::Schedule;", "imports training"),
        ("src/data/set.rs", "use crate::device::Device;", "imports device"),
        ("src/data/set.rs", "use crate::Device;", "imports device"),
        ("src/data/set.rs", "use crate::{error::Error, tensor::{Tensor}};", "imports tensor"),
        (
            "src/data/set.rs",
            "use crate::{\n    error::{Error, Result},\n    run,\n};",
            "imports run",
        ),
        ("src/data/set.rs", "use super::super::run;", "imports run"),
        ("src/tensor.rs", "use super::kernels::matmul;", "imports kernels"),
        ("src/run/npy.rs", "fn f(x: crate::cli::Arguments) {}", "imports cli"),
        ("src/error.rs", "use crate::attic::Box;", "`attic` of the root"),
        ("src/attic/old.rs", "", "not in the table"),
        ("src/models/rbm.rs", "let b: wgpu::Buffer;", "names wgpu"),
        ("src/models/rbm.rs", "include_str!(\"x.wgsl\")", "names wgsl"),
        ("src/shape.rs", "x.unwrap();", ".unwrap()"),
        ("src/shape.rs", "x.expect(\"y\");", ".expect("),
        ("src/cli/mod.rs", "panic!(\"y\");", "panic!"),
        ("src/cli/mod.rs", "println!(\"y\");", "closed output"),
        ("src/device/gpu.rs", "unsafe { f() }", "unsafe"),
    ] {
        let found = first(path, text);
        assert!(found.contains(said), "expected {said:?} in {found:?} for {text:?}");
    }
    assert!(first("src/shape.rs", &"\n".repeat(LONGEST + 1)).contains("501 lines"));
    for (path, text) in [
        ("src/run/npy.rs", "use crate::data::read_matrix;\nuse crate::run::atomic;"),
        ("src/data/npy.rs", "use super::cases::Cases;\nuse crate::{Error, Result};"),
        ("src/shape.rs", "/// x.unwrap() and crate::cli\nfn f() {} // crate::cli"),
        ("src/shape.rs", "fn f() {}\n#[cfg(test)]\nmod tests {\n    fn g() { x.unwrap() }\n}"),
        ("src/device/raw.rs", "unsafe { f() }"),
        ("src/lib.rs", "pub mod cli;\npub use device::Device;"),
        ("src/main.rs", "fn main() { harmonium::cli::main() }"),
        ("src/random.rs", "#![deny(unsafe_code)]"),
    ] {
        assert_eq!(offences(path, text), Vec::<String>::new(), "{text}");
    }
    let both = "Backend::Cpu(a) => 1, Backend::Gpu(b) => 2";
    assert_eq!(lacks("k", both, |_| true), Vec::<String>::new());
    assert_eq!(lacks("k", both, |_| false).len(), 3);
    assert!(lacks("k", "Backend::Gpu(b)", |_| true)[0].contains("Backend::Cpu("));
    assert!(lacks("k", both, |path| !path.starts_with("benches"))[0].contains("benches/k.rs"));
}
