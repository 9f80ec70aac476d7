//! Nothing that is asked for is passed over in silence, nothing that was made is lost, and what is advised helps.

use std::fs;
use std::path::Path;

use super::{json, model_bytes, names, say, temporary, text, write_npy};

fn digits_run(at: &Path, name: &str) {
    say(at, &format!("train rbm --epochs 1 --hidden 3 --limit 60 --quiet --out {name}")).done();
}

/// What turns out to be too large before anything is learnt leaves the folder as it was.
#[test]
fn a_run_that_cannot_begin_replaces_nothing() {
    let folder = temporary();
    let at = folder.path();
    digits_run(at, "run");
    let (before, files) = (model_bytes(&at.join("run")), names(&at.join("run")));
    for line in [
        "train rbm --pcd --batch 1000000000 --epochs 1",
        "train autoencoder --layers 2000000000,2 --epochs 1",
    ] {
        let said = say(at, &format!("{line} --force --out run")).refused(1, &[]);
        assert!(said.err.contains("the older run in run is as it was"), "{}", said.err);
        assert!(!said.err.contains("--resume"), "{}", said.err);
        assert_eq!(
            (model_bytes(&at.join("run")), names(&at.join("run"))),
            (before.clone(), files.clone())
        );
        let said = say(at, &format!("{line} --out new")).refused(1, &[]);
        assert!(said.err.contains("nothing was left in new"), "{}", said.err);
        assert!(!at.join("new").exists());
    }
    // And what is replaced is gone once the new run learns; it may be stopped and go on at once.
    let run = at.join("run");
    say(at, "train rbm --epochs 1 --hidden 4 --limit 60 --quiet --force --out run").done();
    assert_ne!(model_bytes(&run), before);
    assert!(text(run.join("config.toml")).contains("hidden = 4"));
    assert_eq!(text(run.join("metrics.jsonl")).lines().count(), 1);
    say(at, "train rbm --resume --epochs 2 --quiet --out run").done();
    assert_eq!(text(run.join("metrics.jsonl")).lines().count(), 2);
    // Without an epoch too.
    say(at, "train dbn --layers 5,4 --no-classifier --pretrain-epochs 1 --limit 60 --quiet --force --out run").done();
    assert!(text(run.join("config.toml")).contains("dbn"));
    fs::create_dir(at.join("mine")).unwrap();
    fs::write(at.join("mine/x.txt"), "mine").unwrap();
    let said =
        say(at, "train rbm --epochs 1 --out mine").refused(1, &["x.txt", "choose another folder"]);
    assert!(!said.err.contains("--force"), "{}", said.err);
}

#[test]
fn a_level_that_diverges_is_named_with_its_learning_rate() {
    let folder = temporary();
    let line = "train dbn --layers 20,20 --pretrain-learning-rate 1e6 --pretrain-epochs 2 --epochs 2 --out run";
    say(folder.path(), line)
        .refused(1, &["(level 1)", "lower the learning rate (--pretrain-learning-rate)"]);
}

#[test]
fn a_single_level_with_labels_is_drawn() {
    let folder = temporary();
    say(
        folder.path(),
        "train dbn --join-labels --layers 10 --pretrain-epochs 1 --limit 100 --out run",
    )
    .done();
    assert!(folder.path().join("run/levels.png").is_file());
}

#[test]
fn what_cannot_be_told_is_said() {
    let folder = temporary();
    let at = folder.path();
    let rows: Vec<String> =
        (0..60).map(|i| format!("{},{},{}", i % 2, (i / 2) % 2, ["a", "b"][i % 2])).collect();
    fs::write(at.join("t.csv"), format!("x,y,kind\n{}\n", rows.join("\n"))).unwrap();
    let line = "train dbn --data t.csv --labels kind --layers 4 --pretrain-epochs 1 --epochs 1 --compare-random --out r";
    let said = say(at, line).done();
    assert!(said.err.contains("there are no test cases"), "{}", said.err);
    let said =
        say(at, "train rbm --score-every 5 --binarize none --hidden 8 --epochs 5 --out s").done();
    assert!(said.err.contains("--score-every tells no likelihoods"), "{}", said.err);
    let said =
        say(at, "train class-rbm --labelled 5 --epochs 1 --hidden 3 --validation 0 --out c").done();
    assert!(said.err.contains("5 labels for 10 classes"), "{}", said.err);
    // A curve is more than a point.
    say(at, "train rbm --hidden 12 --epochs 20 --quiet --out curve").done();
    let lines = text(at.join("curve/metrics.jsonl"));
    let scored = lines.lines().filter(|line| json(line)["reconstruction_error"].is_f64());
    assert!(scored.count() >= 10, "{lines}");
}

/// Labels in a file of their own, a word a line.
#[test]
fn words_are_labels_with_and_without_a_name() {
    let folder = temporary();
    let at = folder.path();
    let x: Vec<f32> = (0..50 * 4).map(|i| (i * 7 % 10) as f32 / 10.0).collect();
    write_npy(at.join("x.npy"), &x, 4);
    let words: Vec<&str> = (0..50).map(|i| ["cat", "dog", "emu"][i % 3]).collect();
    fs::write(at.join("y.txt"), words.join("\n")).unwrap();
    fs::write(at.join("y.csv"), format!("species\n{}\n", words.join("\n"))).unwrap();
    fs::write(at.join("short.csv"), format!("species\n{}\n", words[1..].join("\n"))).unwrap();
    let train = |labels: &str| {
        say(
            at,
            &format!(
                "train class-rbm --data x.npy --labels {labels} --hidden 3 --epochs 1 --force --out run"
            ),
        )
    };
    train("y.txt").done();
    // A line too many is no name where it is a label elsewhere.
    fs::write(at.join("more.txt"), format!("cat\n{}\n", words.join("\n"))).unwrap();
    train("more.txt").refused(1, &["51 labels for the 50 cases"]);
    let said = train("y.csv").done();
    assert!(
        said.err.contains("the first line, 'species', is taken for the column's name"),
        "{}",
        said.err
    );
    let said = train("short.csv").done();
    assert!(said.err.contains("no other case has the first label, 'species'"), "{}", said.err);
    // Shards of which some have labels are read where these are not wanted.
    fs::create_dir(at.join("shards")).unwrap();
    for part in 0..2 {
        write_npy(at.join(format!("shards/part-{part}.npy")), &x, 4);
    }
    write_npy(
        at.join("shards/labels-0.npy"),
        &(0..50).map(|i| (i % 3) as f32).collect::<Vec<_>>(),
        1,
    );
    let line = "train rbm --data shards --hidden 3 --epochs 1 --binarize none --out of-shards";
    say(at, line).refused(1, &["part-1.npy", "--labels none"]);
    say(at, &format!("{line} --labels none")).done();
    // The row is short, whatever stands where.
    fs::write(at.join("rag.csv"), "a,b,c,species\n1,2,3,cat\n1,2,cat\n").unwrap();
    say(at, "train rbm --data rag.csv --labels species --visible gaussian --out no")
        .refused(1, &["line 3", "3 cells, where the first line has 4"]);
}

/// In a file a setting may stand without a value as on the command line.
#[test]
fn a_switch_of_a_file_has_its_usual_value() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("on.toml"), "pcd = true\nepochs = 1\nhidden = 3\nlimit = 60\n").unwrap();
    say(at, "train rbm --config on.toml --quiet --out on").done();
    assert!(text(at.join("on/config.toml")).contains("pcd = 1"));
    fs::write(at.join("off.toml"), "pcd = false\nepochs = 1\nhidden = 3\nlimit = 60\n").unwrap();
    say(at, "train rbm --config off.toml --quiet --out off").done();
    assert!(!text(at.join("off/config.toml")).contains("pcd"));
}
