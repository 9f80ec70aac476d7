//! What version 0.1 wrote opens, and gives what it gave then. `tests/fixtures/README.md` says how it was made.

use std::fs;
use std::path::{Path, PathBuf};

use harmonium::Device;
use harmonium::jobs::{Trained, TrainedNetwork, TrainedRbm};
use harmonium::run::ModelFile;
use serde_json::Value;

use super::{assert_close, json, names, npy, say, temporary, text};

/// A copy of one of the run folders.
fn copy(name: &str, at: &Path) -> PathBuf {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/0.1").join(name);
    let run = at.join(name);
    fs::create_dir(&run).unwrap();
    for file in names(&from) {
        fs::copy(from.join(&file), run.join(&file)).unwrap();
    }
    run
}

/// Figures of `eval.json` as they were: sums of a few hundred f32 products, on whatever processor.
fn assert_figures(then: &Value, now: &Value) {
    let (then, now) = (then.as_object().unwrap(), now.as_object().unwrap());
    assert!(then.len() > 9);
    for (key, value) in then {
        let found = &now[key];
        match value.as_f64() {
            _ if ["seconds", "device", "harmonium"].contains(&key.as_str()) => {}
            Some(value) => {
                let found = found.as_f64().unwrap_or_else(|| panic!("{key}: {found}"));
                assert!((found - value).abs() <= 1e-4 * value.abs(), "{key}: {found}, was {value}");
            }
            None if value.is_array() => assert!(found.is_array(), "{key}"),
            None => assert_eq!(found, value, "{key}"),
        }
    }
}

#[test]
fn machines_of_0_1_give_what_they_gave() {
    let folder = temporary();
    let at = folder.path();
    for (name, options) in [("rbm-resumed", "--exact-pseudo"), ("gaussian", "")] {
        let run = copy(name, at);
        let then = json(&text(run.join("eval.json")));
        assert_figures(&then, &json(&say(at, &format!("eval {name} --json {options}")).done().out));
        let of = "--data digits --split test --limit 20";
        for (command, kept) in [("transform", "hidden.npy"), ("reconstruct", "again.npy")] {
            say(at, &format!("{command} {name} {of} --out now.npy")).done();
            let ((shape, now), (was, then)) = (npy(at.join("now.npy")), npy(run.join(kept)));
            assert_eq!(shape, was, "{name} {command}");
            assert_close(&now, &then.iter().map(|&x| f64::from(x)).collect::<Vec<_>>());
        }
        say(at, &format!("sample {name} --count 5 --steps 3 --out s.npy")).done();
        assert_eq!(npy(at.join("s.npy")).0, [5, 64]);
        say(at, &format!("report {name}")).done();
    }
}

#[test]
fn networks_of_0_1_give_what_they_gave() {
    let folder = temporary();
    let at = folder.path();
    for name in ["cnn-resumed", "lenet5-resumed"] {
        let run = copy(name, at);
        let then = json(&text(run.join("eval.json")));
        let confusion = text(run.join("confusion.csv"));
        assert_figures(&then, &json(&say(at, &format!("eval {name} --json")).done().out));
        assert_eq!(text(run.join("confusion.csv")), confusion);
        say(at, &format!("predict {name} --data digits --limit 20 --out now.csv")).done();
        let (now, then) = (text(at.join("now.csv")), text(run.join("predicted.csv")));
        assert_eq!(now.lines().count(), 21);
        for (now, then) in now.lines().zip(then.lines()) {
            for (now, then) in now.split(',').zip(then.split(',')) {
                match (now.parse::<f64>(), then.parse::<f64>()) {
                    (Ok(now), Ok(then)) => assert!((now - then).abs() <= 1e-4, "{now}, was {then}"),
                    _ => assert_eq!(now, then),
                }
            }
        }
        say(at, &format!("features {name} --out f.png")).done();
        say(at, &format!("report {name}")).done();
    }
}

/// A model that is read and saved again is the file that version 0.1 wrote, byte by byte.
#[test]
fn the_format_is_that_of_0_1() {
    let folder = temporary();
    let at = folder.path();
    let device = Device::cpu();
    let mut seen = 0;
    for name in ["rbm-resumed", "gaussian", "cnn-resumed", "lenet5-resumed"] {
        let run = copy(name, at);
        for file in
            names(&run).iter().filter(|file| ["model", "last"].iter().any(|m| file.starts_with(m)))
        {
            let then = fs::read(run.join(file)).unwrap();
            let path = at.join("again.safetensors");
            ModelFile::load(run.join(file)).unwrap().save(&path).unwrap();
            assert!(fs::read(&path).unwrap() == then, "{name}/{file}");
            let again = match Trained::open(&run.join(file), &device, None).unwrap() {
                Trained::Rbm(TrainedRbm { mut rbm, origin, .. }) => origin.file(&mut rbm),
                Trained::Network(TrainedNetwork { mut network, origin, .. }) => {
                    origin.file(&mut network)
                }
                _ => panic!("0.1 had machines and networks"),
            };
            again.unwrap().save(&path).unwrap();
            assert!(fs::read(&path).unwrap() == then, "{name}/{file} by way of the device");
            seen += 1;
        }
    }
    assert_eq!(seen, 5);
}
