//! The sections of a deep belief net's report, from the files of its folder alone.

use std::path::Path;

use super::figures::FIGURES;
use super::learning::Step;
use crate::device::Device;
use crate::error::Result;
use crate::jobs::network::layers;
use crate::jobs::rbm::mixing;
use crate::jobs::stack::report::{confusions, evaluated, of_cases, weights};
use crate::jobs::{Trained, TrainedDbn, TunerName};
use crate::models::DeepBeliefNet;
use crate::run::curves::{Along, Panel, Series, write_svg};
use crate::run::html::{self, escape, figure};
use crate::run::record::{BESIDE, Line, points_of_stage};
use crate::run::report::comparison::Compared;
use crate::run::report::{Section, curves, grouped, panels, percent, picture, scores, write};
use crate::run::{Observer, PRETRAINING, RECONSTRUCTIONS, Record, SAMPLES};
use crate::training::TRAIN_ERROR;

/// How deep belief nets stand beside other models.
pub static COMPARED: Compared = Compared {
    models: &["dbn"],
    figures: &FIGURES,
    sizes: &[("layers", |r| {
        let inputs = r.figure("visible_units").map_or("?".into(), |n| format!("{n:.0}"));
        format!("{inputs}-{}", r.setting("layers").unwrap_or_default().replace(',', "-"))
    })],
    learner,
    scores: &[("bound of log-likelihood", |r| of_cases(r, "mean_log_likelihood_bound"))],
    note: "Wrong is the share of cases that are classified wrongly: by the network that the stack became, or where labels \
           are joined by free energies. Bounds are nats per case.",
};

/// What it was trained for in short: `rbm, then Adam`.
fn learner(record: &Record) -> String {
    let is = |key: &str| record.setting(key).as_deref() == Some("true");
    let labels = if is("join_labels") { ", labels joined" } else { "" };
    match record.setting("optimizer").and_then(|name| name.parse::<TunerName>().ok()) {
        Some(name) => format!("machines, then {}", name.words()),
        None if is("up_down") => format!("machines{labels}, then up-down"),
        None => format!("machines{labels}"),
    }
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
    let panels = panels(&FIGURES, record);
    let compared = pretraining(&record.metrics);
    let mut sections = vec![
        Section::lead(&one_line(record)),
        scores(record, &FIGURES, &|_| None, evaluated(record, &EVALUATED)),
        curves(&panels, "", "")?,
    ];
    if let Some(panel) = compared {
        let words = "The same net with the same settings, from the pre-trained weights and from random ones.";
        let body = format!("<div class=\"grid\">\n{}</div>\n", html::diagram(&panel, words)?);
        sections.push(Section::new("pretraining", "What pre-training brings", body));
    }
    let section = |id, title: &str| Section::new(id, title, String::new());
    let generative = match Trained::open(&record.path, &Device::cpu(), None)? {
        Trained::Network(trained) => {
            sections.push(layers(&trained.network, &trained.origin.input));
            None
        }
        other => {
            let net = other.for_command::<TrainedDbn>("report")?.net;
            sections.push(levels(&net));
            Some(net)
        }
    };
    sections.extend(mixing(record)?);
    let classifies = generative.as_ref().is_none_or(|net| net.classes().is_some());
    if classifies {
        sections.extend(confusions(record, "Rows are true classes, columns the answers.")?);
    }
    let dreams = match generative.as_ref().map(DeepBeliefNet::classes) {
        Some(Some(_)) => {
            "A row for each class: means of the data's units after 1,000 Gibbs steps of the top, whose label \
                          was held, and one pass down."
        }
        Some(None) => {
            "Means of the data's units after 1,000 Gibbs steps of the top and one pass down."
        }
        None => {
            "What the stack dreamt before it became a classifier: means of the data's units after 1,000 Gibbs steps \
                 of the top and one pass down."
        }
    };
    sections.push(picture(record, SAMPLES, section("dreams", "Dreams"), dreams, "Dreams")?);
    if generative.is_some() {
        let words =
            "Cases of the test part (or held out), below each what comes back through all layers.";
        let section = section("reconstructions", "Reconstructions");
        sections.push(picture(record, RECONSTRUCTIONS, section, words, "Reconstructions")?);
    }
    sections.extend(weights(record, "level")?);
    Ok(sections)
}

fn one_line(record: &Record) -> String {
    let (title, seconds) = (COMPARED.sizes[0].1(record), figure(record.figure("seconds")));
    let (error, of) = [("test_error", "test error"), ("validation_error", "validation error")]
        .into_iter()
        .find_map(|(key, of)| Some((record.figure(key)?, of)))
        .map_or((None, ""), |(error, of)| (Some(error), of));
    let score = error.map_or(String::new(), |error| format!(": {of} {}", percent(Some(error))));
    let beside = record.figure("random_test_error");
    let beside =
        beside.map_or(String::new(), |e| format!(", from random weights {}", percent(Some(e))));
    format!("Deep belief net {title}, {}, in {seconds} s{score}{beside}.", learner(record))
}

/// What `eval` finds.
const EVALUATED: [(&str, &str); 7] = [
    ("mean_log_likelihood_bound", "evaluated: bound of the log-likelihood, nats"),
    ("mean_log_likelihood_bound_reverse", "evaluated: bound with reverse AIS"),
    ("mean_log_likelihood_bound_ladder", "evaluated: bound with the ladder"),
    ("log_partition", "evaluated: log Z of the top"),
    ("log_partition_reverse", "evaluated: log Z of the top by reverse AIS"),
    ("log_partition_ladder", "evaluated: log Z of the top by the ladder"),
    ("reconstruction_error", "evaluated: reconstruction error"),
];

/// The levels of a generative net, from the data upwards.
fn levels(net: &DeepBeliefNet) -> Section {
    let rows = (1..).zip(net.levels()).map(|(number, rbm)| {
        let [visible, hidden] = [rbm.visible(), rbm.hidden()];
        let (kind, parameters) = (visible.features().kind(), rbm.weights().shape().len());
        let label = visible.classes().map_or(String::new(), |n| format!(" and {n} classes"));
        let own = if net.generative_weights(number).is_some() { 2 } else { 1 };
        vec![
            format!("level {number}"),
            escape(&format!("{} {kind} units{label}", visible.features().count())),
            hidden.count().to_string(),
            grouped(own * parameters + visible.count() + hidden.count()),
        ]
    });
    let head = ["level", "reads", "hidden units", "parameters"];
    let table = html::table("layers", &head, &rows.collect::<Vec<_>>());
    Section::new("levels", "Levels", table)
}

/// Training errors from the pre-trained stack and from random weights, where both were trained.
fn pretraining(lines: &[Line]) -> Option<Panel> {
    let series = [(Step::Classifier.name(), "pre-trained"), (BESIDE.into(), BESIDE)];
    let series = series.map(|(stage, name): (String, &str)| {
        let mut points = points_of_stage(lines, &stage, TRAIN_ERROR.key);
        points.iter_mut().for_each(|(_, y)| *y *= TRAIN_ERROR.scale());
        Series { name: name.into(), points }
    });
    let both = series.iter().all(|series| !series.points.is_empty());
    both.then(|| Panel {
        title: "Training error".into(),
        x: Along::default(),
        y_label: TRAIN_ERROR.unit.into(),
        series: series.into(),
    })
}

/// Writes that diagram into a folder.
pub fn write_pretraining(folder: &Path, lines: &[Line]) -> Result<()> {
    match pretraining(lines) {
        Some(panel) => write_svg(folder.join(PRETRAINING), &[panel]),
        None => Ok(()),
    }
}
