//! `eval --per-case`: what each case scores.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use harmonium::run::png_file::write_grey_png;

use super::weights::{CASES, KINDS, weight, write};
use super::{json, say, shared_run, temporary, text, write_npy};

/// A table's columns by their names.
fn columns(path: &Path) -> BTreeMap<String, Vec<String>> {
    let mut reader = csv::Reader::from_path(path).expect("a table");
    let names = reader.headers().expect("a head").clone();
    let mut columns: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in reader.records() {
        for (name, value) in names.iter().zip(&record.expect("a line")) {
            columns.entry(name.into()).or_default().push(value.into());
        }
    }
    columns
}

fn numbers(column: &[String]) -> Vec<f64> {
    column.iter().map(|text| text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))).collect()
}

/// What every kind of model says of a case.
const SCORES: [(&str, &[&str]); 9] = [
    ("rbm", &["free_energy", "log_likelihood", "reconstruction_error"]),
    ("class-rbm", &["free_energy", "log_likelihood", "loss", "reconstruction_error"]),
    (
        "dbm",
        &[
            "log_likelihood",
            "log_likelihood_bound",
            "loss",
            "mean_field_rounds",
            "reconstruction_error",
        ],
    ),
    (
        "levels",
        &["log_likelihood", "log_likelihood_bound", "mean_field_rounds", "reconstruction_error"],
    ),
    ("dbn", &["loss"]),
    ("up-down", &["log_likelihood_bound", "loss", "reconstruction_error"]),
    ("few", &["log_likelihood_bound", "loss", "reconstruction_error"]),
    ("autoencoder", &["cross_entropy", "squared_error"]),
    ("cnn", &["loss"]),
];

#[test]
fn figures_are_the_means_of_what_each_case_scores() {
    let folder = temporary();
    let at = folder.path();
    write(at, false);
    let weights: Vec<f64> = (0..CASES).map(|k| weight(k) as f64).collect();
    for ((kind, line), (same, expected)) in KINDS.into_iter().zip(SCORES) {
        assert_eq!(kind, same);
        let labels = if kind == "rbm" { "" } else { "--labels y.npy" };
        say(at, &format!("{line} --data x.npy {labels} --device cpu --out run")).done();
        let log_z = if ["class-rbm", "rbm"].contains(&kind) { "--exact" } else { "" };
        let line = format!(
            "eval run --data x.npy {labels} {log_z} --weights w.npy --per-case cases.csv --device cpu"
        );
        let found = json(&say(at, &format!("{line} --json")).done().out);
        let table = columns(&at.join("cases.csv"));
        let mut names: Vec<&str> = table.keys().map(String::as_str).collect();
        names.retain(|name| *name != "case");
        assert_eq!(names, expected, "{kind}");
        assert_eq!(numbers(&table["case"]), (0..CASES).map(|k| k as f64).collect::<Vec<_>>());
        for name in names {
            let each = numbers(&table[name]);
            let whole: f64 = weights.iter().sum();
            let mean = each.iter().zip(&weights).map(|(x, w)| x * w).sum::<f64>() / whole;
            let figure = found.get(format!("mean_{name}")).or(found.get(name));
            let figure = match (figure.and_then(|x| x.as_f64()), name) {
                (Some(figure), _) => figure,
                // A machine's JSON has the likelihood alone: ln p = -F - ln Z.
                (None, "free_energy") => {
                    let of = |key: &str| found[key].as_f64().unwrap();
                    -of("mean_log_likelihood") - of("log_partition")
                }
                (None, "mean_field_rounds") => found["mean_field_rounds"].as_f64().unwrap(),
                _ => panic!("{kind}: {name} is not in {found}"),
            };
            assert!((mean - figure).abs() < 1e-9 * figure.abs().max(1.0), "{kind}: {name}");
            let differ = each.iter().any(|x| x != &each[0]);
            assert!(differ || name == "mean_field_rounds", "{kind}: all cases have one {name}");
        }
        let said = say(at, &line).done();
        assert!(said.err.contains("cases.csv is there already, and is replaced"), "{}", said.err);
        let told = said.out.lines().find(|line| line.starts_with("each case: cases.csv"));
        assert!(told.is_some_and(|line| expected.iter().all(|name| line.contains(name))), "{kind}");
        fs::remove_file(at.join("cases.csv")).unwrap();
        fs::remove_dir_all(at.join("run")).unwrap();
    }
}

/// A case that is unlike the others stands out, by the name of its file.
#[test]
fn an_outlier_has_the_largest_error_and_its_file_s_name() {
    let folder = temporary();
    let at = folder.path();
    fs::create_dir(at.join("bars")).unwrap();
    for k in 0..30 {
        let pixel = |at: usize| if at % 8 == k % 8 { 255 } else { 0 };
        let pixels: Vec<u8> = (0..64).map(pixel).collect();
        write_grey_png(at.join(format!("bars/{k:02}.png")), 8, 8, &pixels).unwrap();
    }
    let line = "train autoencoder --layers 8 --pretrain none --epochs 200 --learning-rate 0.01";
    say(at, &format!("{line} --data bars --validation 0 --out run")).done();
    let odd: Vec<u8> = (0..64).map(|at| if at / 8 == 3 { 255 } else { 0 }).collect();
    write_grey_png(at.join("bars/17.png"), 8, 8, &odd).unwrap();
    say(at, "eval run --data bars --per-case cases.csv").done();
    let table = columns(&at.join("cases.csv"));
    let errors = numbers(&table["squared_error"]);
    let worst = (0..30).max_by(|&a, &b| errors[a].total_cmp(&errors[b])).unwrap();
    assert_eq!((worst, &table["file"][worst][..]), (17, "17.png"), "{errors:?}");
}

#[test]
fn what_cannot_be_written_case_by_case_is_refused() {
    let folder = temporary();
    let at = folder.path();
    let run = shared_run();
    let eval = |rest: &str| say(at, &format!("eval {run} --exact {rest}"));
    eval("--per-case cases.npy").refused(2, &["per-case: cases.npy does not end in .csv"]);
    eval("--per-case none/cases.csv").refused(1, &["the folder none does not exist"]);
    // Data and labels that a model itself names are not replaced, nor is what an evaluation writes besides.
    let row = |k: usize| format!("{},{},{}\n", k % 2, k / 2 % 2, k / 4 % 2);
    let rows: String = (0..20).map(row).collect();
    let labels: String = (0..20).map(|k| format!("{}\n", k % 3)).collect();
    fs::write(at.join("x.csv"), &rows).unwrap();
    fs::write(at.join("y.csv"), &labels).unwrap();
    write_npy(at.join("x.npy"), &(0..60).map(|k| (k % 2) as f32).collect::<Vec<_>>(), 3);
    say(at, "train rbm --hidden 2 --epochs 1 --data x.csv --labels none --out own").done();
    say(at, "eval own --per-case x.csv").refused(2, &["per-case", "x.csv", "--data"]);
    assert_eq!(text(at.join("x.csv")), rows);
    let line = "train class-rbm --hidden 2 --epochs 1 --data x.npy --labels y.csv --validation 0";
    say(at, &format!("{line} --out class")).done();
    say(at, "eval class --per-case y.csv").refused(2, &["per-case", "y.csv", "--labels"]);
    assert_eq!(text(at.join("y.csv")), labels);
    fs::create_dir(at.join("out")).unwrap();
    for line in ["--per-case class/confusion.csv", "--per-case out/confusion.csv --out out"] {
        say(at, &format!("eval class {line}")).refused(2, &["per-case", "confusion matrix"]);
    }
    let field = super::crf::shared().display();
    say(at, &format!("eval {field} --per-case cases.csv"))
        .refused(2, &["per-case: is of cases", "do not stand alone"]);
}
