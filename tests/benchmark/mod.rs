//! What is a change between two measurements, and what a part of a ceiling.

use std::thread::sleep;
use std::time::Duration;

use harmonium::Device;
use harmonium::benchmark::{
    BenchConfig, Benchmark, Measured, Outcome, Part, Verdict, changes, parts, time, tune,
};
use harmonium::device::Policy;
use harmonium::kernels::proof::Bench;

/// A measurement of one case each: median and quartiles in milliseconds.
fn measured(cases: &[(&str, [f64; 3])]) -> Measured {
    let results: Vec<String> = cases
        .iter()
        .map(|(case, [low, median, high])| {
            format!(
                r#"{{"part": "matmul", "case": "{case}", "seconds": {median}e-3, "quartiles": [{low}e-3, {high}e-3],
                     "samples": 9, "calls": 1, "flops": 2000000, "bytes": 1000000, "counts": []}}"#
            )
        })
        .collect();
    let text = format!(
        r#"{{"harmonium": "0.1.0", "devices": [{{
            "device": {{"name": "x", "backend": "cpu", "driver": "", "kind": "cpu"}},
            "ceilings": {{"flops": 4e9, "bytes": 1e9, "copied": 1}}, "results": [{}]}}]}}"#,
        results.join(",")
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("b.json");
    std::fs::write(&path, text).unwrap();
    Benchmark::read(&path).unwrap().devices.remove(0)
}

#[test]
fn noise_is_no_change() {
    let old = measured(&[
        ("clear", [1.9, 2.0, 2.1]),
        ("overlapping", [1.9, 2.0, 2.1]),
        ("within 5 %", [1.999, 2.0, 2.001]),
        ("worse", [1.9, 2.0, 2.1]),
        ("gone", [1.0, 1.0, 1.0]),
    ]);
    let new = measured(&[
        ("new", [1.0, 1.0, 1.0]),
        ("clear", [0.9, 1.0, 1.1]),
        ("overlapping", [1.5, 1.7, 1.95]),
        ("within 5 %", [1.919, 1.92, 1.921]),
        ("worse", [2.9, 3.0, 3.1]),
    ]);
    let found = changes(&old, &new);
    let told: Vec<(&str, Verdict)> = found.iter().map(|c| (&c.case[..], c.verdict)).collect();
    let expected = [
        ("clear", Verdict::Faster),
        ("overlapping", Verdict::Same),
        ("within 5 %", Verdict::Same),
        ("worse", Verdict::Slower),
    ];
    assert_eq!(told, expected);
    assert!((found[0].speedup - 2.0).abs() < 1e-12 && (found[3].speedup - 2.0 / 3.0).abs() < 1e-12);
}

/// 2 MFLOP and 1 MB in 2 ms are 1 GFLOP/s of 4 and 0.5 GB/s of 1.
#[test]
fn the_nearer_ceiling_is_told() {
    let one = measured(&[("a", [2.0, 2.0, 2.0])]);
    let (share, arithmetic) = one.ceilings.reached(&one.results[0]);
    assert!((share - 0.5).abs() < 1e-12 && !arithmetic);
    assert!((one.results[0].flop_rate() - 1e9).abs() < 1.0);
}

#[test]
fn every_kernel_and_step_is_a_part_of_its_own_name() {
    let mut names: Vec<&str> = parts().iter().map(|part| part.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
    for name in ["matmul", "rbm_step", "gibbs", "lenet5_step", "autoencoder_step"] {
        assert!(names.contains(&name), "{name}");
    }
}

/// A case of two milliseconds, one of a thousand times its work, which nobody calls, one that takes longer than its work says,
/// and two that are taken: one whose first call alone is long, and one that takes less time than its work says.
fn quick_and_slow(b: &mut Bench<'_>) -> harmonium::Result<()> {
    let wait = |millis| {
        sleep(Duration::from_millis(millis));
        Ok(())
    };
    b.case("quick", 1, || wait(2))?;
    b.case("huge", 1000, || panic!("a case was called that is known to take too long"))?;
    b.case("deceptive", 1, || wait(150))?;
    let mut calls = 0;
    b.case("compiled", 1, || {
        calls += 1;
        wait(if calls == 1 { 150 } else { 2 })
    })?;
    b.case("parallel", 60, || wait(2))
}

#[test]
fn what_takes_too_long_is_left_out() {
    let config = BenchConfig::default().seconds(1e-3).samples(1).longest(0.1);
    let part = Part { name: "part", rates: &[], cases: quick_and_slow };
    let (mut timed, mut left_out) = (Vec::new(), Vec::new());
    time(&Device::cpu(), &part, &config, &|_| true, &mut |outcome| {
        match outcome {
            Outcome::Timed(case) => timed.push(case.case),
            Outcome::LeftOut(case) => left_out.push((case.case, case.seconds)),
        }
        Ok(())
    })
    .unwrap();
    assert_eq!(timed, ["quick", "compiled", "parallel"]);
    let names: Vec<&str> = left_out.iter().map(|(name, _)| &name[..]).collect();
    assert_eq!(names, ["huge", "deceptive"]);
    assert!(left_out.iter().all(|(_, seconds)| *seconds >= 0.15), "{left_out:?}");
}

/// Every loop is timed on each adapter, and the policy that follows can be written and read again. What it chooses is
/// near the fastest of each: three products cannot contradict each other much.
#[test]
fn loops_are_timed_and_a_policy_chooses_between_them() {
    let config = BenchConfig::default().seconds(1e-3).samples(1);
    let mut nothing = |_: &_| Ok(());
    let refused = tune(&Device::cpu(), &config, &|_| true, &mut nothing).unwrap_err().to_string();
    assert!(refused.contains("one loop"), "{refused}");
    for gpu in crate::support::gpus() {
        let mut told = Vec::new();
        let wanted = |name: &str| name.ends_with("batch 10") || name.contains("C1");
        let tuning = tune(gpu, &config, &wanted, &mut |product| {
            told.push(product.clone());
            Ok(())
        })
        .unwrap();
        assert_eq!((told.len(), &told), (4, &tuning.products));
        for product in &told {
            let times: Vec<f64> = product.seconds.iter().flatten().copied().collect();
            assert!(times.len() == 5 && times.iter().all(|&s| s > 0.0 && s < 60.0), "{product:?}");
            let best = times.iter().copied().fold(f64::INFINITY, f64::min);
            let chosen = product.seconds[product.chosen(&tuning.policy) as usize].unwrap();
            assert_eq!(product.loss(&tuning.policy), chosen / best);
            // Rows of a machine's products are whole vectors; a convolution has no such loads.
            assert_eq!(product.vector_gain().is_some(), !product.name.contains("C1"));
        }
        let (mean, worst) = tuning.loss();
        assert!((1.0..2.0).contains(&mean) && worst.unwrap().0 >= mean, "{mean} of {tuning:?}");
        let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("tuned.toml");
        std::fs::write(&path, tuning.policy.to_string()).unwrap();
        assert_eq!(Policy::read(&path).unwrap(), tuning.policy);
    }
}
