//! `report.html`: a run on one page that needs nothing but itself; and the page that compares runs.

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

/// The numbers of `eval.json` but for the likelihood: (key, name, what it is).
const EVALUATED: [(&str, &str, &str); 4] = [
    ("log_partition", "log Z", "The logarithm of the partition function, in nats."),
    (
        "log_partition_reverse",
        "log Z, reverse AIS",
        "From the model's own samples back to the base distribution: too large in expectation where AIS is too small.",
    ),
    (
        "pseudo_log_likelihood",
        "pseudo-likelihood",
        "Sum over visible units of ln p(unit | the others), in nats per case. Needs no log Z.",
    ),
    (
        "reconstruction_error",
        "reconstruction error",
        "v → p(h|v) → mean of v, squared error summed over visible units, mean over cases. No likelihood.",
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
    body += &likelihoods(record);
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

fn likelihoods(record: &Record) -> String {
    let mut out = String::from("<section id=\"likelihoods\">\n<h2>Likelihoods</h2>\n");
    let Some(eval) = &record.eval else {
        return out
            + "<p class=\"quiet\">Not evaluated yet. <code>harmonium eval RUN</code> computes log Z and the \
               mean log-likelihood; <code>harmonium report RUN</code> then shows them here.</p>\n</section>\n";
    };
    if eval.get("trusted").and_then(Value::as_bool) == Some(false) {
        out += "<p class=\"warn\">AIS and reverse AIS disagree by more than their errors: neither is to be \
                trusted. Use more temperatures or more chains.</p>\n";
    }
    let exact = record.method() == "exact";
    let error = |key: &str| record.evaluated(&format!("{key}_std_error"));
    let mut rows = vec![vec![
        "mean log-likelihood".to_string(),
        with_error(record.evaluated("mean_log_likelihood"), error("mean_log_likelihood")),
        likelihood_text(record, exact),
    ]];
    for (key, name, what) in EVALUATED {
        let value = record.evaluated(key);
        if value.is_none() && key == "log_partition_reverse" {
            continue;
        }
        let mut what = what.to_string();
        if key == "log_partition" {
            what += if exact {
                " By enumeration: exact."
            } else {
                " By annealed importance sampling: too small in expectation, which makes likelihoods too large."
            };
            if let Some([low, high]) = interval(eval) {
                what += &format!(" 3-σ interval {} to {}.", figure(Some(low)), figure(Some(high)));
            }
        }
        let shown = with_error(value, error(key).filter(|e| *e > 0.0));
        rows.push(vec![escape(name), shown, escape(&what)]);
    }
    out += &format!(
        "<p class=\"quiet\">{} cases of {} ({}). These are bounds in expectation where they are estimates, \
         not sure ones.</p>\n",
        figure(record.evaluated("cases")),
        escape(text_of(eval, "data")),
        escape(text_of(eval, "split"))
    );
    out + &html::table("figures", &["number", "value", "what it is"], &rows) + "</section>\n"
}

fn likelihood_text(record: &Record, exact: bool) -> String {
    let mut what = String::from(
        "Mean ln p(v) over the cases, in nats; ± is its standard error over cases and leaves out log Z's.",
    );
    let (Some(score), Some(log_z)) =
        (record.evaluated("mean_log_likelihood"), record.evaluated("log_partition"))
    else {
        return what + " None: it needs data that are 0 or 1 for Bernoulli units.";
    };
    if let Some([low, high]) = record.eval.as_ref().and_then(interval)
        && !exact
    {
        let (low, high) = (score + log_z - high, score + log_z - low);
        what += &format!(
            " With log Z's 3-σ interval: {} to {}.",
            figure(Some(low)),
            figure(Some(high))
        );
    }
    if let Some(reverse) = record.evaluated("log_partition_reverse") {
        what += &format!(
            " With reverse AIS's log Z, which errs on the careful side in expectation: {}.",
            figure(Some(score + log_z - reverse))
        );
    }
    what
}

/// `log_partition_interval`: two numbers.
fn interval(eval: &Map<String, Value>) -> Option<[f64; 2]> {
    let ends = eval.get("log_partition_interval")?.as_array()?;
    Some([ends.first()?.as_f64()?, ends.get(1)?.as_f64()?])
}

fn with_error(value: Option<f64>, error: Option<f64>) -> String {
    match (value, error) {
        (Some(_), Some(error)) => format!("{} ± {}", figure(value), figure(Some(error))),
        _ => figure(value),
    }
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
            device.push(vec![key.replace('_', " "), plain(value)]);
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

/// The names of runs, told apart by their paths where two are the same.
pub fn names(records: &[Record]) -> Vec<String> {
    let twice = |name: &str| records.iter().filter(|r| r.name == name).count() > 1;
    let name =
        |r: &Record| if twice(&r.name) { r.path.display().to_string() } else { r.name.clone() };
    records.iter().map(name).collect()
}

/// The curves of several runs, laid over each other: one line for each run and number.
pub fn overlay(records: &[Record]) -> Vec<(Panel, &'static str)> {
    let names = names(records);
    let mut panels = Vec::new();
    for (title, unit, keys, what) in GROUPS {
        for (at, (key, series)) in keys.iter().enumerate() {
            let title = match at {
                0 if keys.len() == 1 => title.to_string(),
                _ => format!("{title}, {series}"),
            };
            let lines = names.iter().cloned().zip(records.iter().map(|r| r.points(key)));
            panels.extend(panel(&title, unit, lines).map(|p| (p, what)));
        }
    }
    panels
}

/// The table of several runs as text: a heading, then a row for each.
pub fn comparison(records: &[Record]) -> Vec<Vec<String>> {
    let head = [
        "run",
        "units",
        "learner",
        "epochs",
        "seconds",
        "cases/s",
        "training error",
        "validation error",
        "test error",
        "pseudo-likelihood",
        "log-likelihood",
        "device",
    ];
    let mut rows = vec![head.map(String::from).to_vec()];
    for (record, name) in records.iter().zip(names(records)) {
        let whole = |key: &str| record.figure(key).map_or("–".into(), |n| format!("{n:.0}"));
        let shown = |key: &str| figure(record.figure(key));
        let likelihood = match record.evaluated("mean_log_likelihood") {
            Some(score) => format!(
                "{} ({})",
                with_error(Some(score), record.evaluated("mean_log_likelihood_std_error")),
                record.method()
            ),
            None => "–".into(),
        };
        rows.push(vec![
            name,
            format!("{}+{}", whole("visible_units"), whole("hidden_units")),
            record.learner(),
            whole("epochs"),
            shown("seconds"),
            whole("cases_per_second"),
            shown("reconstruction_error"),
            shown("validation_reconstruction_error"),
            shown("test_reconstruction_error"),
            shown("pseudo_log_likelihood"),
            likelihood,
            record.device(),
        ]);
    }
    rows
}

/// The page that compares runs.
///
/// # Errors
/// Where a diagram cannot be drawn.
pub fn comparison_page(records: &[Record]) -> Result<String> {
    let rows: Vec<Vec<String>> = comparison(records)
        .into_iter()
        .map(|row| row.iter().map(|cell| escape(cell)).collect())
        .collect();
    let (head, rows) = rows.split_first().map_or((&[][..], &[][..]), |(h, r)| (&h[..], r));
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut body = format!(
        "<h1>{} runs</h1>\n<section id=\"runs\" class=\"card\">\n{}</section>\n\
         <p class=\"quiet\">Units are visible + hidden; errors squared, summed over visible units, mean over \
         cases; likelihoods in nats per case, ± the standard error over cases.</p>\n\
         <section id=\"curves\">\n<h2>Learning curves</h2>\n<div class=\"grid\">\n",
        records.len(),
        html::table("runs", &head, rows)
    );
    for (panel, what) in overlay(records) {
        body += &html::diagram(&panel, what)?;
    }
    body += "</div>\n</section>\n";
    Ok(html::document("Comparison of runs – harmonium", &body))
}
