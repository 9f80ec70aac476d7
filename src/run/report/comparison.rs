//! Runs beside each other.

use super::classifier::{self, percent};
use super::likelihoods::with_error;
use super::{GROUPS, panel, text_of};
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
    for (title, unit, key, scale, what) in classifier::CURVES {
        for (part, part_name) in classifier::PARTS {
            let key = format!("{part}_{key}");
            let points = |r: &Record| classifier::scaled(r.points(&key), scale);
            let lines = names.iter().cloned().zip(records.iter().map(points));
            let title = format!("{title}, {part_name}");
            panels.extend(panel(&title, unit, lines).map(|p| (p, what)));
        }
    }
    panels
}

/// Which runs have something to say in a column.
#[derive(Clone, Copy, PartialEq)]
enum Of {
    All,
    Machines,
    Networks,
}

/// A column: its heading, whose it is, and a run's cell.
type Column = (&'static str, Of, fn(&Record) -> String);

const COLUMNS: [Column; 17] = [
    ("model", Of::Networks, model),
    ("units", Of::Machines, units),
    ("parameters", Of::Networks, |r| whole(r, "parameters")),
    ("learner", Of::All, Record::learner),
    ("epochs", Of::All, |r| whole(r, "epochs")),
    ("seconds", Of::All, |r| shown(r, "seconds")),
    ("cases/s", Of::All, |r| whole(r, "cases_per_second")),
    ("training error", Of::Machines, |r| shown(r, "reconstruction_error")),
    ("validation error", Of::Machines, |r| shown(r, "validation_reconstruction_error")),
    ("test error", Of::Machines, |r| shown(r, "test_reconstruction_error")),
    ("pseudo-likelihood", Of::Machines, |r| shown(r, "pseudo_log_likelihood")),
    ("log-likelihood", Of::Machines, likelihood),
    ("wrong in training", Of::Networks, |r| percent(r.figure("train_error"))),
    ("wrong in validation", Of::Networks, |r| percent(r.figure("validation_error"))),
    ("wrong in test", Of::Networks, |r| percent(r.figure("test_error"))),
    ("test loss", Of::Networks, |r| shown(r, "test_loss")),
    ("device", Of::All, Record::device),
];

fn whole(record: &Record, key: &str) -> String {
    record.figure(key).map_or("–".into(), |n| format!("{n:.0}"))
}

fn shown(record: &Record, key: &str) -> String {
    figure(record.figure(key))
}

fn model(record: &Record) -> String {
    text_of(&record.summary, "model").to_string()
}

fn units(record: &Record) -> String {
    match record.is_network() {
        true => "–".into(),
        false => format!("{}+{}", whole(record, "visible_units"), whole(record, "hidden_units")),
    }
}

fn likelihood(record: &Record) -> String {
    match record.evaluated("mean_log_likelihood") {
        Some(score) => format!(
            "{} ({})",
            with_error(Some(score), record.evaluated("mean_log_likelihood_std_error")),
            record.method()
        ),
        None => "–".into(),
    }
}

/// Whether there is a machine among the runs, and whether there is a network.
fn kinds(records: &[Record]) -> (bool, bool) {
    (records.iter().any(|r| !r.is_network()), records.iter().any(Record::is_network))
}

/// The table of several runs as text: a heading, then a row for each. What a kind of model does not have is a
/// dash, and columns that none of the runs has are left out.
pub fn table(records: &[Record]) -> Vec<Vec<String>> {
    let (machines, networks) = kinds(records);
    let columns: Vec<&Column> = COLUMNS
        .iter()
        .filter(|(_, of, _)| match of {
            Of::All => true,
            Of::Machines => machines,
            Of::Networks => networks,
        })
        .collect();
    let heads = columns.iter().map(|column| column.0.to_string());
    let mut rows = vec![std::iter::once("run".to_string()).chain(heads).collect()];
    for (record, name) in records.iter().zip(names(records)) {
        let cells = columns.iter().map(|column| column.2(record));
        rows.push(std::iter::once(name).chain(cells).collect());
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
    let (machines, networks) = kinds(records);
    let mut notes = Vec::new();
    if machines {
        notes.push(
            "Units are visible + hidden; errors squared, summed over visible units, mean over cases; likelihoods \
             in nats per case, ± the standard error over cases.",
        );
    }
    if networks {
        notes.push(
            "Parameters are those that are trained; wrong is the share of cases that the network of the epoch that \
             was kept classifies wrongly; the loss is the mean per case, comparable only for the same output units.",
        );
    }
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut body = format!(
        "<h1>{} runs</h1>\n<section id=\"runs\" class=\"card\">\n{}</section>\n\
         <p class=\"quiet\">{}</p>\n\
         <section id=\"curves\">\n<h2>Learning curves</h2>\n<div class=\"grid\">\n",
        records.len(),
        html::table("runs", &head, rows),
        notes.join(" ")
    );
    for (panel, what) in overlay(records) {
        body += &html::diagram(&panel, what)?;
    }
    body += "</div>\n</section>\n";
    Ok(html::document("Comparison of runs – harmonium", &body))
}
