//! The sections of a field's report, from the files of its folder alone.

use serde_json::Value;

use super::figures::FIGURES;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::{Trained, TrainedCrf, TunerName};
use crate::layers::LayerSpec;
use crate::models::Pairwise;
use crate::run::html::{self, escape, figure};
use crate::run::report::comparison::Compared;
use crate::run::report::{Section, curves, grouped, panels, percent, picture, scores, write};
use crate::run::{CONFUSION, FILTERS, Observer, READINGS, Record};

/// How fields stand beside other models.
pub static COMPARED: Compared = Compared {
    models: &["crf"],
    figures: &FIGURES,
    sizes: &[("layers", |r| r.setting("layers").unwrap_or_default().replace(',', "-"))],
    learner,
    scores: &[("wrong sequences in test", |r| percent(r.figure("test_sequence_error")))],
    note: "Wrong is the share of positions whose label is read wrongly, a wrong sequence has at least one of them.",
};

fn learner(record: &Record) -> String {
    let optimizer = record.setting("optimizer").unwrap_or_default();
    optimizer.parse().map_or("–", TunerName::words).into()
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
        Trained::open(&record.path, &Device::cpu(), None)?.for_command::<TrainedCrf>("report")?;
    let panels = panels(&FIGURES, record);
    let mut sections = vec![
        Section::lead(&one_line(record)),
        scores(record, &FIGURES, &|_| None, evaluated(record)),
        curves(&panels, "", "")?,
        layers(&trained),
        picture(
            record,
            CONFUSION,
            Section::new("confusion", "Confusions", String::new()),
            "Of the test sequences (or held out). A row for each true label, a column for each label that is read.",
            "Confusion matrix",
        )?,
    ];
    sections.extend(folds(record));
    if trained.origin.image.is_some() {
        if record.path.join(FILTERS).is_file() {
            sections.push(picture(
                record,
                FILTERS,
                Section::new("filters", "First layer", String::new()),
                "The weights of the first layer's units; with a window those of neighbours stand above each other.",
                "The first layer's weights",
            )?);
        }
        sections.push(picture(
            record,
            READINGS,
            Section::new("readings", "Worst sequences", String::new()),
            "Those with the most mistakes, the surest first: below each position its label as it is read.",
            "Sequences with what is read",
        )?);
    }
    Ok(sections)
}

fn one_line(record: &Record) -> String {
    let layers = record.setting("layers").unwrap_or_default();
    let model = match layers.as_str() {
        "none" if record.config.contains_key("network") => {
            "Conditional random field on layers of its own".to_string()
        }
        "none" => "Linear-chain conditional random field".to_string(),
        layers => format!("Conditional random field on hidden layers of {layers}"),
    };
    let keys = [("test_error", "test"), ("validation_error", "validation")];
    let found = keys.into_iter().find(|(key, _)| record.figure(key).is_some());
    let score = found.map_or(String::new(), |(key, of)| {
        format!(": {of} error {} of the labels", percent(record.figure(key)))
    });
    let beside = record
        .figure("unary_test_error")
        .map_or(String::new(), |error| format!(", {} without a chain", percent(Some(error))));
    let (by, seconds) = (learner(record), figure(record.figure("seconds")));
    format!("{model}, {by}, in {seconds} s{score}{beside}.")
}

/// What each of several folds came to.
fn folds(record: &Record) -> Option<Section> {
    let errors: Vec<f64> =
        record.summary.get("fold_errors")?.as_array()?.iter().filter_map(Value::as_f64).collect();
    let mut rows: Vec<Vec<String>> = errors
        .iter()
        .enumerate()
        .map(|(fold, error)| vec![format!("fold {fold}"), percent(Some(*error))])
        .collect();
    rows.push(vec!["mean".into(), percent(record.figure("test_error"))]);
    rows.push(vec![
        "standard deviation between folds".into(),
        percent(record.figure("fold_error_deviation")),
    ]);
    let table = html::table("folds", &["tested on", "wrong labels"], &rows);
    let note = "<p>A field for each fold, trained on all the others. Pictures and layers are of the last one.</p>";
    Some(Section::new("folds", "Folds", format!("{table}{note}")))
}

/// What `eval` found.
fn evaluated(record: &Record) -> Vec<Vec<String>> {
    let rows = [("error", "evaluated: error"), ("sequence_error", "evaluated: sequence error")];
    let of = |key: &str| record.evaluated(key);
    let shown = rows.into_iter().filter(|(key, _)| of(key).is_some());
    shown
        .map(|(key, name)| {
            vec![name.into(), percent(of(key)), "Found by <code>harmonium eval</code>.".into()]
        })
        .collect()
}

/// The layers with their sizes, and the chain.
fn layers(trained: &TrainedCrf) -> Section {
    let (crf, spec) = (&trained.crf, trained.crf.spec());
    let window = match trained.origin.window {
        0 => "a position".to_string(),
        n => format!("a position and {n} more on each side"),
    };
    let inputs: usize = spec.input.iter().product();
    let mut rows = vec![vec!["input".to_string(), window, inputs.to_string(), "–".into()]];
    let stages = crf.layers().stages().filter(|stage| stage.name != "flatten");
    let described = spec.layers.iter().filter(|layer| !matches!(layer, LayerSpec::Flatten));
    for (stage, layer) in stages.zip(described) {
        let trained: usize = stage.parameters.iter().map(|p| p.trained).sum();
        let units: usize = stage.output.iter().product();
        let count = if stage.parameters.is_empty() { "–".into() } else { grouped(trained) };
        rows.push(vec![escape(stage.name), escape(&layer.words()), units.to_string(), count]);
    }
    let forbidden = match spec.forbidden.len() {
        0 => String::new(),
        n => format!(", {n} forbidden"),
    };
    let own = match spec.pairwise {
        Pairwise::Constant => "",
        Pairwise::Features => ", to which the last layer adds scores of each position's own",
    };
    let chain = format!("transitions between labels, first and last ones{forbidden}{own}");
    let count = grouped(crf.transitions().trained);
    rows.push(vec!["chain".into(), chain, spec.labels.to_string(), count]);
    let all = format!("<b>{}</b>", grouped(crf.trained()));
    rows.push(vec!["total".into(), String::new(), String::new(), all]);
    let table =
        html::table("layers", &["layer", "what it does", "units", "trained parameters"], &rows);
    Section::new("layers", "Layers", table)
}
