//! Runs beside each other.

use std::fs;

use super::{assert_well_formed, copy, fail, harmonium, runs, succeed};

/// Lines of data in the diagram below `title`: runs of 40 epochs are scored three times at least; axes have two points.
fn lines(page: &str, title: &str) -> usize {
    let start = page.find(title).unwrap();
    let svg = &page[start..start + page[start..].find("</svg>").unwrap()];
    svg.lines().filter(|l| l.contains("<polyline") && l.matches(',').count() >= 3).count()
}

#[test]
fn it_lists_the_runs_and_overlays_their_curves() {
    let out = tempfile::tempdir().unwrap();
    let (one, two) = (runs().join("one"), runs().join("two"));
    let (one, two) = (one.to_str().unwrap(), two.to_str().unwrap());
    let table = succeed(out.path(), &["compare", one, two]);
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(rows.len(), 4, "{table}");
    assert!(rows[0].starts_with("run ") && rows[0].contains("cases/s"));
    assert!(rows[1].starts_with("one") && rows[1].contains("64+12  CD-1"));
    assert!(rows[2].starts_with("two") && rows[2].contains("64+12  PCD-2, centred"));
    assert_eq!(rows[3], "curves: compare.html");
    let page = fs::read_to_string(out.path().join("compare.html")).unwrap();
    assert_well_formed(&page);
    assert!(
        page.contains("<th scope=\"row\">one</th>") && page.contains("<td>PCD-2, centred</td>")
    );
    for title in ["Reconstruction error, training", "Pseudo-likelihood", "Weight norm"] {
        assert_eq!(lines(&page, &format!("<h3>{title}")), 2, "{title}");
    }
    succeed(out.path(), &["compare", one, two, "--out", "curves.svg"]);
    let svg = fs::read_to_string(out.path().join("curves.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("one: ") && svg.contains("two: "));
    assert!(svg.contains("epoch") && !svg.contains("seconds of training"));
    // Both have as many updates an epoch, of which 40 are.
    succeed(out.path(), &["compare", one, two, "--over", "updates", "--out", "updates.svg"]);
    let svg = fs::read_to_string(out.path().join("updates.svg")).unwrap();
    assert!(svg.contains("updates") && svg.contains("one: ") && !svg.contains("epoch"));
    let names = "weight_norm,pseudo_log_likelihood";
    succeed(out.path(), &["compare", one, two, "--figures", names, "--out", "two.svg"]);
    let svg = fs::read_to_string(out.path().join("two.svg")).unwrap();
    let at = |title: &str| svg.find(title).unwrap();
    assert!(at("Weight norm") < at("Pseudo-likelihood") && !svg.contains("Reconstruction error"));
    succeed(out.path(), &["compare", one, two, "--over", "seconds"]);
    let page = fs::read_to_string(out.path().join("compare.html")).unwrap();
    assert_well_formed(&page);
    assert!(page.contains("seconds of training") && page.contains("; one ends at"));
}

#[test]
fn runs_of_one_name_are_told_apart() {
    let (folder, copied) = copy();
    let eval = r#"{"log_partition_method": "exact", "mean_log_likelihood": -20.5,
        "mean_log_likelihood_std_error": 0.25}"#;
    fs::write(copied.join("eval.json"), eval).unwrap();
    let original = runs().join("one");
    let table = succeed(folder.path(), &["compare", original.to_str().unwrap(), "one"]);
    assert!(table.contains(original.to_str().unwrap()) && table.contains("-20.5 ± 0.25 (exact)"));
    // Those of other cases are not the same score.
    let of = r#", "cases": 300, "data": "some/digits", "split": "train"}"#;
    fs::write(copied.join("eval.json"), eval.replace('}', of)).unwrap();
    let table = succeed(folder.path(), &["compare", original.to_str().unwrap(), "one"]);
    assert!(table.contains("(exact; 300 cases of digits, train)"), "{table}");
}

#[test]
fn errors() {
    let (folder, run) = copy();
    let at = folder.path();
    assert_eq!(harmonium(at, &["compare", "one"]).status.code(), Some(2));
    assert!(fail(at, &["compare", "one", "none"], 1).contains("none does not exist"));
    assert!(fail(at, &["compare", "one", "."], 1).contains("it is not a run folder"));
    assert!(fail(at, &["compare", "one", "one", "--out", "x.pdf"], 2).contains(".html or .svg"));
    let said = fail(at, &["compare", "one", "one", "--figures", "weight_norm,loss"], 2);
    assert!(
        said.contains("no run has 'loss'; there are ") && said.contains("weight_norm"),
        "{said}"
    );
    fs::write(run.join("metrics.jsonl"), "{}\n{").unwrap();
    // One place, not the parser's beside it.
    let said = fail(at, &["compare", "one", "one"], 1);
    assert!(said.contains("metrics.jsonl: line 2, column 1: EOF"), "{said}");
    assert!(!said.contains(" at line"), "{said}");
    fs::remove_file(run.join("summary.json")).unwrap();
    assert!(fail(at, &["compare", "one", "one"], 1).contains("did not finish"));
    assert!(!at.join("compare.html").exists());
}
