//! Where settings come from, and settings that are refused.

use std::fs;

use super::{command, config, finish, say, temporary};

#[test]
fn options_go_before_the_file_and_the_file_before_the_defaults() {
    let folder = temporary();
    let file =
        "hidden = 5\nepochs = 1\npcd = 3\nbatch = 50\ncentered = true\nlearning_rate = \"0.05\"\n";
    fs::write(folder.path().join("c.toml"), file).unwrap();
    say(folder.path(), "train rbm --config c.toml --out a").done();
    say(folder.path(), "train rbm --config c.toml --hidden 7 --cd 2 --out b").done();
    let (a, b) = (config(&folder.path().join("a")), config(&folder.path().join("b")));
    let whole = |c: &toml::Table, key: &str| c.get(key).and_then(toml::Value::as_integer);
    assert_eq!((whole(&a, "hidden"), whole(&b, "hidden")), (Some(5), Some(7)));
    assert_eq!((whole(&a, "pcd"), whole(&b, "pcd")), (Some(3), None));
    assert_eq!((whole(&a, "cd"), whole(&b, "cd")), (None, Some(2)));
    for c in [&a, &b] {
        assert_eq!((whole(c, "epochs"), whole(c, "batch")), (Some(1), Some(50)));
        assert_eq!(c["centered"].as_bool(), Some(true));
        assert_eq!(c["learning_rate"].as_str(), Some("0.05"));
        assert_eq!(c["momentum"].as_str(), Some("0.5,5:0.9"));
        assert_eq!(c["data"].as_str(), Some("digits"));
    }
}

/// The defaults that the help states are those of the code.
#[test]
fn stated_defaults_are_true() {
    let folder = temporary();
    let help = say(folder.path(), "train rbm --help").done().out;
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for stated in [
        "[default: digits]",
        "[default: bernoulli]",
        "Hidden units [default: 100]",
        "[default: 10; bundled digits 200, fashion 150]",
        "Cases per update [default: 100]",
        "[default: 0.1; gaussian 0.001; rectified 0.003, bundled digits 0.03]",
        "[default: 0.5,5:0.9]",
        "[default: 1e-4]",
        "[default: none; bundled digits 0.5]",
    ] {
        assert!(help.contains(stated), "{stated} in {help}");
    }
    say(folder.path(), "train rbm --out d").done();
    let d = config(&folder.path().join("d"));
    let expected = [
        ("data", "\"digits\""),
        ("visible", "\"bernoulli\""),
        ("hidden", "100"),
        ("cd", "1"),
        ("epochs", "200"),
        ("batch", "100"),
        ("learning_rate", "\"0.1\""),
        ("momentum", "\"0.5,5:0.9\""),
        ("weight_decay", "0.0001"),
        ("centered", "false"),
        ("binarize", "\"0.5\""),
        ("standardize", "false"),
        ("validation", "\"0.1\""),
        ("seed", "1"),
    ];
    for (key, value) in expected {
        assert_eq!(d[key].to_string(), value, "{key}");
    }
    // Of the others the number of epochs differs.
    fs::write(folder.path().join("x.csv"), "0,1\n1,0\n1,1\n").unwrap();
    say(folder.path(), "train rbm --hidden 2 --data x.csv --out x").done();
    assert_eq!(config(&folder.path().join("x"))["epochs"].as_integer(), Some(10));
    let fashion = "train rbm --hidden 1 --batch 9 --limit 9 --validation 0 --data fashion --out f";
    say(folder.path(), fashion).done();
    assert_eq!(config(&folder.path().join("f"))["epochs"].as_integer(), Some(150));
}

#[test]
fn the_device_comes_from_the_option_the_variable_or_the_file() {
    let folder = temporary();
    fs::write(folder.path().join("c.toml"), "device = \"nonsense\"\nepochs = 1\nhidden = 3\n")
        .unwrap();
    let with = |variable: &str, arguments: &[&str]| {
        let mut command = command(folder.path(), &[&["train", "rbm"], arguments].concat());
        finish(command.env("HARMONIUM_DEVICE", variable))
    };
    let file = ["--config", "c.toml"];
    finish(&mut command(folder.path(), &["train", "rbm", "--config", "c.toml"]))
        .refused(1, &["'nonsense'"]);
    let said = with("cpu", &[&file[..], &["--out", "a"]].concat()).done();
    assert!(said.err.contains("device: CPU"), "{}", said.err);
    assert_eq!(config(&folder.path().join("a"))["device"].as_str(), Some("cpu"));
    with("elsewhere", &[&file[..], &["--device", "cpu", "--out", "b"]].concat()).done();
    with("elsewhere", &file).refused(1, &["'elsewhere'"]);
}

#[test]
fn a_wrong_file_is_named_with_its_line() {
    let folder = temporary();
    let with = |text: &str| {
        fs::write(folder.path().join("c.toml"), text).unwrap();
        say(folder.path(), "train rbm --config c.toml")
    };
    with("hidden = 20\nlearning-rate = 3\n")
        .refused(1, &["c.toml: line 2", "`learning-rate`", "`learning_rate`"]);
    with("\n\nhidden = \"many\"\n").refused(1, &["c.toml: line 3", "many"]);
    with("hidden = \n").refused(1, &["c.toml: line 1"]);
    with("momentum = \"fast\"\n").refused(1, &["c.toml: line 1", "'fast'"]);
    with("visible = \"binary\"\n").refused(1, &["c.toml: line 1", "bernoulli"]);
    with("cd = 1\npcd = 1\n").refused(2, &["cd and pcd"]);
    with("hidden = 0\n").refused(1, &["c.toml: line 1: hidden: 0 is too few"]);
    with("batch = 10\nmomentum = \"0.5,2:1\"\n")
        .refused(1, &["line 2: momentum: 1 is outside [0, 1)"]);
    with("hidden = 1.5\n").refused(1, &["c.toml: line 1", "1.5", "whole number"]);
    with("sparsity_cost = 0.2\n")
        .refused(2, &["sparsity_cost in c.toml: means nothing without sparsity-target"]);
    say(folder.path(), "train rbm --config none.toml").refused(1, &["cannot read none.toml"]);
    // What a run of another version recorded of itself is no setting.
    with("epochs = 1\nhidden = 2\n[run]\nharmonium = \"9.0.0\"\nmoon = \"full\"\n").done();
}

/// A number says what its text says, wherever a setting is kept as a text, and a whole number may have any form.
#[test]
fn numbers_may_stand_where_texts_do() {
    let folder = temporary();
    let at = folder.path();
    let text = "validation = 0.2\nbinarize = 0.5\nhidden = 1e1\nepochs = 1.0\nlearning_rate = 1\nlimit = 50\n";
    fs::write(at.join("c.toml"), text).unwrap();
    say(at, "train rbm --config c.toml --out a").done();
    let found = config(&at.join("a"));
    assert_eq!((found["hidden"].as_integer(), found["epochs"].as_integer()), (Some(10), Some(1)));
    assert_eq!(found["validation"].as_str(), Some("0.2"));
    assert_eq!(found["run"]["validation_cases"].as_integer(), Some(10));
    say(at, "train rbm --hidden 1e1 --epochs 1 --validation 0.2 --binarize 0.5 --learning-rate 1 --limit 5e1 --out b")
        .done();
    assert_eq!(super::model_bytes(&at.join("a")), super::model_bytes(&at.join("b")));
    // A device by its number, as `harmonium devices` counts them.
    fs::write(at.join("d.toml"), "device = 99\n").unwrap();
    super::finish(
        super::command(at, &["train", "rbm", "--config", "d.toml"]).env_remove("HARMONIUM_DEVICE"),
    )
    .refused(1, &["device '99'"]);
}

/// What the model's term comes from is one choice: a later layer replaces it, and none keeps two.
#[test]
fn cd_pcd_and_the_exact_gradient_replace_each_other() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("exact.toml"), "exact_gradient = true\nhidden = 4\nepochs = 1\n").unwrap();
    fs::write(at.join("both.toml"), "exact_gradient = true\ncd = 2\n").unwrap();
    say(at, "train rbm --config exact.toml --limit 20 --cd 5 --out cd").done();
    let cd = config(&at.join("cd"));
    assert_eq!((cd["cd"].as_integer(), cd.contains_key("exact_gradient")), (Some(5), false));
    say(at, "train rbm --config exact.toml --limit 20 --pcd --out pcd").done();
    let pcd = config(&at.join("pcd"));
    assert_eq!((pcd["pcd"].as_integer(), pcd.contains_key("cd")), (Some(1), false));
    say(at, "train rbm --config both.toml").refused(2, &["cd and exact-gradient", "keep one"]);
    say(at, "train rbm --exact-gradient --pcd 2").refused(2, &["--exact-gradient", "--pcd"]);
    say(at, "train rbm --config exact.toml --limit 20 --out exact").done();
    assert_eq!(config(&at.join("exact"))["exact_gradient"].as_bool(), Some(true));
    say(at, "train rbm --resume --out exact --cd 5").refused(2, &["--cd: 5 is asked for", "none"]);
    say(at, "train rbm --resume --out exact --pcd 1").refused(2, &["--pcd: 1 is asked for"]);
    say(at, "train rbm --resume --out exact --exact-gradient=false")
        .refused(2, &["--exact-gradient: false is asked for", "has true"]);
}

/// Of fewer than ten cases none is held out; the run records that, so that its settings give the same run, and its
/// report has all its parts.
#[test]
fn a_run_of_few_cases_can_be_done_again() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("x.csv"), "0,1,1,0\n1,0,0,1\n1,1,0,0\n0,0,1,1\n").unwrap();
    say(at, "train rbm --hidden 2 --data x.csv --epochs 3 --out a").done();
    assert_eq!(config(&at.join("a"))["validation"].as_str(), Some("0"));
    say(at, "train rbm --config a/config.toml --out b").done();
    assert_eq!(super::model_bytes(&at.join("a")), super::model_bytes(&at.join("b")));
    let page = || fs::read_to_string(at.join("a/report.html")).unwrap();
    let first = page();
    assert!(first.contains("The first 4 training cases") && !first.contains("left out"));
    say(at, "report a --device cpu").done();
    assert!(page() == first);
    // As 0.1 recorded it.
    let path = at.join("a/config.toml");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, text.replace("validation = \"0\"", "validation = \"0.1\"")).unwrap();
    say(at, "report a --device cpu").done();
    assert!(page().contains("The first 4 training cases") && !page().contains("left out"));
    say(at, "train rbm --config a/config.toml --out c").done();
    assert_eq!(super::model_bytes(&at.join("a")), super::model_bytes(&at.join("c")));
}

#[test]
fn values_out_of_range_are_refused_with_the_option() {
    let folder = temporary();
    for (options, parts) in [
        ("--hidden 0", ["hidden", "0 is too few"]),
        ("--hidden -3", ["--hidden", "'-3'"]),
        ("--hidden many", ["--hidden", "a whole number is expected"]),
        ("--hidden 1.5", ["--hidden", "a whole number is expected"]),
        ("--hidden 99999999999999999999999", ["--hidden", "too large"]),
        ("--epochs 0", ["epochs", "0 is too few"]),
        ("--batch 0", ["batch", "0 is too few"]),
        ("--cd 0", ["cd", "0 is too few"]),
        ("--pcd 0", ["cd", "0 is too few"]),
        ("--pcd -1", ["--pcd", "'-1'"]),
        ("--limit 0", ["limit", "0 is too few"]),
        ("--cd 1 --pcd", ["--cd", "--pcd"]),
        ("--learning-rate -1", ["learning-rate", "-1 is outside"]),
        ("--learning-rate nan", ["learning-rate", "NaN is outside"]),
        ("--learning-rate fast", ["--learning-rate", "'fast'"]),
        ("--momentum 1", ["momentum", "1 is outside"]),
        ("--momentum -0.5", ["momentum", "-0.5 is outside"]),
        ("--weight-decay -1", ["weight-decay", "-1 is outside"]),
        ("--sparsity-target 2", ["sparsity-target", "2 is outside"]),
        ("--sparsity-cost 1", ["--sparsity-target", "required"]),
        ("--binarize 2", ["binarize", "'2'"]),
        ("--binarize never", ["binarize", "sample, resample, none"]),
        ("--visible grey", ["--visible", "'grey'"]),
        ("--seed -1", ["--seed", "'-1'"]),
        ("--seed 18446744073709551615", ["seed", "2^63 - 1"]),
        ("--colour red", ["--colour", "unexpected"]),
    ] {
        let line: Vec<&str> = ["train", "rbm"].into_iter().chain(options.split(' ')).collect();
        super::run(folder.path(), &line).refused(2, &parts);
    }
    say(folder.path(), "train rbm --hidden 99999999999").refused(1, &["99999999999", "more than"]);
    assert!(super::names(folder.path()).is_empty());
}
