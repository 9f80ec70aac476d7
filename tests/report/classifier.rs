//! The page of a classifier's run, and classifiers in comparisons.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use harmonium::run::curves::significant;
use serde_json::Value;

use super::page::{pictures, read};
use super::{assert_well_formed, fail, succeed};

/// Two tiny runs, trained once for all tests: `lenet` without validation, `modern` with.
fn runs() -> &'static Path {
    static RUNS: OnceLock<tempfile::TempDir> = OnceLock::new();
    let runs = RUNS.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        for line in [
            "train lenet5 --device cpu --epochs 2 --limit 300 --validation 0 --augment shift=1 --out lenet",
            "train lenet5-modern --device cpu --epochs 5 --limit 300 --optimizer sgd --out modern",
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            assert!(succeed(folder.path(), &words).contains("report.html"));
        }
        folder
    });
    runs.path()
}

/// A copy of a run that a test may change: (folder, run).
fn copy(name: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let run = folder.path().join(name);
    fs::create_dir(&run).unwrap();
    for entry in fs::read_dir(runs().join(name)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), run.join(entry.file_name())).unwrap();
    }
    (folder, run)
}

fn summary(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("summary.json")).unwrap()).unwrap()
}

#[test]
fn it_has_every_section_and_the_folders_pictures() {
    for (name, model) in [
        ("lenet", "LeNet-5 as published with 60,000 parameters, 2 epochs in "),
        ("modern", "LeNet-5 in today&#39;s form with 61,706 parameters, 5 epochs in "),
    ] {
        let run = runs().join(name);
        let html = read(&run);
        for id in ["scores", "curves", "layers", "filters", "confusion", "mistakes"] {
            assert!(html.contains(&format!("<section id=\"{id}\">")), "{id}");
        }
        for part in [
            model,
            "id=\"configuration\"",
            "id=\"device\"",
            "prefers-color-scheme:dark",
            "width=device-width",
            "Of the test cases",
            "<th scope=\"row\">values a case</th><td>1024</td>",
        ] {
            assert!(html.contains(part), "{name}: {part}");
        }
        // The same pixels as in the folder.
        for (section, file) in [
            ("filters", "filters.png"),
            ("confusion", "confusion.png"),
            ("mistakes", "mistakes.png"),
        ] {
            let shown = pictures(&html, section);
            assert_eq!(shown.len(), 1, "{section}");
            let stored = harmonium::run::png_file::Picture::load(run.join(file)).unwrap();
            assert!(shown[0].pixels == stored.pixels, "{section}");
        }
        assert_eq!(html.contains("training (distorted)"), name == "lenet");
        assert_eq!(html.contains("as it was distorted"), name == "lenet");
        assert_eq!(html.contains("validation error"), name == "modern");
        assert!(!html.contains("units are dropped"), "there is no dropout");
    }
}

#[test]
fn its_numbers_are_those_of_the_files() {
    let run = runs().join("modern");
    let (html, summary) = (read(&run), summary(&run));
    let number = |key: &str| summary[key].as_f64().unwrap();
    for part in ["test", "validation", "train"] {
        let name = if part == "train" { "training" } else { part };
        let error = format!("{:.2} %", 100.0 * number(&format!("{part}_error")));
        let row = format!("<th scope=\"row\">{name} error</th><td>{error}</td>");
        assert!(html.contains(&row), "{row}");
        let loss = significant(number(&format!("{part}_loss")), 5);
        let row = format!("<th scope=\"row\">{name} loss</th><td>{loss}</td>");
        assert!(html.contains(&row), "{row}");
    }
    let lead = format!("s: test error {:.2} %.", 100.0 * number("test_error"));
    assert!(html.contains(&lead), "{lead}");
    assert!(
        html.contains("Mean per case of −ln p of the case&#39;s own class, in nats")
            || html.contains("Mean per case of −ln p of the case's own class, in nats")
    );
    assert!(html.contains("the 297 cases of the data's test part"));
    // Curves in per cent.
    let lines = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    for (key, scale) in [("train_error", 100.0), ("validation_error", 100.0), ("train_loss", 1.0)] {
        let shown = format!("<b>{}</b>", significant(scale * last[key].as_f64().unwrap(), 4));
        assert!(html.contains(&shown), "{key} {shown}");
    }
    // Every layer of the paper's table, with its parameters.
    let html = read(&runs().join("lenet"));
    for (name, what, output, trained) in [
        (
            "input",
            "pictures of 28×28 pixels, 2 more on each side; values from −0.1 to 1.175",
            "1×32×32",
            "–",
        ),
        ("conv1", "convolution 5×5, scaled tanh", "6×28×28", "156"),
        ("subsample2", "trained subsampling 2×2, scaled tanh", "6×14×14", "12"),
        ("conv3", "convolution 5×5, by a table, scaled tanh", "16×10×10", "1,516"),
        ("subsample4", "trained subsampling 2×2, scaled tanh", "16×5×5", "32"),
        ("conv5", "convolution 5×5, scaled tanh", "120×1×1", "48,120"),
        ("flatten", "flattened", "120", "–"),
        ("linear6", "fully connected, scaled tanh", "84", "10,164"),
        ("total", "", "", "<b>60,000</b>"),
    ] {
        let row = format!(
            "<th scope=\"row\">{name}</th><td>{what}</td><td>{output}</td><td>{trained}</td>"
        );
        assert!(html.contains(&row), "{row}");
    }
    assert!(html.contains("radial basis functions on the digits' bitmaps"));
    assert!(html.contains("exp(−10)"));
}

/// The data are not asked: what the page needs is in the folder.
#[test]
fn again_it_is_the_same_without_the_data() {
    for name in ["lenet", "modern"] {
        let (folder, run) = copy(name);
        let first = read(&run);
        fs::remove_file(run.join("report.html")).unwrap();
        let out = succeed(folder.path(), &["report", name]);
        assert_eq!(out.replace('\\', "/"), format!("report: {name}/report.html\n"));
        assert!(read(&run) == first);
        let config = fs::read_to_string(run.join("config.toml")).unwrap();
        let gone = config.replace("data = \"digits\"", "data = \"<gone>\"");
        assert!(gone != config);
        fs::write(run.join("config.toml"), gone).unwrap();
        succeed(folder.path(), &["report", name]);
        let expected = first.replace("<td>digits</td>", "<td>&lt;gone&gt;</td>");
        assert!(read(&run) == expected);
    }
}

#[test]
fn an_evaluation_is_shown_and_missing_pictures_are_said() {
    let (folder, run) = copy("modern");
    let eval = r#"{"error": 0.4321, "wrong": 432, "loss": 1.23456, "cases": 1000, "data": "<i>&", "split": "train"}"#;
    fs::write(run.join("eval.json"), eval).unwrap();
    fs::remove_file(run.join("mistakes.png")).unwrap();
    fs::remove_file(run.join("filters.png")).unwrap();
    succeed(folder.path(), &["report", "modern"]);
    let html = read(&run);
    for part in [
        "<td>43.21 %</td>",
        "<td>1.2346</td>",
        "Of 1,000 cases of &lt;i&gt;&amp;, train part, by harmonium eval. A row",
        "Left out: mistakes.png is not in the run folder",
        "Left out: filters.png is not in the run folder",
    ] {
        assert!(html.contains(part), "{part}");
    }
    assert!(pictures(&html, "mistakes").is_empty() && pictures(&html, "confusion").len() == 1);
    fs::write(run.join("confusion.png"), "no PNG").unwrap();
    assert!(fail(folder.path(), &["report", "modern"], 1).contains("confusion.png"));
    fs::write(run.join("eval.json"), "[").unwrap();
    assert!(fail(folder.path(), &["report", "modern"], 1).contains("eval.json"));
    fs::remove_file(run.join("summary.json")).unwrap();
    assert!(fail(folder.path(), &["report", "modern"], 1).contains("did not finish"));
}

/// Cells of a table as it is printed: columns are two spaces or more apart.
fn cells(line: &str) -> Vec<&str> {
    line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).collect()
}

#[test]
fn networks_are_compared() {
    let out = tempfile::tempdir().unwrap();
    let [lenet, modern] = ["lenet", "modern"].map(|name| runs().join(name).display().to_string());
    let table = succeed(out.path(), &["compare", &lenet, &modern]);
    let rows: Vec<Vec<&str>> = table.lines().map(cells).collect();
    let head = [
        "run",
        "model",
        "parameters",
        "learner",
        "epochs",
        "seconds",
        "cases/s",
        "wrong in training",
        "wrong in validation",
        "wrong in test",
        "test loss",
        "device",
    ];
    assert_eq!(rows[0], head, "{table}");
    assert_eq!(rows[1][..5], ["lenet", "lenet5", "60000", "Adam", "2"]);
    assert_eq!(rows[2][..5], ["modern", "lenet5-modern", "61706", "SGD 0.9", "5"]);
    assert_eq!(rows[1][8], "–", "nothing was held out");
    for (row, name) in [(1, "lenet"), (2, "modern")] {
        let error = summary(&runs().join(name))["test_error"].as_f64().unwrap();
        assert_eq!(rows[row][9], format!("{:.2} %", 100.0 * error));
    }
    let page = fs::read_to_string(out.path().join("compare.html")).unwrap();
    assert_well_formed(&page);
    for title in ["Error, training", "Error, validation", "Loss, training", "Loss, validation"] {
        assert!(page.contains(&format!("<h3>{title}")), "{title}");
    }
    assert!(page.contains("comparable only for the same output units"));
    assert!(!page.contains("visible + hidden") && !page.contains("Pseudo-likelihood"));
}

#[test]
fn networks_are_compared_with_machines() {
    let out = tempfile::tempdir().unwrap();
    let machine = super::runs().join("one").display().to_string();
    let network = runs().join("modern").display().to_string();
    let table = succeed(out.path(), &["compare", &machine, &network]);
    // A table for each kind, with the columns that it has something in.
    let blocks: Vec<Vec<Vec<&str>>> =
        table.split("\n\n").map(|block| block.lines().map(cells).collect()).collect();
    assert_eq!(blocks.len(), 3, "{table}");
    let titles = [&blocks[0][0][0], &blocks[1][0][0], &blocks[2][0][0]];
    assert_eq!(titles, [&"rbm:", &"lenet5-modern:", &"curves: compare.html"]);
    let cell = |block: usize, name: &str| {
        let [_, heads, row] = &blocks[block][..] else { panic!("{table}") };
        assert_eq!(heads.len(), row.len(), "{table}");
        heads.iter().position(|head| *head == name).map(|at| row[at])
    };
    for (name, of_machine, of_network) in [
        ("model", None, Some("lenet5-modern")),
        ("units", Some("64+12"), None),
        ("parameters", None, Some("61706")),
        ("learner", Some("CD-1"), Some("SGD 0.9")),
        ("log-likelihood", None, None),
    ] {
        assert_eq!((cell(0, name), cell(1, name)), (of_machine, of_network), "{name}");
    }
    for name in ["training error", "pseudo-likelihood"] {
        assert!(cell(0, name).is_some() && cell(1, name).is_none(), "{name}");
    }
    for name in ["wrong in test", "wrong in training", "test loss"] {
        assert!(cell(0, name).is_none() && cell(1, name).is_some(), "{name}");
    }
    let page = fs::read_to_string(out.path().join("compare.html")).unwrap();
    assert_well_formed(&page);
    for part in [
        "<h2>rbm</h2>",
        "<h2>lenet5-modern</h2>",
        "visible + hidden",
        "classified wrongly",
        "<h3>Pseudo-likelihood",
        "<h3>Error, training",
    ] {
        assert!(page.contains(part), "{part}");
    }
    succeed(out.path(), &["compare", &machine, &network, "--out", "c.svg"]);
    assert!(fs::read_to_string(out.path().join("c.svg")).unwrap().contains("wrong cases, %"));
}
