//! A run: what it prints, what it leaves, and that it can be had again bit for bit.

use std::fs;

use super::{
    assert_picture, command, config, finish, json, model, model_bytes, names, say, shared,
    temporary, text, train,
};
use crate::support;

#[test]
fn standard_output_carries_results_alone() {
    let (_, out, err) = shared();
    let first: Vec<&str> = out.lines().map(|line| line.split([' ', ':']).next().unwrap()).collect();
    assert_eq!(
        first,
        [
            "rbm",
            "reconstruction",
            "pseudo-likelihood",
            "model",
            "picture",
            "picture",
            "picture",
            "picture",
            "report"
        ]
    );
    assert!(out.contains("64 visible and 12 hidden units, 20 epochs, 280 updates"), "{out}");
    let begins: Vec<&str> = err.lines().map(|line| line.split(':').next().unwrap()).collect();
    assert_eq!(begins, ["device", "data", "run"], "{err}");
    assert!(err.contains("1350 training cases and 150 held out"), "{err}");
}

#[test]
fn a_run_folder_is_complete() {
    let run = &shared().0;
    assert_eq!(
        names(run),
        [
            ".lock",
            "checkpoint-a.safetensors",
            "checkpoint-b.safetensors",
            "config.toml",
            "curves.svg",
            "filters.png",
            "metrics.jsonl",
            "model.safetensors",
            "reconstructions.png",
            "report.html",
            "samples.png",
            "summary.json"
        ]
    );
    let config = config(run);
    let settings = [
        "data",
        "visible",
        "hidden",
        "cd",
        "epochs",
        "batch",
        "learning_rate",
        "momentum",
        "weight_decay",
        "centered",
        "binarize",
        "standardize",
        "validation",
        "seed",
        "device",
        "run",
    ];
    for key in settings {
        assert!(config.contains_key(key), "{key}");
    }
    assert_eq!(config["run"]["harmonium"].as_str(), Some(env!("CARGO_PKG_VERSION")));
    assert_eq!(config["run"]["backend"].as_str(), Some("cpu"));
    assert_eq!(config["run"]["training_cases"].as_integer(), Some(1350));

    let metrics: Vec<_> = text(run.join("metrics.jsonl")).lines().map(json).collect();
    let epochs: Vec<_> = metrics.iter().map(|m| m["epoch"].as_u64().unwrap()).collect();
    assert_eq!(epochs, (1..=20).collect::<Vec<_>>());
    assert!(
        metrics.iter().all(|m| m["updates"] == 14 && m["cases_per_second"].as_f64() > Some(0.0))
    );
    assert_eq!((&metrics[4]["momentum"], &metrics[5]["momentum"]), (&0.5.into(), &0.9.into()));

    let summary = json(&text(run.join("summary.json")));
    let number = |key: &str| summary[key].as_f64().unwrap_or_else(|| panic!("{key}: {summary}"));
    assert_eq!((number("epochs"), number("updates"), number("hidden_units")), (20.0, 280.0, 12.0));
    for key in ["seconds", "cases_per_second", "reconstruction_error", "free_energy_gap"] {
        assert!(number(key).is_finite(), "{key}");
    }
    assert!(number("pseudo_log_likelihood") < 0.0);
    assert_eq!(summary["device"]["backend"], "cpu");
    let last = metrics.last().unwrap();
    for key in ["reconstruction_error", "validation_reconstruction_error", "pseudo_log_likelihood"]
    {
        assert_eq!(last[key].as_f64(), Some(number(key)), "{key}");
    }
    // It has learnt: below the 8.3 of a machine that knows the means alone.
    assert!(number("reconstruction_error") < 6.0 && number("test_reconstruction_error") < 6.0);
}

#[test]
fn the_pictures_show_something() {
    let run = &shared().0;
    // 12 filters, 4 × 3; 100 chains; 40 cases above their reconstructions.
    let (width, height) = assert_picture(run.join("filters.png"));
    assert!(width > height);
    let (width, height) = assert_picture(run.join("samples.png"));
    assert_eq!(width, height);
    assert_picture(run.join("reconstructions.png"));
    let svg = text(run.join("curves.svg"));
    assert!(svg.starts_with("<svg") && svg.trim_end().ends_with("</svg>"));
    for title in ["Reconstruction error", "Pseudo-likelihood", "Free-energy gap"] {
        assert!(svg.contains(title), "{title}");
    }
    assert!(svg.matches("<circle").count() > 10, "marks of scored epochs");
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let folder = temporary();
    for (options, out) in [("", "a"), ("", "b"), ("--seed 2", "c")] {
        train(folder.path(), &format!("{options} --out {out}")).done();
    }
    let bytes = |run: &str| model_bytes(&folder.path().join(run));
    assert_eq!(bytes("a"), bytes("b"));
    assert_ne!(bytes("a"), bytes("c"));
    let (a, c) = (model(&folder.path().join("a")), model(&folder.path().join("c")));
    assert_ne!(a.w, c.w, "the seeds differ in the metadata alone");
}

#[test]
fn a_run_is_made_again_from_its_own_config() {
    let folder = temporary();
    train(
        folder.path(),
        "--pcd 2 --centered --sparsity-target 0.1 --seed 7 --binarize sample --out a",
    )
    .done();
    say(folder.path(), "train rbm --config a/config.toml --out b").done();
    assert_eq!(model_bytes(&folder.path().join("a")), model_bytes(&folder.path().join("b")));
    assert_eq!(config(&folder.path().join("a")), config(&folder.path().join("b")));
}

#[test]
fn runs_are_numbered() {
    let folder = temporary();
    let (first, second) = (train(folder.path(), "").done(), train(folder.path(), "").done());
    assert!(first.err.contains("run: runs/rbm-1\n"), "{}", first.err);
    assert!(second.out.contains("model: runs/rbm-2/model.safetensors"), "{}", second.out);
    fs::create_dir(folder.path().join("runs/rbm-7")).unwrap();
    train(folder.path(), "").done();
    assert_eq!(names(&folder.path().join("runs")), ["rbm-1", "rbm-2", "rbm-7", "rbm-8"]);
}

#[test]
fn an_older_run_is_replaced_with_force_alone() {
    let folder = temporary();
    train(folder.path(), "--seed 1 --out run").done();
    let old = model_bytes(&folder.path().join("run"));
    train(folder.path(), "--seed 2 --out run").refused(1, &["run is not empty", "--force"]);
    assert_eq!(model_bytes(&folder.path().join("run")), old);
    train(folder.path(), "--seed 2 --out run --force").done();
    assert_ne!(model_bytes(&folder.path().join("run")), old);
    assert_eq!(text(folder.path().join("run/metrics.jsonl")).lines().count(), 2);

    fs::create_dir(folder.path().join("mine")).unwrap();
    fs::write(folder.path().join("mine/thesis.tex"), "x").unwrap();
    train(folder.path(), "--out mine --force").refused(1, &["thesis.tex", "no run"]);
    assert_eq!(names(&folder.path().join("mine")), ["thesis.tex"]);
    train(folder.path(), "--force").refused(2, &["--out"]);
    train(folder.path(), "--out mine/thesis.tex").refused(1, &["is a file"]);
}

#[test]
fn divergence_names_epoch_and_step_and_keeps_what_was_written() {
    let folder = temporary();
    for (name, options, epoch) in [
        ("gaussian", "--visible gaussian --learning-rate 1000", "epoch 1, step "),
        ("bernoulli", "--learning-rate 0.1,2:1e6 --epochs 9", "epoch "),
    ] {
        say(folder.path(), &format!("train rbm --hidden 12 {options} --out {name}"))
            .refused(1, &["training diverged at", epoch, ", step ", "lower the learning rate"]);
        let run = folder.path().join(name);
        let kept = names(&run);
        let kept: Vec<&str> =
            kept.iter().map(|n| &n[..]).filter(|n| !n.starts_with("checkpoint-")).collect();
        assert_eq!(kept, [".lock", "config.toml", "metrics.jsonl"]);
        let lines = text(run.join("metrics.jsonl"));
        lines.lines().map(json).for_each(|line| assert!(line["epoch"].is_u64(), "{line}"));
        config(&run);
        say(folder.path(), &format!("sample {name} --out x.npy"))
            .refused(1, &["no model.safetensors", "did not finish"]);
    }
    // The epochs before it are on record.
    assert!(text(folder.path().join("bernoulli/metrics.jsonl")).lines().count() >= 2);
}

#[test]
fn a_profile_is_a_table() {
    let folder = temporary();
    let said = train(folder.path(), "--profile").done();
    let (_, table) = said.out.split_once("kernel times on").expect("a table");
    for kernel in ["matmul", "cd_update", "gather"] {
        let row = table.lines().find(|line| line.starts_with(kernel)).expect(kernel);
        let numbers: Vec<f64> =
            row.split_whitespace().skip(1).map(|n| n.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 5, "{row}");
        assert!(numbers[0] >= 28.0 && numbers.iter().all(|n| n.is_finite()), "{row}");
    }
}

/// The table is training's: four updates are four, the warm-up's is not among them, and the products of pictures
/// and report, which run through hundreds of Gibbs steps, are not either.
#[test]
fn a_profile_is_of_training_alone() {
    let folder = temporary();
    let backends = support::gpus().iter().map(|gpu| gpu.info().backend.clone());
    for backend in backends.chain(["cpu".into()]) {
        let options = "train rbm --limit 40 --batch 20 --epochs 2 --hidden 4 --validation 0 --profile --force --out p";
        let options: Vec<&str> = options.split(' ').chain(["--device", &backend]).collect();
        let said = finish(&mut command(folder.path(), &options)).done();
        let (_, table) = said.out.split_once("kernel times on").expect("a table");
        let calls = |kernel: &str| -> u64 {
            let row = table.lines().find(|line| line.starts_with(kernel)).expect(kernel);
            row.split_whitespace().nth(1).unwrap().parse().unwrap()
        };
        assert_eq!(calls("cd_update"), 4, "{backend}");
        assert!((12..40).contains(&calls("matmul")), "{backend}: {}", calls("matmul"));
    }
}

#[test]
fn every_adapter_trains_to_the_same_score() {
    let folder = temporary();
    let score = |run: &str| {
        let summary = json(&text(folder.path().join(run).join("summary.json")));
        summary["reconstruction_error"].as_f64().unwrap()
    };
    let options = ["train", "rbm", "--limit", "300", "--epochs", "3", "--hidden", "12"];
    finish(command(folder.path(), &options).args(["--device", "cpu", "--out", "cpu"])).done();
    for gpu in support::gpus() {
        let info = gpu.info();
        let (backend, out) = (info.backend.as_str(), format!("on-{}", info.backend));
        let mut on_gpu = command(folder.path(), &options);
        let said = finish(on_gpu.args(["--device", backend, "--out", &out])).done();
        assert!(said.err.contains(&format!("device: {}", info.name)), "{}", said.err);
        let config = config(&folder.path().join(&out));
        assert_eq!(config["run"]["backend"].as_str(), Some(backend));
        assert_picture(folder.path().join(&out).join("samples.png"));
        // 6 updates of 3 batches each from one seed: the same draws but for those at rounding's edge.
        let (cpu, gpu) = (score("cpu"), score(&out));
        assert!((cpu - gpu).abs() < 0.02 * cpu, "{backend}: {gpu}, on the CPU {cpu}");
        let mut sample = command(folder.path(), &["sample", &out, "--count", "5", "--steps", "2"]);
        finish(sample.args(["--device", backend, "--out", &format!("{backend}.npy")])).done();
        assert_eq!(super::npy(folder.path().join(format!("{backend}.npy"))).0, [5, 64]);
    }
}
