//! Runs beside each other.

use super::{capital, panels_over, shown, text_of};
use crate::error::{Error, Result};
use crate::run::curves::{Along, Elapsed, Panel};
use crate::run::html::{self, escape, figure};
use crate::run::record::Record;
use crate::training::Figure;

/// A column of the table: its heading, and a run's cell.
pub type Column = (&'static str, fn(&Record) -> String);

/// What there is to say of a kind of model beside others.
#[derive(Debug)]
pub struct Compared {
    /// The names that its runs may have, as `summary.json` has them under `model`.
    pub models: &'static [&'static str],
    /// Its figures.
    pub figures: &'static [&'static Figure],
    /// Its sizes.
    pub sizes: &'static [Column],
    /// How it learnt, in short.
    pub learner: fn(&Record) -> String,
    /// Further columns of scores.
    pub scores: &'static [Column],
    /// What the columns mean.
    pub note: &'static str,
}

/// A cell of which there is nothing to say.
const NONE: &str = "–";

/// Runs, each with its kind.
pub type Runs<'a> = [(Record, &'a Compared)];

/// The names of runs, told apart by their paths where two are the same.
fn names(runs: &Runs<'_>) -> Vec<String> {
    let twice = |name: &str| runs.iter().filter(|(r, _)| r.name == name).count() > 1;
    let name =
        |r: &Record| if twice(&r.name) { r.path.display().to_string() } else { r.name.clone() };
    runs.iter().map(|(record, _)| name(record)).collect()
}

/// The kinds of the runs, each once.
fn kinds<'a>(runs: &Runs<'a>) -> Vec<&'a Compared> {
    let mut kinds: Vec<&Compared> = Vec::new();
    for (_, kind) in runs {
        if !kinds.iter().any(|k| std::ptr::eq(*k, *kind)) {
            kinds.push(kind);
        }
    }
    kinds
}

/// A diagram of several runs.
#[derive(Debug)]
pub struct Overlay {
    /// What `metrics.jsonl` calls its figure.
    pub key: &'static str,
    /// A line for each run that has the figure.
    pub panel: Panel,
    /// What it says.
    pub says: &'static str,
}

/// The curves of several runs, laid over each other: a diagram for each figure.
pub fn overlay(runs: &Runs<'_>, elapsed: Elapsed) -> Vec<Overlay> {
    let names = names(runs);
    let mut all = Vec::new();
    let mut drawn: Vec<&str> = Vec::new();
    for kind in kinds(runs) {
        for figure in kind.figures {
            if drawn.contains(&figure.key) {
                continue;
            }
            drawn.push(figure.key);
            let alone = kind.figures.iter().filter(|f| f.name == figure.name).count() == 1;
            let title = match alone || figure.of.is_empty() {
                true => capital(figure.name),
                false => format!("{}, {}", capital(figure.name), figure.of),
            };
            let said = kind.figures.iter().find(|f| f.name == figure.name && !f.diagram.is_empty());
            let mut diagram: Option<Panel> = None;
            for ((record, _), name) in runs.iter().zip(&names) {
                let line = |_: &Figure| Some(name.clone());
                for (panel, _) in panels_over(elapsed, &[figure], &record.metrics, &line) {
                    let own = diagram.get_or_insert(Panel {
                        title: title.clone(),
                        x: Along::Training(elapsed),
                        y_label: panel.y_label,
                        series: Vec::new(),
                    });
                    own.series.extend(panel.series);
                }
            }
            let (key, says) = (figure.key, said.map_or("", |f| f.diagram));
            all.extend(diagram.map(|panel| Overlay { key, panel, says }));
        }
    }
    all
}

/// The diagrams of these figures, in this order, by what `metrics.jsonl` calls them.
///
/// # Errors
/// [`Error::Setting`] for a figure that no run has; it names those that there are.
pub fn chosen(mut all: Vec<Overlay>, keys: &[String]) -> Result<Vec<Overlay>> {
    let known: Vec<&str> = all.iter().map(|overlay| overlay.key).collect();
    if let Some(key) = keys.iter().find(|key| !known.contains(&key.as_str())) {
        let detail = format!("no run has '{key}'; there are {}", known.join(", "));
        return Err(Error::setting("figures", detail));
    }
    all.retain(|overlay| keys.iter().any(|key| key == overlay.key));
    all.sort_by_key(|overlay| keys.iter().position(|key| key == overlay.key));
    Ok(all)
}

/// What is to be said of the runs of one kind.
#[derive(Debug)]
pub struct RunTable {
    /// The names of their models.
    pub title: String,
    /// A heading, then a row for each run.
    pub rows: Vec<Vec<String>>,
    /// What the columns mean.
    pub note: &'static str,
}

/// The runs as text: a table for each kind of model, since kinds have little in common but what they learn from. Columns of
/// which no run of the kind has anything to say are left out.
pub fn tables(runs: &Runs<'_>) -> Vec<RunTable> {
    let names = names(runs);
    let of = |kind: &Compared| {
        let pairs = runs.iter().zip(&names).filter(|((_, own), _)| std::ptr::eq(*own, kind));
        let own: Vec<(&Record, &str)> = pairs.map(|((r, _), name)| (r, name.as_str())).collect();
        let mut models: Vec<&str> = own.iter().map(|(r, _)| text_of(&r.summary, "model")).collect();
        models.sort_unstable();
        models.dedup();
        RunTable { title: models.join(", "), rows: rows(kind, &own), note: kind.note }
    };
    kinds(runs).into_iter().map(of).collect()
}

/// The table of runs of a kind.
fn rows(kind: &Compared, runs: &[(&Record, &str)]) -> Vec<Vec<String>> {
    let names = runs.iter().map(|(_, name)| name.to_string()).collect();
    let mut columns: Vec<(&str, Vec<String>)> = vec![("run", names)];
    let mut column = |head: &'static str, cell: &dyn Fn(&Record) -> String| {
        let cells: Vec<String> = runs.iter().map(|(record, _)| cell(record)).collect();
        match columns.iter_mut().find(|(known, _)| *known == head) {
            // Figures may share a column: each fills in what the others leave.
            Some((_, known)) => {
                let free = known.iter_mut().zip(cells).filter(|(known, _)| *known == NONE);
                free.for_each(|(known, cell)| *known = cell);
            }
            None => columns.push((head, cells)),
        }
    };
    if kind.models.len() > 1 {
        column("model", &|r| text_of(&r.summary, "model").to_string());
    }
    for (head, cell) in kind.sizes {
        column(head, cell);
    }
    column("learner", &|r| (kind.learner)(r));
    column("epochs", &|r| whole(r, "epochs"));
    column("seconds", &|r| figure(r.figure("seconds")));
    column("cases/s", &|r| whole(r, "cases_per_second"));
    for f in kind.figures.iter().filter(|f| !f.column.is_empty()) {
        column(f.column, &|r| shown(f, r.figure(f.key)));
    }
    for (head, cell) in kind.scores {
        column(head, cell);
    }
    column("device", &|r| r.device());
    columns.retain(|(_, cells)| cells.iter().any(|cell| cell != NONE));
    let row = |n: usize| columns.iter().map(|(_, cells)| cells[n].clone()).collect();
    let heads = columns.iter().map(|(head, _)| head.to_string()).collect();
    std::iter::once(heads).chain((0..runs.len()).map(row)).collect()
}

fn whole(record: &Record, key: &str) -> String {
    record.figure(key).map_or("–".into(), |n| format!("{n:.0}"))
}

/// The page that compares runs, with these diagrams.
///
/// # Errors
/// Where a diagram cannot be drawn.
pub fn page(runs: &Runs<'_>, diagrams: &[Overlay]) -> Result<String> {
    let tables = tables(runs);
    let mut body = format!("<h1>{} runs</h1>\n<section id=\"runs\">\n", runs.len());
    for table in &tables {
        let escaped = table.rows.iter().map(|row| row.iter().map(|cell| escape(cell)).collect());
        let rows: Vec<Vec<String>> = escaped.collect();
        let Some((head, rows)) = rows.split_first() else { continue };
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        if tables.len() > 1 {
            body += &format!("<h2>{}</h2>\n", escape(&table.title));
        }
        body += &format!(
            "<div class=\"card\">\n{}</div>\n<p class=\"quiet\">{}</p>\n",
            html::table("runs", &head, rows),
            table.note
        );
    }
    body += "</section>\n<section id=\"curves\">\n<h2>Learning curves</h2>\n<div class=\"grid\">\n";
    for Overlay { panel, says, .. } in diagrams {
        body += &html::diagram(panel, says)?;
    }
    body += "</div>\n</section>\n";
    Ok(html::document("Comparison of runs – harmonium", &body))
}
