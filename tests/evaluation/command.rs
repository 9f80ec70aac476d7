//! `harmonium eval` on models made elsewhere, against enumeration.

use std::path::Path;
use std::process::{Command, Output};

use harmonium::data::Holdout;
use harmonium::models::UnitKind;
use safetensors::tensor::{Dtype, TensorView};
use serde_json::Value;

use crate::models::exact::{Exact, to_f32};

pub fn harmonium(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_harmonium"))
        .args(arguments)
        .env("HARMONIUM_DEVICE", "cpu")
        .current_dir(folder)
        .output()
        .unwrap()
}

pub fn json(folder: &Path, arguments: &[&str]) -> Value {
    let output = harmonium(folder, arguments);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

pub fn number(report: &Value, key: &str) -> f64 {
    report[key].as_f64().unwrap_or_else(|| panic!("{key} is {}", report[key]))
}

/// A bare file of three tensors, written by the safetensors crate alone.
pub fn save(machine: &Exact, path: &Path) {
    let bytes = |x: &[f64]| -> Vec<u8> { to_f32(x).iter().flat_map(|x| x.to_le_bytes()).collect() };
    let data = [bytes(&machine.w), bytes(&machine.b), bytes(&machine.a)];
    let (i, j) = (machine.i, machine.j);
    let view = |shape: &[usize], data| TensorView::new(Dtype::F32, shape.to_vec(), data).unwrap();
    let tensors =
        [("W", view(&[i, j], &data[0])), ("b", view(&[i], &data[1])), ("a", view(&[j], &data[2]))];
    safetensors::serialize_to_file(tensors, None, path).unwrap();
}

pub fn csv(path: &Path, rows: &[Vec<f64>]) {
    let lines: Vec<String> = rows
        .iter()
        .map(|row| row.iter().map(f64::to_string).collect::<Vec<_>>().join(",") + "\n")
        .collect();
    std::fs::write(path, lines.concat()).unwrap();
}

#[test]
fn a_foreign_model_gets_its_enumerated_likelihood() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Exact::random(UnitKind::Bernoulli, 7, 5, 1.2, 71);
    save(&machine, &folder.path().join("m.safetensors"));
    let rows: Vec<Vec<f64>> =
        [3usize, 17, 17, 90, 127, 0].map(|s| (0..7).map(|k| (s >> k & 1) as f64).collect()).into();
    csv(&folder.path().join("v.csv"), &rows);
    let log_z = machine.log_z();
    let scores: Vec<f64> = rows.iter().map(|v| -machine.free_energy(v) - log_z).collect();
    let mean = scores.iter().sum::<f64>() / 6.0;
    let spread = scores.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / 5.0;

    let exact = json(folder.path(), &["eval", "m.safetensors", "--data", "v.csv", "--json"]);
    let near = |key: &str, expected: f64| {
        let found = number(&exact, key);
        assert!((found - expected).abs() < 1e-4 * expected.abs(), "{key}: {found} {expected}");
    };
    near("log_partition", log_z);
    near("mean_log_likelihood", mean);
    near("mean_log_likelihood_std_error", (spread / 6.0).sqrt());
    assert_eq!(exact["log_partition_method"], "exact");
    assert_eq!(number(&exact, "log_partition_std_error"), 0.0);
    assert_eq!(number(&exact, "cases"), 6.0);
    assert!(exact["log_partition_reverse"].is_null());

    let annealed = ["eval", "m.safetensors", "--data", "v.csv", "--json", "--ais", "500"];
    let ais = json(folder.path(), &annealed);
    assert_eq!(ais["log_partition_method"], "ais");
    for (z, error) in [
        ("log_partition", "log_partition_std_error"),
        ("log_partition_reverse", "log_partition_reverse_std_error"),
    ] {
        let (z, error) = (number(&ais, z), number(&ais, error));
        assert!(error > 0.0 && error < 0.2 && (z - log_z).abs() < 4.0 * error, "{z} ± {error}");
    }
}

#[test]
fn what_does_not_apply_is_null() {
    let folder = tempfile::tempdir().unwrap();
    let gaussian = Exact::random(UnitKind::Gaussian, 3, 2, 0.5, 72);
    save(&gaussian, &folder.path().join("g.safetensors"));
    let rows = vec![vec![0.5, -1.0, 2.0], vec![0.0, 0.25, 1.5]];
    csv(&folder.path().join("v.csv"), &rows);
    let base = ["eval", "g.safetensors", "--visible", "gaussian", "--json"];
    let report = json(folder.path(), &[&base[..], &["--data", "v.csv"]].concat());
    assert!(report["pseudo_log_likelihood"].is_null());
    // p(v) integrated over a grid would be 1; here the definition, with ln Z from the report itself tested above.
    let mean = rows.iter().map(|v| -gaussian.free_energy(v)).sum::<f64>() / 2.0;
    let expected = mean - number(&report, "log_partition");
    assert!((number(&report, "mean_log_likelihood") - expected).abs() < 1e-4);

    // No data: log Z alone.
    let report = json(folder.path(), &base);
    for key in ["mean_log_likelihood", "reconstruction_error", "cases", "pseudo_log_likelihood"] {
        assert!(report[key].is_null(), "{key}");
    }

    // Grey values and Bernoulli units: no likelihood, and a warning.
    let machine = Exact::random(UnitKind::Bernoulli, 3, 2, 0.5, 73);
    save(&machine, &folder.path().join("m.safetensors"));
    csv(&folder.path().join("grey.csv"), &[vec![0.5, 0.0, 1.0]]);
    let output =
        harmonium(folder.path(), &["eval", "m.safetensors", "--data", "grey.csv", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(report["mean_log_likelihood"].is_null() && report["reconstruction_error"].is_f64());
    assert!(String::from_utf8_lossy(&output.stderr).contains("warning: the data are not 0 or 1"));
}

#[test]
fn a_run_keeps_its_evaluation() {
    let folder = tempfile::tempdir().unwrap();
    let train = ["train", "rbm", "--epochs", "2", "--hidden", "8", "--out", "run"];
    assert!(harmonium(folder.path(), &train).status.success());
    let report = json(folder.path(), &["eval", "run", "--json"]);
    assert_eq!((&report["data"], &report["split"]), (&"digits".into(), &"test".into()));
    assert_eq!(number(&report, "cases"), 297.0);
    let kept = std::fs::read_to_string(folder.path().join("run/eval.json")).unwrap();
    assert_eq!(serde_json::from_str::<Value>(&kept).unwrap(), report);
    let text = harmonium(folder.path(), &["eval", "run"]);
    let text = String::from_utf8_lossy(&text.stdout).into_owned();
    assert!(text.contains("(exact)") && text.contains("nats per case"), "{text}");
}

#[test]
fn mistakes_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let machine = Exact::random(UnitKind::Bernoulli, 30, 30, 0.1, 74);
    save(&machine, &folder.path().join("large.safetensors"));
    let failure = |arguments: &[&str], code: i32, text: &str| {
        let output = harmonium(folder.path(), arguments);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(code) && errors.contains(text), "{errors}");
    };
    failure(&["eval", "large.safetensors", "--exact"], 2, "30 units are too many to enumerate");
    failure(&["eval", "large.safetensors", "--ais", "0"], 2, "0 temperature steps");
    failure(&["eval", "large.safetensors", "--ais", "5", "--chains", "1"], 2, "use at least 2");
    failure(&["eval", "large.safetensors", "--ais", "5", "--exact"], 2, "cannot be used with");
    failure(&["eval", "large.safetensors", "--ais-grid", "mine"], 2, "salakhutdinov");
    failure(&["eval", "nowhere"], 1, "does not exist");
}

/// 40 cases of 6 bits, all different.
fn bits() -> Vec<Vec<f64>> {
    (0..40usize)
        .map(|s| (0..6).map(|k| f64::from(((s * 7 % 64) >> k & 1) as u8)).collect())
        .collect()
}

/// The scores of bits are refused for grey values, whichever part is the grey one.
#[test]
fn the_part_that_is_scored_decides_whether_it_is_binary() {
    let folder = tempfile::tempdir().unwrap();
    csv(&folder.path().join("bits.csv"), &bits());
    let set =
        harmonium::data::load(folder.path().join("bits.csv").to_str().unwrap()).unwrap().train;
    let (_, held) = set.split_validation(Holdout::Count(8), 1).unwrap();
    let held: Vec<Vec<f32>> = (0..8).map(|i| held.cases.row(i)).collect();
    let is_held =
        |row: &Vec<f64>| held.iter().any(|h| h.iter().zip(row).all(|(h, x)| f64::from(*h) == *x));
    let grey = |row: &Vec<f64>| row.iter().map(|x| 0.25 + 0.5 * x).collect::<Vec<f64>>();
    for (name, grey_part, expected) in
        [("none", None, true), ("held", Some(true), false), ("train", Some(false), true)]
    {
        let rows: Vec<Vec<f64>> = bits()
            .iter()
            .map(|row| if grey_part == Some(is_held(row)) { grey(row) } else { row.clone() })
            .collect();
        csv(&folder.path().join("v.csv"), &rows);
        let train = ["train", "rbm", "--data", "v.csv", "--validation", "8", "--hidden", "4"];
        let how = ["--epochs", "2", "--score-every", "1", "--out", name];
        let output = harmonium(folder.path(), &[&train[..], &how].concat());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metrics =
            std::fs::read_to_string(folder.path().join(name).join("metrics.jsonl")).unwrap();
        for key in ["\"pseudo_log_likelihood\":-", "\"mean_log_likelihood\":-"] {
            assert_eq!(metrics.contains(key), expected, "{name}: {key} in {metrics}");
        }
    }
}

/// Bytes of 0 and 255 are as binary as 0 and 1 are, in training and in evaluation, whatever file they come in.
#[test]
fn bytes_of_black_and_white_are_binary() {
    let folder = tempfile::tempdir().unwrap();
    let rows = bits();
    // idx: two zeros, unsigned bytes, two sizes; then the values.
    let idx = |white: u8| -> Vec<u8> {
        let head = [0, 0, 8, 2, 0, 0, 0, 40, 0, 0, 0, 6];
        head.into_iter()
            .chain(rows.iter().flatten().map(|x| if *x == 1.0 { white } else { 0 }))
            .collect()
    };
    std::fs::write(folder.path().join("white.idx2-ubyte"), idx(255)).unwrap();
    std::fs::write(folder.path().join("grey.idx2-ubyte"), idx(254)).unwrap();
    csv(&folder.path().join("bits.csv"), &rows);
    let train = ["train", "rbm", "--data", "white.idx2-ubyte", "--hidden", "4", "--epochs", "2"];
    let output = harmonium(folder.path(), &[&train[..], &["--out", "run"]].concat());
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let summary = std::fs::read_to_string(folder.path().join("run/summary.json")).unwrap();
    assert!(summary.contains("\"pseudo_log_likelihood\": -"), "{summary}");
    let report =
        |data| json(folder.path(), &["eval", "run", "--data", data, "--split", "train", "--json"]);
    let [white, bits, grey] = ["white.idx2-ubyte", "bits.csv", "grey.idx2-ubyte"].map(report);
    for key in ["mean_log_likelihood", "pseudo_log_likelihood", "reconstruction_error"] {
        // The same cases to the bit.
        assert_eq!(number(&white, key), number(&bits, key), "{key}");
    }
    assert!(grey["mean_log_likelihood"].is_null() && grey["pseudo_log_likelihood"].is_null());
}
