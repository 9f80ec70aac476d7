//! What `train` refuses of networks: settings, settings files and data that do not fit.

use std::fs;

use serde_json::Value;

use super::network::{SMALL, confusion, shared, summary, train_cnn, write_folder};
use super::{names, say, temporary};

#[test]
fn settings_that_do_not_fit_name_themselves() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("cnn.toml"), SMALL).unwrap();
    for (line, parts) in [
        ("cnn", &["network: ", "--config FILE.toml with [[network.layers]]"][..]),
        ("cnn --config cnn.toml --output rbf", &["output and rbf-j", "[network]"]),
        ("lenet5 --config cnn.toml", &["network in cnn.toml: lenet5 has its own", "train cnn"]),
        ("lenet5 --epochs 0", &["epochs: 0 is too few"]),
        ("lenet5 --limit 0", &["limit: 0 is too few"]),
        ("lenet5 --batch 0", &["batch: 0 is too few"]),
        ("lenet5-modern --output rbf", &["output: rbf is lenet5's", "softmax"]),
        ("lenet5-modern --rbf-j 2", &["rbf-j: belongs to --output rbf"]),
        ("lenet5 --output softmax --rbf-j 2", &["rbf-j: belongs to --output rbf"]),
        ("lenet5 --rbf-j nan", &["rbf-j: NaN is not finite"]),
        ("lenet5 --momentum 0.5", &["momentum: belongs to --optimizer sgd"]),
        ("lenet5 --nesterov", &["nesterov: belongs to --optimizer sgd"]),
        ("lenet5 --optimizer sgd --momentum 1", &["momentum: 1 is outside [0, 1)"]),
        ("lenet5 --patience 3 --validation 0", &["patience: ", "--validation 0 holds out none"]),
        ("lenet5 --validation 2000", &["validation: 2000 cases asked for, of 1500"]),
        ("lenet5 --validation x", &["validation: 'x' is neither"]),
        ("lenet5 --learning-rate -1", &["learning-rate: -1 is outside [0, 1e6]"]),
        ("lenet5 --weight-decay -2", &["weight-decay: -2 is outside [0, 1e6]"]),
        ("lenet5 --seed 9223372036854775808", &["--seed", "above 2^63 - 1"]),
        ("lenet5 --optimizer rprop", &["'rprop'", "--optimizer", "sgd, adam"]),
        ("lenet5 --augment flip", &["'flip' is none of shift, rotate, scale, shear"]),
        ("lenet5 --resume", &["--out"]),
    ] {
        say(at, &format!("train {line} --log-level error")).refused(2, parts);
    }
    assert_eq!(names(at), ["cnn.toml"], "a refused run leaves nothing");
}

/// What stands in a file is said to.
#[test]
fn a_setting_of_a_file_is_named_with_it() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("many.toml"), "validation = 5000\n").unwrap();
    let parts =
        ["validation in many.toml: 5000 cases asked for, of 300", "--limit 300 leaves no more"];
    say(at, "train lenet5 --config many.toml --limit 300").refused(2, &parts);
    say(at, "train lenet5 --config many.toml --validation 400 --limit 300")
        .refused(2, &["validation: 400 cases asked for, of 300"]);
    // Nothing is taken for labels, of bundled data too.
    say(at, "train lenet5 --data digits --labels none").refused(1, &["digits", "labels"]);
    say(at, "train rbm --hidden 1000000000").refused(1, &["--hidden 1000000000 asks for it"]);
    assert_eq!(names(at), ["many.toml"], "a refused run leaves nothing");
}

#[test]
fn settings_files_are_refused_with_file_and_line() {
    let folder = temporary();
    let at = folder.path();
    for (from, to, code, parts) in [
        (
            "kernel = 3",
            "kernal = 3",
            1,
            &["cnn.toml: line 1: layer 1: ", "`kernal`", "`kernel`"][..],
        ),
        ("'pool'", "'pooling'", 1, &["cnn.toml: line 7: layer 2: ", "`pooling`", "`pool`"]),
        ("maps = 8\n", "", 1, &["cnn.toml: line 1: layer 1: missing field `maps`"]),
        (
            "kernel = 3",
            "kernel = -3",
            1,
            &["cnn.toml: line 1: layer 1: a size is one whole number"],
        ),
        ("kernel = 3", "kernel = 0", 2, &["conv1: the height", "size is 0; use at least 1"]),
        ("size = 2", "size = 0", 2, &["pool2: the height's size is 0"]),
        (
            "size = 2",
            "size = 2\npadding = 2",
            2,
            &["pool2: the height's padding of 2 is more than half"],
        ),
        ("kernel = 3", "kernel = 30", 2, &["conv1: ", "does not fit the height of 8"]),
        ("rate = 0.1", "rate = 1.5", 2, &["dropout3: rate: 1.5 is outside [0, 1)"]),
        ("maps = 8", "maps = 0", 2, &["conv1: maps: 0 is too few"]),
        ("units = 10", "units = 9", 2, &["last layer gives [9]", "a linear layer of 10 units"]),
        // More than there is room for.
        ("units = 10", "units = 1000000000000000000", 2, &["linear4", "more than 2147483647"]),
        ("units = 10", "units = 2000000000", 1, &["linear4", "more than 2147483647"]),
        ("maps = 8", "maps = 4611686018427387904", 2, &["conv1", "more than 2147483647"]),
        (
            "size = 2",
            "size = 2\nstrid = 1",
            1,
            &["cnn.toml: line 7: layer 2: ", "`strid`", "`stride`"],
        ),
    ] {
        assert!(SMALL.contains(from));
        let said = train_cnn(at, &SMALL.replace(from, to), "--out run");
        said.refused(code, parts);
        assert!(!at.join("run").exists(), "{to}");
    }
    for (settings, parts) in [
        ("epochz = 3\n", &["cnn.toml: line 1: ", "`epochz`", "`epochs`"][..]),
        ("epochs = 3\nhidden = 3\n", &["cnn.toml: line 2: ", "`hidden`"]),
        ("epochs = 'x'\n", &["cnn.toml: line 1: "]),
        ("[network\n", &["cnn.toml: line 1: "]),
    ] {
        train_cnn(at, settings, "--out run").refused(1, parts);
    }
    train_cnn(at, "[network]\nlayers = []\n", "--out run")
        .refused(2, &["network in cnn.toml: there is no layer", "[[network.layers]]"]);
    say(at, "train cnn --config none.toml").refused(1, &["none.toml", "No such file"]);
    // A run's settings are of one model.
    let config = format!("{}/config.toml", shared("cnn"));
    say(at, &format!("train lenet5 --config {config}"))
        .refused(2, &["model: the settings are of cnn, not of lenet5; they go with the command that trains cnn"]);
    say(at, &format!("train rbm --config {config}")).refused(
        2,
        &["model: the settings are of cnn, not of rbm; they go with the command that trains cnn"],
    );
}

#[test]
fn data_that_do_not_fit_are_refused() {
    let folder = temporary();
    let at = folder.path();
    let unlabelled: Vec<f32> = (0..40 * 64).map(|i| (i % 5) as f32 / 5.0).collect();
    super::write_npy(at.join("cases.npy"), &unlabelled, 64);
    say(at, "train lenet5 --data cases.npy --log-level error")
        .refused(1, &["cases.npy", "has no labels", "train-labels-idx1-ubyte"]);
    say(at, "train lenet5 --data nothing --log-level error")
        .refused(1, &["'nothing'", "bundled are"]);
    // Ten bitmaps, and twelve classes.
    write_folder(&at.join("twelve"), 60, |i| (i % 12) as u8);
    say(at, "train lenet5 --data twelve --log-level error")
        .refused(2, &["output: 12 classes", "use softmax"]);
    let options = "--data twelve --output softmax --epochs 1 --out run";
    say(at, &format!("train lenet5 {options}")).done();
    assert_eq!(summary(&at.join("run"))["test_error"], Value::Null);
    assert_eq!(confusion(&at.join("run")).len(), 12);
    write_folder(&at.join("far"), 60, |i| if i == 7 { 200 } else { 0 });
    let said = say(at, "train lenet5-modern --data far --epochs 1 --out far-run").done();
    for part in ["of 2 classes", "gaps (1 to 199 do not occur)", "label 200 there is one case only"]
    {
        assert!(said.err.contains(part), "{}", said.err);
    }
}
