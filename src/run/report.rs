//! `report.html`: a run on one page that needs nothing but itself; and the page that compares runs.

pub mod classifier;
pub mod comparison;
mod likelihoods;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::run::curves::{Panel, Series};
use crate::run::html::{self, escape, figure};
use crate::run::png_file::Picture;
use crate::run::record::Record;

/// One hidden unit's weights.
#[derive(Debug, Clone)]
pub struct Filter {
    /// Its number.
    pub unit: usize,
    /// Mean p(h|v) over data, if there are data.
    pub activity: Option<f64>,
    /// Its weights.
    pub picture: Picture,
}

/// What needs data.
#[derive(Debug, Clone)]
pub struct DataParts {
    /// What the activities were taken over, in words.
    pub cases: String,
    /// How many p(h|v) of all cases and units fall into each bin of [0, 1].
    pub probabilities: Vec<f64>,
    /// How many units' mean activities fall into each bin of [0, 1].
    pub activities: Vec<f64>,
    /// Cases above their reconstructions.
    pub reconstructions: Picture,
    /// What these cases are, in words.
    pub reconstructed: String,
}

/// What the model and the data contribute to a report.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The units shown, in order.
    pub filters: Vec<Filter>,
    /// How many units there are.
    pub hidden_units: usize,
    /// Whether a case is an image.
    pub images: bool,
    /// The same chains after some numbers of Gibbs steps.
    pub samples: Vec<(u64, Picture)>,
    /// Or why there are none.
    pub data: std::result::Result<DataParts, String>,
}

/// The keys of `metrics.jsonl` in one diagram: (title, unit, [(key, name)], what it says).
type Group = (&'static str, &'static str, &'static [(&'static str, &'static str)], &'static str);

const GROUPS: [Group; 6] = [
    (
        "Log-likelihood",
        "nats per case",
        &[("mean_log_likelihood", "estimate"), ("mean_log_likelihood_reverse", "by reverse AIS")],
        "The mean ln p(v), estimated while training.",
    ),
    (
        "Pseudo-likelihood",
        "nats per case",
        &[("pseudo_log_likelihood", "held-out cases if there are any")],
        "Sum of ln p(one visible unit | the others), estimated by flipping one unit a case. Higher is better.",
    ),
    (
        "Reconstruction error",
        "squared error per case",
        &[("reconstruction_error", "training"), ("validation_reconstruction_error", "validation")],
        "v → p(h|v) → mean of v. Lower is better, but it is no likelihood.",
    ),
    (
        "Free-energy gap",
        "nats",
        &[("free_energy_gap", "validation less training")],
        "A gap that keeps growing means overfitting.",
    ),
    (
        "Weight norm",
        "mean ‖W·j‖",
        &[("weight_norm", "mean over hidden units")],
        "The length of a hidden unit's weights. Steady growth without better scores asks for more weight decay.",
    ),
    (
        "Hidden activity",
        "mean p(h|v)",
        &[("hidden_activity", "training cases")],
        "Near 0 or 1, hidden units carry little.",
    ),
];

/// The page of one run. The same folder and contents give the same bytes.
///
/// # Errors
/// Where a diagram cannot be drawn, or a picture has no pixel.
pub fn page(record: &Record, contents: &Contents) -> Result<String> {
    let mut body = format!(
        "<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
        escape(&record.name),
        escape(&one_line(record))
    );
    body += &likelihoods::section(record);
    body += &scores(record);
    body += &curves(record, contents)?;
    body += &filters(contents)?;
    body += &reconstructions(contents)?;
    body += &samples(contents)?;
    body += &settings(record);
    body += &format!(
        "<footer>Made by harmonium {} from the files of the run folder; <code>harmonium report RUN</code> makes it again.</footer>\n",
        escape(text_of(&record.summary, "harmonium"))
    );
    Ok(html::document(&format!("{} – harmonium", record.name), &body))
}

fn one_line(record: &Record) -> String {
    let count = |key: &str| record.figure(key).map_or("?".into(), |n| n.to_string());
    let mut line = format!(
        "{} with {} visible and {} hidden units, {}, {} epochs in {} s",
        text_of(&record.summary, "model").to_uppercase(),
        count("visible_units"),
        count("hidden_units"),
        record.learner(),
        count("epochs"),
        figure(record.figure("seconds"))
    );
    if let Some(likelihood) = record.evaluated("mean_log_likelihood") {
        let method = record.method();
        line += &format!(
            ": log-likelihood {} nats per case ({method} log Z)",
            figure(Some(likelihood))
        );
    } else if let Some(score) = record.figure("pseudo_log_likelihood") {
        line += &format!(": pseudo-likelihood {} nats per case", figure(Some(score)));
    } else {
        line +=
            &format!(": reconstruction error {}", figure(record.figure("reconstruction_error")));
    }
    line + "."
}

fn scores(record: &Record) -> String {
    let space = if record.summary.get("standardized").and_then(Value::as_bool) == Some(true) {
        " In the standardised space of the training data."
    } else {
        ""
    };
    let error = format!(
        "v → p(h|v) → mean of v, squared error summed over visible units, mean over cases.{space}"
    );
    let known = [
        ("reconstruction_error", "reconstruction error, training", error.as_str()),
        (
            "validation_reconstruction_error",
            "reconstruction error, validation",
            "On the cases held out.",
        ),
        ("test_reconstruction_error", "reconstruction error, test", "On the data's test part."),
        (
            "pseudo_log_likelihood",
            "pseudo-likelihood",
            "Sum over visible units of ln p(unit | the others), nats per case; stochastic.",
        ),
        (
            "free_energy_gap",
            "free-energy gap",
            "Mean free energy of validation less training cases, nats: large means overfitting.",
        ),
        ("weight_norm", "weight norm", "Length of a hidden unit's weights, mean over the units."),
        ("hidden_activity", "hidden activity", "Mean p(h|v) over training cases and hidden units."),
        ("seconds", "seconds", "Of training, without reading data, scores and pictures."),
        ("cases_per_second", "cases per second", "Training cases seen a second."),
    ];
    let rows: Vec<Vec<String>> = known
        .into_iter()
        .filter(|(key, ..)| record.figure(key).is_some())
        .map(|(key, name, what)| vec![name.into(), figure(record.figure(key)), what.into()])
        .collect();
    let table = html::table("figures", &["number", "value", "what it is"], &rows);
    format!("<section id=\"scores\">\n<h2>Scores at the end</h2>\n{table}</section>\n")
}

fn curves(record: &Record, contents: &Contents) -> Result<String> {
    let mut out =
        String::from("<section id=\"curves\">\n<h2>Learning curves</h2>\n<div class=\"grid\">\n");
    for (title, unit, keys, what) in GROUPS {
        let lines = keys.iter().map(|(key, name)| (name.to_string(), record.points(key)));
        if let Some(panel) = panel(title, unit, lines) {
            out += &html::diagram(&panel, what)?;
        }
    }
    if let Ok(data) = &contents.data {
        let note = format!(
            "All p(h|v) of {} and {} hidden units, after training.",
            data.cases, contents.hidden_units
        );
        let axes = ("p(h|v)", "cases × units");
        out += &html::histogram("Hidden activations", axes, &data.probabilities, &note)?;
        let note = format!("How often each hidden unit is on, over {}.", data.cases);
        let axes = ("mean p(h|v)", "hidden units");
        out += &html::histogram("Use of hidden units", axes, &data.activities, &note)?;
    }
    out += "</div>\n";
    if let Err(why) = &contents.data {
        out += &missing("The histogram of hidden activations is", why);
    }
    Ok(out + "</section>\n")
}

fn panel(
    title: &str,
    unit: &str,
    lines: impl Iterator<Item = (String, Vec<(f64, f64)>)>,
) -> Option<Panel> {
    let series: Vec<Series> = lines
        .filter(|(_, points)| !points.is_empty())
        .map(|(name, points)| Series { name, points })
        .collect();
    (!series.is_empty()).then(|| Panel { title: title.into(), y_label: unit.into(), series })
}

fn missing(what: &str, why: &str) -> String {
    format!(
        "<p class=\"warn\">{what} left out: the data are not at hand ({}). A relative path counts from the \
         folder in which the command runs.</p>\n",
        escape(why)
    )
}

fn filters(contents: &Contents) -> Result<String> {
    let mut out = String::from("<section id=\"filters\">\n<h2>Filters</h2>\n<p class=\"quiet\">");
    let (shown, all) = (contents.filters.len(), contents.hidden_units);
    out += &match &contents.data {
        Ok(data) => format!(
            "The weights of each hidden unit, sorted by use: the number is its mean p(h|v) over {}.",
            escape(&data.cases)
        ),
        Err(_) => {
            "The weights of each hidden unit, sorted by their norm, since the data that would tell \
                   the units' use are not at hand."
                .into()
        }
    };
    if shown < all {
        out += &format!(" The first {shown} of {all} units.");
    }
    out += " White is positive, black negative, mid grey 0; all share one scale.</p>\n";
    out += if contents.images {
        "<div class=\"filters\">\n"
    } else {
        "<div class=\"filters strips\">\n"
    };
    for filter in &contents.filters {
        let unit = filter.unit;
        let (alt, caption) = match filter.activity {
            Some(x) => (format!("Weights of unit {unit}, mean activity {x:.3}"), format!("{x:.3}")),
            None => (format!("Weights of unit {unit}"), format!("#{unit}")),
        };
        out += &format!(
            "<figure title=\"unit {unit}\">{}<figcaption>{caption}</figcaption></figure>\n",
            html::image(&filter.picture, &alt)?
        );
    }
    Ok(out + "</div>\n</section>\n")
}

fn reconstructions(contents: &Contents) -> Result<String> {
    let mut out = String::from("<section id=\"reconstructions\">\n<h2>Reconstructions</h2>\n");
    match &contents.data {
        Ok(data) => {
            let what = escape(&data.reconstructed);
            out += &format!(
                "<p class=\"quiet\">{what}: each original, and right below it v → p(h|v) → mean of v, without noise.</p>\n<div class=\"wide\">{}</div>\n",
                html::image(
                    &data.reconstructions,
                    &format!("{}, each above its reconstruction", data.reconstructed)
                )?
            );
        }
        Err(why) => out += &missing("Reconstructions are", why),
    }
    Ok(out + "</section>\n")
}

fn samples(contents: &Contents) -> Result<String> {
    let mut out = String::from(
        "<section id=\"samples\">\n<h2>Samples</h2>\n<p class=\"quiet\">The same independent chains, \
         further and further from their start, in which each visible unit is drawn by its bias alone. \
         Shown are the visible units' means in the last step.</p>\n<div class=\"steps\">\n",
    );
    let mut before = 0;
    for (steps, picture) in &contents.samples {
        let plural = if *steps == 1 { "step" } else { "steps" };
        let further = match before {
            0 => String::new(),
            _ => format!(" <span class=\"quiet\">(+{})</span>", steps - before),
        };
        out += &format!(
            "<div>{steps} Gibbs {plural}{further}</div>{}\n",
            html::image(picture, &format!("Samples after {steps} Gibbs {plural}"))?
        );
        before = *steps;
    }
    Ok(out + "</div>\n</section>\n")
}

fn settings(record: &Record) -> String {
    let run = record.config.get("run").and_then(toml::Value::as_table);
    let plain = |value: &toml::Value| match value {
        toml::Value::String(text) if text.is_empty() => "–".into(),
        toml::Value::String(text) => escape(text),
        value => escape(&value.to_string()),
    };
    let config: Vec<Vec<String>> = record
        .config
        .iter()
        .filter(|(_, value)| !value.is_table())
        .map(|(key, value)| vec![escape(&key.replace('_', " ")), plain(value)])
        .collect();
    let mut device = vec![vec!["device".to_string(), escape(&record.device())]];
    for (key, name) in [("kind", "kind"), ("driver", "driver")] {
        let value = record.summary.get("device").and_then(|d| d.get(key)).and_then(Value::as_str);
        let value = value.filter(|v| !v.is_empty()).unwrap_or("–");
        device.push(vec![name.into(), escape(value)]);
    }
    if let Some(bytes) = record.figure("peak_device_bytes") {
        device.push(vec!["peak device memory".into(), format!("{} MB", figure(Some(bytes / 1e6)))]);
    }
    device.push(vec!["harmonium".into(), escape(text_of(&record.summary, "harmonium"))]);
    for key in ["training_cases", "validation_cases", "visible_units"] {
        if let Some(value) = run.and_then(|r| r.get(key)) {
            let name = match key {
                "visible_units" if record.is_network() => "values a case".into(),
                key => key.replace('_', " "),
            };
            device.push(vec![name, plain(value)]);
        }
    }
    if let Some(updates) = record.figure("updates") {
        device.push(vec!["updates".into(), updates.to_string()]);
    }
    format!(
        "<div class=\"grid\" style=\"margin-top:2.5em\">\n<section id=\"configuration\" class=\"card\">\n<h2>Configuration</h2>\n{}</section>\n\
         <section id=\"device\" class=\"card\">\n<h2>Device and data</h2>\n{}</section>\n</div>\n",
        html::table("settings", &[], &config),
        html::table("settings", &[], &device)
    )
}

fn text_of<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or("–")
}
