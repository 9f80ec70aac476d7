//! `report.html` and `harmonium compare`, through the command, from tiny runs.

mod classifier;
mod compare;
mod page;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// Runs the command in `folder`.
fn harmonium(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_harmonium"))
        .args(arguments)
        .current_dir(folder)
        .env_remove("HARMONIUM_DEVICE")
        .output()
        .unwrap()
}

/// The same, which must succeed: its standard output.
fn succeed(folder: &Path, arguments: &[&str]) -> String {
    let output = harmonium(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Fails with this exit code: its standard error.
fn fail(folder: &Path, arguments: &[&str], code: i32) -> String {
    let output = harmonium(folder, arguments);
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{error}");
    error
}

/// Two tiny runs, `one` and `two`, trained once for all tests.
fn runs() -> &'static Path {
    static RUNS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let runs = RUNS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for (name, more) in [("one", &["--cd", "1"][..]), ("two", &["--pcd", "2", "--centered"])] {
            let mut arguments: Vec<&str> =
                "train rbm --device cpu --hidden 12 --epochs 40 --limit 1000 --out"
                    .split(' ')
                    .collect();
            arguments.push(name);
            arguments.extend(more);
            assert!(succeed(folder.path(), &arguments).contains("report.html"));
        }
        folder
    });
    runs.path()
}

/// A copy of the run `one` that a test may change: (folder, run).
fn copy() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join("one");
    std::fs::create_dir(&run).unwrap();
    for entry in std::fs::read_dir(runs().join("one")).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), run.join(entry.file_name())).unwrap();
    }
    (folder, run)
}

/// Tags nest and close, every `<` and `&` is a tag's or an entity's, quotes close, nothing is fetched.
fn assert_well_formed(html: &str) {
    assert!(html.starts_with("<!DOCTYPE html>\n<html lang=\"en\">"));
    let mut open: Vec<&str> = Vec::new();
    let mut rest = &html["<!DOCTYPE html>".len()..];
    while let Some(start) = rest.find('<') {
        if open.last() != Some(&"style") {
            for entity in rest[..start].split('&').skip(1) {
                let known = ["lt;", "gt;", "amp;", "quot;", "#39;"];
                assert!(known.iter().any(|e| entity.starts_with(e)), "&{entity}");
            }
        }
        let end = start + rest[start..].find('>').expect("a tag that ends");
        let tag = &rest[start + 1..end];
        assert!(!tag.contains('<') && tag.matches('"').count().is_multiple_of(2), "{tag}");
        let name = tag.split([' ', '\n']).next().unwrap();
        assert!(!["script", "link", "iframe", "object"].contains(&name), "{tag}");
        if let Some(name) = name.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
        } else if !tag.ends_with('/') && !["meta", "img", "br"].contains(&name) {
            open.push(name);
        }
        rest = &rest[end + 1..];
    }
    assert!(open.is_empty(), "{open:?}");
    for outside in ["http://", "https://", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    for source in html.split("src=").skip(1) {
        assert!(source.starts_with("\"data:image/png;base64,"), "{}", &source[..40]);
    }
    assert!(!html.contains("NaN"));
}

/// The well-formedness check rejects what is not.
#[test]
fn the_check_of_pages_can_fail() {
    let page = |body: &str| format!("<!DOCTYPE html>\n<html lang=\"en\">{body}</html>");
    assert_well_formed(&page("<p>a &lt; b</p><img src=\"data:image/png;base64,\">"));
    for wrong in [
        "<p>",
        "<p></b>",
        "a & b",
        "<img src=\"x.png\">",
        "<script></script>",
        "<p>http://x</p>",
        "<p a=\"></p>",
    ] {
        let page = page(wrong);
        assert!(std::panic::catch_unwind(|| assert_well_formed(&page)).is_err(), "{wrong}");
    }
}
