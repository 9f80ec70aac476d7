//! Stated defaults against the code.

use harmonium::models::UnitKind;
use harmonium::training::{CdConfig, Schedule};

#[test]
fn the_defaults_are_those_of_the_practical_guide() {
    let config = CdConfig::default();
    assert_eq!(config.learning_rate.to_string(), "0.1");
    assert_eq!(config.momentum.to_string(), "0.5,5:0.9");
    assert_eq!((config.weight_decay, config.batch, config.epochs), (1e-4, 100, 10));
    assert_eq!((config.steps, config.seed), (1, 1));
    assert!(!config.persistent && !config.centered && config.sparsity.is_none());
    config.check().unwrap();
    let gaussian = CdConfig::new(UnitKind::Gaussian, UnitKind::Bernoulli);
    let rate = Schedule::constant(0.001);
    assert_eq!(gaussian, config.learning_rate(rate));
}

/// The documentation of each field ends in its default; it is read here, so that it cannot go stale.
#[test]
fn the_documentation_states_them() {
    let source = include_str!("../../src/training/cd_config.rs");
    let body = source.split("pub struct CdConfig {").nth(1).unwrap().split("\n}").next().unwrap();
    let lines: Vec<&str> = body.lines().map(str::trim).collect();
    let bernoulli = CdConfig::default();
    let gaussian = CdConfig::new(UnitKind::Gaussian, UnitKind::Bernoulli);
    let rectified = CdConfig::new(UnitKind::Bernoulli, UnitKind::Rectified);
    let Schedule::Steps(first, steps) = &bernoulli.momentum else { panic!("steps") };
    let expected = [
        (
            "learning_rate",
            format!(
                "{}; Gaussian units {}; rectified ones {}.",
                bernoulli.learning_rate, gaussian.learning_rate, rectified.learning_rate
            ),
        ),
        ("momentum", format!("{first}, and {} after epoch {}.", steps[0].1, steps[0].0)),
        ("weight_decay", format!("{:e}.", bernoulli.weight_decay)),
        ("batch", format!("{}.", bernoulli.batch)),
        ("epochs", format!("{}.", bernoulli.epochs)),
        ("steps", format!("k: {}.", bernoulli.steps)),
        ("persistent", format!("{}.", bernoulli.persistent)),
        ("centered", format!("{}.", bernoulli.centered)),
        ("seed", format!("{}.", bernoulli.seed)),
    ];
    for (field, text) in expected {
        let at = lines.iter().position(|l| l.starts_with(&format!("pub {field}:"))).unwrap();
        let doc = lines[at - 1];
        assert!(
            doc.starts_with("///") && doc.contains(&text),
            "{field}: '{text}' is not in: {doc}"
        );
    }
}
