//! `report.html`: a run on one page that needs nothing but itself; and the page that compares runs. What is in it is
//! the jobs' to say, in [`Section`]s; figures and curves come from their declarations.

pub mod comparison;

use std::fmt::Display;

use serde_json::{Map, Value};

use crate::error::Result;
use crate::run::atomic;
use crate::run::curves::{Along, Elapsed, Panel, Series};
use crate::run::files::REPORT;
use crate::run::html::{self, escape, figure};
use crate::run::png_file::Picture;
use crate::run::record::{Line, Record, points, points_by_stage};
use crate::training::{Better, Figure, Style};

/// A part of a page.
#[derive(Debug, Clone)]
pub struct Section {
    /// Its name in links; empty for the line below the title.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// Its HTML.
    pub body: String,
}

/// Seconds of training.
pub static SECONDS: Figure = Figure {
    key: "seconds",
    name: "seconds",
    says: "Of training, without reading data, scores and pictures.",
    ..Figure::NEW
};

/// Speed.
pub static CASES_PER_SECOND: Figure = Figure {
    key: "cases_per_second",
    name: "cases per second",
    says: "Training cases seen a second.",
    better: Better::Higher,
    ..Figure::NEW
};

impl Section {
    /// A section.
    pub fn new(id: &'static str, title: impl Into<String>, body: String) -> Self {
        Section { id, title: title.into(), body }
    }

    /// The line below the page's title. `text` is escaped here.
    pub fn lead(text: &str) -> Self {
        let body = format!("<p class=\"lead\">{}</p>\n", escape(text));
        Section { id: "", title: String::new(), body }
    }

    fn html(&self) -> String {
        match self.id {
            "" => self.body.clone(),
            id => format!(
                "<section id=\"{id}\">\n<h2>{}</h2>\n{}</section>\n",
                escape(&self.title),
                self.body
            ),
        }
    }
}

/// Writes `report.html` into a run's folder.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io).
pub fn write(record: &Record, sections: &[Section]) -> Result<()> {
    let page = page(record, sections);
    atomic::write(&record.path.join(REPORT), |out| out.write_all(page.as_bytes()))
}

/// The page of one run. The same folder and sections give the same bytes.
pub fn page(record: &Record, sections: &[Section]) -> String {
    let mut body = format!("<h1>{}</h1>\n", escape(&record.name));
    sections.iter().for_each(|section| body += &section.html());
    body += &settings(record);
    body += &format!(
        "<footer>Made by harmonium {} from the files of the run folder; <code>harmonium report RUN</code> makes it again.</footer>\n",
        escape(text_of(&record.summary, "harmonium"))
    );
    html::document(&format!("{} – harmonium", record.name), &body)
}

/// What a run's summary says, a row for each of the job's figures that it has, and for the time it took. `says`
/// gives other words for what a figure is, as HTML.
pub fn scores(
    record: &Record,
    figures: &[&'static Figure],
    says: &dyn Fn(&Figure) -> Option<String>,
    more: Vec<Vec<String>>,
) -> Section {
    let mut rows = Vec::new();
    for figure in figures.iter().copied().chain([&SECONDS, &CASES_PER_SECOND]) {
        if let Some(value) = record.figure(figure.key).filter(|_| figure.style != Style::Rate) {
            let what = says(figure).unwrap_or_else(|| escape(figure.says));
            rows.push(vec![escape(&figure.title()), shown(figure, Some(value)), what]);
        }
    }
    rows.extend(more);
    let table = html::table("figures", &["number", "value", "what it is"], &rows);
    Section::new("scores", "Scores at the end", table)
}

/// A figure's value as reports show it; a dash for none.
pub fn shown(of: &Figure, value: Option<f64>) -> String {
    match of.style {
        Style::Percent => percent(value),
        Style::Count => value.map_or("–".into(), |n| grouped(n as usize)),
        Style::Plain | Style::Rate => figure(value),
    }
}

/// A share as a percentage; a dash for none.
pub fn percent(share: Option<f64>) -> String {
    match share {
        Some(share) if share.is_finite() => format!("{:.2} %", 100.0 * share),
        _ => "–".into(),
    }
}

/// 60000 as 60,000.
pub fn grouped(n: usize) -> String {
    let digits = n.to_string();
    let comma = |at: usize| at > 0 && (digits.len() - at).is_multiple_of(3);
    let each = digits.chars().enumerate();
    each.flat_map(|(at, c)| comma(at).then_some(',').into_iter().chain([c])).collect()
}

/// `1 chain`, `2 chains`.
pub fn count(n: impl Display, what: &str) -> String {
    let n = n.to_string();
    let plural = if n == "1" { "" } else { "s" };
    format!("{n} {what}{plural}")
}

/// A name with a capital.
fn capital(name: &str) -> String {
    let mut letters = name.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// Whether a run's training cases were distorted.
pub fn is_distorted(record: &Record) -> bool {
    record.setting("augment").is_some_and(|augment| augment != "none")
}

/// A diagram for each name among the figures, and what it says, of a run's metrics.
pub fn panels(figures: &[&'static Figure], record: &Record) -> Vec<(Panel, &'static str)> {
    panels_of(figures, &record.metrics, is_distorted(record))
}

/// The same of lines of metrics; the lines of a training whose cases were `distorted` say so. Levels are trained without
/// that.
pub fn panels_of(
    figures: &[&'static Figure],
    lines: &[Line],
    distorted: bool,
) -> Vec<(Panel, &'static str)> {
    let line = |figure: &Figure| {
        let own = distorted && figure.of == "training" && !figure.by_stage;
        own.then(|| "training (distorted)".into())
    };
    panels_over(Elapsed::Epochs, figures, lines, &line)
}

/// The same over another measure of how far a training is, with one for each stage where figures are told apart so. `line`
/// gives other words for a figure's line, which is a single one then.
fn panels_over(
    elapsed: Elapsed,
    figures: &[&'static Figure],
    lines: &[Line],
    line: &dyn Fn(&Figure) -> Option<String>,
) -> Vec<(Panel, &'static str)> {
    let mut panels: Vec<(Panel, &'static str)> = Vec::new();
    for figure in figures.iter().filter(|f| f.style != Style::Rate) {
        let words = line(figure);
        let stages = match figure.by_stage && words.is_none() {
            true => points_by_stage(lines, figure.key, elapsed),
            false => vec![("", points(lines, figure.key, elapsed))],
        };
        let of = if figure.of.is_empty() { figure.name } else { figure.of };
        let name = words.unwrap_or_else(|| of.into());
        for (stage, mut points) in stages.into_iter().filter(|(_, points)| !points.is_empty()) {
            points.iter_mut().for_each(|(_, y)| *y *= figure.scale());
            let series = Series { name: name.clone(), points };
            let title = match stage {
                "" => capital(figure.name),
                stage => format!("{}: {stage}", capital(figure.name)),
            };
            match panels.iter_mut().find(|(panel, _)| panel.title == title) {
                Some((panel, _)) => panel.series.push(series),
                None => {
                    let (x, y_label) = (Along::Training(elapsed), figure.unit.into());
                    let panel = Panel { title, x, y_label, series: vec![series] };
                    panels.push((panel, figure.diagram));
                }
            }
        }
    }
    panels
}

/// The section of diagrams, and `more` after them.
///
/// # Errors
/// Where one cannot be drawn.
pub fn curves(panels: &[(Panel, &'static str)], more: &str, below: &str) -> Result<Section> {
    let mut out = String::from("<div class=\"grid\">\n");
    for (panel, what) in panels {
        out += &html::diagram(panel, what)?;
    }
    Ok(Section::new("curves", "Learning curves", format!("{out}{more}</div>\n{below}")))
}

/// A section with a picture of the run folder, or a word that it is not there.
///
/// # Errors
/// Where the picture cannot be read.
pub fn picture(
    record: &Record,
    file: &str,
    mut section: Section,
    words: &str,
    alt: &str,
) -> Result<Section> {
    let path = record.path.join(file);
    section.body = match path.is_file() {
        true => format!(
            "<p class=\"quiet\">{}</p>\n<div class=\"card\">{}</div>\n",
            escape(words),
            html::image(&Picture::load(&path)?, alt)?
        ),
        false => format!(
            "<p class=\"warn\">Left out: {file} is not in the run folder. <code>harmonium eval RUN</code> draws \
             confusions and mistakes again.</p>\n"
        ),
    };
    Ok(section)
}

/// The run's settings, and what it was made with.
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
    for (key, name) in [
        ("training_cases", "training cases"),
        ("validation_cases", "validation cases"),
        ("visible_units", "values a case"),
    ] {
        if let Some(value) = run.and_then(|r| r.get(key)) {
            device.push(vec![name.into(), plain(value)]);
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

/// A text of a JSON object; a dash for none.
pub fn text_of<'a>(object: &'a Map<String, Value>, key: &str) -> &'a str {
    object.get(key).and_then(Value::as_str).unwrap_or("–")
}

/// A number with its standard error.
pub fn with_error(value: Option<f64>, error: Option<f64>) -> String {
    match (value, error) {
        (Some(_), Some(error)) => format!("{} ± {}", figure(value), figure(Some(error))),
        _ => figure(value),
    }
}
