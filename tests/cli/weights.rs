//! `--weights` of every kind of model: what training and evaluations see of cases that count differently.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{json, model_bytes, say, temporary, text, write_npy};

pub(super) const CASES: usize = 40;
const SIDE: usize = 4;

/// Bits of case `k`, of class k mod 3: stripes that its number moves, some turned over.
fn case(k: usize) -> Vec<f32> {
    let bit = |at: usize| {
        let stripe = match k % 3 {
            0 => at / SIDE,
            1 => at % SIDE,
            _ => at / SIDE + at % SIDE,
        };
        let turned = (at * 7 + k * 5).is_multiple_of(11);
        f32::from(u8::from((stripe + k / 3).is_multiple_of(2) != turned))
    };
    (0..SIDE * SIDE).map(bit).collect()
}

pub(super) fn weight(k: usize) -> usize {
    k / 2 % 3
}

/// Writes `x.npy`, `y.npy` and `w.npy`; with `blind` other cases stand where the weight is 0.
pub(super) fn write(folder: &Path, blind: bool) {
    fs::create_dir_all(folder).unwrap();
    let seen = |k: usize| if blind && weight(k) == 0 { k + 17 } else { k };
    let rows: Vec<f32> = (0..CASES).flat_map(|k| case(seen(k))).collect();
    let labels: Vec<f32> = (0..CASES).map(|k| (seen(k) % 3) as f32).collect();
    let weights: Vec<f32> = (0..CASES).map(|k| weight(k) as f32).collect();
    write_npy(folder.join("x.npy"), &rows, SIDE * SIDE);
    write_npy(folder.join("y.npy"), &labels, 1);
    write_npy(folder.join("w.npy"), &weights, 1);
    let net = "[[network.layers]]\ntype = 'linear'\nunits = 5\nactivation = 'tanh'\n\n[[network.layers]]\ntype = 'linear'\nunits = 3\n";
    fs::write(folder.join("cnn.toml"), net).unwrap();
}

/// Each kind of model, small enough for an exact ln Z.
pub(super) const KINDS: [(&str, &str); 9] = [
    ("rbm", "train rbm --hidden 5 --epochs 3 --pcd --centered"),
    ("class-rbm", "train class-rbm --hidden 5 --epochs 3 --objective generative --pcd --centered"),
    ("dbm", "train dbm --layers 5,4 --epochs 3 --classifier --classifier-epochs 3"),
    ("levels", "train dbm --layers 5,4 --epochs 2 --pretrain --pretrain-epochs 2 --centered"),
    ("dbn", "train dbn --layers 6,5 --pretrain-epochs 2 --epochs 3 --dropout 0.1"),
    ("up-down", "train dbn --layers 6,5 --pretrain-epochs 2 --epochs 3 --join-labels --up-down"),
    ("few", "train dbn --layers 6,5 --pretrain-epochs 2 --labelled 12 --join-labels"),
    (
        "autoencoder",
        "train autoencoder --layers 6,2 --pretrain-epochs 2 --epochs 3 --optimizer cg --sparse 0.2 --classifier",
    ),
    ("cnn", "train cnn --config cnn.toml --epochs 3"),
];

/// Trainings whose batches are cut into blocks, as ranks share them.
const CUT: [(&str, &str); 9] = [
    ("shared rbm", "train rbm --hidden 5 --epochs 3 --centered --reproducible"),
    (
        "shared class-rbm",
        "train class-rbm --hidden 5 --epochs 3 --objective generative --centered --reproducible",
    ),
    (
        "shared up-down",
        "train dbn --layers 6,5 --pretrain-epochs 2 --pretrain-cd 1 --epochs 3 --join-labels --up-down --reproducible",
    ),
    (
        "shared cg",
        "train autoencoder --layers 6,2 --pretrain-epochs 2 --epochs 3 --optimizer cg --reproducible",
    ),
    ("shared cnn", "train cnn --config cnn.toml --epochs 3 --reproducible"),
    (
        "persistent rbm",
        "train rbm --hidden 5 --epochs 3 --pcd --sparsity-target 0.1 --reproducible",
    ),
    ("shared dbm", "train dbm --layers 5,4 --epochs 3 --reproducible"),
    (
        "persistent class-rbm",
        "train class-rbm --hidden 5 --epochs 3 --objective generative --pcd --reproducible",
    ),
    (
        "persistent levels",
        "train dbn --layers 6,5 --pretrain-pcd --pretrain-epochs 2 --epochs 2 --reproducible",
    ),
];

/// `few` chooses cases by their classes, of which one that weighs nothing has another.
const CHOOSES: &str = "few";

#[test]
fn a_case_of_weight_0_changes_nothing_and_others_do() {
    let folder = temporary();
    let [one, other] = ["one", "other"].map(|name| folder.path().join(name));
    write(&one, false);
    write(&other, true);
    for (kind, line) in KINDS.into_iter().chain(CUT).filter(|(kind, _)| *kind != CHOOSES) {
        let plain = kind.ends_with(" rbm") || kind == "rbm";
        let batch = if plain { "--batch 10" } else { "" };
        let line = format!("{line} {batch} --data x.npy --labels y.npy --device cpu");
        let line = if plain { line.replace("--labels y.npy", "") } else { line };
        let [a, b] = [&one, &other].map(|at| {
            let said = say(at, &format!("{line} --weights w.npy --out run")).done();
            assert!(said.err.contains(", weighted"), "{kind}: {}", said.err);
            let metrics = text(at.join("run/metrics.jsonl"));
            let figures = |line: &str| {
                let Value::Object(mut figures) = json(line) else { panic!("{line}") };
                figures.retain(|key, _| !key.contains("second"));
                figures
            };
            let lines: Vec<_> = metrics.lines().map(figures).collect();
            (model_bytes(&at.join("run")), lines)
        });
        assert!(a.0 == b.0, "{kind}: other bits");
        assert_eq!(a.1, b.1, "{kind}");
        say(&one, &format!("{line} --out alike")).done();
        assert!(a.0 != model_bytes(&one.join("alike")), "{kind}: weights change nothing");
        for at in [&one, &other] {
            fs::remove_dir_all(at.join("run")).unwrap();
        }
        fs::remove_dir_all(one.join("alike")).unwrap();
    }
}

/// The numbers of an evaluation, but for times.
fn numbers(folder: &Path, line: &str) -> Vec<(String, f64)> {
    let Value::Object(found) = json(&say(folder, line).done().out) else { panic!("{line}") };
    let each = found.into_iter().filter(|(key, _)| key != "seconds");
    each.filter_map(|(key, value)| Some((key, value.as_f64()?))).collect()
}

#[test]
fn evaluations_by_weights_are_those_of_repeated_cases() {
    let folder = temporary();
    let at = folder.path();
    write(at, false);
    let repeated: Vec<usize> = (0..CASES).flat_map(|k| vec![k; weight(k)]).collect();
    let rows: Vec<f32> = repeated.iter().flat_map(|&k| case(k)).collect();
    let labels: Vec<f32> = repeated.iter().map(|&k| (k % 3) as f32).collect();
    write_npy(at.join("rx.npy"), &rows, SIDE * SIDE);
    write_npy(at.join("ry.npy"), &labels, 1);
    let first: Vec<f32> = (0..CASES).map(|k| if k < 10 { 3.0 } else { 0.0 }).collect();
    write_npy(at.join("first.npy"), &first, 1);
    for (kind, line) in KINDS {
        let own = if kind == "rbm" { "" } else { "--labels y.npy" };
        say(at, &format!("{line} --data x.npy {own} --device cpu --out run")).done();
        let log_z = if ["class-rbm", "rbm"].contains(&kind) { "--exact" } else { "" };
        let eval = |rest: &str| {
            let labels = if kind == "rbm" { "" } else { "--labels" };
            let (labels, rest) = match rest.split_once("LABELS ") {
                Some((file, rest)) if !labels.is_empty() => (format!("{labels} {file}"), rest),
                Some((_, rest)) => (String::new(), rest),
                None => panic!("{rest}"),
            };
            numbers(at, &format!("eval run {rest} {labels} {log_z} --json --device cpu"))
        };
        let same = |a: &[(String, f64)], b: &[(String, f64)], but: &[&str]| {
            assert_eq!(a.len(), b.len(), "{kind}");
            for ((key, a), (_, b)) in
                a.iter().zip(b).filter(|((key, _), _)| !but.contains(&&key[..]))
            {
                // Each case's number is the same but for rounding in a product of another height.
                assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{kind}, {key}: {a} {b}");
            }
        };
        let weighted = eval("y.npyLABELS --data x.npy --weights w.npy");
        let counts = ["cases", "wrong"];
        // Samples of hidden units belong to places, and errors tell how many values there are.
        let drawn = [
            "mean_log_likelihood_bound",
            "mean_log_likelihood_bound_std_error",
            "mean_log_likelihood_std_error",
            "mean_free_energy_std_error",
            "pseudo_log_likelihood",
            "pseudo_log_likelihood_std_error",
        ];
        same(&weighted, &eval("ry.npyLABELS --data rx.npy"), &[&counts[..], &drawn].concat());
        let alike = eval("y.npyLABELS --data x.npy");
        let differs = |key: &str| {
            let of = |all: &[(String, f64)]| all.iter().find(|(k, _)| k == key).map(|(_, x)| *x);
            of(&weighted).zip(of(&alike)).is_some_and(|(a, b)| (a - b).abs() > 1e-4)
        };
        let told = ["reconstruction_error", "squared_error", "loss"];
        assert!(told.into_iter().any(differs), "{kind}: {weighted:?} {alike:?}");
        // Ten cases that count are ten cases, their draws and errors among all else.
        let kept = json(&super::text(at.join("run/eval.json")));
        assert!(kept.get("weights").is_none(), "{kept}");
        let ten = eval("y.npyLABELS --data x.npy --weights first.npy");
        // What is kept says what it is of.
        let kept = json(&super::text(at.join("run/eval.json")));
        assert_eq!(kept["weights"], "first.npy", "{kept}");
        let chosen = ["pseudo_log_likelihood", "pseudo_log_likelihood_std_error"];
        let limited = eval("y.npyLABELS --data x.npy --limit 10");
        same(&ten, &limited, &[&counts[..], &chosen].concat());
        let few = "eval run --data x.npy --limit 9 --weights few.npy --labels y.npy";
        write_npy(at.join("few.npy"), &[1.0; 5], 1);
        let few = if kind == "rbm" { few.replace("--labels y.npy", "") } else { few.into() };
        say(at, &few).refused(1, &["5 weights for 9 cases"]);
        fs::remove_dir_all(at.join("run")).unwrap();
    }
}

#[test]
fn weights_that_change_or_leave_nothing_are_refused() {
    let folder = temporary();
    let at = folder.path();
    write(at, false);
    let line = "train cnn --config cnn.toml --data x.npy --labels y.npy --weights w.npy --learning-rate 0.01 --device cpu";
    say(at, &format!("{line} --epochs 1 --out run")).done();
    let mut weights: Vec<f32> = (0..CASES).map(|k| weight(k) as f32).collect();
    weights[3] += 1.0;
    write_npy(at.join("w.npy"), &weights, 1);
    say(at, "train cnn --resume --out run --epochs 2")
        .refused(1, &["x.npy", "their values, labels or weights changed"]);
    // All of the weight on one case: it is on one side.
    weights.fill(0.0);
    weights[3] = 1.0;
    write_npy(at.join("w.npy"), &weights, 1);
    say(at, &format!("{line} --epochs 1 --out none"))
        .refused(2, &["weights", "weigh 0", "--validation"]);
    let said = say(at, &format!("{line} --epochs 1 --validation 0 --out none")).done();
    assert!(said.err.contains("40 training cases of 3 classes, weighted"), "{}", said.err);
    say(at, &format!("{line} --stream --epochs 1 --out a"))
        .refused(2, &["weights", "all cases in memory"]);
    say(at, "eval run --data x.npy --labels y.npy --weights w.npy --stream --memory 1MiB")
        .refused(2, &["weights", "all cases in memory"]);
}

/// Scores in training look at 500 cases that count, not at the first 500.
#[test]
fn scores_look_at_cases_that_count() {
    let folder = temporary();
    let at = folder.path();
    let weights: Vec<f32> = (0..1500).map(|case| f32::from(u8::from(case >= 800))).collect();
    write_npy(at.join("w.npy"), &weights, 1);
    for (kind, line, key) in [
        ("rbm", "train rbm --hidden 5 --epochs 1", "reconstruction_error"),
        ("dbn", "train dbn --layers 5,4 --pretrain-epochs 1 --no-classifier", "level_error"),
        (
            "autoencoder",
            "train autoencoder --layers 5,4 --pretrain-epochs 1 --epochs 1",
            "level_error",
        ),
    ] {
        say(at, &format!("{line} --weights w.npy --device cpu --out {kind}")).done();
        let metrics = text(at.join(kind).join("metrics.jsonl"));
        let error = json(metrics.lines().next().unwrap())[key].as_f64();
        // 64 values in [0, 1], and of five units at most.
        assert!(error.is_some_and(|error| error > 0.1 && error < 30.0), "{kind}: {error:?}");
    }
}

/// Before anything is learnt biases are those of the means, of each level too; and errors of levels are by weights.
#[test]
fn the_first_biases_are_of_weighted_means() {
    let folder = temporary();
    let at = folder.path();
    write(at, false);
    let repeated = (0..CASES).flat_map(|k| vec![k; weight(k)]);
    write_npy(at.join("rx.npy"), &repeated.flat_map(case).collect::<Vec<f32>>(), SIDE * SIDE);
    for (kind, line, biases) in [
        ("rbm", "train rbm --hidden 5 --epochs 1 --learning-rate 1e-8", &["b"][..]),
        ("dbm", "train dbm --layers 5,4 --epochs 1 --learning-rate 1e-8", &["b"][..]),
        (
            "dbn",
            "train dbn --layers 6,5 --no-classifier --pretrain-epochs 1 --pretrain-learning-rate 1e-8",
            &["level1.b", "level2.b"][..],
        ),
    ] {
        let line = format!("{line} --validation 0 --device cpu");
        let of = |name: &str, rest: &str| {
            say(at, &format!("{line} {rest} --out {kind}-{name}")).done();
            let run = at.join(format!("{kind}-{name}"));
            let file = harmonium::run::ModelFile::load(run.join("model.safetensors")).unwrap();
            let values: Vec<f32> =
                biases.iter().flat_map(|b| file.tensors[*b].values.clone()).collect();
            let metrics = text(run.join("metrics.jsonl"));
            let errors = metrics.lines().filter_map(|line| json(line)["level_error"].as_f64());
            (values, errors.collect::<Vec<f64>>())
        };
        let weighted = of("weighted", "--data x.npy --weights w.npy");
        let repeated = of("repeated", "--data rx.npy");
        let alike = of("alike", "--data x.npy");
        let off =
            |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // ln p/(1 - p) of means that are rounded, p between 0.1 and 0.9.
        assert!(off(&weighted.0, &repeated.0) < 1e-5, "{kind}");
        assert!(off(&weighted.0, &alike.0) > 1e-2, "{kind}");
        assert_eq!(weighted.1.len(), if kind == "dbn" { 2 } else { 0 });
        for ((a, b), c) in weighted.1.iter().zip(&repeated.1).zip(&alike.1) {
            assert!((a - b).abs() < 1e-5 && (a - c).abs() > 1e-5, "{kind}: {a} {b} {c}");
        }
    }
}
