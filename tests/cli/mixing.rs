//! Samples that mix: clamped, tempered and along the trajectory of training; log Z by ladders.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use serde_json::Value;
use tempfile::TempDir;

use super::{Said, assert_picture, npy, say, shared_run, temporary, write_npy};

fn sample(folder: &Path, options: &str) -> Said {
    say(folder, &format!("sample {} {options}", shared_run()))
}

/// A run that kept its trajectory, 12 hidden units.
fn kept() -> &'static PathBuf {
    static RUN: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    &RUN.get_or_init(|| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let options =
            "--epochs 100 --hidden 12 --pcd 1 --trajectory --ptt --learning-rate 0.05 --momentum 0";
        let said = say(folder.path(), &format!("train rbm {options} --out run")).done();
        assert!(said.out.contains("rungs"), "{}", said.out);
        let path = folder.path().join("run");
        (folder, path)
    })
    .1
}

#[test]
fn a_ladder_that_no_chain_passes_is_told_with_its_remedy() {
    let folder = temporary();
    let said = say(folder.path(), "train rbm --epochs 20 --pcd 1 --trajectory --ptt").done();
    assert!(said.err.contains("--learning-rate, such as 0.1..0.001"), "{}", said.err);
    let options = "--epochs 30 --pcd 1 --pt 20 --learning-rate 0.05 --momentum 0";
    let said = say(folder.path(), &format!("train rbm {options}")).done();
    assert!(!said.err.contains("ladder"), "{}", said.err);
}

#[test]
fn a_mask_holds_units_at_their_values() {
    let folder = temporary();
    let write = |name: &str, values: &[f32]| write_npy(folder.path().join(name), values, 64);
    // The upper half is held: 1 in its first row, else 0; what is said of the lower half is not looked at.
    let mask: Vec<f32> = (0..64).map(|k| f32::from(u8::from(k < 32))).collect();
    let values: Vec<f32> =
        (0..64).map(|k| if k < 8 { 1.0 } else { 9.0 * f32::from(u8::from(k >= 32)) }).collect();
    write("mask.npy", &mask);
    write("v.npy", &values);
    let options = "--clamp mask.npy --init v.npy --steps 30 --count 50";
    let said = sample(folder.path(), &format!("{options} --out s.npy")).done();
    assert_eq!(said.out, "50 chains after 30 Gibbs steps, 32 of 64 units held: s.npy\n");
    let (shape, states) = npy(folder.path().join("s.npy"));
    assert_eq!(shape, [50, 64]);
    assert!(states.iter().all(|x| *x == 0.0 || *x == 1.0));
    assert!(states.chunks(64).all(|row| row[..32] == values[..32]));
    let lower: Vec<&[f32]> = states.chunks(64).map(|row| &row[32..]).collect();
    assert!(lower.iter().any(|row| *row != lower[0]), "the free units do not move");
    // Averages are means, on a ladder too.
    for options in [format!("{options} --average"), format!("{options} --average --pt 3")] {
        sample(folder.path(), &format!("{options} --out a.npy")).done();
        let (_, means) = npy(folder.path().join("a.npy"));
        assert!(means.chunks(64).all(|row| row[..32] == values[..32]));
        assert!(means.iter().any(|x| *x > 0.0 && *x < 1.0));
    }
    // A row of the mask for each chain.
    let masks: Vec<f32> = [mask.clone(), mask.iter().map(|x| 1.0 - x).collect()].concat();
    write("two.npy", &masks);
    write("zeros.npy", &[0.0; 64]);
    let said =
        sample(folder.path(), "--clamp two.npy --init zeros.npy --steps 3 --out t.npy").done();
    assert!(said.out.starts_with("2 chains after 3 Gibbs steps, 64 of 128 units held in all"));
    let (_, states) = npy(folder.path().join("t.npy"));
    assert!(states[..32].iter().chain(&states[96..]).all(|&x| x == 0.0));
}

/// An 8×8 picture: its left half black, above the rest white, the rest grey 127 or transparent.
fn picture(path: &Path, alpha: bool) {
    let mut bytes = Vec::new();
    for (y, x) in (0..8).flat_map(|y| (0..8).map(move |x| (y, x))) {
        let known = x < 4 || y < 2;
        let value = if x < 4 { 0 } else { 255 };
        match alpha {
            false => bytes.push(if known { value } else { 127 }),
            true => bytes.extend([value, if known { 255 } else { 0 }]),
        }
    }
    let file = std::fs::File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, 8, 8);
    encoder.set_color(if alpha {
        png::ColorType::GrayscaleAlpha
    } else {
        png::ColorType::Grayscale
    });
    encoder.write_header().unwrap().write_image_data(&bytes).unwrap();
}

#[test]
fn unknown_pixels_of_a_picture_are_drawn() {
    let folder = temporary();
    for alpha in [false, true] {
        picture(&folder.path().join("p.png"), alpha);
        let said = sample(folder.path(), "--clamp p.png --steps 20 --count 9 --out s.npy").done();
        assert_eq!(said.out, "9 chains after 20 Gibbs steps, 40 of 64 units held: s.npy\n");
        let (_, states) = npy(folder.path().join("s.npy"));
        for row in states.chunks(64) {
            for (k, value) in row.iter().enumerate() {
                let (y, x) = (k / 8, k % 8);
                if x < 4 || y < 2 {
                    assert_eq!(*value, f32::from(u8::from(x >= 4)), "{alpha} {y} {x}");
                }
            }
        }
        assert!(
            states
                .chunks(64)
                .any(|row| row[20..24] != states[20..24] || row[28..32] != states[28..32])
        );
    }
    sample(folder.path(), "--clamp p.png --steps 20 --count 9 --average --out s.png").done();
    assert_picture(folder.path().join("s.png"));
}

#[test]
fn what_cannot_be_held_is_refused() {
    let folder = temporary();
    let write =
        |name: &str, values: &[f32], width| write_npy(folder.path().join(name), values, width);
    write("mask.npy", &[1.0; 64], 64);
    write("short.npy", &[1.0; 30], 30);
    write("two.npy", &[1.0; 128], 64);
    write("three.npy", &[0.0; 192], 64);
    let mut far = [0.0; 64];
    far[7] = 1.5;
    write("far.npy", &far, 64);
    picture(&folder.path().join("p.png"), false);
    for (options, code, parts) in [
        ("--clamp mask.npy", 2, ["clamp", "--init V.npy"]),
        ("--clamp p.png --init mask.npy", 2, ["init", "leave --init out"]),
        ("--clamp short.npy --init mask.npy", 1, ["short.npy", "expected [64] or [chains, 64]"]),
        ("--clamp mask.npy --init short.npy", 1, ["short.npy", "expected [chains, 64]"]),
        ("--clamp two.npy --init three.npy", 1, ["three.npy", "expected [2, 64]"]),
        ("--clamp mask.npy --init far.npy", 1, ["row 0, column 7", "1.5 is outside [0, 1]"]),
        ("--clamp two.npy --init two.npy --count 3", 2, ["count", "2 rows"]),
        ("--clamp none.npy --init mask.npy", 1, ["none.npy", "cannot read"]),
        ("--pt 1", 2, ["1 rungs", "[2, 1000]"]),
        ("--pt 3 --init mask.npy", 2, ["init", "leave it out"]),
        ("--ptt", 1, ["ladder.safetensors", "--trajectory"]),
    ] {
        sample(folder.path(), &format!("{options} --out x.npy")).refused(code, &parts);
    }
    let white = std::fs::File::create(folder.path().join("w.png")).unwrap();
    let mut encoder = png::Encoder::new(white, 8, 8);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.write_header().unwrap().write_image_data(&[255; 64]).unwrap();
    sample(folder.path(), "--clamp w.png --out x.npy")
        .refused(1, &["w.png", "no pixel is unknown"]);
    assert!(!folder.path().join("x.npy").exists());
}

#[test]
fn tempered_chains_and_those_along_the_trajectory_are_drawn() {
    let (folder, run) = (temporary(), kept().display());
    let read = |name: &str| npy(folder.path().join(name));
    for (options, words) in [("--pt 5", "5 rungs"), ("--ptt", "rungs")] {
        let line = format!("sample {run} --count 20 --steps 15 {options} --out");
        let said = say(folder.path(), &format!("{line} a.npy")).done();
        assert!(said.out.starts_with("20 chains after 15 rounds on ") && said.out.contains(words));
        assert!(said.out.contains("ladder: neighbours exchange at least 0."), "{}", said.out);
        say(folder.path(), &format!("{line} b.npy")).done();
        say(folder.path(), &format!("{line} c.npy --seed 2")).done();
        assert_eq!(read("a.npy").0, [20, 64]);
        assert!(read("a.npy") == read("b.npy") && read("a.npy") != read("c.npy"));
        say(folder.path(), &format!("{line} x.png")).done();
        assert_picture(folder.path().join("x.png"));
    }
}

/// Both ladders against the enumerated log Z: within their 95 % intervals, four times as wide.
#[test]
fn ladders_climb_to_the_enumerated_log_z() {
    let (folder, run) = (temporary(), kept().display());
    for options in ["--ladder", "--ladder 8"] {
        let line = format!("eval {run} --json --chains 40 --rounds 300 {options}");
        let found: Value = serde_json::from_str(&say(folder.path(), &line).done().out).unwrap();
        let number = |key: &str| found[key].as_f64().unwrap_or_else(|| panic!("{key}: {found}"));
        assert_eq!(found["log_partition_method"], "exact");
        let off = (number("log_partition_ladder") - number("log_partition")).abs();
        let error = number("log_partition_ladder_std_error");
        assert!(off < 4.0 * error && error < 0.3, "{options}: {off} ± {error}");
        let [low, high] =
            [0, 1].map(|k| found["log_partition_ladder_interval"][k].as_f64().unwrap());
        assert!(low < number("log_partition_ladder") && number("log_partition_ladder") < high);
        let change = number("mean_log_likelihood") - number("mean_log_likelihood_ladder");
        let ladder = number("log_partition_ladder") - number("log_partition");
        assert!((change - ladder).abs() < 1e-9);
        let rungs = found["ladder_log_partitions"].as_array().unwrap().len();
        assert_eq!(found["ladder_acceptance"].as_array().unwrap().len(), rungs - 1);
        let svg = std::fs::read_to_string(kept().join("ladder.svg")).unwrap();
        assert!(svg.contains("Exchanges of neighbours") && svg.contains("rung"));
    }
    let said =
        say(folder.path(), &format!("eval {run} --chains 20 --rounds 100 --ladder 4")).done();
    assert!(said.out.contains("by the ladder, standard error"), "{}", said.out);
    assert!(said.out.contains("ladder: 4 rungs, neighbours exchange at least"), "{}", said.out);
    say(folder.path(), &format!("eval {run} --rounds 100")).refused(2, &["--ladder"]);
}

/// What `eval` says of chains stands in the report, with its diagrams; reverse annealing begins at the ladder's samples.
#[test]
fn the_report_shows_chains_and_ladder() {
    let folder = temporary();
    let own = folder.path().join("run");
    std::fs::create_dir(&own).unwrap();
    for entry in std::fs::read_dir(kept()).unwrap().map(Result::unwrap) {
        if entry.path().is_file() {
            std::fs::copy(entry.path(), own.join(entry.file_name())).unwrap();
        }
    }
    std::fs::remove_file(own.join("eval.json")).ok();
    let report = || {
        say(folder.path(), "report run").done();
        std::fs::read_to_string(own.join("report.html")).unwrap()
    };
    assert!(!report().contains("id=\"mixing\""));
    let options = "--ladder --diagnostics --ais 50 --chains 20 --rounds 40 --burn-in 20";
    let said = say(folder.path(), &format!("eval run {options}")).done();
    assert!(said.out.contains("by reverse AIS from samples of the ladder"), "{}", said.out);
    let html = report();
    for part in [
        "id=\"mixing\"",
        "autocorrelation time of the free energy",
        "free energy of the data",
        "cases next to a case",
        "Exchanges of neighbours over rung",
        "Singular values of W over number",
    ] {
        assert!(html.contains(part), "{part}");
    }
}

/// Modes of the weights over the epochs.
#[test]
fn metrics_have_singular_values() {
    let lines = std::fs::read_to_string(kept().join("metrics.jsonl")).unwrap();
    let rows: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let last = rows.last().unwrap();
    let number = |key: &str| last[key].as_f64().unwrap_or_else(|| panic!("{key}: {last}"));
    let values = [1, 2, 3, 4].map(|n| number(&format!("singular_value_{n}")));
    assert!(values.windows(2).all(|pair| pair[0] >= pair[1]) && values[3] > 0.0, "{values:?}");
    let rank = number("effective_rank");
    assert!((1.0..=12.0).contains(&rank), "{rank}");
    // W applied to a unit vector gives a column, which is no longer than the first singular value.
    assert!(number("weight_norm") <= values[0], "{values:?}");
}

/// A ladder of another machine, and one that is damaged.
#[test]
fn ladders_of_other_machines_are_refused() {
    let folder = temporary();
    let own = folder.path().join("run");
    std::fs::create_dir(&own).unwrap();
    let copy = |from: &Path, name: &str| std::fs::copy(from.join(name), own.join(name)).unwrap();
    copy(kept(), "ladder.safetensors");
    copy(Path::new(shared_run()), "model.safetensors");
    let line = "sample run/model.safetensors --ptt --steps 1 --out x.npy";
    say(folder.path(), line).refused(1, &["ladder.safetensors", "another machine"]);
    copy(kept(), "model.safetensors");
    say(folder.path(), line).done();
    let whole = std::fs::read(own.join("ladder.safetensors")).unwrap();
    std::fs::write(own.join("ladder.safetensors"), &whole[..whole.len() - 5]).unwrap();
    say(folder.path(), line).refused(1, &["ladder.safetensors", "truncated"]);
    copy(Path::new(shared_run()), "model.safetensors");
    std::fs::copy(own.join("model.safetensors"), own.join("ladder.safetensors")).unwrap();
    say(folder.path(), line).refused(1, &["ladder.safetensors", "this is no ladder"]);
    say(folder.path(), "eval run/ladder.safetensors").done();
}

#[test]
fn trainings_with_ladders_that_make_no_sense_are_refused() {
    let folder = temporary();
    for (options, parts) in [
        ("--pt 4", ["pt", "--pcd"]),
        ("--pcd 1 --pt 1", ["pt", "at least 2"]),
        ("--pcd 1 --ptt", ["ptt", "--trajectory"]),
        ("--trajectory --ptt", ["ptt", "--pcd"]),
        ("--pcd 1 --trajectory --pt 4", ["pt", "use one"]),
    ] {
        say(folder.path(), &format!("train rbm --epochs 1 {options} --out run")).refused(2, &parts);
    }
    let said =
        say(folder.path(), "train rbm --epochs 2 --hidden 8 --pcd 1 --pt 3 --out run").done();
    assert!(said.out.contains("exchanges of the ladder"), "{}", said.out);
    assert!(!folder.path().join("run/ladder.safetensors").exists());
}

/// What neighbours lack between them is put there at the end.
#[test]
fn a_run_tells_the_rungs_that_its_ladder_has() {
    let summary = std::fs::read_to_string(kept().join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let file = kept().join("ladder.safetensors");
    let ladder = harmonium::run::ladder_file::load(&file, &harmonium::Device::cpu()).unwrap();
    assert_eq!(summary["rungs"].as_f64(), Some(ladder.rungs().len() as f64));
}
