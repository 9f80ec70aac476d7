//! Data that are read in pieces, from the command.

use std::fs;
use std::path::Path;

use crate::support::npy_u8;

use super::{config, json, npy, run, say, temporary, text};

/// Bytes as a .npy file.
fn write(path: &Path, shape: &str, values: &[u8]) {
    fs::write(path, npy_u8(shape, values)).unwrap();
}

/// Three shards of pictures, of four classes that lie far apart, in a folder.
fn pictures(folder: &Path) {
    fs::create_dir(folder).unwrap();
    for shard in 0..3 {
        let label = |i: usize| (i * 7 + shard) % 4;
        let pixel = |i: usize, j: usize| match (j / 16 == label(i), (i * 31 + j * 17) % 11) {
            (true, 0) | (false, 1) => 40,
            (true, _) => 255,
            (false, _) => 0,
        };
        let cases: Vec<u8> =
            (0..200).flat_map(|i| (0..64).map(move |j| (i, j))).map(|(i, j)| pixel(i, j)).collect();
        let labels: Vec<u8> = (0..200).map(|i| label(i) as u8).collect();
        write(&folder.join(format!("part-{shard}.npy")), "(200, 8, 8)", &cases);
        write(&folder.join(format!("labels-{shard}.npy")), "(200,)", &labels);
    }
}

#[test]
fn every_kind_learns_from_a_stream() {
    let folder = temporary();
    pictures(&folder.path().join("data"));
    for (kind, options, figure, most) in [
        ("rbm", "--hidden 20 --epochs 30", "reconstruction_error", 6.0),
        ("rbm", "--hidden 20 --epochs 30 --visible gaussian", "reconstruction_error", 60.0),
        (
            "rbm",
            "--hidden 20 --epochs 30 --visible spin --binarize 0.5",
            "reconstruction_error",
            30.0,
        ),
        ("cnn", "--config cnn.toml --epochs 10", "validation_error", 0.05),
        ("autoencoder", "--layers 12,4 --epochs 60 --classifier all", "validation_error", 0.05),
        ("dbn", "--layers 20,10 --epochs 100", "validation_error", 0.05),
        ("dbn", "--layers 20,10 --no-classifier", "", 0.0),
        ("dbm", "--layers 20,10 --epochs 5", "", 0.0),
        ("class-rbm", "--hidden 20 --epochs 20", "validation_error", 0.05),
    ] {
        let layers = "[[network.layers]]\ntype = 'linear'\nunits = 16\nactivation = 'relu'\n\n\
                      [[network.layers]]\ntype = 'linear'\nunits = 4\n";
        fs::write(folder.path().join("cnn.toml"), layers).unwrap();
        let line = format!("train {kind} --data data --stream --memory 1MiB {options} --out run");
        let said = say(folder.path(), &line).done();
        assert!(said.err.contains("read in pieces"), "{}", said.err);
        let out = folder.path().join("run");
        let summary = json(&text(out.join("summary.json")));
        let [train, held] = ["training_cases", "validation_cases"]
            .map(|key| config(&out)["run"][key].as_integer().unwrap());
        assert_eq!(train + held, 600, "{line}");
        if !figure.is_empty() {
            let found = summary[figure].as_f64().unwrap();
            assert!(found < most, "{line}: {figure} {found}");
        }
        assert_eq!(config(&out)["memory"].as_str(), Some("1MiB"));
        say(folder.path(), "report run").done();
        say(folder.path(), "eval run --json").done();
        fs::remove_dir_all(out).unwrap();
    }
}

#[test]
fn what_does_not_fit_in_the_memory_is_streamed_and_what_fits_is_not() {
    let folder = temporary();
    let (rows, width) = (3000_usize, 500);
    let values: Vec<u8> = (0..rows * width)
        .map(|k| if k.wrapping_mul(2_654_435_761_usize) >> 20 & 1 == 1 { 255 } else { 0 })
        .collect();
    write(&folder.path().join("a.npy"), "(3000, 500)", &values);
    let train = |options: &str| {
        say(folder.path(), &format!("train rbm --data a.npy --epochs 1 --hidden 4 {options}"))
            .done()
    };
    let said = train("--memory 1MiB --out small");
    for part in ["1.4 MiB", "more than --memory 1MiB", "first all is read once"] {
        assert!(said.err.contains(part), "{part}: {}", said.err);
    }
    assert!(!train("--memory 2MiB --out enough").err.contains("pieces"));
    // The same statistics, whichever way.
    train("--memory 1MiB --visible gaussian --out gaussian");
    let said = say(folder.path(), "transform gaussian --data a.npy --limit 5 --out h.npy").done();
    assert!(said.err.is_empty() || !said.err.contains("error"), "{}", said.err);
    assert_eq!(npy(folder.path().join("h.npy")).0, [5, 4]);
}

#[test]
fn what_a_stream_cannot_do_is_refused() {
    let folder = temporary();
    pictures(&folder.path().join("data"));
    write(&folder.path().join("weights.npy"), "(600,)", &[1; 600]);
    let refuse = |line: &str, parts: &[&str]| {
        _ = run(folder.path(), &line.split(' ').collect::<Vec<_>>()).refused(2, parts)
    };
    refuse(
        "train rbm --data data --stream --weights weights.npy",
        &["weights", "all cases in memory", "data"],
    );
    refuse("train rbm --data digits --stream", &["stream", "digits", "part-*.npy"]);
    refuse(
        "train class-rbm --data data --stream --labelled 100",
        &["labelled", "all cases in memory"],
    );
    for (memory, said) in [("12", "1MiB"), ("lots", "2GiB"), ("1e30GiB", "memory")] {
        let line = format!("train rbm --data data --memory {memory}");
        let found = run(folder.path(), &line.split(' ').collect::<Vec<_>>());
        assert!(found.code != 0 && found.err.contains(said), "{memory}: {}", found.err);
    }
}
