//! Runs beside each other.

use super::{capital, panels, shown, text_of};
use crate::error::Result;
use crate::run::curves::Panel;
use crate::run::html::{self, escape, figure};
use crate::run::record::Record;
use crate::training::Figure;

/// A column of the table: its heading, and a run's cell.
pub type Column = (&'static str, fn(&Record) -> String);

/// What there is to say of a kind of model beside others.
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

/// The curves of several runs, laid over each other: a diagram for each figure, with a line for each run.
pub fn overlay(runs: &Runs<'_>) -> Vec<(Panel, &'static str)> {
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
                for (panel, _) in panels(&[figure], &|key| record.points(key), &line) {
                    let own = diagram.get_or_insert(Panel {
                        title: title.clone(),
                        y_label: panel.y_label,
                        series: Vec::new(),
                    });
                    own.series.extend(panel.series);
                }
            }
            all.extend(diagram.map(|panel| (panel, said.map_or("", |f| f.diagram))));
        }
    }
    all
}

/// The table of several runs as text: a heading, then a row for each. What a kind of model does not have is a
/// dash, and columns that none of the runs' kinds has are left out.
pub fn table(runs: &Runs<'_>) -> Vec<Vec<String>> {
    let kinds = kinds(runs);
    let mut rows: Vec<Vec<String>> = names(runs).into_iter().map(|name| vec![name]).collect();
    let mut heads = vec!["run".to_string()];
    let mut column = |head: &str, cell: &dyn Fn(&Record, &Compared) -> String| {
        // Kinds may share a column: each fills in its own runs.
        let place = heads.iter().position(|known| known == head).unwrap_or(heads.len());
        if place == heads.len() {
            heads.push(head.into());
            rows.iter_mut().for_each(|row| row.push(NONE.into()));
        }
        for (row, (record, kind)) in rows.iter_mut().zip(runs).filter(|(row, _)| row[place] == NONE)
        {
            row[place] = cell(record, kind);
        }
    };
    let own = |of: &Compared, kind: &Compared, cell: String| match std::ptr::eq(of, kind) {
        true => cell,
        false => NONE.into(),
    };
    if kinds.iter().any(|kind| kind.models.len() > 1) {
        column("model", &|r, _| text_of(&r.summary, "model").to_string());
    }
    for kind in &kinds {
        for (head, cell) in kind.sizes {
            column(head, &|r, k| own(k, kind, cell(r)));
        }
    }
    column("learner", &|r, kind| (kind.learner)(r));
    column("epochs", &|r, _| whole(r, "epochs"));
    column("seconds", &|r, _| figure(r.figure("seconds")));
    column("cases/s", &|r, _| whole(r, "cases_per_second"));
    for kind in &kinds {
        let said = |f: &&&Figure| {
            !f.column.is_empty() && runs.iter().any(|(r, _)| r.figure(f.key).is_some())
        };
        for f in kind.figures.iter().filter(said) {
            column(f.column, &|r, k| own(k, kind, shown(f, r.figure(f.key))));
        }
        for (head, cell) in kind.scores {
            column(head, &|r, k| own(k, kind, cell(r)));
        }
    }
    column("device", &|r, _| r.device());
    rows.insert(0, heads);
    rows
}

fn whole(record: &Record, key: &str) -> String {
    record.figure(key).map_or("–".into(), |n| format!("{n:.0}"))
}

/// The page that compares runs.
///
/// # Errors
/// Where a diagram cannot be drawn.
pub fn page(runs: &Runs<'_>) -> Result<String> {
    let rows: Vec<Vec<String>> =
        table(runs).into_iter().map(|row| row.iter().map(|cell| escape(cell)).collect()).collect();
    let (head, rows) = rows.split_first().map_or((&[][..], &[][..]), |(h, r)| (&h[..], r));
    let notes: Vec<&str> = kinds(runs).iter().map(|kind| kind.note).collect();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let mut body = format!(
        "<h1>{} runs</h1>\n<section id=\"runs\" class=\"card\">\n{}</section>\n\
         <p class=\"quiet\">{}</p>\n\
         <section id=\"curves\">\n<h2>Learning curves</h2>\n<div class=\"grid\">\n",
        runs.len(),
        html::table("runs", &head, rows),
        notes.join(" ")
    );
    for (panel, what) in overlay(runs) {
        body += &html::diagram(&panel, what)?;
    }
    body += "</div>\n</section>\n";
    Ok(html::document("Comparison of runs – harmonium", &body))
}
