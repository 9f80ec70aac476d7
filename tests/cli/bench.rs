//! `harmonium bench`.

use harmonium::benchmark::Benchmark;
use serde_json::Value;

use super::{command, finish, say, temporary};
use crate::support;

/// A case is timed, its cost counted, the file read again and compared with itself.
#[test]
fn what_is_measured_is_printed_kept_and_compared() {
    let folder = temporary();
    // A thousand chains are left out where much else runs.
    let bench = |option: &str| {
        let work = ["bench", "multiply_add", "gibbs_steps", "gibbs 100 chains"];
        let mut line = command(folder.path(), &work);
        finish(line.args(["--device", "cpu", "--seconds", "0.02", option, "a.json"])).done()
    };
    let said = bench("--json");
    for part in ["at most", "multiply_add 1024 times", "gibbs 100 chains x 10 steps", "a.json"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
    assert!(said.out.contains("unit updates a ns") || said.out.contains("unit updates a µs"));
    let text = std::fs::read_to_string(folder.path().join("a.json")).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    let device = &found["devices"][0];
    assert_eq!(device["device"]["backend"], "cpu");
    let results = device["results"].as_array().unwrap();
    assert_eq!(results.len(), 4);
    let chains = results.iter().find(|result| result["case"] == "100 chains x 10 steps").unwrap();
    let number = |value: &Value, key: &str| value[key].as_f64().unwrap();
    assert_eq!(number(&results[0], "flops"), (1u64 << 31) as f64);
    // Both halves of ten steps of a hundred chains are products of 784 × 500.
    let products = 2.0 * 10.0 * 2.0 * 784.0 * 500.0 * 100.0;
    let flops = number(chains, "flops");
    assert!(flops >= products && flops < 1.1 * products, "{flops}");
    assert_eq!(chains["counts"][0][1].as_f64().unwrap(), 100.0 * 10.0 * 1284.0);
    for result in results {
        assert!(number(result, "seconds") > 0.0 && number(result, "samples") >= 9.0);
        let quartile = |k: usize| result["quartiles"][k].as_f64().unwrap();
        assert!(quartile(0) <= number(result, "seconds"));
        assert!(number(result, "seconds") <= quartile(1));
        // Nothing is faster than its device: the product in registers is that ceiling but for noise.
        let rate = number(result, "flops") / number(result, "seconds");
        assert!(rate < 2.0 * number(&device["ceilings"], "flops"), "{result}");
    }
    // The same file as what was before: nothing changed.
    let path = folder.path().join("a.json");
    let read = Benchmark::read(&path).unwrap();
    let same = harmonium::benchmark::changes(&read.devices[0], &read.devices[0]);
    assert!(same.iter().all(|change| change.speedup == 1.0) && same.len() == 4);
    let said = bench("--compare");
    assert!(said.out.contains("since 0.") && said.out.contains(": 4 cases"), "{}", said.out);
}

/// The largest product, which most software adapters would need minutes for: measured or left out, printed as it is kept.
#[test]
fn what_takes_too_long_is_told_and_kept() {
    // One adapter is enough for words, and slow enough.
    for backend in support::gpus().iter().take(1).map(|gpu| gpu.info().backend.clone()) {
        let folder = temporary();
        let options = "512x512x512 4096x4096x4096 --seconds 0.001 --json a.json";
        let said = say(folder.path(), &format!("bench {options} --device {backend}")).done();
        let measured = Benchmark::read(&folder.path().join("a.json")).unwrap().devices.remove(0);
        let left_out = &measured.not_measured;
        let told = said.out.contains("4096 NN not measured: one call would take about");
        assert_eq!(told, left_out.iter().any(|case| case.case == "4096x4096x4096 NN"));
        assert!(left_out.iter().all(|case| case.seconds > 2.0), "{left_out:?}");
        assert_eq!(measured.results.len() + left_out.len(), 2);
    }
}

#[test]
fn names_are_listed_and_wrong_ones_refused() {
    let folder = temporary();
    let said = say(folder.path(), "bench --list CD-25").done();
    assert_eq!(said.out, "rbm_step CD-25 784x500 B128\n");
    let all = say(folder.path(), "bench --list").done().out;
    assert!(all.lines().count() > 60 && all.contains("viterbi"), "{all}");
    let refused = |options: &str, code: i32, parts: &[&str]| {
        say(folder.path(), &format!("bench {options}")).refused(code, parts);
    };
    refused("nonsense", 2, &["'nonsense'", "matmul", "lenet5_step"]);
    refused("matmul --seconds 0", 2, &["seconds", "(0, 3600]"]);
    refused("matmul --seconds -1", 2, &["seconds: -1 seconds are outside (0, 3600]"]);
    refused("matmul --compare none.json", 1, &["none.json", "cannot read"]);
    std::fs::write(folder.path().join("x.json"), "{}").unwrap();
    refused("matmul --compare x.json", 1, &["x.json: line 1, column ", "harmonium bench --json"]);
    refused("matmul --device nothing", 1, &["nothing"]);
    // Before anything is measured.
    refused("matmul --json none/b.json", 1, &["none/b.json", "the folder none does not exist"]);
    refused("batch_sizes --plot s.png", 2, &["plot: s.png does not end in .svg"]);
}
