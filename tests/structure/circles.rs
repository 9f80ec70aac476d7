//! Who imports whom, file by file, and whether anybody imports himself in the end.

use std::collections::{BTreeMap, BTreeSet};

/// The modules of a crate: each one's file, what it imports and what it exports again.
pub struct House {
    files: BTreeMap<Vec<String>, String>,
    uses: BTreeMap<Vec<String>, Vec<Vec<String>>>,
    /// By module and name.
    exports: BTreeMap<(Vec<String>, String), Vec<String>>,
}

/// Edges from file to file.
pub type Imports = BTreeSet<(String, String)>;

fn words(path: &str) -> Vec<String> {
    path.split("::").map(|word| word.trim().to_string()).filter(|word| !word.is_empty()).collect()
}

/// The module of `src/data/npy.rs` is `data::npy`, that of `src/data/mod.rs` `data`.
fn module(path: &str) -> Vec<String> {
    let inner = path.trim_start_matches("src/").trim_end_matches(".rs");
    let inner = inner.trim_end_matches("/mod");
    inner.split('/').filter(|word| !["lib", "main"].contains(word)).map(String::from).collect()
}

/// The paths of a tree `a::{b, c::{d as e, f}}`, each with the name under which it is known.
fn branches(tree: &str) -> Vec<(Vec<String>, String)> {
    let tree = tree.trim();
    if let Some((head, group)) = tree.split_once('{') {
        let (mut depth, mut at, mut pieces) = (0, 0, Vec::new());
        let group = group.trim_end().trim_end_matches('}');
        // A group inside the group lost its last brace too: it is not needed to find the commas.
        for (i, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    pieces.push(&group[at..i]);
                    at = i + 1;
                }
                _ => {}
            }
        }
        pieces.push(&group[at..]);
        let head = words(head);
        return pieces
            .into_iter()
            .filter(|piece| !piece.trim().is_empty())
            .flat_map(branches)
            .map(|(tail, name)| ([head.clone(), tail].concat(), name))
            .collect();
    }
    let (path, alias) = tree.split_once(" as ").map_or((tree, None), |(p, a)| (p, Some(a)));
    let path = words(path);
    let last = alias.map(|a| a.trim().to_string()).or_else(|| path.last().cloned());
    vec![(path, last.unwrap_or_default())]
}

/// Paths from the crate's root or upwards that stand in the code outside of `use`.
fn spoken(code: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for prefix in ["crate::", "super::", "harmonium::"] {
        for (at, _) in code.match_indices(prefix) {
            let before = code[..at].chars().next_back().unwrap_or(' ');
            if before.is_alphanumeric() || before == '_' || before == ':' {
                continue;
            }
            let end = |c: char| !(c.is_alphanumeric() || c == '_' || c == ':');
            found.push(words(code[at..].split(end).next().unwrap_or_default()));
        }
    }
    found
}

impl House {
    /// Of files with their code: no comments, no tests.
    pub fn new(files: &[(String, String)]) -> Self {
        let mut house =
            House { files: BTreeMap::new(), uses: BTreeMap::new(), exports: BTreeMap::new() };
        for (path, code) in files {
            let own = module(path);
            // `main.rs` is a crate of its own, above all others.
            if path == "src/main.rs" {
                continue;
            }
            house.files.insert(own.clone(), path.clone());
            let code: String = code.lines().flat_map(|line| ["\n", line.trim_start()]).collect();
            let mut rest = String::new();
            let mut paths = Vec::new();
            for (i, statement) in code.split("\nuse ").enumerate() {
                // Statements that begin with `pub use` or `pub(crate) use` are split below.
                let (tree, after) = match i {
                    0 => ("", statement),
                    _ => statement.split_once(';').unwrap_or((statement, "")),
                };
                paths.extend(branches(tree).into_iter().map(|(path, _)| path));
                rest.push_str(after);
                rest.push('\n');
            }
            for statement in rest.split("\npub").skip(1) {
                let Some((visible, tree)) = statement.split_once("use ") else { continue };
                if !(visible.trim().is_empty() || visible.trim_start().starts_with('('))
                    || visible.contains('\n')
                {
                    continue;
                }
                for (path, name) in branches(tree.split(';').next().unwrap_or_default()) {
                    house.exports.insert((own.clone(), name), path.clone());
                    paths.push(path);
                }
            }
            paths.extend(spoken(&rest));
            house.uses.insert(own, paths);
        }
        house
    }

    /// The module in which the end of a path, seen from `from`, is written down.
    fn place(&self, from: &[String], path: &[String], depth: usize) -> Option<Vec<String>> {
        let mut at = from.to_vec();
        for (i, word) in path.iter().enumerate() {
            match word.as_str() {
                "crate" | "harmonium" if i == 0 => at.clear(),
                "self" => {}
                "super" => {
                    at.pop()?;
                }
                _ => {
                    let inner = [at.clone(), vec![word.clone()]].concat();
                    if self.files.contains_key(&inner) {
                        at = inner;
                    } else if let Some(path) = self.exports.get(&(at.clone(), word.clone())) {
                        if depth > 0 {
                            at = self.place(&at, path, depth - 1)?;
                        }
                        // A type's own names are where the type is.
                        return Some(at);
                    } else {
                        // A name of this module, or of another crate.
                        return (i > 0).then_some(at);
                    }
                }
            }
        }
        Some(at)
    }

    /// Who imports whom. A folder's `mod.rs`, or the file that is named like a folder, and the files in that
    /// folder may import each other; what it exports again counts as imported from where it is written.
    pub fn imports(&self) -> Imports {
        let mut edges = BTreeSet::new();
        for (own, paths) in &self.uses {
            for path in paths {
                let Some(other) = self.place(own, path, 8) else { continue };
                let related = own.starts_with(&other) || other.starts_with(own);
                if let (false, Some(to)) = (related, self.files.get(&other)) {
                    edges.insert((self.files[own].clone(), to.clone()));
                }
            }
        }
        edges
    }
}

/// The files that reach themselves, each circle in one piece: its imports within.
pub fn circles(imports: &Imports) -> Vec<Imports> {
    let reach = |from: &String| {
        let (mut seen, mut open) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(at) = open.pop() {
            for (_, to) in imports.iter().filter(|(a, _)| *a == at) {
                if seen.insert(to.clone()) {
                    open.push(to.clone());
                }
            }
        }
        seen
    };
    let files: BTreeSet<&String> = imports.iter().map(|(from, _)| from).collect();
    let reached: BTreeMap<&String, BTreeSet<String>> =
        files.iter().map(|file| (*file, reach(file))).collect();
    let mutual = |a: &String, b: &String| {
        let sees = |from: &String, to: &String| reached.get(from).is_some_and(|r| r.contains(to));
        sees(a, b) && sees(b, a)
    };
    let mut found: Vec<Imports> = Vec::new();
    for edge in imports.iter().filter(|(a, b)| mutual(a, b)) {
        match found.iter_mut().find(|circle| circle.iter().any(|(a, _)| mutual(a, &edge.0))) {
            Some(circle) => {
                circle.insert(edge.clone());
            }
            None => found.push(BTreeSet::from([edge.clone()])),
        }
    }
    found
}

/// The circles of some files, as `a->b` without `src/` and `.rs`.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    let files: Vec<(String, String)> =
        files.iter().map(|(path, text)| (format!("src/{path}.rs"), super::code(text))).collect();
    let short = |path: &String| path.replace("src/", "").replace(".rs", "");
    let found = circles(&House::new(&files).imports());
    found.iter().flatten().map(|(from, to)| format!("{}->{}", short(from), short(to))).collect()
}

#[test]
fn circles_are_seen_through_groups_exports_and_plain_paths() {
    let two = ["a/x->a/y", "a/y->a/x"];
    let hall = ("a/mod", "mod x;\nmod y;\npub use x::{X, other as Y};\npub(crate) use y::Z;");
    for (x, y) in [
        ("use super::y::Z;", "use super::x::X;"),
        ("use crate::a::y;", "use crate::a::x::X;"),
        // What the folder exports again comes from where it is written.
        ("use super::Z;", "use super::Y;"),
        ("use std::fs;\nuse crate::{b, a::{Z, c::d}};\n", "fn f() -> super::X {}"),
        ("fn f() { crate::a::y::g::<u8>() }", "pub use super::x::X;"),
        ("pub(super) use super::y::*;", "use super::{self, x as other};"),
    ] {
        assert_eq!(circles_of(&[hall, ("a/x", x), ("a/y", y)]), two, "{x} {y}");
    }
    let three = [("a", "use crate::b;"), ("b", "use crate::c::C;"), ("c", "use crate::a::A;")];
    assert_eq!(circles_of(&three), ["a->b", "b->c", "c->a"]);
    // A line of imports, a folder's own file in either direction, and other crates are no circle.
    for files in [
        vec![("a", "use crate::b;"), ("b", "use crate::c;"), ("c", "use std::a::X;")],
        vec![hall, ("a/x", "use super::W;"), ("a/y", "use super::x::X;")],
        vec![("a", "mod x;\npub use x::X;"), ("a/x", "use super::W;")],
        vec![("a", "use b::X;"), ("b", "use a::X;")],
        vec![("a", "use crate::b;"), ("b", "// use crate::a;")],
    ] {
        assert_eq!(circles_of(&files), Vec::<String>::new(), "{files:?}");
    }
}
