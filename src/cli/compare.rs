//! `harmonium compare`: runs beside each other.

use super::args::{CompareOptions, Over};
use super::print::out;
use crate::error::{Error, Result};
use crate::jobs;
use crate::run::curves::{self, Elapsed};
use crate::run::report::comparison;
use crate::run::{Record, atomic};

pub fn run(options: &CompareOptions) -> Result<()> {
    let extension = options.out.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    let svg = match extension.as_deref() {
        Some("html" | "htm") => false,
        Some("svg") => true,
        _ => {
            let shown = options.out.display();
            return Err(Error::setting("out", format!("{shown} must end in .html or .svg")));
        }
    };
    let load = |path: &std::path::PathBuf| {
        let record = Record::load(path)?;
        let kind = jobs::kind(&record)?.compared;
        Ok((record, kind))
    };
    let runs = options.runs.iter().map(load).collect::<Result<Vec<_>>>()?;
    let elapsed = match options.over {
        Over::Epochs => Elapsed::Epochs,
        Over::Updates => Elapsed::Updates,
        Over::Seconds => Elapsed::Seconds,
    };
    let mut diagrams = comparison::overlay(&runs, elapsed);
    if !options.figures.is_empty() {
        diagrams = comparison::chosen(diagrams, &options.figures)?;
    }
    // Tables need no file, and come where none can be written.
    let tables = comparison::tables(&runs);
    for (number, table) in tables.iter().enumerate() {
        if tables.len() > 1 {
            out!("{}{}:", if number > 0 { "\n" } else { "" }, table.title);
        }
        print_table(&table.rows)?;
    }
    if tables.len() > 1 {
        out!("");
    }
    if svg {
        let panels: Vec<_> = diagrams.into_iter().map(|overlay| overlay.panel).collect();
        curves::write_svg(&options.out, &panels)?;
    } else {
        let page = comparison::page(&runs, &diagrams)?;
        atomic::write(&options.out, |out| out.write_all(page.as_bytes()))?;
    }
    out!("curves: {}", options.out.display());
    Ok(())
}

fn print_table(rows: &[Vec<String>]) -> Result<()> {
    let columns = rows.first().map_or(0, Vec::len);
    let length = |row: &Vec<String>, n: usize| row[n].chars().count();
    let widths: Vec<usize> =
        (0..columns).map(|n| rows.iter().map(|row| length(row, n)).max().unwrap_or(0)).collect();
    for row in rows {
        let cells = row.iter().zip(&widths).map(|(cell, &width)| format!("{cell:<width$}"));
        out!("{}", cells.collect::<Vec<_>>().join("  ").trim_end());
    }
    Ok(())
}
