//! `train rbm` with units of other kinds, weighted cases and averaged parameters.

use std::fs;

use harmonium::run::npy;

use super::{assert_picture, json, say, temporary, text};

#[test]
fn spins_of_bits_and_of_signs() {
    let folder = temporary();
    let at = folder.path();
    let line = "train rbm --visible spin --hidden 8 --epochs 3 --device cpu --out";
    let said = say(at, &format!("{line} a")).done();
    assert!(said.err.contains("binarised (0.5)"), "{}", said.err);
    assert_picture(at.join("a/samples.png"));
    let found = json(&say(at, "eval a --json --device cpu").done().out);
    let likelihood = found["mean_log_likelihood"].as_f64().unwrap();
    assert!(likelihood < 0.0 && likelihood > -64.0 * std::f64::consts::LN_2, "{likelihood}");
    assert_eq!(found["log_partition_method"].as_str(), Some("exact"));
    say(at, "sample a --count 4 --steps 5 --device cpu --out s.npy").done();
    let signs = npy::read(at.join("s.npy")).unwrap();
    assert!(signs.values.iter().all(|s| s.abs() == 1.0));
    // Data of signs are taken as they are.
    say(at, &format!("{line} b --data s.npy --validation 0")).done();
    say(at, "reconstruct a --data digits --limit 5 --device cpu --out r.png").done();
    assert_picture(at.join("r.png"));
    say(at, "report a --device cpu").done();
    fs::write(at.join("wrong.csv"), "1,0\n3,1\n").unwrap();
    say(at, &format!("{line} c --data wrong.csv"))
        .refused(1, &["case 1, column 0 is 3", "no spin"]);
    say(at, &format!("{line} c --binarize resample")).refused(2, &["binarize", "use sample"]);
    say(at, &format!("{line} c --standardize")).refused(2, &["standardize", "spin"]);
}

/// Four families of sequences of six residues.
fn alignment() -> String {
    let (mut out, families) = (String::new(), ["ACDEFG", "ACDHIK", "LMNPQ-", "RSTVWY"]);
    for n in 0..80 {
        let mut sequence: Vec<u8> = families[n % 4].bytes().collect();
        if n % 3 == 0 {
            sequence[n % 6] = b'A';
        }
        out += &format!(">seq{n}\n{}\n", String::from_utf8_lossy(&sequence));
    }
    out
}

#[test]
fn aligned_sequences_with_weights() {
    let folder = temporary();
    let at = folder.path();
    fs::write(at.join("family.fasta"), alignment()).unwrap();
    let line =
        "train rbm --hidden 6 --epochs 200 --batch 20 --device cpu --data family.fasta --out";
    let said = say(at, &format!("{line} run --visible softmax:21 --reweight 0.8")).done();
    for words in
        ["80 sequences of 6 residues", "softmax:21", "reweighted at 80 % identity", "weighted"]
    {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    assert_picture(at.join("run/samples.png"));
    let found = json(&say(at, "eval run --json --device cpu").done().out);
    let likelihood = found["mean_log_likelihood"].as_f64().unwrap();
    // Four families among 21⁶ sequences: far more likely than chance, ln 21⁻⁶ = −18.3.
    assert!(likelihood > -12.0 && likelihood < 0.0, "{likelihood}");
    say(at, "sample run --count 30 --steps 50 --device cpu --out s.npy").done();
    let drawn = npy::read(at.join("s.npy")).unwrap();
    assert_eq!((drawn.rows, drawn.columns), (30, 126));
    assert!(drawn.values.chunks(21).all(|group| group.iter().sum::<f32>() == 1.0));
    // What is drawn can be scored, one-hot as it is.
    say(at, "eval run --data s.npy --device cpu").done();
    // Another gauge gives every case the same probability.
    say(at, "export run --zero-sum --out zero.safetensors").done();
    let again =
        json(&say(at, "eval zero.safetensors --data family.fasta --json --device cpu").done().out);
    let plain = json(
        &say(at, "eval run/model.safetensors --data family.fasta --json --device cpu").done().out,
    );
    let value = |v: &serde_json::Value, key: &str| v[key].as_f64().unwrap();
    let off = value(&again, "mean_log_likelihood") - value(&plain, "mean_log_likelihood");
    assert!(off.abs() < 1e-4, "{off}");
    assert!((value(&again, "log_partition") - value(&plain, "log_partition")).abs() > 1e-3);
    say(at, &format!("{line} b --visible softmax:5"))
        .refused(1, &["softmax:5 takes whole numbers from 0 to 4"]);
    for (body, words) in [
        (">a\nACD\n>b\nAC\n", "line 3: this sequence has 2 residues and gaps, the first one 3"),
        ("ACD\n", "holds no numbers"),
        (">a\nAC7\n", "line 2: '7' is no residue"),
    ] {
        fs::write(at.join("bad.txt"), body).unwrap();
        let line = line.replace("family.fasta", "bad.txt");
        say(at, &format!("{line} c --visible softmax:21"))
            .refused(1, &[words.trim_start_matches("holds ")]);
    }
    fs::write(at.join("rna.fa"), ">a\nACGU\n>b\nA-GTacu.\n>c\nNCGU\n").unwrap();
    let line = line.replace("family.fasta", "rna.fa");
    let said = say(at, &format!("{line} d --visible softmax:5 --validation 0")).done();
    for words in ["-ACGU", "1 unknown residues", "small letters"] {
        assert!(said.err.contains(words), "{words}: {}", said.err);
    }
    say(at, "export run --out plain.safetensors").done();
    let digits = "train rbm --hidden 4 --epochs 1 --device cpu --out e";
    say(at, digits).done();
    say(at, "export e --zero-sum --out z.safetensors").refused(2, &["no gauge"]);
}

#[test]
fn weights_of_training_cases_and_of_scored_ones() {
    let folder = temporary();
    let at = folder.path();
    let rows: Vec<f32> =
        (0..40).flat_map(|n| (0..6).map(move |k| (n >> (k % 5) & 1) as f32)).collect();
    npy::write(at.join("x.npy"), &rows, 40, 6).unwrap();
    let weights: Vec<f32> = (0..40).map(|n| (n % 4) as f32).collect();
    npy::write(at.join("w.npy"), &weights, 40, 1).unwrap();
    let repeated: Vec<f32> = rows
        .chunks(6)
        .zip(&weights)
        .flat_map(|(row, &weight)| row.repeat(weight as usize))
        .collect();
    npy::write(at.join("r.npy"), &repeated, repeated.len() / 6, 6).unwrap();
    let line = "train rbm --hidden 3 --epochs 30 --exact-gradient --batch 100 --validation 0 --device cpu --out";
    let said = say(at, &format!("{line} a --data x.npy --weights w.npy")).done();
    assert!(said.err.contains("weighted"), "{}", said.err);
    say(at, &format!("{line} b --data r.npy")).done();
    let figure = |run: &str, key: &str| {
        json(&text(at.join(run).join("summary.json")))[key].as_f64().unwrap()
    };
    for key in ["reconstruction_error", "weight_norm", "hidden_activity"] {
        let off = figure("a", key) - figure("b", key);
        assert!(off.abs() < 1e-4, "{key}: {off}");
    }
    let eval = |line: &str| {
        json(
            &say(
                at,
                &format!("eval a/model.safetensors {line} --exact-pseudo --json --device cpu"),
            )
            .done()
            .out,
        )
    };
    let (one, other) = (eval("--data x.npy --weights w.npy"), eval("--data r.npy"));
    for key in ["mean_log_likelihood", "pseudo_log_likelihood", "reconstruction_error"] {
        let off = one[key].as_f64().unwrap() - other[key].as_f64().unwrap();
        assert!(off.abs() < 1e-5, "{key}: {off}");
    }
    let limited = eval("--data x.npy --weights w.npy --limit 10");
    assert_eq!(limited["cases"].as_u64(), Some(10));
    npy::write(at.join("few.npy"), &weights[..9], 9, 1).unwrap();
    say(at, &format!("{line} c --data x.npy --weights few.npy"))
        .refused(1, &["9 weights for 40 cases"]);
    npy::write(at.join("wide.npy"), &weights, 20, 2).unwrap();
    say(at, &format!("{line} c --data x.npy --weights wide.npy"))
        .refused(1, &["one number a case"]);
    say(at, &format!("{line} c --data x.npy --weights w.npy --reweight 0.8"))
        .refused(2, &["reweight"]);
}

#[test]
fn averaged_parameters_are_kept_and_scored_beside_the_last() {
    let folder = temporary();
    let at = folder.path();
    let line = "train rbm --hidden 10 --epochs 6 --score-every 3 --average --device cpu --out run";
    let said = say(at, line).done();
    assert!(
        said.err.contains("averaged parameters") || said.out.contains("averaged parameters"),
        "{} {}",
        said.out,
        said.err
    );
    let summary = json(&text(at.join("run/summary.json")));
    for key in [
        "averaged_test_reconstruction_error",
        "averaged_mean_log_likelihood",
        "averaged_pseudo_log_likelihood",
    ] {
        assert!(summary[key].as_f64().is_some(), "{key}: {summary}");
    }
    let found = json(
        &say(at, "eval run/averaged.safetensors --data digits --json --device cpu").done().out,
    );
    let own = summary["averaged_test_reconstruction_error"].as_f64().unwrap();
    assert!((found["reconstruction_error"].as_f64().unwrap() - own).abs() < 1e-4);
}

/// Rectified hidden units: trained, stopped and gone on with, applied and reported; what needs an energy is refused.
#[test]
fn rectified_hidden_units() {
    let folder = temporary();
    let at = folder.path();
    let line = "train rbm --hidden 20 --hidden-units rectified --binarize none --limit 300 --batch 20 --device cpu";
    say(at, &format!("{line} --epochs 20 --out whole")).done();
    say(at, &format!("{line} --epochs 9 --out run")).done();
    say(at, "train rbm --resume --epochs 20 --device cpu --out run").done();
    let bytes = |run: &str| fs::read(at.join(run).join("model.safetensors")).unwrap();
    assert!(bytes("whole") == bytes("run"), "bit for bit");
    let header = String::from_utf8_lossy(&bytes("run")[..1200]).into_owned();
    assert!(header.contains("\"harmonium.hidden\":\"rectified\""), "{header}");
    let metrics = text(at.join("run/metrics.jsonl"));
    let summary = json(&text(at.join("run/summary.json")));
    // The means of the pixels alone are off by 4.66.
    let error = summary["test_reconstruction_error"].as_f64().unwrap();
    assert!(error < 3.0, "{error}");
    for line in metrics.lines().map(json) {
        for key in ["free_energy_gap", "pseudo_log_likelihood", "log_partition"] {
            assert!(line.get(key).is_none_or(serde_json::Value::is_null), "{key}: {line}");
        }
    }

    let of = "--data digits --limit 12";
    say(at, &format!("transform run {of} --out h.npy")).done();
    let (shape, h) = super::npy(at.join("h.npy"));
    assert_eq!(shape, [12, 20]);
    assert!(h.iter().all(|&h| h >= 0.0) && h.iter().any(|&h| h > 1.0), "{h:?}");
    say(at, &format!("reconstruct run {of} --out v.png")).done();
    say(at, "sample run --count 4 --steps 20 --out s.npy").done();
    let scored = say(at, "eval run").done();
    let said = &scored.out;
    assert!(said.contains("log Z: none") && said.contains("reconstruction error: "), "{said}");
    let scored = json(&text(at.join("run/eval.json")));
    assert!(scored["log_partition"].is_null() && scored["mean_log_likelihood"].is_null());
    assert_eq!(
        scored["reconstruction_error"].as_f64(),
        Some(error),
        "as training's summary has it"
    );
    say(at, "report run").done();
    let report = text(at.join("run/report.html"));
    assert!(
        report.contains("Rectified units") && !report.contains("it needs data that are 0 or 1")
    );
    for (line, setting) in [
        ("eval run --exact", "exact: is about log Z"),
        ("eval run --diagnostics", "rectified hidden units have no energy"),
        ("eval run --exact-pseudo", "rectified hidden units have no energy"),
        ("sample run --pt 3 --out s.npy", "hidden-units: rectified"),
        ("train rbm --hidden-units rectified --pcd --pt 4", "pt: needs the machine's energy"),
        ("train rbm --hidden-units rectified --score-every 2", "score-every: needs"),
        ("train rbm --hidden-units rectified --exact-gradient", "exact-gradient: needs"),
        ("train rbm --hidden-units rectified --sparsity-target 0.1", "sparsity-target: is a prob"),
        ("train rbm --visible rectified", "visible: rectified units are hidden ones"),
        ("train rbm --hidden-units spin", "hidden-units"),
    ] {
        say(at, line).refused(2, &[setting]);
    }
}

/// Four columns of five are 0.8 of them, which f32 makes a little more.
#[test]
fn cases_at_the_threshold_of_identity_are_alike() {
    let folder = temporary();
    fs::write(folder.path().join("f.fa"), ">a\nACDEF\n>b\nAC-EF\n>c\nACXEF\n>d\nACDEF\n").unwrap();
    let line = "train rbm --visible softmax:21 --data f.fa --reweight 0.8 --epochs 1 --device cpu --out run";
    let said = say(folder.path(), line).done();
    assert!(said.err.contains("4 cases count as 1.0"), "{}", said.err);
}

/// A machine that learnt from numbers divided by 16 reads other numbers so, unless another scale is given.
#[test]
fn other_data_are_of_the_scale_that_was_learnt_from() {
    let folder = temporary();
    let at = folder.path();
    let rows: Vec<String> =
        (0..60).map(|i| format!("{},{},{}", i % 17, (i * 7) % 17, (i * 5) % 13)).collect();
    fs::write(at.join("x.csv"), format!("a,b,c\n{}\n", rows.join("\n"))).unwrap();
    fs::copy(at.join("x.csv"), at.join("y.csv")).unwrap();
    let line = "train rbm --visible gaussian --data x.csv --labels none --scale 16 --hidden 3 --epochs 2 --device cpu --out run";
    say(at, line).done();
    let of = |rest: &str| {
        let found = json(
            &say(at, &format!("eval run --labels none --json --device cpu {rest}")).done().out,
        );
        found["mean_log_likelihood"].as_f64().unwrap()
    };
    assert_eq!(of("--data y.csv"), of("--data x.csv --scale 16"));
    assert!(of("--data y.csv --scale 1") < of("--data y.csv") - 10.0);
}
