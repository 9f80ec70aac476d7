//! The kinds of machines and data that `train rbm` knows.

use std::fs;

use super::{
    assert_picture, config, json, model, model_bytes, say, temporary, text, train, write_npy,
};

#[test]
fn estimators_and_machines_differ_and_are_recorded() {
    let folder = temporary();
    let variants = [
        ("cd1", "", "cd", 1),
        ("cd3", "--cd 3", "cd", 3),
        ("pcd", "--pcd", "pcd", 1),
        ("pcd3", "--pcd 3", "pcd", 3),
        ("centered", "--centered", "cd", 1),
        ("sparse", "--sparsity-target 0.05 --sparsity-cost 1", "cd", 1),
        ("slow", "--learning-rate 0.01", "cd", 1),
        ("still", "--momentum 0", "cd", 1),
        ("decayed", "--weight-decay 0.1", "cd", 1),
        ("batch", "--batch 7", "cd", 1),
    ];
    let mut seen = Vec::new();
    for (name, options, key, steps) in variants {
        train(folder.path(), &format!("{options} --out {name}")).done();
        let run = folder.path().join(name);
        let config = config(&run);
        assert_eq!(config[key].as_integer(), Some(steps), "{name}");
        assert_eq!(config.contains_key("cd"), key == "cd", "{name}");
        let bytes = model_bytes(&run);
        assert!(!seen.contains(&bytes), "{name} is the same machine as one before");
        seen.push(bytes);
        assert!(model(&run).w.iter().all(|w| w.abs() < 10.0), "{name}");
    }
}

#[test]
fn ways_to_binarise() {
    let folder = temporary();
    let mut seen = Vec::new();
    for how in ["0.5", "0.3", "sample", "resample", "none"] {
        let out = how.replace('.', "");
        let said = train(folder.path(), &format!("--binarize {how} --out {out}")).done();
        let run = folder.path().join(&out);
        let stored = model(&run).metadata.get("harmonium.binarize").cloned();
        assert_eq!(stored.as_deref(), Some(how).filter(|how| *how != "none"));
        assert_eq!(config(&run)["binarize"].as_str(), Some(how));
        // No likelihood is claimed for probabilities.
        let likelihood = json(&text(run.join("summary.json")))["pseudo_log_likelihood"].is_f64();
        assert_eq!(likelihood, how != "none", "{how}");
        assert_eq!(said.out.contains("pseudo-likelihood"), how != "none", "{how}");
        let bytes = model_bytes(&run);
        assert!(!seen.contains(&bytes), "{how}");
        seen.push(bytes);
    }
}

#[test]
fn gaussian_units_on_standardised_digits() {
    let folder = temporary();
    let said = train(folder.path(), "--visible gaussian --out g").done();
    assert!(said.out.contains("standardised values"), "{}", said.out);
    let run = folder.path().join("g");
    let config = config(&run);
    assert_eq!(config["learning_rate"].as_str(), Some("0.001"));
    assert_eq!(config["standardize"].as_bool(), Some(true));
    let model = model(&run);
    let (mean, std) = (model.data_mean.unwrap(), model.data_std.unwrap());
    assert!(mean.len() == 64 && std.len() == 64 && std.iter().all(|s| *s > 0.0));
    let summary = json(&text(run.join("summary.json")));
    assert_eq!(summary["standardized"], true);
    assert!(summary["pseudo_log_likelihood"].is_null());
    for name in ["filters.png", "samples.png", "reconstructions.png"] {
        assert_picture(run.join(name));
    }
    // Without, the values stay.
    train(folder.path(), "--visible gaussian --standardize false --out raw").done();
    assert!(super::model(&folder.path().join("raw")).data_mean.is_none());
    train(folder.path(), "--visible gaussian --binarize 0.5").refused(2, &["binarize", "gaussian"]);
    train(folder.path(), "--standardize").refused(2, &["standardize", "--visible gaussian"]);
}

#[test]
fn fashion_and_limit() {
    let folder = temporary();
    let said = train(folder.path(), "--data fashion --limit 200 --out f").done();
    assert!(said.err.contains("180 training cases and 20 held out of 784 values"), "{}", said.err);
    let run = folder.path().join("f");
    assert_eq!(model(&run).metadata.get("harmonium.image").map(String::as_str), Some("28x28"));
    let (width, height) = assert_picture(run.join("reconstructions.png"));
    assert!(width > 200 && height > 200);
    assert_picture(run.join("samples.png"));
}

#[test]
fn cases_held_out() {
    let folder = temporary();
    for (option, held) in
        [("--validation 0", 0), ("--validation 100", 100), ("--validation 0.5", 750)]
    {
        let out = option.replace([' ', '-', '.'], "");
        train(folder.path(), &format!("{option} --out {out}")).done();
        let run = folder.path().join(&out);
        assert_eq!(config(&run)["run"]["validation_cases"].as_integer(), Some(held), "{option}");
        let gap = json(&text(run.join("summary.json")))["free_energy_gap"].is_f64();
        assert_eq!(gap, held > 0, "{option}");
    }
    for (value, part) in
        [("2000", "2000 cases asked for, of 1500"), ("1.5", "'1.5'"), ("-1", "'-1'")]
    {
        train(folder.path(), &format!("--validation {value}")).refused(2, &["validation", part]);
    }
}

#[test]
fn files_of_data() {
    let folder = temporary();
    let values: Vec<f32> = (0..40 * 6).map(|k| (k * 7 % 11) as f32 / 10.0).collect();
    write_npy(folder.path().join("x.npy"), &values, 6);
    let rows: Vec<String> = values
        .chunks(6)
        .map(|row| row.iter().map(f32::to_string).collect::<Vec<_>>().join(","))
        .collect();
    fs::write(folder.path().join("x.csv"), rows.join("\n")).unwrap();
    train(folder.path(), "--data x.npy --out n").done();
    train(folder.path(), "--data x.csv --out c").done();
    let (n, c) = (model(&folder.path().join("n")), model(&folder.path().join("c")));
    assert_eq!((n.visible_count, &n.w), (6, &c.w));
    assert_eq!(config(&folder.path().join("n"))["epochs"].as_integer(), Some(2));
    // Six values are no square: strips, and the pictures come all the same.
    assert!(folder.path().join("n/filters.png").is_file());

    fs::write(folder.path().join("bad.csv"), "1,0,1\n0,1\n").unwrap();
    train(folder.path(), "--data bad.csv").refused(1, &["bad.csv", "line 2"]);
    fs::write(folder.path().join("far.csv"), "1,0,1\n0,1,7\n").unwrap();
    train(folder.path(), "--data far.csv")
        .refused(1, &["far.csv", "column 2 is 7", "--visible gaussian"]);
    train(folder.path(), "--data far.csv --visible gaussian --out far").done();
    for (data, part) in [
        ("nosuch", "digits and fashion"),
        ("mnist", "scripts/fetch-data mnist"),
        ("nosuch.npy", "cannot read nosuch.npy"),
        ("n/config.toml", "n/config.toml"),
        ("n", "train-images"),
    ] {
        train(folder.path(), &format!("--data {data}")).refused(1, &[part]);
    }
    assert!(!folder.path().join("runs").exists(), "a refused run leaves no folder");
}

#[test]
fn a_single_case_and_a_single_unit() {
    let folder = temporary();
    let said = say(folder.path(), "train rbm --limit 1 --hidden 1 --epochs 1 --out one").done();
    assert!(said.out.contains("1 hidden unit, 1 epoch, 1 update in"), "{}", said.out);
    assert!(said.err.contains("1 training case of 64 values"), "{}", said.err);
}
