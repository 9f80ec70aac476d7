//! Every command that takes a model, with every kind of model, and with one of a kind that is not known.

use std::fs;
use std::path::Path;

use harmonium::jobs::commands;
use harmonium::run::ModelKind;

use super::{autoencoder, class_rbm, crf, dbm, dbn, names, network, say, shared, temporary};

/// The commands that take a model, with what else they want.
const COMMANDS: [(&str, &str); 9] = [
    ("eval", "--data digits"),
    ("sample", "--count 3 --steps 2 --out out.npy"),
    ("transform", "--data digits --out out.npy"),
    // What `transform` of such a run wrote.
    ("decode", "out.npy --out again.npy"),
    ("reconstruct", "--data digits --out out.npy"),
    ("predict", "--data digits --out out.csv"),
    ("features", "--out out.png"),
    ("export", "--out out.safetensors"),
    ("report", ""),
];
/// Those that take none.
const OTHERS: [&str; 9] =
    ["bench", "devices", "launch", "train", "tune", "filter", "compare", "verify", "help"];

/// A copy of a run of this kind.
fn run_of(kind: ModelKind, at: &Path) {
    let from = match kind {
        ModelKind::Rbm => shared().0.clone(),
        ModelKind::Network => network::runs().join("cnn"),
        ModelKind::Autoencoder => autoencoder::shared().clone(),
        ModelKind::Dbn => dbn::shared().clone(),
        ModelKind::Crf => crf::shared().clone(),
        ModelKind::Dbm => dbm::shared().clone(),
        ModelKind::ClassRbm => class_rbm::shared().clone(),
    };
    fs::create_dir(at).unwrap();
    for name in names(&from) {
        fs::copy(from.join(&name), at.join(&name)).unwrap();
    }
}

#[test]
fn the_list_of_commands_is_whole() {
    let help = say(temporary().path(), "help").done().out;
    let listed = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    let first = |line: &str| {
        let name = line.strip_prefix("  ").filter(|rest| !rest.starts_with(' '))?;
        name.split_whitespace().next().map(String::from)
    };
    let mut listed: Vec<String> = listed.lines().filter_map(first).collect();
    let mut known: Vec<&str> = COMMANDS.map(|c| c.0).into_iter().chain(OTHERS).collect();
    listed.sort();
    known.sort_unstable();
    assert_eq!(listed, known);
    for kind in ModelKind::ALL {
        assert!(commands(kind).iter().all(|name| COMMANDS.iter().any(|c| c.0 == *name)));
    }
}

#[test]
fn a_kind_that_a_command_cannot_handle_is_refused_by_name() {
    let folder = temporary();
    let at = folder.path();
    for kind in ModelKind::ALL {
        let run = kind.name();
        run_of(kind, &at.join(run));
        // A field reads sequences.
        let data = if kind == ModelKind::Crf { "words" } else { "digits" };
        for (command, options) in COMMANDS {
            let options = options.replace("digits", data);
            let said = say(at, &format!("{command} {run} {options}"));
            if commands(kind).contains(&command) {
                said.done();
                continue;
            }
            let held = format!("it holds {}", kind.one());
            let command = format!("expected by `harmonium {command}`");
            let takers = commands(kind).iter().map(|taker| format!("`{taker}`"));
            let parts: Vec<String> =
                ["model.safetensors: metadata harmonium.model".into(), held, command]
                    .into_iter()
                    .chain(takers)
                    .collect();
            said.refused(1, &parts.iter().map(String::as_str).collect::<Vec<_>>());
        }
    }
}

/// What `eval` and `sample` ask of models, with what a model needs to answer it.
const ASKED: [(&str, &str, &str); 14] = [
    ("eval", "--exact", "log Z"),
    ("eval", "--ais 5", "log Z"),
    ("eval", "--ais-grid salakhutdinov", "log Z"),
    ("eval", "--exact-pseudo", "machine"),
    ("eval", "--diagnostics", "machine"),
    ("eval", "--ladder 3", "climb"),
    ("eval", "--weights w.npy", "cases"),
    ("eval", "--visible bernoulli", "machine"),
    ("sample", "--average", "chains"),
    ("sample", "--init w.npy", "machine"),
    ("sample", "--clamp w.npy", "held"),
    ("sample", "--pt 3", "machine"),
    ("sample", "--ptt", "machine"),
    ("sample", "--class 1", "classes"),
];

#[test]
fn what_a_kind_cannot_answer_is_refused_by_its_option() {
    let folder = temporary();
    let at = folder.path();
    for kind in ModelKind::ALL {
        let run = kind.name();
        run_of(kind, &at.join(run));
        let has: &[&str] = match kind {
            ModelKind::Rbm => &["log Z", "climb", "machine", "held", "chains", "cases"],
            ModelKind::Dbm => &["log Z", "held", "chains", "cases"],
            ModelKind::ClassRbm => &["log Z", "classes", "cases"],
            ModelKind::Dbn => &["log Z", "climb", "classes", "cases"],
            ModelKind::Network | ModelKind::Autoencoder => &["cases"],
            ModelKind::Crf => &[],
        };
        for (command, option, needs) in ASKED {
            if has.contains(&needs) || !commands(kind).contains(&command) {
                continue;
            }
            let rest = if command == "sample" { "--steps 1 --out out.npy" } else { "" };
            let name = option.split(' ').next().unwrap().trim_start_matches("--");
            say(at, &format!("{command} {run} {option} {rest}"))
                .refused(2, &[&format!("{name}: "), "leave it out"]);
        }
    }
}

#[test]
fn a_kind_that_is_not_known_is_refused_with_those_that_are() {
    let folder = temporary();
    let at = folder.path();
    for kind in ModelKind::ALL {
        let run = format!("of-{}", kind.name());
        run_of(kind, &at.join(&run));
        let path = at.join(&run).join("model.safetensors");
        let mut bytes = fs::read(&path).unwrap();
        let key = format!("\"harmonium.model\":\"{}", kind.name());
        let place = bytes.windows(key.len()).position(|w| w == key.as_bytes()).unwrap();
        // `rbx`, `networx`: as long as before.
        bytes[place + key.len() - 1] = b'x';
        fs::write(&path, bytes).unwrap();
        for (command, options) in COMMANDS {
            say(at, &format!("{command} {run} {options}")).refused(
                1,
                &[
                    "model.safetensors: metadata harmonium.model",
                    "x', expected 'rbm' or 'network' or 'autoencoder' or 'dbn' or 'crf' or 'dbm' or 'class-rbm'",
                ],
            );
        }
    }
    assert_eq!(
        names(at),
        ["of-autoencoder", "of-class-rbm", "of-crf", "of-dbm", "of-dbn", "of-network", "of-rbm"],
        "nothing was written"
    );
}

/// A checkpoint has a model's arrays too, and does not say what they mean.
#[test]
fn a_checkpoint_is_no_model() {
    let folder = temporary();
    let at = folder.path();
    for kind in ModelKind::ALL {
        let run = kind.name();
        run_of(kind, &at.join(run));
        for (command, options) in COMMANDS.iter().filter(|(command, _)| *command != "report") {
            say(at, &format!("{command} {run}/checkpoint-a.safetensors {options}")).refused(
                1,
                &["checkpoint-a.safetensors: metadata harmonium.checkpoint", "run's folder"],
            );
        }
    }
}
