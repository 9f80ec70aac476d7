//! `harmonium eval --diagnostics` against enumeration.

use std::fs;

use harmonium::models::UnitKind;

use super::command::{csv, harmonium, json, number, save};
use crate::models::exact::{Exact, states};

/// The chains' free energies have the enumerated mean, the singular values those of W, and the picture is drawn.
#[test]
fn the_figures_are_the_enumerated_ones() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let machine = Exact::random(UnitKind::Bernoulli, 6, 2, 0.8, 72);
    save(&machine, &at.join("m.safetensors"));
    let all = states(6);
    let rows: Vec<Vec<f64>> = (0..200).map(|k| all[k * 7 % 64].clone()).collect();
    csv(&at.join("v.csv"), &rows);
    let arguments = [
        "eval",
        "m.safetensors",
        "--data",
        "v.csv",
        "--json",
        "--diagnostics",
        "--chains",
        "50",
        "--burn-in",
        "200",
        "--out",
        "pictures",
    ];
    let found = &json(at, &arguments)["diagnostics"];
    let free: Vec<f64> = all.iter().map(|v| machine.free_energy(v)).collect();
    let p = machine.p_v();
    let mean: f64 = p.iter().zip(&free).map(|(p, f)| p * f).sum();
    let variance: f64 = p.iter().zip(&free).map(|(p, f)| p * (f - mean).powi(2)).sum();
    let time = number(&found["free_energy"], "time");
    assert!(found["free_energy"]["resolved"].as_bool().unwrap() && (0.9..20.0).contains(&time));
    // Of 100,000 values, one in τ of which is independent.
    let error = (variance * time / 1e5).sqrt();
    assert!((number(&found["samples"], "mean") - mean).abs() < 5.0 * error);
    assert!((number(&found["samples"], "deviation") / variance.sqrt() - 1.0).abs() < 0.03);
    let data = rows.iter().map(|v| machine.free_energy(v)).sum::<f64>() / 200.0;
    assert!((number(&found["data"], "mean") - data).abs() < 1e-4 * data.abs());
    let list = |key: &str| -> Vec<f64> {
        found[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect()
    };
    let edges = list("free_energy_edges");
    for of in ["samples", "data"] {
        let density = found[of]["density"].as_array().unwrap();
        let widths = edges.windows(2).map(|pair| pair[1] - pair[0]);
        let whole: f64 = density.iter().zip(widths).map(|(d, w)| d.as_f64().unwrap() * w).sum();
        assert!((whole - 1.0).abs() < 1e-6, "{of}: {whole}");
    }
    // σ₁² + σ₂² = ‖W‖², σ₁σ₂ = √det WᵀW.
    let gram = |j: usize, k: usize| -> f64 {
        (0..6).map(|i| machine.w[2 * i + j] * machine.w[2 * i + k]).sum()
    };
    let sigma = list("singular_values");
    assert_eq!(sigma.len(), 2);
    assert!(sigma[0] >= sigma[1]);
    assert!((sigma[0].powi(2) + sigma[1].powi(2) - gram(0, 0) - gram(1, 1)).abs() < 1e-9);
    let determinant = gram(0, 0) * gram(1, 1) - gram(0, 1).powi(2);
    assert!((sigma[0] * sigma[1] - determinant.sqrt()).abs() < 1e-9);
    assert_eq!(number(found, "adversarial_cases"), 200.0);
    for of in ["adversarial_accuracy_data", "adversarial_accuracy_samples"] {
        assert!((0.0..=1.0).contains(&number(found, of)), "{of}");
    }
    let picture = fs::read_to_string(at.join("pictures/diagnostics.svg")).unwrap();
    for word in ["Free energies", "Singular values of W", "free energy, nats", "samples", "data"] {
        assert!(picture.contains(word), "{word}");
    }
    assert!(!picture.contains(">epoch<"));
}

/// All units on, held by the first hidden unit, or all off, held by the second; no step connects the two (exp(−12) for
/// each unit). The biases are 0, so chains begin in both.
fn far() -> Exact {
    Exact {
        visible: UnitKind::Bernoulli,
        i: 4,
        j: 2,
        w: [12.0, -12.0].repeat(4),
        b: vec![0.0; 4],
        a: vec![-24.0, 24.0],
    }
}

/// A machine of two modes that no step connects is said not to mix; one that does gets its time.
#[test]
fn chains_that_do_not_mix_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let told = |machine: &Exact| -> String {
        save(machine, &at.join("m.safetensors"));
        let output = harmonium(at, &["eval", "m.safetensors", "--diagnostics", "--chains", "20"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let line = |text: &str| -> String {
        let of = |line: &&str| line.contains("time of the visible sum");
        text.lines().find(of).unwrap().to_string()
    };
    let stuck = line(&told(&far()));
    assert!(stuck.contains("too short to tell, or do not mix"), "{stuck}");
    let text = told(&Exact::random(UnitKind::Bernoulli, 6, 2, 0.8, 72));
    assert!(line(&text).contains("standard error"), "{text}");
    // Without data: no cases to tell samples from.
    assert!(!text.contains("nearest neighbours") && text.contains("with --out DIR"), "{text}");
}

/// A hidden unit whose weights are all 0, and a machine that has no other: every figure is a number, and what enumeration
/// gives, and filters are drawn.
#[test]
fn hidden_units_without_weights_break_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    for dead in [1, 3] {
        let mut machine = Exact::random(UnitKind::Bernoulli, 6, 3, 0.8, 74);
        let unit = machine.j - dead..machine.j;
        machine
            .w
            .iter_mut()
            .enumerate()
            .filter(|(n, _)| unit.contains(&(n % 3)))
            .for_each(|(_, w)| *w = 0.0);
        save(&machine, &at.join("m.safetensors"));
        csv(&at.join("v.csv"), &states(6)[..40]);
        let line =
            "eval m.safetensors --data v.csv --json --diagnostics --exact --chains 20 --burn-in 50";
        let found = json(at, &line.split(' ').collect::<Vec<_>>());
        assert!((number(&found, "log_partition") - machine.log_z()).abs() < 1e-4, "{found}");
        for key in ["mean_log_likelihood", "pseudo_log_likelihood", "reconstruction_error"] {
            assert!(number(&found, key).is_finite(), "{key}");
        }
        let sigma = found["diagnostics"]["singular_values"].as_array().unwrap();
        let zeros = sigma.iter().filter(|s| s.as_f64() == Some(0.0)).count();
        assert!(zeros >= dead.min(2) && sigma.iter().all(|s| s.as_f64().is_some()), "{sigma:?}");
        let w: Vec<f32> = machine.w.iter().map(|&w| w as f32).collect();
        let picture = harmonium::run::pictures::filters(&w, 6, 3, Some((2, 3))).unwrap();
        picture.save(at.join("filters.png")).unwrap();
    }
}

#[test]
fn networks_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    let machine = Exact::random(UnitKind::Bernoulli, 4, 2, 0.8, 72);
    save(&machine, &at.join("m.safetensors"));
    let output = harmonium(at, &["eval", "m.safetensors", "--out", "x"]);
    assert!(String::from_utf8_lossy(&output.stderr).contains("--diagnostics"));
    assert_eq!(output.status.code(), Some(2));
}
