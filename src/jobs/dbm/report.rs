//! The sections of a deep Boltzmann machine's report, from the files of its folder alone.

use super::figures::FIGURES;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::stack::report::{confusions, evaluated, of_cases, weights};
use crate::jobs::{Trained, TrainedDbm, TunerName};
use crate::run::html::{self, escape, figure};
use crate::run::report::comparison::Compared;
use crate::run::report::{Section, curves, grouped, panels, percent, picture, scores, write};
use crate::run::{Observer, RECONSTRUCTIONS, Record, SAMPLES};

/// How deep Boltzmann machines stand beside other models.
pub static COMPARED: Compared = Compared {
    models: &["dbm"],
    figures: &FIGURES,
    sizes: &[("layers", |r| {
        let inputs = r.figure("visible_units").map_or("?".into(), |n| format!("{n:.0}"));
        format!("{inputs}-{}", r.setting("layers").unwrap_or_default().replace(',', "-"))
    })],
    learner,
    scores: &[
        ("bound of log-likelihood", |r| of_cases(r, "mean_log_likelihood_bound")),
        ("log-likelihood", |r| of_cases(r, "mean_log_likelihood")),
    ],
    note: "Bounds and likelihoods are nats per case. Wrong is the share of cases that the classifier on the machine's means \
           gets wrong.",
};

/// How it was trained in short: `pre-trained, PCD-5`.
fn learner(record: &Record) -> String {
    let is = |key: &str| record.setting(key).as_deref() == Some("true");
    let mut words: Vec<String> = Vec::new();
    words.extend(is("pretrain").then(|| "pre-trained".into()));
    words.extend(is("centered").then(|| "centred".into()));
    words.push(format!("PCD-{}", record.setting("pcd").unwrap_or_default()));
    let tuner = record.setting("optimizer").and_then(|name| name.parse::<TunerName>().ok());
    words.extend(tuner.map(|name| format!("then {}", name.words())));
    words.join(", ")
}

/// Writes the report of a finished run again. The same folder gives the same bytes.
///
/// # Errors
/// What opening the model gives; where a diagram or a picture cannot be drawn.
pub fn write_report(record: &Record, _: Option<&str>, _: &mut dyn Observer) -> Result<()> {
    write(record, &sections(record)?)
}

/// All sections.
pub fn sections(record: &Record) -> Result<Vec<Section>> {
    let trained =
        Trained::open(&record.path, &Device::cpu(), None)?.for_command::<TrainedDbm>("report")?;
    let panels = panels(&FIGURES, record);
    let mut sections = vec![
        Section::lead(&one_line(record)),
        scores(record, &FIGURES, &|_| None, evaluated(record, &EVALUATED)),
        curves(&panels, "", "")?,
        layers(&trained),
    ];
    if trained.classifier.is_some() {
        sections.extend(confusions(record, "Rows are true classes, columns the answers.")?);
    }
    let section = |id, title: &str| Section::new(id, title, String::new());
    let words = "Means of the data's units after 1,000 sweeps of chains that began by the units' own biases.";
    sections.push(picture(record, SAMPLES, section("samples", "Samples"), words, "Samples")?);
    let words = "Cases of the test part (or held out), below each what the machine makes of the mean field.";
    let title = section("reconstructions", "Reconstructions");
    sections.push(picture(record, RECONSTRUCTIONS, title, words, "Reconstructions")?);
    sections.extend(weights(record, "layer")?);
    Ok(sections)
}

fn one_line(record: &Record) -> String {
    let (title, seconds) = (COMPARED.sizes[0].1(record), figure(record.figure("seconds")));
    let error = record.figure("test_error").map_or(String::new(), |error| {
        format!(": its classifier gets {} of the test cases wrong", percent(Some(error)))
    });
    format!("Deep Boltzmann machine {title}, {}, in {seconds} s{error}.", learner(record))
}

/// What `eval` finds.
const EVALUATED: [(&str, &str); 6] = [
    ("mean_log_likelihood_bound", "evaluated: bound of the log-likelihood, nats"),
    ("mean_log_likelihood_bound_reverse", "evaluated: bound with reverse AIS"),
    ("mean_log_likelihood", "evaluated: log-likelihood, nats"),
    ("log_partition", "evaluated: log Z"),
    ("log_partition_reverse", "evaluated: log Z by reverse AIS"),
    ("reconstruction_error", "evaluated: reconstruction error"),
];

/// The layers from the data upwards.
fn layers(trained: &TrainedDbm) -> Section {
    let dbm = &trained.dbm;
    let row = |layer: usize| {
        let units = dbm.units(layer);
        let below = if layer == 0 { 0 } else { dbm.weights(layer).shape().len() };
        let name = if layer == 0 { "data".into() } else { format!("layer {layer}") };
        let parameters = grouped(below + units.count());
        vec![name, escape(&units.kind().to_string()), units.count().to_string(), parameters]
    };
    let rows: Vec<Vec<String>> = (0..=dbm.hidden_layers()).map(row).collect();
    let head = ["layer", "kind", "units", "bias and weights from below"];
    Section::new("layers", "Layers", html::table("layers", &head, &rows))
}
