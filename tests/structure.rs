//! The house stands as ARCHITECTURE.md says: who imports whom, what every kernel has, how long a file is.

mod circles;

use std::fs;
use std::path::{Path, PathBuf};

use harmonium::kernels::catalogue;

/// The rooms of `src`, lowest first. A room imports from those before it, and from itself. Those that
/// ARCHITECTURE.md's table names have to stand.
const ROOMS: [&str; 19] = [
    "error",
    "interval",
    "shape",
    "ranks",
    "random",
    "data",
    "device",
    "tensor",
    "kernels",
    "layers",
    "models",
    "training",
    "evaluation",
    "verify",
    "benchmark",
    "run",
    "jobs",
    "cli",
    "main",
];
/// The rooms that may name wgpu: the device, the error that carries a driver's words, tensors, which give
/// their buffers away, and the kernels.
const NAME_WGPU: [&str; 4] = ["error", "device", "tensor", "kernels"];
/// Files of `src/kernels` that are no kernel.
const NO_KERNEL: [&str; 8] =
    ["mod", "ascent", "cases", "catalogue", "log_loss", "moved", "slices", "tile"];
/// Lines of a file of `src`.
const LONGEST: usize = 500;
/// Lines of a file of `src` that gives no reason, and how a reason begins.
const LONG: usize = 400;
const REASON: &str = "//! Longer than 400 lines: ";
/// Files that may be so long, with a reason.
const MOST_LONG: usize = 3;
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

/// A kernel's proof is a test that users can run: the catalogue names it, and it draws the catalogue's cases.
fn is_proof(path: &str) -> bool {
    path.starts_with("src/kernels/proof/") || path.ends_with("/proof.rs")
}

/// A kernel's file without the proof that stands at its end.
fn without_proof(code: &str) -> String {
    code.split("#[doc(hidden)]\npub mod proof {").next().unwrap_or_default().to_string()
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
    if code.contains("super::super::") {
        refuse("super::super:: is a sign that a thing lives in the wrong room".into());
    }
    let lines = text.lines().count();
    if lines > LONGEST {
        refuse(format!("{lines} lines, more than {LONGEST}: which piece wants its own room?"));
    } else if lines > LONG && !gives_a_reason(text) {
        refuse(format!("{lines} lines, more than {LONG}, and no line \"{REASON}…\" in its header"));
    }
    found
}

/// Whether the comment that opens a file says why it is long.
fn gives_a_reason(text: &str) -> bool {
    let mut header = text.lines().take_while(|line| line.starts_with("//!"));
    header.any(|line| line.strip_prefix(REASON).is_some_and(|why| why.len() > 10))
}

/// The rooms of ARCHITECTURE.md's table: what stands in its first column.
fn rooms_of_the_table(page: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `src/")) {
        let first = line.split('|').nth(1).unwrap_or_default();
        found.extend(first.split('`').filter(|p| p.starts_with("src/")).map(|p| room(p).into()));
    }
    found
}

/// What the kernel `stem` lacks, where `exists` knows the files.
fn lacks(stem: &str, source: &str, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for file in [format!("shaders/{stem}.wgsl"), format!("tests/kernels/{stem}.rs")] {
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
fn the_rooms_of_the_table_stand_in_its_order() {
    let table = rooms_of_the_table(&read("ARCHITECTURE.md"));
    assert!(table.len() > 10, "{table:?}");
    let ranks: Vec<Option<usize>> =
        table.iter().map(|name| ROOMS.iter().position(|room| room == name)).collect();
    assert!(ranks.iter().all(Option::is_some), "{table:?} are not all of {ROOMS:?}");
    assert!(ranks.is_sorted(), "{table:?} is not in the order of {ROOMS:?}");
    for name in &table {
        let stands = |path: String| root().join(path).exists();
        assert!(
            stands(format!("src/{name}")) || stands(format!("src/{name}.rs")),
            "there is no room src/{name}, of which ARCHITECTURE.md's table tells"
        );
    }
}

#[test]
fn no_file_imports_itself_in_the_end() {
    let files: Vec<(String, String)> = files("src", "rs")
        .into_iter()
        .filter(|path| !is_proof(path))
        .map(|path| (path.clone(), without_proof(&code(&read(&path)))))
        .collect();
    let imports = circles::House::new(&files).imports();
    assert!(imports.len() > 500, "{} imports", imports.len());
    let found = circles::circles(&imports);
    let lines: Vec<String> =
        found.iter().flatten().map(|(from, to)| format!("{from} imports {to}")).collect();
    assert!(lines.is_empty(), "import circles:\n{}", lines.join("\n"));
}

#[test]
fn few_files_are_long() {
    let all = files("src", "rs").into_iter();
    let long: Vec<String> = all.filter(|path| read(path).lines().count() > LONG).collect();
    assert!(long.len() <= MOST_LONG, "more than {MOST_LONG} are above {LONG} lines: {long:?}");
}

#[test]
fn every_kernel_has_shader_test_both_paths_and_its_line_in_the_catalogue() {
    let kernels: Vec<String> = files("src/kernels", "rs")
        .iter()
        .filter(|path| path.matches('/').count() == 2)
        .map(|path| stem(path))
        .filter(|stem| !NO_KERNEL.contains(&stem.as_str()))
        .collect();
    let exists = |path: &str| root().join(path).is_file();
    let mut found: Vec<String> = Vec::new();
    // A file that the test binary does not know of is never compiled.
    let modules = read("tests/kernels/mod.rs");
    for stem in &kernels {
        let mut source = read(&format!("src/kernels/{stem}.rs"));
        // Kernels that are one formula share their dispatch.
        if source.contains("use super::log_loss::") {
            source.push_str(&read("src/kernels/log_loss.rs"));
        }
        found.extend(lacks(stem, &source, exists));
        if !modules.contains(&format!("mod {stem};")) {
            found.push(format!("tests/kernels/mod.rs has no mod {stem}"));
        }
    }
    let mut listed: Vec<&str> = catalogue().iter().map(|entry| entry.name).collect();
    listed.sort_unstable();
    assert_eq!(listed, kernels, "src/kernels/catalogue.rs and the files of src/kernels");
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
        ("src/run/report/page.rs", "use super::super::html;", "super::super::"),
        ("src/shape.rs", &"\n".repeat(LONG + 1), "401 lines"),
        ("src/shape.rs", &format!("{REASON}\n{}", "\n".repeat(LONG)), "401 lines"),
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
        ("src/random/mod.rs", "#![deny(unsafe_code)]"),
        ("src/shape.rs", &format!("//! x\n{REASON}it is one table.\n{}", "\n".repeat(LONG))),
    ] {
        assert_eq!(offences(path, text), Vec::<String>::new(), "{text}");
    }
    let both = "Backend::Cpu(a) => 1, Backend::Gpu(b) => 2";
    assert_eq!(lacks("k", both, |_| true), Vec::<String>::new());
    assert_eq!(lacks("k", both, |_| false).len(), 2);
    assert!(lacks("k", "Backend::Gpu(b)", |_| true)[0].contains("Backend::Cpu("));
    assert!(lacks("k", both, |path| !path.starts_with("tests"))[0].contains("tests/kernels/k.rs"));
}
