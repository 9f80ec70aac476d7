//! Tables by the names of their columns, with and without labels, and what refusals advise.

use std::fs;
use std::path::Path;

use super::{npy, say, temporary, text};

/// With which a classification machine tells the two kinds apart.
const WELL: &str = "--epochs 60 --batch 10 --learning-rate 0.3";
const NAMES: [&str; 4] = ["a", "b", "c", "d"];

/// Cases of two kinds, by columns in this order; `kind` in the place of their names at the end.
fn table(path: &Path, order: [usize; 4], names: [&str; 4], label: &dyn Fn(usize) -> String) {
    let head: Vec<&str> = order.iter().map(|&k| names[k]).collect();
    let mut out = format!("{},species\n", head.join(","));
    for i in 0..60 {
        let own = |k: usize| f64::from(((i * (2 * k + 3) + 7 * k) % 11) as u8) / 25.0;
        let value = |k: usize| if (i % 2 == 0) == (k < 2) { 0.55 + own(k) } else { own(k) };
        let cells: Vec<String> = order.iter().map(|&k| format!("{:.3}", value(k))).collect();
        out.push_str(&format!("{},{}\n", cells.join(","), label(i)));
    }
    fs::write(path, out).unwrap();
}

fn species(i: usize) -> String {
    if i.is_multiple_of(2) { "rose".into() } else { "daisy".into() }
}

#[test]
fn columns_are_known_by_their_names() {
    let folder = temporary();
    let at = folder.path();
    table(&at.join("train.csv"), [0, 1, 2, 3], NAMES, &species);
    table(&at.join("other.csv"), [3, 0, 2, 1], NAMES, &species);
    table(&at.join("spelt.csv"), [3, 0, 2, 1], ["A", " b ", "\"C\"", "_d"], &species);
    table(&at.join("wide.csv"), [3, 0, 2, 1], NAMES, &|i| format!("{},{}", i * i, species(i)));
    let wide = text(at.join("wide.csv")).replacen(",species", ",noise,species", 1);
    fs::write(at.join("wide.csv"), wide).unwrap();
    let train = "--data train.csv --labels species --hidden 6 --epochs 3 ";
    say(at, &format!("train class-rbm {train} {WELL} --out net").replace("--epochs 3 ", "")).done();
    say(at, &format!("train rbm {train} --out rbm")).done();
    say(at, &format!("train rbm {train} --stream --out streamed")).done();
    say(at, &format!("train autoencoder {train} --layers 3 --out auto").replace("--hidden 6 ", ""))
        .done();
    let predicted = |options: &str| {
        let said = say(at, &format!("predict net {options} --out p.csv")).done();
        (text(at.join("p.csv")), said.err)
    };
    let (expected, said) = predicted("--data train.csv --labels species");
    assert!(!said.contains("order"), "{said}");
    for options in [
        "--data other.csv",
        "--data other.csv --labels species",
        "--data other.csv --stream",
        "--data spelt.csv",
        "--data wide.csv",
    ] {
        let (found, said) = predicted(options);
        assert_eq!(found, expected, "{options}");
        assert!(said.contains("another order than the training data's"), "{options}: {said}");
        assert_eq!(said.contains("left out: 5 ('noise')"), options.contains("wide"), "{said}");
    }
    for model in ["rbm", "streamed", "auto"] {
        let given = |command: &str, data: &str| {
            let said = say(at, &format!("{command} {model} --data {data} --out v.npy")).done();
            (npy(at.join("v.npy")), said.err)
        };
        for command in ["transform", "reconstruct"] {
            let (expected, _) = given(command, "train.csv");
            let (found, said) = given(command, "other.csv");
            assert!(said.contains("another order"), "{model}: {said}");
            assert_eq!(found.0, expected.0, "{command} {model}");
            let (own, other) = (expected.1, found.1);
            let apart = own.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(apart < 1e-6, "{command} {model}: {apart}");
        }
    }
    let right = |data: &str| super::json(&say(at, &format!("eval net {data} --json")).done().out);
    let (own, other) = (right("--split train"), right("--data other.csv"));
    assert!(own["error"].is_f64() && own["wrong"].is_u64(), "{own}");
    assert_eq!(own["error"], other["error"]);
    assert_eq!(own["wrong"], 0, "{own}");
    assert_eq!(own["wrong"], other["wrong"]);

    // Names of which none is known are taken by their place, and some of which are known are refused.
    table(&at.join("foreign.csv"), [0, 1, 2, 3], ["p", "q", "r", "s"], &species);
    let (found, said) = predicted("--data foreign.csv --labels species");
    assert_eq!(found, expected);
    assert!(said.contains("none of the columns has a name of the training data's"), "{said}");
    table(&at.join("partly.csv"), [0, 1, 2, 3], ["a", "b", "c", "x"], &species);
    say(at, "predict net --data partly.csv --labels species")
        .refused(1, &["partly.csv", "no column named 'd'", "remove the line of names"]);
    say(at, "predict net --data other.csv --labels d")
        .refused(2, &["labels: ", "'d' is a column of the training data"]);
}

#[test]
fn the_parts_of_a_folder_have_their_columns_in_one_order() {
    let folder = temporary();
    let at = folder.path();
    fs::create_dir(at.join("both")).unwrap();
    table(&at.join("both/train.csv"), [0, 1, 2, 3], NAMES, &species);
    table(&at.join("both/test.csv"), [0, 1, 2, 3], NAMES, &species);
    let train = |name: &str, options: &str| {
        let line = format!(
            "train rbm --data both --labels species --hidden 6 --epochs 2 --out {name} {options}"
        );
        say(at, &line).done();
        let summary = super::json(&text(at.join(name).join("summary.json")));
        summary["test_reconstruction_error"].as_f64().expect("the error of the test part")
    };
    let (own, streamed) = (train("own", ""), train("streamed", "--stream"));
    table(&at.join("both/test.csv"), [2, 3, 1, 0], NAMES, &species);
    assert_eq!(train("other", ""), own);
    assert_eq!(train("streamed2", "--stream"), streamed);
}

#[test]
fn labels_are_not_needed_to_predict() {
    let folder = temporary();
    let at = folder.path();
    table(&at.join("train.csv"), [0, 1, 2, 3], NAMES, &species);
    let some = |i: usize| if i == 4 || i == 9 { String::new() } else { species(i) };
    table(&at.join("gaps.csv"), [0, 1, 2, 3], NAMES, &some);
    table(&at.join("all.csv"), [0, 1, 2, 3], NAMES, &|_| String::new());
    let data = "--data train.csv --labels species";
    say(at, &format!("train class-rbm {data} --hidden 6 {WELL} --out net")).done();
    say(at, "predict net --data train.csv --labels none --out whole.csv").done();
    let whole = text(at.join("whole.csv"));
    assert!(whole.starts_with("case,predicted,p("), "{whole}");
    for (options, said) in [
        ("--data gaps.csv", "the label is missing in 2 of 60 lines, the first of them line 6"),
        ("--data gaps.csv --labels species", "the label is missing in 2 of 60 lines"),
        ("--data gaps.csv --stream", "the label is missing in 2 of 60 lines"),
        ("--data all.csv", "the label is missing in 60 of 60 lines"),
        ("--data gaps.csv --labels none", "left out: 5 ('species')"),
        ("--data train.csv --labels none", "left out: 5 ('species')"),
    ] {
        let found = say(at, &format!("predict net {options} --out p.csv")).done();
        assert_eq!(text(at.join("p.csv")), whole, "{options}");
        assert!(found.err.contains(said), "{options}: {}", found.err);
    }
    say(at, "eval net --data gaps.csv")
        .refused(1, &["line 6", "column 5 ('species')", "a missing value"]);
}

#[test]
fn the_advice_is_what_the_command_offers() {
    let folder = temporary();
    let at = folder.path();
    let lines: Vec<String> = (0..20).map(|i| format!("{},{},7.5,{}", i, i * 3, i % 2)).collect();
    fs::write(at.join("t.csv"), format!("a,b,c,label\n{}\n", lines.join("\n"))).unwrap();
    let refused = |kind: &str| {
        let line = format!("train {kind} --data t.csv --epochs 1 --out r");
        let said = say(at, &line).refused(1, &["outside [0, 1]", "--scale"]);
        said.error().to_string()
    };
    let said = refused("rbm --hidden 3");
    assert!(said.contains("--visible gaussian"), "{said}");
    let said = refused("class-rbm --hidden 3");
    assert!(!said.to_lowercase().contains("gaussian"), "{said}");
    let said = refused("autoencoder --layers 2 --loss cross-entropy");
    assert!(said.contains("--loss squared-error"), "{said}");
    assert!(!said.to_lowercase().contains("gaussian"), "{said}");
    assert_eq!(said.matches("t.csv").count(), 1, "{said}");
    // A default of the bundled digits is none of softmax units'.
    let said = say(at, "train rbm --visible softmax:21 --hidden 4 --epochs 1 --out s").done();
    assert!(said.err.contains("digits") && !said.err.contains("binarised"), "{}", said.err);
    say(at, "train rbm --visible softmax:21 --binarize 0.5 --hidden 4 --epochs 1 --out b")
        .refused(2, &["binarize: '0.5' makes bits"]);
}
