//! `harmonium train crf` in several stages: folds, layers that are pre-trained, fields above fields; and items with
//! attributes.

use std::fs;
use std::path::Path;

use harmonium::Device;
use harmonium::jobs::{Trained, TrainedCrf};
use harmonium::models::Pairwise;

use super::{crf, dbn, json, names, say, temporary, text};
use crate::support;

fn summary(run: &Path) -> serde_json::Value {
    json(&text(run.join("summary.json")))
}

fn stages(run: &Path) -> Vec<String> {
    let mut stages: Vec<String> = text(run.join("metrics.jsonl"))
        .lines()
        .map(|line| json(line)["stage"].as_str().unwrap_or("").to_string())
        .collect();
    stages.dedup();
    stages
}

/// Each fold's field is the one that a run of that fold alone trains, and its file is scored on the fold it has not seen.
#[test]
fn folds_are_trained_as_if_each_were_alone() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("letter.data"), support::letters(40)).unwrap();
    let line = "train crf --data letter.data --layers 6 --epochs 2 --batch 8 --learning-rate 0.001 --device cpu";
    let said = say(at, &format!("{line} --folds 3 --compare-unary --out folds")).done();
    for part in
        ["the first of 3 folds", "fold 2: ", "3 folds: ", "standard deviation between folds"]
    {
        assert!(said.err.contains(part), "{part} in {}", said.err);
    }
    let run = at.join("folds");
    let expected: Vec<String> = (0..3)
        .flat_map(|fold| [format!("fold {fold}, without a chain"), format!("fold {fold}")])
        .collect();
    assert_eq!(stages(&run), expected);
    let whole = summary(&run);
    let errors: Vec<f64> =
        whole["fold_errors"].as_array().unwrap().iter().map(|e| e.as_f64().unwrap()).collect();
    assert_eq!(errors.len(), 3);
    let mean = errors.iter().sum::<f64>() / 3.0;
    assert!((whole["test_error"].as_f64().unwrap() - mean).abs() < 1e-12, "{whole}");
    let spread = (errors.iter().map(|e| (e - mean).powi(2)).sum::<f64>() / 2.0).sqrt();
    assert!((whole["fold_error_deviation"].as_f64().unwrap() - spread).abs() < 1e-12, "{whole}");
    assert!(whole["unary_test_error"].as_f64().is_some(), "{whole}");
    for (fold, error) in errors.iter().enumerate() {
        let alone = format!("alone-{fold}");
        say(at, &format!("{line} --fold {fold} --out {alone}")).done();
        assert_eq!(summary(&at.join(&alone))["test_error"].as_f64(), Some(*error), "{fold}");
        let file = format!("folds/fold-{fold}.safetensors");
        let weights = |path: &Path| {
            let field =
                Trained::open(path, &Device::cpu(), None).unwrap().of_kind::<TrainedCrf>().unwrap();
            field.crf.transitions().value.to_vec().unwrap()
        };
        assert_eq!(weights(&at.join(&file)), weights(&at.join(&alone)), "{fold}");
        let found = json(&say(at, &format!("eval {file} --json --device cpu")).done().out);
        assert_eq!(found["error"].as_f64(), Some(*error), "{found}");
        assert_eq!(found["positions"], 12);
    }
    assert!(!names(&at.join("alone-0")).iter().any(|name| name.starts_with("fold-")));
    assert!(text(run.join("report.html")).contains("Folds"));
    say(at, "compare folds alone-0").done();
    say(at, &format!("{line} --folds 3 --fold 1 --out a"))
        .refused(2, &["--folds", "cannot be used with", "--fold <K>"]);
    say(at, &format!("{line} --folds 11 --out a")).refused(2, &["folds"]);
    say(at, "train crf --folds 3 --out a").refused(2, &["folds", "words has no folds"]);
}

/// The layers begin as the machines were left, and learn on from there.
#[test]
fn hidden_layers_are_pretrained() {
    let folder = temporary();
    let at = folder.path();
    let line = "train crf --epochs 1 --optimizer sgd --learning-rate 1e-12 --device cpu";
    let said = say(
        at,
        &format!(
            "{line} --layers 60,20 --pretrain --unlabelled words --pretrain-epochs 3 --out run"
        ),
    )
    .done();
    assert!(said.err.contains("600 without labels"), "{}", said.err);
    let run = at.join("run");
    assert_eq!(stages(&run), ["level 1", "level 2", "crf"]);
    let errors: Vec<f64> = text(run.join("metrics.jsonl"))
        .lines()
        .filter_map(|line| json(line)["level_error"].as_f64())
        .collect();
    assert!(errors.len() == 6 && errors[2] < errors[0] && errors[5] < errors[3], "{errors:?}");
    let layers = |run: &Path| -> Vec<Vec<f32>> {
        let field =
            Trained::open(run, &Device::cpu(), None).unwrap().of_kind::<TrainedCrf>().unwrap();
        field.crf.layers().parameters().map(|p| p.value.to_vec().unwrap()).collect()
    };
    // Machines give back what they read, and weights that are drawn do not: the field's own layers do too.
    say(at, &format!("{line} --layers 60,20 --hidden sigmoid --out drawn")).done();
    let again = |layers: &[Vec<f32>]| {
        let words = harmonium::data::load_sequences("words").unwrap().train.cases;
        let sigmoid = |x: f32| 1.0 / (1.0 + (-x).exp());
        let mut signs = 0.0;
        for case in 0..50 {
            let v = words.row(case);
            let h: Vec<f32> = (0..60)
                .map(|j| {
                    let sum: f32 =
                        v.iter().enumerate().map(|(i, v)| v * layers[0][i * 60 + j]).sum();
                    sigmoid(sum + layers[1][j])
                })
                .collect();
            let back: Vec<f32> =
                (0..64).map(|i| (0..60).map(|j| h[j] * layers[0][i * 60 + j]).sum()).collect();
            let centred = |x: &[f32]| -> Vec<f32> {
                let mean = x.iter().sum::<f32>() / x.len() as f32;
                x.iter().map(|x| x - mean).collect()
            };
            let (v, back) = (centred(&v), centred(&back));
            signs += v.iter().zip(&back).map(|(v, b)| f64::from(v * b).signum()).sum::<f64>();
        }
        signs / (50.0 * 64.0)
    };
    let (trained, drawn) = (again(&layers(&run)), again(&layers(&at.join("drawn"))));
    // Of 3,200 signs that are tossed, as many more agree than not with a deviation of 57.
    assert!(trained > 0.1 && trained > drawn, "{trained} {drawn}");

    let net = dbn::shared().to_str().unwrap();
    let said = say(at, &format!("{line} --from {net} --layers 60,60 --out from")).done();
    assert!(!said.err.contains("level 3"), "{}", said.err);
    let found = layers(&at.join("from"));
    let Trained::Dbn(dbn) = Trained::open(dbn::shared(), &Device::cpu(), None).unwrap() else {
        panic!()
    };
    let own = dbn.net.levels()[0].weights().to_vec().unwrap();
    assert_eq!(own.len(), found[0].len());
    assert!(own.iter().zip(&found[0]).all(|(a, b)| (a - b).abs() < 1e-6));

    say(at, "train crf --pretrain --hidden relu")
        .refused(2, &["hidden", "whose units are sigmoid"]);
    say(at, "train crf --pretrain --layers none")
        .refused(2, &["pretrain", "--layers none has none"]);
    say(at, "train crf --unlabelled words").refused(2, &["--pretrain"]);
    say(at, &format!("train crf --from {net} --layers 30,20")).refused(
        2,
        &["from", "its level 1 is 64-60, sigmoid, and that asked for is 64-30, sigmoid"],
    );
    say(at, &format!("train crf --from {net} --layers 60 --window 1"))
        .refused(2, &["its level 1 is 64-60, sigmoid, and that asked for is 192-60"]);
    let field = crf::shared().to_str().unwrap();
    say(at, &format!("train crf --from {field}")).refused(2, &["it is a conditional random field"]);
}

/// A field above another one is trained after it, reads as well, and its file has both.
#[test]
fn a_second_field_reads_what_the_first_one_says() {
    let folder = temporary();
    let at = folder.path();
    let said =
        say(at, "train crf --stages 2 --epochs 8 --compare-unary --device cpu --out run").done();
    assert!(said.err.contains("field: "), "{}", said.err);
    let run = at.join("run");
    assert_eq!(stages(&run), ["without a chain", "field 1", "crf"]);
    let found = summary(&run);
    // What no net can fall below that sees each position by itself: see `crf.rs`.
    assert!(found["test_error"].as_f64().unwrap() < 0.19, "{found}");
    let field = Trained::open(&run, &Device::cpu(), None).unwrap().of_kind::<TrainedCrf>().unwrap();
    let lower = field.crf.lower().unwrap();
    assert!(lower.transitions().value.to_vec().unwrap().iter().any(|a| a.abs() > 0.1));
    assert_eq!(found["parameters"].as_u64(), Some(field.crf.trained() as u64));
    let error = json(&say(at, "eval run/model.safetensors --json --device cpu").done().out);
    assert_eq!(error["error"], found["test_error"]);
    for line in ["predict run --data words --limit 3", "features run --out f.png", "report run"] {
        say(at, line).done();
    }
    say(at, "train crf --stages 0").refused(2, &["stages"]);
}

/// Scores of each position's transitions: of a field and of one above it, with forbidden ones, beside the same net without a
/// chain; its file, what it reads, and a run that goes on.
#[test]
fn transitions_are_scored_by_features() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("never"), "0 1\n").unwrap();
    let line = "train crf --pairwise features --layers 20 --learning-rate 0.01 --device cpu";
    say(at, &format!("{line} --epochs 6 --forbid never --out run"))
        .refused(1, &["label 0 is followed by label 1", "--forbid"]);
    let said = say(at, &format!("{line} --epochs 6 --compare-unary --stages 2 --out run")).done();
    assert!(said.err.contains("pairwise: 110 scores for each position, up to "), "{}", said.err);
    let run = at.join("run");
    assert_eq!(stages(&run), ["without a chain", "field 1", "crf"]);
    let found = summary(&run);
    // What no net can fall below that sees each position by itself: see `crf.rs`.
    assert!(found["test_error"].as_f64().unwrap() < 0.19, "{found}");
    assert!(found["unary_test_error"].as_f64().unwrap() > 0.19, "{found}");
    let field = Trained::open(&run, &Device::cpu(), None).unwrap().of_kind::<TrainedCrf>().unwrap();
    for crf in [&field.crf, field.crf.lower().unwrap()] {
        assert_eq!(crf.spec().pairwise, Pairwise::Features);
        let weights = crf.layers().parameters().nth(2).unwrap().value.to_vec().unwrap();
        assert_eq!(weights.len(), 20 * 110);
        assert!(weights.chunks_exact(110).flat_map(|row| &row[10..]).any(|w| w.abs() > 0.01));
    }
    let error = json(&say(at, "eval run/model.safetensors --json --device cpu").done().out);
    assert_eq!(error["error"], found["test_error"]);
    for line in ["predict run --data words --limit 3", "features run --out f.png", "report run"] {
        say(at, line).done();
    }
    assert!(text(run.join("report.html")).contains("scores of each position's own"));
    say(at, &format!("{line} --epochs 3 --out half")).done();
    say(at, "train crf --resume --out half --epochs 6").done();
    say(at, &format!("{line} --epochs 6 --out whole")).done();
    let [half, whole] =
        ["half", "whole"].map(|run| fs::read(at.join(run).join("model.safetensors")));
    assert!(half.unwrap() == whole.unwrap(), "a run that went on has other bits");
    say(at, "train crf --resume --out half --pairwise constant").refused(2, &["pairwise"]);
    say(at, "train crf --pairwise both").refused(2, &["pairwise", "constant, features"]);
}

/// Layers of a file, as those of cnn: a position is a picture, and its neighbours are channels.
#[test]
fn pictures_are_read_by_convolutions() {
    let folder = temporary();
    let at = folder.path();
    let layers = "epochs = 6\nwindow = 1\n[[network.layers]]\ntype = 'conv'\nmaps = 6\nkernel = 3\nactivation = 'relu'\n\
                  [[network.layers]]\ntype = 'pool'\nkind = 'max'\nsize = 2\n\
                  [[network.layers]]\ntype = 'linear'\nunits = UNITS\n";
    fs::write(at.join("conv.toml"), layers.replace("UNITS", "10")).unwrap();
    say(at, "train crf --config conv.toml --device cpu --out run").done();
    // What no net can fall below that sees each position by itself: see `crf.rs`.
    let found = summary(&at.join("run"));
    assert!(found["test_error"].as_f64().unwrap() < 0.19, "{found}");
    let field = Trained::open(&at.join("run"), &Device::cpu(), None)
        .unwrap()
        .of_kind::<TrainedCrf>()
        .unwrap();
    assert_eq!(field.crf.spec().input, [3, 8, 8]);
    let kernel = field.crf.layers().parameters().next().unwrap().value.shape().dims().to_vec();
    assert_eq!(kernel, [6, 3, 3, 3]);
    let error = json(&say(at, "eval run/model.safetensors --json --device cpu").done().out);
    assert_eq!(error["error"], found["test_error"]);
    for line in [
        "features run --out f.png",
        "transform run --data words --level 1 --out t.npy",
        "report run",
    ] {
        say(at, line).done();
    }
    fs::write(at.join("nine.toml"), layers.replace("UNITS", "9")).unwrap();
    say(at, "train crf --config nine.toml --out a")
        .refused(2, &["layers", "a chain of 10 labels expects [10]"]);
    fs::write(at.join("bad.toml"), layers.replace("UNITS", "10").replace("maps", "cards")).unwrap();
    say(at, "train crf --config bad.toml --out a").refused(1, &["bad.toml", "layer 1", "cards"]);
    say(at, "train crf --config conv.toml --layers 20 --out a")
        .refused(2, &["layers", "[[network.layers]]"]);
    say(at, "train crf --config conv.toml --stages 2 --out a")
        .refused(2, &["stages", "take pictures"]);
    fs::write(at.join("items.txt"), items(9, 0)).unwrap();
    say(at, "train crf --config conv.toml --data items.txt --out a")
        .refused(2, &["network", "are none"]);
}

/// Labels in turn; one item in two shows its own, so that only neighbours tell those of the others.
fn items(sequences: usize, shift: usize) -> String {
    let mut lines = String::new();
    for s in 0..sequences {
        let mut label = (s * 5 + shift) % 3;
        for t in 0..3 + s % 4 {
            let name = ["N", "V", "D"][label];
            // All show something that does not matter.
            let shown = if (s + t) % 2 == 0 { format!("\tw\\:{label}:2") } else { String::new() };
            lines += &format!("{name}\tx={}\tbias{shown}\n", (s * 7 + t) % 5);
            label = (label + 1) % 3;
        }
        lines += "\n";
    }
    lines
}

#[test]
fn items_with_attributes_are_learnt_and_read() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("train.txt"), items(60, 0)).unwrap();
    // The same attributes in another order, and one that was never seen.
    let test = items(30, 1);
    fs::write(at.join("test.txt"), &test).unwrap();
    let other = format!("N\tx=never\tx=4\n\n{test}");
    fs::write(at.join("other.txt"), &other).unwrap();
    let line = "train crf --data train.txt --layers none --epochs 30 --batch 8 --learning-rate 0.05 --device cpu --out run";
    say(at, line).done();
    let eval = |file: &str| {
        let said =
            say(at, &format!("eval run/model.safetensors --data {file} --json --device cpu"))
                .done();
        (json(&said.out), said.err)
    };
    let (found, said) = eval("test.txt");
    assert!(found["error"].as_f64().unwrap() < 0.02, "{found}");
    assert!(!said.contains("have no say"), "{said}");
    let (shuffled, said) = eval("other.txt");
    assert!(said.contains("1 of 10 attributes are none of those learnt from"), "{said}");
    let [all, own] = [&shuffled, &found].map(|found| found["wrong"].as_u64().unwrap());
    assert!(all <= own + 1, "{shuffled} {found}");
    // Without labels.
    let bare: String = test
        .lines()
        .map(|l| l.split_once('\t').map_or(String::new(), |(_, a)| format!("\t{a}")) + "\n")
        .collect();
    fs::write(at.join("bare.txt"), bare).unwrap();
    let table = say(at, "predict run --data bare.txt --device cpu").done().out;
    assert!(
        table.starts_with("sequence,position,predicted,probability,log_probability,D,N,V\n"),
        "{table}"
    );
    say(at, "eval run --data bare.txt").refused(1, &["has no labels"]);
    say(at, "predict run --data bare.txt --out p.csv --picture p.png")
        .refused(2, &["picture", "the positions of bare.txt are none"]);
    say(at, "eval run --data words").refused(1, &["positions of 64 values", "the field reads 9"]);
}
