//! Runs beside each other.

use super::likelihoods::with_error;
use super::{GROUPS, panel};
use crate::error::Result;
use crate::run::curves::Panel;
use crate::run::html::{self, escape, figure};
use crate::run::record::Record;

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
pub fn table(records: &[Record]) -> Vec<Vec<String>> {
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
pub fn page(records: &[Record]) -> Result<String> {
    let rows: Vec<Vec<String>> = table(records)
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
