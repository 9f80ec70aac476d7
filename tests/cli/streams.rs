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

/// Shards of several thousand cases of four classes, of sizes that no block of cases divides, below `train` and `test`.
fn many(folder: &Path) {
    for (part, sizes) in [("train", [5000, 300, 2000]), ("test", [4095, 4, 1500])] {
        let folder = folder.join(part);
        fs::create_dir_all(&folder).unwrap();
        for (shard, rows) in sizes.into_iter().enumerate() {
            let mut state = rows as u32 + 1;
            let mut draw = || {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state >> 24
            };
            let labels: Vec<u8> = (0..rows).map(|_| (draw() % 4) as u8).collect();
            let mut pixel = |j: usize, label: u8| match (j / 9 == usize::from(label), draw() % 3) {
                (true, 0) | (false, 1) => 255,
                (true, _) => 190,
                (false, _) => (draw() % 120) as u8,
            };
            let mut cases = Vec::with_capacity(36 * rows);
            labels.iter().for_each(|&label| cases.extend((0..36).map(|j| pixel(j, label))));
            write(&folder.join(format!("part-{shard}.npy")), &format!("({rows}, 6, 6)"), &cases);
            write(&folder.join(format!("labels-{shard}.npy")), &format!("({rows},)"), &labels);
        }
    }
}

/// What a trained model makes of data that are read in pieces has the bits that it has of data in memory.
#[test]
fn pieces_give_the_bits_that_memory_gives() {
    let folder = temporary();
    let path = folder.path();
    many(&path.join("data"));
    let layers = "[[network.layers]]\ntype = 'conv'\nmaps = 3\nkernel = 3\nactivation = 'relu'\n\n\
                  [[network.layers]]\ntype = 'flatten'\n\n[[network.layers]]\ntype = 'linear'\nunits = 4\n";
    fs::write(path.join("cnn.toml"), layers).unwrap();
    let both = ["transform", "reconstruct"];
    let annealed =
        ["--ais 30 --chains 20 --burn-in 5", "--exact", "--exact --split train --limit 4097"];
    for (kind, options, apply, evals) in [
        ("rbm", "--hidden 7 --binarize sample", &both[..], &annealed[..]),
        ("rbm", "--hidden 7 --visible gaussian", &both[..], &annealed[..1]),
        ("cnn", "--config cnn.toml", &["transform", "predict"][..], &["--out shown"][..]),
        ("autoencoder", "--layers 12,4", &both[..], &[""][..]),
        (
            "dbn",
            "--layers 9,5 --join-labels --binarize sample",
            &["transform", "reconstruct", "predict"][..],
            &[annealed[0], annealed[1], annealed[2], "--exact --out shown"][..],
        ),
        ("dbn", "--layers 9,5 --no-classifier", &both[..1], &annealed[..1]),
        ("dbm", "--layers 9,5", &both[..], &annealed[..1]),
        (
            "dbm",
            "--layers 9,5 --binarize sample --classifier --classifier-epochs 1",
            &["predict"][..],
            &[annealed[0], annealed[1], annealed[2], "--exact --out shown"][..],
        ),
        (
            "class-rbm",
            "--hidden 9 --binarize sample",
            &["transform", "reconstruct", "predict"][..],
            &[annealed[0], annealed[1], annealed[2], "--out shown"][..],
        ),
    ] {
        // Of nets that generate the levels alone are trained.
        let epochs = if kind == "dbn" { "--pretrain-epochs 1" } else { "--epochs 1" };
        let train = format!("train {kind} --data data {epochs} --limit 600 {options} --out run");
        say(path, &train).done();
        for command in apply {
            for rest in ["--split train", "--split test", "--split test --limit 4100"] {
                let kind = if *command == "predict" { "csv" } else { "npy" };
                let line = format!("{command} run --data data {rest}");
                let whole = say(path, &format!("{line} --out a.{kind}")).done();
                let pieces =
                    say(path, &format!("{line} --stream --memory 4MiB --out b.{kind}")).done();
                assert!(pieces.err.contains("read in pieces"), "{line}: {}", pieces.err);
                assert_eq!(whole.out.replace("a.", "b."), pieces.out, "{line}");
                let [a, b] =
                    ["a", "b"].map(|name| fs::read(path.join(format!("{name}.{kind}"))).unwrap());
                assert!(a == b, "{line}: other bits");
            }
        }
        for rest in evals {
            let line = format!("eval run --data data --json {rest}");
            // With what each case scores, whose order means do not tell.
            let figures = |line: &str| {
                let found = json(&say(path, &format!("{line} --per-case c.csv")).done().out);
                let serde_json::Value::Object(mut found) = found else { panic!("{found}") };
                found.remove("seconds");
                let each = text(path.join("c.csv"));
                fs::remove_file(path.join("c.csv")).unwrap();
                (found, each)
            };
            let shown = || {
                let folder = path.join("shown");
                let files = fs::read_dir(&folder).into_iter().flatten().map(|file| {
                    let path = file.unwrap().path();
                    (path.clone(), fs::read(path).unwrap())
                });
                let mut files: Vec<_> =
                    files.filter(|(path, _)| !path.ends_with("eval.json")).collect();
                files.sort();
                _ = fs::remove_dir_all(folder);
                files
            };
            let (whole, pictures) = (figures(&line), shown());
            let pieces = figures(&format!("{line} --stream --memory 4MiB"));
            assert_eq!(whole.0, pieces.0, "{kind} {line}");
            assert!(whole.1 == pieces.1, "{kind} {line}: cases score otherwise");
            assert!(pictures == shown(), "{kind} {line}: other pictures");
            assert!(rest.is_empty() || !rest.contains("shown") || pictures.len() >= 3);
        }
        if !["rbm", "autoencoder"].contains(&kind) {
            let line = "features run --data data --case 4200";
            say(path, &format!("{line} --out a.png")).done();
            say(path, &format!("{line} --stream --memory 4MiB --out b.png")).done();
            let [a, b] = ["a.png", "b.png"].map(|name| fs::read(path.join(name)).unwrap());
            assert!(a == b, "{kind}: other features");
            let past = "features run --data data --case 5599 --stream --out c.png";
            say(path, past).refused(2, &["case", "5599 is past the last", "test part", "5598"]);
        }
        fs::remove_dir_all(path.join("run")).unwrap();
    }
}

/// A result that cannot be written whole leaves the older one as it was, and no half of itself.
#[test]
#[cfg(unix)]
fn a_full_disk_leaves_no_half_result() {
    let folder = temporary();
    let path = folder.path();
    many(&path.join("data"));
    say(path, "train class-rbm --data data --epochs 1 --limit 600 --hidden 9 --out run").done();
    for (command, out) in [("transform", "h.npy"), ("reconstruct", "v.npy"), ("predict", "p.csv")] {
        fs::create_dir(path.join("results")).unwrap();
        fs::write(path.join("results").join(out), "older").unwrap();
        let line = format!("{command} run --data data --stream --memory 4MiB --out results/{out}");
        let mut shell = std::process::Command::new("sh");
        // 64 blocks of 512 or 1,024 bytes: less than the first piece.
        let limited = "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"";
        shell.args(["-c", limited, env!("CARGO_BIN_EXE_harmonium")]);
        shell.args(line.split(' ')).current_dir(path).env("HARMONIUM_DEVICE", "cpu");
        let found = super::finish(&mut shell).refused(1, &["cannot write", out, "too large"]);
        assert!(found.err.contains("read in pieces"), "{}", found.err);
        let left: Vec<_> = fs::read_dir(path.join("results")).unwrap().collect();
        assert_eq!(left.len(), 1, "{left:?}");
        assert_eq!(fs::read(path.join("results").join(out)).unwrap(), b"older");
        fs::remove_dir_all(path.join("results")).unwrap();
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
