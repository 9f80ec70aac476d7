//! `harmonium tune`, and what a policy decides.

use std::fs;

use super::{command, finish, say, temporary};
use crate::support;

#[test]
fn what_cannot_be_tuned_is_refused() {
    let folder = temporary();
    say(folder.path(), "tune").refused(2, &["device", "the CPU has one loop", "harmonium devices"]);
    say(folder.path(), "tune --seconds 0").refused(2, &["seconds", "(0, 3600]"]);
    say(folder.path(), "tune --seconds -1").refused(2, &["seconds", "(0, 3600]"]);
    say(folder.path(), "tune --device nothing").refused(1, &["nothing"]);
    assert!(!folder.path().join("policy.toml").exists());
}

#[test]
fn a_wrong_policy_is_refused_by_its_line_or_key() {
    let folder = temporary();
    let train = "train rbm --limit 20 --epochs 1 --hidden 4 --policy p.toml";
    say(folder.path(), train).refused(1, &["cannot read", "p.toml"]);
    let right = "workgroups = 8\nlarge = 1\nmedium = 1\nsmall = 1\nnarrow = 1\nregister = 1\n";
    for (text, parts) in [
        (right.replace("small", "tiny"), ["line 4", "tiny"]),
        (right.replace("narrow = 1", "narrow = -1"), ["narrow", "-1"]),
    ] {
        fs::write(folder.path().join("p.toml"), text).unwrap();
        say(folder.path(), train).refused(1, &["p.toml", parts[0], parts[1]]);
        say(folder.path(), "bench multiply_add --policy p.toml").refused(1, &["p.toml", parts[0]]);
    }
    // The CPU has one loop, whatever a right file says.
    fs::write(folder.path().join("p.toml"), right).unwrap();
    say(folder.path(), &format!("{train} --out a")).done();
    let config = fs::read_to_string(folder.path().join("a/config.toml")).unwrap();
    assert!(!config.contains("[run.policy]"), "{config}");
}

/// A run keeps its policy, and goes on with it though another is asked for: the same bits as without a break.
#[test]
fn a_run_goes_on_under_the_policy_that_it_began_with() {
    for backend in support::gpus().iter().map(|gpu| gpu.info().backend.clone()) {
        let folder = temporary();
        let path = |name: &str| folder.path().join(name);
        // Sums in another order than the built-in table's for software adapters.
        let small = "workgroups = 8\nlarge = 0\nmedium = 0\nsmall = 1\nnarrow = 0\nregister = 0\n";
        fs::write(path("small.toml"), small).unwrap();
        let train = |options: &str| {
            let line =
                format!("train rbm --limit 60 --batch 20 --hidden 12 --device {backend} {options}");
            finish(&mut command(folder.path(), &line.split(' ').collect::<Vec<_>>())).done()
        };
        train("--epochs 2 --policy small.toml --out whole");
        let mut in_the_environment = command(folder.path(), &["train", "rbm", "--limit", "60"]);
        let rest = ["--batch", "20", "--hidden", "12", "--epochs", "1", "--out", "broken"];
        in_the_environment.args(rest).args(["--device", &backend]);
        finish(in_the_environment.env("HARMONIUM_POLICY", "small.toml")).done();
        let config: toml::Table =
            fs::read_to_string(path("broken/config.toml")).unwrap().parse().unwrap();
        let policy = config["run"]["policy"].as_table().unwrap();
        assert_eq!(policy["small"].as_float(), Some(1.0));
        assert_eq!(policy["workgroups"].as_integer(), Some(8));
        let said = train("--epochs 2 --out broken --resume");
        assert!(said.err.contains("goes on with the policy"), "{}", said.err);
        let said = train("--epochs 2 --out other");
        assert!(!said.err.contains("policy"), "{}", said.err);
        let model = |run: &str| fs::read(path(run).join("model.safetensors")).unwrap();
        assert!(model("whole") == model("broken"), "{backend}");
        assert!(model("whole") != model("other"), "{backend}: the policy changed nothing");
    }
}
